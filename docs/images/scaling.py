"""Draw docs/images/scaling.png: what many workers bring, by the model of docs/parallel.md, beside measured steps.

    python docs/images/scaling.py

The measured steps are those of docs/ranks.json, which `mpiexec -n 4 minifcn bench ranks --out docs/ranks.md` wrote.
"""

import json
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from minifcn.benchmark.scaling import LINKS, efficiency, fit, ring_seconds

HERE = Path(__file__).parent
# Of FCN-8s with 21 classes: bytes of the gradient, and seconds of the processor for a step with one image of 224x224 on
# one thread, the median of five steps. A worker a hundred times as fast stands for a
# GPU; none was measured.
NETWORKS = {"width 1": (4 * 33_826_463, 0.875), "width 1/4": (4 * 2_255_087, 0.117)}
FASTER = 100
IMAGES, TOGETHER = 8, 1024  # of each worker, and of all of them in strong scaling
COLOURS = ["#D55E00", "#0072B2", "#009E73"]
WORKERS = 2 ** np.arange(11)


def measured():
    """Give the rows with as many images for each rank, by the number of ranks, and the bytes of the gradient."""
    about = json.loads((HERE.parent / "ranks.json").read_text())
    each = about["work"]["shape"][0]
    return {row["ranks"]: row for row in about["rows"] if row["images"] == each * row["ranks"]}, 4 * 666_343


def predicted(ranks):
    """Give the seconds of so many ranks, computing and sums, that follow from those of 1 and 2."""
    rows, size = measured()
    link = fit({1: 0.0, 2: rows[2]["fastest"]}, size, cores=2)
    return rows[1]["processor"], ring_seconds(ranks, size, link)


def draw(axes, strong, speed, title):
    for (name, (size, compute)), style in zip(NETWORKS.items(), ("-", "--"), strict=True):
        for link, colour in zip(LINKS, COLOURS, strict=True):
            seconds = (TOGETHER if strong else IMAGES) * compute / speed
            parts = [efficiency(int(n), seconds, size, link, strong=strong) for n in WORKERS]
            axes.plot(WORKERS, parts, style, color=colour, linewidth=1.8, label=f"{name}, {link.name}")
    axes.set(xscale="log", xlim=(1, 1024), ylim=(0, 1.03), xlabel="workers", title=title)
    axes.set_xticks([1, 4, 16, 64, 256, 1024], ["1", "4", "16", "64", "256", "1024"])
    axes.grid(alpha=0.3)


def draw_measured(axes):
    rows, _ = measured()
    ranks, width = sorted(rows), 0.35
    compute, sums = ([1000 * rows[n][key] for n in ranks] for key in ("processor", "fastest"))
    model = 1000 * np.array([predicted(n) for n in ranks])
    left, right = np.arange(len(ranks)) - width / 2, np.arange(len(ranks)) + width / 2
    axes.bar(left, compute, width, color="#0072B2", label="measured: computing")
    axes.bar(left, sums, width, compute, color="#D55E00", label="measured: sums")
    axes.bar(right, model[:, 0], width, color="#0072B2", alpha=0.4, label="model, from 1 and 2")
    axes.bar(right, model[:, 1], width, model[:, 0], color="#D55E00", alpha=0.4)
    axes.set_xticks(range(len(ranks)), [f"{n} rank{'s' * (n > 1)}" for n in ranks])
    axes.set(ylabel="ms of a step", ylim=(0, 175), title="narrow-step on two hyperthreads")
    axes.text(ranks.index(4), 142, "share two cores:\nnot in the model", ha="center", fontsize=8)
    axes.legend(fontsize=8, loc="upper left")


def main():
    figure = Figure((11, 7.2), layout="constrained")
    FigureCanvasAgg(figure)
    (one, two), (three, four) = figure.subplots(2, 2)
    draw(one, False, 1, f"{IMAGES} images for each worker, a CPU thread")
    draw(two, False, FASTER, f"{IMAGES} images for each worker, {FASTER} times as fast")
    draw(three, True, FASTER, f"{TOGETHER} images for all together, {FASTER} times as fast")
    one.set_ylabel("efficiency")
    three.set_ylabel("efficiency")
    three.legend(fontsize=8)
    draw_measured(four)
    figure.savefig(HERE / "scaling.png", dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
