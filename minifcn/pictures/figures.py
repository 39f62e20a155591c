"""Figures of Matplotlib, written to files."""

from __future__ import annotations

import io
import os
import warnings
from typing import Any

from minifcn.files import atomic_write

# Of names in scripts that Matplotlib's font lacks, or that it does not set: they are boxes then, and nothing is wrong.
_OF_SCRIPTS = "Glyph .* missing|Matplotlib currently does not support"


def save_figure(path: str | os.PathLike, figure: Any) -> None:
    """Save a figure as PNG; the file is whole or not there."""
    memory = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", _OF_SCRIPTS)
        figure.savefig(memory, format="png")
    with atomic_write(path) as file:
        file.write(memory.getvalue())
