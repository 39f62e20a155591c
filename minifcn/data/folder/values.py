"""Which values or colours a mask holds, and how many pixels of each: every mask is looked through once."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from minifcn.data.folders import Report
from minifcn.data.labels import colour_codes, decode_label, index_map, is_predicted
from minifcn.data.paths import broken_link, no_permission
from minifcn.errors import UserError
from minifcn.progress import Progress

MOST_COLOURS = 1000  # a photograph has more, and no mask
_SLOW = 1.0  # seconds, after which people are shown how far it is
Colour = tuple[int, int, int]


class MaskValues(NamedTuple):
    """What one mask holds.

    Parameters
    ----------
    indices : dict of int to int, or None
        The pixels of each index; None if the mask is in colours that are no greys.
    colours : dict of colour to int
        The pixels of each colour as it is shown. Of grey of 16 bits there is none.
    palette : bool
        Whether the file has a palette.
    """

    indices: dict[int, int] | None
    colours: dict[Colour, int]
    palette: bool


def scan(paths: Sequence[Path], wanted: set[Path], report: Report) -> dict[Path, MaskValues]:
    """Look through masks, and show how far it is if that is slow.

    Parameters
    ----------
    paths : sequence of path
    wanted : set of path
        Those whose faults are reported; of others only what is sound counts.
    report : callable

    Returns
    -------
    dict of path to MaskValues
        Of those that could be read.
    """
    found = {}
    for path in _shown(paths):
        try:
            status = os.stat(path)
            found[path] = _values(path, status.st_mtime_ns, status.st_size)
        except UserError as error:
            fault = str(error)
        except OSError as error:
            fault = broken_link(path) or no_permission(path, error)
        else:
            continue
        if path in wanted:
            report(fault)
    return found


def _shown(paths: Sequence[Path]) -> Iterator[Path]:
    started = time.monotonic()
    progress = None
    try:
        for done, path in enumerate(paths):
            yield path
            if progress is not None:
                progress.advance()
            elif time.monotonic() - started > _SLOW:
                progress = Progress("masks", len(paths), done + 1, sys.stderr)
    finally:
        if progress is not None:
            progress.__exit__()


# A training opens a folder for each split, and every split has the classes that all masks hold.
@lru_cache(maxsize=100_000)
def _values(path: Path, changed: int, size: int) -> MaskValues:
    image, bits = decode_label(path)
    if image.mode == "RGB" and bits == 8:
        pixels = np.array(image)
        if (pixels != pixels[..., :1]).any():
            if is_predicted(path):
                raise UserError(
                    f"{path}: it is an overlay of minifcn predict, a picture for people; put the mask there that was "
                    "drawn"
                )
            return MaskValues(None, _colours(path, pixels), False)
    indices = index_map(path, image, bits)
    counts = _counts(indices)
    return MaskValues(counts, _shown_colours(image, indices, counts), image.mode == "P")


def _counts(indices: np.ndarray) -> dict[int, int]:
    counts = np.bincount(indices.ravel(), minlength=256)
    return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}


def _shown_colours(image: Image.Image, indices: np.ndarray, counts: dict[int, int]) -> dict[Colour, int]:
    if image.mode == "P":
        palette = np.array(image.getpalette("RGB")).reshape(-1, 3).tolist()
        colours: dict[Colour, int] = {}
        for index, count in counts.items():
            red, green, blue = palette[index] if index < len(palette) else (0, 0, 0)
            colours[red, green, blue] = colours.get((red, green, blue), 0) + count
        return colours
    if image.mode not in ("1", "L", "RGB"):
        return {}
    shown = _counts(np.array(image.convert("L"))) if image.mode != "RGB" else counts
    return {(value, value, value): count for value, count in shown.items()}


def _colours(path: Path, pixels: np.ndarray) -> dict[Colour, int]:
    codes = colour_codes(pixels).ravel()
    # A mask is made of long runs of one colour: sorting the runs takes a fraction of the time of sorting the pixels.
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
    lengths = np.diff(np.r_[starts, codes.size])
    known, place = np.unique(codes[starts], return_inverse=True)
    if len(known) > MOST_COLOURS:
        raise UserError(
            f"{path}: it holds {len(known)} colours, as a photograph does or a mask that was a JPEG file once; save "
            "the mask that belongs there, as PNG from where it was drawn"
        )
    counts = np.bincount(place, lengths).astype(int).tolist()
    return {
        (code >> 16, code >> 8 & 255, code & 255): count for code, count in zip(known.tolist(), counts, strict=True)
    }
