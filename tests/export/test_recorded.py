"""What a network does to an image, recorded by its own forward and written in a way that is right at every size."""

import numpy as np
import own_networks
import pytest

from minifcn import Tensor, models, nn
from minifcn.compute.window import Window
from minifcn.errors import UserError
from minifcn.export.nodes import WAYS, ways
from minifcn.export.onnx_file import nodes_of
from minifcn.export.recorded import crop_to, record, take
from minifcn.functional.convolution import add_bias, convolution
from minifcn.functional.shape import join
from minifcn.models.passing import MARGINS, OVER_CHANNELS, POINTWISE, WINDOWS


def kinds(model, size=None):
    return [node.kind for node in nodes_of([output.calls for _, output in record(model, size)])]


def test_every_operation_whose_geometry_is_known_can_be_written():
    assert POINTWISE | OVER_CHANNELS | WINDOWS.keys() | MARGINS.keys() | {add_bias, join} <= WAYS.keys()


def test_every_step_has_the_name_of_its_layer_and_a_bias_belongs_to_its_convolution():
    _, output = record(models.FCN8s(5, width=1 / 64), (40, 50))[0]
    names = [call.output for call in output.calls]
    assert names[:5] == ["conv1_1", "conv1_1/relu", "conv1_2", "conv1_2/relu", "pool1/window_maximum"]
    assert len(output.calls[0].inputs) == 3
    assert len(set(names)) == len(names)
    assert output.shape == (1, 5, 40, 50)


def test_as_many_sizes_are_recorded_as_strides_make_different():
    pools = nn.Sequential(nn.MaxPool2d(2), nn.MaxPool2d(3))
    assert [image.shape[2:] for image, _ in record(pools)] == [(224 + k, 230 - k) for k in range(7)]
    assert len(record(own_networks.Own(lambda net, x: x[..., ::3, ::2]))) == 7
    assert len(record(models.FCN32s(2, width=1 / 64))) == 33


def test_a_recording_needs_no_training_mode_and_leaves_it():
    net = own_networks.Own(own_networks.ANY_SIZE["layers"]).train()
    assert kinds(net) == ["Conv", "Relu"]
    assert net.training
    assert net.drop.training


def test_a_pool_at_one_size_may_round_up_or_down_and_at_several_it_is_known():
    net = nn.Sequential(nn.MaxPool2d(2, ceil_mode=True))
    ((_, output),) = record(net, (8, 8))
    assert [dict(node.attributes)["ceil_mode"] for (node,) in ways(output.calls[0])] == [0, 1]
    (node,) = nodes_of([output.calls for _, output in record(net)])
    assert dict(node.attributes)["ceil_mode"] == 1


@pytest.mark.parametrize("variant", ["aligned", "paper"])
@pytest.mark.parametrize("backbone", models.BACKBONES)
@pytest.mark.parametrize("name", models.NETWORKS)
def test_every_network_is_known_at_every_size(name, backbone, variant):
    net = models.create(name, num_classes=3, backbone=backbone, variant=variant, width=1 / 64)
    found = kinds(net)
    assert found.count("MaxPool") == sum(isinstance(layer, nn.MaxPool2d) for _, layer in net.named_modules())
    assert found.count("ConvTranspose") == {"fcn32s": 1, "fcn16s": 2, "fcn8s": 3}[name]


def test_sizes_that_a_network_refuses_are_left_out():
    """The lecture's networks take multiples of 32, and nothing else."""
    runs = record(models.FCN8s(2, variant="lecture", width=1 / 64))
    assert [image.shape[2:] for image, _ in runs] == [(224, 256), (256, 224)]

    def only_224(net, x):
        if x.shape[2] != 224:
            raise ValueError("rows must be 224")
        return x + 1

    with pytest.raises(UserError, match="Own: takes too few sizes of images to see what depends on them; give one"):
        record(own_networks.Own(only_224))


def test_a_network_that_takes_some_sizes_only_by_no_rule_that_can_be_written_is_refused():
    def not_227(net, x):
        if 227 in x.shape:
            raise ValueError("no side may be 227")
        return x[..., ::6, ::6] * 2

    with pytest.raises(UserError, match=r"Own: refuses some sizes of images, such as 227x227, .*; give one size"):
        record(own_networks.Own(not_227))


def test_what_is_not_a_function_of_its_own_in_minifcn_does_what_it_says(rng):
    """A crop to another map, and a slice: whoever runs the calls of a recording finds them as functions."""
    x, like = Tensor(rng.normal(size=(1, 2, 6, 7))), Tensor(rng.normal(size=(1, 3, 4, 5)))
    np.testing.assert_array_equal(crop_to(x, like, offset=(1, 2)).data, x.data[:, :, 1:5, 2:7])
    np.testing.assert_array_equal(take(x, index=(..., slice(1, 3))).data, x.data[..., 1:3])


@pytest.mark.parametrize(("function", "reason"), own_networks.ONE_SIZE.values(), ids=own_networks.ONE_SIZE)
def test_what_depends_on_the_size_is_refused_without_one(function, reason):
    net = own_networks.Own(function)
    with pytest.raises(UserError, match=reason):
        kinds(net)
    assert kinds(net, (12, 11))


@pytest.mark.parametrize(("function", "reason"), own_networks.REFUSED.values(), ids=own_networks.REFUSED)
def test_what_is_not_known_is_refused_by_its_name(function, reason):
    with pytest.raises(UserError, match=reason):
        kinds(own_networks.Own(function), (12, 12))


def test_a_map_without_its_bias_is_not_used():
    def both(net, x):
        y = convolution(x, net.square.weight, window=Window.of(3, padding=1))
        return add_bias(y, net.square.bias) + y

    with pytest.raises(UserError, match="a bias is added to this map, but it is used without the bias too"):
        kinds(own_networks.Own(both))
