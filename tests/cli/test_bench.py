"""minifcn bench"""

import pytest

from minifcn.benchmark import race
from minifcn.cli import bench, main


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(race, "__kwdefaults__", {**race.__kwdefaults__, "pause": 0})
    monkeypatch.setattr(bench.machine, "sgemm_peak", lambda: 1e9)


def test_a_table_a_chart_and_the_numbers(tmp_path, capsys):
    out = tmp_path / "speed.md"
    status = main(["bench", "conv1_1-forward-8", "--algorithm", "im2col", "--rounds", "1", "--out", str(out)])
    assert status == 0
    printed = capsys.readouterr()
    assert [line.split()[1] for line in printed.out.splitlines()[1:]] == ["minifcn", "minifcn,"]
    assert "GFLOP/s" in printed.err
    assert "| conv1_1-forward-8 | minifcn, im2col |" in out.read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"speed.md", "speed.png", "speed.json"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["conv7_1"], "conv7_1: no such work"),
        (["--algorithm", "fft"], "--algorithm fft: unknown; there are im2col, strips, toeplitz, winograd"),
        (["--against", "nowhere.py"], "--against nowhere.py: there is no such file"),
        (["--out", "nowhere/speed.md"], "--out nowhere/speed.md: there is no folder nowhere"),
        (["--rounds", "0"], "--rounds"),
    ],
)
def test_mistakes(arguments, message, capsys):
    assert main(["bench", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_file_that_needs_a_package_which_is_not_there(tmp_path, capsys):
    (tmp_path / "other.py").write_text("import a_package_that_is_nowhere")
    assert main(["bench", "--against", str(tmp_path / "other.py")]) == 2
    assert "it needs a package that is not installed" in capsys.readouterr().err
