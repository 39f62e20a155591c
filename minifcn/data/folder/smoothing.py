"""Masks whose edges were smoothed: between two classes stand values that are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from minifcn.data.folder.values import Colour

_RARE = 0.01  # of the pixels
_ROUNDING = 2
_LOOKED_AT = 100  # suspects are enough


def smoothed_grey(counts: Mapping[int, int], classes: int) -> str:
    """Say that a grey mask between 0 and 255 has smoothed edges, or "".

    Parameters
    ----------
    counts : mapping of value to pixels
    classes : int
        How many there are: values below are none of an edge.

    Returns
    -------
    str

    Examples
    --------
    >>> smoothed_grey({0: 900, 64: 3, 130: 4, 191: 3, 255: 400}, 2)[:59]
    'it holds 3 greys between 0 and 255: its edges were smoothed'
    >>> smoothed_grey({0: 900, 1: 30, 255: 400}, 2)
    ''
    """
    between = [value for value in counts if classes <= value < 255]
    if not {0, 255} <= counts.keys() or len(between) < 2 or sum(counts[value] for value in between) > _sum(counts) / 4:
        return ""
    return (
        f"it holds {len(between)} greys between 0 and 255: its edges were smoothed; make it black and white again "
        "(0 below 128, else 255), and resize with nearest neighbour"
    )


def smoothed_colour(suspects: Sequence[Colour], counts: Mapping[Colour, int]) -> str:
    """Say that a mask in colours has smoothed edges, or "".

    Parameters
    ----------
    suspects : sequence of colours
        Those that are of no class; without any, the rare ones of the mask.
    counts : mapping of colour to pixels
        Of the colours of classes; without suspects, of all.

    Returns
    -------
    str
        "" if most of the suspects lie between no two others.

    Examples
    --------
    >>> smoothed_colour([], {(0, 0, 0): 900, (200, 0, 0): 400, (100, 0, 0): 5, (50, 0, 0): 4})
    '(50, 0, 0) lies between (0, 0, 0) and (200, 0, 0): the edges were smoothed'
    >>> smoothed_colour([], {(0, 0, 0): 900, (200, 0, 0): 400, (0, 50, 0): 5})
    ''
    """
    total = _sum(counts)
    main = [colour for colour, count in counts.items() if count > _RARE * total]
    rare = list(suspects) or [colour for colour, count in counts.items() if count <= _RARE * total]
    pairs = [(one, other) for one in main for other in main if one < other]
    mixed = {}
    for colour in sorted(rare)[:_LOOKED_AT]:
        ends = next((pair for pair in pairs if _between(colour, *pair)), None)
        if ends is not None:
            mixed[colour] = ends
    if not mixed or 2 * len(mixed) < min(len(rare), _LOOKED_AT):
        return ""
    colour, (one, other) = next(iter(mixed.items()))
    return f"{colour} lies between {one} and {other}: the edges were smoothed"


def _between(colour: Colour, one: Colour, other: Colour) -> bool:
    """Whether a colour is a mix of two others."""
    along = [b - a for a, b in zip(one, other, strict=True)]
    share = sum((c - a) * d for a, c, d in zip(one, colour, along, strict=True)) / sum(d * d for d in along)
    mixed = [a + share * d for a, d in zip(one, along, strict=True)]
    return 0 < share < 1 and all(abs(m - c) <= _ROUNDING for m, c in zip(mixed, colour, strict=True))


def _sum(counts: Mapping[Colour, int] | Mapping[int, int]) -> int:
    return sum(counts.values())
