""".mat files of level 5, as SciPy writes and reads them."""

import io
import struct
import zlib

import limits
import numpy as np
import pytest
import scipy.io

from minifcn.errors import UserError
from minifcn.weights import read


def structure(**fields):
    """A MATLAB structure array (1, n) of fields with n values each."""
    values = np.zeros((1, len(next(iter(fields.values())))), [(name, "O") for name in fields])
    for name, column in fields.items():
        for i, value in enumerate(column):
            values[0, i][name] = value
    return values


def written(compressed=False, **variables):
    file = io.BytesIO()
    scipy.io.savemat(file, variables, do_compression=compressed)
    return file.getvalue()


def network(arrays):
    return {"params": structure(name=list(arrays), value=list(arrays.values()))}


@pytest.fixture
def arrays(rng):
    weight = rng.standard_normal((3, 2, 4, 5)).astype("float32")
    return {"conv1_1f": weight, "conv1_1b": np.arange(5, dtype="float32").reshape(5, 1)}


@pytest.mark.parametrize("compressed", [False, True])
def test_params_of_a_network_are_read_as_scipy_reads_them(source_of, arrays, compressed):
    others = {
        "meta": {"classes": ["sky", "road"], "mean": np.ones((1, 1, 3))},
        "empty": np.zeros((0, 3)),
        "c": np.array([1j]),
    }
    layers = structure(name=["conv1_1", "relu1_1"], type=["dagnn.Conv", "dagnn.ReLU"], block=[{"size": [3, 2]}, []])
    content = written(compressed, **network(arrays), layers=layers, **others)
    source = source_of(content)
    assert source.container == "MAT-file 5"
    assert source.about == {"layers": [("conv1_1", "dagnn.Conv"), ("relu1_1", "dagnn.ReLU")]}
    expected = scipy.io.loadmat(io.BytesIO(content), struct_as_record=False)["params"]
    assert list(source.arrays) == [param.name.item() for param in expected.flat]
    for param in expected.flat:
        np.testing.assert_array_equal(source.arrays[param.name.item()], param.value, strict=True)


def test_a_network_may_lie_in_a_structure_named_net(source_of, arrays):
    assert list(source_of(written(net=network(arrays))).arrays) == list(arrays)


def test_the_mean_of_the_images_is_told(source_of, arrays):
    mean = np.array([123.0, 117.0, 104.0]).reshape(1, 1, 3)
    source = source_of(written(**network(arrays), meta={"normalization": {"averageImage": mean}}))
    np.testing.assert_array_equal(source.about["normalization"]["averageImage"], mean, strict=True)


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8"]
)
def test_every_type_of_numbers_is_kept(source_of, dtype):
    array = np.array([[0, 1, 2], [3, 4, 100]]).astype(dtype)
    np.testing.assert_array_equal(source_of(written(**network({"a": array}))).arrays["a"], array, strict=True)


# Elements, byte by byte: what MATLAB writes and SciPy does not.
def element(kind, data, order="<"):
    return struct.pack(f"{order}II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(flags, shape, name, *parts, order="<"):
    head = element(6, struct.pack(f"{order}II", flags, 0), order)
    head += element(5, struct.pack(f"{order}{len(shape)}i", *shape), order) + element(1, name, order)
    return element(14, head + b"".join(parts), order)


def params(value, order="<", count=1):
    name = matrix(4, (1, 1), b"", element(16, b"a", order), order=order)
    fields = element(5, struct.pack(f"{order}i", 8), order) + element(
        1, b"name".ljust(8, b"\0") + b"value".ljust(8, b"\0"), order
    )
    return matrix(2, (1, count), b"params", fields, name, value, order=order)


def mat(*elements, order="<"):
    return (
        b"MATLAB 5.0 MAT-file".ljust(124)
        + struct.pack(f"{order}H", 0x100)
        + (b"IM" if order == "<" else b"MI")
        + b"".join(elements)
    )


@pytest.mark.parametrize("order", ["<", ">"])
def test_small_whole_numbers_are_made_what_their_class_says(source_of, order):
    stored = matrix(6, (2, 2), b"", element(2, bytes([1, 2, 3, 255]), order), order=order)
    found = source_of(mat(params(stored, order), order=order)).arrays["a"]
    np.testing.assert_array_equal(found, np.array([[1.0, 3.0], [2.0, 255.0]]), strict=True)


def numbers(flags=7, shape=(2, 2), data=bytes(16), kind=7):
    return matrix(flags, shape, b"", element(kind, data))


LIES = {
    "a shape of a terabyte": (numbers(shape=(2**20, 2**20)), r"params\(1\)\.value claims shape"),
    "a negative shape": (numbers(shape=(-2, -2)), r"params\(1\)\.value claims shape"),
    "half a number": (numbers(data=bytes(15)), "damaged"),
    "an unknown kind of numbers": (numbers(kind=8), r"params\(1\)\.value has numbers of the unknown kind 8"),
    "complex numbers": (numbers(flags=0x0807), "'a', has no name of its own or no numbers"),
    "a function": (numbers(flags=16), "'a', has no name of its own or no numbers"),
    "an object": (numbers(flags=17), "'a', has no name of its own or no numbers"),
    "a cell of a terabyte": (numbers(flags=1, shape=(2**20, 2**20)), "damaged|ends too early"),
    "a structure without fields of a terabyte": (
        matrix(2, (2**20, 2**20), b"", element(5, struct.pack("<i", 1)), element(1, b"")),
        "'a', has no name of its own or no numbers",
    ),
    "a field with a name of kilobytes": (
        matrix(2, (1, 1), b"", element(5, struct.pack("<i", 4000)), element(1, b"n" * 4000)),
        r"params\(1\)\.value has fields with names of 4000 bytes",
    ),
    "no numbers": (matrix(7, (2, 2), b""), r"params\(1\)\.value ends too early"),
    "nothing": (b"", "params ends too early"),
    "more bytes than there are": (struct.pack("<II", 14, 2**32 - 1), "one of its elements claims 4,294,967,295 bytes"),
    "a small element that is too large": (struct.pack("<HHI", 14, 60000, 0), "one of its elements claims 60,000 bytes"),
}


@pytest.mark.parametrize(("value", "reason"), LIES.values(), ids=LIES)
def test_a_file_that_lies_is_refused(tmp_path, value, reason):
    path = tmp_path / "net.mat"
    path.write_bytes(mat(params(value)))
    with limits.of(path), pytest.raises(UserError, match=rf"net\.mat: .*({reason})"):
        read(path)


def zipped(*elements):
    data = zlib.compress(b"".join(elements))
    return struct.pack("<II", 15, len(data)) + data


BOMBS = {
    "numbers": zipped(params(numbers(shape=(2**24, 1), data=bytes(2**26)))),
    "a bomb in a bomb": zipped(zipped(zipped(bytes(2**27)))),
    "small numbers as large ones": zipped(params(numbers(6, (2**20, 1), bytes(2**20), 2))),
    "empty matrices": zipped(matrix(1, (200_000, 1), b"cell", element(14, b"") * 200_000)),
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_in_little_memory(tmp_path, content):
    path = tmp_path / "net.mat"
    path.write_bytes(mat(content))
    with (
        limits.of(path),
        pytest.raises(UserError, match=r"net\.mat: it (unpacks to more than 16 times|has more than 100,000)"),
    ):
        read(path)


def cell(content):
    return matrix(1, (1, 1), b"", content)


def record(content):
    return matrix(2, (1, 1), b"", element(5, struct.pack("<i", 8)), element(1, b"a".ljust(8, b"\0")), content)


def within(wrap, times, content=b""):
    for _ in range(times):
        content = wrap(content)
    return content


@pytest.mark.parametrize("times", [51, 300])
@pytest.mark.parametrize("wrap", [cell, record, zipped])
def test_what_is_too_deep_in_each_other_is_refused(source_of, wrap, times):
    with pytest.raises(
        UserError, match=r"weights\.bin: it has structures, cells or compressed variables more than 50 d"
    ):
        source_of(mat(within(wrap, times, numbers())))


@pytest.mark.parametrize("wrap", [cell, record])
def test_fifty_in_each_other_are_read_however_many_stand_beside_each_other(source_of, wrap):
    deep = within(wrap, 49, numbers())
    assert list(source_of(mat(*[deep] * 60, params(numbers()))).arrays) == ["a"]


def test_a_file_without_a_network_says_what_it_has(source_of):
    with pytest.raises(
        UserError, match=r"it has no params of a MatConvNet network, but x, y; in MATLAB, make it a DagNN"
    ):
        source_of(written(x=np.ones(2), y=np.ones(2)))
