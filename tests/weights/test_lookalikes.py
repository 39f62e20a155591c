"""What has the names of a known network and is another one, or holds more than one, is said and not taken for it."""

import numpy as np
import published_files as files
import pytest
from published_files import Source
from weight_files import blob, caffemodel

from minifcn import weights
from minifcn.errors import UserError
from minifcn.training.published import of_network, published
from minifcn.weights.conversion import as_caffe, convert

NUMBERS = files.vgg16()
FCN = files.state_of("fcn8s")
KERNELS = {name: array for name, array in NUMBERS.items() if not name.startswith("fc8")}  # MatConvNet has no matrix
WRITERS = {
    "caffemodel": (files.as_caffemodel, NUMBERS),
    "npz": (files.as_chainer, NUMBERS),
    "MAT-file 5": (files.as_matconvnet, KERNELS),
    "HDF5": (files.as_keras, NUMBERS),
}


def refused(source, message):
    with pytest.raises(UserError, match=message) as error:
        convert(source)
    assert str(error.value).startswith(str(source.path))


@pytest.mark.parametrize(("write", "state"), WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize("layer", ["conv3_4", "conv5_4"])
def test_vgg19_is_not_vgg16(write, state, layer):
    deeper = state | {f"{layer}.weight": np.ones((4, 4, 3, 3), "float32"), f"{layer}.bias": np.ones(4, "float32")}
    container = next(name for name, (writer, _) in WRITERS.items() if writer is write)
    refused(Source(write(deeper), container=container), f"a deeper VGG than VGG16: it has {layer}")


@pytest.mark.parametrize("name", ["conv1_1_bn", "bn_conv1", "bn3_2", "conv2_1/batch_norm"])
def test_scores_without_the_normalisation_of_the_trunk_would_be_others(name):
    arrays = files.as_caffemodel(NUMBERS) | {f"{name}/0": np.ones((1, 8, 1, 1), "float32")}
    refused(Source(arrays, container="caffemodel"), "a network with batch normalisation")


@pytest.mark.parametrize("name", ["bn_head", "fc6_bn", "inference1"])
def test_what_comes_behind_the_trunk_does_not_change_the_trunk(name):
    found = convert(Source(files.as_caffemodel(NUMBERS) | {f"{name}/0": np.ones(8, "float32")}, container="caffemodel"))
    assert [move.name for move in found.moves if move.outcome == "unused"] == [f"{name}/0"]


@pytest.mark.parametrize("first", ["norm1", "pool1"])
def test_the_order_of_layers_tells_alexnet_from_caffenet_whatever_its_name(first, tmp_path):
    second = {"norm1": "pool1", "pool1": "norm1"}[first]
    layers = {"conv1": ("Convolution", [blob(np.ones((6, 3, 11, 11), "float32"))])}
    layers |= {first: ("LRN", []), second: ("Pooling", [])}
    layers |= {f"conv{n}": ("Convolution", [blob(np.ones((6, 6, 3, 3), "float32"))]) for n in range(2, 6)}
    path = tmp_path / "fine_tuned.caffemodel"
    path.write_bytes(caffemodel(layers, "FlickrStyle"))
    source = weights.read(path)
    if first == "norm1":
        refused(source, "this is bvlc_alexnet, which normalises before it pools")
    else:
        assert convert(source).recognised.what == "CaffeNet of Caffe"


DOUBLES = {
    "two spellings of a layer": (files.as_chainer(FCN) | {"score-fr/W": np.ones((21, 64, 1, 1), "float32")}, "npz"),
    "what Adam keeps": (files.as_keras(NUMBERS) | {"optimizer/m/fc1/kernel:0": np.ones((392, 64), "float32")}, "HDF5"),
}


@pytest.mark.parametrize(("arrays", "container"), DOUBLES.values(), ids=DOUBLES)
def test_two_arrays_for_one_parameter_are_refused(arrays, container):
    refused(Source(arrays, container=container), "are both (score_fr|fc6).weight; save the weights of one network")


# Biases of the upsampling


def test_a_bias_goes_to_scores_that_have_none():
    state = {name: array for name, array in FCN.items() if name != "score_pool4.bias"}
    found = convert(Source(files.as_chainer(state | {"upscore2.bias": np.arange(21.0)})))
    np.testing.assert_array_equal(found.arrays["score_pool4.bias"], np.arange(21.0))


@pytest.mark.parametrize("count", [1, 3])
def test_a_bias_of_other_classes_is_refused(count):
    arrays = files.as_chainer(FCN | {"upscore2.bias": np.ones(count, "float32")})
    refused(Source(arrays), f"upscore2/b has {count} numbers, but is added to 21")


def test_a_bias_behind_the_last_upsampling_would_be_lost():
    given = [FCN | {"upscore8.bias": np.full(21, value, "float32")} for value in (0, 1)]
    none, some = (published(convert(Source(files.as_chainer(state)))) for state in given)
    assert of_network(none).model.keys() == FCN.keys()
    with pytest.raises(UserError, match="file: upscore8 has a bias that is not 0"):
        of_network(some)


@pytest.mark.parametrize("channels", [1, 4])
def test_only_a_first_layer_of_three_channels_is_turned(channels):
    arrays = files.as_chainer(NUMBERS | {"conv1_1.weight": np.ones((1, channels, 3, 3), "float32")})
    with pytest.raises(UserError, match=rf"conv1_1.weight has shape \(1, {channels}, 3, 3\), which is not for images"):
        as_caffe(convert(Source(arrays)))


@pytest.mark.oracle
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_tensor_whose_numbers_are_negated_is_not_read_as_it_lies(zipped, tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"w": torch._neg_view(torch.ones(3))}, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match="tensors that change the numbers below them"):
        weights.read(tmp_path / "w.pth")
