"""Time FCN-8s (aligned, full width) on one 224x224 image: minifcn beside PyTorch.

Each runs in a process of its own, and they take turns with a pause in between: an idle BLAS thread holds its core for a
tenth of a second after the last product. Printed are medians and the ratio minifcn / PyTorch.

    python benchmarks/forward.py
"""

import statistics
import subprocess
import sys
import time

PAUSE, ROUNDS, WARM_UP = 0.4, 9, 2


def minifcn():
    import numpy as np

    from minifcn import Tensor, models, no_grad

    model = models.FCN8s(21).eval()
    image = Tensor(np.random.default_rng(0).standard_normal((1, 224, 224, 3), dtype="float32").transpose(0, 3, 1, 2))

    def forward():
        with no_grad():
            model(image)

    return forward


def pytorch(channels_last=False):
    import torch
    from train_with_pytorch import forward as fcn
    from train_with_pytorch import tensors

    from minifcn import models

    layout = torch.channels_last if channels_last else torch.contiguous_format
    weights = {
        name: weight.detach().contiguous(memory_format=layout if weight.ndim == 4 else torch.contiguous_format)
        for name, weight in tensors(models.FCN8s(21).state_dict()).items()
    }
    image = torch.randn(1, 3, 224, 224).contiguous(memory_format=layout)

    def forward():
        with torch.no_grad():
            fcn("fcn8s", weights, image)

    return forward


CONTESTANTS = {
    "minifcn": minifcn,
    "PyTorch": pytorch,
    "PyTorch, channels-last": lambda: pytorch(channels_last=True),
}


def serve(name):
    """Time one forward pass for every line on standard input."""
    forward = CONTESTANTS[name]()
    for _ in sys.stdin:
        started = time.perf_counter()
        forward()
        print(time.perf_counter() - started, flush=True)


def main():
    processes = {
        name: subprocess.Popen(
            [sys.executable, __file__, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        for name in CONTESTANTS
    }
    seconds = {name: [] for name in CONTESTANTS}
    for turn in range(WARM_UP + ROUNDS):
        for name, process in processes.items():
            time.sleep(PAUSE)
            process.stdin.write("go\n")
            measured = float(process.stdout.readline())
            if turn >= WARM_UP:
                seconds[name].append(measured)
    for process in processes.values():
        process.stdin.close()
        process.wait()
    ours = statistics.median(seconds["minifcn"])
    for name, measured in seconds.items():
        median = statistics.median(measured)
        print(f"{name:<24}{1e3 * median:8.0f} ms   minifcn / this {ours / median:5.2f}")


if __name__ == "__main__":
    serve(sys.argv[1]) if len(sys.argv) > 1 else main()
