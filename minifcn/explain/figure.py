"""A figure of matplotlib that shows itself in a notebook."""

from __future__ import annotations

import io
from typing import Any


def new_figure(**settings: Any) -> Any:
    """Make a figure that a notebook shows; of matplotlib's own it prints only the size until pyplot is imported.

    Parameters
    ----------
    **settings : those of matplotlib.figure.Figure

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(**settings)
    FigureCanvasAgg(figure)

    def as_png() -> bytes:
        memory = io.BytesIO()
        figure.savefig(memory, format="png")
        return memory.getvalue()

    figure._repr_png_ = as_png  # type: ignore[attr-defined]
    return figure
