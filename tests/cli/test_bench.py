"""minifcn bench"""

import pytest

from minifcn.benchmark import race
from minifcn.cli import bench, main

WORK = "conv5_3-forward-224"


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(race, "PAUSE", 0)
    monkeypatch.setattr(bench.machine, "sgemm_peak", lambda **place: 100.0)


def test_tables_a_chart_and_the_numbers_and_all_of_them_again(tmp_path, capsys):
    out, chart = tmp_path / "speed.md", tmp_path / "speed.png"
    assert main(["bench", WORK, "--rounds", "1", "--out", str(out), "--chart", str(chart)]) == 0
    printed = capsys.readouterr()
    assert "GFLOP/s" in printed.out
    assert f"| {WORK} |" in out.read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"speed.md", "speed.png", "speed.json"}

    first, again = out.read_text(), tmp_path / "again.md"
    assert main(["bench", "--again", str(out.with_suffix(".json")), "--out", str(again)]) == 0
    assert capsys.readouterr().out == printed.out
    assert again.read_text() == first
    assert main(["bench", "conv5_*", "--again", str(out.with_suffix(".json"))]) == 0
    assert capsys.readouterr().out == printed.out
    assert main(["bench", "narrow", "--again", str(out.with_suffix(".json"))]) == 2
    assert f"speed.json: holds none of the works that are named, only {WORK}" in capsys.readouterr().err


def test_other_contestants_and_other_algorithms(tmp_path, capsys):
    other = tmp_path / "other.py"
    other.write_text("CONTESTANTS = {'nothing': lambda work: lambda: None, 'missing': lambda work: nowhere}")
    assert main(["bench", WORK, "--rounds", "1", "--algorithms", "--against", str(other)]) == 1
    printed = capsys.readouterr().out
    assert ["minifcn", "/", "nothing"][0] in printed
    assert "im2col" not in printed
    assert f"{WORK}: missing failed: NameError: name 'nowhere' is not defined" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["conv7_1"], "unknown work 'conv7_1'"),
        (["--algorithms", "fft"], "there is no 'fft'; choose im2col"),
        (["--against", "pytorch"], "pytorch: there is no such file of contestants; give a Python file, such as"),
        (["--out", "nowhere/speed.md"], "--out: there is no folder nowhere"),
        (["--out", "speed.txt"], "--out must end in .md"),
        (["--chart", "speed.pdf"], "--chart must end in .png"),
        (["--again", "nowhere.json"], "nowhere.json"),
        (["--rounds", "0"], "--rounds"),
    ],
)
def test_mistakes(arguments, message, capsys):
    assert main(["bench", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_a_second_contestant_of_a_name_is_refused(tmp_path, capsys):
    (tmp_path / "other.py").write_text("CONTESTANTS = {'minifcn': 1}")
    assert main(["bench", "--against", str(tmp_path / "other.py")]) == 2
    assert "other.py: there is a contestant 'minifcn' already; rename one of the two" in capsys.readouterr().err
