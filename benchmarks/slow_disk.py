"""How far `--workers` hides a disk that makes each file wait, as one over a network does.

    python benchmarks/slow_disk.py

Photographs of 360x480 pixels with label maps, as PNGs; opening a file takes 50 ms more than it does. Epochs with
different numbers of workers take turns, and nothing trains meanwhile. All must give the same bits.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image

from minifcn.data import CamVid, DataLoader

SIZE, IMAGES, WAIT, TURNS = (360, 480), 48, 0.05, 3
WORKERS = (0, 1, 2, 4, 8)


def write_images(root: Path) -> None:
    """Write a data set in CamVid's folders: noise on smooth colours, which a PNG packs about as a photograph."""
    rng = np.random.default_rng(0)
    for folder in ("train", "trainannot"):
        (root / folder).mkdir()
    for i in range(IMAGES):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize(SIZE[::-1], Image.Resampling.BICUBIC)).astype(int)
        image = (smooth + rng.integers(-12, 13, smooth.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(image).save(root / "train" / f"{i:02}.png")
        label = Image.fromarray(rng.integers(0, 11, (12, 16), dtype=np.uint8))
        label.resize(SIZE[::-1], Image.Resampling.NEAREST).save(root / "trainannot" / f"{i:02}.png")


def epoch(dataset: CamVid, workers: int) -> tuple[float, str]:
    """Milliseconds an image, and a digest of all that came."""
    digest, began = hashlib.sha256(), time.perf_counter()
    for batch in DataLoader(dataset, 8, shuffle=True, workers=workers).epoch(0):
        digest.update(batch.images.tobytes() + batch.labels.tobytes())
    return (time.perf_counter() - began) / IMAGES * 1e3, digest.hexdigest()


def main() -> None:
    """Print the table."""
    opened = Image.open

    def late(*args: Any, **settings: Any) -> Any:
        time.sleep(WAIT)
        return opened(*args, **settings)

    times: dict[int, list[float]] = {workers: [] for workers in WORKERS}
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(Image, "open", late):
        write_images(Path(folder))
        dataset, digests = CamVid(folder, "train"), set()
        for _ in range(TURNS):
            for workers in WORKERS:
                taken, digest = epoch(dataset, workers)
                times[workers].append(taken)
                digests.add(digest)
    print("| `--workers` | " + " | ".join(map(str, WORKERS)) + " |\n|---|" + "---:|" * len(WORKERS))
    print("| milliseconds an image | " + " | ".join(f"{statistics.median(t):.0f}" for t in times.values()) + " |")
    print("the same bits" if len(digests) == 1 else "THE BITS DIFFER", "- load", *os.getloadavg())


if __name__ == "__main__":
    main()
