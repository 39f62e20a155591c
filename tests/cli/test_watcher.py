"""What `minifcn train` says as it goes: once, when it is time, and shortly."""

import numpy as np
import pytest
import small_runs

from minifcn.cli.watcher import is_time, lowest
from minifcn.training.validation import Validation

OCCURS = Validation(None, 0.0, np.zeros(1), np.array([[True, True, True, False]]))
TIMES = {
    "stuck from the start": ([[0.5, 0, 0, 0], [0.6, 0, 0, 0], [0.6, 0, 0, 0]], 9, [2]),
    "found one by one": ([[0.5, 0, 0, 0], [0.6, 0.1, 0, 0], [0.6, 0.1, 0.1, 0]], 9, []),
    "found one, then stuck": ([[0.5, 0, 0, 0], [0.6, 0.1, 0, 0], [0.6, 0.1, 0, 0]], 9, [3]),
    "lost again": ([[0.5, 0.1, 0.1, 0], [0.6, 0, 0.1, 0], [0.6, 0.1, 0.1, 0]], 9, []),
    "at the end": ([[0.5, 0, 0, 0], [0.6, 0.1, 0, 0]], 2, [2]),
    "at the end of one epoch": ([[0.5, 0, 0, 0]], 1, [1]),
    "a class of no label": ([[0.5, 0.1, 0.1, 0], [0.5, 0.1, 0.1, 0]], 2, []),
}


@pytest.mark.parametrize(("ious", "epochs", "times"), TIMES.values(), ids=TIMES)
def test_classes_at_0_are_told_once_when_an_epoch_found_none_of_them_or_at_the_end(ious, epochs, times):
    rows = {number: np.array(row, float) for number, row in enumerate(ious, start=1)}
    found = [last for last in rows if is_time({n: rows[n] for n in range(1, last + 1)}, OCCURS, epochs)]
    assert found == times


def test_the_lowest_classes_are_named():
    iou = np.array([0.9, np.nan, 0.1, 0.8, 0.0])
    assert lowest(iou, tuple("abcde")) == "lowest IoU: e 0.000, c 0.100, d 0.800"


@pytest.mark.usefixtures("no_pictures")
def test_classes_at_0_are_told_once_in_a_run_and_not_again_when_it_is_resumed(tmp_path, capsys):
    """Such a short training knows one class only."""
    assert small_runs.train(tmp_path, "--lr", "1e-9") == 0
    output = capsys.readouterr()
    assert output.err.count("still at IoU 0") == 1
    assert output.out.splitlines()[0].endswith(" on 5 validation images, so few that the numbers are rough")
    assert output.out.splitlines()[-1].startswith("lowest IoU: ")
    assert small_runs.resume(tmp_path, "--epochs", "3") == 0
    assert "still at IoU 0" not in capsys.readouterr().err


@pytest.mark.usefixtures("no_pictures")
def test_a_run_that_ran_out_of_patience_says_so_and_how_to_go_on(tmp_path, capsys):
    settings = ("--epochs", "9", "--lr", "1e-30", "--patience", "1")  # which changes no weight
    assert small_runs.train(tmp_path, *settings) == 0
    said = capsys.readouterr().err
    assert "\nstopped after epoch 2 of 9: no better mean IoU for an epoch than" in said
    assert small_runs.resume(tmp_path) == 0
    assert "is complete; it stopped after epoch 2 of 9" in capsys.readouterr().err
    assert small_runs.resume(tmp_path, "--patience", "2") == 0
    assert "\nstopped after epoch 3 of 9" in capsys.readouterr().err


def test_patience_is_a_number_of_epochs(tmp_path, capsys):
    assert small_runs.train(tmp_path, "--patience", "0") == 2
    assert "--patience must be a whole number of epochs from 1 up, but is 0" in capsys.readouterr().err
