"""Count and time AlexNet as a classifier of the crops of a 500x500 image, and fully convolutional on the whole image.

    python benchmarks/sliding.py

The comparison of section 3.1 of the paper, with an eighth of the channels and one thread: its time on the processor,
the median of interleaved runs. The grid of answers is that of the paper, 10x10.
"""

import os
import time

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MINIFCN_THREADS": "1"}

import numpy as np

import minifcn.functional as F
from minifcn import Tensor, models, nn, no_grad
from minifcn.models import summary

IMAGE, CROPS, WIDTH, REPEATS = 500, 100, 1 / 8, 9


def multiply_adds(width):
    """Count those of a crop and of the whole image, by the layers that crops share and those that they do not."""
    with nn.init.shapes_only():
        net = models.convolutionalize(models.classifier("alexnet", width=width))
    counted = {}
    for size in (net.crop_size, IMAGE):
        rows = summary.rows(net, (size, size))
        full = sum(row.multiply_adds for row in rows if row.name.startswith("fc"))
        counted[size] = sum(row.multiply_adds for row in rows) - full, full
    return counted


def passes():
    """Give what is timed, by name: the module, its input, and how many crops that is."""
    rng = np.random.default_rng(0)
    classifier = models.classifier("alexnet", width=WIDTH, rng=rng).eval()
    net = models.convolutionalize(classifier, share=False)
    one, batch, whole = (
        Tensor(rng.standard_normal((count, size, size, 3), dtype=np.float32).transpose(0, 3, 1, 2))
        for count, size in ((1, net.crop_size), (10, net.crop_size), (1, IMAGE))
    )
    return {"one crop": (classifier, one, 1), "ten crops together": (classifier, batch, 10), "image": (net, whole, 1)}


def seconds(module, x, backward):
    """Time one pass."""
    began = time.process_time()
    if backward:
        scores = module(x)
        labels = np.zeros((len(x.data), *scores.shape[2:]), int)
        F.softmax_cross_entropy(scores, labels).backward()
    else:
        with no_grad():
            module(x)
    return time.process_time() - began


def main():
    """Print both tables."""
    for width in (1, WIDTH):
        counted = multiply_adds(width)
        for size, (shared, full) in counted.items():
            counts = f"{shared / 1e6:,.1f} + {full / 1e6:,.1f} million multiply-adds (fc6 to fc8)"
            print(f"width {width}, {size}x{size}: {counts}")
        crop, image = (sum(counts) for counts in counted.values())
        print(f"  {CROPS} crops: {CROPS * crop / image:.1f} times the image")
    for backward in (False, True):
        timed = passes()
        times = {name: [] for name in timed}
        for _ in range(REPEATS):
            for name, (module, x, count) in timed.items():
                times[name].append(1000 * seconds(module, x, backward) / count)
        medians = {name: float(np.median(values)) for name, values in times.items()}
        print("forward and backward" if backward else "forward", {name: f"{ms:.1f} ms" for name, ms in medians.items()})
        for name in ("one crop", "ten crops together"):
            print(f"  {CROPS} x {name}: {CROPS * medians[name] / medians['image']:.1f} times the image")


if __name__ == "__main__":
    main()
