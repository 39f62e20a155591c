"""What images and masks of a folder leave open, though nothing in them is wrong: sentences that say what was taken."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from minifcn.data.classes import RUN, Classes
from minifcn.data.folder.kinds import unclear
from minifcn.data.folder.layout import empty_split, is_picture
from minifcn.data.folder.meaning import Meaning
from minifcn.data.folder.splits import is_list
from minifcn.data.folder.values import Colour, MaskValues
from minifcn.data.folders import listing
from minifcn.text import counted, in_short

_NEAR = 8  # in each channel: nobody draws two classes in such colours
_FEW = 0.001  # of the pixels of a mask
_BLACK = (0, 0, 0)
_LISTS = {"", ".csv", ".tsv", ".txt", ".lst", ".list", ".json", ".yaml", ".yml", ".xlsx"}
_OF_SPLIT = re.compile(r"(^|[_\-. ])(train|training|val|valid|validation)([_\-. ]|$)")


def doubts(masks: Mapping[Path, MaskValues], meaning: Meaning, *, known: bool) -> tuple[str, ...]:
    """Say what the masks leave open.

    Parameters
    ----------
    masks : mapping of path to MaskValues
    meaning : Meaning
    known : bool
        Whether the classes are listed, or those of a run; else they are what the masks hold.

    Returns
    -------
    tuple of str
    """
    if meaning.kind == "index":
        found = [_other_palette(masks, meaning) if known else unclear(masks)]
    elif meaning.kind == "colours" and not known:
        places = _places(masks, meaning)
        found = [_nearly_alike(masks, places), _few_pixels(masks, places)]
    else:
        found = []
    return tuple(filter(None, found))


def of_unlisted(unlisted: Sequence[Path], root: Path) -> list[str]:
    """Name the images that no list of a split names.

    >>> of_unlisted([Path("p/a.jpg")], Path("p"))[0][:27]
    '1 image is in no list (a.jp'
    """
    if not unlisted:
        return []
    are, them = ("is", "it") if len(unlisted) == 1 else ("are", "them")
    names = in_short([str(path.relative_to(root)) for path in unlisted])
    return [
        f"{counted(len(unlisted), 'image')} {are} in no list ({names}) and left out; name {them} in the list of a "
        f"split, or remove {them}"
    ]


def of_drawn(drawn: Sequence[str], root: Path) -> list[str]:
    """Say what looks as if it said which images are for validation, where they were drawn at random all the same.

    >>> of_drawn(["a"], Path("minifcn/data"))
    []
    """
    if not drawn:
        return []
    found = []
    files = [path for path in listing(root) if path.is_file() and not is_picture(path) and not is_list(path)]
    pictures = {path.stem for path in listing(root) if is_picture(path)}  # beside which a .json file is no list
    named = [path for path in files if path.suffix.lower() in _LISTS and path.stem not in pictures]
    lists = [path.name for path in named if _OF_SPLIT.search(path.stem.lower())]
    if lists:
        are = "is not read as a list of images" if len(lists) == 1 else "are not read as lists of images"
        found.append(
            f"{in_short(lists, 3)} {are}, and the images of val were drawn at random; call the lists train.txt and "
            "val.txt, with the name of an image in each line"
        )
    if empty := empty_split(root, "val"):
        found.append(
            f"{empty.relative_to(root)}/ holds no image, and the images of val were drawn at random; put images for "
            "validation into it, or remove it"
        )
    return found


def of_numbered(classes: Classes) -> list[str]:
    """Say that a list of classes counts its lines, as if the numbers belonged to the names.

    >>> of_numbered(Classes(("0 sky", "1 road"), None, 255, "classes.txt"))[0][:54]
    'classes.txt: every name begins with a number (0 sky, 1'
    """
    if not all(re.match(r"\d+\s*[\s:.,;=)]\s*\S", name) for name in classes.names) or classes.source in (
        "the masks",
        RUN,
    ):
        return []
    return [
        f"{classes.source}: every name begins with a number ({in_short(classes.names, 2)}), which is taken as part of "
        "the name; the first line is class 0, the next class 1, so remove the numbers"
    ]


def _nearly_alike(masks: Mapping[Path, MaskValues], places: Mapping[Colour, list[Path]]) -> str:
    """Say that two colours differ so little that they may be one class."""
    near = [
        (one, other)
        for one, other in combinations(sorted(places), 2)
        if max(abs(a - b) for a, b in zip(one, other, strict=True)) <= _NEAR
    ]
    if not near:
        return ""
    rarest = [min(pair, key=lambda colour: _pixels(masks, colour)) for pair in near]
    pairs = in_short([f"{one} and {other}" for one, other in near], 3)
    where = in_short([*dict.fromkeys(places[colour][0].name for colour in rarest)], 3)
    return (
        f"the masks hold colours that are nearly alike, and each is a class: {pairs} (the rarer one in {where}); "
        "if they are one class, correct the masks, or list the colours of the classes in classes.csv"
    )


def _few_pixels(masks: Mapping[Path, MaskValues], places: Mapping[Colour, list[Path]]) -> str:
    """Say that a colour is hardly there, in one mask of several."""
    few = [
        (colour, paths[0], masks[paths[0]].colours[colour])
        for colour, paths in places.items()
        if len(paths) == 1 < len(masks)
        and masks[paths[0]].colours[colour] < _FEW * sum(masks[paths[0]].colours.values())
    ]
    if not few:
        return ""
    where = in_short([f"{colour}, {counted(pixels, 'pixel')} in {path.name}" for colour, path, pixels in few], 3)
    have, are = ("has", "is a class") if len(few) == 1 else ("have", "are classes")
    return (
        f"{counted(len(few), 'colour')} {have} a few pixels of one mask alone, and {are} ({where}); if that is not "
        "meant, correct the masks, or list the classes in classes.csv"
    )


def _other_palette(masks: Mapping[Path, MaskValues], meaning: Meaning) -> str:
    """Say that a table has none of the colours of the palettes, so that the order of its rows counts."""
    colours = {colour for values in masks.values() if values.palette for colour in values.colours} - {_BLACK}
    listed = {(r, g, b) for r, g, b in meaning.palette.tolist()}
    if not meaning.classes.source.endswith(".csv") or not colours or colours & listed:
        return ""
    order = in_short([f"{index} is {name}" for index, name in enumerate(meaning.classes.names)], 4)
    return (
        f"the palettes of the masks, with {in_short([*map(str, sorted(colours))], 2)}, have no colour of "
        f"{meaning.classes.source}, so the order of its rows counts: {order}; look whether the indices mean that"
    )


def _places(masks: Mapping[Path, MaskValues], meaning: Meaning) -> dict[Colour, list[Path]]:
    """The masks that hold the colour of each class; other colours were reported as faults."""
    places: dict[Colour, list[Path]] = {(r, g, b): [] for r, g, b in meaning.palette.tolist()}
    for path, values in masks.items():
        for colour in values.colours.keys() & places.keys():
            places[colour].append(path)
    return places


def _pixels(masks: Mapping[Path, MaskValues], colour: Colour) -> int:
    return sum(values.colours.get(colour, 0) for values in masks.values())
