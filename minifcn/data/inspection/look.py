"""A look at some pairs before training, in a few seconds: what `inspect` would find, as far as it shows there."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

import numpy as np

from minifcn.data.dataset import Dataset, FirstImages
from minifcn.data.inspection import findings
from minifcn.data.inspection.copies import copied_files
from minifcn.data.inspection.counts import SplitCounts
from minifcn.data.inspection.pairs import read_label, read_pair
from minifcn.data.inspection.palettes import Palettes
from minifcn.data.labels import is_predicted
from minifcn.errors import UserError
from minifcn.text import counted

PAIRS = 16  # of each split
SECONDS = 3.0


class FirstLook(NamedTuple):
    """What a look found.

    Parameters
    ----------
    warnings : list of str
        A line for each thing that stands out.
    absent : frozenset of int
        Classes that no training label has; none unless all of these were read.
    """

    warnings: list[str]
    absent: frozenset[int]


def look(splits: Mapping[str, Dataset], seconds: float = SECONDS) -> list[str]:
    """Open a few pairs of each split, spread over it, and refuse what training would stop at.

    Parameters
    ----------
    splits : mapping from names to data sets
        The first one is the one to train on. Its other labels are read until each class has been seen.
    seconds : float
        After which nothing more is opened, but the first pair of each split.

    Returns
    -------
    list of str
        A line for each thing that stands out: what the files leave open, labels that look smoothed or have palettes
        that contradict each other, image files that are there twice, and classes that do not occur.

    Raises
    ------
    UserError
        The first fault, and how many more there are in these pairs.

    Examples
    --------
    >>> from minifcn.data import Shapes
    >>> look({"train": Shapes(100, 64, 3, seed=0), "val": Shapes(10, 64, 3, seed=1)})
    []
    >>> look({"train": Shapes(1, 64, 4)})
    ['train: no label has the classes square, triangle, so a network cannot learn them']
    """
    return look_at(splits, seconds).warnings


def look_at(splits: Mapping[str, Dataset], seconds: float = SECONDS) -> FirstLook:
    """Look as `look` does, and say too which classes no training label has.

    Examples
    --------
    >>> from minifcn.data import Shapes
    >>> sorted(look_at({"train": Shapes(1, 64, 4)}).absent)
    [2, 3]
    """
    end = time.monotonic() + seconds
    faults: list[str] = []
    smoothed: list[tuple[str, str]] = []
    predicted: list[str] = []
    palettes, opened = Palettes(), 0
    counts = {split: SplitCounts.of(dataset.num_classes) for split, dataset in splits.items()}
    for split, dataset in splits.items():
        for number, index in enumerate(islice(_spread(len(dataset)), PAIRS)):
            if number and time.monotonic() > end:
                break
            pair = read_pair(dataset, index)
            opened += 1
            palettes.see(pair)
            predicted += [pair.name] * is_predicted(pair.name)
            faults += pair.faults
            if pair.sample is not None:
                counts[split].add(pair.sample.label, dataset.ignore_index)
            if pair.borders and pair.borders.smoothed:
                smoothed.append((pair.name, pair.borders.example))
    if faults:
        more = f" (and {len(faults) - 1} more in the {counted(opened, 'pair')} looked at)" if len(faults) > 1 else ""
        raise UserError(f"{faults[0]}{more}")
    training = next(iter(splits))
    warnings = [
        *findings.of_files(splits),
        *findings.of_predictions(predicted, opened),
        *findings.of_borders(smoothed, opened),
        *findings.of_palettes(palettes.conflicts, opened),
        *findings.of_copies(copied_files(splits, seconds / 3).found),
        *_classes(training, splits[training], counts[training], end),
    ]
    whole = counts[training].pairs == len(splits[training])
    return FirstLook(warnings, frozenset(np.flatnonzero(counts[training].pixels == 0).tolist() if whole else ()))


def _spread(length: int) -> Iterator[int]:
    """The numbers 0..length - 1 in an order in which the first ones lie far apart.

    >>> list(_spread(10))
    [0, 7, 4, 1, 8, 5, 2, 9, 6, 3]
    """
    step = max(1, round(0.618 * length))
    while math.gcd(step, length) != 1:
        step += 1
    return (number * step % length for number in range(length))


def _classes(split: str, dataset: Dataset, counts: SplitCounts, end: float) -> list[str]:
    """Read on, label after label, until each class has been seen; say which are not there."""
    if isinstance(dataset, FirstImages):
        return []  # whoever asks for some of the images does not expect all classes
    known = np.arange(dataset.num_classes) != dataset.ignore_index
    for index in islice(_spread(len(dataset)), counts.pairs, None):
        if counts.pixels[known].all() or time.monotonic() > end:
            break
        counts.add(read_label(dataset, index), dataset.ignore_index)
    # Of some of the labels alone, that a rare class is not there says nothing; that there is only one class does.
    if counts.pairs < len(dataset) and np.count_nonzero(counts.pixels) > 1:
        return []
    return findings.of_classes({split: counts}, dataset.class_names, dataset.ignore_index)
