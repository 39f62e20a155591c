"""The graph drawn: every tensor once, in order, with the gradient that backward finds."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, no_grad
from minifcn.explain import graph


@pytest.fixture
def leaves():
    return Tensor(2.0, requires_grad=True), Tensor(3.0, requires_grad=True), Tensor(5.0)


@pytest.fixture
def drawn(leaves):
    """(a b + c) a, by names."""
    a, b, c = leaves
    total = (a * b + c) * a
    return graph(total, a=a, b=b, c=c, total=total)


def shapes(svg, tag):
    return [element for element in ElementTree.fromstring(svg).iter() if element.tag.endswith(tag)]


def test_the_steps_in_words(drawn):
    assert str(drawn).splitlines() == [
        "forward: multiply(a, b) = 6",
        "forward: add(multiply, c) = 11",
        "forward: total = multiply(add, a) = 22",
        "backward: of total, the output, the gradient is 1",
        "backward: of add it is 2",
        "backward: of multiply it is 2",
        "backward: of b it is 4",
        "backward: of a it is 17",  # 11 + 2·3
    ]
    assert repr(drawn) == "Graph(6 tensors, 8 steps)"


def test_the_picture_has_a_box_for_every_tensor_and_an_arrow_for_every_input(drawn):
    svg = drawn.svg()
    assert [box.get("class") for box in shapes(svg, "rect")] == [*["leaf"] * 2, "constant", *["operation"] * 3]
    assert svg.count('class="arrow"') == 6
    texts = [text.text for text in shapes(svg, "text")]
    assert {"a", "b", "c", "total", "multiply", "22", "gradient 17"} <= set(texts)


def test_arrows_point_to_the_right_and_boxes_do_not_overlap(drawn):
    for node in drawn.nodes:
        assert all(drawn.nodes[i].level < node.level for i in node.inputs)
    corners = {node.corner for node in drawn.nodes}
    assert len(corners) == len(drawn.nodes)


def test_nothing_is_changed_and_the_graph_can_still_be_used(leaves):
    a, b, _ = leaves
    product = a * b
    graph(product)
    assert a.grad is None
    product.backward()
    assert a.grad.item() == 3


def test_a_network_with_several_outputs_gets_the_gradient_of_their_sum(rng):
    x, w = Tensor(rng.normal(size=(1, 2, 4, 4))), Tensor(rng.normal(size=(1, 2, 3, 3)), requires_grad=True)
    y = F.conv2d(x, w)
    drawn = graph(y, x=x, w=w)
    assert drawn.sentences[-1] == "backward: of w it is 1x2x3x3 array"
    assert drawn.nodes[0].gradient == ""  # x requires none


def test_names_and_numbers_are_text_not_markup(leaves):
    a, b, _ = leaves
    drawn = graph(a * b, **{"<b>": b})
    assert "&lt;b&gt;" in drawn.svg()
    assert "<b>" not in drawn._repr_html_()


def test_a_page_needs_nothing_from_outside_and_reads_without_scripts(drawn, tmp_path):
    drawn.save(tmp_path / "graph.html")
    page = (tmp_path / "graph.html").read_text()
    assert set(re.findall(r"https?://[^\s\"]+", page)) == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert page.count("<li>") == 8
    drawn.save(tmp_path / "graph.svg")
    assert ElementTree.parse(tmp_path / "graph.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_two_views_of_one_graph_do_not_meet(drawn):
    ids = [re.search(r'id="(minifcn-\w+)"', drawn._repr_html_())[1] for _ in range(2)]
    assert ids[0] != ids[1]


class TestMistakes:
    def test_no_graph(self, leaves):
        a, *_ = leaves
        with no_grad():
            y = a * a
        with pytest.raises(ValueError, match="graph: output has no graph; compute it from a Tensor"):
            graph(y)

    def test_too_large(self, leaves):
        y, *_ = leaves
        for _ in range(200):
            y = F.relu(y)
        with pytest.raises(ValueError, match="201 tensors are too many"):
            graph(y)

    def test_another_kind_of_file(self, drawn, tmp_path):
        with pytest.raises(ValueError, match=r"path must end in \.svg or \.html"):
            drawn.save(tmp_path / "graph.png")

    def test_a_graph_that_was_used(self, leaves):
        a, b, _ = leaves
        y = a * b
        y.backward()
        with pytest.raises((ValueError, RuntimeError)):
            graph(y)


def test_an_array_of_one_two_or_three_numbers_is_written_out():
    drawn = graph(Tensor(np.array([1.0, 2.5, 3.0]), requires_grad=True) * 2.0)
    assert drawn.nodes[-1].value == "2, 5, 6"
