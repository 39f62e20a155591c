"""safetensors, as its library writes it."""

import json
import struct

import numpy as np
import pytest
import weight_files as files
from safetensors.numpy import save

from minifcn.errors import UserError


def written(description, numbers=b""):
    text = description if isinstance(description, bytes) else json.dumps(description).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def entry(dtype="F32", shape=(2,), begin=0, end=8):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def test_a_file_of_the_library_is_read_by_its_names(source_of, rng):
    arrays = files.some_arrays(rng)
    source = source_of(save(arrays, metadata={"format": "pt"}))
    assert (source.container, source.about) == ("safetensors", {"format": "pt"})
    assert source.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(source.arrays[name], array, strict=True)


@pytest.mark.parametrize(
    "dtype",
    ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool"],
)
def test_every_type_of_the_library_is_read(source_of, dtype):
    array = np.array([[0, 1, 2], [3, 4, 100]]).astype(dtype)
    found = source_of(save({"a": array})).arrays["a"]
    np.testing.assert_array_equal(found, array.astype("float32") if dtype == "float16" else array, strict=True)


def test_bfloat16_is_widened(source_of):
    found = source_of(written({"a": entry("BF16", end=4)}, b"\x80\x3f\x20\xc0")).arrays["a"]
    np.testing.assert_array_equal(found, np.array([1, -2.5], "float32"), strict=True)


@pytest.mark.oracle
def test_files_of_pytorch_tensors_are_read(source_of):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save as save_tensors

    tensors = {"a": torch.randn(3, 4).bfloat16(), "b": torch.randn(5).half(), "c": torch.randn(2, 3, 1, 1)}
    source = source_of(save_tensors(tensors))
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(source.arrays[name], tensor.float().numpy(), strict=True)


SHAPE = r"its shape must be whole numbers, such as \[64, 3, 3, 3\]"
PLACE = "its data_offsets must be the two whole numbers where its bytes are"
LIES = {
    "bytes that are not there": ({"a": entry(shape=(4,), end=16)}, "a claims bytes 0 to 16 of 8"),
    "a place before the numbers": ({"a": entry(begin=-8, end=0)}, "a claims bytes -8 to 0"),
    "a place that ends before it begins": ({"a": entry(end=-8)}, "a claims bytes 0 to -8"),
    "a hole": ({"a": entry(begin=4, end=8, shape=(1,))}, "the tensor before it ends at 0"),
    "two in one place": (
        {"a": entry(), "b": entry()},
        "b claims bytes 0 to 8 of 8, and the tensor before it ends at 8",
    ),
    "a shape of a terabyte": ({"a": entry(shape=(2**20, 2**20))}, "a claims shape"),
    "a negative shape": ({"a": entry(shape=(-1, -2))}, "a claims shape"),
    "half a number": ({"a": entry(shape=(1,), end=7)}, "a has 7 bytes, which are no whole numbers"),
    "an unknown type": ({"a": entry("F8_E4M3")}, "a has numbers of type F8_E4M3"),
    "no shape": ({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, f"a: {SHAPE}, but is None"),
    "a shape with a fraction": ({"a": entry() | {"shape": [2.0, 2]}}, rf"a: {SHAPE}, but is \[2.0, 2\]"),
    "a shape that is a text": ({"a": entry() | {"shape": "22"}}, f"a: {SHAPE}, but is 22"),
    "a shape that is a number": ({"a": entry() | {"shape": 2}}, f"a: {SHAPE}, but is 2"),
    "a shape with a truth value": ({"a": entry() | {"shape": [True, 4]}}, rf"a: {SHAPE}, but is \[True, 4\]"),
    "a shape of long numbers": ({"a": entry(shape=[10**4000] * 9)}, r"a claims shape .{200}, but has 2 numbers"),
    "a type that is a list": ({"a": entry(["F32"])}, r"a: its dtype must be a text such as F32, but is \['F32'\]"),
    "no type": ({"a": {"shape": [2], "data_offsets": [0, 8]}}, "a: its dtype must be .*, but is None"),
    "a place of one number": ({"a": entry() | {"data_offsets": [0]}}, rf"a: {PLACE}, but is \[0\]"),
    "a place that is a text": ({"a": entry() | {"data_offsets": "08"}}, f"a: {PLACE}, but is 08"),
    "a place of fractions": ({"a": entry(begin=0.0, end=8.0)}, rf"a: {PLACE}, but is \[0.0, 8.0\]"),
    "two places that cannot be ordered": (
        {"a": entry(), "b": entry() | {"data_offsets": None}},
        f"b: {PLACE}, but is None",
    ),
    "no tensor": ({"a": [1, 2]}, "a: its dtype must be .*, but is None"),
    "metadata that are a text": ({"__metadata__": "ab"}, "its __metadata__ must be texts by their names, but are ab"),
    "metadata that are numbers": ({"__metadata__": {"a": 1}}, "its __metadata__ must be .*, but are {'a': 1}"),
    "a name twice": (b'{"a":' + json.dumps(entry()).encode() + b',"a":' + json.dumps(entry()).encode() + b"}", "twice"),
    "deep": (b'{"a":' + b"[" * 100_000, "damaged"),
    "a number of many digits": (b'{"a":' + b"9" * 100_000 + b"}", "damaged"),
    "no tensors": ({}, "without any weights"),
    "a list": (b"{}[]", "damaged"),
}


@pytest.mark.parametrize(("description", "reason"), LIES.values(), ids=LIES)
def test_a_description_that_lies_is_refused(source_of, description, reason):
    with pytest.raises(UserError, match=rf"weights\.bin: .*{reason}") as error:
        source_of(written(description, bytes(8)))
    assert len(str(error.value)) < 700


def test_a_description_longer_than_the_file_is_refused(source_of):
    with pytest.raises(UserError, match=r"its description claims 5,000 bytes, more than the file has"):
        source_of(struct.pack("<Q", 5000) + b'{"a":')
