"""A copy of a Tensor or a Module is a tensor of its own in the graph, here and in another process."""

import copy
import multiprocessing
import pickle

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, nn

WAYS = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "old pickle": lambda x: pickle.loads(pickle.dumps(x, protocol=0)),
}


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def duplicate(request):
    return request.param


def test_each_gets_its_own_gradient(duplicate):
    w = Tensor(np.array([2.0]), requires_grad=True)
    v = duplicate(w)
    (3 * w + 5 * v).sum().backward()
    assert (w.grad.item(), v.grad.item()) == (3, 5)


@pytest.mark.parametrize("x", [nn.Parameter(np.ones(2)), nn.Parameter(np.ones(2), requires_grad=False), Tensor([1])])
def test_it_is_what_the_original_is(duplicate, x):
    y = duplicate(x)
    assert type(y) is type(x)
    assert y.requires_grad == x.requires_grad
    np.testing.assert_array_equal(y.data, x.data)


class Named(Tensor):
    pass


def test_what_a_subclass_holds_besides_is_copied_too(duplicate):
    x = Named([1.0])
    x.name = "input"
    assert duplicate(x).name == "input"


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_a_deep_copy_shares_neither_data_nor_gradient(way):
    x = Tensor(np.ones(2), requires_grad=True)
    (x * 3).sum().backward()
    y = WAYS[way](x)
    y.data[...], y.grad.data[...] = 7, 8
    assert x.data.tolist() == [1, 1]
    assert x.grad.data.tolist() == [3, 3]


def test_a_shallow_copy_of_a_result_has_its_history():
    x = Tensor([2.0], requires_grad=True)
    y = x * x
    (copy.copy(y) + y).sum().backward()
    assert x.grad.item() == 8


def change_input(x, y):
    x.data -= 1


def change_result(x, y):
    y.data *= -1


@pytest.mark.parametrize("change", [change_input, change_result])
def test_a_shallow_copy_knows_what_was_changed_before_it(change):
    x = Tensor([2.0], requires_grad=True)
    y = F.relu(x) if change is change_result else x * x
    change(x, y)
    with pytest.raises(RuntimeError, match="were changed after the forward pass"):
        copy.copy(y).sum().backward()


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_a_deep_copy_of_a_result_is_refused(way):
    y = Tensor([2.0], requires_grad=True) * 3
    with pytest.raises(TypeError, match=r"result of an operation.*copy tensor\.detach\(\)"):
        WAYS[way](y)
    assert WAYS[way](y.detach()).item() == 6


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_two_copies_of_a_network_learn_side_by_side(way):
    net = nn.Conv2d(1, 2, 3, rng=np.random.default_rng(0))
    twin = WAYS[way](net)
    x = Tensor(np.ones((1, 1, 5, 5), "float32"))
    (net(x).sum() - 2 * twin(x).sum()).backward()
    np.testing.assert_array_equal(twin.weight.grad.data, -2 * net.weight.grad.data)


def _gradients(w, queue):
    found = []
    for _ in range(60):  # numbers of new tensors pass the number that w had in the other process
        (w * w * 3 + w).sum().backward()
        found.append(w.grad.data.tolist())
        w.grad = None
    queue.put(found)


@pytest.mark.parametrize("method", ["spawn", pytest.param("fork", marks=pytest.mark.filterwarnings("ignore"))])
def test_a_tensor_that_went_to_another_process_gets_the_same_gradients(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    context = multiprocessing.get_context(method)
    w, queue = Tensor(np.array([2.0, 3.0]), requires_grad=True), context.Queue()
    process = context.Process(target=_gradients, args=(w, queue))
    process.start()
    assert queue.get(timeout=60) == [[13, 19]] * 60
    process.join(60)
    assert process.exitcode == 0


class Filled(nn.Parameter):
    """A parameter that is made of something else than its data."""

    def __init__(self, shape):
        super().__init__(np.ones(shape))
        self.name = "filled"


def test_a_parameter_of_ones_own_kind_is_copied_with_what_it_has(duplicate):
    copied = duplicate(Filled((2, 3)))
    assert (type(copied), copied.shape, copied.requires_grad, copied.name) == (Filled, (2, 3), True, "filled")
