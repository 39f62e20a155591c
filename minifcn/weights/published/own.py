"""minifcn's own files of weights: arrays by their names here, and a text that says the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn.data.normalize import ORDERS, Preprocessing
from minifcn.errors import UserError
from minifcn.weights.published.recognised import Recognised

if TYPE_CHECKING:
    from minifcn.weights.source import Source


def recognise(source: Source, preprocessing: str = "") -> Recognised | None:
    """Recognise a file that minifcn wrote by the text that says how its images were preprocessed."""
    seen = source.about.get("preprocessing")
    if seen is None:
        return None
    before = source.about.get("source")
    what = str(before.get("recognised_as", "a network")) if isinstance(before, dict) else "a network"
    at_once = source.about.get("at_once") is True
    names = {name: name for name in source.arrays}
    return Recognised(what, "what minifcn wrote into the file", names, _preprocessing(source, seen), at_once=at_once)


def _preprocessing(source: Source, seen: Any) -> Preprocessing:
    """Check and take what the file says: it may be anybody's."""
    try:
        mean, std = (np.array(seen[name], float) for name in ("mean", "std"))
        order = seen["order"]
        if mean.shape == std.shape == (3,) and np.isfinite([mean, std]).all() and (std > 0).all() and order in ORDERS:
            return Preprocessing(tuple(mean.tolist()), tuple(std.tolist()), order, "as the file says")
    except (KeyError, TypeError, ValueError):
        pass
    raise UserError(f"{source.path}: says of preprocessing {str(seen)[:200]!r}, not mean and std of R, G, B and order")
