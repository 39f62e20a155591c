"""log.csv holds what was appended, digit for digit."""

import pytest

from minifcn.errors import UserError
from minifcn.training.log import COLUMNS, Log, read

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
