"""A state dict of the lecture's listing, as a file: recognised by its names, and used as the variant that it is."""

import re

import numpy as np
import published_files as files
import pytest
from PIL import Image
from published_files import Source
from weight_files import torch_files

from minifcn import models, weights
from minifcn.cli import main
from minifcn.errors import UserError
from minifcn.training import build
from minifcn.training.published import open_network, open_weights

NETWORKS = {"fcn32s": "FCN-32s", "fcn16s": "FCN-16s", "fcn8s": "FCN-8s"}
PARTS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "score", "up_score")

every_network = pytest.mark.parametrize("net", NETWORKS)


def listing(net, classes=6):
    return files.state_of(net, classes, variant="lecture", width=1 / 32)


def twice(state):
    """The listing of FCN-32s has its parts a second time, in self.fcn."""
    number = {part: str(n) for n, part in enumerate(PARTS)}
    inside = {name: name.partition(".") for name in state}
    return state | {f"fcn.{number[part]}.{rest}": state[name] for name, (part, _, rest) in inside.items()}


def save_zip(path, state):
    path.write_bytes(torch_files(state)[0])


def save_legacy(path, state):
    path.write_bytes(torch_files(state)[1])


def save_safetensors(path, state):
    weights.write(path, state, {})


def save_npz(path, state):
    np.savez(path, **state)


CONTAINERS = {"zip.pth": save_zip, "legacy.pth": save_legacy, "net.safetensors": save_safetensors, "net.npz": save_npz}


@every_network
@pytest.mark.parametrize("name", CONTAINERS)
def test_a_file_of_any_container_is_recognised_and_every_number_finds_its_place(name, net, tmp_path):
    state = listing(net)
    CONTAINERS[name](tmp_path / name, twice(state) if net == "fcn32s" else state)
    found = open_weights(tmp_path / name, "raw")
    config = found.config
    assert (config.model, config.variant, config.backbone, config.width) == (net, "lecture", "vgg16", 1 / 32)
    assert found.weights.recognised.what == f"{NETWORKS[net]} of the lecture"
    loaded = build.load_model(config, found.model).state_dict()
    assert loaded.keys() == state.keys()
    for key, array in state.items():
        np.testing.assert_array_equal(loaded[key], array, err_msg=key)


def test_names_do_not_say_what_images_were_made_of():
    with pytest.raises(UserError, match=r"the names of the lecture's FCN-8s, which do not say .* --source-prep"):
        weights.convert(Source(listing("fcn8s")))


def test_what_is_there_twice_is_taken_once():
    state = listing("fcn32s")
    found = weights.convert(Source(twice(state)), "raw")
    assert found.arrays.keys() == state.keys()
    left = [move.name for move in found.moves if move.outcome == "left"]
    assert left == [name for name in twice(state) if name.startswith("fcn.")]


def test_what_is_there_under_the_other_name_alone_is_taken_too():
    """So safetensors writes it, which keeps one name of a tensor that has two: the first of the alphabet."""
    state = listing("fcn32s")
    both = twice(state)
    one_each = {name: array for name, array in both.items() if not name.startswith(("score", "up_score", "fcn.0."))}
    one_each = {name: array for name, array in one_each.items() if not name.startswith("fcn.") or name > "fcn.6"}
    found = weights.convert(Source(one_each), "raw").arrays
    assert found.keys() == state.keys()
    for key, array in state.items():
        np.testing.assert_array_equal(found[key], array, err_msg=key)


def test_two_arrays_that_should_be_one_are_refused():
    state = twice(listing("fcn32s"))
    state["fcn.3.2.bias"] = state["fcn.3.2.bias"] + 1
    with pytest.raises(UserError, match=r"fcn.3.2.bias and conv4.2.bias must be the same array"):
        weights.convert(Source(state), "raw")


def test_what_is_only_half_of_it_is_not_recognised():
    state = {name: array for name, array in listing("fcn8s").items() if not name.startswith("score.")}
    with pytest.raises(UserError, match=r"nor weights with names that are known .* and those of the lecture's listing"):
        weights.convert(Source(state), "raw")


def test_another_shape_is_refused_by_name(tmp_path):
    state = listing("fcn16s") | {"conv1x1_conv4.weight": np.zeros((6, 8, 1, 1), "float32")}
    save_npz(tmp_path / "net.npz", state)
    with pytest.raises(UserError, match=r"conv1x1_conv4.weight has shape \(6, 8, 1, 1\), but that of a fcn16s"):
        open_weights(tmp_path / "net.npz", "raw")


@pytest.fixture
def converted(tmp_path):
    """A file of minifcn of the listing's FCN-8s, made on the command line."""
    save_zip(tmp_path / "lecture.pth", listing("fcn8s"))
    arguments = [str(tmp_path / "lecture.pth"), "--source-preprocessing", "raw", "--to", str(tmp_path / "lecture.npz")]
    assert main(["convert", *arguments]) == 0
    return tmp_path / "lecture.npz"


def test_a_converted_file_says_which_variant_it_is(converted):
    config = open_network(converted).config
    assert (config.model, config.variant, config.mean) == ("fcn8s", "lecture", (0.0, 0.0, 0.0))


def test_a_run_begins_with_it(converted, tmp_path, capsys):
    arguments = ["--data", "shapes", "--images", "4", "--size", "32x32", "--epochs", "1", "--batch-size", "2"]
    arguments += ["--init", str(converted), "--device", "cpu", "--out", str(tmp_path / "run")]
    assert main(["train", *arguments]) == 0
    assert "FCN-8s of the lecture" in (said := capsys.readouterr().err)
    assert re.search(r"copied +conv1.0 ... fc7.0 +15 layers", said)
    assert re.search(r"first value +score ... up_score +none of its classes is here", said)
    assert open_network(tmp_path / "run").config.variant == "lecture"


def test_it_predicts(converted, tmp_path):
    Image.fromarray(np.full((64, 32, 3), 90, np.uint8)).save(tmp_path / "image.png")
    arguments = [str(tmp_path / "image.png"), "--checkpoint", str(converted), "--label", str(tmp_path / "label.png")]
    assert main(["predict", *arguments]) == 0
    assert np.asarray(Image.open(tmp_path / "label.png")).shape == (64, 32)


@pytest.mark.oracle
@every_network
def test_a_file_that_pytorch_and_safetensors_write_is_recognised(net, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make oracle` installs it")
    import lecture_listing
    from safetensors.torch import save_model

    torch.manual_seed(0)
    theirs = lecture_listing.NETWORKS[net](6, 1 / 32)
    optimizer = torch.optim.Adam(theirs.parameters())
    torch.save(theirs.state_dict(), tmp_path / "state.pth")
    torch.save({"model": theirs.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "training.pth")
    save_model(theirs, str(tmp_path / "state.safetensors"))
    for name in "state.pth", "training.pth", "state.safetensors":
        found = weights.convert(weights.read(tmp_path / name), "raw")
        assert found.recognised.what == f"{NETWORKS[net]} of the lecture"
        ours = models.create(net, num_classes=6, variant="lecture", width=1 / 32)
        ours.load_state_dict(found.arrays)
        for key, array in ours.state_dict().items():
            np.testing.assert_array_equal(array, theirs.state_dict()[key].numpy(), err_msg=key)
