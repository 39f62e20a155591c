"""What Python does for an operation before it computes, which a GPU waits for: counted in functions, not in time.

`python benchmarks/host_time.py` says what they cost. A change that enters more breaks the limits, one that enters fewer
lowers them.
"""

import host_time
import numpy as np
import pytest

from minifcn import Tensor, models, no_grad, to_device

FUNCTIONS = {
    "conv2d, 3x3, bias, ReLU": 22,  # one of them if a window of another caller has asked for its size before
    "conv2d, 1x1, bias": 22,  # the same here, and below
    "max_pool2d": 21,
    "dropout, evaluating": 7,
    "conv_transpose2d": 27,  # which asks for two
    "crop": 12,
    "add": 9,
    "multiply by a number": 22,
    "relu": 12,
    "concatenate": 16,
    "softmax": 12,
    "an operation of three Tensors that does nothing": 5,
}
OF_SHAPES = {
    "_check_joint",
    "_check_shapes",
    "_made",
    "_output_size",
    "_pairs",
    "_margin",
    "Window.output_size",
    "Window.transposed_size",
    "Window.turned",
}


def entered(name):
    with no_grad(), host_time.nothing_is_computed():
        return host_time.functions_entered(host_time.operations()[name])


def test_every_operation_has_a_limit():
    assert FUNCTIONS.keys() == host_time.operations().keys()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_few_functions_are_entered(name):
    found = entered(name)
    assert len(found) <= FUNCTIONS[name], found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_shapes_say_is_asked_once(name):
    """The second call of a kind has the answers of the first."""
    assert OF_SHAPES.intersection(entered(name)) == set()


def test_what_is_entered_is_seen():
    x = host_time.channels_last(1, 3, 4, 4)
    assert "Tensor.__init__" in host_time.functions_entered(lambda: x + x)


@pytest.mark.parametrize("expression", [lambda x: x + x, lambda x: x * 0.5], ids=["add", "times a number"])
def test_what_is_elementwise_sorts_and_asks_nothing_anew_on_a_gpu(stand_in, expression):
    """A layout has its order from the first call, and an array of CuPy is known by its type."""
    x = Tensor(to_device(np.zeros((1, 4, 5, 3), "float32").transpose(0, 3, 1, 2), stand_in))
    found = host_time.functions_entered(lambda: expression(x))
    assert {"on_vectors", "as_array"} <= set(found)
    assert {"_order", "_inverse", "_needs_gradient"}.isdisjoint(found)


def test_a_pass_on_a_gpu_leaves_the_threads_of_blas_alone(stand_in):
    """To hold them to one takes as long as all checks of a convolution."""
    net = models.FCN8s(3, width=1 / 64).to(stand_in)
    image = to_device(np.zeros((1, 3, 32, 32), "float32"), stand_in)
    found = host_time.functions_entered(lambda: net(Tensor(image)).sum().backward())
    assert "finished_convolution" in found
    assert "one_blas_thread" not in found
