"""The score layers of FCN-32s and FCN-16s in the package: a small file, made by a command, as good as is said."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minifcn import Tensor, metrics, models, no_grad
from minifcn.data import open_split
from minifcn.explain.simulator.coarser import COARSER, FILE, side_by_side
from minifcn.explain.simulator.network import in_the_papers_geometry
from minifcn.models import trained
from minifcn.weights import writers

ROOT = Path(__file__).parents[2]
OF_ALL = {
    "FCN-32s": 0.472,
    "FCN-16s": 0.763,
    "FCN-8s": 0.895,
}  # mean IoU on the validation split, as in docs/results.md
OF_25 = {"FCN-32s": 0.468, "FCN-16s": 0.753, "FCN-8s": 0.863}  # and of its first 25 pictures


@pytest.fixture(scope="module")
def nets():
    return side_by_side(in_the_papers_geometry(models.pretrained("shapes-fcn8s")).astype(np.float32).eval())


def mean_ious(nets, images):
    """Of pictures of the validation split, which trained nothing here; the maps of the trunk are computed once."""
    normalize = models.pretrained("shapes-fcn8s").normalize
    confusions = {name: metrics.ConfusionMatrix(6) for name in nets}
    with no_grad():
        for sample in open_split("shapes", "val", images):
            x = Tensor(normalize(sample.image)[None])
            maps = nets["FCN-8s"].by_stride(x)
            for name, net in nets.items():
                confusions[name].update(sample.label[None], net(x, maps).data.argmax(axis=1))
    return {name: confusion.mean_iou for name, confusion in confusions.items()}


def test_the_file_is_small_and_has_half_precision():
    assert trained.file_of(FILE).stat().st_size < 15_000
    with np.load(trained.file_of(FILE), allow_pickle=False) as file:
        assert json.loads(file["about"].item()) == {
            "format": writers.FORMAT,
            "trunk": "shapes-fcn8s",
            "variant": "paper",
        }
        arrays = {key: file[key] for key in file.files if key != "about"}
    assert {array.dtype.name for array in arrays.values()} == {"float16"}
    assert sum(array.size for array in arrays.values()) == 5766


def test_the_finer_the_better_on_pictures_that_trained_nothing(nets):
    found = mean_ious(nets, 25)
    assert found == pytest.approx(OF_25, abs=0.002)
    assert found["FCN-32s"] < found["FCN-16s"] < found["FCN-8s"]


@pytest.mark.slow
def test_the_whole_split_gives_what_is_said_of_it(nets):
    assert mean_ious(nets, None) == pytest.approx(OF_ALL, abs=0.001)


def test_what_is_scored_is_the_trunk_of_the_fcn8s(nets):
    """Score layers apart, and upsamplings, which are bilinear: every array is that of the FCN-8s."""
    fine = nets["FCN-8s"].state_dict()
    for name in COARSER:
        state = nets[name].state_dict()
        shared = [key for key in state if not key.startswith(("score", "upscore"))]
        assert len(shared) == 30
        for key in shared:
            np.testing.assert_array_equal(state[key], fine[key])
        assert not np.array_equal(state["score_fr.weight"], fine["score_fr.weight"])
        fresh = COARSER[name](6, variant="paper", width=nets[name].trunk.width).state_dict()
        for key in [key for key in state if key.startswith("upscore")]:
            np.testing.assert_array_equal(state[key], fresh[key])


@pytest.mark.slow
def test_the_command_that_makes_it_gives_the_same_bytes_twice(tmp_path):
    for name, threads in (("a", "1"), ("b", "4")):  # whatever the computer is set to
        command = [sys.executable, ROOT / "benchmarks" / "coarser_scores.py", tmp_path / f"{name}.npz", "20", "2"]
        settings = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": threads, "MINIFCN_THREADS": threads}
        subprocess.run(command, check=True, capture_output=True, cwd=tmp_path, env=os.environ | settings)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz") as made, np.load(trained.file_of(FILE)) as shipped:
        assert {key: made[key].shape for key in made.files} == {key: shipped[key].shape for key in shipped.files}
        assert made["FCN-32s.score_fr.weight"].any()
