"""A checkpoint gives back what was saved, survives a crash, and trusts no file."""

import dataclasses
import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest

from minifcn.errors import UserError
from minifcn.training import Checkpoint, Config, checkpoint
from minifcn.training.checkpoint import Position

CONFIG = Config(class_names=("sky", "road"), palette=((0, 0, 0), (128, 64, 128)), size=(32, 48))


@pytest.fixture
def state(rng):
    return Checkpoint(
        CONFIG,
        model={"conv.weight": rng.standard_normal((3, 2, 1, 1)).astype("float32"), "conv.bias": np.zeros(3)},
        optimizer={"steps": np.array(7)},
        position=Position(epoch=1, batch=2, iteration=7, loss_sum=0.1, best_mean_iou=1 / 3),
        random=np.random.default_rng(5).bit_generator.state,
    )


@pytest.fixture
def path(tmp_path, state):
    checkpoint.save(tmp_path / "checkpoint.npz", state)
    return tmp_path / "checkpoint.npz"


def test_load_gives_back_what_was_saved(path, state):
    loaded = checkpoint.load(path)
    assert (loaded.config, loaded.position, loaded.random) == (state.config, state.position, state.random)
    for part in ("model", "optimizer"):
        found, wanted = getattr(loaded, part), getattr(state, part)
        assert found.keys() == wanted.keys()
        for name in wanted:
            assert found[name].dtype == wanted[name].dtype
            np.testing.assert_array_equal(found[name], wanted[name])


def test_numpy_reads_it_without_minifcn(path, state):
    with np.load(path, allow_pickle=False) as file:
        np.testing.assert_array_equal(file["model/conv.weight"], state.model["conv.weight"])


@pytest.mark.parametrize("crash", ["replace", "fsync"])
def test_a_crash_while_saving_leaves_the_old_checkpoint(path, state, monkeypatch, crash):
    before = path.read_bytes()

    def fail(*args):
        raise OSError("the power went out")

    monkeypatch.setattr(os, crash, fail)
    state.position.iteration = 8
    with pytest.raises(OSError, match="the power went out"):
        checkpoint.save(path, state)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


class Evil:
    def __reduce__(self):
        return os.mkdir, ("pickle-was-executed",)


def rewritten(path, change):
    """Rewrite the zip member by member; `change(name, bytes)` gives new bytes."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, change(name, content))


def about_with(**changes):
    def change(name, content):
        if name != "about.npy":
            return content
        about = json.loads(np.load(io.BytesIO(content)).item())
        memory = io.BytesIO()
        np.save(memory, np.array(json.dumps(about | changes)))
        return memory.getvalue()

    return lambda path: rewritten(path, change)


def claim_a_terabyte(name, content):
    if name != "model/conv.bias.npy":
        return content
    memory = io.BytesIO()
    np.lib.format.write_array_header_1_0(memory, {"descr": "<f8", "fortran_order": False, "shape": (2**37,)})
    return memory.getvalue()


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[content.index(b"NUMPY", len(content) // 2) + 130] ^= 1
    path.write_bytes(content)


BAD_FILES = {
    "missing": (lambda path: path.unlink(), "no such file"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "has no best.npz"),
    "empty": (lambda path: path.write_bytes(b""), "not a minifcn checkpoint, or damaged"),
    "text": (lambda path: path.write_text("epoch,loss\n" * 99), "not a minifcn checkpoint, or damaged"),
    "a pickle": (lambda path: path.write_bytes(pickle.dumps(Evil())), "not a minifcn checkpoint, or damaged"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "not a minifcn checkpoint, or damaged"),
    "one bit flipped": (flip_a_byte, "damaged"),
    "foreign arrays": (lambda path: np.savez(path, x=np.zeros(3)), "no part named about"),
    "foreign parts beside ours": (lambda path: zipfile.ZipFile(path, "a").writestr("x.npy", b"x"), "'x'"),
    "compressed": (lambda path: np.savez_compressed(path, about=np.array("{}")), "compressed"),
    "a pickled object": (lambda path: np.savez(path, about=np.array(Evil(), object)), "pickled Python objects"),
    "a pickled about": (lambda path: np.savez(path, about=np.array([{}], object)), "pickled Python objects"),
    "about is a number": (lambda path: np.savez(path, about=np.array(1)), "about is no text"),
    "about is not JSON": (lambda path: np.savez(path, about=np.array("{")), "damaged"),
    "a terabyte claimed": (lambda path: rewritten(path, claim_a_terabyte), "claims shape (137438953472,)"),
    "another format": (about_with(format="minifcn checkpoint 99"), "'minifcn checkpoint 99'"),
    "config is a list": (about_with(config=[]), "not that of a minifcn run"),
    "config lacks settings": (about_with(config={"width": 1}), "not that of a minifcn run"),
    "an absurd width": (about_with(config=CONFIG.to_dict() | {"width": 1e9}), "--width must be"),
    "position before the start": (about_with(position={"epoch": -1}), "whole numbers from 0 up"),
    "position is a list": (about_with(position=[1, 2]), "damaged"),
}


def test_a_checkpoint_of_before_recompute_was_a_setting_is_read(path):
    config = CONFIG.to_dict()
    del config["recompute"]
    about_with(config=config)(path)
    assert checkpoint.load(path).config == CONFIG


def test_a_checkpoint_of_before_backbones_had_names_is_that_of_a_vgg16(path):
    config = CONFIG.to_dict()
    del config["backbone"]
    about_with(config=config)(path)
    assert checkpoint.load(path).config.backbone == "vgg16"


class TestAFolder:
    """The folder of a run stands for its best.npz."""

    def test_is_read_from_its_best(self, tmp_path, state):
        checkpoint.save(tmp_path / "best.npz", state)
        checkpoint.save(tmp_path / "checkpoint.npz", dataclasses.replace(state, position=Position(epoch=9)))
        assert checkpoint.file_of(str(tmp_path)) == tmp_path / "best.npz"
        assert checkpoint.load(tmp_path).position == state.position

    def test_of_a_run_in_its_first_epoch_has_none_yet(self, tmp_path, state):
        checkpoint.save(tmp_path / "checkpoint.npz", state)
        with pytest.raises(UserError, match=rf"no best\.npz.*; wait for it, or name {tmp_path}/checkpoint\.npz$"):
            checkpoint.load(tmp_path)

    def test_whose_best_is_damaged_is_refused_by_the_name_of_the_file(self, tmp_path):
        (tmp_path / "best.npz").write_bytes(b"cut")
        with pytest.raises(UserError, match=rf"^{tmp_path}/best\.npz: not a minifcn checkpoint"):
            checkpoint.load(tmp_path)

    def test_with_a_folder_of_that_name_is_refused(self, tmp_path):
        (tmp_path / "best.npz").mkdir()
        with pytest.raises(UserError, match=r"best\.npz: is a folder, not a file"):
            checkpoint.load(tmp_path)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(("damage", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_refused_with_its_path_and_the_reason(path, damage, message, monkeypatch):
    monkeypatch.chdir(path.parent)
    damage(path)
    with pytest.raises(UserError) as error:
        checkpoint.load(path)
    assert str(path) in str(error.value)
    assert message in str(error.value)
    assert not os.path.exists("pickle-was-executed")


def test_as_text_a_checkpoint_says_what_it_is_of_in_a_line_without_its_numbers():
    colours = ((0, 0, 0), (255, 0, 0))
    config = Config(model="fcn32s", width=0.25, class_names=("a", "b"), palette=colours)
    state = checkpoint.Checkpoint(config, {"w": np.zeros((30, 100)), "b": np.zeros(3)}, position=Position(epoch=7))
    assert repr(state) == (
        "Checkpoint(fcn32s on vgg16, width 0.25, 2 classes: 3,003 numbers in 2 arrays, without the optimizer's; "
        "epoch 7)"
    )
