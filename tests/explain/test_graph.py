"""The graph drawn: every tensor once, in order, with the gradient that backward finds."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, no_grad, optim
from minifcn.autograd import operation
from minifcn.explain import graph
from minifcn.explain.graphs import written


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
    page = graph(a * b, **{"@LIST@": a, "@SENTENCES@": b})._repr_html_()
    assert page.count("<ol>") == 1
    assert page.count("const sentences") == page.count("@LIST@</text>") == page.count("@SENTENCES@</text>") == 1


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


def test_of_the_same_operation_each_has_a_number(leaves):
    a, b, _ = leaves
    assert graph(a * a * b, a=a, b=b).sentences[:2] == [
        "forward: multiply 1(a, a) = 4",
        "forward: multiply 2(multiply 1, b) = 12",
    ]


def test_a_tensor_with_two_names_has_both(leaves):
    a, *_ = leaves
    assert str(graph(a * a, a=a, width=a)).startswith("forward: multiply(a = width, a = width) = 4")


def test_an_operation_of_ones_own_has_its_own_name(leaves):
    def lesson(x):
        @operation
        def cube(x):
            return x.data**3, lambda gy: (3 * x * x * gy,)

        return cube(x)

    a, *_ = leaves
    assert graph(lesson(a), a=a).sentences[0] == "forward: cube(a) = 8"


class TestChanged:
    """Data that were changed after others had been computed from them are shown as they are, and it is said."""

    def test_a_leaf(self, leaves):
        a, b, _ = leaves
        total = a + b
        a.data = a.data + 8
        drawn = graph(total, a=a, b=b)
        assert drawn.sentences[0] == "forward: add(a, b) = 5, computed before a changed"
        assert [node.value for node in drawn.nodes] == ["10 (changed)", "3", "5"]

    def test_by_an_optimiser(self, leaves):
        a, b, _ = leaves
        total = a + b
        a.grad = Tensor(1.0)
        optim.SGD([a], lr=1.0).step()
        assert graph(total, a=a, b=b).nodes[0].value == "1 (changed)"

    def test_a_result(self, leaves):
        a, b, _ = leaves
        total = a + b
        last = total + 1.0
        total.data = total.data * 0
        assert graph(last, a=a, b=b, total=total).sentences[:2] == [
            "forward: total = add(a, b) = 0, changed since",
            "forward: add(total, constant) = 6, computed before total changed",
        ]

    def test_a_change_before_the_first_use_is_none(self, leaves):
        a, b, _ = leaves
        a.data = a.data + 8
        assert graph(a + b, a=a, b=b).sentences[0] == "forward: add(a, b) = 13"

    def test_a_gradient_that_needs_the_old_data_is_refused(self, leaves):
        a, b, _ = leaves
        product = a * b
        a.data = a.data + 8
        with pytest.raises(RuntimeError, match="changed after the forward pass"):
            graph(product)


class TestNumbers:
    @pytest.mark.parametrize(
        ("data", "text"),
        [
            (12345.0, "12345"),
            (12345.678, "12345.678"),
            (0.99999, "1.0000"),
            (0.00012345, "0.0001234"),
            (1e-17, "1e-17"),
            (-0.0, "0"),
            (1 / 3, "0.3333"),
            ([np.nan, np.inf, -np.inf], "nan, inf, -inf"),
            ([[1.0, 2.0]], "1, 2 (1x2)"),
            (np.zeros((0, 3)), "0x3 array"),
        ],
        ids=str,
    )
    def test_a_value_is_written_so_that_it_is_no_other(self, data, text):
        assert written(np.array(data)) == text

    def test_whole_numbers_are_exact(self):
        assert written(np.array([2**62 + 1, -1])) == "4611686018427387905, -1"

    def test_what_is_too_long_for_its_box_is_squeezed(self, leaves):
        a, b, _ = leaves
        svg = graph(a * b, **{"weight_of_the_first_convolution": a}).svg()
        long, *_ = [text for text in shapes(svg, "text") if text.text.startswith("weight_of")]
        assert float(long.get("textLength")) < 152
        assert svg.count("textLength") == 1


class TestMistakes:
    def test_no_graph(self, leaves):
        a, *_ = leaves
        with no_grad():
            y = a * a
        with pytest.raises(ValueError, match="graph: output has no graph; compute it from a Tensor"):
            graph(y)

    def test_a_name_for_what_is_not_in_the_picture(self, leaves):
        a, b, c = leaves
        with pytest.raises(ValueError, match="graph: the output was not computed from c"):
            graph(a * b, c=c)

    def test_what_is_no_tensor(self, leaves):
        a, b, _ = leaves
        with pytest.raises(TypeError, match="graph: a must be a Tensor, got float"):
            graph(a * b, a=2.0)
        with pytest.raises(TypeError, match="graph: output must be a Tensor, got ndarray"):
            graph(np.ones(3))

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
