"""iou.csv: the IoU of every class after each epoch."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from minifcn.errors import UserError
from minifcn.files import atomic_write


class IouLog:
    """The rows of iou.csv, in memory and on the disk: one per epoch, with a column for each class.

    Parameters
    ----------
    path : path of the file
        `append` writes it.
    class_names : sequence of str
    rows : dict of int to array (num_classes,)
        The IoU of each class by the number of the epoch; nan for a class that is neither in a label nor predicted.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "iou.csv"
    >>> IouLog(path, ("sky", "road", "tree")).append(1, np.array([0.5, 0.25, np.nan]))
    >>> print(path.read_text(), end="")
    epoch,sky,road,tree
    1,0.5,0.25,
    >>> read(path, ("sky", "road", "tree"))
    {1: array([0.5 , 0.25,  nan])}
    """

    def __init__(
        self, path: str | os.PathLike, class_names: Sequence[str], rows: Mapping[int, np.ndarray] | None = None
    ):
        self.path, self.class_names, self.rows = Path(path), tuple(class_names), dict(rows or {})

    def append(self, epoch: int, iou: np.ndarray) -> None:
        """Add a row; the file is replaced as a whole, so it never ends in half a row."""
        self.rows[epoch] = iou
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("epoch", *self.class_names))
        for number, values in self.rows.items():
            writer.writerow((number, *("" if math.isnan(value) else value for value in values.tolist())))
        with atomic_write(self.path) as file:
            file.write(text.getvalue().encode())


def read(path: str | os.PathLike, class_names: Sequence[str], epochs: float = math.inf) -> dict[int, np.ndarray]:
    """Read the rows of an iou.csv; none if there is no such file, as in runs of before it.

    Parameters
    ----------
    path : path of the file
    class_names : sequence of str
        Those of the run.
    epochs : int, optional
        Only the first so many epochs: a run that was killed may have written one that it will write again.

    Returns
    -------
    dict of int to array (num_classes,)

    Raises
    ------
    UserError
        If the file is not one that `IouLog` wrote for these classes.
    """
    if not os.path.exists(path):
        return {}
    try:
        with open(path, encoding="utf-8", newline="") as file:
            header, *lines = csv.reader(file)
        if header != ["epoch", *class_names]:
            raise ValueError(f"its columns are {','.join(header)[:200]}")
        rows = {int(number): np.array([float(cell or "nan") for cell in cells]) for number, *cells in lines}
        if any(len(values) != len(class_names) for values in rows.values()):
            raise ValueError("a row has not one number for each class")
        if any(((values < 0) | (values > 1)).any() for values in rows.values()):
            raise ValueError("an IoU is from 0 to 1")
        numbers = [int(line[0]) for line in lines]
        if not numbers or numbers != [*range(numbers[0], numbers[-1] + 1)] or numbers[0] < 1:
            raise ValueError(f"its epochs are {', '.join(map(str, numbers))[:80] or 'none'}")
        if math.isfinite(epochs) and numbers[-1] < epochs:
            raise ValueError(f"it ends with epoch {numbers[-1]}, but the run has {epochs} behind it")
    except (ValueError, csv.Error) as error:
        raise UserError(
            f"{path}: not the IoU of this run's classes ({error}); put the file back, or remove it to go on without"
        ) from error
    return {number: values for number, values in rows.items() if number <= epochs}
