"""Networks that are made of others: two heads on one trunk, and two streams whose scores are averaged.

Their parts are networks like any other. Only the names of the layers are those of the reference implementation, so
that the two parts of a network have their layers side by side: score_fr_sem and score_fr_geo, conv1_1color and
conv1_1hha.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from minifcn import check
from minifcn.errors import UserError
from minifcn.models.expect import expect_images
from minifcn.models.fcn import FCN, FCN32s
from minifcn.models.geometry import Geometry
from minifcn.nn import Dropout, Module


class Compound(FCN):
    """What networks of several parts share: their first part says what they take and give."""

    def __init__(self, first: FCN):
        self.num_classes, self.in_channels, self.recompute = first.num_classes, first.in_channels, first.recompute
        self.trunk, self.crop_offsets = first.trunk, first.crop_offsets

    def named_here(self, part: str, layer: str) -> str:
        """Give the name that a layer of a part has in the whole; parts are the modules that this one holds."""
        raise TypeError(f"{type(self).__name__} has no named_here(part, layer); a Compound must define it")

    def named_modules(self, prefix: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Module]]:
        """Yield this network and all modules inside; layers have the names that the reference gives them."""
        begin = f"{prefix}." if prefix else ""
        for name, module in super().named_modules(prefix, seen):
            part, _, layer = name.removeprefix(begin).partition(".")
            first, dot, rest = layer.partition(".")
            yield (f"{begin}{self.named_here(part, first)}{dot}{rest}" if first else name), module

    @property
    def trunk_names(self) -> set[str]:
        """Names of the layers that are no scores and no upsampling."""
        parts = [name for name, _ in self.named_children()]
        return {self.named_here(part, name) for part in parts for stage in self.trunk.layers for name in stage}


class TwoHeads(Compound):
    """A trunk with two heads, each with its own scores, skips and upsampling: semantic and geometric classes.

    It gives the scores of the semantic ones, as other networks do; `both` gives those of both.

    Parameters
    ----------
    network : FCN32s | FCN16s | FCN8s
        What each head is like.
    num_classes : int
        Of the semantic classes.
    geometric_classes : int
    **options
        As of `FCN`.

    Notes
    -----
    ``siftflow-fcn32s/net.py`` and its two sisters; paper section 5.

    Examples
    --------
    >>> from minifcn import Tensor
    >>> net = TwoHeads(FCN32s, 33, 3, width=1 / 64)
    >>> [scores.shape for scores in net.both(Tensor(np.zeros((1, 3, 40, 50), "float32")))]
    [(1, 33, 40, 50), (1, 3, 40, 50)]
    >>> [name for name, _ in net.named_parameters()][-6:-3]
    ['score_fr_sem.weight', 'score_fr_sem.bias', 'upscore_sem.weight']
    """

    def __init__(self, network: type[FCN], num_classes: int, geometric_classes: int, **options: Any):
        _refuse_lecture("two heads", options)
        sem = network(num_classes, **options)
        super().__init__(sem)
        self.sem, self.geo = sem, copy.copy(sem)  # the layers of the trunk are the same objects in both
        self.geo.num_classes = check.whole(geometric_classes, "TwoHeads: geometric_classes")
        self.geo.add_layers()

    def named_here(self, part: str, layer: str) -> str:
        """Give the name of a layer: that of the trunk, or one that ends in _sem or _geo."""
        return layer if any(layer in stage for stage in self.trunk.layers) else f"{layer}_{part}"

    def both(self, x) -> tuple:
        """Turn images (N, 3, H, W) into semantic and geometric scores, (N, C, H, W) each."""
        maps = self.sem.by_stride(x)
        return self.sem(x, maps), self.geo(x, maps)

    def forward(self, x, maps=None):
        """Turn images (N, 3, H, W) into semantic scores (N, C, H, W)."""
        return self.both(x)[0]


class GeometricHead(Module):
    """The geometric scores of a network of two heads, as a network of their own.

    Examples
    --------
    >>> from minifcn import Tensor
    >>> head = GeometricHead(TwoHeads(FCN32s, 33, 3, width=1 / 64))
    >>> head(Tensor(np.zeros((1, 3, 8, 8), "float32"))).shape
    (1, 3, 8, 8)
    """

    def __init__(self, net: TwoHeads):
        self.net = net

    def forward(self, x):
        """Turn images (N, 3, H, W) into geometric scores (N, C, H, W)."""
        return self.net.both(x)[1]


class LateFusion(Compound):
    """Two FCN-32s, of colours and of HHA, whose scores are averaged before they are upsampled.

    Parameters
    ----------
    network : FCN32s
    num_classes : int
    **options
        As of `FCN`.

    Notes
    -----
    ``nyud-fcn32s-color-hha/net.py``, where the sum has the coefficients 0.5 and 0.5; the paper calls it a sum.

    Examples
    --------
    >>> from minifcn import Tensor
    >>> net = LateFusion(FCN32s, 40, width=1 / 64)
    >>> net(Tensor(np.zeros((1, 6, 40, 50), "float32"))).shape
    (1, 40, 40, 50)
    >>> [name for name, _ in net.named_parameters() if "score" in name][:3]
    ['score_frcolor.weight', 'score_frcolor.bias', 'upscore.weight']
    """

    def __init__(self, network: type[FCN], num_classes: int, **options: Any):
        _refuse_lecture("two streams", options)
        if network is not FCN32s:
            raise UserError("two streams, of color and hha, are fused in fcn32s alone; choose --model fcn32s")
        options["rng"] = check.generator(options.get("rng"), "LateFusion: rng") or np.random.default_rng(0)
        color, hha = (FCN32s(num_classes, **options) for _ in range(2))
        super().__init__(color)
        self.in_channels, self.color, self.hha = 6, color, hha
        del self.hha.upscore  # their mean is upsampled by that of the other
        for _, module in self.hha.named_modules():
            if isinstance(module, Dropout):  # one generator is what a checkpoint remembers
                module.rng = self.dropout_rng

    def named_here(self, part: str, layer: str) -> str:
        """Give the name of a layer: it ends in color or hha, but for the upsampling of the mean."""
        return _of_stream(part, layer)

    def forward(self, x, maps=None):
        """Turn images (N, 6, H, W) of colours and HHA into scores (N, C, H, W)."""
        if not isinstance(x, Geometry):
            expect_images("LateFusion", x, self.dtype, self.in_channels)
        color, hha = x[:, :3], x[:, 3:]
        score = self.color.score_fr(self.color.maps(color)[self.trunk.coarsest]) * 0.5
        score = self.hha.score_fr(self.hha.maps(hha)[self.trunk.coarsest]) * 0.5 + score
        return self.color.crop("score", self.color.upscore(score), like=color)


def of_streams(color: Mapping[str, Any], hha: Mapping[str, Any]) -> dict[str, Any]:
    """Give the states of two networks, of colours and of HHA, the names that their layers have in `LateFusion`.

    >>> sorted(of_streams({"fc6.bias": 1, "upscore.weight": 2}, {"fc6.bias": 3}))
    ['fc6color.bias', 'fc6hha.bias', 'upscore.weight']
    """
    here = {}
    for part, state in (("hha", hha), ("color", color)):
        for name, array in state.items():
            layer, dot, rest = name.partition(".")
            here[f"{_of_stream(part, layer)}{dot}{rest}"] = array
    return here


def _of_stream(part: str, layer: str) -> str:
    return layer if layer == "upscore" else f"{layer}{part}"


def _refuse_lecture(what: str, options: dict[str, Any]) -> None:
    if options.get("variant") == "lecture":
        raise UserError(f"the lecture has no network of {what}; choose --variant paper or aligned")
