"""The paper's figure 3, drawn of a network: its maps from the image to fc7, and the scores that go back and add up."""

from __future__ import annotations

import html
import os
from dataclasses import dataclass
from itertools import pairwise

from minifcn.compute.window import Pair, pair
from minifcn.files import atomic_write
from minifcn.models.fcn import FCN
from minifcn.models.geometry import trace
from minifcn.models.record import Crop, Trace
from minifcn.models.summary import LayerRow, of_both, rows_of
from minifcn.nn import ConvTranspose2d, Module

BOX, BARS, GAP, LEFT = 78, 104, 14, 24  # widths of a grid, of a row of layers, between them, and before them
TOP, SCORES, SUMS, HEIGHT = 70, 250, 350, 420  # heights of the trunk, of scores and of sums
INK = ("#2b8fcc", "#e69f00", "#009e73", "#cc79a7")  # of the streams, the coarsest first; Okabe and Ito's
ON_ITS_OWN = "<style>:root { color: #111 } @media (prefers-color-scheme: dark) { :root { color: #eee } }</style>"


@dataclass(frozen=True)
class NetworkFigure:
    """A network in the manner of the paper's figure 3; a notebook shows it.

    Parameters
    ----------
    about : str
        What it shows, in a sentence.
    drawing : str
        SVG, in the colour of the text around it.

    Examples
    --------
    >>> from minifcn import models
    >>> figure = figure3(models.FCN32s(21, variant="paper", width=1 / 64), (64, 64))
    >>> "crop from 19" in figure.drawing, figure.drawing.count("<rect")
    (True, 18)
    """

    about: str
    drawing: str

    def __repr__(self) -> str:
        return f"NetworkFigure({self.about})"

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x: auto">{self.drawing}</div>'

    def save(self, path: str | os.PathLike) -> None:
        """Save the drawing, light or dark as the reader's own pages are.

        Parameters
        ----------
        path : path of a file that ends in .svg
        """
        if not os.fspath(path).lower().endswith(".svg"):
            raise ValueError(f"save: path must end in .svg, got {os.fspath(path)!r}")
        first, rest = self.drawing.split("\n", 1)
        with atomic_write(path) as file:
            file.write(f"{first}\n{ON_ITS_OWN}\n{rest}\n".encode())


def figure3(model: Module, size: Pair = (224, 224)) -> NetworkFigure:
    """Draw a network as the paper's figure 3 does, with the sizes of its maps for an image.

    Everything in it comes from a run of the network's own forward on geometry, as the table of `minifcn summary` does.

    Parameters
    ----------
    model : FCN32s, FCN16s or FCN8s
        Of the variant "aligned" or "paper", on any trunk.
    size : (height, width) of the image, in pixels

    Returns
    -------
    NetworkFigure

    Raises
    ------
    ValueError
        If the model is another one, or the image too small for it.

    Notes
    -----
    Paper, figure 3. A square has as many cells as the map has for 32 pixels of the image, up to 16.

    Examples
    --------
    >>> from minifcn import models
    >>> figure3(models.FCN8s(21, variant="paper", width=1 / 64), (500, 500))
    NetworkFigure(FCN8s, paper, of 500x500 pixels: score_pool4 from 5, score_pool3 from 9, score from 31)
    """
    if not isinstance(model, FCN) or model.trunk.variant not in ("aligned", "paper"):
        raise ValueError(
            "figure3: model must be an FCN32s, FCN16s or FCN8s of the variant aligned or paper, got "
            f"{type(model).__name__}; for others there is models.summary.table"
        )
    size = pair(size, "figure3: size", 1)
    seen = trace(model, size)
    crops = ", ".join(f"{name} from {offset}" for name, offset in seen.crop_offsets.items())
    about = f"{type(model).__name__}, {model.trunk.variant}, of {size[0]}x{size[1]} pixels: {crops}"
    drawn = _Drawing(model, seen, size)
    label = html.escape(about, quote=True)
    return NetworkFigure(
        about,
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawn.width} {HEIGHT}" width="{drawn.width}" '
        f'height="{HEIGHT}" role="img" aria-label="{label}" font-family="system-ui, sans-serif" font-size="11" '
        f'fill="currentColor" stroke="none">\n' + "\n".join(drawn.lines) + "\n</svg>",
    )


class _Drawing:
    """Lines of SVG: the trunk from left to right, and under it the scores from right to left."""

    def __init__(self, model: FCN, seen: Trace, size: Pair) -> None:
        self.lines: list[str] = []
        self._ends: dict[str, float] = {}  # the middle of each map of the trunk that is scored
        self._rows, self._crops = rows_of(seen), {crop.name: crop for crop in seen.crops}
        scored = model.trunk.scored
        first = next(n for n, row in enumerate(self._rows) if row.name == model.head)
        self.width = self._trunk(self._rows[:first], scored, size)
        ups = [row for row in self._rows[first:] if isinstance(row.layer, ConvTranspose2d)]
        heads = [row for row in self._rows[first:] if row not in ups]
        coarse_to_fine = sorted(scored, key=lambda name: -scored[name])
        self._path(heads, ups, coarse_to_fine, size)
        self.width = max(self.width, round(self._ends[coarse_to_fine[0]]) + 64)

    def _trunk(self, rows: list[LayerRow], scored: dict[str, int], size: Pair) -> int:
        """Draw grids where the stride changes, and bars for the layers between; give the width."""
        self._grid(LEFT, 32, "image", f"{rows[0].before.shape[1]}×{_by(size)}")
        x, waiting = float(LEFT + BOX + GAP), list[LayerRow]()
        for row in rows:
            if row.before.coordinates.scale != row.behind.coordinates.scale:
                x = self._bars(x, waiting, scored)
                waiting = []
                stride = int(1 / row.behind.coordinates.scale)
                self._grid(x, max(1, 32 // stride), row.name, f"{_of(row)}, stride {stride}")
                if row.name in scored:
                    self._ends[row.name] = x + BOX / 2
                x += BOX + GAP
            else:
                waiting.append(row)
        return round(self._bars(x, waiting, scored))

    def _grid(self, x: float, cells: int, *texts: str) -> None:
        cells, step = min(cells, 16), BOX / min(cells, 16)
        path = "".join(f"M{x + k * step:g} {TOP}v{BOX}M{x:g} {TOP + k * step:g}h{BOX}" for k in range(cells + 1))
        self.lines.append(f'<path d="{path}" stroke="currentColor" stroke-opacity=".6" fill="none"/>')
        for n, line in enumerate(line for text in texts for line in text.split(", ")):
            self._text(x + BOX / 2, TOP + BOX + 15 + 14 * n, line, bold=n == 0)

    def _bars(self, x: float, rows: list[LayerRow], scored: dict[str, int]) -> float:
        if not rows:
            return x
        step = min(12.0, BARS / len(rows))
        left = x + BARS / 2 - step * len(rows) / 2
        for n, row in enumerate(rows):
            at = left + step * n
            self.lines.append(
                f'<rect x="{at + 1:g}" y="{TOP}" width="{max(1.0, step - 4):g}" height="{BOX}" fill-opacity=".35"/>'
            )
            if _layer(row) in scored:
                self._ends[_layer(row)] = at + step / 2
        names = _layer(rows[0]) if len(rows) == 1 else f"{_layer(rows[0])} to {_layer(rows[-1])}"
        self._text(x + BARS / 2, TOP - 22, names, bold=True)
        last = rows[-1]  # of a module with branches it is one of them, which has not all channels
        self._text(x + BARS / 2, TOP - 8, _by(last.behind.shape[2:]) if "." in last.name else _of(last))
        return x + BARS + GAP

    def _path(self, heads: list[LayerRow], ups: list[LayerRow], scored: list[str], size: Pair) -> None:
        """Draw the scores under their maps, and what is added up from right to left."""
        places = [self._ends[name] for name in scored[: len(heads)]]
        for n, (head, x) in enumerate(zip(heads, places, strict=True)):
            self._arrow(x, TOP + BOX + (48 if n else 6), x, SCORES - 24)
            self._box(x, SCORES, INK[n], head.name, _of(head))
            self._arrow(x, SCORES + 24, x, SUMS - 11)
            if n:
                self._sum(x, head, ups[n - 1].name, self._crops[head.name])
            else:
                self.lines.append(f'<circle cx="{x:g}" cy="{SUMS}" r="2"/>')
        for n, (up, (right, left)) in enumerate(zip(ups, pairwise([*places, LEFT + BOX / 2]), strict=True)):
            middle = (right + left) / 2 if n < len(ups) - 1 else left + 225
            stride = up.layer.window.stride[0]  # type: ignore[attr-defined]
            self._arrow(right - (11 if n else 0), SUMS, middle + 61, SUMS)
            self._box(middle, SUMS, INK[n], f"{up.name}, ×{stride}", _of(up))
            self._arrow(middle - 61, SUMS, left + (11 if n < len(ups) - 1 else 61), SUMS)
        crop = self._crops["score"]
        classes = ups[-1].behind.shape[1]
        self._box(LEFT + BOX / 2, SUMS, "currentColor", "score", f"{classes}×{_by(size)}")
        self._text(LEFT + BOX / 2 + 112, SUMS - 12, f"crop from {_offset(crop)}")

    def _sum(self, x: float, head: LayerRow, other: str, crop: Crop) -> None:
        self.lines.append(f'<circle cx="{x:g}" cy="{SUMS}" r="10" fill="none" stroke="currentColor"/>')
        self._text(x, SUMS + 4, "+", bold=True)
        cut = head.name if crop.larger is head.behind else other
        self._text(x, SUMS + 36, f"{cut} from {_offset(crop)}")
        self._text(x, SUMS + 50, f"{_by(crop.larger.shape[2:])} to {_by(crop.smaller.shape[2:])}")

    def _box(self, x: float, y: float, ink: str, *texts: str) -> None:
        self.lines.append(
            f'<rect x="{x - 61:g}" y="{y - 22:g}" width="122" height="44" rx="4" fill="{ink}" fill-opacity=".15" '
            f'stroke="{ink}" stroke-width="2"/>'
        )
        for n, text in enumerate(texts):
            self._text(x, y - 3 + 15 * n, text, bold=n == 0)

    def _arrow(self, x: float, y: float, x2: float, y2: float) -> None:
        across = y == y2
        head = f"M{x2 + 6:g} {y2 - 4:g}l-6 4l6 4" if across else f"M{x2 - 4:g} {y2 - 6:g}l4 6l4 -6"
        self.lines.append(f'<path d="M{x:g} {y:g}L{x2:g} {y2:g}{head}" stroke="currentColor" fill="none"/>')

    def _text(self, x: float, y: float, text: str, bold: bool = False) -> None:
        weight = ' font-weight="600"' if bold else ""
        self.lines.append(f'<text x="{x:g}" y="{y:g}" text-anchor="middle"{weight}>{html.escape(text)}</text>')


def _layer(row: LayerRow) -> str:
    """Name the layer of the trunk; a module such as an inception has several rows."""
    return row.name.split(".")[0]


def _of(row: LayerRow) -> str:
    return f"{row.behind.shape[1]}×{_by(row.behind.shape[2:])}"


def _by(size: Pair) -> str:
    return "×".join(map(str, size))


def _offset(crop: Crop) -> str:
    return of_both(map(str, crop.larger.offset_to(crop.smaller)), ", ")
