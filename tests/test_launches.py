"""How often FCN-8s launches a kernel on a GPU, and what it uploads: each launch costs some 20 microseconds of the host.

Counted by the stand-in, for one image in float32. A change that launches more breaks the limits, one that launches less
lowers them.
"""

import numpy as np
import pytest
import standin
from standin.kernels import COMPILER

from minifcn import Tensor, models, no_grad, optim, to_device
from minifcn import functional as F
from minifcn.backend import cutting

pytestmark = pytest.mark.skipif(not COMPILER, reason="no C++ compiler, so the stand-in runs no kernels")
SIZE = (52, 52)  # its maps have odd sizes where those of 500x500 have
FORWARD, STEP = 63, 295  # launches at most
STRIDED = 1  # of the step, elementwise over views that are no vectors: a skip on the coarse map, cropped


@pytest.fixture
def net(stand_in):
    return models.FCN8s(21, width=1 / 16, rng=np.random.default_rng(0)).to(stand_in)


@pytest.fixture
def image(stand_in, rng):
    return to_device(rng.standard_normal((1, 3, *SIZE)).astype("float32"), stand_in)


@pytest.fixture
def labels(stand_in, rng):
    return to_device(rng.integers(0, 21, (1, *SIZE)).astype("uint8"), stand_in)


def test_a_forward_pass(net, image):
    net.eval()
    with standin.forbid("sync", "h2d", "d2h", "atomic"), no_grad(), standin.count() as events:
        net(Tensor(image))
    assert events["kernel"] <= FORWARD


def test_a_training_step(net, image, labels):
    net.train()
    optimizer = optim.SGD(net.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4)
    with standin.forbid("sync", "h2d", "d2h", "atomic"), standin.count() as events:
        F.softmax_cross_entropy(net(Tensor(image)), labels).backward()
        optimizer.step()
    assert events["kernel"] <= STEP
    assert events["strided"] <= STRIDED


def test_one_product_does_a_layer_of_a_whole_photograph():
    """The widest windows of VGG16 on 500x500 pixels: on a GPU with 10 GB free a layer is one strip."""
    windows = 500 * 500 * 9 * 64 * 4
    with standin.installed():
        assert windows <= 10 * 10**9 // 16 <= cutting.gpu_strip_bytes("cuda:0")
