"""log.csv holds what was appended, digit for digit."""

import pytest

from minifcn.errors import UserError
from minifcn.training.log import COLUMNS, Log, read, read_epochs

ROW = dict.fromkeys(COLUMNS, 1 / 3) | {"epoch": 1, "iteration": 46}


def test_numbers_are_read_back_exactly(tmp_path):
    log = Log(tmp_path / "log.csv")
    log.append(ROW)
    log.append(ROW | {"epoch": 2, "valid_mean_iu": float("nan")})
    first, second = read(tmp_path / "log.csv")
    assert first == ROW
    assert second["epoch"] == 2
    assert second["valid_mean_iu"] != second["valid_mean_iu"]


def test_rows_that_were_dropped_are_not_in_the_file_any_more(tmp_path):
    path = tmp_path / "log.csv"
    log = Log(path)
    for epoch in (1, 2, 3):
        log.append(ROW | {"epoch": epoch})
    Log(path, log.rows[:1]).append(ROW | {"epoch": 2})
    assert [row["epoch"] for row in read(path)] == [1, 2]


@pytest.mark.parametrize(
    "text",
    ["", "epoch,loss\n1,2\n", ",".join(COLUMNS) + "\n1,2\n", ",".join(COLUMNS) + "\n" + "x," * 9 + "x\n", "\x00"],
    ids=["empty", "other columns", "half a row", "words", "a zero byte"],
)
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(UserError, match="not a log of minifcn"):
        read(path)


def test_the_row_of_an_epoch_without_its_checkpoint_is_left_out_and_a_doubled_row_is_read_once(tmp_path):
    log = Log(tmp_path / "log.csv")
    for epoch, loss in ((1, 0.5), (1, 0.4), (2, 0.3), (3, 0.2)):
        log.append(ROW | {"epoch": epoch, "train_loss": loss})
    assert [(row["epoch"], row["train_loss"]) for row in read_epochs(log.path, 2)] == [(1, 0.4), (2, 0.3)]


@pytest.mark.parametrize("epochs", [1, 3, 2**62])
def test_a_log_that_lacks_a_row_is_refused(tmp_path, epochs):
    log = Log(tmp_path / "log.csv")
    log.append(ROW | {"epoch": 2})
    with pytest.raises(UserError, match=r"log\.csv: has no row for epoch 1"):
        read_epochs(log.path, epochs)


def test_no_log_is_one_without_epochs(tmp_path):
    assert read_epochs(tmp_path / "log.csv", 0) == []


@pytest.mark.parametrize(
    "damage", [{"valid_mean_iu": 7.0}, {"valid_acc": float("nan")}, {"train_loss": -0.1}, {"valid_loss": float("inf")}]
)
def test_numbers_that_no_epoch_can_have_are_refused_by_their_column(tmp_path, damage):
    log = Log(tmp_path / "log.csv")
    log.append(ROW)
    log.append(ROW | {"epoch": 2} | damage)
    assert len(read_epochs(log.path, 1)) == 1
    with pytest.raises(UserError, match=rf"log\.csv: in epoch 2, {next(iter(damage))} cannot be"):
        read_epochs(log.path, 2)
