"""The photographs that a command was given: files, folders and patterns, and names for their results."""

from __future__ import annotations

import glob
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from minifcn.cli.written import is_own_picture
from minifcn.data.images import ENDINGS, OTHER_ENDINGS
from minifcn.errors import UserError
from minifcn.text import counted, in_short

_PATTERNS = 3  # in a sentence
# The others cannot be read; to leave them out would be to say nothing about them.
_ENDINGS = ENDINGS | OTHER_ENDINGS


def find(names: Iterable[Path]) -> list[Path]:
    """Find the photographs, each once.

    Parameters
    ----------
    names : iterable of path
        A folder stands for the images in it, and a pattern that no shell has expanded for those that match, without
        the results of `minifcn predict`. Anything else stands for itself, whether it exists or not: to open it is to
        find out.

    Returns
    -------
    list of path
        As they were named; those of one folder or pattern in the order of their names.

    Raises
    ------
    UserError
        If there is no image in a folder, or none that matches a pattern.

    Examples
    --------
    >>> find([Path("b.jpg"), Path("a.jpg"), Path("b.jpg")])
    [PosixPath('b.jpg'), PosixPath('a.jpg')]
    """
    found: dict[str, Path] = {}
    for name in names:
        for path in _stands_for(name):
            found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def _stands_for(name: Path) -> list[Path]:
    if name.is_dir():
        images = _photographs(_images(sorted(name.iterdir())), name)
        if not images:
            deeper = " ".join(f"'{pattern}'" for pattern in _below(name))
            below = f"those in folders below it are {deeper}" if deeper else "name another one, or an image"
            raise UserError(f"{name}: there is no image in this folder; {below}")
        return images
    if glob.has_magic(str(name)) and not name.exists():
        images = _photographs(_images(map(Path, sorted(glob.glob(os.path.expanduser(name), recursive=True)))), name)
        if not images:
            raise UserError(f"{name}: no image has a name of this pattern")
        return images
    return [name]


def _photographs(images: Sequence[Path], name: Path) -> list[Path]:
    """The images that are no results; a UserError if all are."""
    photographs = [path for path in images if not is_own_picture(path)]
    if images and not photographs:
        raise UserError(
            f"{name}: {counted(len(images), 'image')}, written by minifcn itself; name the photographs to segment"
        )
    return photographs


def _below(folder: Path) -> list[Path]:
    """Give the patterns that stand for the photographs in the folders below one, the most common ending first."""
    endings = Counter(path.suffix for path in _images(folder.glob("*/**/*")) if not is_own_picture(path))
    return [folder / "**" / f"*{ending}" for ending, _ in endings.most_common(_PATTERNS)]


def left_out(names: Iterable[Path]) -> str:
    """Say which images are not segmented, as they are in folders below those that were named; "" if there are none."""
    patterns = [f"'{pattern}'" for name in names if name.is_dir() for pattern in _below(name)]
    return f"images in folders below were left out: {in_short(patterns)} would take them too" if patterns else ""


def all_of(name: Path) -> Path | None:
    """Give the folder all of whose images a name stands for, whatever they are called; None if it does not.

    Examples
    --------
    >>> all_of(Path("photos/*")), all_of(Path("photos/*.jpg"))
    (PosixPath('photos'), None)
    """
    if name.is_dir():
        return name
    return name.parent if glob.has_magic(str(name)) and name.name in ("*", "*.*", "*.png", "*.PNG") else None


def _images(paths: Iterable[Path]) -> list[Path]:
    return [path for path in paths if _is_image(path)]


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _ENDINGS and not path.name.startswith(".") and not path.is_dir()


def distinct(photos: Sequence[Path]) -> list[str]:
    """Give each photograph a name for its results, without an ending, that no other one has.

    It is that of the file. Photographs whose files have the same name keep the folders that tell them apart, and those
    in one folder their ending. Names that differ in capitals only count as the same: not every disk can hold both.

    Examples
    --------
    >>> distinct([Path("street.jpg"), Path("a/x.jpg"), Path("b/x.jpg"), Path("c/y.jpg"), Path("c/y.png")])
    ['street', 'a/x', 'b/x', 'y.jpg', 'y.png']
    """
    names = [photo.stem for photo in photos]
    alike = _alike(names)
    for name in {key for key in alike if alike.count(key) > 1}:
        places = [i for i, key in enumerate(alike) if key == name]
        folders = [os.path.abspath(photos[i].parent) for i in places]
        common = os.path.commonpath(folders)
        for i, folder in zip(places, folders, strict=True):
            names[i] = (Path(os.path.relpath(folder, common)) / names[i]).as_posix()
    times = Counter(_alike(names))
    names = [name + photo.suffix * (times[identity(name)] > 1) for name, photo in zip(names, photos, strict=True)]
    taken: set[str] = set()
    for i, name in enumerate(names):
        number = 1
        while identity(names[i]) in taken:
            number += 1
            names[i] = f"{name}-{number}"
        taken.add(identity(names[i]))
    return names


def _alike(names: Iterable[str]) -> list[str]:
    return [identity(name) for name in names]


def identity(name: str) -> str:
    """Give what two names have in common that are one to a disk: where A and a are one letter, and é one or two."""
    return unicodedata.normalize("NFC", name).casefold()
