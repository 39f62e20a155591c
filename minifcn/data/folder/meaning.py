"""What the values of the masks of a folder mean: class indices, colours of classes, or black and white."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minifcn.data.classes import RUN, Classes
from minifcn.data.folder.kinds import MOST_CLASSES, are_black_and_white, could_be_indices, few_are_in_colours
from minifcn.data.folder.of_run import check_kind, told_by_indices
from minifcn.data.folder.smoothing import smoothed_colour, smoothed_grey
from minifcn.data.folder.values import Colour, MaskValues
from minifcn.data.folders import Report
from minifcn.data.voc import voc_palette
from minifcn.errors import UserError
from minifcn.text import counted

Masks = Mapping[Path, MaskValues]


class Meaning(NamedTuple):
    """How masks are read.

    Parameters
    ----------
    kind : str
        "index", "colours" or "black and white".
    classes : Classes
        With colours; of "colours" they are those of the masks.
    """

    kind: str
    classes: Classes

    @property
    def palette(self) -> np.ndarray:
        """The colours of the classes, an uint8 array (num_classes, 3)."""
        assert self.classes.colours is not None
        return self.classes.colours


def find_meaning(masks: Masks, classes: Classes | None, root: Path, report: Report, *, listed: bool = True) -> Meaning:
    """Find out what the masks mean, from all of them together.

    Parameters
    ----------
    masks : mapping of path to MaskValues
    classes : Classes or None
        What the folder lists, or the classes of a run.
    root : path
    report : callable
        What is told that masks and classes contradict each other, or leave open what is meant.
    listed : bool
        Whether the folder lists the classes.

    Returns
    -------
    Meaning

    Raises
    ------
    UserError
        If there are fewer than two classes, or if the masks are of another kind than those of the run.
    """
    of_run = classes is not None and classes.source == RUN
    if classes is not None and of_run:
        check_kind(masks, classes, root)
    if _in_colours(masks, classes, report, listed):
        if classes is not None and classes.colours is None:
            first = next(path for path, values in masks.items() if values.indices is None)
            report(
                f"{first}: the mask is in colours, such as {_some(masks[first].colours)}, but {classes.source} has "
                "names alone; list them in classes.csv with the header name,r,g,b"
            )
            classes = None
        meaning = Meaning("colours", classes or _classes_of_colours(masks, root, report))
    elif not (of_run and told_by_indices(classes)) and are_black_and_white(masks, classes, report):
        meaning = Meaning("black and white", _two_classes(classes, root, report))
    else:
        meaning = Meaning("index", _indexed(masks, classes, root, report))
    _check_classes(masks, meaning, root, report)
    return meaning


def fault(path: Path, values: MaskValues, meaning: Meaning) -> str:
    """Say what is wrong with a mask, or "" if every value of it has a meaning.

    Parameters
    ----------
    path : path
    values : MaskValues
    meaning : Meaning

    Returns
    -------
    str
    """
    names, source = meaning.classes.names, meaning.classes.source
    if meaning.kind == "colours":
        known = set(map(tuple, meaning.palette.tolist()))
        wrong = [colour for colour in values.colours if colour not in known]
        if not wrong:
            return ""
        mixed = smoothed_colour(wrong, {c: n for c, n in values.colours.items() if c in known})
        if mixed:
            return f"{path}: {mixed}; save the mask without smoothing (nearest neighbour)"
        if {colour[::-1] for colour in wrong} <= known:
            return (
                f"{path}: {_counted(len(wrong), 'colour')} not in {source}, such as {wrong[0]}, but {wrong[0][::-1]} "
                "is: red and blue have changed places, as where OpenCV writes an image of R, G, B; save it as B, G, R"
            )
        return (
            f"{path}: {_counted(len(wrong), 'colour')} not in {source}, such as {wrong[0]}; correct the mask, or "
            + ("train a run of its own on these" if source == RUN else "list the class")
        )
    if values.indices is None:
        others = "hold 0 and 255 alone" if meaning.kind == "black and white" else "hold class indices"
        return (
            f"{path}: it is in colours, such as {max(values.colours)}, but most masks {others}; save it likewise, or "
            "list the colours in classes.csv with the header name,r,g,b"
        )
    allowed = {0, 255} if meaning.kind == "black and white" else {*range(len(names)), 255}
    outside = sorted((values.indices or {}).keys() - allowed)
    if not outside:
        return ""
    if mixed := smoothed_grey(values.indices or {}, len(names)):
        return f"{path}: {mixed}"
    if meaning.kind == "black and white":
        pixels = counted((values.indices or {})[outside[0]], "pixel")
        return (
            f"{path}: it holds {outside[0]} ({pixels}), but most masks hold 0 and 255 alone; save it in black and "
            "white, or, if 255 is what does not count, list the classes of 0, 1, ... in classes.txt and void below them"
        )
    return (
        f"{path}: it holds the value {outside[-1]}, but there are {len(names)} classes (0..{len(names) - 1}) in "
        f"{source}; correct the mask, or "
        + ("train a run of its own on these" if source == RUN else "list all classes")
    )


def _in_colours(masks: Masks, classes: Classes | None, report: Report, listed: bool) -> bool:
    if any(values.indices is None for values in masks.values()):
        if few_are_in_colours(masks, classes):
            return False
        if classes is None:
            _check_all_in_colours(masks, report)
        return True
    if classes is None or classes.colours is None:
        return False
    colours: list[Colour] = [(r, g, b) for r, g, b in classes.colours.tolist()]
    known = {*range(len(colours)), 255}
    as_colours = sum(values.colours.keys() <= set(colours) for values in masks.values())
    as_indices = sum((values.indices or {}).keys() <= known for values in masks.values())
    if as_colours == as_indices and _colours_tell_nothing(masks, classes, listed):
        return False
    if as_colours == as_indices == len(masks):
        _check_palettes(masks, colours, classes, report)
    return as_colours >= max(as_indices, 1)


def _check_all_in_colours(masks: Masks, report: Report) -> None:
    """Report a mask whose greys are indices and no colours: as dark as indices are, and in no mask with colours."""
    coloured = {path: values for path, values in masks.items() if values.indices is None}
    colours = {colour for values in coloured.values() for colour in values.colours}
    for path in masks.keys() - coloured.keys():
        low = [colour[0] for colour in masks[path].colours if 0 < max(colour) < MOST_CLASSES and colour not in colours]
        if low and not masks[path].palette:
            report(
                f"{path}: it holds {min(low)}, as class indices do, but {next(iter(coloured)).name} is in colours; "
                "save both in the same way, or list the colours in classes.csv with the header name,r,g,b"
            )
            return


def _colours_tell_nothing(masks: Masks, classes: Classes, listed: bool) -> bool:
    """Whether classes are drawn in colours that nobody chose, or palettes give several indices one colour."""
    assert classes.colours is not None
    if not listed and np.array_equal(classes.colours, voc_palette(len(classes.names))):
        return True
    return any(values.palette and len(values.colours) < len(values.indices or {}) for values in masks.values())


def _check_palettes(masks: Masks, colours: list[Colour], classes: Classes, report: Report) -> None:
    """Report masks whose indices say one class and whose palette says another."""
    for path, values in masks.items():
        if not values.palette or len(values.colours) != len(values.indices or {}):
            continue
        for index, colour in zip(values.indices or {}, values.colours, strict=True):
            if index != colours.index(colour) and index < len(colours):
                report(
                    f"{path}: the index {index} has the colour {colour} in its palette, which is class "
                    f"{colours.index(colour)} in {classes.source}; list the classes in the order of their indices"
                )
                return


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"class {index}" for index in range(count))


def _two_classes(classes: Classes | None, root: Path, report: Report) -> Classes:
    if classes is not None and len(classes.names) != 2:
        report(
            f"{root}: the masks hold 0 and 255 alone, black and white, but {classes.source} lists {len(classes.names)} "
            "classes; list two, or save class indices"
        )
        classes = None
    colours = np.array([(0, 0, 0), (255, 255, 255)], np.uint8)
    if classes is None:
        return Classes(("background", "foreground"), colours, 255, "the masks")
    return classes._replace(colours=colours if classes.colours is None else classes.colours)


def _indexed(masks: Masks, classes: Classes | None, root: Path, report: Report) -> Classes:
    if classes is not None:
        return classes if classes.colours is not None else classes._replace(colours=voc_palette(len(classes.names)))
    values = {value for mask in masks.values() for value in (mask.indices or {})} - {255}
    count = max(values, default=0) + 1
    if values and not could_be_indices(values):
        path = next(path for path, mask in masks.items() if count - 1 in (mask.indices or {}))
        mixed = smoothed_grey(masks[path].indices or {}, 2)
        only = f"but of the values 0..{count - 1} the masks hold {len(values)} only"
        only = only if 2 * len(values) < count else f"but masks alone tell at most {MOST_CLASSES} classes"
        save = f"save class indices 0, 1, ..., or write {root / 'classes.txt'} with the {count} names, one a line"
        report(f"{path}: {mixed or f'it holds the value {count - 1}, {only}; {save}'}")
        count = min(count, 255)
    return Classes(_numbered(count), voc_palette(count), 255, "the masks")


def _classes_of_colours(masks: Masks, root: Path, report: Report) -> Classes:
    counts: Counter[Colour] = Counter()
    smoothed = []
    for path, values in masks.items():
        mixed = smoothed_colour([], values.colours)
        if mixed:
            smoothed.append(
                f"{path}: {mixed}; save the mask without smoothing, or list the colours of the classes in classes.csv"
            )
        else:
            counts.update(values.colours)
    if len(counts) > MOST_CLASSES:
        path = max(masks, key=lambda path: len(masks[path].colours))
        raise UserError(  # of no mask could be said which of its colours are classes
            f"{path}: the masks hold {len(counts)} colours, and this one {len(masks[path].colours)}, as JPEG "
            "compression or smoothing makes them; save the masks as PNG from where they were drawn, or list the "
            f"colours of the classes in {root / 'classes.csv'} with the header name,r,g,b"
        )
    for wrong in smoothed:
        report(wrong)
    if not counts:
        raise UserError(smoothed[0])  # said already; that there are no classes is no other fault
    colours = sorted(counts)
    return Classes(_numbered(len(colours)), np.array(colours, np.uint8).reshape(-1, 3), 255, "the masks")


def _check_classes(masks: Masks, meaning: Meaning, root: Path, report: Report) -> None:
    names, _, ignored, source = meaning.classes
    if len(names) - (ignored < len(names)) < 2:
        has = "have" if source == "the masks" else "has"
        raise UserError(
            f"{root}: a network learns to tell classes apart, but {source} {has} {' and '.join(names) or 'none'} "
            "alone; it takes two classes that count"
        )
    if meaning.kind == "colours":
        colours: list[Colour] = [(r, g, b) for r, g, b in meaning.palette.tolist()]
        held = {colours.index(colour) for values in masks.values() for colour in values.colours if colour in colours}
    else:
        held = {1 if value == 255 else value for values in masks.values() for value in values.indices or {}}
        if meaning.kind == "index":
            held = {value for values in masks.values() for value in values.indices or {} if value < len(names)}
    held -= {ignored}
    if masks and len(held) < 2:
        only = f"the class {names[held.pop()]!r}" if held else "no class that counts"
        report(f"{root}: all masks hold {only} alone; look whether they are the right files")


def _some(colours: Mapping[Colour, int]) -> str:
    return " and ".join(map(str, sorted(colours, key=lambda colour: -colours[colour])[:2]))


def _counted(count: int, what: str) -> str:
    return f"a {what} is" if count == 1 else f"{count} {what}s are"
