"""Train the same network on the same images with PyTorch: the yardstick for docs/results.md.

It takes the settings of a finished `minifcn train` run, its first weights, its batches in their order and its dropout
masks; network, loss, gradients and Adam are PyTorch's. Whatever differs in the results is rounding, amplified by
training. Example, after `minifcn train ... --out runs/camvid-fcn8s`:

    python benchmarks/train_with_pytorch.py runs/camvid-fcn8s --out runs/camvid-fcn8s-pytorch
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from minifcn import Tensor
from minifcn.data import open_split
from minifcn.functional import dropout
from minifcn.metrics import ConfusionMatrix
from minifcn.training import build
from minifcn.training.config import Config
from minifcn.training.log import Log

CONVOLUTIONS = (2, 2, 3, 3, 3)  # in each stage of VGG16
CROPS = {"fcn32s": (19,), "fcn16s": (5, 27), "fcn8s": (5, 9, 31)}  # of the paper's variant


def forward(name, weights, images, masks=None, paper=False):
    """FCN-32s, 16s or 8s, written out for PyTorch; weights by Caffe's names."""

    def conv(x, layer, padding=0):
        return F.conv2d(x, weights[f"{layer}.weight"], weights[f"{layer}.bias"], padding=padding)

    def up(x, layer, stride):
        return F.conv_transpose2d(x, weights[f"{layer}.weight"], stride=stride, padding=0 if paper else stride // 2)

    def crop(x, offset, like):
        return x[:, :, offset : offset + like.shape[2], offset : offset + like.shape[3]]

    def fuse(x, skip, offset):
        return x + crop(skip, offset, like=x) if paper else crop(x, 0, like=skip) + skip

    x, pools = images, []
    for stage, count in enumerate(CONVOLUTIONS, start=1):
        for i in range(1, count + 1):
            x = F.relu(conv(x, f"conv{stage}_{i}", padding=100 if paper and stage == i == 1 else 1))
        x = F.max_pool2d(x, 2, ceil_mode=True)
        pools.append(x)
    pad = 0 if paper else (weights["fc6.weight"].shape[2] - 1) // 2
    for layer, mask in zip(("fc6", "fc7"), masks or (1, 1), strict=True):
        x = F.relu(conv(x, layer, padding=pad if layer == "fc6" else 0)) * mask
    x = conv(x, "score_fr")
    *skips, final = CROPS[name] if paper else (0,) * len(CROPS[name])
    if skips:
        x = fuse(up(x, "upscore2", 2), conv(pools[3], "score_pool4"), skips[0])
    if len(skips) > 1:
        x = fuse(up(x, "upscore_pool4", 2), conv(pools[2], "score_pool3"), skips[1])
    layer, stride = {"fcn32s": ("upscore", 32), "fcn16s": ("upscore16", 16), "fcn8s": ("upscore8", 8)}[name]
    return crop(up(x, layer, stride), final, like=images)


def tensors(state):
    """The first weights of a minifcn network as PyTorch parameters."""
    return {name: torch.tensor(array, requires_grad=True) for name, array in state.items()}


def masks_like_minifcn(rng, p, channels, images):
    """Draw the two dropout masks of a step as minifcn does, after fc6 and after fc7."""
    n, height, width = images.shape[0], *(-(-s // 32) for s in images.shape[2:])
    for _ in range(2):
        ones = Tensor(np.ones((n, channels, height, width), "float32"))
        yield torch.from_numpy(dropout(ones, p, rng=rng).data)


def evaluate(config, weights, loader):
    matrix = ConfusionMatrix(config.num_classes, ignore_index=config.ignore_index)
    losses = []
    for batch in loader.epoch(0):
        for image, label in zip(batch.images[:, None], batch.labels[:, None], strict=True):
            with torch.no_grad():
                scores = forward(config.model, weights, torch.from_numpy(image), paper=config.variant == "paper")
            matrix.update(label, scores.argmax(1).numpy())
            if (label != config.ignore_index).any():
                target = torch.from_numpy(label).long()
                losses.append(F.cross_entropy(scores, target, ignore_index=config.ignore_index).item())
    return matrix, float(np.mean(losses))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a minifcn run, with its config.json")
    parser.add_argument("--out", type=Path, required=True, help="folder for log.csv")
    args = parser.parse_args()
    config = Config.from_dict(json.loads((args.run / "config.json").read_text()))
    train = build.train_loader(config, open_split(config.data, "train", config.images))
    valid = build.valid_loader(config, open_split(config.data, "val", config.images))
    model = build.build_model(config)
    weights = tensors(model.state_dict())
    optimizer = torch.optim.Adam(weights.values(), lr=config.lr)
    args.out.mkdir(parents=True)
    log, iteration = Log(args.out / "log.csv"), 0
    for epoch in range(config.epochs):
        started, losses = time.monotonic(), []
        for batch in train.epoch(epoch):
            images, labels = torch.from_numpy(batch.images), torch.from_numpy(batch.labels).long()
            masks = list(masks_like_minifcn(model.dropout_rng, config.dropout, model.channels["fc7"], images))
            scores = forward(config.model, weights, images, masks, config.variant == "paper")
            loss = F.cross_entropy(scores, labels, ignore_index=config.ignore_index)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            iteration += 1
        matrix, valid_loss = evaluate(config, weights, valid)
        log.append(
            {
                "epoch": epoch + 1,
                "iteration": iteration,
                "train_loss": float(np.mean(losses)),
                "valid_loss": valid_loss,
                "valid_acc": float(matrix.pixel_accuracy),
                "valid_acc_cls": float(matrix.mean_accuracy),
                "valid_mean_iu": float(matrix.mean_iou),
                "valid_fwavacc": float(matrix.frequency_weighted_iou),
                "lr": config.lr,
                "seconds": round(time.monotonic() - started, 3),
            }
        )
        print(f"epoch {epoch + 1}  loss {np.mean(losses):.4f}  mean IoU {matrix.mean_iou:.4f}", flush=True)


if __name__ == "__main__":
    main()
