"""Every publisher's names and layouts become minifcn's: the same numbers in the right places, and a table of it."""

import json

import numpy as np
import published_files as files
import pytest
from published_files import Source

from minifcn.data.normalize import PREPROCESSINGS
from minifcn.errors import UserError
from minifcn.weights.conversion import as_caffe, convert, described, laid_out
from minifcn.weights.outcomes import table
from minifcn.weights.published import torchvision

NUMBERS = files.vgg16()
FCN = files.state_of("fcn8s")


def same(found, expected):
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


CLASSIFIERS = {
    "torchvision": (files.as_torchvision, {"sha256": "397923af" + "0" * 56}, "VGG16 of torchvision", "torchvision"),
    "timm": (files.as_timm, {"container": "safetensors"}, "VGG16 of timm", "torchvision"),
    "caffemodel": (files.as_caffemodel, {"container": "caffemodel"}, "VGG16 of Caffe", "caffe"),
    "older caffemodel": (files.as_older_caffemodel, {"container": "caffemodel"}, "VGG16 of Caffe", "caffe"),
    "chainer": (files.as_chainer, {}, "VGG16 of Caffe", "caffe"),
}


@pytest.mark.parametrize(("write", "options", "what", "preprocessing"), CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_a_vgg16_is_recognised_and_every_number_finds_its_place(write, options, what, preprocessing):
    weights = convert(Source(write(NUMBERS), **options))
    same(weights.arrays, NUMBERS)
    assert weights.recognised.what == what
    assert weights.recognised.preprocessing[:3] == PREPROCESSINGS[preprocessing][:3]


def test_keras_lists_rows_columns_and_then_channels():
    weights = convert(Source(files.as_keras(NUMBERS), container="HDF5"))
    same(weights.arrays, NUMBERS)
    assert weights.recognised.what == "VGG16 of Keras"
    assert weights.recognised.preprocessing[:3] == ((123.68, 116.779, 103.939), (1, 1, 1), "bgr")


def test_later_names_of_keras_are_known_too():
    later = {
        name.replace("_W_1:0", "/kernel:0").replace("_b_1:0", "/bias:0"): array
        for name, array in files.as_keras(NUMBERS).items()
    }
    assert "block1_conv1/block1_conv1/kernel:0" in later
    same(convert(Source(later)).arrays, NUMBERS)


@pytest.mark.parametrize("ends", [("_filter", "_bias"), ("f", "b")], ids="/".join)
@pytest.mark.parametrize("net", ["fcn32s", "fcn16s", "fcn8s"])
def test_matconvnet_has_rows_and_columns_first(net, ends):
    state = files.state_of(net)
    weights = convert(Source(files.as_matconvnet(state, ends), container="MAT-file 5"))
    same(weights.arrays, state)
    assert weights.recognised.what == f"FCN-{net[3:]} of MatConvNet"
    assert weights.recognised.preprocessing.order == "rgb"
    assert weights.recognised.preprocessing.std == (1, 1, 1)


def test_matconvnet_has_its_mean_image_in_the_file():
    mean = np.array([1.0, 2.0, 3.0]).reshape(1, 1, 3) + np.zeros((4, 5, 1))
    weights = convert(Source(files.as_matconvnet(FCN), about={"normalization": {"averageImage": mean}}))
    assert weights.recognised.preprocessing.mean == (1, 2, 3)


@pytest.mark.parametrize("net", ["fcn32s", "fcn16s", "fcn8s"])
@pytest.mark.parametrize("write", [files.as_caffemodel, files.as_chainer])
def test_an_fcn_of_caffe_is_taken_as_it_is(net, write):
    state = files.state_of(net)
    weights = convert(Source(write(state)))
    same(weights.arrays, state)
    assert weights.recognised.what == f"FCN-{net[3:]} of Caffe"
    assert {move.outcome for move in weights.moves} == {"copied"}


# Other names for the same thing


def of_2015(state):
    """The nets of the CVPR paper: other names, and a bias on the first upsampling."""
    renamed = {
        **{"score_fr": "score-fr", "score_pool4": "score-pool4", "score_pool3": "score-pool3"},
        **{"upscore2": "score2", "upscore_pool4": "score4", "upscore8": "upsample", "upscore16": "upsample_new"},
        "upscore": "upsample",
    }
    arrays = {f"{renamed.get(layer, layer)}.{part}": array for (layer, part), array in files.split(state)}
    if "score2.weight" in arrays:
        arrays["score2.bias"] = np.arange(21, dtype="float32")
    return arrays


@pytest.mark.parametrize("net", ["fcn32s", "fcn16s", "fcn8s"])
def test_the_nets_of_2015_have_other_names_and_a_bias_more(net):
    state = files.state_of(net, width=1 / 32)
    weights = convert(Source(files.as_caffemodel(of_2015(state))))
    expected = dict(state)
    if net != "fcn32s":
        expected["score_pool4.bias"] = state["score_pool4.bias"] + np.arange(21, dtype="float32")
        assert "added" in table(weights.moves)
        assert "to score_pool4.bias" in table(weights.moves)
    assert weights.arrays.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(weights.arrays[name], array, err_msg=name)
    assert weights.recognised.what == f"FCN-{net[3:]} of Caffe"


def test_fcn8s_at_once_scales_its_pools():
    scales = {"scale_pool4/0": np.full(8, 0.01, "float32"), "scale_pool3/0": np.full(4, 0.0001, "float32")}
    weights = convert(Source(files.as_caffemodel(FCN) | scales))
    assert weights.recognised.at_once
    assert weights.recognised.what == "FCN-8s at once of Caffe"
    same(weights.arrays, FCN)
    with pytest.raises(UserError, match=r"scale_pool4 must be 0.01, as in FCN-8s at once"):
        convert(Source(files.as_caffemodel(FCN) | {"scale_pool4/0": np.ones(8, "float32")}))


def test_a_bias_without_a_place_is_refused_unless_it_is_0():
    arrays = files.as_caffemodel(FCN) | {"upscore8/1": np.zeros(21, "float32")}
    assert [move.name for move in convert(Source(arrays)).moves if move.outcome == "unused"] == ["upscore8/1"]
    with pytest.raises(UserError, match="upscore8/1 is a bias of the last upsampling, which has none here"):
        convert(Source(arrays | {"upscore8/1": np.ones(21, "float32")}))
    without = {name: array for name, array in arrays.items() if name != "score_pool4/1"}
    with pytest.raises(
        UserError, match=r"upscore2/1 is to be added to score_pool4.bias, but there is none of 21 numbers"
    ):
        convert(Source(without | {"upscore2/1": np.ones(21, "float32")}))


def test_of_an_npz_the_name_of_the_file_says_whether_it_is_the_net_at_once(tmp_path):
    arrays = files.as_chainer(FCN)
    assert not convert(Source(arrays, path=tmp_path / "fcn8s_from_caffe.npz")).recognised.at_once
    found = convert(Source(arrays, path=tmp_path / "fcn8s-atonce_from_caffe.npz"))
    assert found.recognised.at_once
    assert "by the name of the file" in found.recognised.by


def test_googlenet_has_no_name_that_python_forbids():
    shapes = {"conv1/7x7_s2": (8, 3, 7, 7), "conv2/3x3": (24, 8, 3, 3), "inception_3a/1x1": (8, 24, 1, 1)}
    shapes |= {"inception_3a/pool_proj": (4, 24, 1, 1), "loss1/fc": (128, 256), "loss3/classifier": (10, 128)}
    arrays = files.drawn({f"{layer}.weight": shape for layer, shape in shapes.items()})
    weights = convert(Source(files.as_caffemodel(arrays)))
    assert [*weights.arrays] == [
        *("conv1_7x7_s2.weight", "conv2_3x3.weight", "inception_3a.conv1x1.weight"),
        *("inception_3a.pool_proj.weight", "loss3_classifier.weight"),
    ]
    assert [move.name for move in weights.moves if move.outcome == "unused"] == ["loss1/fc/0"]
    assert weights.recognised.what == "GoogLeNet of Caffe"


def test_caffenet_keeps_its_groups():
    shapes = {"conv1": (6, 3, 11, 11), "conv2": (16, 3, 5, 5), "conv3": (24, 16, 3, 3), "conv4": (24, 12, 3, 3)}
    shapes |= {"conv5": (16, 12, 3, 3), "fc6": (64, 16 * 36), "fc7": (64, 64), "fc8": (10, 64)}
    state = files.drawn({f"{layer}.weight": s for layer, s in shapes.items()})
    state |= files.drawn({f"{layer}.bias": s[:1] for layer, s in shapes.items()}, seed=1)
    weights = convert(Source(files.as_caffemodel(state)))
    assert weights.recognised.what == "CaffeNet of Caffe"
    assert weights.arrays["fc6.weight"].shape == (64, 16, 6, 6)
    np.testing.assert_array_equal(weights.arrays["conv2.weight"], state["conv2.weight"])


# fc6: the same matrix in two orders


@pytest.mark.parametrize(
    ("axes", "place"),
    [("OIHW", lambda c, y, x: (c * 7 + y) * 7 + x), ("HWIO", lambda c, y, x: (y * 7 + x) * 3 + c)],
)
def test_fc6_sees_the_pixel_that_its_matrix_saw(axes, place):
    row = np.arange(3 * 49, dtype=float)
    matrix = row[None] if axes == "OIHW" else row[:, None]
    kernel, _ = laid_out("fc6.weight", matrix, axes, 3)
    assert kernel.shape == (1, 3, 7, 7)
    for c, y, x in np.ndindex(3, 7, 7):
        assert kernel[0, c, y, x] == place(c, y, x)


@pytest.mark.parametrize("inputs", [48, 3 * 50])
def test_a_matrix_that_is_no_square_of_pixels_is_refused(inputs):
    arrays = files.as_torchvision(NUMBERS)
    arrays["classifier.0.weight"] = np.zeros((64, inputs), "float32")
    with pytest.raises(UserError, match=f"classifier.0.weight has {inputs} inputs, which are no square of 8 channels"):
        convert(Source(arrays, sha256="397923af" + "0" * 56))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((64, 8, 7), "float32"), "must be a kernel or a matrix, but has shape"),
        (np.zeros((1, 3, 3, 3), "int64"), "must hold floating-point numbers, but is int64"),
    ],
)
def test_what_no_layer_can_have_is_refused_with_its_name(array, message):
    with pytest.raises(UserError, match=f"conv1_1/0 {message}"):
        convert(Source(files.as_caffemodel(NUMBERS) | {"conv1_1/0": array}))


# The table


def test_the_table_says_what_became_of_every_array():
    weights = convert(Source(files.as_keras(NUMBERS) | {"optimizer/step": np.zeros(3), "any": np.zeros(3)}))
    lines = table(weights.moves).splitlines()
    assert {line.split()[0] for line in lines} == {"transposed", "copied", "left", "unused"}
    assert "fc6.weight" in table(weights.moves)
    assert [line.split()[:2] for line in lines[-2:]] == [["left", "optimizer/step"], ["unused", "any"]]


def test_arrays_are_not_copied_if_they_need_not_be():
    arrays = files.as_matconvnet(FCN)
    weights = convert(Source(arrays))
    assert all(np.shares_memory(weights.arrays[name], array) for name, array in files_by_name(weights, arrays))


def files_by_name(weights, arrays):
    return zip(weights.arrays, arrays.values(), strict=True)


# Whose images?


def test_values_that_are_not_valid_are_left():
    """vgg16_features-amdegroot: torchvision's documentation says so."""
    weights = convert(Source(files.as_torchvision(NUMBERS), sha256="88682ab5" + "0" * 56))
    assert [*weights.arrays] == [name for name in NUMBERS if name.startswith("conv")]
    assert weights.recognised.preprocessing[:3] == ((123, 117, 104), (1, 1, 1), "rgb")
    assert "left" in table(weights.moves)
    assert "not valid" in table(weights.moves)


def test_torchvision_names_with_caffe_values_are_known_by_their_sum(tmp_path, monkeypatch):
    path = tmp_path / "vgg16_from_caffe.pth"
    monkeypatch.setattr(torchvision, "md5", lambda source: "aa75b158f4181e7f6230029eb96c1b13")
    weights = convert(Source(files.as_torchvision(NUMBERS), path=path))
    assert weights.recognised.what == "VGG16 of Caffe"
    assert weights.recognised.preprocessing == PREPROCESSINGS["caffe"]


@pytest.mark.parametrize("state", [files.as_torchvision(NUMBERS), FCN], ids=["torchvision's names", "Caffe's names"])
def test_names_alone_do_not_say_what_images_were_made_of(state, tmp_path):
    path = tmp_path / "mine.pth"
    path.write_bytes(b"any")
    with pytest.raises(UserError, match="do not say how its images were preprocessed; say so: minifcn convert"):
        convert(Source(state, path=path))
    for name in "torchvision", "caffe":
        assert convert(Source(state, path=path), name).recognised.preprocessing == PREPROCESSINGS[name]


def test_what_is_known_cannot_be_said_to_be_otherwise():
    with pytest.raises(UserError, match=r"this is VGG16 of timm .* leave --source-preprocessing out"):
        convert(Source(files.as_timm(NUMBERS)), "caffe")


BEGINNINGS = {"d3eb467a": "fcn32s", "a2d4035f": "fcn16s", "de93e540": "fcn8s", "bfed4437": "fcn8s-atonce"}


@pytest.mark.parametrize(("start", "name"), BEGINNINGS.items())
def test_what_was_made_of_caffemodels_for_pytorch_is_known_by_its_sum(start, name, monkeypatch):
    monkeypatch.setattr("minifcn.weights.published.caffe.md5", lambda source: start + "0" * 24)
    weights = convert(Source(files.state_of(name.partition("-")[0])))
    assert weights.recognised.at_once == name.endswith("atonce")
    assert f"{name}_from_caffe.pth" in weights.recognised.by


# What is none of the paper's networks

OTHERS = {
    "vgg16_bn": ({"features.0.weight": (1, 3, 3, 3), "features.1.running_mean": (1,)}, "batch normalisation"),
    "vgg11": ({"features.0.weight": (1, 3, 3, 3), "features.3.weight": (2, 1, 3, 3)}, "2 convolutions, not the 13"),
    "alexnet": ({"features.0.weight": (64, 3, 11, 11)}, "cannot fill CaffeNet"),
    "googlenet": ({"conv1.conv.weight": (64, 3, 7, 7), "inception3a.branch1.conv.weight": (64, 192, 1, 1)}, "another"),
    "fcn_resnet50": ({"backbone.layer1.0.conv1.weight": (64, 64, 1, 1)}, "dilated ResNet"),
}


@pytest.mark.parametrize(("shapes", "why"), OTHERS.values(), ids=OTHERS)
def test_another_network_is_refused_with_the_reason(shapes, why, tmp_path):
    with pytest.raises(UserError, match=why):
        convert(Source(files.drawn(shapes), path=tmp_path / "other.pth"))


def test_bvlc_alexnet_has_the_shapes_of_caffenet_but_is_another_network():
    arrays = files.drawn({f"conv{n}.weight": (1, 1, 1, 1) for n in range(1, 6)})
    with pytest.raises(UserError, match="normalises before it pools"):
        convert(Source(files.as_caffemodel(arrays), about={"net": "AlexNet"}))


def test_nobodys_names_are_shown():
    with pytest.raises(
        UserError, match=r"file: neither a checkpoint of minifcn, nor weights .* it has encoder.0, bad\?\[31m"
    ):
        convert(Source({"encoder.0": np.zeros(3), "bad\x1b[31m": np.zeros(3)}))


# minifcn's own


@pytest.mark.parametrize("weights", [convert(Source(files.as_timm(NUMBERS))), convert(Source(files.as_keras(NUMBERS)))])
def test_what_was_converted_is_read_again_as_it_was(weights):
    again = convert(Source(weights.arrays, about={"about": json.dumps(described(weights))}))
    same(again.arrays, weights.arrays)
    assert again.recognised.preprocessing[:3] == weights.recognised.preprocessing[:3]
    assert again.recognised.what == weights.recognised.what


SENSIBLE = {"mean": [1, 2, 3], "std": [1, 1, 1], "channel_order": "rgb"}


@pytest.mark.parametrize(
    "wrong",
    [{"mean": [1, 2]}, {"mean": None}, {"std": [0, 1, 1]}, {"std": "111"}, {"mean": ["a"] * 3}, {"channel_order": []}],
    ids=str,
)
def test_a_file_cannot_say_nonsense_of_its_preprocessing(wrong):
    with pytest.raises(UserError, match="says of preprocessing"):
        convert(Source(NUMBERS, about={"minifcn": json.dumps(SENSIBLE | wrong)}))


# The same network for other images


def test_a_first_layer_for_bgr_minus_the_mean_gives_what_the_old_one_gave():
    """Including the padding: what lies beyond the image is 0 for both."""
    weights = convert(Source(files.as_timm(files.vgg16(1 / 16, dtype="float64"))))
    changed = as_caffe(weights)
    assert changed.recognised.preprocessing[:3] == ((123.675, 116.28, 103.53), (1, 1, 1), "bgr")
    image = np.random.default_rng(0).integers(0, 256, (11, 13, 3), np.uint8)
    before, after = (first_map(w, image) for w in (weights, changed))
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-12 * np.abs(before).max())
    assert np.abs(before).min(axis=(1, 2, 3)).all() == 0  # ReLU is at work


def first_map(weights, image):
    """conv1_1 of the paper, padding 100: most of its output sees nothing but padding."""
    import minifcn as mf
    import minifcn.functional as F

    mean, std, order, _ = weights.recognised.preprocessing
    x = (image.astype(float) - mean) / std
    x = x[..., :: -1 if order == "bgr" else 1].transpose(2, 0, 1)[None]
    kernel, bias = (mf.Tensor(weights.arrays[f"conv1_1.{part}"].copy()) for part in ("weight", "bias"))
    return F.conv2d(mf.Tensor(np.ascontiguousarray(x)), kernel, bias, padding=100, relu=True).data


def test_weights_for_bgr_keep_their_order():
    weights = convert(Source(files.as_caffemodel(NUMBERS)))
    changed = as_caffe(weights)
    np.testing.assert_array_equal(changed.arrays["conv1_1.weight"], weights.arrays["conv1_1.weight"])
    assert changed.recognised.preprocessing[:3] == weights.recognised.preprocessing[:3]
