"""The text of a module: a line for each layer, as it is made, and the sizes and numbers of its parameters."""

import numpy as np
import pytest

from minifcn import models, nn

LAYERS = {
    "Conv2d(3, 64, kernel_size=3, padding=1)  # 64x3x3x3 + 64 = 1,792 parameters": nn.Conv2d(3, 64, 3, padding=1),
    "Conv2d(4, 6, kernel_size=(1, 3), stride=2, groups=2, bias=False, relu=True)  # 6x2x1x3 = 36 parameters": (
        nn.Conv2d(4, 6, (1, 3), stride=2, groups=2, bias=False, relu=True)
    ),
    "ConvTranspose2d(2, 2, kernel_size=4, stride=2, padding=1)  # 2x2x4x4 = 64 parameters": (
        nn.ConvTranspose2d(2, 2, 4, 2, 1)
    ),
    "ConvTranspose2d(2, 2, kernel_size=2, dilation=2, output_padding=1, fixed=True)  # 2x2x2x2 = 16 fixed parameters": (
        nn.ConvTranspose2d(2, 2, 2, output_padding=1, dilation=2, fixed=True)
    ),
    "MaxPool2d(kernel_size=2)": nn.MaxPool2d(2),
    "MaxPool2d(kernel_size=3, stride=(2, 1), padding=1, ceil_mode=True)": nn.MaxPool2d(3, (2, 1), 1, ceil_mode=True),
    "ReLU()": nn.ReLU(),
    "Dropout(p=0.5)": nn.Dropout(),
    "Dropout2d(p=0.1)": nn.Dropout2d(0.1),
    "LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=1.0)": nn.LocalResponseNorm(5),
    "Sequential()": nn.Sequential(),
}


@pytest.mark.parametrize("text", LAYERS)
def test_a_layer_is_written_as_it_is_made(text):
    assert repr(LAYERS[text]) == text


@pytest.mark.parametrize(
    "text", [text for text in LAYERS if text.startswith(("Conv", "Max", "Local", "Drop"))], ids=lambda t: t[:40]
)
def test_what_is_written_makes_the_same_layer(text):
    assert repr(eval(f"nn.{text}", {"nn": nn})) == text


class Net(nn.Module):
    def __init__(self):
        self.scale = nn.Parameter(np.ones(3))
        self.first = nn.Conv2d(3, 4, 1)
        self.rest = nn.Sequential(nn.ReLU(), nn.ModuleList([nn.Conv2d(4, 1, 3, bias=False)]))
        self.again = self.first

    def extra_repr(self):
        return "of ours"


def test_what_is_inside_stands_indented_with_its_name():
    assert repr(Net()).splitlines() == [
        "Net(                                                # scale: 3 parameters of its own",
        "  of ours",
        "  (first): Conv2d(3, 4, kernel_size=1)              # 4x3x1x1 + 4 = 16 parameters",
        "  (rest): Sequential(",
        "    (0): ReLU()",
        "    (1): ModuleList(",
        "      (0): Conv2d(4, 1, kernel_size=3, bias=False)  # 1x4x3x3 = 36 parameters",
        "    )                                               # 36 parameters",
        "  )                                                 # 36 parameters",
        "  (again): Conv2d                                   # the same as first",
        ")                                                   # 55 parameters",
    ]


def test_parameters_of_ones_own_have_their_names():
    class Scale(nn.Module):
        def __init__(self):
            self.factor = nn.Parameter(np.float64(3.0))
            self.offset = nn.Parameter(np.zeros((2, 3)), requires_grad=False)

    assert repr(Scale()) == "Scale()  # factor, offset: 1 + 2x3 = 7 parameters, 6 fixed"


def test_a_module_inside_itself_comes_to_an_end():
    net = nn.Sequential(nn.ReLU())
    net.whole = net
    assert "(whole): Sequential  # the same as the whole" in repr(net)


def test_one_that_hides_its_layers_is_described_all_the_same():
    class Hiding(nn.Module):
        def __init__(self):
            self.layers = [nn.ReLU()]

    assert repr(Hiding()) == "Hiding()"


def test_a_network_has_a_line_for_each_layer_and_its_total():
    net = models.FCN8s(11, variant="paper", width=1 / 64)
    lines = repr(net).splitlines()
    layers = [name for name, _ in net.named_children()]
    assert lines[:2] == ["FCN8s(", "  11 classes, trunk VGG16, variant 'paper', width 0.015625"]
    assert [line.strip()[1:].split(")")[0] for line in lines[2:-1]] == layers
    learned, fixed = models.summary.count_parameters(net)
    assert lines[-1].split("  # ")[1] == f"{learned + fixed:,} parameters, {fixed:,} fixed"
    assert max(map(len, lines)) <= 120


class TestChildren:
    def test_are_the_modules_directly_inside_each_once(self):
        net = Net()
        assert [name for name, _ in net.named_children()] == ["first", "rest"]
        assert list(net.children()) == [net.first, net.rest]

    def test_of_a_layer_are_none(self):
        assert list(nn.Conv2d(1, 1, 1).children()) == []


def test_zero_grad_forgets_every_gradient(rng):
    net = Net()
    for parameter in net.parameters():
        (parameter * 2).sum().backward()
    net.zero_grad()
    assert [parameter.grad for parameter in net.parameters()] == [None] * 4
