"""A whole network as an ONNX file: its graph and its weights, for programs that know nothing of minifcn."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import minifcn
from minifcn.backend import to_host
from minifcn.compute.window import Pair
from minifcn.errors import UserError
from minifcn.export.nodes import Constant, OnnxNode, Weight, multiples_alone, ways
from minifcn.export.recorded import Call, Recorded, record, sides_divisor
from minifcn.files import atomic_write
from minifcn.models import convolutionalize
from minifcn.nn import Flatten, Module, Parameter

OPSET, IR_VERSION = 17, 8  # of 2022: what runs ONNX today knows them
IMAGE, SCORES, _CHECKED = "image", "scores", "image/checked"
Run = tuple[Recorded, Recorded]  # an image, and what became of it
_NOT_IN_ONNX = "in a way that ONNX cannot say; give the size=(height, width) of the images that the file is for"


def write(
    path: str | os.PathLike, model: Module, about: Mapping[str, Any] | None = None, size: Pair | None = None
) -> None:
    """Write a network as ONNX, in float32, with an input "image" (N, C, H, W) and an output "scores".

    The network's own `forward` is run on maps without values, which write down its operations; one that is not known
    is refused by its name. Height, width and number of images are left open: it is run so at one size after the
    other, until nothing new can happen, and what is written is right at all of them; see `recorded.record`.

    Parameters
    ----------
    path : path, in an existing folder
    model : Module
    about : mapping, optional
        Goes into the metadata as the text "minifcn", in JSON; see `weights.writers.write`.
    size : (height, width), optional
        Of the only images that the file is then for: for a network whose operations depend on the size in a way that
        ONNX cannot say, and for a classifier of one's own that has no `crop_size`.

    Raises
    ------
    UserError
        If an operation is not known, or depends on the size where none is given; if a parameter holds inf or nan; or if
        the package onnx is missing.
    """
    onnx = _onnx(path)
    model, size, flat = _as_convolutions(model, size)
    about_it = {"minifcn": json.dumps(dict(about or {}))}
    graph = _graph(onnx, record(model, size), model, size, flat)
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    made.producer_name, made.producer_version = "minifcn", minifcn.__version__
    onnx.helper.set_model_props(made, about_it)
    with atomic_write(path) as file:
        file.write(made.SerializeToString(deterministic=True))


def _onnx(path: str | os.PathLike) -> Any:
    try:
        import onnx
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise UserError(f"{path}: to write ONNX takes the package onnx: pip install 'minifcn[onnx]'") from error
    return onnx


def _graph(onnx: Any, runs: Sequence[Run], model: Module, size: Pair | None, flat: bool) -> Any:
    image, output = runs[0]
    names: dict[Any, str] = {Weight(parameter): name for name, parameter in model.named_parameters()}
    initializers: dict[Weight | Constant, Any] = {}

    def name_of(x: str | Weight | Constant) -> str:
        if isinstance(x, str):
            return x
        if x not in initializers:
            name = names.get(x, f"constant_{len(initializers)}")
            array = x.array if isinstance(x, Constant) else _float32(x.parameter, name)
            initializers[x] = onnx.numpy_helper.from_array(np.ascontiguousarray(array), name)
        return initializers[x].name

    made = [
        onnx.helper.make_node(
            node.kind, [*map(name_of, node.inputs)], [node.output], node.name, **dict(node.attributes)
        )
        for node in _with_ends(nodes_of([output.calls for _, output in runs]), output.name, sides_divisor(runs), flat)
    ]
    same = all(image.shape[2:] == output.shape[2:] for image, output in runs)
    inside = size or ("height", "width")
    outside = () if flat else output.shape[2:] if size else inside if same else ("rows", "columns")
    given = _value(onnx, IMAGE, ("N", image.shape[1], *inside))
    scores = _value(onnx, SCORES, ("N", output.shape[1], *outside))
    return onnx.helper.make_graph(made, type(model).__name__, [given], [scores], list(initializers.values()))


def _with_ends(nodes: list[OnnxNode], last: str, divisor: int, flat: bool) -> list[OnnxNode]:
    """Refuse images that the network refuses, and call the scores so."""
    if divisor > 1:
        nodes = [*multiples_alone(IMAGE, divisor, _CHECKED), *renamed(nodes, {IMAGE: _CHECKED})]
    nodes = [*nodes, OnnxNode("Flatten", (last,), SCORES)] if flat else renamed(nodes, {last: SCORES})
    return [node._replace(name=node.name or node.output) for node in nodes]


def _as_convolutions(model: Module, size: Pair | None) -> tuple[Module, Pair | None, bool]:
    """Take a classifier as the convolutions that it is, at the size of its crops; say whether it was one."""
    if not any(isinstance(module, Flatten) for _, module in model.named_modules()):
        return model, size, False
    if size is None and not hasattr(model, "crop_size"):
        kind = type(model).__name__
        raise UserError(f"{kind}: takes images of one size, as it flattens maps; give the size=(height, width) of them")
    whole = convolutionalize(model, size)
    return whole, whole.grid.crop_size, True


def _float32(parameter: Parameter, name: str) -> np.ndarray:
    with np.errstate(over="ignore"):  # said below
        array = to_host(parameter.data).astype("float32")
    if not np.isfinite(array).all():
        raise UserError(f"{name} holds inf or nan in float32; a network with such numbers has no scores")
    return array


def _value(onnx: Any, name: str, shape: tuple[int | str, ...]) -> Any:
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)


def renamed(nodes: Sequence[OnnxNode], names: Mapping[str, str]) -> list[OnnxNode]:
    """Give some maps other names, wherever they are made or used.

    >>> [node] = renamed([OnnxNode("Relu", ("image",), "relu")], {"relu": "scores"})
    >>> node.inputs, node.output
    (('image',), 'scores')
    """

    def new(x: Any) -> Any:
        return names.get(x, x) if isinstance(x, str) else x

    return [node._replace(inputs=tuple(map(new, node.inputs)), output=new(node.output)) for node in nodes]


def nodes_of(runs: Sequence[Sequence[Call]]) -> list[OnnxNode]:
    """Write each call in the first way that is right at all sizes."""
    if len({len(calls) for calls in runs}) > 1:
        raise UserError(f"which operations there are depends on the size of the image {_NOT_IN_ONNX}")
    nodes: list[OnnxNode] = []
    for calls in zip(*runs, strict=True):
        first, *others = (list(ways(call)) for call in calls)
        right = [way for way in first if all(way in other for other in others)]
        if not first:
            raise UserError(f"{calls[0].output}: windows that hang over the edge are not known to the export")
        if not right:
            raise UserError(f"{calls[0].output}: depends on the size of the image {_NOT_IN_ONNX}")
        nodes += right[0]
    return nodes
