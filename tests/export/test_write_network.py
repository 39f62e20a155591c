"""A network in a file: the ending of its name says which."""

import sys

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
