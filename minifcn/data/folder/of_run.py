"""Whether masks are of the kind that a run was trained on: class indices, colours of classes, or black and white."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from minifcn.data.classes import Classes
from minifcn.data.folder.kinds import are_black_and_white, few_are_in_colours
from minifcn.data.folder.values import Colour, MaskValues
from minifcn.data.voc import voc_palette
from minifcn.errors import UserError

_BLACK_AND_WHITE = [[0, 0, 0], [255, 255, 255]]


def told_by_indices(classes: Classes | None) -> bool:
    """Say if a run has its classes from masks of class indices, so that 255 is what they ignore and not white."""
    return classes is not None and _kind_of_run(classes) == "index"


def check_kind(masks: Mapping[Path, MaskValues], classes: Classes, root: Path) -> None:
    """Refuse masks that say nothing to a run, since it was trained on masks of another kind.

    Parameters
    ----------
    masks : mapping of path to MaskValues
    classes : Classes
        Of the run. A table may have had its colours for masks of any kind; then all are let through.
    root : path

    Raises
    ------
    UserError
        It says what the masks are, what those of the run were, and how to go on.
    """
    learned, here = _kind_of_run(classes), _kind(masks, classes)
    if learned in ("", here) or not _says_nothing(masks, classes, learned, here):
        return
    last = len(classes.names) - 1
    there, fix = {
        "index": (
            f"of class indices (0..{last}), of which 255 does not count",
            f"save them as class indices (0..{last})",
        ),
        "colours": ("in colours", "save them in the colours that the config.json of the run lists as its palette"),
        "black and white": ("in black and white (0 and 255)", "save them in black and white (0 and 255)"),
    }[learned]
    if here == "colours":
        fix += ", list the classes of the run in classes.csv with the colours that they have here"
    raise UserError(
        f"{root}: the masks {_described(masks, here)}, but the run was trained on masks {there}; {fix}, or train a "
        "run of its own on them"
    )


def _kind_of_run(classes: Classes) -> str:
    """What the masks of a run were, or "" if its colours do not tell."""
    assert classes.colours is not None
    if np.array_equal(classes.colours, voc_palette(len(classes.names))):  # given where masks have no colours
        return "index"
    if classes.colours.tolist() == _BLACK_AND_WHITE:
        return "black and white"
    numbered = tuple(f"class {index}" for index in range(len(classes.names)))  # not from a table
    return "colours" if classes.names == numbered else ""


def _kind(masks: Mapping[Path, MaskValues], classes: Classes) -> str:
    """What masks are if nothing else is known."""
    if any(values.indices is None for values in masks.values()) and not few_are_in_colours(masks, classes):
        return "colours"
    return "black and white" if are_black_and_white(masks, None, lambda _: None) else "index"


def _says_nothing(masks: Mapping[Path, MaskValues], classes: Classes, learned: str, here: str) -> bool:
    """Whether no mask that holds more than one value means something by the classes of the run."""
    assert classes.colours is not None
    if here == "index" and learned == "black and white":  # 0 and 1 may be meant as its two classes
        return any(value not in (0, 1, 255) for values in masks.values() for value in values.indices or {})
    if here == "black and white" and learned == "index":
        return all((values.indices or {}).keys() <= {0, 255} for values in masks.values())
    known: set[Colour] = {(r, g, b) for r, g, b in classes.colours.tolist()}
    telling = [values.colours.keys() for values in masks.values() if len(values.colours) > 1 or values.indices is None]
    return bool(telling) and not any(colours <= known for colours in telling)


def _described(masks: Mapping[Path, MaskValues], here: str) -> str:
    if here == "black and white":
        return "hold 0 and 255 alone, as black and white ones do"
    if here == "index":
        largest = max(value for values in masks.values() for value in values.indices or {} if value != 255)
        return f"hold class indices up to {largest}"
    path, values = next((path, values) for path, values in masks.items() if values.indices is None)
    return f"are in colours, such as {max(values.colours)} in {path.name}"
