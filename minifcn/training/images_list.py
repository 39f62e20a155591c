"""images.csv: the images that a run trains on, so that it goes on with the same ones wherever they have moved."""

from __future__ import annotations

import csv
import io
import os
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from minifcn.data import Dataset
from minifcn.data.dataset import FirstImages
from minifcn.data.paths import no_permission
from minifcn.errors import UserError
from minifcn.files import atomic_write

_COLUMNS = ("split", "image", "bytes", "label_bytes", "label_crc32", "image_crc32")
_HEADERS = (_COLUMNS, _COLUMNS[:-1], _COLUMNS[:-2])  # the shorter ones are of runs that began with an earlier version
_CHUNK = 1 << 20  # bytes that are read at a time
_PIECES = 16  # of a large image


class Listed(NamedTuple):
    """An image of a data set, as its files are listed.

    Parameters
    ----------
    image : str
        The name of the file.
    bytes, label_bytes : int
        The sizes of this file and of the one with its label.
    label_crc32 : str
        Of what the file with the label holds, in hexadecimal: another name of a class may be as long. Empty if it was
        not asked for.
    image_crc32 : str
        Likewise of the image: of all of it up to 1 MiB, of a larger one the bytes of 16 places spread over it. A
        photograph that was edited has other bytes nearly everywhere, since it was compressed anew.
    """

    image: str
    bytes: int
    label_bytes: int
    label_crc32: str = ""
    image_crc32: str = ""


def entries(dataset: Dataset, labels: bool = False, images: bool = False) -> list[Listed]:
    """Give the images of a data set in their order, without decoding one; none if they are no files.

    Parameters
    ----------
    dataset : Dataset
    labels : bool
        Whether the files of the labels are read, for what they hold.
    images : bool
        Whether those of the images are.

    Examples
    --------
    >>> from minifcn.data import Shapes
    >>> entries(Shapes(3))
    []
    """
    return [
        Listed(
            image.name,
            os.path.getsize(image),
            os.path.getsize(label),
            _crc32(label) if labels else "",
            _crc32(image, whole=False) if images else "",
        )
        for image, label in _pairs(dataset)
    ]


def _pairs(dataset: Dataset) -> Sequence[tuple[Path, Path]]:
    if isinstance(dataset, FirstImages):
        return _pairs(dataset.dataset)[: dataset.count]
    return getattr(dataset, "pairs", ())


def _crc32(path: Path, whole: bool = True) -> str:
    crc = 0
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if not whole and size > _CHUNK:
                piece = _CHUNK // _PIECES
                for number in range(_PIECES):
                    file.seek((size - piece) * number // (_PIECES - 1))
                    crc = zlib.crc32(file.read(piece), crc)
            else:
                while chunk := file.read(_CHUNK):
                    crc = zlib.crc32(chunk, crc)
    except OSError as error:
        raise UserError(no_permission(path, error)) from None
    return f"{crc:08x}"


def write(path: str | os.PathLike, splits: Mapping[str, Dataset]) -> None:
    """Write the images of all splits; no file if there are none, as of generated images."""
    rows = [
        (split, *entry) for split, dataset in splits.items() for entry in entries(dataset, labels=True, images=True)
    ]
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
        listed = before.get(split, [])
        held = {f"{kind}s": any(getattr(entry, f"{kind}_crc32") for entry in listed) for kind in ("label", "image")}
        found = difference(listed, entries(dataset, **held))
        if found:
            raise UserError(
                f"{data}: the data set has changed since the run began: of the split {split} {found}; give --data the "
                "same images, or start anew in another --out"
            )


def trained_on(path: str | os.PathLike, dataset: Dataset) -> list[str]:
    """Name the images of a data set that an earlier run learned from, by its list; none where it has none.

    Parameters
    ----------
    path : path of the list
    dataset : Dataset
    """
    if not os.path.exists(path):
        return []
    learned = {(entry.bytes, entry.image_crc32) for entry in _read(Path(path)).get("train", ())}
    return [entry.image for entry in entries(dataset, images=True) if (entry.bytes, entry.image_crc32) in learned]


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
    sizes = _others(lost, gained, lambda entry: entry.bytes)
    pixels = _others(lost, gained, lambda entry: (entry.bytes, entry.image_crc32)) - sizes
    labels = _others(lost, gained, lambda entry: (entry.label_bytes, entry.label_crc32))
    both = names[0] & names[1]
    kinds = {
        "new": names[1] - names[0],
        "missing": names[0] - names[1],
        "size": both & sizes,
        "image": both & pixels,
        "label": both & labels,
    }
    said = [_said(kind, sorted(kinds[kind].elements())) for kind in kinds if kinds[kind]]
    return ", ".join(said) or "the images come in another order"


def _others(lost: Counter[Listed], gained: Counter[Listed], of: Callable[[Listed], object]) -> Counter[str]:
    """Name the images of which something is another now."""
    before, now = (Counter((entry.image, of(entry)) for entry in some.elements()) for some in (lost, gained))
    return Counter(name for name, _ in (now - before).elements())


def _said(kind: str, names: list[str]) -> str:
    one, more = {
        "new": ("image is new", "images are new"),
        "missing": ("image is missing", "images are missing"),
        "size": ("image has another size in bytes", "images have other sizes in bytes"),
        "image": ("image is another one of as many bytes", "images are other ones of as many bytes"),
        "label": ("image has another label", "images have other labels"),
    }[kind]
    some = ", ".join(names[:2]) + (" ..." if len(names) > 2 else "")
    return f"{len(names)} {one if len(names) == 1 else more} ({some})"


def _read(path: Path) -> dict[str, list[Listed]]:
    found: dict[str, list[Listed]] = {}
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            header, *rows = csv.reader(file)
        if tuple(header) not in _HEADERS:
            raise ValueError(f"its columns are {','.join(header)[:200]}")
        for row in rows:
            split, image, size, label_size, *crc = row
            if len(row) != len(header):
                raise ValueError(f"a row has {len(row)} columns, not {len(header)}")
            found.setdefault(split, []).append(Listed(image, int(size), int(label_size), *crc))
    except (ValueError, csv.Error) as error:
        raise UserError(
            f"{path}: not the list of a run's images ({error}); put the file back, or remove it to go on without"
        ) from error
    return found
