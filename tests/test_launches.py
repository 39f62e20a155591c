"""How often a network launches a kernel on a GPU, and what it uploads: a launch costs some 20 microseconds of the host.

Counted by the stand-in, for one image in float32. A change that launches more breaks the limits, one that launches less
lowers them.
"""

from pathlib import Path

import numpy as np
import pytest
import standin
from standin.kernels import COMPILER

from minifcn import Tensor, models, no_grad, optim, to_device
from minifcn import functional as F
from minifcn.backend import cutting

pytestmark = pytest.mark.skipif(not COMPILER, reason="no C++ compiler, so the stand-in runs no kernels")
SIZE = (52, 52)  # its maps have odd sizes where those of 500x500 have
# Launches at most, of a forward pass and of a step; and those of the step that are elementwise over views which are no
# vectors: a skip that is cropped, or the coarse map, and local response norms, which add up slices of the channels.
LIMITS = {
    ("FCN8s", "vgg16", "aligned"): (63, 291, 1),
    ("FCN8s", "vgg16", "paper"): (64, 295, 2),
    ("FCN16s", "vgg16", "aligned"): (58, 271, 0),
    ("FCN16s", "vgg16", "paper"): (59, 276, 1),
    ("FCN32s", "vgg16", "aligned"): (53, 254, 0),
    ("FCN32s", "vgg16", "paper"): (54, 257, 0),
    ("FCN8s", "alexnet", "aligned"): (84, 316, 18),
    ("FCN32s", "googlenet", "paper"): (193, 785, 16),
}
NETWORKS = pytest.mark.parametrize(("network", "limits"), LIMITS.items(), ids=map(" ".join, LIMITS))
RULES = {
    "SGD": lambda parameters: optim.SGD(parameters, lr=1e-3, momentum=0.9, weight_decay=5e-4),
    "Adam": lambda parameters: optim.Adam(parameters, weight_decay=5e-4),
}


def on_device(network, device):
    name, backbone, variant = network
    rng = np.random.default_rng(0)
    return getattr(models, name)(21, backbone=backbone, variant=variant, width=1 / 16, rng=rng).to(device)


@pytest.fixture
def image(stand_in, rng):
    return to_device(rng.standard_normal((1, 3, *SIZE)).astype("float32"), stand_in)


@pytest.fixture
def labels(stand_in, rng):
    return to_device(rng.integers(0, 21, (1, *SIZE)).astype("uint8"), stand_in)


@NETWORKS
def test_a_forward_pass(network, limits, image, stand_in):
    net = on_device(network, stand_in).eval()
    with standin.forbid("sync", "h2d", "d2h", "atomic"), no_grad(), standin.count() as events:
        net(Tensor(image))
    assert events["kernel"] <= limits[0]


@NETWORKS
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_training_step(network, limits, rule, image, labels, stand_in):
    net = on_device(network, stand_in)
    optimizer = rule(net.parameters())
    with standin.forbid("sync", "h2d", "d2h", "atomic"), standin.count() as events:
        F.softmax_cross_entropy(net(Tensor(image)), labels).backward()
        optimizer.step()
    assert events["kernel"] <= limits[1]
    assert events["strided"] <= limits[2]


def test_pages_say_how_many_launches_are_left():
    root = Path(__file__).parents[1]
    forward, step, _ = LIMITS["FCN8s", "vgg16", "aligned"]
    said = {
        "docs/performance.md": f"the launches fell to {forward} and {step}",
        "docs/architecture.md": f"launches at most {forward} kernels for an image, and {step} for a training step",
        "notebooks/16_numpy_and_cupy.py": f"the launches were reduced since, to {forward};",
    }
    for page, sentence in said.items():
        assert sentence in " ".join((root / page).read_text("utf-8").replace("\n# ", "\n").split()), page


def test_one_product_does_a_layer_of_a_whole_photograph():
    """The widest windows of VGG16 on 500x500 pixels: on a GPU with 10 GB free a layer is one strip."""
    windows = 500 * 500 * 9 * 64 * 4
    with standin.installed():
        assert windows <= 10 * 10**9 // 16 <= cutting.gpu_strip_bytes("cuda:0")
