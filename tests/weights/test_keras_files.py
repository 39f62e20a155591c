"""Keras's .h5 and .keras files, as h5py writes them."""

import io
import sys
import zipfile

import h5py
import limits
import numpy as np
import published_files
import pytest
import weight_files as files

from minifcn.errors import UserError
from minifcn.weights import convert, read
from minifcn.weights.outcomes import table


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vgg16.h5"


def test_datasets_keep_their_paths_and_orders(path, rng):
    weight = rng.standard_normal((3, 3, 2, 4)).astype("float32")
    arrays = {
        "block1_conv1/block1_conv1_W_1:0": weight,
        "block1_conv1/block1_conv1_b_1:0": np.arange(4, dtype="float32"),
        "model_weights/fc1/fc1/kernel:0": weight.reshape(9, 8).astype("float64"),
        "layers/conv2d/vars/0": np.array([1, -2.5], "float16"),
        "optimizer/iterations": np.array(7),
    }
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.0.1"
        for name, array in arrays.items():
            file[name] = array
    source = read(path)
    assert (source.container, source.about) == ("HDF5", {})
    assert source.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        expected = array.astype("float32") if array.dtype == "float16" else array
        np.testing.assert_array_equal(source.arrays[name], expected, strict=True)


def test_numbers_of_the_other_byte_order_are_turned(path):
    with h5py.File(path, "w") as file:
        file["a"] = np.array([1, -2.5], ">f4")
    np.testing.assert_array_equal(read(path).arrays["a"], np.array([1, -2.5], "float32"), strict=True)


def make_external(file):
    file.create_dataset("a", (4,), "u1", external=[("/etc/passwd", 0, 4)])


def make_virtual(file):
    layout = h5py.VirtualLayout((4,), "u1")
    layout[:] = h5py.VirtualSource("/etc/passwd", "a", (4,))
    file.create_virtual_dataset("a", layout)


STORED_OTHERWISE = {
    "in another file": (make_external, "a is stored in pieces, packed, or in other files; run h5repack"),
    "put together": (make_virtual, "a is stored in pieces, packed, or in other files"),
    "packed": (
        lambda file: file.create_dataset("a", data=np.zeros(10_000_000), compression="gzip"),
        "a is stored in pieces, packed, or in other files",
    ),
    "not at all, of a terabyte": (
        lambda file: file.create_dataset("a", (2**20, 2**20), "u1"),
        "a claims 1,099,511,627,776 bytes, but has 0",
    ),
    "as texts": (lambda file: file.create_dataset("a", data=["sky"]), "a has dtype object; weights are real numbers"),
    "as records": (
        lambda file: file.create_dataset("a", data=np.zeros(2, "f4,i4")),
        "a has dtype .*; weights are real numbers",
    ),
    "as references": (
        lambda file: file.create_dataset("a", data=file.ref, dtype=h5py.ref_dtype),
        "a has dtype object; weights are real numbers",
    ),
    "empty": (lambda file: file.create_dataset("a", data=h5py.Empty("f4")), "a has dtype float32"),
}


@pytest.mark.parametrize(("make", "reason"), STORED_OTHERWISE.values(), ids=STORED_OTHERWISE)
def test_what_is_not_simply_stored_is_refused_by_name(path, make, reason):
    with h5py.File(path, "w") as file:
        make(file)
    with limits.of(path), pytest.raises(UserError, match=rf"vgg16\.h5: {reason}"):
        read(path)


def test_links_out_of_the_file_are_not_followed_and_circles_end(path, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = np.ones(2)
    with h5py.File(path, "w") as file:
        file["fc/b"] = np.ones(2)
        file["fc/again"] = file["fc/b"]
        file["fc/circle"] = file["/"]
        file["fc/soft"] = h5py.SoftLink("/fc/b")
        file["out"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "secret")
    assert len(read(path).arrays) == 1


def test_a_file_without_weights_is_refused(path):
    with h5py.File(path, "w") as file:
        file.create_group("model_weights")
    with pytest.raises(UserError, match=r"vgg16\.h5: a file of the kind HDF5, but without any weights"):
        read(path)


def test_a_library_that_is_missing_is_asked_for(path, monkeypatch):
    with h5py.File(path, "w") as file:
        file["a"] = np.ones(2)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(
        UserError, match=r'vgg16\.h5: a file of HDF5, which takes h5py .*; pip install "minifcn\[weights\]"'
    ):
        read(path)


# A whole model


@pytest.mark.parametrize("name", ["model.h5", "model.keras"])
def test_of_a_whole_model_the_weights_are_read_and_the_optimiser_is_left(tmp_path, name):
    state = published_files.vgg16()
    published_files.save_keras_model(tmp_path / name, state)
    found = convert(read(tmp_path / name))
    assert found.recognised.what == "VGG16 of Keras"
    assert found.arrays.keys() == state.keys()
    for key, array in state.items():
        np.testing.assert_array_equal(found.arrays[key], array, err_msg=key)
    assert "of the optimiser, which begins anew" in table(found.moves)
    assert {move.outcome for move in found.moves if move.name.startswith("optimizer")} == {"left"}


def test_an_archive_names_layers_by_its_model(source_of):
    arrays = {f"layers/{kind}/vars/0": np.full(2, n, "f") for n, kind in enumerate(("conv2d", "conv2d_1", "dense"))}
    layers = [("Conv2D", "first"), ("ReLU", "relu"), ("Conv2D", "second"), ("Flatten", "flat"), ("Dense", "last")]
    source = source_of(files.keras_archive(arrays, layers))
    assert source.container == "Keras archive"
    assert {name: array[0] for name, array in source.arrays.items()} == {
        "first/kernel": 0,
        "second/kernel": 1,
        "last/kernel": 2,
    }


def test_two_layers_of_one_name_are_refused(source_of):
    arrays = {"layers/conv2d/vars/0": np.ones(2), "layers/conv2d_1/vars/0": np.ones(2)}
    with pytest.raises(UserError, match="it has two layers of one name, for a/kernel; save it again with Keras"):
        source_of(files.keras_archive(arrays, [("Conv2D", "a"), ("Conv2D", "a")]))


MODELS = {
    "no JSON": b"{",
    "deep": b"[" * 100_000,
    "no UTF-8": b"\xff",
    "no object": b"[1]",
    "no config": b"{}",
    "no layers": b'{"config": {}}',
    "layers that are a number": b'{"config": {"layers": 1}}',
    "a layer that is a text": b'{"config": {"layers": ["a"]}}',
    "a layer of no kind": b'{"config": {"layers": [{"config": {"name": "a"}}]}}',
    "a layer without config": b'{"config": {"layers": [{"class_name": "Conv2D"}]}}',
    "a layer without a name": b'{"config": {"layers": [{"class_name": "Conv2D", "config": {}}]}}',
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_model_that_does_not_name_its_layers_is_refused_by_the_rule(source_of, model):
    content = files.keras_archive({"layers/conv2d/vars/0": np.ones(2)}, [], model)
    with pytest.raises(
        UserError, match=r"weights\.bin: config\.json must be a JSON text that has under config its layers"
    ):
        source_of(content)


def test_an_archive_that_is_packed_or_whose_model_is_too_long_is_refused(source_of):
    arrays, layers = {"layers/dense/vars/0": np.ones(2)}, [("Dense", "a")]
    with pytest.raises(UserError, match=r"config.json claims 2,\d+,\d+ bytes, more than 1,048,576"):
        source_of(files.keras_archive(arrays, [*layers, ("Dense", "b" * 2**20)]))
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(files.keras_archive(arrays, layers))) as archive,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out,
    ):
        for name in archive.namelist():
            out.writestr(name, archive.read(name))
    with pytest.raises(UserError, match=r"model.weights.h5 is compressed, which Keras does not do"):
        source_of(packed.getvalue())


def test_weights_of_keras_3_alone_do_not_name_their_layers(path):
    with h5py.File(path, "w") as file:
        file["layers/conv2d/vars/0"] = np.ones((3, 3, 3, 4), "f")
    with pytest.raises(UserError, match=r"weights of Keras 3 without their model, .*; save the model with them"):
        convert(read(path))
