"""From a classifier to a fully convolutional network: each fully connected layer as the convolution that it is.

A row of its weight has one number for each number of a map: that is a kernel as large as the map. So the classifier
becomes, without a new weight, a network that takes images of any size and scores every crop of them. Paper section 3.1
and figure 2.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from minifcn import check
from minifcn.compute.window import Pair, pair
from minifcn.models.geometry import Geometry, trace
from minifcn.models.record import GeometryError, Trace
from minifcn.models.sliding import CropGrid
from minifcn.nn import Conv2d, Flatten, Linear, Module, Parameter, Sequential, init

_LAYERS_NEEDED = (
    "to become convolutional it must be made of what takes maps of any size, and of nn.Flatten() and nn.Linear in the "
    "place of reshape and F.linear, and nn.AvgPool2d of a mean over the map"
)


def convolutionalize(classifier: Module, crop_size: int | Pair | None = None, *, share: bool = True) -> Any:
    """Make the fully convolutional form of a classifier, with the same weights.

    Every `nn.Linear` becomes a `nn.Conv2d` whose kernel covers the map that it sees on a crop: behind the map that was
    flattened one as large as that map, and then 1x1. Every `nn.Flatten` goes. A pool, or convolution, that has one
    place on the crop wherever it stands gets stride 1, as no stride was used there. Everything else stays, the forward
    of one's own module too.

    Parameters
    ----------
    classifier : Module
        Of `models.classifier`, or one's own. It is unchanged.
    crop_size : int or (height, width), optional
        Of the images that it takes, in pixels; not needed if it has this attribute.
    share : bool
        Have the classifier's own arrays as weights. Otherwise they are copied, in the order in which a convolution
        reads them.

    Returns
    -------
    Module
        Of the same class, with the same names of parameters. It turns images (N, C, H, W) of at least the crop's size
        into scores (N, classes, rows, columns); its attribute `grid` says which crop each of them is about.

    Raises
    ------
    GeometryError
        A ValueError that names the module that has one size built in.

    Notes
    -----
    To share costs no memory: a matrix (O, C·KH·KW) read as a kernel (O, C, KH, KW) is a view of the same numbers, and
    what one of the two learns, the other knows. (Both have Parameters of their own: ``.to`` or ``.astype`` of one
    leaves the other as it is, and ends the sharing.) It costs time: a convolution reads a kernel in the order KH, KW,
    C, and brings one that is larger than a pixel into this order at each call. A network that is used often is quicker
    with ``share=False``, which does that once.

    Paper section 3.1; ``net_surgery.ipynb`` of Caffe.

    Examples
    --------
    >>> from minifcn import Tensor, nn
    >>> rng = np.random.default_rng(0)
    >>> classifier = nn.Sequential(
    ...     nn.Conv2d(1, 8, 5, relu=True, rng=rng), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(800, 3, rng=rng)
    ... )
    >>> net = convolutionalize(classifier, crop_size=24)
    >>> net[3]
    Conv2d(8, 3, kernel_size=10)  # 3x8x10x10 + 3 = 2,403 parameters
    >>> net(Tensor(np.zeros((1, 1, 64, 96), "float32"))).shape
    (1, 3, 21, 37)
    >>> net.grid
    CropGrid(crop_size=(24, 24), stride=(2, 2), exact=True)
    """
    size = _crop_size(classifier, crop_size)
    seen = _passed(classifier, size)
    if seen.output.shape[2:] != (1, 1):
        found, asked = ("x".join(map(str, shape)) for shape in (seen.output.shape[2:], size))
        raise GeometryError(
            f"convolutionalize: of a crop of {asked} the classifier makes {found} answers, not one; pass the crop_size "
            "of the images that it was trained on"
        )
    read = _shared if check.flag(share, "convolutionalize: share") else _copied
    net = _rebuilt(classifier, _replacements(classifier, seen), read, {})
    net.grid = _grid(_passed(net, size).output, size)
    return net


def _crop_size(classifier: Module, given: Any) -> Pair:
    if not isinstance(classifier, Module):
        raise TypeError(f"convolutionalize: classifier must be a Module, got a {type(classifier).__name__}")
    if getattr(classifier, "grid", None) is not None:
        raise ValueError("convolutionalize: the classifier has a `grid`: it is fully convolutional already")
    size: Any = getattr(classifier, "crop_size", None) if given is None else given
    if size is None:
        raise TypeError(
            f"convolutionalize: a {type(classifier).__name__} does not say how large its images are; pass "
            "crop_size=(height, width)"
        )
    return pair(size, "convolutionalize: crop_size", 1)


def _passed(classifier: Module, size: Pair) -> Trace:
    """Run a classifier on the geometry of a crop."""
    try:
        seen = trace(classifier, size)
    except GeometryError as error:
        raise GeometryError(f"convolutionalize: {error}; {_LAYERS_NEEDED}") from None
    if not isinstance(seen.output, Geometry):
        raise GeometryError(
            f"convolutionalize: the forward of {type(classifier).__name__} must give one Tensor of scores, but gives a "
            f"{type(seen.output).__name__}"
        )
    return seen


def _replacements(classifier: Module, seen: Trace) -> dict[int, Module]:
    """Make what takes the place of layers, by the `id` of each."""
    instead: dict[int, Any] = {
        id(module): Sequential() for _, module in classifier.named_modules() if isinstance(module, Flatten)
    }
    # One that stands in several places keeps its stride, which is used in another of them.
    strided = {id(layer) for layer, _, behind in seen.layers if behind.shape[2:] != (1, 1)}
    for layer, before, _ in seen.layers:
        window = getattr(layer, "window", None)
        if isinstance(layer, Linear):
            kernel = layer.kernel_shape(before.shape)
            if id(layer) in instead and instead[id(layer)].weight.shape != kernel:
                raise GeometryError(
                    f"convolutionalize: {seen.name_of(layer)} is used on maps of two shapes, and so is no convolution"
                )
            instead[id(layer)] = _as_convolution(layer, kernel)
        elif window and id(layer) not in strided and window.stride != (1, 1):
            instead[id(layer)] = copy.copy(layer)
            instead[id(layer)].window = replace(window, stride=(1, 1))
    return instead


def _as_convolution(layer: Linear, kernel: tuple[int, int, int, int]) -> Conv2d:
    """Read a fully connected layer as the convolution with a kernel of this shape."""
    with init.shapes_only():
        conv = Conv2d(kernel[1], kernel[0], kernel[2:], bias=layer.bias is not None, relu=layer.relu)
    conv.weight = Parameter(layer.weight.data.reshape(kernel), layer.weight.requires_grad)
    conv.bias = layer.bias
    conv.training = layer.training
    return conv


def _rebuilt(module: Module, instead: Mapping[int, Module], read: Callable, made: dict[int, Any]) -> Any:
    """Make the same module, and all inside it, with other layers where there are replacements; `read` gives arrays."""
    if id(module) not in made:
        made[id(module)] = copied = copy.copy(instead.get(id(module), module))
        for name, value in list(vars(copied).items()):
            if isinstance(value, Module):
                setattr(copied, name, _rebuilt(value, instead, read, made))
            elif isinstance(value, Parameter):
                if id(value) not in made:
                    made[id(value)] = Parameter(read(value.data), value.requires_grad)
                setattr(copied, name, made[id(value)])
    return made[id(module)]


def _shared(array):
    return array


def _copied(array):
    """Copy an array, a kernel (O, C, KH, KW) channels-last in memory."""
    if array.ndim != 4:
        return array.copy()
    return array.transpose(0, 2, 3, 1).copy(order="C").transpose(0, 3, 1, 2)


def _grid(scores: Geometry, size: Pair) -> CropGrid:
    """Read off the geometry of the scores how far the crops lie apart, and whether they see what is around them."""
    strides = [1 / axis.scale for axis in scores.moved]
    if any(stride.denominator != 1 for stride in strides):
        raise GeometryError("convolutionalize: the classifier upsamples its maps, so its crops lie between pixels")
    inside = True
    for path in scores.endless:
        for reach, length in zip(path, size, strict=True):
            first, last = reach.at(np.zeros(1, int))
            inside &= bool(first[0] >= 0 and last[0] < length)
    return CropGrid(size, (int(strides[0]), int(strides[1])), inside)
