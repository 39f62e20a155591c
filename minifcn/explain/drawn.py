"""Small arrays as pictures: their numbers in a grid, and how much of each pixel lies under what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minifcn.explain.check import real

BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
KINDS = (BLUE, ORANGE, GREEN, VERMILLION)  # of Okabe and Ito: told apart whatever one's eyes


def draw_numbers(
    ax: Any,
    values: Any,
    title: str = "",
    *,
    colour: Any = "0.35",
    shade: Any = None,
    frames: Sequence[tuple[float, ...]] = (),
    labels: tuple[str, str] = ("", ""),
) -> None:
    """Write a small array into the cells of a grid.

    Parameters
    ----------
    ax : Axes of matplotlib
        Its coordinates become rows and columns of the array, whose cells are centred on whole numbers.
    values : array (H, W) of numbers
    title : str
    colour : colour of matplotlib, or array (H, W) of whole numbers
        Of all cells; numbers choose one of the four colours `explain.KINDS` for each, and a negative one none.
    shade : array (H, W), optional
        The larger, the darker a cell; the sizes of the numbers unless given.
    frames : sequence of (row, column, rows, columns) or (row, column, rows, columns, colour)
        Rectangles of cells to be framed, in vermillion unless they have a colour.
    labels : (str, str)
        What the axes count: columns and rows.

    Examples
    --------
    >>> from minifcn.explain.figure import new_figure
    >>> ax = new_figure().subplots()
    >>> draw_numbers(ax, [[1.0, 0.5], [0, 12]], "y", frames=[(1, 1, 1, 1)])
    >>> [text.get_text() for text in ax.texts]
    ['1', '0.5', '0', '12']
    """
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Rectangle

    values = real(values, "draw_numbers: values")
    if values.ndim != 2:
        raise ValueError(f"draw_numbers: values must have two axes, got shape {values.shape}; take one channel")
    kinds = np.zeros(values.shape, int) if isinstance(colour, str | tuple) else np.asarray(colour)
    colours = [colour] if isinstance(colour, str | tuple) else KINDS
    strength = np.abs(values if shade is None else np.asarray(shade, float))
    strength = np.where(kinds < 0, 0, 0.5 * strength / max(strength.max(), 1e-12))
    tints = np.array([to_rgb(one) for one in colours])[np.maximum(kinds, 0)]
    ax.imshow(1 - strength[..., None] * (1 - tints))
    texts = np.vectorize("{:g}".format, otypes=[object])(values + 0.0)  # -0 is 0
    size = 11 if max(map(len, texts.ravel())) <= 3 else 9
    for (row, column), text in np.ndenumerate(texts):
        ink = "0.5" if text == "0" else "black"
        ax.text(column, row, text, ha="center", va="center", fontsize=size, color=ink)
    for row, column, height, width, *edge in frames:
        place = (column - 0.46, row - 0.46)
        edgecolor = edge[0] if edge else VERMILLION
        ax.add_patch(Rectangle(place, width - 0.08, height - 0.08, fill=False, edgecolor=edgecolor, linewidth=3))
    ax.set(xticks=range(values.shape[1]), yticks=range(values.shape[0]), xlabel=labels[0], ylabel=labels[1])
    ax.tick_params(length=0)
    ax.set_title(title, fontsize=11)
