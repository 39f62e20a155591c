"""The graph that autograd has recorded, drawn: every tensor with its value and its gradient, in the order they come."""

from __future__ import annotations

import html
import json
import os
import re
import uuid
from collections import Counter
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from minifcn.autograd import Tensor, backward_pass
from minifcn.backend import array_module, to_host
from minifcn.explain.graph_drawing import Node, drawing, lay_out
from minifcn.explain.shown import number
from minifcn.files import atomic_write
from minifcn.guards import changed_since

LARGEST = 200  # tensors that can still be told apart


@dataclass(frozen=True)
class Graph:
    """A recorded computation, forward and backward; a notebook shows it step by step.

    Parameters
    ----------
    nodes : list of Node
        The tensors, in the order in which they were made.
    sentences : list of str
        What each step does.
    """

    nodes: list[Node]
    sentences: list[str]

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def __repr__(self) -> str:
        return f"Graph({len(self.nodes)} tensors, {len(self.sentences)} steps)"

    def svg(self) -> str:
        """Draw all tensors with their values and gradients."""
        return drawing(self.nodes, repr(self))

    def _repr_html_(self) -> str:
        template = (files("minifcn.explain") / "graph.html").read_text("utf-8")
        items = "\n".join(f"<li>{html.escape(sentence)}</li>" for sentence in self.sentences)
        sentences = json.dumps(self.sentences, ensure_ascii=False).replace("<", "\\u003c")
        parts = {"ID": f"minifcn-{uuid.uuid4().hex[:12]}", "SVG": self.svg(), "LIST": items, "SENTENCES": sentences}
        return re.sub("@([A-Z]+)@", lambda found: parts[found[1]], template)  # at once: a name may be @LIST@

    def save(self, path: str | os.PathLike) -> None:
        """Save the drawing (.svg), or a page to step through (.html).

        Parameters
        ----------
        path : path of the file
        """
        suffix = Path(path).suffix
        if suffix not in (".svg", ".html"):
            raise ValueError(f"save: path must end in .svg or .html, got {os.fspath(path)!r}")
        head = (
            '<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n<meta name="color-scheme" content="light dark">'
        )
        page = f"{head}\n<title>{html.escape(repr(self))}</title>\n{self._repr_html_()}\n</html>\n"
        with atomic_write(path) as file:
            file.write((self.svg() if suffix == ".svg" else page).encode())


def graph(output: Tensor, **names: Tensor) -> Graph:
    """Draw how a tensor was computed, and how its gradient flows back.

    Nothing is changed: no `.grad`, and the graph can still be used. The values are those that the tensors hold now;
    where they were changed after others had been computed from them, as by an optimiser, the picture says so. (Of a
    change like ``x.data[0] = 1`` nobody knows, unless ``x.changed()`` tells.)

    Parameters
    ----------
    output : Tensor
        With a graph, so computed from a Tensor that requires a gradient, and not used by `backward` yet.
    **names : Tensor
        Names for tensors in the picture. The others are called by their operations, which are numbered where one occurs
        several times.

    Returns
    -------
    Graph
        A notebook shows it; `save` writes it, and str() tells it in words.

    Raises
    ------
    ValueError
        If the output has no graph, or one too large to be drawn, or was not computed from a tensor that has a name.
    TypeError
        If one of them is no Tensor.
    RuntimeError
        If the gradient needs data that have been changed since.

    Examples
    --------
    >>> a, b = Tensor(2.0, requires_grad=True), Tensor(3.0, requires_grad=True)
    >>> print(graph(a * b + a, a=a, b=b))
    forward: multiply(a, b) = 6
    forward: add(multiply, a) = 8
    backward: of add, the output, the gradient is 1
    backward: of multiply it is 1
    backward: of b it is 2
    backward: of a it is 4
    """
    for name, tensor in {"output": output, **names}.items():
        if not isinstance(tensor, Tensor):
            raise TypeError(f"graph: {name} must be a Tensor, got {type(tensor).__name__}")
    if output.is_leaf:
        raise ValueError(
            "graph: output has no graph; compute it from a Tensor with requires_grad=True, outside no_grad"
        )
    tensors = _behind(output)
    if len(tensors) > LARGEST:
        raise ValueError(f"graph: {len(tensors)} tensors are too many to be drawn; take a smaller network, or a part")
    place = {tensor: i for i, tensor in enumerate(tensors)}
    for name, tensor in names.items():
        if tensor not in place:
            raise ValueError(
                f"graph: the output was not computed from {name}, so it is not in the picture; leave it out"
            )
    labels, changed = _labels(tensors, names), _changed(tensors)
    nodes: list[Node] = []
    sentences: list[str] = []
    for tensor, label in zip(tensors, labels, strict=True):
        inputs = [place[x] for x in tensor.inputs]
        was_changed = tensor in changed
        node = Node(label, inputs, written(tensor.data) + " (changed)" * was_changed)
        if not tensor.is_leaf:
            arguments = ", ".join(nodes[i].name for i in inputs)
            named = any(tensor is named for named in names.values())
            result = f"{node.name} = {_operation(tensor)}" if named else node.name
            since = ", changed since" if was_changed else ""
            before = [nodes[i].name for i, x in zip(inputs, tensor.inputs, strict=True) if x in changed]
            since += f", computed before {' and '.join(dict.fromkeys(before))} changed" if before else ""
            sentences.append(f"forward: {result}({arguments}) = {written(tensor.data)}{since}")
            node.forward = len(sentences)
        nodes.append(node)
    ones = Tensor(array_module(output.data).ones_like(output.data))
    for tensor, gradient in backward_pass([output], [ones], create_graph=True):  # which keeps the graph
        node = nodes[place[tensor]]
        node.gradient = written(gradient.data)
        verb = ", the output, the gradient is" if tensor is output else " it is"
        sentences.append(f"backward: of {node.name}{verb} {node.gradient}")
        node.backward = len(sentences)
    lay_out(nodes)
    return Graph(nodes, sentences)


def written(array: Any) -> str:
    """Write up to three numbers out, and of more the shape.

    >>> written(np.array([0.5, 12345.0])), written(np.ones((1, 2))), written(np.ones((2, 3)))
    ('0.5, 12345', '1, 1 (1x2)', '2x3 array')
    """
    values = to_host(array)
    size = "x".join(map(str, values.shape))
    if not 1 <= values.size <= 3:
        return f"{size} array"
    whole = values.dtype.kind in "bui"  # as int64, beyond what float64 holds
    texts = [str(value) if whole else number(value, 4) for value in np.ravel(values).tolist()]
    return ", ".join(texts) + (f" ({size})" if values.size > 1 and values.ndim > 1 else "")


def _behind(output: Tensor) -> list[Tensor]:
    """List the output and all that it was computed from, in the order in which they were made."""
    found: set[Tensor] = set()
    waiting = [output]
    while waiting:
        tensor = waiting.pop()
        if tensor not in found:
            found.add(tensor)
            waiting += tensor.inputs
    return sorted(found, key=lambda tensor: tensor.order)


def _operation(tensor: Tensor) -> str:
    return tensor.operation or ("leaf" if tensor.requires_grad else "constant")


def _labels(tensors: list[Tensor], names: dict[str, Tensor]) -> list[str]:
    """Call each tensor by its names, or by its operation; those of one operation are numbered."""
    given: dict[Tensor, list[str]] = {}
    for name, tensor in names.items():
        given.setdefault(tensor, []).append(name)
    operations = [_operation(tensor) for tensor in tensors if tensor not in given]
    total, so_far = Counter(operations), Counter[str]()
    labels = []
    for tensor in tensors:
        operation = _operation(tensor)
        if tensor in given:
            labels.append(" = ".join(given[tensor]))
        else:
            so_far[operation] += 1
            labels.append(f"{operation} {so_far[operation]}" if total[operation] > 1 else operation)
    return labels


def _changed(tensors: list[Tensor]) -> set[Tensor]:
    """Find tensors whose data are no longer those that were computed, or that others were computed from."""
    return {x for tensor in tensors for x in changed_since(tensor)}
