"""Tables of numbers as a drawing in SVG, for where no script runs: in the page's own colours, light or dark."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from minifcn.explain.stepper.scene import Grid

SIDE, GAP, HEAD, WIDTH = 32, 26, 22, 900  # pixels; beyond WIDTH the next table starts a new line
FILLS = {"active": ("#e69f00", "#d98c00"), "touched": ("#56b4e9", "#2b8fcc"), "": ("#808080", "#808080")}


def picture(grids: Sequence[Grid], sentence: str) -> str:
    """Draw tables side by side, with the sentence above them.

    Parameters
    ----------
    grids : sequence of Grid
    sentence : str

    Returns
    -------
    str
        An element <figure>.

    Examples
    --------
    >>> drawn = picture([Grid("input x", np.array([[1.0, 2.5]]))], "nothing yet")
    >>> drawn.count("<rect"), "2.5" in drawn, "<figcaption>nothing yet</figcaption>" in drawn
    (2, True, True)
    """
    parts: list[str] = []
    x, y, lowest = 0, 0, 0
    right = 0
    for grid in grids:
        rows, columns = grid.numbers.shape
        width = max(columns * SIDE, 7 * len(grid.title))
        if x and x + width > WIDTH:
            x, y = 0, lowest + GAP
        parts.append(_drawn(grid, x, y + HEAD))
        lowest, right = max(lowest, y + HEAD + rows * SIDE), max(right, x + width)
        x += width + GAP
    box = f"0 0 {right + 2} {lowest + 2}"
    label = html.escape(sentence, quote=True)
    return (
        f'<figure style="margin: 0"><figcaption>{html.escape(sentence)}</figcaption>\n'
        f'<svg viewBox="{box}" width="{right + 2}" style="max-width: 100%" role="img" aria-label="{label}" '
        f'font-family="system-ui, sans-serif" font-size="13" fill="currentColor">\n'
        + "\n".join(parts)
        + "\n</svg></figure>"
    )


def _drawn(grid: Grid, left: int, top: int) -> str:
    texts = np.array(grid.texts(), object).reshape(grid.numbers.shape)
    inside = np.zeros(grid.numbers.shape, bool)
    inside[grid.inside] = True
    drawn = [f'<text x="{left + 1}" y="{top - 7}">{html.escape(grid.title)}</text>']
    for (r, c), text in np.ndenumerate(texts):
        lit = next((name for name in ("active", "touched") if _holds(getattr(grid, name), r, c)), "")
        fill, line = FILLS[lit]
        dashes = "" if inside[r, c] else ' stroke-dasharray="4 3"'
        x, y = left + c * SIDE + 1, top + r * SIDE + 1
        drawn.append(
            f'<rect x="{x}" y="{y}" width="{SIDE}" height="{SIDE}" fill="{fill}" fill-opacity="{0.35 if lit else 0}" '
            f'stroke="{line}"{dashes}/>'
            f'<text x="{x + SIDE / 2:g}" y="{y + SIDE / 2 + 4:g}" text-anchor="middle">{html.escape(str(text))}</text>'
        )
    return "\n".join(drawn)


def _holds(mask: np.ndarray | None, r: int, c: int) -> bool:
    return mask is not None and bool(mask[r, c])
