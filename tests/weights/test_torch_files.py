"""What torch.save writes is read as PyTorch reads it, in both containers, without PyTorch and without running code."""

import io
import os
import pickle
import re
import struct
import zipfile

import limits
import numpy as np
import pytest
import weight_files as files

from minifcn.errors import UserError
from minifcn.weights import pickles, read

CONTAINERS = ["torch.save (zip)", "torch.save (legacy)"]


@pytest.fixture(params=CONTAINERS)
def container(request):
    return request.param


def written(container, value, storages):
    """A file of a pickled value and the arrays in its storages."""
    if container == CONTAINERS[0]:
        return files.torch_zip(value, {key: array.tobytes() for key, array in storages.items()})
    return files.torch_legacy(value, storages)


def test_a_state_dict_is_read_by_its_names(source_of, container, rng):
    arrays = files.some_arrays(rng)
    source = source_of(files.torch_files(arrays)[CONTAINERS.index(container)])
    assert source.container == container
    assert list(source.arrays) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(source.arrays[name], array, strict=True)


NUMBERS = np.arange(12, dtype="float32")
STORED = files.storage("0", "Float", 12)
VIEWS = {
    "transposed": (files.tensor(STORED, (4, 3), (1, 4)), NUMBERS.reshape(3, 4).T),
    "a part": (files.tensor(STORED, (2, 2), (4, 1), offset=5), NUMBERS.reshape(3, 4)[1:, 1:3]),
    "every other": (files.tensor(STORED, (6,), (2,)), NUMBERS[::2]),
    "a number": (files.tensor(STORED, (), (), offset=7), NUMBERS[7]),
    "nothing": (files.tensor(STORED, (0, 3), (3, 1)), np.zeros((0, 3), "float32")),
}


@pytest.mark.parametrize(("view", "expected"), VIEWS.values(), ids=VIEWS)
def test_strides_and_offsets_are_followed(source_of, container, view, expected):
    content = written(
        container, files.ordered({"whole": files.tensor(STORED, (12,), (1,)), "view": view}), {"0": NUMBERS}
    )
    source = source_of(content)
    np.testing.assert_array_equal(source.arrays["view"], expected, strict=True)
    np.testing.assert_array_equal(source.arrays["whole"], NUMBERS, strict=True)


KINDS = {
    "Half": (np.array([1, -2.5], "float16"), "float32"),
    "BFloat16": (np.array([0x3F80, 0xC020], "uint16"), "float32"),
    "Double": (np.array([1, -2.5]), "float64"),
    "Long": (np.array([1, -2]), "int64"),
    "Byte": (np.array([1, 254], "uint8"), "uint8"),
    "Bool": (np.array([1, 0], "uint8"), "bool"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_is_widened_and_everything_else_kept(source_of, container, kind):
    stored, dtype = KINDS[kind]
    value = files.ordered({"a": files.tensor(files.storage("0", kind, 2), (2,), (1,))})
    array = source_of(written(container, value, {"0": stored})).arrays["a"]
    expected = [1, -2.5] if kind == "BFloat16" else stored
    np.testing.assert_array_equal(array, np.asarray(expected, dtype), strict=True)


def test_numbers_of_a_big_endian_computer_are_turned(source_of):
    saved = files.ordered({"a": files.tensor(files.storage("0", "Float", 2), (2,), (1,))})
    content = files.torch_zip(saved, {"0": np.array([1, -2.5], ">f4").tobytes()}, byteorder=b"big")
    np.testing.assert_array_equal(source_of(content).arrays["a"], np.array([1, -2.5], "float32"), strict=True)


def test_the_state_dict_of_a_checkpoint_is_found(source_of, container):
    state = files.ordered({"fc.bias": files.tensor(STORED, (12,), (1,))})
    optimizer = files.dictionary({"state": files.dictionary({"momentum": files.tensor(STORED, (12,), (1,))})})
    saved = files.dictionary({"epoch": files.whole(90), "state_dict": state, "optimizer": optimizer})
    source = source_of(written(container, saved, {"0": NUMBERS}))
    assert list(source.arrays) == ["fc.bias"]
    assert source.about == {"epoch": 90, "part": "state_dict", "other parts": ["optimizer"]}


def test_dictionaries_in_dictionaries_are_joined_by_dots(source_of):
    saved = files.dictionary({"encoder": files.dictionary({"fc": files.tensor(STORED, (12,), (1,))})})
    assert list(source_of(written(CONTAINERS[0], saved, {"0": NUMBERS})).arrays) == ["encoder.fc"]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_legacy_file_is_known_whatever_the_version_of_its_pickles(source_of, protocol, rng):
    """From version 4 on, the magic number of the first one stands behind the size of what comes."""
    magic, version, saved, keys = 0x1950A86A20F9469CFC6C, 1001, {"part": [1]}, []
    head = b"".join(pickle.dumps(value, protocol) for value in (magic, version, {}, saved, keys))
    assert (b"\x95" in head[:3]) == (protocol >= 4)
    with pytest.raises(UserError, match=r"a file of the kind torch\.save \(legacy\), but without any weights"):
        source_of(head)


@pytest.mark.parametrize("protocol", [4, 5])
def test_a_call_planted_in_a_later_pickle_of_a_legacy_file_does_not_happen(tmp_path, protocol):
    victim, path = tmp_path / "victim", tmp_path / "vgg16.pth"
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, protocol)
    for call in planted(victim):
        harmless = [pickle.dumps(value, protocol) for value in (1001, {}, {"a": 1}, [])]
        for place in range(len(harmless)):
            parts = [*harmless[:place], pickle.dumps(call, protocol, fix_imports=False), *harmless[place + 1 :]]
            path.write_bytes(magic + b"".join(parts))
            with pytest.raises(UserError, match=re.escape(f"{path}: it asks for {call.call[0].__module__}.")):
                read(path)
    assert not victim.exists()


def test_texts_of_python_2_and_a_dictionary_made_of_a_list_are_read(source_of):
    pair = b"](U\x04bias" + files.tensor(STORED, (12,), (1,)) + b"e"
    saved = files.called("collections", "OrderedDict", b"](" + pair + b"e")
    assert list(source_of(written(CONTAINERS[1], saved, {"0": NUMBERS})).arrays) == ["bias"]


# No code runs.
class Planted:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def planted(victim):
    program = f"open({str(victim)!r}, 'w')"
    return [
        Planted(os.mkdir, str(victim)),
        Planted(os.system, f"mkdir {victim}"),
        Planted(eval, program),
        Planted(exec, program),
        Planted(open, str(victim), "w"),
        Planted(getattr, "", "join"),
        Planted(pickle.loads, pickle.dumps(Planted(os.mkdir, str(victim)))),
    ]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_planted_call_is_refused_by_name_and_does_not_happen(tmp_path, container, protocol):
    victim, path = tmp_path / "victim", tmp_path / "vgg16.pth"
    for call in planted(victim):
        path.write_bytes(written(container, pickle.dumps({"a": call}, protocol, fix_imports=False), {}))
        with pytest.raises(UserError) as caught:
            read(path)
        function = call.call[0]
        assert str(caught.value).startswith(f"{path}: it asks for {function.__module__}.{function.__name__}, ")
        assert "torch.save(model.state_dict(), FILE)" in str(caught.value)
    assert not victim.exists()
    pickle.loads(pickle.dumps(planted(victim)[0]))  # as it would have happened
    assert victim.exists()


WAYS_TO_CALL = {
    "INST": b"(X\x01\x00\x00\x00xiposix\nsystem\n",
    "OBJ": b"(cposix\nsystem\nX\x01\x00\x00\x00xo",
    "NEWOBJ": b"cposix\nsystem\nX\x01\x00\x00\x00x\x85\x81",
    "EXT1": b"\x82\x01",
    "PERSID": b"Pstorage\n",
    "NEWOBJ of what is known": b"ccollections\nOrderedDict\n)\x81",
    "BUILD of what is no dictionary": b"]}b",
    "a call of a number": b"K\x01)R",
    "a call of a type of storage": b"ctorch\nFloatStorage\n)R",
    "a name of two lines": b"\x8c\x05posix\x8c\x0dsystem\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x93",
    "a part of what is known": b"ccollections\nOrderedDict.fromkeys\n](K\x01e\x85R",
    "a nested loader": b"ctorch.storage\n_load_from_bytes\nU\x01x\x85R",
    "NumPy's": b"cnumpy.core.multiarray\n_reconstruct\n)R",
}


@pytest.mark.parametrize("program", WAYS_TO_CALL.values(), ids=WAYS_TO_CALL)
def test_no_instruction_calls_anything(tmp_path, container, program):
    path = tmp_path / "vgg16.pth"
    path.write_bytes(written(container, program, {}))
    with pytest.raises(UserError, match=re.escape(f"{path}: ")):
        read(path)


# Nothing hangs, and nothing takes more memory than there is in the file.
def tuples_in_tuples(depth):
    """A tuple whose hash takes 2 ** depth steps."""
    return b")" + b"".join(b"q\x00h\x00\x86" for _ in range(depth))


def lists_in_lists(depth):
    """A list in which 2 ** depth tensors are met."""
    return b"](" + files.tensor(STORED, (12,), (1,)) + b"e" + b"".join(b"q\x00](h\x00h\x00e" for _ in range(depth))


def long_names(depth=300):
    """Dictionaries in dictionaries, all under one name of 100,000 characters."""
    begin = files.text("n" * 100_000) + b"q\x00" + b"}h\x00" * depth
    return begin + files.tensor(STORED, (12,), (1,)) + b"s" * depth


BOMBS = {
    "a key whose hash takes years": b"}" + tuples_in_tuples(60) + b"Ns",
    "a text of a terabyte": b"\x8d" + struct.pack("<Q", 2**40),
    "bytes of a terabyte": b"\x8e" + struct.pack("<Q", 2**40),
    "a byte array of a terabyte": b"\x96" + struct.pack("<Q", 2**40),
    "a place in the memo of gigabytes": b"Nr\xff\xff\xff\xff",
    "a number of many digits": b"\x8b" + struct.pack("<i", 2**31 - 1),
    "a tensor of a terabyte": files.ordered({"a": files.tensor(STORED, (2**20, 2**20), (0, 0))}),
    "a tensor of too many dimensions": files.ordered({"a": files.tensor(STORED, (1,) * 65, (1,) * 65)}),
    "a stride out of its storage": files.ordered({"a": files.tensor(STORED, (4, 3), (2**61, 1))}),
    "a stride backwards": files.ordered({"a": files.tensor(STORED, (4,), (-1,), offset=8)}),
    "an offset out of its storage": files.ordered({"a": files.tensor(STORED, (12,), (1,), offset=1)}),
    "a negative offset": files.ordered({"a": files.tensor(STORED, (12,), (1,), offset=-1)}),
    "a storage that is larger": files.ordered({"a": files.tensor(files.storage("0", "Float", 2**40), (12,), (1,))}),
    "a storage that is not there": files.ordered({"a": files.tensor(files.storage("1", "Float", 12), (12,), (1,))}),
    "a storage of another type": files.ordered({"a": files.tensor(files.storage("0", "Double", 12), (12,), (1,))}),
    "a storage within a storage": files.ordered(
        {"a": files.tensor(files.storage("0", "Float", 12, b"K\x01"), (1,), (1,))}
    ),
    "a dictionary from a list, again and again": b"]q\x00("
    + b"](K\x01Ne" * 1000
    + b"e"
    + b"ccollections\nOrderedDict\nh\x00\x85R" * 1000,
    "a tuple of many arguments, again and again": b"("
    + b"N" * 50_000
    + b"tq\x00ctorch\nSize\nq\x01"
    + b"h\x01h\x00R" * 30_000,
    "a name that grows": long_names(),
    "a list that holds itself": b"]q\x00h\x00a",
    "nothing": b"}",
    "a number": b"K\x01",
}


@pytest.mark.parametrize("program", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_in_little_time_and_memory(tmp_path, container, program):
    path = tmp_path / "vgg16.pth"
    path.write_bytes(written(container, program, {"0": NUMBERS}))
    with limits.of(path), pytest.raises(UserError, match=re.escape(f"{path}: ")):
        read(path)


def test_a_pickle_of_endless_steps_is_refused(monkeypatch, source_of, container):
    monkeypatch.setattr(pickles, "_MOST_STEPS", 500)
    with pytest.raises(UserError, match="has more than 500 steps; save the state dict alone"):
        source_of(written(container, b"]" + b"q\x00" * 500, {}))


def test_what_is_met_twice_is_read_once(source_of, container):
    source = source_of(written(container, lists_in_lists(60), {"0": NUMBERS}))
    assert len(source.arrays) == 1


def test_a_list_of_storages_with_a_name_whose_hash_takes_years_is_refused(source_of):
    head = files.torch_legacy(files.ordered({}), {}).removesuffix(files.pickled(b"](e"))
    with pytest.raises(UserError, match="the list of its storages holds something else than names"):
        source_of(head + files.pickled(b"](" + tuples_in_tuples(60) + b"e"))


def test_many_tensors_share_one_widened_storage(tmp_path, container):
    half = np.zeros(100_000, "float16")
    views = {f"t{i}": files.tensor(files.storage("0", "Half", half.size), half.shape, (1,)) for i in range(500)}
    path = tmp_path / "shared.pth"
    path.write_bytes(written(container, files.ordered(views), {"0": half}))
    with limits.of(path):
        assert len(read(path).arrays) == 500


def test_a_wrong_check_sum_is_found(source_of, rng):
    arrays = files.some_arrays(rng)
    content = bytearray(files.torch_files(arrays)[0])
    content[content.index(arrays["conv1.weight"].tobytes()) + 5] ^= 1
    with pytest.raises(UserError, match=r"weights\.bin: conv1\.weight: archive/data/0 has another check sum"):
        source_of(content)


def test_a_file_that_is_cut_off_names_what_is_missing(source_of, rng):
    content = files.torch_files(files.some_arrays(rng))[1]
    with pytest.raises(UserError, match=r"weights\.bin: storage 2 claims 1 numbers, more than are left in the file"):
        source_of(content[:-3])


def test_a_torchscript_archive_is_refused(source_of):
    with pytest.raises(UserError, match=r"a TorchScript archive, which holds a program; load it with torch\.jit\.load"):
        source_of(files.torch_zip(files.ordered({}), {}, **{"constants.pkl": b"", "code/net.py": b""}))


def test_a_repacked_archive_is_refused(source_of):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", files.pickled(files.ordered({})))
    with pytest.raises(
        UserError, match=r"archive/data\.pkl is compressed, which PyTorch does not do; load it with PyTorch"
    ):
        source_of(memory.getvalue())


# PyTorch's own files.
@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # PyTorch's own, of other protocols than 2
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("in_zip", [True, False], ids=CONTAINERS)
def test_files_of_pytorch_are_read_as_pytorch_reads_them(tmp_path, in_zip, protocol):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(5, 6))
    state = layers.state_dict()
    state["tied"] = state["0.weight"]
    state["turned"] = state["2.weight"].T[1:, ::2]
    state["channels last"] = state["0.weight"].contiguous(memory_format=torch.channels_last)
    state["parameter"] = torch.nn.Parameter(torch.ones(2))
    for kind in ("float16", "bfloat16", "float64", "int8", "uint8", "int16", "int32", "int64", "bool"):
        state[kind] = torch.tensor([0, 1, 2, 100]).to(getattr(torch, kind))
    path = tmp_path / "state.pth"
    saved = {"epoch": 3, "model": state}
    torch.save(saved, path, pickle_protocol=protocol, _use_new_zipfile_serialization=in_zip)
    source, expected = read(path), torch.load(path, weights_only=protocol < 4)["model"]
    assert source.container == CONTAINERS[not in_zip]
    assert list(source.arrays) == list(expected)
    for name, tensor in expected.items():
        wide = tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
        np.testing.assert_array_equal(source.arrays[name], wide.detach().numpy(), strict=True)


@pytest.mark.oracle
def test_the_files_of_these_tests_are_such_as_pytorch_loads(container, rng):
    torch = pytest.importorskip("torch")
    arrays = files.some_arrays(rng)
    content = files.torch_files(arrays)[CONTAINERS.index(container)]
    state = torch.load(io.BytesIO(content), weights_only=True)
    assert list(state) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(state[name].numpy(), array, strict=True)


@pytest.mark.oracle
def test_a_whole_model_and_a_program_of_pytorch_are_refused(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "model.pt"
    torch.save(torch.nn.ReLU(), path)
    with pytest.raises(UserError, match=r"it asks for torch\.nn\.modules\.activation\.ReLU, "):
        read(path)
    torch.save(torch.ones(3), path)
    with pytest.raises(UserError, match="holds no dictionary of tensors"):
        read(path)
