"""images.csv: the images that a run trains on, so that it goes on with the same ones wherever they have moved."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from minifcn.data import Dataset
from minifcn.data.dataset import FirstImages
from minifcn.errors import UserError
from minifcn.files import atomic_write

_COLUMNS = ("split", "image", "bytes", "label_bytes")


class Listed(NamedTuple):
    """An image of a data set, as its files are listed.

    Parameters
    ----------
    image : str
        The name of the file.
    bytes, label_bytes : int
        The sizes of this file and of the one with its label.
    """

    image: str
    bytes: int
    label_bytes: int


def entries(dataset: Dataset) -> list[Listed]:
    """Give the images of a data set in their order, without reading one; none if they are no files.

    Examples
    --------
    >>> from minifcn.data import Shapes
    >>> entries(Shapes(3))
    []
    """
    if isinstance(dataset, FirstImages):
        return entries(dataset.dataset)[: dataset.count]
    pairs = getattr(dataset, "pairs", ())
    return [Listed(image.name, os.path.getsize(image), os.path.getsize(label)) for image, label in pairs]


def write(path: str | os.PathLike, splits: Mapping[str, Dataset]) -> None:
    """Write the images of all splits; no file if there are none, as of generated images."""
    rows = [(split, *entry) for split, dataset in splits.items() for entry in entries(dataset)]
    if not rows:
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(rows)
    with atomic_write(path) as file:
        file.write(text.getvalue().encode("utf-8", "surrogateescape"))


def check(path: str | os.PathLike, splits: Mapping[str, Dataset], data: str) -> None:
    """Refuse a data set whose images are not those of the list; a run of before such lists has none, and goes on.

    Parameters
    ----------
    path : path of the list
    splits : dict of str to Dataset
    data : str
        What the data set is called.

    Raises
    ------
    UserError
        Saying what is new, missing or changed; or that the list cannot be read.
    """
    if not os.path.exists(path):
        return
    before = _read(Path(path))
    for split, dataset in splits.items():
        found = difference(before.get(split, []), entries(dataset))
        if found:
            raise UserError(
                f"{data}: the data set has changed since the run began: of the split {split} {found}; give --data the "
                "same images, or start anew in another --out"
            )


def difference(before: list[Listed], now: list[Listed]) -> str:
    """Say how two lists of images differ; nothing if they do not.

    Examples
    --------
    >>> difference([Listed("a.png", 9, 5), Listed("b.png", 9, 5)], [Listed("b.png", 7, 5), Listed("c.png", 9, 5)])
    '1 image is new (c.png), 1 image is missing (a.png), 1 image has another size in bytes (b.png)'
    """
    if before == now:
        return ""
    lost, gained = Counter(before) - Counter(now), Counter(now) - Counter(before)
    names = Counter(entry.image for entry in lost.elements()), Counter(entry.image for entry in gained.elements())
    kinds = {
        "new": names[1] - names[0],
        "missing": names[0] - names[1],
        "other": names[0] & names[1],
    }
    said = [_said(kind, sorted(kinds[kind].elements())) for kind in kinds if kinds[kind]]
    return ", ".join(said) or "the images come in another order"


def _said(kind: str, names: list[str]) -> str:
    one, more = {
        "new": ("image is new", "images are new"),
        "missing": ("image is missing", "images are missing"),
        "other": ("image has another size in bytes", "images have other sizes in bytes"),
    }[kind]
    some = ", ".join(names[:2]) + (" ..." if len(names) > 2 else "")
    return f"{len(names)} {one if len(names) == 1 else more} ({some})"


def _read(path: Path) -> dict[str, list[Listed]]:
    found: dict[str, list[Listed]] = {}
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            header, *rows = csv.reader(file)
        if tuple(header) != _COLUMNS:
            raise ValueError(f"its columns are {','.join(header)[:200]}")
        for split, image, size, label_size in rows:
            found.setdefault(split, []).append(Listed(image, int(size), int(label_size)))
    except (ValueError, csv.Error) as error:
        raise UserError(
            f"{path}: not the list of a run's images ({error}); put the file back, or remove it to go on without"
        ) from error
    return found
