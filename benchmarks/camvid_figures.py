"""Draw the figures of docs/results.md, and curves of docs/performance.md, from the folders of the runs named there.

    python benchmarks/camvid_figures.py runs docs/images

The pictures of CamVid are for research and teaching only, so the panel shows predictions alone; the panel beside
images and labels is predictions.png in the folder of each run.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from minifcn import pictures
from minifcn.data import open_split
from minifcn.training import build, checkpoint, log
from minifcn.training.evaluate import predict

BESIDE_PYTORCH = {  # label, colour, line
    "camvid-fcn8s": ("minifcn, seed 0", "#0072B2", "-"),
    "camvid-fcn8s-seed1": ("minifcn, seed 1", "#0072B2", "--"),
    "camvid-fcn8s-pytorch": ("PyTorch, seed 0", "#D55E00", "-"),
    "camvid-fcn8s-seed1-pytorch": ("PyTorch, seed 1", "#D55E00", "--"),
}
NETS = {
    "camvid-fcn32s-poly": ("FCN-32s", "#009E73", ":"),
    "camvid-fcn16s-poly": ("FCN-16s", "#E69F00", "--"),
    "camvid-fcn8s-poly": ("FCN-8s", "#0072B2", "-"),
}
ALGORITHMS = {
    "camvid-fcn8s-fast": ("the fast path", "#0072B2", "-"),
    "camvid-fcn8s-textbook": ("im2col alone", "#E69F00", "--"),
}
PHOTOS = (0, 40, 70, 100)  # of the validation split


def draw_curves(runs, path, panels):
    figure = Figure(figsize=(1.5 + 3.75 * len(panels), 4.4), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    columns = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, folders) in zip(columns, panels.items(), strict=True):
        for folder, (name, colour, line) in folders.items():
            rows = log.read(runs / folder / "log.csv")
            axes.plot(
                [r["epoch"] for r in rows], [r["valid_mean_iu"] for r in rows], line, color=colour, label=name, lw=2
            )
        axes.set_title(title, fontsize=12)
        axes.set_xlabel("epoch", fontsize=12)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=11, frameon=False, loc="lower right")
    figure.axes[0].set_ylabel("mean IoU, validation split", fontsize=12)
    figure.axes[0].set_ylim(0, 0.6)
    figure.savefig(path)


def draw_predictions(runs, path, cell=360, gap=10, font_size=26):
    columns, config = {}, None
    for folder, (name, _, _) in NETS.items():
        state = checkpoint.load(runs / folder / "best.npz")
        config = state.config
        model, dataset = build.load_model(config, state.model), open_split(config.data, "val")
        normalize, resize = build.normalizing(config), build.resizing(config)
        samples = (resize(dataset[i], np.random.default_rng(0)) for i in PHOTOS)
        columns[name] = [predict(model, sample.image, normalize) for sample in samples]
    palette = np.array(config.palette, np.uint8)
    height = cell * config.size[0] // config.size[1]
    width = len(columns) * (cell + gap) + gap
    legend = pictures.legend(list(zip(config.class_names, palette, strict=True)), width, font_size)
    sheet = Image.new("RGB", (width, 50 + len(PHOTOS) * (height + gap) + legend.height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(font_size)
    for column, (name, predictions) in enumerate(columns.items()):
        left = gap + column * (cell + gap)
        draw.text((left + cell // 2, 25), name, "black", font, anchor="mm")
        for row, prediction in enumerate(predictions):
            picture = Image.fromarray(pictures.colour(prediction, palette))
            sheet.paste(picture.resize((cell, height), Image.Resampling.NEAREST), (left, 50 + row * (height + gap)))
    sheet.paste(legend, (0, sheet.height - legend.height))
    sheet.save(path, optimize=True)


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    beside = {"the same recipe in PyTorch (FCN-8s)": BESIDE_PYTORCH, "the three nets, learning rate falling to 0": NETS}
    draw_curves(source, target / "camvid-curves.png", beside)
    draw_curves(source, target / "camvid-algorithms.png", {"FCN-8s, the same recipe": ALGORITHMS})
    draw_predictions(source, target / "camvid-predictions.png")
