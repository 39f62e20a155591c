"""`minifcn summary` shows every layer."""

from minifcn.cli import main


def test_summary_shows_layers_parameters_and_crop_offsets(capsys):
    assert main(["summary", "fcn8s", "--variant", "paper", "--width", "0.0625", "--size", "64x64"]) == 0
    output = capsys.readouterr().out
    for text in ("conv1_1", "fc6", "upscore8", "learned parameters", "score_pool4 5, score_pool3 9, score 31"):
        assert text in output
