"""What travels in the page: maps in bytes where they are only looked at, and exactly where they are computed with."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from minifcn import Tensor, no_grad
from minifcn.compute.window import Window
from minifcn.explain.simulator.coarser import COARSER
from minifcn.models import FCN
from minifcn.models.summary import LayerRow, rows
from minifcn.nn import Module

Maps = dict[str, np.ndarray]  # (C, h, w) each, by the names of their layers

BESIDE = 48  # pixels of the padding that are shown around the image
UPSAMPLINGS = ("upscore2", "upscore_pool4", "upscore8")
SCORED = {"score_fr": "fc7", "score_pool4": "pool4", "score_pool3": "pool3"}  # and the map of the trunk that it scores


def page_data(nets: dict[str, FCN], image: np.ndarray, label: np.ndarray, maps: Maps) -> dict[str, Any]:
    """Give all that the page computes with, ready for JSON.

    Parameters
    ----------
    nets : dict of str to FCN
        As `side_by_side` gives them.
    image, label : arrays (H, W, 3) and (H, W) of uint8
    maps : dict of str to array (C, h, w)
        As `maps_of` gives them.

    Returns
    -------
    dict
    """
    size, net = image.shape[:2], nets["FCN-8s"]
    layers = {row.name: row for row in rows(net, size)}
    return {
        "size": list(size),
        "image": _bytes(image),
        "label": _bytes(label),
        "crops": net.crop_offsets,
        "maps": [_looked_at(layers[name], maps[name], size) for name in maps],
        "scores": {name: {"shape": maps[name].shape, "data": _exact(maps[name])} for name in SCORED},
        "upsamplings": {name: _upsampling(layers[name], net.state_dict()[f"{name}.weight"]) for name in UPSAMPLINGS},
        "coarser": {name: _coarser(nets[name], maps, size) for name in COARSER},
    }


def _coarser(net: FCN, maps: Maps, size: tuple[int, int]) -> dict[str, Any]:
    """Score the maps of the trunk; the upsampling is bilinear, so its size says all."""
    scores = {name: _scored(net, name, maps[scored]) for name, scored in SCORED.items() if hasattr(net, name)}
    upsamplings = {row.name: _window(row.layer) for row in rows(net, size) if row.name.startswith("upscore")}
    return {"crop": net.crop_offsets["score"], "scores": scores, "upsamplings": upsamplings}


def _scored(net: FCN, name: str, map_: np.ndarray) -> dict[str, Any]:
    with no_grad():
        score = getattr(net, name)(Tensor(map_[None])).data[0]
    return {"shape": score.shape, "data": _exact(score)}


def _looked_at(row: LayerRow, map_: np.ndarray, size: tuple[int, int]) -> dict[str, Any]:
    """Quantise the part of a map that lies over the image and a little beside it, each channel from 0 to 255."""
    moved = row.behind.moved
    first, last = [], []
    for axis, pixels, length in zip(moved, map_.shape[1:], size, strict=True):
        first.append(max(0, int(axis.scale * -BESIDE + axis.shift)))
        last.append(min(pixels, int(axis.scale * (length + BESIDE) + axis.shift) + 2))
    seen = map_[:, first[0] : last[0], first[1] : last[1]]
    low, high = seen.min(axis=(1, 2)), seen.max(axis=(1, 2))
    spread = np.where(high > low, high - low, 1)
    levels = np.rint((seen - low[:, None, None]) * (255 / spread[:, None, None]))
    return {
        "name": row.name,
        "shape": map_.shape,
        "moved": [[float(axis.scale), float(axis.shift)] for axis in moved],
        "window": _window(row.layer),
        "first": first,
        "seen": seen.shape[1:],
        "low": [float(f"{value:.5g}") for value in low],
        "high": [float(f"{value:.5g}") for value in high],
        "best": int(map_.std(axis=(1, 2)).argmax()),
        "data": _bytes(levels.astype(np.uint8)),
    }


def _upsampling(row: LayerRow, weight: np.ndarray) -> dict[str, Any]:
    moved = [[float(axis.scale), float(axis.shift)] for axis in row.behind.moved]
    return {**_window(row.layer), "moved": moved, "shape": row.behind.shape[1:], "weight": _exact(weight)}


def _window(layer: Module) -> dict[str, int]:
    window: Window = vars(layer)["window"]
    kernel, stride, padding, _ = window.along(0)
    return {"K": kernel, "S": stride, "P": padding}


def _bytes(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array, np.uint8).tobytes()).decode()


def _exact(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array, "<f8").tobytes()).decode()
