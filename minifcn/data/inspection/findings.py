"""What stands out in a data set that can be read: sentences that say where, and what to do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from minifcn.data.dataset import Dataset
from minifcn.data.inspection.counts import SplitCounts
from minifcn.text import counted_of, in_short

# What two faults of a kind may differ in: numbers, paths, names in quotes, and an example of stairs.
_DIFFERING = re.compile(r" \((?:row|column) [\d: ]+\)|\S*[/\\]\S*|'[^']*'|\d+")


def of_classes(splits: Mapping[str, SplitCounts], class_names: Sequence[str], ignore_index: int) -> list[str]:
    """Look at the classes of each split; the first is the one to train on.

    >>> counts = SplitCounts(np.array([9, 0, 3]), np.array([1, 0, 1]), pairs=1)
    >>> of_classes({"train": counts}, ("sky", "road", "tree"), 255)
    ['train: no label has the class road, so a network cannot learn it']
    """
    found = []
    expected = np.array([number != ignore_index for number in range(len(class_names))])
    for number, (split, counts) in enumerate(splits.items()):
        if not counts.pairs:
            continue
        if counts.empty:
            every = counted_of(counts.empty, counts.pairs, "label")
            found.append(f"{of(split)}{every}: all pixels are ignored; look whether the label is filled in")
        absent = [
            name for name, is_absent in zip(class_names, expected & (counts.pixels == 0), strict=True) if is_absent
        ]
        if np.count_nonzero(counts.pixels) == 1 and absent:
            only = class_names[int(counts.pixels.argmax())]
            found.append(f"{of(split)}every pixel that counts is {only}; look whether the labels are filled in")
        elif absent:
            classes, it = ("classes", "them") if len(absent) > 1 else ("class", "it")
            consequence = f"nothing is measured of {it}" if number else f"a network cannot learn {it}"
            found.append(f"{of(split)}no label has the {classes} {in_short(absent)}, so {consequence}")
        expected &= counts.pixels > 0  # what is said of one split need not be said of the next
    return found


def of_files(splits: Mapping[str, Dataset]) -> list[str]:
    """Say what the data sets say themselves, once each."""
    return [*dict.fromkeys(warning for dataset in splits.values() for warning in dataset.warnings)]


def of_borders(smoothed: Sequence[tuple[str, str]], pairs: int) -> list[str]:
    """Name the labels that look smoothed; of each its name and an example.

    >>> of_borders([("a.png", "row 7: 0 1 4 5")], pairs=9)[0][:87]
    '1 of 9 labels looks resized with interpolation or saved as JPEG (a.png, row 7: 0 1 4 5)'
    """
    if not smoothed:
        return []
    (first, example), *others = smoothed
    places = f"{first}, {example}" if example else first
    if others:
        places += f"; {in_short([name for name, _ in others], 3)}"
    look = f"{counted_of(len(smoothed), pairs, 'label')} {_verb(smoothed, 'looks', 'look')}"
    return [
        f"{look} resized with interpolation or saved as JPEG ({places}): values in between are wrong classes; make "
        "such labels again from where they were drawn, resized with nearest neighbour and saved as PNG"
    ]


def of_copies(copies: Mapping[tuple[str, str], Sequence[tuple[str, str]]]) -> list[str]:
    """Name the images that are there twice: of two splits, the names there.

    >>> of_copies({("val", "train"): [("b.png", "a.png")]})[0][:50]
    'val: 1 image is in train too (b.png is a.png), so '
    """
    found = []
    for (split, other), names in copies.items():
        count = f"{len(names)} {_verb(names, 'image is', 'images are')}"
        pairs = in_short([copy if copy == original else f"{copy} is {original}" for copy, original in names], 3)
        if split == other:
            found.append(f"{of(split)}{count} there twice ({pairs}); keep one of each")
        else:
            found.append(
                f"{of(split)}{count} in {other} too ({pairs}), so that a network is measured by what it has learnt by "
                "heart; take them out of one of the two"
            )
    return found


def of_palettes(conflicts: Sequence[str], pairs: int) -> list[str]:
    """Name the labels whose palette says otherwise than those before."""
    if not conflicts:
        return []
    return [
        f"{len(conflicts)} of {pairs} labels {_verb(conflicts, 'has', 'have')} another palette than the ones before "
        f"({conflicts[0]}); if a program chose the palettes, an index is one class here and another there: save all "
        "labels with one palette"
    ]


def of_predictions(predicted: Sequence[str], pairs: int) -> list[str]:
    """Name the labels that a network wrote.

    >>> of_predictions(["a.png"], pairs=4)[0][:57]
    '1 of 4 labels was written by minifcn predict (a.png), and'
    """
    if not predicted:
        return []
    number, names = counted_of(len(predicted), pairs, "label"), in_short(predicted, 3)
    return [
        f"{number} {_verb(predicted, 'was', 'were')} written by minifcn predict ({names}), and what a network said is "
        "learnt and measured as if somebody had drawn it; put what was drawn in its place, or save again what you have "
        "corrected"
    ]


def group(faults: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Put faults together that differ in files and numbers alone.

    Returns
    -------
    list of (str, list of str)
        The first of a kind by the names of files, and what the others are about: files, or lines or shapes of the
        same one.

    Examples
    --------
    >>> group(["b.png: the file is empty (0 bytes)", "c.png: label value 17", "a.png: label value 9"])
    [('b.png: the file is empty (0 bytes)', []), ('a.png: label value 9', ['c.png'])]
    >>> group(["a.txt: line 3: no image", "a.txt: line 10: no image"])
    [('a.txt: line 3: no image', ['line 10'])]
    """
    kinds: dict[str, list[tuple[str, str, str]]] = {}  # of each fault its file, its line and all of it
    for fault in faults:
        place, _, text = fault.partition(": ")
        line = re.match(r"(line|shape) \d+", text)
        kind = re.sub(_DIFFERING, "", text)
        kinds.setdefault(kind, []).append((place, line[0] if line else "", fault))
    groups = []
    for alike in kinds.values():
        (file, _, first), *others = sorted(alike, key=lambda fault: _counted_up(fault[0]))  # lines stay in order
        places = Counter(line if place == file and line else place for place, line, _ in others)
        groups.append((first, [place if n == 1 else f"{place} ({n} times)" for place, n in places.items()]))
        if any(place == file and not line for place, line, _ in others):
            groups[-1:] = [(fault, []) for _, _, fault in [(file, "", first), *others]]
    return groups


def _counted_up(name: str) -> list[str | int]:
    """A name as people sort it: 2 before 10."""
    return [int(part) if number % 2 else part for number, part in enumerate(re.split(r"([0-9]+)", name))]


def of(split: str) -> str:
    """Begin a sentence about a split; a data set of its own has no name."""
    return f"{split}: " if split else ""


def _verb(things: Sequence[object], one: str, several: str) -> str:
    return one if len(things) == 1 else several
