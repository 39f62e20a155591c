"""The curves of a training log."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from minifcn.pictures.figures import save_figure


def save_curves(path: str | os.PathLike, rows: Sequence[Mapping[str, Any]]) -> None:
    """Save the curves of a training log: losses on the left, measures of the validation split on the right.

    Parameters
    ----------
    path : path of the PNG
    rows : sequence of dict
        Rows of log.csv, at least one.

    Examples
    --------
    >>> import tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "curves.png")
    >>> losses = {"train_loss": 1.0, "valid_loss": 1.1}
    >>> measures = {"valid_acc": 0.5, "valid_acc_cls": 0.4, "valid_mean_iu": 0.3, "valid_fwavacc": 0.4}
    >>> save_curves(path, [{"epoch": epoch, **losses, **measures} for epoch in (1, 2, 3)])
    >>> from PIL import Image
    >>> with Image.open(path) as picture:
    ...     picture.size
    (1350, 690)
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    # Okabe and Ito's colours, told apart with any colour vision; dashes tell them apart in grey.
    left = {"train_loss": ("training", "#0072B2", "-"), "valid_loss": ("validation", "#D55E00", "--")}
    right = {
        "valid_acc": ("pixel accuracy", "#0072B2", "-"),
        "valid_fwavacc": ("frequency-weighted IoU", "#009E73", "-."),
        "valid_acc_cls": ("mean accuracy", "#E69F00", ":"),
        "valid_mean_iu": ("mean IoU", "#D55E00", "--"),
    }
    figure = Figure(figsize=(9, 4.6), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    epochs = [row["epoch"] for row in rows]
    for axes, curves, label in zip(
        figure.subplots(1, 2), (left, right), ("cross-entropy", "on the validation split"), strict=True
    ):
        for column, (name, rgb, dashes) in curves.items():
            marker = "o" if len(rows) < 10 else None
            axes.plot(epochs, [row[column] for row in rows], dashes, color=rgb, label=name, lw=2.2, marker=marker, ms=5)
        axes.set_xlabel("epoch", fontsize=13)
        axes.set_ylabel(label, fontsize=13)
        axes.tick_params(labelsize=12)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        # Below the axes, where no curve passes.
        axes.legend(fontsize=11.5, frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    figure.axes[0].set_ylim(bottom=0)
    figure.axes[1].set_ylim(0, 1)
    save_figure(path, figure)
