"""minifcn's own files of weights: arrays by their names here, and a text that says the rest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn.data.normalize import ORDERS, Preprocessing
from minifcn.errors import UserError
from minifcn.text import shortened
from minifcn.weights.published.recognised import Recognised

if TYPE_CHECKING:
    from minifcn.weights.source import Source

_CHANNELS = ((3,), (4,), (6,))  # colours, and perhaps what stands behind them
_TEXTS = ("about", "minifcn")  # where an .npz has it, and the metadata of .safetensors


def recognise(source: Source, preprocessing: str = "") -> Recognised | None:
    """Recognise a file that minifcn wrote by its text about them, which says what images were made of."""
    about = text_about(source)
    if not about:
        return None
    before = about.get("source")
    what = str(before.get("recognised_as")) if isinstance(before, dict) else "a network of minifcn"
    names = {name: name for name in source.arrays}
    by = "what minifcn wrote into the file"
    return Recognised(what, by, names, _preprocessing(about), about=about)


def text_about(source: Source) -> dict[str, Any]:
    """Give what a file of minifcn says of its weights; nothing of another file."""
    for name in _TEXTS:
        try:
            about = json.loads(source.about.get(name, ""))
        except (TypeError, ValueError, RecursionError):
            continue
        if isinstance(about, dict) and "mean" in about:
            return about
    return {}


def _preprocessing(about: dict[str, Any]) -> Preprocessing:
    """Check and take what the file says: it may be anybody's."""
    order = about.get("channel_order", "rgb")
    try:
        mean, std = (np.array(about.get(name), float) for name in ("mean", "std"))
        if (
            mean.shape == std.shape
            and mean.shape in _CHANNELS
            and np.isfinite([mean, std]).all()
            and (std > 0).all()
            and order in ORDERS
        ):
            return Preprocessing(tuple(mean.tolist()), tuple(std.tolist()), order, "as the file says")
    except (TypeError, ValueError, OverflowError):
        pass
    said = shortened(str({name: about.get(name) for name in ("mean", "std", "channel_order")}), 200)
    raise UserError(
        f"says of preprocessing {said}, not three numbers of R, G, B each (four or six with depth), and an order"
    )
