"""Damaged files: each reader reads what is there, or refuses in one line that names the file; nothing else happens."""

import itertools

import numpy as np
import pytest
import test_damaged_files as files
import test_hostile_checkpoints as checkpoints
from hypothesis import strategies as st

pytest.importorskip("torch", reason="PyTorch is not installed: `make fuzz` installs it")

from drawing import seeds

from minifcn.data.classes import read_class_table
from minifcn.data.images import read_image
from minifcn.data.labels import read_index_label
from minifcn.errors import UserError
from minifcn.training import Checkpoint, checkpoint

# What each reader is given, sound, and how that is damaged.
IMAGES = {f"image {name}": (content, files.damaged, read_image) for name, content in files.IMAGES.items()}
LABELS = {
    f"label {name}, {damage.__name__}": (content, damage, read_index_label)
    for (name, content), damage in itertools.product(files.LABELS.items(), (files.damaged, files.damaged_chunks))
}
TABLES = {
    f"table in {encoding}": (files.TABLE.encode(encoding), files.damaged, read_class_table)
    for encoding in ("utf-8", "utf-8-sig", "utf-16")
}


@pytest.fixture(scope="module")
def sound_checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "checkpoint.npz"
    weights = {"a": np.ones((3, 2, 1, 1), "float32"), "b": np.zeros(9, "float32")}
    checkpoint.save(path, Checkpoint(checkpoints.CONFIG, weights, {"steps": np.array(7)}))
    return path.read_bytes()


def read_or_refused(path, read):
    """What is read, or None; an error other than a refusal in one line that names the file is a failure."""
    try:
        return read(path)
    except UserError as error:
        message = str(error)
    assert str(path.parent) in message
    assert "\n" not in message
    return None


@pytest.mark.filterwarnings("ignore")  # Pillow's, as in the commands
def test_images_labels_and_tables(fuzz, tmp_path):
    readers = IMAGES | LABELS | TABLES

    def check(case):
        name, seed = case
        content, damage, read = readers[name]
        path = tmp_path / "a.png"
        path.write_bytes(damage(content, np.random.default_rng(seed)))
        found = read_or_refused(path, read)
        if found is not None and name in IMAGES:
            assert (found.dtype, found.ndim, found.shape[2]) == (np.uint8, 3, 3)
        elif found is not None and name in LABELS:
            assert (found.dtype, found.ndim) == (np.uint8, 2)

    fuzz(st.tuples(st.sampled_from(sorted(readers)), seeds), check)


def test_checkpoints(fuzz, tmp_path, sound_checkpoint):
    parts = checkpoints.members(sound_checkpoint)

    def check(seed):
        path = tmp_path / "checkpoint.npz"
        path.write_bytes(checkpoints.mutated(sound_checkpoint, parts, np.random.default_rng(seed)))
        found = read_or_refused(path, checkpoint.load)
        for array in found.model.values() if found else ():
            assert array.dtype in ("float32", "float64", "int64")
            assert array.size < 100
            assert np.isfinite(array).all()

    fuzz(seeds, check)
