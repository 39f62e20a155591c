"""What labelme allows and nobody is likely to mean: lines for things, photographs left empty, names mistyped."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from minifcn.data.classes import IGNORED
from minifcn.data.folder.annotations import BACKGROUND, Annotation
from minifcn.data.folder.pairs import folded
from minifcn.text import counted, in_short

_WITHOUT_AREA = ("line", "linestrip", "point")
_SHORTEST = 4  # letters of a name: cat and car are two things, mug and mugs or book and bok one


def remarks(
    annotations: Mapping[Path, Annotation], bare: Sequence[Path], root: Path, *, named_freely: bool
) -> tuple[str, ...]:
    """Say what stands out in the drawings of a folder.

    Parameters
    ----------
    annotations : mapping from the paths of the .json files
    bare : sequence of path
        Photographs without a .json file.
    root : path
    named_freely : bool
        Whether the classes are the names in the drawings, and no list says which ones are meant.

    Returns
    -------
    tuple of str
    """
    found = [
        _of_another(annotations, root),
        _without_area(annotations, root),
        _empty(annotations, root),
        _bare(bare, root),
    ]
    if named_freely:
        found += _names(annotations)
    return tuple(filter(None, found))


def alike(one: str, other: str) -> str:
    """Say how little two names differ, or "".

    >>> alike("Mug", "mug"), alike("book", "bok"), alike("cat", "car"), alike("step 1", "step 2")
    ('in capitals only', 'by one letter', '', '')
    """
    if one.casefold() == other.casefold():
        return "in capitals only"
    shorter, longer = sorted((one.casefold(), other.casefold()), key=len)
    if len(longer) < _SHORTEST or len(longer) - len(shorter) > 1:
        return ""
    if re.sub(r"\d+", "", shorter) == re.sub(r"\d+", "", longer):
        return ""  # numbered on purpose
    same = next((place for place, (a, b) in enumerate(zip(shorter, longer, strict=False)) if a != b), len(shorter))
    rest = longer[same + 1 :]
    swapped = shorter[same + 1 : same + 2] + shorter[same : same + 1] + shorter[same + 2 :]
    near = rest in (shorter[same:], shorter[same + 1 :]) if len(shorter) < len(longer) else rest == shorter[same + 1 :]
    return "by one letter" if near or longer[same:] == swapped else ""


def _of_another(annotations: Mapping[Path, Annotation], root: Path) -> str:
    """Say which drawings name another photograph that lies beside them: they go with the one of their own name."""
    others = [
        f"{path.relative_to(root)} names {annotation.photograph}"
        for path, annotation in annotations.items()
        if folded(Path(annotation.photograph).stem) != folded(path.stem)
        and os.path.isfile(os.path.join(path.parent, annotation.photograph))  # also of what no path can be
    ]
    if not others:
        return ""
    name = "names" if len(others) == 1 else "name"
    return (
        f"{counted(len(others), '.json file')} {name} another photograph as the one drawn on ({in_short(others, 3)}), "
        "but each is taken for the photograph of its own name; if the other is meant, rename the .json file as it is"
    )


def _without_area(annotations: Mapping[Path, Annotation], root: Path) -> str:
    outlines = [(path, outline) for path, annotation in annotations.items() for outline in annotation.outlines]
    thin = [(path, outline) for path, outline in outlines if outline.kind in _WITHOUT_AREA]
    if not thin:
        return ""
    where = in_short([f"{outline.name} in {path.relative_to(root)}" for path, outline in thin], 3)
    are = "is a line or a point" if len(thin) == 1 else "are lines or points"
    return (
        f"{len(thin)} of {counted(len(outlines), 'outline')} {are}, drawn 10 pixels wide ({where}); draw a polygon "
        "around each thing"
    )


def _empty(annotations: Mapping[Path, Annotation], root: Path) -> str:
    empty = [str(path.relative_to(root)) for path, annotation in annotations.items() if not annotation.outlines]
    if not empty:
        return ""
    return (
        f"nothing was drawn in {len(empty)} of {counted(len(annotations), '.json file')} ({in_short(empty, 3)}), so "
        "that all is background there; draw what is to be found, if there is something"
    )


def _bare(bare: Sequence[Path], root: Path) -> str:
    if not bare:
        return ""
    names = in_short([str(path.relative_to(root)) for path in bare])
    have = "photograph has no .json file and is" if len(bare) == 1 else "photographs have no .json file and are"
    return f"{len(bare)} {have} left out ({names}); draw in labelme what is to be found"


def _names(annotations: Mapping[Path, Annotation]) -> list[str]:
    counts = Counter(outline.name for annotation in annotations.values() for outline in annotation.outlines)
    names = sorted(name for name in counts if name.lower() not in (*IGNORED, *BACKGROUND))
    return [
        f"the classes {one} ({counted(counts[one], 'outline')}) and {other} ({counted(counts[other], 'outline')}) "
        f"differ {how}; if they are one thing, rename {min(one, other, key=lambda name: counts[name])} in labelme"
        for one, other in combinations(names, 2)
        if (how := alike(one, other))
    ]
