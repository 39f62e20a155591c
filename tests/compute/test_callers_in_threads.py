"""Threads of the user: they share a model, wait for one another, and never for a lock."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

import minifcn as mf
import minifcn.functional as F
from minifcn import Tensor, grad
from minifcn.autograd import operation
from minifcn.training import Config, Trainer, build_model, build_optimizer


class TestUserCode:
    """Whatever runs while BLAS is held to one thread may wait for other threads that compute."""

    @staticmethod
    def in_a_thread(function):
        results = []
        thread = threading.Thread(target=lambda: results.append(function()), daemon=True)
        thread.start()
        thread.join(30)
        assert results, "the thread waits for its caller"
        return results[0]

    def test_of_a_backward_function(self, rng):
        x, weight = (Tensor(rng.normal(size=s).astype("float32")) for s in [(1, 4, 9, 9), (4, 4, 3, 3)])
        x.requires_grad = True

        @operation
        def branch(x):
            def backward(gy):
                return (self.in_a_thread(lambda: F.conv_transpose2d(gy, weight)),)

            return F.conv2d(x, weight).data, backward

        branch(x).sum().backward()
        (expected,) = grad(F.conv2d(x, weight).sum(), x)
        np.testing.assert_array_equal(x.grad.data, expected.data)

    def test_of_a_model_that_is_trained(self, tmp_path):
        data = mf.data.Shapes(2, size=(32, 32))
        palette = tuple(map(tuple, data.palette.tolist()))
        config = Config(width=1 / 64, epochs=1, class_names=data.class_names, palette=palette)
        model, computed = build_model(config), []
        forward, weight = model.forward, Tensor(np.ones((4, 3, 3, 3), "float32"))

        def in_two_threads(x):
            computed.append(self.in_a_thread(lambda: F.conv2d(x, weight)))
            return forward(x)

        model.forward = in_two_threads
        loaders = mf.data.DataLoader(data, 2), mf.data.DataLoader(data, 2)
        Trainer(config, model, build_optimizer(config, model), *loaders, tmp_path).train_epoch()
        assert len(computed) == 1


def test_a_hundred_threads_on_one_model_find_the_bits_of_one(rng, dtype):
    """In float64 too, whose products BLAS would share out in another way while another thread computes."""
    model = mf.models.FCN8s(3, width=1 / 32, rng=np.random.default_rng(0)).astype(dtype).eval()
    images = [rng.normal(size=(1, 3, 47, 33)).astype(dtype) for _ in range(100)]

    def compute(image):
        x = Tensor(image, requires_grad=True)
        y = model(x)
        return [g.data for g in (y, *grad((y * y).sum(), [x, *model.parameters()]))]

    with threadpool_limits(2, user_api="blas"), ThreadPoolExecutor(100) as callers:
        alone = [compute(image) for image in images]
        together = list(callers.map(compute, images))
    for found, expected in zip(together, alone, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


class SlowSum:
    """A gradient that takes its time to add another one."""

    def __init__(self, count=0):
        self.count = count

    def __add__(self, other):
        count = self.count
        time.sleep(0.01)
        return SlowSum(count + 1)


def test_no_gradient_is_lost_where_many_threads_add_to_one():
    leaf = Tensor(np.zeros(3), requires_grad=True)
    leaf.grad = SlowSum()
    with ThreadPoolExecutor(20) as callers:
        list(callers.map(lambda _: (leaf * 1.0).sum().backward(), range(20)))
    assert leaf.grad.count == 20
