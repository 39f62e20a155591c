"""The IoU of every class over the epochs of a training."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np

from minifcn.pictures.figures import save_figure
from minifcn.text import shortened

_ROWS = 16  # of a column, before there are two


def save_ious(
    path: str | os.PathLike, ious: Mapping[int, np.ndarray], class_names: Sequence[str], palette: np.ndarray
) -> None:
    """Save the IoU of every class over the epochs: a strip for each, from 0 at its bottom to 1 at its top.

    Parameters
    ----------
    path : path of the PNG
    ious : mapping of int to array (num_classes,)
        By the number of the epoch, at least one; nan where a class is neither in a label nor predicted.
    class_names : sequence of str
    palette : uint8 array (num_classes, 3)

    Examples
    --------
    >>> import tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "iou.png")
    >>> ious = {1: np.array([0.5, 0.0]), 2: np.array([0.6, 0.1])}
    >>> save_ious(path, ious, ("background", "leaf"), np.array([[0, 0, 0], [0, 158, 115]]))
    >>> from PIL import Image
    >>> with Image.open(path) as picture:
    ...     picture.format
    'PNG'
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    epochs, table = sorted(ious), np.array([ious[epoch] for epoch in sorted(ious)])
    columns = -(-len(class_names) // _ROWS)
    rows = -(-len(class_names) // columns)
    figure = Figure(figsize=(9, 1.2 + rows * min(1.1, max(0.46, 4 / rows))), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle("IoU of each class on the validation split", fontsize=13)
    for column, axes in enumerate(figure.subplots(1, columns, squeeze=False)[0]):
        numbers = range(column * rows, min(len(class_names), (column + 1) * rows))
        _draw_strips(axes, epochs, table, numbers, palette)
        axes.set_ylim(rows - 0.95, -0.95)
        axes.set_yticks(
            range(len(numbers)),
            [shortened(class_names[n], 4 + 26 // columns) for n in numbers],
            va="bottom",
            parse_math=False,
        )
    save_figure(path, figure)


def _draw_strips(axes, epochs: list[int], table: np.ndarray, numbers: range, palette: np.ndarray) -> None:
    """Draw the strips of some classes, one under the other; strip n stands on the line y = n."""
    from matplotlib.ticker import MaxNLocator

    last = table[-1]
    for line, number in enumerate(numbers):
        heights = line - 0.9 * table[:, number]
        colour = np.asarray(palette[number]) / 255
        axes.axhspan(line - 0.9, line, color="0.95", lw=0, zorder=1)  # from 0 to 1
        axes.fill_between(epochs, line, heights, color=colour, alpha=0.6, lw=0, zorder=2)
        axes.plot(epochs, heights, color="0.2", lw=1.4, marker="o" if len(epochs) < 10 else None, ms=3.5, zorder=3)
        text = "-" if np.isnan(last[number]) else f"{last[number]:.3f}"
        axes.text(1.015, line, text, transform=axes.get_yaxis_transform(), va="bottom", fontsize=10)
    axes.set_xlabel("epoch", fontsize=12)
    axes.set_xlim(min(epochs) - 0.2, max(epochs) + 0.2)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.tick_params(axis="y", length=0, labelsize=10)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
