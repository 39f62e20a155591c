"""iou.csv holds the IoU of every class, digit for digit, whatever the classes are called."""

import numpy as np
import pytest

from minifcn.errors import UserError
from minifcn.training.iou_log import IouLog, read

NAMES = ("sky", 'a "tree", tall', "epoch", "line\nbreak", "나무")


def test_numbers_and_names_are_read_back_exactly(tmp_path):
    log = IouLog(tmp_path / "iou.csv", NAMES)
    first, second = np.array([1 / 3, 0.0, 1.0, np.nan, 0.1]), np.array([0.2, np.nan, 1e-9, 0.7, 1.0])
    log.append(1, first)
    log.append(2, second)
    found = read(log.path, NAMES)
    assert list(found) == [1, 2]
    np.testing.assert_array_equal(found[1], first)
    np.testing.assert_array_equal(found[2], second)


def test_the_row_of_an_epoch_that_will_be_trained_again_is_left_out(tmp_path):
    log = IouLog(tmp_path / "iou.csv", ("a",))
    for epoch in (1, 2, 3):
        log.append(epoch, np.array([0.5]))
    assert list(read(log.path, ("a",), 2)) == [1, 2]


def test_runs_of_before_have_none(tmp_path):
    assert read(tmp_path / "iou.csv", NAMES) == {}


FOREIGN = {
    "empty": "",
    "other classes": "epoch,c,d\n1,0.5,0.5\n",
    "half a row": "epoch,a,b\n1,0.5\n",
    "words": "epoch,a,b\n1,x,0.5\n",
    "no epoch": "epoch,a,b\n,0.5,0.5\n",
    "a zero byte": "\0",
    "an IoU above 1": "epoch,a,b\n1,7.5,0.5\n",
    "an IoU below 0": "epoch,a,b\n1,0.5,-0.5\n",
    "no row": "epoch,a,b\n",
    "a row that was removed": "epoch,a,b\n1,0.5,0.5\n3,0.5,0.5\n",
    "a row twice": "epoch,a,b\n1,0.5,0.5\n1,0.5,0.5\n",
    "an epoch before the first": "epoch,a,b\n0,0.5,0.5\n1,0.5,0.5\n",
}


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "iou.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=r"iou\.csv: not the IoU of this run's classes .* or remove it to go on"):
        read(path, ("a", "b"))


def test_the_last_rows_may_not_be_missing(tmp_path):
    log = IouLog(tmp_path / "iou.csv", ("a",))
    log.append(4, np.array([0.5]))
    assert list(read(log.path, ("a",), 4)) == [4]  # of a run of before, which was resumed
    with pytest.raises(UserError, match="it ends with epoch 4, but the run has 5 behind it"):
        read(log.path, ("a",), 5)
