"""Of which kind masks are, where some say otherwise than most: in colours, black and white, or class indices."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from minifcn.data.classes import Classes
from minifcn.data.folder.smoothing import smoothed_grey
from minifcn.data.folder.values import MaskValues
from minifcn.data.folders import Report

MOST_CLASSES = 64  # that masks alone may tell; more are listed in a file


def are_black_and_white(masks: Mapping[Path, MaskValues], classes: Classes | None, report: Report) -> bool:
    """Say if masks hold 0 and 255 alone, or most of them do: 255 is a class then, and else what does not count.

    Parameters
    ----------
    masks : mapping of path to MaskValues
    classes : Classes or None
        What the folder lists, or the classes of a run. More than two are class indices where a mask holds one.
    report : callable
        What is told that masks contradict each other.

    Returns
    -------
    bool
    """
    white = [path for path, values in masks.items() if 255 in (values.indices or {}) and not _is_palette_index(values)]
    if not white:
        return False
    others = [path for path, values in masks.items() if not (values.indices or {}).keys() <= {0, 255}]
    if not others or _all_smoothed([masks[path].indices or {} for path in others]):
        return True
    alone = {*white} - {*others}
    if len(alone) > len(others) and (classes is None or len(classes.names) == 2):
        return True  # the others are the ones that are wrong
    if alone and not set(white) & set(others):  # no mask tells that 255 is what the others ignore
        report(
            f"{white[0]}: it holds 0 and 255, but {others[0].name} holds {max(masks[others[0]].indices or {0})}; save "
            "both in the same way, as class indices (0, 1, ...) or in black and white"
        )
    return False


def few_are_in_colours(masks: Mapping[Path, MaskValues], classes: Classes | None) -> bool:
    """Say if the masks in colours are the wrong ones: more masks hold a grey that is in none of them.

    Parameters
    ----------
    masks : mapping of path to MaskValues
    classes : Classes or None
        A mask all of whose colours are those of classes is no wrong one.

    Returns
    -------
    bool
    """
    coloured = [values.colours.keys() for values in masks.values() if values.indices is None]
    if classes is not None and classes.colours is not None:
        known = {(r, g, b) for r, g, b in classes.colours.tolist()}
        if any(colours <= known for colours in coloured):
            return False
    theirs = set().union(*coloured)
    return sum(bool(values.colours.keys() - theirs) for values in masks.values()) > len(coloured)


def unclear(masks: Mapping[Path, MaskValues]) -> str:
    """Say of class indices that 255 may be white in some of them, or "".

    Parameters
    ----------
    masks : mapping of path to MaskValues
        Class indices whose classes no file lists.

    Returns
    -------
    str
    """
    held = {path: set(values.indices or {}) for path, values in masks.items() if not _is_palette_index(values)}
    alone = [path for path, values in held.items() if values == {0, 255}]
    told = next((path for path, values in held.items() if 255 in values and not values <= {0, 255}), None)
    if not alone or told is None:
        return ""
    hold = f"{len(alone)} of {len(masks)} masks {'holds' if len(alone) == 1 else 'hold'} 0 and 255 alone"
    return (
        f"{hold} ({alone[0].name}), and 255 is taken as what does not count, since {told.name} has it beside "
        f"{max(held[told] - {255})}; if it is white there, save all masks in one way"
    )


def could_be_indices(values: Collection[int]) -> bool:
    """Say if values are class indices: few, and at least half of those up to the largest.

    >>> could_be_indices({0, 1, 3}), could_be_indices({0, 1, 130})
    (True, False)
    """
    count = max(values, default=0) + 1
    return count <= MOST_CLASSES and 2 * len(values) >= count


def _all_smoothed(masks: Sequence[Mapping[int, int]]) -> bool:
    """Whether masks were black and white before their edges were smoothed: class indices leave out no numbers."""
    values = {value for mask in masks for value in mask} - {255}
    return not could_be_indices(values) and all(smoothed_grey(mask, 2) for mask in masks)


def _is_palette_index(values: MaskValues) -> bool:
    """Whether a 255 is the index of a palette, as in Pascal VOC, and not the white of a picture."""
    return values.palette and (255, 255, 255) not in values.colours
