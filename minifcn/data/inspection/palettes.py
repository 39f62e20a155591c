"""Whether the palettes of label files agree on what an index is.

A palette is no part of a label: the index counts. But where a program made palettes from colours, each file numbers the
colours as they come, and one index is the road here and the sky there.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from minifcn.data.inspection.pairs import OpenedPair

_Colour = tuple[int, ...]


class Palettes:
    """The colours that label files give to the indices they use.

    Attributes
    ----------
    conflicts : list of str
        A line for each file that gives an index another colour than a file before it.
    """

    def __init__(self) -> None:
        self.conflicts: list[str] = []
        self._colours: dict[int, tuple[_Colour, str]] = {}

    def see(self, pair: OpenedPair) -> None:
        """Take in the palette of the label file of a pair, if it has one."""
        if pair.sample is None or pair.name == pair.image_name:
            return
        colours = _colours(Path(pair.name), pair.sample.label)
        for index, colour in colours.items():
            known, where = self._colours.setdefault(index, (colour, pair.name))
            if known != colour:
                self.conflicts.append(f"{pair.name} has index {index} in {colour}, {where} in {known}")
                return


def _colours(path: Path, label: np.ndarray) -> dict[int, _Colour]:
    """The colour of each index of a label that is the pixels of a file with a palette; of any other file, none."""
    with suppress(OSError, ValueError), Image.open(path, formats=["PNG"]) as file:
        palette = file.getpalette("RGB") if file.mode == "P" else None
        if palette and np.array_equal(np.asarray(file), label):
            colours = np.array(palette).reshape(-1, 3).tolist()
            return {index: tuple(colours[index]) for index in np.unique(label).tolist() if index < len(colours)}
    return {}
