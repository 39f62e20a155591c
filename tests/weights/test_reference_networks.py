"""The reference implementation's networks of NYUDv2, SIFT Flow and PASCAL-Context: other means, and more parts.

Their files are not at hand. These have the names of their layers, as in net.py of each, and made-up values.
"""

import json

import numpy as np
import published_files as files
import pytest
import reference_sets
import weight_files

from minifcn import weights
from minifcn.cli import main
from minifcn.data.normalize import PREPROCESSINGS
from minifcn.errors import UserError
from minifcn.training import about, build, published
from minifcn.weights.published import recognise

# Of B, G, R, as the data layers of the reference have them; of HHA and the logarithm of depth.
NYUD, SIFT = (116.190, 97.203, 92.318), (114.578, 115.294, 108.353)
CONTEXT, HHA, DEPTH = (104.007, 116.669, 122.679), (132.431, 94.076, 118.477), (7.844,)
# File: network, classes, what else makes it; data layer, and what it gives; inputs; means in the order of the channels.
NETWORKS = {
    "nyud-fcn32s-color-heavy": ("fcn32s", 40, {}, "nyud", "color", "color", NYUD),
    "nyud-fcn32s-hha-heavy": ("fcn32s", 40, {}, "nyud", "hha", "hha", HHA),
    "nyud-fcn32s-color-d-heavy": ("fcn32s", 40, {"in_channels": 4}, "nyud", "color, depth", "color-d", NYUD + DEPTH),
    "nyud-fcn32s-color-hha-heavy": ("fcn32s", 40, {"streams": 2}, "nyud", "color, hha", "color-hha", NYUD + HHA),
    **{
        f"siftflow-fcn{n}s-heavy": (f"fcn{n}s", 33, {"geometric_classes": 3}, "siftflow", "", "color", SIFT)
        for n in (32, 16, 8)
    },
    **{
        f"pascalcontext-fcn{n}s-heavy": (f"fcn{n}s", 60, {}, "pascalcontext", "", "color", CONTEXT) for n in (32, 16, 8)
    },
}
FROM_LAYERS = [name for name, (*_, kind, _) in NETWORKS.items() if "-" in kind or name.startswith("siftflow")]


def as_published(name, state):
    return {key.replace("conv1_1.", "conv1_1_bgrd."): a for key, a in state.items()} if "color-d-" in name else state


def state_of(name):
    model, classes, options, *_ = NETWORKS[name]
    return files.state_of(model, classes, **options)


def save(path, name, state, *, data_layer=False):
    files.save_caffemodel(path, as_published(name, state), net="")
    _, _, _, module, tops, *_ = NETWORKS[name]
    if data_layer:
        tops = str([*filter(None, tops.split(", ")), "label"])
        settings = f"{{'seed': 1337, 'tops': {tops}, 'split': 'trainval'}}"
        path.write_bytes(path.read_bytes() + weight_files.data_layer(f"{module}_layers", settings))
    return path


def assert_known(opened, name):
    model, classes, _, _, _, inputs, means = NETWORKS[name]
    config = opened.config
    assert (config.model, config.variant, config.inputs, config.num_classes) == (model, "paper", inputs, classes)
    assert config.channel_order == ("rgb" if inputs == "hha" else "bgr")
    order = [0, 1, 2] if inputs == "hha" else [2, 1, 0]
    assert [config.mean[n] for n in [*order, *range(3, len(means))]] == list(means)
    assert set(config.std) == {1.0}
    named = {40: "wall", 33: "awning", 60: "class 0"}
    assert config.class_names[0] == named[classes]
    assert config.geometric_names == (("sky", "horizontal", "vertical") if name.startswith("siftflow") else ())


@pytest.mark.parametrize("tells", ["the name of the file", "its data layer"])
@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_opened_as_what_it_is(name, tells, tmp_path):
    path = tmp_path / (f"{name}.caffemodel" if tells == "the name of the file" else "net.caffemodel")
    state = state_of(name)
    opened = published.open_network(save(path, name, state, data_layer=tells == "its data layer"))
    assert_known(opened, name)
    assert opened.weights.recognised.by.endswith(f" by {tells}")
    found = build.load_model(opened.config, opened.model).state_dict()
    assert found.keys() == state.keys()
    for key, array in state.items():
        np.testing.assert_array_equal(found[key], array, err_msg=key)


@pytest.mark.parametrize("name", FROM_LAYERS)
def test_names_of_layers_tell_where_nothing_else_does(name, tmp_path):
    opened = published.open_network(save(tmp_path / "net.caffemodel", name, state_of(name)))
    assert_known(opened, name)


@pytest.mark.parametrize("module", ["voc_layers", "my_layers"])
def test_a_data_layer_of_others_changes_nothing(module, tmp_path):
    path = tmp_path / "net.caffemodel"
    files.save_caffemodel(path, files.state_of("fcn32s", 40))
    layer = weight_files.data_layer(module, "{'tops': ['hha', 'label']}")
    path.write_bytes(path.read_bytes() + layer)
    found = weights.convert(weights.read(path)).recognised
    assert found.preprocessing == PREPROCESSINGS["caffe"]
    assert (found.data, found.inputs) == ("", "color")


@pytest.mark.parametrize("settings", ["", "{'tops': [", "x" * 100_000, "'tops': [" + "[" * 900, b"\xff\xfe\x00"])
def test_settings_of_any_kind_are_read_as_text_and_no_more(settings, tmp_path):
    path = tmp_path / "net.caffemodel"
    files.save_caffemodel(path, files.state_of("fcn32s", 40))
    path.write_bytes(path.read_bytes() + weight_files.data_layer("nyud_layers", settings))
    assert published.open_network(path).config.inputs == "color"


@pytest.mark.parametrize(
    ("name", "data", "make"),
    [
        ("nyud-fcn32s-hha-heavy", "nyud", reference_sets.nyud),
        ("nyud-fcn32s-color-d-heavy", "nyud", reference_sets.nyud),
        ("nyud-fcn32s-color-hha-heavy", "nyud", reference_sets.nyud),
        ("siftflow-fcn8s-heavy", "siftflow", reference_sets.siftflow),
        ("pascalcontext-fcn32s-heavy", "pascalcontext", reference_sets.pascal_context),
    ],
)
def test_one_command_measures_it_and_a_converted_file_the_same(name, data, make, tmp_path, capsys):
    make(tmp_path / data, np.random.default_rng(0))
    path, converted = save(tmp_path / f"{name}.caffemodel", name, state_of(name)), tmp_path / "net.npz"
    assert main(["convert", str(path), "--to", str(converted)]) == 0
    split = {"nyud": "test", "siftflow": "test", "pascalcontext": "val"}[data]
    words = ["--data", f"{data}:{tmp_path / data}", "--split", split, "--device", "cpu", "--json"]
    capsys.readouterr()
    measured = []
    for checkpoint in (path, converted):
        assert main(["evaluate", "--checkpoint", str(checkpoint), *words]) == 0
        measured.append(json.loads(capsys.readouterr().out))
    assert measured[0] == measured[1]
    assert ("geometric" in measured[0]) == (data == "siftflow")


def test_a_stage_begins_with_the_published_one_before(tmp_path, capsys):
    """The scores of both heads, too."""
    reference_sets.siftflow(tmp_path / "siftflow", np.random.default_rng(0))
    path = save(
        tmp_path / "siftflow-fcn32s-heavy.caffemodel", "siftflow-fcn32s-heavy", state_of("siftflow-fcn32s-heavy")
    )
    words = ["--data", f"siftflow:{tmp_path / 'siftflow'}", "--init", str(path), "--iterations", "1"]
    out = ["--width", "0.015625", "--device", "cpu", "--out", str(tmp_path / "run")]
    assert main(["train", "--recipe", "siftflow-fcn16s", *words, *out]) == 0
    said = capsys.readouterr().err
    assert "score_fr_geo" in said.split("first value")[0]
    assert "SIFT Flow by the name of the file" in said


def test_names_of_its_layers_do_not_say_what_anybody_made_of_images(tmp_path):
    """Of Caffe's names in a file of PyTorch the user says so of the colours; what is behind them is as ever."""
    name = "nyud-fcn32s-color-d-heavy"
    path = tmp_path / "net.pth"
    files.save_pth(path, as_published(name, state_of(name)))
    with pytest.raises(UserError, match="--source-preprocessing"):
        recognise(weights.read(path))
    found = recognise(weights.read(path), "torchvision")
    assert found.preprocessing.mean == (*PREPROCESSINGS["torchvision"].mean, 7.844)
    assert published.open_weights(path, "torchvision").config.inputs == "color-d"


@pytest.mark.parametrize("name", ["nyud-fcn32s-color-d-heavy", "nyud-fcn32s-color-hha-heavy"])
def test_a_first_layer_on_more_than_colours_is_not_turned(name, tmp_path):
    found = weights.convert(weights.read(save(tmp_path / "net.caffemodel", name, state_of(name))))
    with pytest.raises(UserError, match="not for images of R, G, B"):
        weights.as_caffe(found)


def test_another_preprocessing_than_that_of_its_data_is_refused(tmp_path):
    path = save(tmp_path / "net.caffemodel", "siftflow-fcn8s-heavy", state_of("siftflow-fcn8s-heavy"))
    with pytest.raises(UserError, match="only minus the mean of SIFT Flow"):
        weights.convert(weights.read(path), "caffe")


def test_what_a_network_of_depth_is_given_is_said(tmp_path, capsys):
    name = "nyud-fcn32s-color-d-heavy"
    path = save(tmp_path / "net.caffemodel", name, state_of(name))
    assert main(["convert", str(path), "--to", str(tmp_path / "net.npz")]) == 0
    assert "images: B, G, R minus 116.19, 97.203, 92.318; what is behind them minus 7.844\n" in capsys.readouterr().out


def test_onnx_of_two_heads_says_whose_scores_it_gives(tmp_path, capsys):
    pytest.importorskip("onnx")
    name = "siftflow-fcn32s-heavy"
    path = save(tmp_path / "net.caffemodel", name, state_of(name))
    assert main(["convert", str(path), "--to", str(tmp_path / "net.onnx")]) == 0
    assert "it does not give the geometric ones" in capsys.readouterr().out


@pytest.mark.parametrize(("key", "value"), [("name", "x" * 5000), ("backbone", ["a"] * 5000), ("width", "x" * 5000)])
def test_what_a_file_says_of_its_network_is_quoted_in_short(key, value, tmp_path):
    path = tmp_path / "net.safetensors"
    config = published.open_network(
        save(tmp_path / "a.caffemodel", "siftflow-fcn32s-heavy", state_of("siftflow-fcn32s-heavy"))
    ).config
    said = about.about(config)
    weights.write(path, state_of("siftflow-fcn32s-heavy"), said | {"network": said["network"] | {key: value}})
    with pytest.raises(UserError) as refused:
        published.open_network(path)
    assert len(str(refused.value)) < len(str(path)) + 320
