"""PyTorch as a contestant, in both of its memory layouts; the network is the one of train_with_pytorch.py.

Needs PyTorch (`make oracle` installs it). Example:

    minifcn bench networks --against benchmarks/pytorch.py
"""

import torch
import torch.nn.functional as F
from train_with_pytorch import forward as fcn

from minifcn.benchmark.work import SGD


def contestant(layout):
    """Make `prepare(work)` for a memory layout; weights and images are minifcn's."""

    def prepare(work):
        def tensor(array):
            array = torch.from_numpy(array).to(work.device)
            return array.contiguous(memory_format=layout if array.ndim == 4 else torch.contiguous_format)

        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = work.precision == "tf32"
        torch.backends.cudnn.benchmark = True
        if not work.is_network:
            return waiting(layer(work.kind, *map(tensor, work.arrays())), work.device)
        model, images, labels = work.network()
        weights = {name: tensor(p.data).requires_grad_(p.requires_grad) for name, p in model.named_parameters()}
        return waiting(network(work.kind, weights, tensor(images), tensor(labels).long(), model.paper), work.device)

    return prepare


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
        backward, one = torch.ops.aten.convolution_backward, [1, 1]
        return backward(gy, x, weight, None, one, one, one, False, [0, 0], 1, wanted)[index]

    return {
        "forward map": lambda: F.conv2d(x, weight, padding=1),
        "input gradient": lambda: gradient(0),
        "weight gradient": lambda: gradient(1),
    }[kind]


def network(kind, weights, images, labels, paper):
    """Give a forward pass or a training step of FCN-8s."""

    def forward():
        with torch.no_grad():
            return fcn("fcn8s", weights, images, paper=paper)

    optimizer = torch.optim.SGD([weight for weight in weights.values() if weight.requires_grad], **SGD)

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(fcn("fcn8s", weights, images, paper=paper), labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return {"forward": forward, "step": step}[kind]


CONTESTANTS = {
    "PyTorch": contestant(torch.contiguous_format),
    "PyTorch, channels-last": contestant(torch.channels_last),
}
