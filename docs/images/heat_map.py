"""Draw docs/images/heat-map.png: what the classifier of shapes says at every place of twelve pictures side by side.

python docs/images/heat_map.py
"""

from pathlib import Path

import numpy as np
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import minifcn.functional as F
from minifcn import Tensor, data, models

ROWS, COLUMNS, SIDE, SEED = 3, 4, 64, 27


def scene():
    """Give an image of pictures side by side, and their classes (ROWS, COLUMNS)."""
    crops = data.ShapeCrops(ROWS * COLUMNS, size=SIDE, seed=SEED)
    numbers = np.arange(len(crops)).reshape(ROWS, COLUMNS)
    kinds = np.array([[crops.kind(i) for i in row] for row in numbers])
    return np.block([[[crops[i].image] for i in row] for row in numbers]), kinds


def draw(path):
    """Draw the image, and the probability of each shape."""
    net = models.convolutionalize(models.pretrained("shapes-classifier"))
    image, kinds = scene()
    probability = F.softmax(net(Tensor(net.normalize(image)[None]))).data[0]
    style.use("minifcn.explain.figures")
    figure = Figure(figsize=(8, 4.2), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3)
    axes[0, 0].imshow(image)
    axes[0, 0].set_title("twelve pictures", fontsize=11)
    top, left = net.grid.centre(0, 0)
    bottom, right = net.grid.centre(*(n - 1 for n in probability.shape[1:]))
    half = net.grid.stride[0] / 2
    for kind, ax in zip(range(1, 6), axes.flat[1:], strict=True):
        edges = left - half, right + half, bottom + half, top - half
        shown = ax.imshow(probability[kind], cmap="cividis", vmin=0, vmax=1, extent=edges)
        ax.set_title(net.class_names[kind], fontsize=11)
        rows, columns = np.nonzero(kinds == kind)
        middles = SIDE * columns + SIDE / 2, SIDE * rows + SIDE / 2
        ax.plot(*middles, "o", color="#D55E00", markersize=16, markeredgewidth=2, fillstyle="none")
    for ax in axes.flat:
        ax.set(xlim=(-0.5, SIDE * COLUMNS - 0.5), ylim=(SIDE * ROWS - 0.5, -0.5), xticks=[], yticks=[])
    figure.colorbar(shown, ax=axes, label="probability", shrink=0.6)
    figure.savefig(path)


if __name__ == "__main__":
    draw(Path(__file__).with_name("heat-map.png"))
