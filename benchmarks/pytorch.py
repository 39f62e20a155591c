"""PyTorch as a contestant, in both of its memory layouts; the network is the one of train_with_pytorch.py.

As it comes, and with its memory kept: glibc's malloc gives large blocks back to the system, which clears them before it
lends them again. minifcn has malloc keep them (backend/workspace.py); told the same, PyTorch is faster, too.

Needs PyTorch (`make oracle` installs it). Example:

    minifcn bench networks --against benchmarks/pytorch.py
"""

import ctypes
from functools import partial

import torch
import torch.nn.functional as F
from train_with_pytorch import forward as fcn

from minifcn.benchmark import course
from minifcn.benchmark.work import SGD

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of mallopt(3)


def contestant(layout, keep_memory=False):
    """Make `prepare(work)` for a memory layout; weights and images are minifcn's."""

    def prepare(work):
        if keep_memory:
            keep_all_memory()

        def tensor(array):
            array = torch.from_numpy(array).to(work.device)
            return array.contiguous(memory_format=layout if array.ndim == 4 else torch.contiguous_format)

        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = work.precision == "tf32"
        torch.backends.cudnn.benchmark = True
        if not work.is_network:
            return waiting(layer(work.kind, *map(tensor, work.arrays())), work.device)
        return waiting(network(work, tensor), work.device)

    return prepare


def keep_all_memory():
    """Have glibc's malloc give nothing back to the system."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or not (mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, -1)):
        raise RuntimeError("this system's malloc cannot be told to keep its memory")


def waiting(function, device):
    """Have a function that computes on a GPU wait for it, and tell the memory it took."""
    if device == "cpu":
        return function

    def timed():
        result = function()
        torch.cuda.synchronize(device)
        return result

    timed.memory = lambda: torch.cuda.max_memory_reserved(device)
    return timed


def layer(kind, x, weight, gy):
    """Give one of the three maps of a 3x3 convolution with padding 1."""

    def gradient(index):
        wanted = [i == index for i in range(3)]  # of x, weight and bias
        one = [1, 1]
        gradients = torch.ops.aten.convolution_backward(gy, x, weight, None, one, one, one, False, [0, 0], 1, wanted)
        return gradients[index]

    return {
        "forward map": lambda: F.conv2d(x, weight, padding=1),
        "input gradient": lambda: gradient(0),
        "weight gradient": lambda: gradient(1),
    }[kind]


def network(work, tensor):
    """Give a forward pass, a training step or an epoch of FCN-8s."""
    model, images, labels = work.network()
    weights = {name: tensor(p.data).requires_grad_(p.requires_grad) for name, p in model.named_parameters()}
    optimizer = torch.optim.SGD([weight for weight in weights.values() if weight.requires_grad], **SGD)
    images, labels = tensor(images), tensor(labels).long()

    def scores(images):
        with torch.no_grad():
            return fcn("fcn8s", weights, images, paper=model.paper)

    def step(images, labels):
        optimizer.zero_grad()
        loss = F.cross_entropy(fcn("fcn8s", weights, images, paper=model.paper), labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    if work.kind == "epoch":
        return course.epoch(
            work,
            lambda images, labels: step(tensor(images), tensor(labels).long()).item(),
            lambda images: scores(tensor(images)).cpu().numpy(),
        )
    return partial(scores, images) if work.kind == "forward" else partial(step, images, labels)


CONTESTANTS = {
    "PyTorch": contestant(torch.contiguous_format),
    "PyTorch, channels-last": contestant(torch.channels_last),
    "PyTorch keeping memory": contestant(torch.contiguous_format, keep_memory=True),
    "PyTorch keeping memory, channels-last": contestant(torch.channels_last, keep_memory=True),
}
