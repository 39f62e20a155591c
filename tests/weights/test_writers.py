"""Weights as other programs read them: written here without those programs, and read back."""

import json
import pickletools
import zipfile

import numpy as np
import pytest

from minifcn import models, weights
from minifcn.errors import UserError

ENDINGS = [".npz", ".safetensors", ".pth", ".pt"]
ABOUT = {"class_names": ["sky", "road"], "mean": [1.5, 2, 3]}


@pytest.fixture
def arrays(rng):
    """Of every kind: in another order in memory, of half and double precision, of one number, and of none."""
    return {
        "conv.bias": rng.normal(size=3).astype("float16"),
        "conv.weight": rng.normal(size=(3, 2, 5, 4)).astype("float32").transpose(0, 3, 1, 2),
        "scale": np.array(3.5),
        "nothing": np.zeros((0, 3), "float32"),
        "fc.weight": rng.normal(size=(2, 7)),
    }


def assert_equal(found, wanted):
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        assert found[name].shape == array.shape, name
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@pytest.mark.parametrize("ending", ENDINGS)
class TestEveryFormat:
    def test_is_read_as_it_was_written(self, tmp_path, arrays, ending):
        weights.write(tmp_path / f"w{ending}", arrays, ABOUT)
        assert_equal(weights.read(tmp_path / f"w{ending}").arrays, arrays)

    def test_holds_a_network(self, tmp_path, ending):
        state = models.FCN16s(3, width=1 / 64).state_dict()
        weights.write(tmp_path / f"w{ending}", state, {})
        net = models.FCN16s(3, width=1 / 64, rng=np.random.default_rng(1))
        net.load_state_dict(weights.read(tmp_path / f"w{ending}").arrays)
        assert_equal(net.state_dict(), state)

    def test_has_the_same_bytes_for_the_same_weights(self, tmp_path, arrays, ending):
        for name in ("a", "b"):
            weights.write(tmp_path / f"{name}{ending}", arrays, ABOUT)
        assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()

    WRONG = {
        "whole numbers": ({"w": np.arange(3)}, r"w has dtype <i8; a file of weights holds float16, float32, float64"),
        "of another byte order": ({"w": np.ones(2, ">f4")}, r"w has dtype >f4"),
        "nan": ({"fc.weight": np.array([1, np.nan])}, "fc.weight holds inf or nan"),
        "called about": ({"about": np.ones(1)}, "no array can be called about"),
    }

    @pytest.mark.parametrize(("wrong", "message"), WRONG.values(), ids=WRONG)
    def test_refuses_what_nobody_would_read_and_leaves_the_old_file(self, tmp_path, ending, wrong, message):
        path = tmp_path / f"w{ending}"
        path.write_bytes(b"old")
        with pytest.raises(UserError, match=message):
            weights.write(path, wrong, {})
        assert path.read_bytes() == b"old"


def test_another_ending_is_told_those_that_there_are(tmp_path, arrays):
    with pytest.raises(UserError, match=r"w\.h5: weights are written to \.npz, \.safetensors, \.pth, \.pt"):
        weights.write(tmp_path / "w.h5", arrays, {})


def test_numpy_reads_npz_and_its_text(tmp_path, arrays):
    weights.write(tmp_path / "w.npz", arrays, ABOUT)
    with np.load(tmp_path / "w.npz", allow_pickle=False) as file:
        found = dict(file)
    assert json.loads(found.pop("about").item()) == {"format": "minifcn weights 1", **ABOUT}
    assert_equal(found, arrays)
    assert all(found[name].dtype == arrays[name].dtype for name in arrays)


def test_safetensors_reads_safetensors_and_its_text(tmp_path, arrays):
    safetensors = pytest.importorskip("safetensors", reason="safetensors is not installed: it comes with the extra dev")
    weights.write(tmp_path / "w.safetensors", arrays, ABOUT)
    with safetensors.safe_open(tmp_path / "w.safetensors", "np") as file:
        assert json.loads(file.metadata()["minifcn"]) == ABOUT
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    assert_equal(found, arrays)
    assert all(found[name].dtype == arrays[name].dtype for name in arrays)


class TestStateDict:
    # What torch.load(weights_only=True) takes, of PyTorch 1.13 and later; of the globals, those that are used here.
    INSTRUCTIONS = {"PROTO", "EMPTY_DICT", "MARK", "BINUNICODE", "GLOBAL", "LONG1", "NEWFALSE", "EMPTY_TUPLE", "TUPLE"}
    INSTRUCTIONS |= {"REDUCE", "BINPERSID", "SETITEMS", "STOP"}
    GLOBALS = {"torch._utils _rebuild_tensor_v2", "collections OrderedDict"}
    GLOBALS |= {f"torch {kind}Storage" for kind in ("Half", "Float", "Double")}

    @pytest.fixture
    def archive(self, tmp_path, arrays):
        weights.write(tmp_path / "w.pth", arrays, {})
        with zipfile.ZipFile(tmp_path / "w.pth") as archive:
            yield archive

    def test_executes_nothing_but_the_making_of_tensors(self, archive):
        steps = list(pickletools.genops(archive.read("archive/data.pkl")))
        assert {step.name for step, _, _ in steps} == self.INSTRUCTIONS
        assert {value for step, value, _ in steps if step.name == "GLOBAL"} == self.GLOBALS

    def test_says_how_the_numbers_lie(self, archive, arrays):
        values = [value for _, value, _ in pickletools.genops(archive.read("archive/data.pkl")) if value is not None]
        at = values.index("conv.weight")
        assert values[at : at + 16] == [
            *("conv.weight", "torch._utils _rebuild_tensor_v2", "storage", "torch FloatStorage", "1", "cpu", 120),
            *(0, 3, 4, 2, 5, 40, 10, 5, 1),  # offset, sizes, strides
        ]

    def test_has_the_numbers_beside_it(self, archive, arrays):
        for number, array in enumerate(arrays.values()):
            assert archive.read(f"archive/data/{number}") == array.tobytes("C")
        assert (archive.read("archive/version"), archive.read("archive/byteorder")) == (b"3\n", b"little")

    @pytest.mark.oracle
    def test_is_loaded_by_pytorch_as_weights_only(self, tmp_path, arrays):
        torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make oracle` installs it")
        weights.write(tmp_path / "w.pth", arrays, {})
        for mmap in (False, True):
            found = torch.load(tmp_path / "w.pth", weights_only=True, mmap=mmap)
            assert_equal({name: tensor.numpy() for name, tensor in found.items()}, arrays)
        assert all(tensor.is_contiguous() and not tensor.requires_grad for tensor in found.values())

    @pytest.mark.oracle
    def test_is_loaded_by_a_module_of_pytorch(self, tmp_path):
        torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make oracle` installs it")
        net = models.FCN32s(3, width=1 / 64)
        weights.write(tmp_path / "w.pt", net.state_dict(), {})
        layer = torch.nn.Conv2d(3, 1, 3)
        state = torch.load(tmp_path / "w.pt", weights_only=True)
        layer.load_state_dict({name: state[f"conv1_1.{name}"] for name in ("weight", "bias")})
        np.testing.assert_array_equal(layer.weight.detach().numpy(), net.conv1_1.weight.data)
