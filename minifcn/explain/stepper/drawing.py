"""The stepper's tables as a figure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from minifcn.explain.figure import new_figure
from minifcn.explain.stepper.scene import Grid

CELL = 0.36  # inches
MATRIX_CELL = 0.22
WIDTH = 11.0  # beyond it the next table starts a new line
GAP = 0.45
NAMES = 0.28  # what the names of a matrix's lines take, beside it and above it
LINE, INK, FAINT = "#999999", "#202020", "#777777"
# Okabe and Ito's colours, told apart with any colour vision; the thick border tells them apart in grey.
ACTIVE, TOUCHED, WRONG = ("#f5d590", "#b06f00"), ("#cfe8f7", "#0072B2"), ("#f3b899", "#D55E00")


def draw(grids: Sequence[Grid], sentence: str) -> Any:
    """Draw tables, and the sentence above them.

    Parameters
    ----------
    grids : sequence of Grid
    sentence : str

    Returns
    -------
    matplotlib.figure.Figure
        Its size depends on the shapes of the tables alone.
    """
    corners, (width, height) = _arrange(grids)
    width = max(width, 8.5)
    figure = new_figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))  # in inches, from the top left
    axes.axis("off")
    axes.text(GAP, 0.22, textwrap.fill(sentence, int(width * 11)), fontsize=10, weight="bold", color=INK, va="top")
    for grid, corner in zip(grids, corners, strict=True):
        _draw_grid(axes, grid, corner)
    return figure


def _cell(grid: Grid) -> float:
    return CELL if grid.output_axis is None else MATRIX_CELL


def _arrange(grids: Sequence[Grid]) -> tuple[list[tuple[float, float]], tuple[float, float]]:
    """Place the tables from left to right in lines; the matrices start a new one."""
    corners: list[tuple[float, float]] = []
    x, y, line_height, right = GAP, 1.05, 0.0, 0.0
    matrices = False
    for grid in grids:
        rows, columns = (n * _cell(grid) for n in grid.numbers.shape)
        named = NAMES if grid.names else 0.0
        width = named + max(columns, 0.085 * len(grid.title))
        starts_matrices = grid.output_axis is not None and not matrices
        if x > GAP and (starts_matrices or x + width + GAP > WIDTH):
            x, y, line_height = GAP, y + line_height + 0.75, 0.0
        matrices = matrices or starts_matrices
        corners.append((x + named, y + named))
        x, line_height = x + width + GAP, max(line_height, named + rows)
        right = max(right, x)
    return corners, (right, y + line_height + 0.3)


def _draw_grid(axes: Any, grid: Grid, corner: tuple[float, float]) -> None:
    (left, top), side, small = corner, _cell(grid), grid.output_axis is not None
    shape = grid.numbers.shape
    texts = np.array(grid.texts(), object).reshape(shape)
    lit = [mask if mask is not None else np.zeros(shape, bool) for mask in (grid.active, grid.touched)]
    axes.text(left, top - 0.2 - (NAMES if grid.names else 0), grid.title, fontsize=9.5, color=INK, va="bottom")
    _draw_cells(axes, grid, corner, *lit)
    for r, c in np.argwhere((texts != "") & (texts != "·")):
        zero, marked = texts[r, c] == "0", lit[0][r, c] or lit[1][r, c]
        axes.text(
            left + (c + 0.5) * side,
            top + (r + 0.5) * side,
            texts[r, c],
            ha="center",
            va="center_baseline",
            fontsize=(6.5 if small else 10) * min(1, 4 / len(texts[r, c])),
            color=FAINT if zero else INK,
            weight="bold" if marked and not zero else "normal",
        )
    rows, columns = np.nonzero(texts == "·")
    axes.scatter(left + (columns + 0.5) * side, top + (rows + 0.5) * side, s=0.3, color=FAINT, zorder=2)
    _draw_indices(axes, grid, corner)


def _draw_indices(axes: Any, grid: Grid, corner: tuple[float, float]) -> None:
    """Write beside each line its number or its name; names of columns stand upright."""
    (left, top), side = corner, _cell(grid)
    style = {"fontsize": 6.5 if grid.output_axis is None else 5.5, "color": FAINT}
    for axis, first in enumerate(grid.first):
        for n in range(grid.numbers.shape[axis]):
            along = (n + 0.5) * side
            x, y = (left - 0.09, top + along) if axis == 0 else (left + along, top - 0.09)
            if grid.names is None:
                axes.text(x, y, n + first, ha="center", va="center", **style)
            elif axis == 0:
                axes.text(left - 0.04, y, grid.names[0][n], ha="right", va="center", **style)
            else:
                axes.text(x, top - 0.04, grid.names[1][n], ha="center", va="bottom", rotation=90, **style)


def _draw_cells(axes: Any, grid: Grid, corner: tuple[float, float], active: np.ndarray, touched: np.ndarray) -> None:
    """Draw the cells, those with the strongest border last."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    (left, top), side, small = corner, _cell(grid), grid.output_axis is not None
    outside = np.ones(active.shape, bool)
    outside[grid.inside] = False
    strength = 2 * active + touched
    cells = []
    for r, c in sorted(np.ndindex(active.shape), key=lambda place: strength[place]):
        fill, edge, width = ("#f0f0f0" if outside[r, c] else "white"), LINE, 0.6
        if grid.wrong is not None and grid.wrong[r, c]:
            fill, edge, width = WRONG[0], ACTIVE[1] if active[r, c] else WRONG[1], 1.8
        elif active[r, c]:
            fill, edge, width = ACTIVE[0], ACTIVE[1], 1.8
        elif touched[r, c]:
            fill, edge, width = TOUCHED[0], TOUCHED[1], 1.2
        if small and active[r, c] and not touched[r, c]:
            fill, edge, width = "#fdf3dc", LINE, 0.6
        cells.append(
            Rectangle(
                (left + c * side, top + r * side),
                side,
                side,
                facecolor=fill,
                edgecolor=edge,
                linewidth=0.6 * width if small else width,
                linestyle="--" if outside[r, c] else "-",
            )
        )
    axes.add_collection(PatchCollection(cells, match_original=True, zorder=1))
