"""log.csv: one row per epoch."""

from __future__ import annotations

import csv
import functools
import io
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from minifcn.errors import UserError
from minifcn.files import atomic_write
from minifcn.metrics import ConfusionMatrix
from minifcn.training.config import Config

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

# What a finished epoch can have, and no file that was damaged by hand.
_RANGES = {"train_loss": (0, sys.float_info.max), "valid_loss": (0, sys.float_info.max)}
_RANGES |= dict.fromkeys(("valid_acc", "valid_acc_cls", "valid_mean_iu", "valid_fwavacc"), (0, 1))

Epoch = dict[str, int | float]  # a row, by the names of COLUMNS


def measured(matrix: ConfusionMatrix) -> Epoch:
    """Give the part of a row that the confusion matrix of the validation split has."""
    return {
        "valid_acc": float(matrix.pixel_accuracy),
        "valid_acc_cls": float(matrix.mean_accuracy),
        "valid_mean_iu": float(matrix.mean_iou),
        "valid_fwavacc": float(matrix.frequency_weighted_iou),
    }


def best_of(rows: Sequence[Epoch]) -> Epoch:
    """Give the row of the best network: highest mean IoU; of equal ones, lowest validation loss.

    >>> rows = [{"epoch": n, "valid_mean_iu": iou, "valid_loss": loss} for n, iou, loss in
    ...         [(1, 0.2, 3.0), (2, 0.5, 2.0), (3, 0.5, 1.5), (4, 0.5, 1.5), (5, 0.4, 1.0)]]
    >>> best_of(rows)["epoch"]
    3
    """

    def better(a: Epoch, b: Epoch) -> Epoch:
        if a["valid_mean_iu"] == b["valid_mean_iu"]:
            return b if b["valid_loss"] < a["valid_loss"] else a
        return a if a["valid_mean_iu"] > b["valid_mean_iu"] else b

    return functools.reduce(better, rows)


def out_of_patience(rows: Sequence[Epoch], config: Config) -> str:
    """Say why a run stops early, by its configured patience; nothing if it goes on.

    Parameters
    ----------
    rows : sequence of dict
    config : Config

    Returns
    -------
    str
    """
    if config.patience is None or not rows:
        return ""
    best, last = best_of(rows), rows[-1]
    if last["epoch"] - best["epoch"] < config.patience or last["epoch"] >= config.epochs:
        return ""
    epochs = f"{config.patience} epochs" if config.patience > 1 else "an epoch"
    reason = (
        f"stopped after epoch {last['epoch']} of {config.epochs}: no better mean IoU for {epochs} than the "
        f"{best['valid_mean_iu']:.4f} of epoch {best['epoch']} (--patience {config.patience})"
    )
    if config.schedule == "poly":
        reason += (
            f"; the learning rate of --schedule poly had come from {config.lr:g} to {last['lr']:.2g}, and a run with "
            f"--epochs {last['epoch']} takes it down to 0"
        )
    return reason


def in_one_line(row: Epoch, epochs: int) -> str:
    """Write what a row of so many epochs says, for people."""
    return (
        f"epoch {row['epoch']}/{epochs}  training loss {row['train_loss']:.4f}  validation loss "
        f"{row['valid_loss']:.4f}  pixel accuracy {row['valid_acc']:.4f}  mean IoU {row['valid_mean_iu']:.4f}  "
        f"{row['seconds']:.1f} s"
    )


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
    """Read the rows of the first epochs; UserError if one is missing, or cannot be right.

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
    for epoch in range(1, epochs + 1):
        wrong = [name for name, (low, high) in _RANGES.items() if not low <= rows[epoch][name] <= high]
        if wrong:
            raise UserError(
                f"{path}: in epoch {epoch}, {wrong[0]} cannot be {rows[epoch][wrong[0]]}; put the file back, or start "
                "anew in another folder"
            )
    return [rows[epoch] for epoch in range(1, epochs + 1)]


def check_own(path: str | os.PathLike, rows: Sequence[Epoch], best_mean_iou: float) -> None:
    """Refuse the rows of another run, whose best mean IoU is not the one that the checkpoint remembers."""
    if not rows or math.isnan(best_mean_iou):
        return
    best = best_of(rows)
    if not math.isclose(best["valid_mean_iu"], best_mean_iou, abs_tol=1e-4):  # a spreadsheet may have rounded it
        raise UserError(
            f"{path}: its best mean IoU is {best['valid_mean_iu']:.4f}, in epoch {best['epoch']}, but the checkpoint "
            f"has {best_mean_iou:.4f}, so this is the log of another run; put the file back, or start anew in another "
            "folder"
        )
