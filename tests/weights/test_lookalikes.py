"""What has the names of a known network and is another one, or holds more than one, is said and not taken for it."""

import json
import zipfile
from pathlib import Path

import numpy as np
import published_files as files
import pytest
from published_files import Source
from weight_files import blob, caffemodel, caffemodel_v1, legacy_blob

from minifcn import weights
from minifcn.cli import main
from minifcn.errors import UserError
from minifcn.training import build
from minifcn.training.about import about
from minifcn.training.config import Config
from minifcn.training.published import open_network, open_weights, recognition
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


CAFFENET = {f"conv{n}.weight": np.ones((6, 3 if n == 1 else 6, 3, 3), "float32") for n in range(1, 6)}
TAKEN = "taken for CaffeNet (bvlc_alexnet has the same shapes, with the pools behind the normalisation)"
VERSIONS = {  # how to write a network and a blob, and what a convolution, a normalisation and a pool are called
    "V2": (caffemodel, blob, "Convolution", "LRN", "Pooling"),
    "V1": (caffemodel_v1, legacy_blob, 4, 15, 17),
}
NAMES = [("norm1", "pool1"), ("lrn1", "pool1"), ("relu_lrn1", "pool1"), ("norm1", "pooling1"), ("pool1", "norm1")]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("normalisation", "pool"), NAMES)
@pytest.mark.parametrize("alexnet", [True, False], ids=["AlexNet", "CaffeNet"])
def test_the_types_of_layers_tell_alexnet_from_caffenet_whatever_they_are_called(
    alexnet, normalisation, pool, version, tmp_path
):
    write, write_blob, conv, lrn, pooling = VERSIONS[version]
    convs = {name.partition(".")[0]: (conv, [write_blob(array)]) for name, array in CAFFENET.items()}
    between = {normalisation: (lrn, []), pool: (pooling, [])}
    path = tmp_path / "fine_tuned.caffemodel"
    order = ("conv1", normalisation, pool) if alexnet else ("conv1", pool, normalisation)
    path.write_bytes(write({name: (convs | between)[name] for name in (*order, *convs)}, "FlickrStyle"))
    source = weights.read(path)
    if alexnet:
        refused(source, "this is bvlc_alexnet, which normalises before it pools")
    else:
        found = convert(source).recognised
        assert (found.what, TAKEN in found.by) == ("CaffeNet of Caffe", False)


@pytest.mark.parametrize("types", [["dagnn.LRN", "dagnn.Pooling"], ["dagnn.LRN"]])
def test_matconvnet_tells_alexnet_by_types_too(types):
    about = {"layers": [("conv1", "dagnn.Conv"), *((f"layer{n}", kind) for n, kind in enumerate(types))]}
    source = Source(files.as_matconvnet(CAFFENET), container="MAT-file 5", about=about)
    refused(source, "this is bvlc_alexnet, which normalises before it pools")


ARRAYS_ALONE = {
    "npz": files.as_chainer(CAFFENET),
    "torch.save (zip)": CAFFENET,
    "caffemodel": files.as_caffemodel(CAFFENET),
    "MAT-file 5": files.as_matconvnet(CAFFENET),
}


@pytest.mark.parametrize(("container", "arrays"), ARRAYS_ALONE.items())
def test_arrays_alone_are_taken_for_caffenet_and_that_is_said(container, arrays, tmp_path):
    (tmp_path / "net").write_bytes(b"whose MD5 is nobody's")
    source = Source(arrays, tmp_path / "net", container)
    found = convert(source, "" if container == "MAT-file 5" else "caffe")
    assert found.recognised.by.endswith(TAKEN)
    assert TAKEN in recognition(found)


@pytest.mark.parametrize(("container", "arrays"), ARRAYS_ALONE.items())
@pytest.mark.parametrize("name", ["bvlc_alexnet.npz", "BVLC_AlexNet_from_caffe.pth"])
def test_arrays_alone_are_alexnet_by_the_name_of_the_file(name, container, arrays):
    refused(Source(arrays, Path(name), container), "this is bvlc_alexnet, which normalises before it pools")


@pytest.mark.parametrize("write", [files.as_chainer, files.as_matconvnet, files.as_torchvision])
@pytest.mark.parametrize("said", ["layers", "normalization", "part", "other parts", "net", "order"])
def test_a_text_of_a_file_is_not_taken_for_what_another_container_says(said, write, tmp_path):
    state = CAFFENET if write is not files.as_torchvision else NUMBERS
    np.savez(tmp_path / "net.npz", **write(state), **{said: np.array("a text")})
    found = convert(weights.read(tmp_path / "net.npz"), "" if write is files.as_matconvnet else "caffe")
    assert found.recognised.what.startswith(("CaffeNet", "VGG16"))
    assert "of its parts" not in recognition(found)


DOUBLES = {
    "two spellings of a layer": (files.as_chainer(FCN) | {"score-fr/W": np.ones((21, 64, 1, 1), "float32")}, "npz"),
    "an average": (files.as_keras(NUMBERS) | {"ema/fc1/kernel:0": np.ones((392, 64), "float32")}, "HDF5"),
}


@pytest.mark.parametrize(("arrays", "container"), DOUBLES.values(), ids=DOUBLES)
def test_two_arrays_for_one_parameter_are_refused(arrays, container):
    refused(Source(arrays, container=container), "are both (score_fr|fc6).weight; save the weights of one network")


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


def test_scales_that_the_network_has_built_in_are_not_said_to_be_unused():
    scales = {"scale_pool4/0": np.full(8, 0.01, "float32"), "scale_pool3/0": np.full(4, 0.0001, "float32")}
    found = convert(Source(files.as_caffemodel(FCN) | scales, container="caffemodel"))
    assert {move.name: move.outcome for move in found.moves if move.outcome != "copied"} == dict.fromkeys(
        scales, "left"
    )


@pytest.mark.parametrize(("layer", "lacking"), [("scale_pool4", "scale_pool3"), ("scale_pool3", "scale_pool4")])
def test_one_scale_of_two_is_no_network_at_once(layer, lacking):
    scale = {"scale_pool4": 0.01, "scale_pool3": 0.0001}[layer]
    arrays = files.as_caffemodel(FCN) | {f"{layer}/0": np.full(1, scale, "float32")}
    refused(Source(arrays, container="caffemodel"), f"has no {lacking}, which FCN-8s at once has beside {layer}")


# What a file for PyTorch cannot say by names and shapes

NETWORKS = [
    ("vgg16", "aligned", False),
    ("vgg16", "paper", True),
    ("vgg16", "lecture", False),
    ("googlenet", "aligned", True),
    ("googlenet", "paper", False),
]


@pytest.mark.parametrize("ending", [".npz", ".safetensors", ".pth"])
@pytest.mark.parametrize(("backbone", "variant", "at_once"), NETWORKS)
def test_a_network_comes_back_as_it_was_from_every_format(backbone, variant, at_once, ending, tmp_path):
    classes = {"class_names": ("sky", "road"), "palette": ((0, 0, 0), (1, 2, 3))}
    config = Config(model="fcn8s", backbone=backbone, variant=variant, width=1 / 16, at_once=at_once, **classes)
    state = build.build_model(config).state_dict()
    weights.write(tmp_path / f"net{ending}", state, about(config))
    opened = open_network(tmp_path / f"net{ending}")
    names = ("model", "backbone", "variant", "width", "at_once", "class_names", "palette", "mean", "std")
    assert [getattr(opened.config, name) for name in names] == [getattr(config, name) for name in names]
    for name, array in state.items():
        np.testing.assert_array_equal(opened.model[name], array, err_msg=name)


@pytest.mark.parametrize("variant", ["aligned", "paper"])
def test_fc6_tells_the_variant_where_nothing_says_it(variant, tmp_path):
    files.save_pth(tmp_path / "net.pth", files.state_of("fcn8s", variant=variant))
    assert open_weights(tmp_path / "net.pth", "caffe").config.variant == variant


def test_the_variant_of_a_network_without_fc6_is_not_guessed(tmp_path):
    state = files.state_of("fcn32s", backbone="googlenet", width=1 / 16, variant="aligned")
    files.save_pth(tmp_path / "net.pth", state)
    with pytest.raises(UserError, match=r"net.pth: neither names nor shapes tell which variant of FCN-32s on G"):
        open_weights(tmp_path / "net.pth", "caffe")


@pytest.mark.parametrize("name", ["fcn8s", "fcn8s-atonce"])
@pytest.mark.parametrize("save", [files.save_chainer, files.save_pth], ids=["Chainer", "PyTorch"])
def test_the_net_at_once_is_known_by_the_name_of_the_file_and_that_is_said(save, name, tmp_path):
    path = tmp_path / f"{name}.npz"
    save(path, FCN)
    found = convert(weights.read(path), "caffe").recognised
    assert found.at_once == (name == "fcn8s-atonce")
    assert f"{'' if found.at_once else 'not '}at-once by the name of the file" in found.by


@pytest.mark.parametrize("layer", ["conv1_1", "conv3_2", "fc7"])
def test_names_with_the_shapes_of_another_network_are_not_converted(layer, tmp_path, capsys):
    array = NUMBERS[f"{layer}.weight"]
    wrong = np.ones((array.shape[0], array.shape[1] + 1, *array.shape[2:]), "float32")
    files.save_caffemodel(tmp_path / "net.caffemodel", NUMBERS | {f"{layer}.weight": wrong})
    assert main(["convert", str(tmp_path / "net.caffemodel"), "--to", str(tmp_path / "net.npz")]) == 2
    assert f"{layer}.weight has shape" in capsys.readouterr().err
    assert not (tmp_path / "net.npz").exists()


# Which part of a file


@pytest.mark.oracle
def test_it_is_said_which_of_several_networks_is_read(tmp_path, capsys):
    torch = pytest.importorskip("torch")
    one, other = ({name: torch.tensor(array) for name, array in files.vgg16(seed=n).items()} for n in (0, 1))
    torch.save({"model": one, "model_ema": other, "epoch": 3}, tmp_path / "net.pth")
    arguments = ["--source-preprocessing", "caffe", "--to", str(tmp_path / "net.npz")]
    assert main(["convert", str(tmp_path / "net.pth"), *arguments]) == 0
    assert "of its parts, model; left out: model_ema" in capsys.readouterr().out


def test_two_parts_of_one_name_are_refused(tmp_path):
    """PyTorch reads one of them, and who else reads the file may read the other."""
    files.save_pth(tmp_path / "net.pth", NUMBERS)
    with zipfile.ZipFile(tmp_path / "net.pth", "a") as archive:
        name = next(name for name in archive.namelist() if name.endswith("data/0"))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr(name, archive.read(name))
    with pytest.raises(UserError, match="it has two parts of one name"):
        weights.read(tmp_path / "net.pth")


# What would steer a terminal, or spoil every score


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_a_network_of_numbers_that_are_none_is_not_used(value, tmp_path):
    state = {name: array.astype("float64") for name, array in FCN.items()}
    state["conv3_1.weight"][0, 0, 1, 1] = value
    np.savez(tmp_path / "net.npz", **files.as_chainer(state))
    with pytest.raises(UserError, match=r"net.npz: conv3_1.weight holds inf or nan in float32"):
        open_network(tmp_path / "net.npz")


def test_names_of_a_file_do_not_steer_the_terminal(tmp_path, capsys):
    said = {"source": {"recognised_as": "\x1b[31mFCN\n"}, "mean": [1, 2, 3], "std": [1, 1, 1]}
    weights.write(tmp_path / "net.npz", FCN | {"\x1b[31m\nx": np.ones((2, 2)), "y" * 999: np.ones((2, 2))}, said)
    assert main(["convert", str(tmp_path / "net.npz"), "--to", str(tmp_path / "other.npz")]) == 0
    shown = capsys.readouterr().out
    assert "?[31mFCN?" in shown
    assert "?[31m?x" in shown
    assert "\x1b" not in shown
    assert "y" * 81 not in shown


@pytest.mark.parametrize("number", [10**400, -(10**400)])
def test_a_mean_of_too_many_digits_is_no_mean(number, tmp_path):
    about_it = np.array(json.dumps({"mean": [number, 0, 0], "std": [1, 1, 1]}))
    np.savez(tmp_path / "net.npz", about=about_it, **FCN)
    with pytest.raises(UserError, match=r"net.npz: says of preprocessing"):
        open_network(tmp_path / "net.npz")


def test_what_data_parallel_puts_before_names_is_said():
    arrays = {f"module.{name}": array for name, array in files.as_torchvision(NUMBERS).items()}
    with pytest.raises(UserError, match=r"save what is in it, model.module.state_dict\(\)"):
        convert(Source(arrays))


def test_an_error_does_not_list_thousands_of_classes(tmp_path):
    scores = {"score_fr.weight": np.ones((5000, 64, 1, 1), "float32"), "score_fr.bias": np.ones(5000, "float32")}
    files.save_chainer(tmp_path / "net.npz", files.vgg16() | scores)
    with pytest.raises(UserError, match=r"net\.npz: --class-names must be at most 255 names") as error:
        open_network(tmp_path / "net.npz")
    assert len(str(error.value)) < 500
