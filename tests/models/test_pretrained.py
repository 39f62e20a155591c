"""The trained networks of the package: small files, made by a command, that do what is said of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minifcn import models, training
from minifcn.data import open_split
from minifcn.errors import UserError
from minifcn.models import trained
from minifcn.training.about import about
from minifcn.training.config import Config
from minifcn.training.evaluate import evaluate_dataset
from minifcn.weights import writers

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def net():
    return models.pretrained("shapes-fcn8s")


@pytest.mark.parametrize("name", models.PRETRAINED)
def test_a_file_has_at_most_1_mb_and_half_precision(name):
    assert trained.file_of(name).stat().st_size <= 1_000_000
    with np.load(trained.file_of(name), allow_pickle=False) as file:
        assert {file[key].dtype.name for key in file.files if key != "about"} == {"float16"}


def test_no_file_lies_there_that_no_name_stands_for():
    others = {"shapes-coarser"}  # score layers, no network; tests/models/test_coarser_scores.py
    assert {path.stem for path in Path(trained.__file__).parent.glob("*.npz")} == set(models.PRETRAINED) | others


def test_it_is_an_fcn8s_to_use(net):
    shapes = open_split("shapes", "val")
    assert isinstance(net, models.FCN8s)
    assert not any(module.training for _, module in net.named_modules())
    assert net.dtype == "float32"
    assert net.class_names == shapes.class_names
    np.testing.assert_array_equal(net.palette, shapes.palette)


def test_it_knows_the_pictures_that_it_was_not_trained_on(net):
    """The test split chose nothing: a mean IoU of 0.950 of all of it, and 0.954 of these."""
    matrix, _ = evaluate_dataset(net, open_split("shapes", "test", 25), normalize=net.normalize)
    assert matrix.mean_iou > 0.95


def test_everybody_gets_one_of_ones_own(net):
    other = models.pretrained("shapes-fcn8s")
    other.conv1_1.weight.data[...] = 0
    other.palette[...] = 0
    assert net.conv1_1.weight.data.any()
    assert net.palette.any()


def test_another_name_is_told_those_that_there_are():
    with pytest.raises(UserError, match=r"there is no pretrained network 'shapes-fcn8': .*did you mean 'shapes-fcn8s'"):
        models.pretrained("shapes-fcn8")


def test_its_text_is_what_the_command_writes(net):
    """The numbers take minutes; the text beside them changes with the code, and then the file is written anew."""
    palette = tuple(map(tuple, net.palette.tolist()))
    config = Config(model="fcn8s", width=0.11, class_names=net.class_names, palette=palette)
    with np.load(trained.file_of("shapes-fcn8s"), allow_pickle=False) as file:
        assert file["about"].item() == json.dumps({"format": writers.FORMAT, **about(config)})


@pytest.mark.slow
def test_the_command_that_makes_it_gives_the_same_bytes_twice(tmp_path):
    few = ["--width", "0.03125", "--epochs", "2", "--images", "6"]
    for name, threads in (("a", "1"), ("b", "4")):  # whatever the computer is set to
        command = [
            sys.executable,
            ROOT / "benchmarks" / "pretrained.py",
            tmp_path / name,
            tmp_path / f"{name}.npz",
            *few,
        ]
        settings = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": threads, "MINIFCN_THREADS": threads}
        subprocess.run(command, check=True, capture_output=True, cwd=tmp_path, env=os.environ | settings)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    first, half = training.checkpoint.load(tmp_path / "a").model, np.load(tmp_path / "a.npz")
    for name, array in first.items():
        np.testing.assert_array_equal(half[name], array.astype(np.float16))
