"""Take the white paper off sheets of pictures, so that they are read on light and on dark pages.

    python docs/images/without_paper.py docs/images/demo-predictions.png

Pictures and coloured fields stay as they are; what is written between them becomes grey and the paper transparent.
"""

import sys

import numpy as np
from PIL import Image

PAPER = 250  # and above, in all three colours
INK = 117  # the grey of minifcn/explain/figures.mplstyle
SMALLEST, FIELD = 40, 9  # sides in pixels of a picture, and of a field of one colour


def blocks(ink):
    """Yield (rows, columns) of what stands apart, cut at empty rows and columns until there are none."""
    for rows in runs(ink.any(axis=1)):
        for columns in runs(ink[rows].any(axis=0)):
            part = ink[rows, columns]
            if runs(part.any(axis=1)) == [slice(0, len(part))]:
                yield rows, columns
            else:
                for r, c in blocks(part):
                    yield (
                        slice(rows.start + r.start, rows.start + r.stop),
                        slice(columns.start + c.start, columns.start + c.stop),
                    )


def runs(filled):
    """Give the slices of neighbours that are True."""
    edges = np.flatnonzero(np.diff(np.r_[0, filled.astype(int), 0]))
    return [slice(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def without_paper(picture):
    """Give a sheet (H, W, 3) as (H, W, 4)."""
    ink = (picture < PAPER).any(axis=2)
    grey = np.rint(picture.mean(axis=2)).astype(np.uint8)
    sheet = np.dstack([np.full((*grey.shape, 3), INK, np.uint8), 255 - grey])
    for block in blocks(ink):
        side, solid = min(ink[block].shape), ink[block].mean() > 0.9
        if side >= SMALLEST or (solid and side >= FIELD):
            sheet[block] = np.dstack([picture[block], np.full(ink[block].shape, 255)])
    return sheet


if __name__ == "__main__":
    for path in sys.argv[1:]:
        with Image.open(path) as sheet:
            made = without_paper(np.asarray(sheet.convert("RGB")))
        Image.fromarray(made).quantize(256).save(path, optimize=True)
