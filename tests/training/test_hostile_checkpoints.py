"""A checkpoint of any bytes is read as it was saved, or refused in one line that names it, in little memory."""

import dataclasses
import io
import itertools
import json
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from minifcn.errors import UserError
from minifcn.training import Checkpoint, Config, build, checkpoint

CONFIG = Config(
    model="fcn32s", width=1 / 64, class_names=("sky", "road"), palette=((0, 0, 0), (128, 64, 128)), size=(32, 48)
)


@pytest.fixture(scope="module")
def state():
    model = build.build_model(CONFIG)
    optimizer = build.build_optimizer(CONFIG, model)
    random = np.random.default_rng(5).bit_generator.state
    return Checkpoint(CONFIG, model.state_dict(), optimizer.state_dict(), random=random)


@pytest.fixture(scope="module")
def content(tmp_path_factory, state):
    path = tmp_path_factory.mktemp("good") / "checkpoint.npz"
    checkpoint.save(path, state)
    return path.read_bytes()


def npy(array):
    memory = io.BytesIO()
    np.lib.format.write_array(memory, np.asarray(array))
    return memory.getvalue()


def members(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(parts, compression=zipfile.ZIP_STORED):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", compression) as archive:
        for name, content in parts.items() if isinstance(parts, dict) else parts:
            archive.writestr(name, content)
    return memory.getvalue()


WEIGHT = "model/conv1_1.weight.npy"
ARRAYS = {
    "complex": np.complex64(1),
    "nan": np.float32("nan"),
    "infinite": np.float32("-inf"),
    "half": np.float16(1),
    "extended": np.longdouble(1),
    "of the other byte order": np.array(1, np.dtype("float32").newbyteorder()),
    "whole": np.int8(1),
    "boolean": np.True_,
    "text": np.str_("a"),
}


@pytest.mark.parametrize("value", ARRAYS.values(), ids=ARRAYS)
@pytest.mark.parametrize("name", [WEIGHT, "optimizer/m.0.npy"])
def test_an_array_of_another_kind_is_refused_when_it_is_read_and_when_it_is_saved(
    tmp_path, content, state, name, value
):
    parts = members(content)
    shape = np.load(io.BytesIO(parts[name])).shape
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(zipped(parts | {name: npy(np.full(shape, value))}))
    with pytest.raises(UserError, match=r"(has dtype|holds inf or nan)"):
        checkpoint.load(path)
    part, _, key = name.removesuffix(".npy").partition("/")
    changed = dataclasses.replace(state, **{part: {key: np.full(shape, value)}})
    with pytest.raises(UserError, match=r"(has dtype|holds inf or nan)"):
        checkpoint.save(tmp_path / "new.npz", changed)
    assert not (tmp_path / "new.npz").exists()


def header(text, version=b"\x01\x00"):
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text


HEADERS = {
    "a terabyte": b"{'descr': '<f4', 'fortran_order': False, 'shape': (274877906944,), }\n",
    "more than there is": b"{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999999999, 999999999999), }\n",
    "items of a gigabyte": b"{'descr': '<U9999999', 'fortran_order': False, 'shape': (100,), }\n",
    "negative": b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }\n",
    "a hundred dimensions": b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"1, " * 100 + b"), }\n",
    "a program": b"{'descr': __import__('os').abort(), 'fortran_order': False, 'shape': (1,), }\n",
    "deep": b"(" * 9000 + b"\n",
    "fields": b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }\n",
    "Python 2": b"{'descr': '<f4', 'fortran_order': False, 'shape': (1L,), }\n",
    "no tuple": b"{'descr': '<f4', 'fortran_order': False, 'shape': 1, }\n",
    "not closed": b"{'descr': '<f4'",
    "nothing": b"",
}


@pytest.mark.parametrize("text", HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize("name", [WEIGHT, "about.npy"])
def test_a_header_that_lies_is_refused_in_little_memory(tmp_path, content, name, text):
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(zipped(members(content) | {name: header(text) + bytes(4)}))
    assert_refused_in_little_memory(path)


def assert_refused_in_little_memory(path):
    tracemalloc.start()
    try:
        with pytest.raises(UserError) as caught:
            checkpoint.load(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert peak < 4 * path.stat().st_size + 2_000_000


def patched(content, name, field, value):
    """Give the archive with another number in the entry of a member, in its directory and before the member itself."""
    content = bytearray(content)
    offsets = {
        "compression": (8, 10, "<H"),
        "compressed": (18, 20, "<I"),
        "size": (22, 24, "<I"),
        "flags": (6, 8, "<H"),
    }
    local, central, kind = offsets[field]
    start = content.index(name.encode()) - 30
    entry = content.rindex(name.encode()) - 46
    struct.pack_into(kind, content, start + local, value)
    struct.pack_into(kind, content, entry + central, value)
    return bytes(content)


ARCHIVES = {
    "a compressed bomb": lambda parts: zipped(parts | {WEIGHT: bytes(50_000_000)}, zipfile.ZIP_DEFLATED),
    "another bomb": lambda parts: zipped(parts | {WEIGHT: bytes(5_000_000)}, zipfile.ZIP_LZMA),
    "a member twice": lambda parts: zipped([*parts.items(), (WEIGHT, parts[WEIGHT])]),
    "a member under two names": lambda parts: zipped(parts | {WEIGHT.removesuffix(".npy"): parts[WEIGHT]}),
    "a size too large": lambda parts: patched(zipped(parts), WEIGHT, "size", 2**31),
    "a size too small": lambda parts: patched(zipped(parts), WEIGHT, "size", 10),
    "a stored size too large": lambda parts: patched(zipped(parts), WEIGHT, "compressed", 2**31),
    "an unknown compression": lambda parts: patched(zipped(parts), WEIGHT, "compression", 99),
    "a password": lambda parts: patched(zipped(parts), WEIGHT, "flags", 1),
    "a path": lambda parts: zipped(parts | {"../../etc/passwd": b""}),
    "no about": lambda parts: zipped({name: part for name, part in parts.items() if name != "about.npy"}),
    "nothing": lambda parts: zipped({}),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("make", ARCHIVES.values(), ids=ARCHIVES)
def test_an_archive_that_lies_is_refused_in_little_memory(tmp_path, content, make):
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(make(members(content)))
    assert_refused_in_little_memory(path)


def about_of(content):
    return json.loads(np.load(io.BytesIO(members(content)["about.npy"])).item())


ABOUTS = {
    "too deep": lambda about: "[" * 100_000,
    "a number of too many digits": lambda about: about | {"position": about["position"] | {"epoch": 10**400}},
    "no position": lambda about: {key: value for key, value in about.items() if key != "position"},
    "no random numbers": lambda about: {key: value for key, value in about.items() if key != "random"},
    "an epoch that is true": lambda about: about | {"position": about["position"] | {"epoch": True}},
    "a loss that is not finite": lambda about: about | {"position": about["position"] | {"loss_sum": float("inf")}},
    "a loss that is a text": lambda about: about | {"position": about["position"] | {"loss_sum": "1"}},
    "a position that is a list": lambda about: about | {"position": [1, 2, 3]},
    "a position with a part too many": lambda about: about | {"position": about["position"] | {"extra": 1}},
    "a mean that float32 cannot hold": lambda about: about | {"config": about["config"] | {"mean": [1e39, 0, 0]}},
    "a deviation that float32 cannot hold": lambda about: about | {"config": about["config"] | {"std": [1e-50, 1, 1]}},
    "a mean IoU of 2": lambda about: about | {"position": about["position"] | {"best_mean_iou": 2}},
    "class names that are one text": lambda about: about | {"config": about["config"] | {"class_names": "ab"}},
    "a rate that is not finite": lambda about: about | {"config": about["config"] | {"lr": float("nan")}},
    "a rate of too many digits": lambda about: about | {"config": about["config"] | {"lr": 10**400}},
    "a zero byte in a path": lambda about: about | {"config": about["config"] | {"data": "voc:\0"}},
}


@pytest.mark.parametrize("change", ABOUTS.values(), ids=ABOUTS)
def test_a_description_that_lies_is_refused(tmp_path, content, change):
    path = tmp_path / "checkpoint.npz"
    about = change(about_of(content))
    text = about if isinstance(about, str) else json.dumps(about)
    path.write_bytes(zipped(members(content) | {"about.npy": npy(text)}))
    with pytest.raises(UserError, match=str(path)) as error:
        checkpoint.load(path)
    assert "__init__" not in str(error.value)
    assert "argument" not in str(error.value)


def mutated(content, parts, rng):
    """Give the bytes of a checkpoint with one kind of damage, drawn at random."""
    kind = rng.integers(6)
    damaged = bytearray(content)
    if kind == 0:  # cut off
        return bytes(damaged[: rng.integers(len(damaged))])
    if kind == 1:  # bits flipped
        for at in rng.integers(len(damaged), size=rng.integers(1, 4)):
            damaged[at] ^= 1 << rng.integers(8)
        return bytes(damaged)
    if kind == 2:  # a stretch overwritten, most often in the directory at the end, which decides how the rest is read
        start = max(0, len(damaged) - int(rng.integers(1, 6000)))
        stretch = rng.integers(256, size=rng.integers(1, 40), dtype=np.uint8).tobytes()
        damaged[start : start + len(stretch)] = stretch
        return bytes(damaged)
    names = list(parts)
    one, other = (names[i] for i in rng.choice(len(names), 2, replace=False))
    if kind == 3:  # members swapped
        return zipped(parts | {one: parts[other], other: parts[one]})
    if kind == 4:  # a member left out, or under another name
        rest = {name: part for name, part in parts.items() if name != one}
        return zipped(rest | ({f"{one[:-5]}_.npy": parts[one]} if rng.integers(2) else {}))
    part = bytearray(parts[one])  # a header changed, with right check sums
    at = rng.integers(min(128, len(part)))
    part[at] = rng.integers(256)
    return zipped(parts | {one: bytes(part)})


def test_a_thousand_mutations_are_read_as_finite_numbers_or_refused_by_name(tmp_path, rng):
    path, refused = tmp_path / "checkpoint.npz", []
    model = {"a": rng.standard_normal((3, 2, 1, 1)).astype("float32"), "b": np.zeros(9, "float32")}
    checkpoint.save(path, Checkpoint(CONFIG, model, {"steps": np.array(7)}))
    content = path.read_bytes()
    parts = members(content)
    for _ in range(1000):
        path.write_bytes(mutated(content, parts, rng))
        try:
            found = checkpoint.load(path)
        except UserError as error:
            refused.append(str(error))
            continue
        for array in found.model.values():
            assert array.dtype in ("float32", "float64", "int64")
            assert array.size < 100
            assert np.isfinite(array).all()
    assert all(message.startswith(f"{path}: ") for message in refused)
    assert 500 < len(refused) < 1000  # two arrays swapped are a checkpoint, and so is another order of the axes


@pytest.mark.parametrize(
    ("model", "variant", "width", "classes"),
    list(itertools.product(("fcn32s", "fcn16s", "fcn8s"), ("aligned", "paper"), (1 / 64, 0.03), (1, 3))),
)
def test_the_shapes_of_a_network_are_known_before_it_is_built(model, variant, width, classes):
    names, palette = tuple("abc"[:classes]), ((0, 0, 0),) * classes
    config = Config(model=model, variant=variant, width=width, class_names=names, palette=palette)
    state = build.build_model(config).state_dict()
    assert build.parameter_shapes(config) == {name: array.shape for name, array in state.items()}


LIES = {
    "a width of 4": {"width": 4.0},
    "a 7x7 fc6": {"variant": "paper"},
    "255 classes": {"class_names": tuple(map(str, range(255))), "palette": ((0, 0, 0),) * 255},
    "255 classes, and bilinear weights": {
        "variant": "paper",
        "class_names": tuple(map(str, range(255))),
        "palette": ((0, 0, 0),) * 255,
    },
    "no classes": {"class_names": (), "palette": ()},
    "another network": {"model": "fcn8s"},
    "an unknown network": {"model": "resnet"},
    "another dtype": {"dtype": "float64"},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_configuration_that_does_not_fit_is_refused_before_a_network_is_built(state, lie):
    config = dataclasses.replace(CONFIG, **lie)
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=r"^runs/best\.npz: "):
            build.load_model(config, state.model, name="runs/best.npz")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


def test_an_optimizer_of_another_dtype_is_refused(state):
    optimizer = {name: array.astype("float64") if array.ndim else array for name, array in state.optimizer.items()}
    with pytest.raises(UserError, match=r"m\.0 is float64, the run float32"):
        build.check_fits(CONFIG, state.model, optimizer)
