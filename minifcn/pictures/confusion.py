"""The confusion matrix, as a table of colours with its numbers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from minifcn.pictures.sheets import font_of_size, save_png
from minifcn.text import shortened

_INK, _PAPER, _FAINT = (32, 32, 32), (255, 255, 255), (232, 232, 228)
_FULL = (0, 88, 150)  # of a share of 1
_LONGEST_NAME = 26  # characters
_FEWEST_PIXELS = 30  # of a cell that has room for a number


def save_confusion(path: str | os.PathLike, matrix: np.ndarray, class_names: Sequence[str]) -> None:
    """Save a confusion matrix as a picture: in each row, what the pixels of one class were predicted as, in percent.

    Beside it stands the IoU of each class, and the share of all pixels that it has.

    Parameters
    ----------
    path : path of the PNG
    matrix : integer array (num_classes, num_classes)
        Counts: rows are the truth, columns the predictions, as in `metrics.ConfusionMatrix`.
    class_names : sequence of str

    Raises
    ------
    ValueError
        If there is not a name for each row and column.

    Examples
    --------
    >>> import tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "confusion.png")
    >>> save_confusion(path, np.array([[90, 10], [5, 15]]), ("background", "leaf"))
    >>> with Image.open(path) as picture:
    ...     picture.getpixel((0, 0))
    (255, 255, 255)
    """
    counts, names = np.asarray(matrix), [shortened(name, _LONGEST_NAME) for name in class_names]
    if counts.shape != (len(names), len(names)) or not names:
        raise ValueError(
            f"save_confusion: matrix has the shape (num_classes, num_classes), and each class a name, but it is "
            f"{counts.shape} and there are {len(names)} names"
        )
    cell = int(np.clip(1300 // len(names), 8, 120))
    font_size = int(np.clip(0.42 * cell, 8, 26))
    font, title = font_of_size(font_size), font_of_size(26)
    room = int(max(map(font.getlength, names))) + font_size
    side, beside = cell * len(names), max(cell, 5 * font_size)
    left, top = 24 + room, 120 + max(room, 7 * font_size)
    sheet = Image.new("RGB", (max(left + side + 2 * beside + 40, 760), top + side + 24), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((24, 24), "Confusion matrix", _INK, title)
    draw.text((24, 62), "row: a class and what its pixels were predicted as, in percent", _INK, font_of_size(20))
    _draw_cells(draw, counts, (left, top), cell, font)
    for n, name in enumerate(names):
        draw.text((left - font_size // 2, top + n * cell + cell // 2), name, _INK, font, anchor="rm")
        _write_up(sheet, name, (left + n * cell + cell // 2, top - font_size // 2), font)
    _draw_beside(sheet, counts, (left + side, top), (cell, beside), font)
    save_png(path, sheet)


def _draw_cells(draw: ImageDraw.ImageDraw, counts: np.ndarray, corner: tuple[int, int], cell: int, font: Any) -> None:
    truth = counts.sum(axis=1)
    for row, column in np.ndindex(counts.shape):
        x, y = corner[0] + column * cell, corner[1] + row * cell
        share = counts[row, column] / truth[row] if truth[row] else 0.0
        # The square root lets a share of a few percent be seen.
        colour = np.add(_PAPER, np.sqrt(share) * np.subtract(_FULL, _PAPER)) if truth[row] else _FAINT
        outline = _INK if row == column and cell >= _FEWEST_PIXELS else (255, 255, 255)
        draw.rectangle((x, y, x + cell - 2, y + cell - 2), tuple(map(int, colour)), outline)
        if cell >= _FEWEST_PIXELS and share >= 0.0005:  # less would be 0.0
            ink = _PAPER if share > 0.3 else _INK
            draw.text((x + cell // 2 - 1, y + cell // 2 - 1), _percent(share), ink, font, anchor="mm")


def _draw_beside(
    sheet: Image.Image, counts: np.ndarray, corner: tuple[int, int], sizes: tuple[int, int], font: Any
) -> None:
    """Write each class's IoU, and its share of the pixels."""
    draw, (left, top), (cell, width) = ImageDraw.Draw(sheet), corner, sizes
    truth, right = counts.sum(axis=1), np.diag(counts)
    union, pixels = truth + counts.sum(axis=0) - right, max(1, counts.sum())
    columns = {
        "IoU": [f"{a / b:.3f}" if b else "-" for a, b in zip(right, union, strict=True)],
        "of the pixels": [_percent(count / pixels) + "%" if count else "-" for count in truth],
    }
    for number, (name, texts) in enumerate(columns.items()):
        x = left + (number + 1) * width - width // 4
        _write_up(sheet, name, (x, top - font.size // 2), font)
        for n, text in enumerate(texts):
            draw.text((x + width // 3, top + n * cell + cell // 2), text, _INK, font, anchor="rm")


def _write_up(sheet: Image.Image, text: str, bottom: tuple[int, int], font: Any) -> None:
    """Write from the bottom to the top, centred over a point."""
    height = round(1.4 * font.size)
    line = Image.new("L", (int(font.getlength(text)) + 4, height), 0)
    ImageDraw.Draw(line).text((0, height // 2), text, 255, font, anchor="lm")
    turned = line.rotate(90, expand=True)
    sheet.paste(_INK, (bottom[0] - height // 2, bottom[1] - turned.height), turned)


def _percent(share: float) -> str:
    """Write a share in percent: 97, 3.2, 0.4, <0.1."""
    percent = 100 * share
    if percent < 0.1:
        return "<0.1"
    return f"{percent:.1f}" if percent < 9.95 else f"{percent:.0f}"
