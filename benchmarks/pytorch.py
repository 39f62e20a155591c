"""PyTorch as a contestant of `minifcn bench`: the same layers, networks and training steps, in both memory layouts.

minifcn bench networks --against benchmarks/pytorch.py
"""

import torch
import torch.nn.functional as F
from train_with_pytorch import forward, tensors

from minifcn import models
from minifcn.benchmark.work import CLASSES


def prepare(work, layout):
    return layer(work, layout) if work.is_layer else network(work, layout)


def layer(work, layout):
    x, y, weight = (
        torch.randn(shape).contiguous(memory_format=layout)
        for shape in (
            (work.batch, work.channels, work.size, work.size),
            (work.batch, work.outputs, work.size, work.size),
            (work.outputs, work.channels, 3, 3),
        )
    )
    if work.way == "forward":
        return torch.no_grad()(lambda: F.conv2d(x, weight, padding=1))
    wanted = [work.way == "input", work.way == "weight", False]
    window = [1, 1], [1, 1], [1, 1], False, [0, 0], 1  # stride, padding, dilation, transposed, output padding, groups
    return lambda: torch.ops.aten.convolution_backward(y, x, weight, None, *window, wanted)


def network(work, layout):
    state = models.create(work.network, num_classes=CLASSES, variant=work.variant, width=work.width).state_dict()
    weights = {
        name: w.detach().contiguous(memory_format=layout if w.ndim == 4 else torch.contiguous_format).requires_grad_()
        for name, w in tensors(state).items()
    }
    channels = weights["fc7.weight"].shape[0]
    del state
    images = torch.randn(work.batch, 3, work.size, work.size).contiguous(memory_format=layout)
    paper = work.variant == "paper"
    if work.way == "forward":
        return torch.no_grad()(lambda: forward(work.network, weights, images, paper=paper))
    labels = torch.randint(0, CLASSES, (work.batch, work.size, work.size))
    fixed = [name for name in weights if paper and name.startswith("upscore")]
    for name in fixed:
        weights[name].requires_grad_(False)
    optimizer = torch.optim.SGD([w for w in weights.values() if w.requires_grad], lr=1e-6, momentum=0.9)
    side = -(-work.size // 32)

    def step():
        masks = [F.dropout(torch.ones(work.batch, channels, side, side)) for _ in range(2)]
        loss = F.cross_entropy(forward(work.network, weights, images, masks, paper=paper), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


CONTESTANTS = {
    "PyTorch": lambda work: prepare(work, torch.contiguous_format),
    "PyTorch, channels-last": lambda work: prepare(work, torch.channels_last),
}
