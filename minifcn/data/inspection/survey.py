"""One pass over a data set that counts what is there and finds what is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TextIO

import numpy as np
from PIL import Image

from minifcn.check import kind
from minifcn.data.dataset import Dataset, Sample
from minifcn.data.images import colours
from minifcn.data.inspection import findings
from minifcn.data.inspection.copies import Copies
from minifcn.data.inspection.counts import SplitCounts
from minifcn.data.inspection.pairs import OpenedPair, read_pair
from minifcn.data.inspection.palettes import Palettes
from minifcn.data.inspection.report import Inspection
from minifcn.data.labels import is_predicted
from minifcn.errors import UserError
from minifcn.progress import Progress

EXAMPLE_SIDE = 960  # pixels of an example at most


def inspect(dataset: Dataset | Mapping[str, Dataset], *, examples: int = 0, stream: TextIO | None = None) -> Inspection:
    """Open every pair of a data set once: count pairs, sizes and classes, and find all that is wrong.

    One pair is in memory at a time.

    Parameters
    ----------
    dataset : Dataset, or mapping from the names of splits to them
        The first split is the one to train on.
    examples : int
        How many pairs to keep for a picture.
    stream : text stream, optional
        Where to show progress.

    Returns
    -------
    Inspection
        `str` of it is a table; its `faults` are what training would stop at.

    Raises
    ------
    UserError
        If there is no data set, or the splits have different classes.
    TypeError, ValueError
        If an argument is of another kind.

    Examples
    --------
    >>> from minifcn.data import Shapes
    >>> print(inspect({"train": Shapes(8, 64, 3, seed=0), "val": Shapes(2, 64, 3, seed=1)}))
    split  pairs  width x height
    train      8  64 x 64
    val        2  64 x 64
    <BLANKLINE>
                 train             val
    class       pixels  images  pixels  images
    background  61.48%    100%  72.14%    100%
    disc        23.82%     75%  19.63%    100%
    square      14.70%     50%   8.23%     50%
    <BLANKLINE>
    every pair can be read, and nothing stands out
    """
    splits = dict(dataset) if isinstance(dataset, Mapping) else {"": dataset}
    for name, one in splits.items():
        if not isinstance(one, Dataset) or not isinstance(name, str):
            found = f"{name!r}: {kind(one)}" if isinstance(dataset, Mapping) else kind(one)
            raise TypeError(f"inspect: dataset must be a data.Dataset, or a mapping from names to them, got {found}")
    if not isinstance(examples, int) or examples < 0:
        raise ValueError(f"inspect: examples must be a whole number from 0 up, got {examples!r}")
    _check_classes(splits)
    survey = _Survey(splits, examples)
    with Progress("check", sum(map(len, splits.values())), 0, stream) as progress:
        for split, pairs in splits.items():
            for index in range(len(pairs)):
                survey.see(split, read_pair(pairs, index))
                progress.advance()
    return survey.finish()


def _check_classes(splits: Mapping[str, Dataset]) -> None:
    if not splits:
        raise UserError("inspect: there is no data set; give one, or a mapping of splits to them")
    (first, classes), *others = [(split, tuple(dataset.class_names)) for split, dataset in splits.items()]
    for split, names in others:
        if names != classes:
            raise UserError(f"{split} has the classes {', '.join(names)}, but {first} has {', '.join(classes)}")


class _Survey:
    """What has been seen so far."""

    def __init__(self, splits: Mapping[str, Dataset], examples: int):
        first = next(iter(splits.values()))
        counts = {split: SplitCounts.of(first.num_classes) for split in splits}
        self.found = Inspection(
            tuple(first.class_names), first.palette, first.ignore_index, counts, description=first.description
        )
        pairs = sum(map(len, splits.values()))
        self.wanted = np.linspace(0, pairs - 1, min(examples, pairs)).astype(int)  # as examples: these, or later ones
        self.seen = 0
        self.smoothed: list[tuple[str, str]] = []
        self.copies = Copies()
        self.palettes = Palettes()
        self.predicted: list[str] = []
        self.of_files = findings.of_files(splits)

    def see(self, split: str, pair: OpenedPair) -> None:
        """Count a pair, or note its faults."""
        self.found.faults += pair.faults
        if pair.sample is not None:
            self.found.splits[split].add(pair.sample.label, pair.sample.ignore_index)
            if pair.borders and pair.borders.smoothed:
                self.smoothed.append((pair.name, pair.borders.example))
            self.compare(split, pair.image_name, colours(pair.sample.image))
            if np.searchsorted(self.wanted, self.seen, "right") > len(self.found.examples):
                self.found.examples.append((f"{split} {pair.sample.name}".strip(), *_scaled_down(pair.sample)))
        self.palettes.see(pair)
        if is_predicted(pair.name):
            self.predicted.append(pair.name)
        self.seen += 1

    def compare(self, split: str, name: str, image: np.ndarray) -> None:
        """Look whether an image of the same pixels was there before."""
        digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=16)
        digest.update(np.ascontiguousarray(image).data)
        self.copies.see(split, name, digest.digest())

    def finish(self) -> Inspection:
        """Give what was found."""
        found, pairs = self.found, sum(counts.pairs for counts in self.found.splits.values())
        found.warnings += self.of_files
        found.warnings += findings.of_predictions(self.predicted, pairs)
        found.warnings += findings.of_borders(self.smoothed, pairs)
        found.warnings += findings.of_palettes(self.palettes.conflicts, pairs)
        found.warnings += findings.of_copies(self.copies.found)
        found.warnings += findings.of_classes(found.splits, found.class_names, found.ignore_index)
        return found


def _scaled_down(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Image and label of an example, so that a few of them take little memory."""
    height, width = sample.label.shape
    scale = min(1.0, EXAMPLE_SIDE / max(height, width))
    if scale == 1:
        return colours(sample.image), sample.label
    size = max(1, round(width * scale)), max(1, round(height * scale))
    rows = np.linspace(0, height - 1, size[1]).round().astype(int)
    columns = np.linspace(0, width - 1, size[0]).round().astype(int)
    return np.array(Image.fromarray(colours(sample.image)).resize(size)), sample.label[np.ix_(rows, columns)]
