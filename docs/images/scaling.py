"""Draw docs/images/scaling.png: what many workers bring, by the model of docs/parallel.md, beside measured steps.

    python docs/images/scaling.py

The measured steps are those of docs/ranks.json, which
`chrt -r 1 mpiexec -n 4 minifcn bench ranks --ranks 1 2 3 4 --rounds 11 --out docs/ranks.md` wrote.
"""

import json
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from minifcn.benchmark.scaling import LINKS, efficiency

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
    """Give the rows with as many images for each rank, by the number of ranks, and those of the model."""
    about = json.loads((HERE.parent / "ranks.json").read_text())
    each = about["work"]["shape"][0]
    rows, model = (
        {row["ranks"]: row for row in about[kind] if row["images"] == each * row["ranks"]} for kind in ("rows", "model")
    )
    return rows, model


def draw(axes, strong, speed, title):
    for (name, (size, compute)), style in zip(NETWORKS.items(), ("-", "--"), strict=True):
        for link, colour in zip(LINKS, COLOURS, strict=True):
            seconds = (TOGETHER if strong else IMAGES) * compute / speed
            parts = [efficiency(int(n), seconds, size, link, strong=strong) for n in WORKERS]
            axes.plot(WORKERS, parts, style, color=colour, linewidth=1.8, label=f"{name}, {link.name}")
    axes.set(xscale="log", xlim=(1, 1024), ylim=(0, 1.03), xlabel="workers", title=title)
    axes.set_xticks([1, 4, 16, 64, 256, 1024], ["1", "4", "16", "64", "256", "1024"])
    axes.grid(alpha=0.3)


def draw_measured(axes, key, title):
    rows, model = measured()
    ranks, width = sorted(rows), 0.35
    for found, side, alpha, name in (rows, -0.5, 1, "measured"), (model, 0.5, 0.4, "model"):
        heights = [1000 * found[n][key] for n in ranks]
        axes.bar(np.arange(len(ranks)) + side * width, heights, width, color="#0072B2", alpha=alpha, label=name)
    axes.set_xticks(range(len(ranks)), ranks)
    axes.set(xlabel="ranks, on two hyperthreads", title=title)


def main():
    figure = Figure((11, 7.2), layout="constrained")
    FigureCanvasAgg(figure)
    places = figure.subplot_mosaic([["one", "one", "two", "two"], ["three", "three", "step", "sum"]])
    one, two, three = (places[name] for name in ("one", "two", "three"))
    draw(one, False, 1, f"{IMAGES} images for each worker, a CPU thread")
    draw(two, False, FASTER, f"{IMAGES} images for each worker, {FASTER} times as fast")
    draw(three, True, FASTER, f"{TOGETHER} images for all together, {FASTER} times as fast")
    one.set_ylabel("efficiency")
    three.set_ylabel("efficiency")
    three.legend(fontsize=8)
    draw_measured(places["step"], "seconds", "a step, ms")
    draw_measured(places["sum"], "alone", "its sum of gradients, ms")
    places["step"].legend(fontsize=8)
    figure.savefig(HERE / "scaling.png", dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
