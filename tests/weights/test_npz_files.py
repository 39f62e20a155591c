""".npz files, as NumPy and Chainer write them."""

import io
import zipfile

import limits
import numpy as np
import pytest

from minifcn.errors import UserError
from minifcn.weights import read


def written(save=np.savez, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_chainers_names_and_orders_are_kept(source_of, rng, save):
    weight = rng.standard_normal((4, 3, 2, 2)).astype("float32")
    arrays = {"conv1_1/W": weight, "conv1_1/b": np.arange(4, dtype="float64"), "turned": weight.T, "steps": np.array(7)}
    source = source_of(written(save, **arrays))
    assert source.container == "npz"
    assert list(source.arrays) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(source.arrays[name], array, strict=True)


def test_half_precision_and_other_byte_orders_become_the_computers_float32(source_of):
    source = source_of(written(half=np.array([1, -2.5], "<f2"), big=np.array([1, -2.5], ">f4")))
    for array in source.arrays.values():
        np.testing.assert_array_equal(array, np.array([1, -2.5], "float32"), strict=True)


def test_a_text_is_what_the_file_says_of_itself(source_of):
    assert source_of(written(about=np.array("widths halved"), b=np.zeros(1))).about == {"about": "widths halved"}


def test_pickled_objects_are_not_loaded(source_of):
    with pytest.raises(UserError, match=r"weights\.bin: fc8\.npy holds pickled Python objects, which are never loaded"):
        source_of(written(fc8=np.array([{}])))


@pytest.mark.parametrize("array", [np.ones(2, complex), np.array(["a", "b"]), np.array([b"a"])])
def test_what_are_no_real_numbers_is_refused_by_name(source_of, array):
    with pytest.raises(UserError, match=r"weights\.bin: fc8 has dtype .*; weights are real numbers"):
        source_of(written(fc8=array))


def test_a_compressed_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.npz"
    path.write_bytes(written(np.savez_compressed, a=np.zeros(20_000_000)))
    with limits.of(path), pytest.raises(UserError, match=r"bomb\.npz: its arrays claim 152\.6 MiB in a file of .* KiB"):
        read(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_refused(source_of):
    file = io.BytesIO(written(a=np.ones(2)))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("a.npy", archive.read("a.npy"))
    with pytest.raises(UserError, match="two arrays of one name"):
        source_of(file.getvalue())
