"""`minifcn summary` shows every layer."""

import pytest

from minifcn.cli import main


def test_summary_shows_layers_parameters_and_crop_offsets(capsys):
    assert main(["summary", "fcn8s", "--variant", "paper", "--width", "0.0625", "--size", "64x64"]) == 0
    output = capsys.readouterr().out
    for text in ("conv1_1", "fc6", "upscore8", "learned parameters", "score_pool4 5, score_pool3 9, score 31"):
        assert text in output


def test_the_network_is_drawn_for_an_image_of_this_size(tmp_path, capsys):
    out = tmp_path / "drawn" / "fcn8s.svg"
    arguments = ["summary", "fcn8s", "--variant", "paper", "--size", "500x375", "--figure", str(out)]
    assert main(arguments) == 0
    assert "score_pool4 5" in capsys.readouterr().out
    assert ">21×568×440<" in out.read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--figure", "fcn8s.png"], "--figure must be a file that ends in .svg, but is fcn8s.png"),
        (["--variant", "lecture", "--figure", "fcn8s.svg"], "--figure: figure3: model must be an FCN32s, FCN16s or"),
    ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert main(["summary", "fcn8s", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
