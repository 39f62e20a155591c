"""A network in a file: the ending of its name says which."""

import sys

import numpy as np
import pytest

from minifcn import export, models, weights
from minifcn.errors import UserError


@pytest.fixture
def net():
    return models.FCN32s(2, width=1 / 64)


@pytest.mark.parametrize("ending", [".npz", ".safetensors", ".pth"])
def test_weights_alone_are_those_of_the_network(tmp_path, net, ending):
    export.write_network(tmp_path / f"net{ending}", net, {})
    assert weights.read(tmp_path / f"net{ending}").arrays.keys() == net.state_dict().keys()


def test_onnx_needs_the_package_onnx(tmp_path, net, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(
        UserError, match=r"net\.onnx: to write ONNX takes the package onnx: pip install 'minifcn\[onnx\]'"
    ):
        export.write_network(tmp_path / "net.onnx", net, {})
    assert list(tmp_path.iterdir()) == []


def test_another_ending_is_told_those_that_there_are(tmp_path, net):
    with pytest.raises(UserError, match=r"weights are written to \.npz, \.safetensors, \.pth, \.pt"):
        export.write_network(tmp_path / "net.h5", net, {})


@pytest.mark.parametrize(
    ("ending", "value"),
    [(".npz", np.nan), (".safetensors", np.nan), (".pth", np.nan), (".onnx", np.nan), (".onnx", 1e300)],
)
def test_a_network_of_numbers_that_are_none_is_in_no_file(tmp_path, net, ending, value):
    if ending == ".onnx":
        pytest.importorskip("onnx", reason="onnx is not installed: it comes with the extra dev")
    net.astype("float64").conv3_1.weight.data[0, 0, 1, 1] = value
    with pytest.raises(UserError, match=r"conv3_1\.weight holds inf or nan"):
        export.write_network(tmp_path / f"net{ending}", net, {})
    assert list(tmp_path.iterdir()) == []
