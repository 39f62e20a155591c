"""What was found in a data set, as text and as JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minifcn.data.inspection import findings
from minifcn.data.inspection.counts import SplitCounts
from minifcn.text import in_columns, in_short, printable, shortened

_MOST_PLACES = 20  # named under one fault
_MOST_SIZES = 3  # that are listed
_LONGEST_NAME = 24  # of a class, in characters


@dataclass
class Inspection:
    """What `inspect` has found; as text, tables and sentences.

    Parameters
    ----------
    class_names : tuple of str
    palette : uint8 array (num_classes, 3)
    ignore_index : int
    splits : dict of SplitCounts
        By name; that of a single data set is "".
    faults : list of str
        A line for each: the file, what is wrong with it, and how to mend it. Training or evaluation stops at it.
    warnings : list of str
        A line for each thing that stands out.
    examples : list of (name, image, label)
        Pairs spread over the splits, for a picture, scaled down.
    description : str
        That of the data set.

    Examples
    --------
    >>> from minifcn.data import Shapes, inspect
    >>> found = inspect(Shapes(20, 32, 3))
    >>> found.faults, found.warnings, found.splits[""].pairs
    ([], [], 20)
    """

    class_names: tuple[str, ...]
    palette: np.ndarray
    ignore_index: int
    splits: dict[str, SplitCounts]
    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    examples: list[tuple[str, np.ndarray, np.ndarray]] = field(default_factory=list)
    description: str = ""

    def __str__(self) -> str:
        parts = [printable(self.description), self._split_table(), self._class_table()]
        if self.warnings:
            parts.append("\n".join([_heading(len(self.warnings), "thing", "to look at"), *_indented(self.warnings)]))
        if self.faults:
            parts.append(
                "\n".join(
                    [_heading(len(self.faults), "fault", "at which training or evaluation stops"), *self._fault_lines()]
                )
            )
        if not self.faults and not self.warnings:
            parts.append("every pair can be read, and nothing stands out")
        return "\n\n".join(part for part in parts if part)

    def to_dict(self) -> dict[str, Any]:
        """Give everything but the pictures, for JSON."""
        return {
            "splits": {split: self._split_dict(counts) for split, counts in self.splits.items()},
            "faults": self.faults,
            "warnings": self.warnings,
        }

    def _split_dict(self, counts: SplitCounts) -> dict[str, Any]:
        columns = zip(self.class_names, counts.pixels.tolist(), counts.images.tolist(), strict=True)
        return {
            "pairs": counts.pairs,
            "sizes": {f"{height}x{width}": count for (height, width), count in counts.sizes.most_common()},
            "ignored_pixels": counts.ignored,
            "classes": [{"name": name, "pixels": pixels, "images": images} for name, pixels, images in columns],
        }

    def _split_table(self) -> str:
        if not self.splits:
            return ""
        rows = [(split, str(counts.pairs), _sizes(counts.sizes)) for split, counts in self.splits.items()]
        columns = [*zip(("split", "pairs", "width x height"), *rows, strict=True)]
        width = max(map(len, columns[2]))
        columns[2] = tuple(cell.ljust(width) for cell in columns[2])
        return in_columns(zip(*columns, strict=True))

    def _class_table(self) -> str:
        """The shares of the classes that occur; that others do not is a warning."""
        counts = list(self.splits.values())
        if not any(count.pairs for count in counts):
            return ""
        names = [shortened(name, _LONGEST_NAME) for name in self.class_names]
        rows = [["", *(cell for split in self.splits for cell in (split, ""))]] if any(self.splits) else []
        rows.append(["class", *len(counts) * ["pixels", "images"]])
        for number in np.flatnonzero(sum(count.pixels for count in counts)):
            shares = [(_share(c.shares[number], ".2%"), _share(c.image_shares[number], ".0%")) for c in counts]
            rows.append([names[number], *(cell for pair in shares for cell in pair)])
        if any(count.ignored for count in counts):
            rows.append(["(ignored)", *(cell for c in counts for cell in (_share(c.ignored_share, ".2%"), ""))])
        return in_columns(rows)

    def _fault_lines(self) -> list[str]:
        lines = []
        for first, others in findings.group(self.faults):
            lines += _indented([first])
            if others:
                lines.append(f"    and likewise {printable(in_short(others, _MOST_PLACES))}")
        return lines


def _sizes(sizes: Counter[tuple[int, int]]) -> str:
    """The sizes of the images; of many the most frequent one, the smallest and the largest."""
    if not sizes:
        return "-"
    frequent = sizes.most_common()
    if len(frequent) == 1:
        return _size(frequent[0][0])
    if len(frequent) <= _MOST_SIZES:
        return ", ".join(f"{_size(size)} ({count})" for size, count in frequent)
    small, large = (key(sizes, key=lambda size: size[0] * size[1]) for key in (min, max))
    (common, count), *_ = frequent
    return f"{_size(common)} ({count} of them); {_size(small)} to {_size(large)}"


def _size(size: tuple[int, int]) -> str:
    return f"{size[1]} x {size[0]}"


def _share(share: float, layout: str) -> str:
    return format(share, layout) if share else "-"


def _heading(count: int, thing: str, what: str) -> str:
    return f"{count} {thing}{'s' * (count > 1)} {what}:"


def _indented(lines: list[str]) -> list[str]:
    return [f"  {printable(line)}" for line in lines]
