"""What PyTorch computes with the weights of a file, minifcn computes with the converted ones."""

import numpy as np
import published_files as files
import pytest

import minifcn as mf
from minifcn import data, models, weights
from minifcn.nn import evaluating
from minifcn.training import build, transplant
from minifcn.training.published import open_network

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

WIDTH = 1 / 16
CHANNELS = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")


class VGG16(torch.nn.Module):
    """As torchvision has it: the names of its layers, and its order of them."""

    def __init__(self, classes=10):
        super().__init__()
        layers, inputs, wide = [], 3, int(4096 * WIDTH)
        for channels in CHANNELS:
            if channels == "M":
                layers.append(torch.nn.MaxPool2d(2, 2))
                continue
            outputs = int(channels * WIDTH)
            layers += [torch.nn.Conv2d(inputs, outputs, 3, padding=1), torch.nn.ReLU()]
            inputs = outputs
        self.features = torch.nn.Sequential(*layers)
        self.classifier = torch.nn.Sequential(
            torch.nn.Linear(inputs * 49, wide),
            torch.nn.ReLU(),
            torch.nn.Dropout(),
            torch.nn.Linear(wide, wide),
            torch.nn.ReLU(),
            torch.nn.Dropout(),
            torch.nn.Linear(wide, classes),
        )

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


@pytest.fixture(scope="module")
def theirs():
    torch.manual_seed(0)
    net = VGG16().double().eval()
    for layer in net.modules():
        if hasattr(layer, "weight"):
            torch.nn.init.kaiming_normal_(layer.weight)  # so that scores are far from 0
            torch.nn.init.normal_(layer.bias, std=0.1)
    return net


def scores(net, x):
    with evaluating(net), mf.no_grad():
        return net(mf.Tensor(np.ascontiguousarray(x))).data


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_a_vgg16_that_pytorch_saved_gives_the_same_scores(theirs, legacy, tmp_path):
    path = tmp_path / "vgg16.pth"
    torch.save(theirs.state_dict(), path, _use_new_zipfile_serialization=not legacy)
    found = weights.convert(weights.read(path), "torchvision")
    ours = models.classifier("vgg16", num_classes=10, width=WIDTH).astype("float64")
    table = transplant(ours, found.arrays)
    assert table.names("first value") == table.names("unused") == []
    x = np.random.default_rng(0).standard_normal((2, 3, 224, 224))
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x)).numpy()
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(scores(ours, x), expected, rtol=0, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("size", [(33, 47), (64, 64)])
def test_a_network_for_bgr_gives_the_scores_of_the_one_for_rgb(theirs, size):
    """Through the paper's variant, whose first layer pads by 100: one image, each network with what it expects."""
    source = files.Source({name: array.numpy() for name, array in theirs.state_dict().items()}, files.Path(__file__))
    rgb = weights.convert(source, "torchvision")
    bgr = weights.as_caffe(rgb)
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    found = []
    for each in (rgb, bgr):
        mean, std, order, _ = each.recognised.preprocessing
        x = (image.astype(float) - mean) / std
        x = x[..., :: -1 if order == "bgr" else 1].transpose(2, 0, 1)[None]
        net = models.FCN32s(21, variant="paper", width=WIDTH).astype("float64")
        transplant(net, each.arrays)
        net.score_fr.weight.data[...] = np.random.default_rng(2).standard_normal(net.score_fr.weight.shape)
        found.append(scores(net, x))
    assert np.abs(found[0]).max() > 0.1
    np.testing.assert_allclose(found[1], found[0], rtol=0, atol=1e-9 * np.abs(found[0]).max())


def test_what_minifcn_trained_is_what_pytorch_loads(tmp_path):
    """Through .pth and back: the state dict that PyTorch loads has the names and the numbers."""
    state = files.state_of("fcn8s")
    files.save_chainer(tmp_path / "fcn8s_from_caffe.npz", state)
    found = weights.convert(weights.read(tmp_path / "fcn8s_from_caffe.npz"))
    weights.write(tmp_path / "fcn8s.pth", found.arrays, {})
    loaded = torch.load(tmp_path / "fcn8s.pth", weights_only=True)
    assert list(loaded) == list(state)
    for name, array in state.items():
        np.testing.assert_array_equal(loaded[name].numpy(), array, err_msg=name)


def test_an_fcn_of_caffe_scores_as_its_layers_written_out_in_pytorch(tmp_path):
    """The forward of the reference's deploy.prototxt of FCN-8s, with the file's own arrays."""
    state = files.state_of("fcn8s", width=1 / 32)
    files.save_caffemodel(tmp_path / "fcn8s.caffemodel", state)
    opened = open_network(tmp_path / "fcn8s.caffemodel")
    ours = build.load_model(opened.config, opened.model)
    image = np.random.default_rng(3).integers(0, 256, (41, 52, 3), np.uint8)
    x = data.Normalize(opened.config.mean, opened.config.std, opened.config.channel_order)(image)[None]
    by_hand = image[..., ::-1].astype("float32") - np.array([104.00699, 116.66877, 122.67892], "float32")
    np.testing.assert_allclose(x[0], by_hand.transpose(2, 0, 1), rtol=0, atol=1e-4)
    expected = fcn8s({name: torch.from_numpy(a) for name, a in state.items()}, torch.from_numpy(x.copy())).numpy()
    np.testing.assert_allclose(scores(ours, x), expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def fcn8s(state, x):
    F = torch.nn.functional

    def conv(name, x, padding=0):
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=padding)

    def crop(x, offset, like):
        return x[:, :, offset : offset + like.shape[2], offset : offset + like.shape[3]]

    h, maps = x, {}
    for name in files.CONVS:
        h = F.relu(conv(name, h, 100 if name == "conv1_1" else 1))
        if name in ("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3"):
            h = maps[name[4]] = F.max_pool2d(h, 2, 2, ceil_mode=True)
    h = F.relu(conv("fc7", F.relu(conv("fc6", h))))
    h = F.conv_transpose2d(conv("score_fr", h), state["upscore2.weight"], stride=2)
    h = h + crop(conv("score_pool4", maps["4"]), 5, h)
    h = F.conv_transpose2d(h, state["upscore_pool4.weight"], stride=2)
    h = h + crop(conv("score_pool3", maps["3"]), 9, h)
    return crop(F.conv_transpose2d(h, state["upscore8.weight"], stride=8), 31, x)
