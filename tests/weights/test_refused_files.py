"""Files of other kinds: what they are, and the way to one that can be read."""

import hashlib
import io
import pickle
import re
import tarfile
import zipfile

import numpy as np
import pytest

from minifcn.errors import UserError
from minifcn.weights import read


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def zipped(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    return file.getvalue()


def tar():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("sys_info"))
    return file.getvalue()


FILES = {
    "vgg16.npy": (
        npy(np.array({"conv1_1": [np.ones(2)]})),
        "a .npy file of a pickled Python object",
        "take the same weights",
    ),
    "fc6.npy": (npy(np.ones(2)), "one array, without a name", "numpy.savez"),
    "vgg16.pkl": (pickle.dumps({"conv1_1": [1]}), "a Python pickle, which may run any code", "take the same weights"),
    "net.mat": (b"MATLAB 7.3 MAT-file, Platform".ljust(512) + b"\x89HDF\r\n\x1a\n", "version 7.3", "'-v6'"),
    "saved_model.pb": (b"\x08\x01\x12\x10", "a TensorFlow SavedModel", "numpy.savez"),
    "vgg16.onnx": (b"\x08\x08\x12\x07pytorch", "an ONNX model", "onnx.numpy_helper.to_array"),
    "checkpoint": (b'model_checkpoint_path: "fcn"', "a TensorFlow checkpoint", "tf.train.load_checkpoint"),
    "fcn.ckpt.index": (bytes(40) + b"\x57\xfb\x80\x8b\x24\x75\x47\xdb", "a TensorFlow checkpoint", "numpy.savez"),
    "old.pth": (tar(), "a tar archive, such as PyTorch before 0.2 wrote", "load it with PyTorch"),
    "vgg16.npz.gz": (b"\x1f\x8b\x08", "a packed file", "unpack it"),
    "pointer.safetensors": (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS", "git lfs pull"),
    "page.caffemodel": (b"\n<!DOCTYPE html><html>", "a web page", "download it"),
    "train.prototxt": (b'# VGG\nname: "VGG"\nlayer {', "the description of a network", ".caffemodel"),
    "comments.prototxt": (b"# " * 1500 + b"\n" + b" #" * 500, "not recognised", "take the same weights"),
    "weights.zip": (zipped("readme.txt"), "a zip archive without arrays", "unzip it"),
    "empty.npz": (zipped(), "a zip archive without arrays", "unzip it"),
    "nothing.pth": (b"", "the file is empty", "download it again"),
    "notes.txt": (b"2 layers, B(8)", "not recognised", "take the same weights"),
    "photo.jpg": (
        b"\xff\xd8\xff\xe0",
        r"not recognised as a file of weights by its first bytes",
        "take the same weights",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_one_sentence_names_the_file_says_what_it_is_and_how_to_go_on(tmp_path, name):
    content, what, way_out = FILES[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert what in message
    assert way_out in message


def test_a_file_that_is_missing_and_a_folder_are_named(tmp_path):
    with pytest.raises(UserError, match=r"vgg16\.pth: there is no such file"):
        read(tmp_path / "vgg16.pth")
    with pytest.raises(UserError, match=f"{re.escape(str(tmp_path))}: is a folder, not a file"):
        read(str(tmp_path))


def test_the_check_sum_is_of_the_whole_file(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, a=np.ones(2))
    assert read(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
