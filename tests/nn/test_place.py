"""A module knows where its parameters are and of which dtype, and can be laid out without their memory."""

import tracemalloc

import numpy as np
import pytest

from minifcn import Tensor, models, nn


def test_a_module_knows_its_dtype_and_device(dtype, device):
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 1)).astype(dtype).to(device)
    assert net.dtype == dtype
    assert net.device == net[0].weight.device
    assert (net[0].device, net[0].dtype) == (net.device, net.dtype)


def test_a_module_without_parameters_takes_float32_on_the_cpu():
    assert (nn.ReLU().device, nn.ReLU().dtype) == ("cpu", np.dtype("float32"))


def test_parameters_of_two_dtypes_are_named():
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Conv2d(2, 2, 1).astype("float64"))
    with pytest.raises(ValueError, match=r"more than one dtype, such as 0.bias float32 and 1.bias float64; convert"):
        net.dtype  # noqa: B018


def test_parameters_on_two_devices_are_named(gpu):
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Conv2d(2, 2, 1).to(gpu))
    with pytest.raises(ValueError, match=r"more than one device, such as 0.bias cpu and 1.bias cuda"):
        net.device  # noqa: B018


def test_a_module_of_ones_own_may_call_something_else_so():
    class Net(nn.Module):
        def __init__(self):
            self.device, self.dtype = "mine", "too"

    assert (Net().device, Net().dtype) == ("mine", "too")


class TestShapesOnly:
    @pytest.mark.parametrize("variant", ["aligned", "paper"])
    def test_a_network_has_the_names_and_shapes_that_it_has_otherwise(self, variant):
        with nn.init.shapes_only():
            without = models.FCN8s(3, variant=variant, width=1 / 16)
        expected = models.FCN8s(3, variant=variant, width=1 / 16)
        found, shapes = ({n: (p.shape, p.dtype) for n, p in net.named_parameters()} for net in (without, expected))
        assert found == shapes
        assert models.summary.table(without, (40, 50)) == models.summary.table(expected, (40, 50))

    def test_a_large_one_takes_no_memory(self):
        tracemalloc.start()
        with nn.init.shapes_only():
            model = models.FCN8s(255, variant="paper", width=4)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert models.summary.count_parameters(model)[0] > 2e9
        assert peak < 3e6

    def test_weights_cannot_be_changed_and_the_next_network_is_whole(self):
        with nn.init.shapes_only():
            layer = nn.Conv2d(3, 2, 3, rng=np.random.default_rng(0))
        with pytest.raises(ValueError, match="read-only"):
            layer.weight.data[...] = 1
        whole = nn.Conv2d(3, 2, 3, rng=np.random.default_rng(0))
        assert whole(Tensor(np.ones((1, 3, 3, 3), "float32"))).data.any()
