"""The picture of a graph: boxes with what they hold, in columns from the inputs to the output, and arrows between."""

from __future__ import annotations

import html
from dataclasses import dataclass
from importlib.resources import files

BOX, GAP = (152, 62), (40, 22)  # width and height, in pixels
LONGEST = 22  # characters that fit into a box


@dataclass
class Node:
    """A tensor in the picture.

    Parameters
    ----------
    name : str
        The one given to it, or its operation.
    inputs : list of int
        Places of the tensors it was computed from.
    value, gradient : str
        The gradient of the sum of the outputs, "" where none is needed.
    forward, backward : int
        Step at which each is known.
    level, row : int, float
        Column and place in it, from the left and from the top.
    """

    name: str
    inputs: list[int]
    value: str
    gradient: str = ""
    forward: int = 0
    backward: int = 0
    level: int = 0
    row: float = 0.0

    @property
    def corner(self) -> tuple[float, float]:
        """Left upper corner of its box."""
        return self.level * (BOX[0] + GAP[0]) + 10, self.row * (BOX[1] + GAP[1]) + 10


def drawing(nodes: list[Node], label: str) -> str:
    """Draw all tensors with their values and gradients, as SVG."""
    width = max(node.corner[0] for node in nodes) + BOX[0] + 10
    height = max(node.corner[1] for node in nodes) + BOX[1] + 10
    lines = [line for node in nodes for line in _arrows(node, nodes)]
    boxes = [line for node in nodes for line in _box(node)]
    return "\n".join(
        [
            f'<svg class="minifcn-graph" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
            f'width="{width:g}" role="img" aria-label="{html.escape(label)}">',
            f"<style>{(files('minifcn.explain') / 'graph.css').read_text('utf-8')}</style>",
            *lines,
            *boxes,
            "</svg>",
        ]
    )


def lay_out(nodes: list[Node]) -> None:
    """Put each operation right of its inputs, each leaf left of its first use, and inputs near those who use them."""
    for node in nodes:
        node.level = 1 + max((nodes[i].level for i in node.inputs), default=-1)
    for i, leaf in enumerate(nodes):
        if not leaf.inputs:
            leaf.level = min(node.level for node in nodes if i in node.inputs) - 1
    columns = [[node for node in nodes if node.level == level] for level in range(1 + max(n.level for n in nodes))]
    tallest = max(map(len, columns))
    for column in columns:
        for node in column:
            rows = [nodes[i].row for i in node.inputs]
            node.row = sum(rows) / len(rows) if rows else float("inf")  # leaves below
        for i, node in enumerate(sorted(column, key=lambda node: node.row)):
            node.row = i + (tallest - len(column)) / 2


def _arrows(node: Node, nodes: list[Node]) -> list[str]:
    lines = []
    for i in node.inputs:
        (x0, y0), (x1, y1) = nodes[i].corner, node.corner
        x0, y0, y1 = x0 + BOX[0], y0 + BOX[1] / 2, y1 + BOX[1] / 2
        bend = max(GAP[0] / 2, (x1 - x0) / 2)
        lines.append(
            f'<path class="arrow" d="M{x0:g} {y0:g} C{x0 + bend:g} {y0:g} {x1 - bend:g} {y1:g} {x1:g} {y1:g}"/>'
        )
        lines.append(f'<path class="head" d="M{x1:g} {y1:g} l-7 -4 v8 z"/>')
    return lines


def _box(node: Node) -> list[str]:
    x, y = node.corner
    middle = x + BOX[0] / 2
    kind = "operation" if node.inputs else "leaf" if node.gradient else "constant"

    def text(line: str, y: float, attributes: str) -> str:
        squeezed = f' textLength="{BOX[0] - 12}" lengthAdjust="spacingAndGlyphs"' if len(line) > LONGEST else ""
        return f'<text {attributes} x="{middle:g}" y="{y:g}"{squeezed}>{html.escape(line)}</text>'

    lines = [
        f'<rect class="{kind}" data-forward="{node.forward}" data-backward="{node.backward}" x="{x:g}" y="{y:g}" '
        f'width="{BOX[0]}" height="{BOX[1]}" rx="6"/>',
        text(node.name, y + 18, 'class="name"'),
        text(node.value, y + 36, f'data-step="{node.forward}"'),
    ]
    if node.gradient:
        lines.append(text(f"gradient {node.gradient}", y + 53, f'class="gradient" data-step="{node.backward}"'))
    return lines
