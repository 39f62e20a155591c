"""Settings and images that cannot be right are refused in the name of the network, not of a layer inside it."""

import re

import numpy as np
import pytest

from minifcn import Tensor, models
from minifcn.errors import UserError

NARROW = 1 / 64


@pytest.mark.parametrize("name", models.NETWORKS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": "21"}, "num_classes must be a whole number, got '21'"),
        ({"num_classes": 2.0}, "num_classes must be a whole number, got 2.0"),
        ({"num_classes": True}, "num_classes must be a whole number, got True"),
        ({"num_classes": -1}, "num_classes must be at least 1, got -1"),
        ({"width": "1"}, "width must be a number, got '1'"),
        ({"width": -0.5}, "width must be above 0, got -0.5"),
        ({"width": float("nan")}, "width must be a number, got nan"),
        ({"width": float("inf")}, "width must be finite, got inf"),
        ({"width": None}, "width must be a number, got None"),
        ({"dropout": 1}, r"dropout must be a probability in \[0, 1\), got 1"),
        ({"dropout": -0.1}, r"dropout must be a probability in \[0, 1\), got -0.1"),
        ({"dropout": float("nan")}, r"dropout must be a probability in \[0, 1\), got nan"),
        ({"dropout": "0.5"}, r"dropout must be a probability in \[0, 1\), got '0.5'"),
        ({"variant": None}, 'variant must be "aligned" or "paper", got None'),
        ({"variant": ["paper"]}, 'variant must be "aligned" or "paper", got '),
        ({"fc6_kernel": 0}, "fc6_kernel must be 7, or 1 in the aligned variant, got 0"),
        ({"fc6_kernel": 3}, "fc6_kernel must be 7, or 1 in the aligned variant, got 3"),
        ({"fc6_kernel": 1, "variant": "paper"}, "fc6_kernel must be 7, or 1 in the aligned variant, got 1"),
        ({"rng": 0}, r"rng must be a numpy.random.Generator, such as numpy.random.default_rng\(0\), got 0"),
        ({"rng": np.random.RandomState(0)}, "rng must be a numpy.random.Generator, .*, got a RandomState"),
        ({"at_once": "no"}, "at_once must be True or False, got 'no'"),
        ({"recompute": 1}, "recompute must be True or False, got 1"),
    ],
    ids=str,
)
def test_impossible_ones_are_refused_in_the_name_of_the_network(name, options, message):
    kind = models.NETWORKS[name]
    with pytest.raises((TypeError, ValueError), match=f"^{kind.__name__}: {message}"):
        kind(**{"width": NARROW} | options)


@pytest.mark.parametrize("name", [None, 8, ["fcn8s"]], ids=str)
def test_a_name_that_is_no_text_is_unknown(name):
    with pytest.raises(UserError, match=r"unknown model .* choose one of fcn32s, fcn16s, fcn8s"):
        models.create(name)


@pytest.mark.parametrize(
    ("shape", "fix"),
    [
        ((3, 20, 20), r"; for one image pass x\[None\]"),
        ((20, 30, 3), r"; for one image whose channels are last pass x.transpose\(2, 0, 1\)\[None\]"),
        ((1, 20, 30, 3), r"; its channels are last: pass x.transpose\(0, 3, 1, 2\)"),
        ((1, 1, 20, 20), "; a grey image needs its channel three times"),
        ((1, 4, 20, 20), r"; without the fourth channel it is x\[:, :3\]"),
        ((1, 5, 20, 20), ""),
        ((20, 20), ""),
        ((1, 3, 0, 20), ""),
        ((1, 3, 20, 0), ""),
        ((), ""),
    ],
    ids=str,
)
def test_what_is_no_batch_of_colour_images_is_refused(shape, fix):
    shown = re.escape(str(shape))
    with pytest.raises(ValueError, match=rf"^FCN8s: x must be colour images \(N, 3, H, W\) .* got shape {shown}{fix}$"):
        models.FCN8s(2, width=NARROW)(Tensor(np.zeros(shape, "float32")))


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool"])
def test_images_that_are_not_normalised_are_refused(dtype):
    with pytest.raises(TypeError, match=f"^FCN16s: x must be normalised images in floating-point, got {dtype}; see"):
        models.FCN16s(2, width=NARROW)(Tensor(np.zeros((1, 3, 20, 20), dtype)))


@pytest.mark.parametrize("x", [[[0.0]], "street.jpg", None], ids=["list", "text", "none"])
def test_what_is_no_tensor_is_refused(x):
    with pytest.raises(TypeError, match=r"^FCN32s: x must be a Tensor of images \(N, 3, H, W\), got a "):
        models.FCN32s(2, width=NARROW)(x)


def test_images_of_another_precision_are_refused():
    with pytest.raises(TypeError, match=r"^FCN8s: the operands are float64 and float32 \(x and the weights\); convert"):
        models.FCN8s(2, width=NARROW)(Tensor(np.zeros((1, 3, 20, 20))))
