"""log.csv: one row per epoch."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

from minifcn.errors import UserError
from minifcn.files import atomic_write

COLUMNS = {
    "epoch": int,  # from 1
    "iteration": int,  # steps since training began
    "train_loss": float,  # mean over the epoch's batches
    "valid_loss": float,
    "valid_acc": float,  # pixel accuracy
    "valid_acc_cls": float,  # mean accuracy
    "valid_mean_iu": float,  # mean IoU
    "valid_fwavacc": float,  # frequency-weighted IoU
    "lr": float,
    "seconds": float,  # of this epoch, since the run was last resumed
}

Epoch = dict[str, int | float]  # a row, by the names of COLUMNS


class Log:
    """The rows of log.csv, in memory and on the disk.

    Parameters
    ----------
    path : path of the file
        `append` writes it.
    rows : list of dict
        What the file shall hold before the first `append`.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "log.csv"
    >>> log = Log(path)
    >>> log.append(dict.fromkeys(COLUMNS, 0) | {"epoch": 1, "iteration": 46, "train_loss": 0.5})
    >>> read(path)[0]["train_loss"]
    0.5
    """

    def __init__(self, path: str | os.PathLike, rows: Sequence[Epoch] = ()):
        self.path, self.rows = Path(path), list(rows)

    def append(self, row: Epoch) -> None:
        """Add a row; the file is replaced as a whole, so it never ends in half a row."""
        self.rows.append(row)
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        with atomic_write(self.path) as file:
            file.write(text.getvalue().encode())


def read(path: str | os.PathLike) -> list[Epoch]:
    """Read the rows of a log.csv.

    Parameters
    ----------
    path : path of the file

    Returns
    -------
    list of dict
        One per epoch, with the keys of `COLUMNS`.

    Raises
    ------
    UserError
        If the file is not one that `Log` wrote.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames != list(COLUMNS):
                raise ValueError(f"its columns are {reader.fieldnames}")
            return [{name: kind(row[name]) for name, kind in COLUMNS.items()} for row in reader]
    except (ValueError, TypeError, csv.Error) as error:
        raise UserError(f"{path}: not a log of minifcn ({error}); expected the columns {','.join(COLUMNS)}") from error


def read_epochs(path: str | os.PathLike, epochs: int) -> list[Epoch]:
    """Read the rows of the first epochs; UserError if one is missing.

    The row of the next epoch may be there already, if the run was killed before its checkpoint: it will be written
    again, and is left out.
    """
    rows = {row["epoch"]: row for row in (read(path) if os.path.exists(path) else [])}
    missing = next((epoch for epoch in range(1, epochs + 1) if epoch not in rows), None)
    if missing:
        raise UserError(
            f"{path}: has no row for epoch {missing}, but the checkpoint has {epochs} epochs behind it; "
            "put the file back, or start anew in another folder"
        )
    return [rows[epoch] for epoch in range(1, epochs + 1)]
