"""Networks as ONNX, run by onnxruntime on images of several sizes beside minifcn."""

import json

import numpy as np
import own_networks
import pytest

from minifcn import Tensor, export, models, no_grad, training
from minifcn.data import Shapes
from minifcn.errors import UserError
from minifcn.export import onnx_file

onnx = pytest.importorskip("onnx", reason="onnx is not installed: `make oracle` installs it")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: `make oracle` installs it")

pytestmark = pytest.mark.oracle

NEAR = 1e-5  # of the largest score: float32 has 24 bits, and a score some thousand products
SIZES = [(1, 1), (37, 50), (64, 97)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.onnx"


def with_scores(net, rng):
    """Give the score layers weights other than zero."""
    for name, parameter in net.named_parameters():
        if name.startswith("score"):
            parameter.data[...] = rng.normal(size=parameter.shape)
            parameter.changed()
    return net.eval()


def assert_same_scores(path, net, sizes, rng):
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(path)
    for size in sizes:
        images = rng.normal(size=(2, 3, *size)).astype("float32")
        with no_grad():
            wanted = net(Tensor(images)).data
        (found,) = session.run(["scores"], {"image": images})
        assert found.shape == wanted.shape, size
        np.testing.assert_allclose(found, wanted, rtol=0, atol=NEAR * abs(wanted).max(), err_msg=str(size))


@pytest.mark.parametrize("variant", ["aligned", "paper"])
@pytest.mark.parametrize("backbone", models.BACKBONES)
@pytest.mark.parametrize("name", models.NETWORKS)
def test_a_network_has_the_same_scores_at_any_size(path, rng, name, backbone, variant):
    net = models.create(name, num_classes=5, backbone=backbone, variant=variant, width=1 / 16, rng=rng)
    onnx_file.write(path, with_scores(net, rng))
    assert_same_scores(path, net, SIZES, rng)


@pytest.mark.parametrize("name", models.NETWORKS)
def test_a_listing_of_the_lecture_has_them_at_multiples_of_32(path, rng, name):
    net = models.create(name, num_classes=5, variant="lecture", width=1 / 16, rng=rng).eval()
    onnx_file.write(path, net)
    assert_same_scores(path, net, [(32, 32), (64, 96), (160, 32)], rng)


def test_fcn8s_at_once_has_them_at_every_size_from_1_to_70(path, rng):
    net = with_scores(models.FCN8s(2, width=1 / 32, at_once=True, rng=rng), rng)
    onnx_file.write(path, net)
    assert_same_scores(path, net, [(n, 71 - n) for n in range(1, 71)], rng)


@pytest.mark.parametrize("function", own_networks.ANY_SIZE.values(), ids=own_networks.ANY_SIZE)
def test_a_network_of_ones_own_has_them_at_any_size(path, rng, function):
    net = own_networks.Own(function).eval()
    onnx_file.write(path, net)
    assert_same_scores(path, net, [(height, width) for height in range(5, 12) for width in (5, 8)], rng)


@pytest.mark.parametrize("function", [f for f, _ in own_networks.ONE_SIZE.values()], ids=own_networks.ONE_SIZE)
def test_one_that_depends_on_the_size_has_them_at_the_size_it_is_written_for(path, rng, function):
    net = own_networks.Own(function).eval()
    onnx_file.write(path, net, size=(11, 12))
    assert_same_scores(path, net, [(11, 12)], rng)
    (image,) = onnxruntime.InferenceSession(path).get_inputs()
    assert image.shape == ["N", 3, 11, 12]


def test_the_network_of_the_package_predicts_the_same_classes(path):
    net = models.pretrained("shapes-fcn8s")
    export.write_network(path, net, {})
    session = onnxruntime.InferenceSession(path)
    for sample in (Shapes(3, size=(80, 100), seed=7)[i] for i in range(3)):
        (scores,) = session.run(None, {"image": np.ascontiguousarray(net.normalize(sample.image)[None])})
        np.testing.assert_array_equal(scores[0].argmax(axis=0), training.predict(net, sample.image, net.normalize))


class TestTheFile:
    @pytest.fixture
    def net(self, rng):
        return models.FCN16s(4, width=1 / 64, rng=rng)

    def test_says_what_the_network_is_for(self, path, net):
        about = {"class_names": ["sky", "road"], "mean": [1, 2, 3]}
        export.write_network(path, net, about)
        read = onnx.load(path)
        assert {entry.key: json.loads(entry.value) for entry in read.metadata_props} == {"minifcn": about}
        assert (read.producer_name, read.graph.name) == ("minifcn", "FCN16s")

    def test_has_the_parameters_by_their_names(self, path, net):
        onnx_file.write(path, net)
        found = {array.name: onnx.numpy_helper.to_array(array) for array in onnx.load(path).graph.initializer}
        for name, array in net.state_dict().items():
            np.testing.assert_array_equal(found[name], array)

    def test_is_in_float32_whatever_the_network_is(self, path, net, rng):
        onnx_file.write(path, net.astype("float64"))
        assert_same_scores(path, net.astype("float32").eval(), [(20, 30)], rng)

    def test_has_the_same_bytes_for_the_same_network(self, path, net):
        onnx_file.write(path, net)
        first = path.read_bytes()
        onnx_file.write(path, net)
        assert path.read_bytes() == first

    def test_leaves_size_and_number_of_images_open(self, path, net):
        onnx_file.write(path, net)
        session = onnxruntime.InferenceSession(path)
        assert [value.shape for value in (*session.get_inputs(), *session.get_outputs())] == [
            ["N", 3, "height", "width"],
            ["N", 4, "height", "width"],
        ]

    def test_that_cannot_be_written_leaves_the_old_one(self, path):
        path.write_bytes(b"old")
        with pytest.raises(UserError, match="matmul"):
            onnx_file.write(path, own_networks.Own(lambda net, x: x @ x))
        assert path.read_bytes() == b"old"
