"""Files with the right names and any shapes: taken, or refused by a sentence, on all of their way to a network."""

from pathlib import Path

import numpy as np
import published_files as files
import pytest

from minifcn import weights
from minifcn.errors import UserError
from minifcn.training import build
from minifcn.training.classifiers import open_classifier
from minifcn.training.published import of_network, published, text_about

CASES = 60  # of each
KINDS = {
    "lecture, FCN-8s": (files.state_of("fcn8s", 6, variant="lecture"), "npz", "raw"),
    "lecture, FCN-32s": (files.state_of("fcn32s", 6, variant="lecture"), "npz", "raw"),
    "keras": (files.as_keras(files.vgg16()), "HDF5", ""),
    "caffemodel": (files.as_caffemodel(files.vgg16()), "caffemodel", ""),
    "chainer": (files.as_chainer(files.state_of("fcn8s")), "npz", ""),
    "torchvision": (files.as_torchvision(files.vgg16()), "npz", "torchvision"),
}


def changed(arrays, rng):
    """Arrays of which one to three are of another shape or dtype, or are gone, or are there under another name too."""
    arrays = dict(arrays)
    for _ in range(rng.integers(1, 4)):
        name = str(rng.choice(list(arrays)))
        array, kind = arrays.pop(name), rng.integers(6)
        if kind == 0:
            arrays[name] = np.zeros(tuple(rng.integers(0, 5, rng.integers(0, 6))), "float32")
        elif kind == 1:
            arrays[name] = array.astype(str(rng.choice(["int8", "bool", "float64", "longdouble", "uint64"])))
        elif kind == 2:
            arrays[name] = array.reshape(-1)
        elif kind == 3:
            arrays[name] = array.T
        elif kind == 4:
            arrays |= {name: array, f"fcn.{rng.integers(-1, 12)}.{name.partition('.')[2]}": array}
    return arrays


@pytest.mark.parametrize(("arrays", "container", "preprocessing"), KINDS.values(), ids=KINDS)
def test_whatever_an_array_is_a_file_is_taken_or_refused(arrays, container, preprocessing, tmp_path, rng):
    refused = []
    (tmp_path / "file").touch()
    for _ in range(CASES):
        source = files.Source(changed(arrays, rng), Path(tmp_path / "file"), container)
        try:
            found = weights.convert(source, preprocessing)
            state = published(found)
            assert "mean" in text_about(found)
            if state.config.class_names:
                build.load_model(state.config, of_network(state).model, name=str(source.path))
            else:
                open_classifier(found)
        except UserError as error:
            refused.append(str(error))
    assert all(message.startswith(f"{tmp_path / 'file'}: ") for message in refused)
    assert 0 < len(refused) < CASES  # the same numbers in another type, or as a matrix, are taken
