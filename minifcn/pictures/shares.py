"""A data set in a picture: the share of each class of the pixels, and some pairs with the label over the image."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minifcn.pictures.colours import background, check_sizes, overlay
from minifcn.pictures.figures import save_figure
from minifcn.text import shortened

_WIDTH, _MARGIN = 10.0, 0.5  # inches
_ACROSS, _CELL = 3, 2.7  # examples in a row, and the height of a row in inches
_FADED = (0, 0.5, 0.75)  # how much white the colours have, split by split
_LONGEST = 28  # of a name, in characters


def save_shares(
    path: str | os.PathLike,
    shares: Mapping[str, np.ndarray],
    examples: Sequence[tuple[str, np.ndarray, np.ndarray]],
    class_names: Sequence[str],
    palette: np.ndarray,
    ignore_index: int = 255,
) -> None:
    """Save the shares of the classes as bars, and below them examples with their label laid over the image.

    Parameters
    ----------
    path : path of the PNG
    shares : mapping from names of splits to arrays (num_classes,) of 0..1
    examples : sequence of (title, image uint8 (H, W, 3), label (H, W))
    class_names : sequence of str
    palette : uint8 array (num_classes, 3)
    ignore_index : int
        Shown in `VOID_COLOUR`; a class that is ignored has no bar.

    Examples
    --------
    >>> import tempfile
    >>> from minifcn.data import Shapes
    >>> pictures = Shapes(2, size=(32, 48), num_classes=2)
    >>> examples = [(sample.name, sample.image, sample.label) for sample in pictures]
    >>> path = os.path.join(tempfile.mkdtemp(), "shares.png")
    >>> save_shares(path, {"train": np.array([0.7, 0.3])}, examples, pictures.class_names, pictures.palette)
    >>> from PIL import Image
    >>> with Image.open(path) as picture:
    ...     picture.width
    1500
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    for title, image, label in examples:
        check_sizes(f"save_shares: {title}", image, label=label)
    classes = [number for number in range(len(class_names)) if number != ignore_index]
    columns = 1 if len(classes) <= 16 else 2 if len(classes) <= 60 else 3
    rows = -(-len(classes) // columns)
    heights = [_MARGIN + rows * (0.12 + 0.16 * len(shares)), _CELL * -(-len(examples) // _ACROSS)]
    figure = Figure(figsize=(_WIDTH, sum(heights)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    parts = figure.subfigures(2 if examples else 1, 1, squeeze=False, height_ratios=heights[: 2 if examples else 1])
    largest = max([float(np.max(share, initial=0)) for share in shares.values()], default=0) or 1
    for number, axes in enumerate(parts[0, 0].subplots(1, columns, squeeze=False)[0]):
        shown = classes[number * rows : (number + 1) * rows]
        _draw_bars(
            axes, shown, shares, [shortened(class_names[place], _LONGEST) for place in shown], np.asarray(palette) / 255
        )
        axes.set(xlim=(0, 1.25 * largest), ylim=(rows - 0.4, -0.6))
    if len(shares) > 1:
        _draw_legend(axes, list(shares))
    if examples:
        for axes, example in zip(_cells(parts[1, 0], len(examples)), examples, strict=True):
            axes.imshow(overlay(example[1], example[2], palette, 0.5, ignore_index, background(class_names)))
            axes.set_anchor("N")
            axes.set_title(shortened(example[0], _LONGEST), fontsize=9, parse_math=False)
    save_figure(path, figure)


def _draw_bars(
    axes: Any, classes: Sequence[int], shares: Mapping[str, np.ndarray], names: Sequence[str], palette: np.ndarray
) -> None:
    """Draw a bar for each class and split, with its number."""
    thickness = 0.8 / max(1, len(shares))
    for number, share in enumerate(shares.values()):
        places = np.arange(len(classes)) - 0.4 + (number + 0.5) * thickness
        values, colours = share[list(classes)], _faded(palette[list(classes)], number)
        bars = axes.barh(places, values, thickness, color=colours, edgecolor="0.5", linewidth=0.6)
        axes.bar_label(bars, [f"{value:.1%}" if value else "-" for value in values], padding=3, fontsize=7)
    axes.set_yticks(range(len(classes)), names, fontsize=9, parse_math=False)
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.set_title("share of the pixels", fontsize=9, loc="left")


def _draw_legend(axes: Any, splits: Sequence[str]) -> None:
    """Say above the bars, where none of them is, which split is which."""
    from matplotlib.patches import Patch

    greys = [tuple(_faded(np.full(3, 0.3), number)) for number in range(len(splits))]
    keys = [Patch(facecolor=grey, edgecolor="0.5") for grey in greys]
    place = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0.2}
    axes.legend(keys, splits, fontsize=8, frameon=False, ncols=len(splits), **place)


def _faded(colours: np.ndarray, number: int) -> np.ndarray:
    return colours + (1 - colours) * _FADED[number % len(_FADED)]


def _cells(figure: Any, count: int) -> list[Any]:
    """Axes without frames for so many pictures."""
    cells = figure.subplots(-(-count // _ACROSS), _ACROSS, squeeze=False).ravel().tolist()
    for axes in cells:
        axes.set_axis_off()
    return cells[:count]
