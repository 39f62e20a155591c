"""Draw docs/images/missing-relu.png: the lecture's FCN-8s with and without ReLU behind fc6 and fc7, trained on shapes.

    python docs/images/missing_relu.py

The third network has one 1x1 convolution in the place of fc6, fc7 and score. Each is trained from three seeds; the
curves are medians. It takes about ten minutes of one core of 2.5 GHz.
"""

import statistics
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import minifcn.functional as F
from minifcn import Tensor, models, nn, optim
from minifcn.data import DataLoader, Shapes
from minifcn.training import evaluate

HEADS = {"as listed": "#1f5fbf", "one 1x1 convolution": "#6a6a6a", "with ReLU": "#00A03C"}
CLASSES, WIDTH, SIZE, BATCH, LR = 6, 1 / 8, (64, 64), 8, 1e-3
EPOCHS, SEEDS = 8, (0, 1, 2)


def network(head, seed):
    """Make the lecture's FCN-8s, as it is listed or with another head."""
    rng = np.random.default_rng(seed)
    net = models.FCN8s(CLASSES, variant="lecture", width=WIDTH, dropout=0, rng=rng)
    if head == "with ReLU":
        net.fc6, net.fc7 = (nn.Sequential(part[0], nn.ReLU(), part[1]) for part in (net.fc6, net.fc7))
    if head == "one 1x1 convolution":
        net.fc6, net.fc7 = nn.Sequential(), nn.Sequential()
        net.score = nn.Conv2d(net.channels["conv4"], CLASSES, 1, rng=rng)
    return net


def train(head, seed):
    """Give the mean IoU on the validation images after every epoch."""
    net = network(head, seed)
    optimizer = optim.Adam(net.parameters(), lr=LR)
    loader = DataLoader(Shapes(400, size=SIZE, seed=2 * seed), BATCH, shuffle=True, seed=seed)
    valid = DataLoader(Shapes(100, size=SIZE, seed=2 * seed + 1), BATCH)
    curve = []
    for epoch in range(EPOCHS):
        net.train()
        for batch in loader.epoch(epoch):
            optimizer.zero_grad()
            F.softmax_cross_entropy(net(Tensor(batch.images)), batch.labels).backward()
            optimizer.step()
        curve.append(evaluate(net, valid.epoch(0))[0].mean_iou)
        print(f"{head}, seed {seed}, epoch {epoch + 1}: mean IoU {curve[-1]:.3f}", flush=True)
    return curve


def draw(curves):
    """Draw the medians over the seeds, and every run thinly."""
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    epochs = range(1, EPOCHS + 1)
    for head, colour in HEADS.items():
        for curve in curves[head]:
            axes.plot(epochs, curve, color=colour, linewidth=0.6, alpha=0.5)
        medians = [statistics.median(values) for values in zip(*curves[head], strict=True)]
        axes.plot(epochs, medians, color=colour, linewidth=2, label=head)
        print(f"{head}: median mean IoU {medians[-1]:.3f} after {EPOCHS} epochs")
    axes.set(xlabel=f"epochs of {400 // BATCH} steps", ylabel="mean IoU, validation", xticks=[*epochs][::2])
    axes.legend(frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(Path(__file__).with_name("missing-relu.png"), dpi=150, metadata={"Software": None})


if __name__ == "__main__":
    draw({head: [train(head, seed) for seed in SEEDS] for head in HEADS})
