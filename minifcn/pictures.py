"""Pictures of labels and of training: colours over a photograph, panels for comparison, curves."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from minifcn.files import atomic_write

VOID_COLOUR = (224, 224, 192)  # Pascal VOC's
_INK, _PAPER, _LINE = (32, 32, 32), (255, 255, 255), (150, 150, 150)


def colour(label: np.ndarray, palette: np.ndarray, ignore_index: int = 255) -> np.ndarray:
    """Give every class its colour.

    Parameters
    ----------
    label : integer array (H, W)
        Classes, or `ignore_index`.
    palette : uint8 array (num_classes, 3)
    ignore_index : int
        Its pixels, and those of any class outside the palette, get `VOID_COLOUR`.

    Returns
    -------
    uint8 array (H, W, 3)

    Examples
    --------
    >>> colour(np.array([[0, 1, 255]]), np.array([[0, 0, 0], [128, 0, 0]])).tolist()
    [[[0, 0, 0], [128, 0, 0], [224, 224, 192]]]
    """
    table = np.empty((256, 3), np.uint8)
    table[:] = VOID_COLOUR
    table[: len(palette)] = palette
    table[ignore_index] = VOID_COLOUR
    return table[label]


def overlay(
    image: np.ndarray, label: np.ndarray, palette: np.ndarray, alpha: float = 0.5, ignore_index: int = 255
) -> np.ndarray:
    """Lay the colours of the classes over an image.

    Parameters
    ----------
    image : uint8 array (H, W, 3)
    label : integer array (H, W)
    palette : uint8 array (num_classes, 3)
    alpha : float
        0 shows the image, 1 the colours.

    Returns
    -------
    uint8 array (H, W, 3)

    Raises
    ------
    ValueError
        If image and label differ in size.

    Examples
    --------
    >>> grey = np.full((1, 2, 3), 100, np.uint8)
    >>> overlay(grey, np.array([[0, 1]]), np.array([[0, 0, 0], [200, 0, 0]])).tolist()
    [[[50, 50, 50], [150, 50, 50]]]
    """
    if image.shape[:2] != label.shape:
        raise ValueError(
            f"overlay: label has shape {label.shape}, but image is {image.shape}; "
            f"resize the label to {image.shape[:2]} (nearest neighbour)"
        )
    colours = colour(label, palette, ignore_index)
    return np.asarray(Image.blend(Image.fromarray(image), Image.fromarray(colours), alpha))


def save_overlay(
    path: str | os.PathLike,
    image: np.ndarray,
    label: np.ndarray,
    class_names: Sequence[str],
    palette: np.ndarray,
    *,
    alpha: float = 0.5,
    ignore_index: int = 255,
) -> None:
    """Save an overlay at the image's full size, with a legend of the classes that occur below it.

    Parameters
    ----------
    path : path of the PNG
    image, label, palette, alpha, ignore_index
        As in `overlay`.
    class_names : sequence of str

    Examples
    --------
    >>> import tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "overlay.png")
    >>> black, red = np.array([[0, 0, 0], [200, 0, 0]], np.uint8)
    >>> label = np.zeros((60, 80), np.uint8)
    >>> save_overlay(path, np.full((60, 80, 3), 100, np.uint8), label, ("sky", "road"), np.array([black, red]))
    >>> np.asarray(Image.open(path)).shape[1]  # as wide as the image; the legend is below
    80
    """
    present = [(name, tuple(rgb)) for i, (name, rgb) in enumerate(zip(class_names, palette, strict=True))
               if np.any(label == i)]  # fmt: skip
    blended = Image.fromarray(overlay(image, label, palette, alpha, ignore_index))
    # The swatches are the full colours: those of the picture depend on what is below them.
    font_size = max(11, round(0.022 * max(blended.size)))
    strip = legend(present, blended.width, font_size)
    sheet = Image.new("RGB", (blended.width, blended.height + strip.height), _PAPER)
    sheet.paste(blended, (0, 0))
    sheet.paste(strip, (0, blended.height))
    _save_png(path, sheet)


def save_label(path: str | os.PathLike, label: np.ndarray, palette: np.ndarray, ignore_index: int = 255) -> None:
    """Save a label as an 8-bit index PNG whose palette shows the classes, as Pascal VOC's files do.

    Parameters
    ----------
    path : path of the PNG
    label : integer array (H, W) of 0..255
    palette : uint8 array (num_classes, 3)

    Examples
    --------
    >>> import tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "label.png")
    >>> save_label(path, np.array([[0, 1, 255]]), np.array([[0, 0, 0], [200, 0, 0]]))
    >>> np.asarray(Image.open(path)).tolist()
    [[0, 1, 255]]
    """
    picture = Image.fromarray(label.astype(np.uint8))
    picture.putpalette(colour(np.arange(256), palette, ignore_index).tobytes())
    _save_png(path, picture)


def save_panel(
    path: str | os.PathLike,
    rows: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
    class_names: Sequence[str],
    palette: np.ndarray,
    ignore_index: int = 255,
) -> None:
    """Save image, label and prediction side by side, one row per image, with a legend of all classes.

    Parameters
    ----------
    path : path of the PNG
    rows : sequence of (image uint8 (H, W, 3), label (H, W), prediction (H, W))
    class_names : sequence of str
    palette : uint8 array (num_classes, 3)
    ignore_index : int
        Void: shown in `VOID_COLOUR`, in the legend too.

    Examples
    --------
    >>> import tempfile
    >>> from minifcn.data import Shapes
    >>> pictures = Shapes(2, size=(32, 48))
    >>> rows = [(sample.image, sample.label, sample.label) for sample in pictures]
    >>> path = os.path.join(tempfile.mkdtemp(), "panel.png")
    >>> save_panel(path, rows, pictures.class_names, pictures.palette)
    >>> np.asarray(Image.open(path)).shape[1]  # three pictures of 480 pixels, and the gaps
    1488
    """
    cell, gap, font_size = 480, 12, 32
    width = 3 * cell + 4 * gap
    entries = [(name, tuple(rgb)) for name, rgb in zip(class_names, palette, strict=True)] + [("void", VOID_COLOUR)]
    strip = legend(entries, width, font_size)
    pictures = [
        [_to_width(image, cell, Image.Resampling.BILINEAR)]
        + [_to_width(colour(classes, palette, ignore_index), cell, Image.Resampling.NEAREST) for classes in both]
        for image, *both in rows
    ]
    heading = round(1.8 * font_size)
    height = heading + sum(row[0].height + gap for row in pictures) + strip.height
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(font_size)
    for column, title in enumerate(("image", "label", "prediction")):
        x = gap + column * (cell + gap) + cell // 2
        draw.text((x, heading // 2), title, _INK, font, anchor="mm")
    top = heading
    for row in pictures:
        for column, picture in enumerate(row):
            sheet.paste(picture, (gap + column * (cell + gap), top))
        top += row[0].height + gap
    sheet.paste(strip, (0, top))
    _save_png(path, sheet)


def legend(entries: Sequence[tuple[str, tuple[int, ...]]], width: int, font_size: int) -> Image.Image:
    """Draw colours and their names in columns.

    Parameters
    ----------
    entries : sequence of (name, (R, G, B))
    width, font_size : int
        In pixels.

    Returns
    -------
    PIL.Image.Image
        RGB, `width` wide and as high as it needs to be.

    Examples
    --------
    >>> legend([("sky", (128, 128, 128)), ("road", (128, 64, 128))], width=200, font_size=12).width
    200
    """
    font = ImageFont.load_default(font_size)
    swatch, margin = round(0.9 * font_size), round(0.6 * font_size)
    indent = swatch + round(0.45 * font_size)
    name_width = max((font.getlength(name) for name, _ in entries), default=0)
    column_width = indent + name_width + 1.5 * margin
    columns = max(1, int((width - margin) // column_width))
    lines = -(-len(entries) // columns)
    columns = -(-len(entries) // max(1, lines))  # as many in each line
    column_width = max(column_width, (width - margin) / columns) if lines > 1 else column_width
    line = round(1.5 * font_size)
    picture = Image.new("RGB", (width, lines * line + 2 * margin if entries else 0), _PAPER)
    draw = ImageDraw.Draw(picture)
    for number, (name, rgb) in enumerate(entries):
        x = margin + round(number % columns * column_width)
        y = margin + number // columns * line + line // 2
        box = (x, y - swatch // 2, x + swatch, y - swatch // 2 + swatch)
        draw.rectangle(box, tuple(map(int, rgb)), _LINE, width=max(1, font_size // 16))
        draw.text((x + indent, y), name, _INK, font, anchor="lm")
    return picture


def save_curves(path: str | os.PathLike, rows: Sequence[Mapping[str, Any]]) -> None:
    """Save the curves of a training log: losses on the left, measures of the validation split on the right.

    Parameters
    ----------
    path : path of the PNG
    rows : sequence of dict
        Rows of log.csv, at least one.

    Examples
    --------
    >>> import tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "curves.png")
    >>> losses = {"train_loss": 1.0, "valid_loss": 1.1}
    >>> measures = {"valid_acc": 0.5, "valid_acc_cls": 0.4, "valid_mean_iu": 0.3, "valid_fwavacc": 0.4}
    >>> save_curves(path, [{"epoch": epoch, **losses, **measures} for epoch in (1, 2, 3)])
    >>> np.asarray(Image.open(path)).shape[:2]
    (690, 1350)
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    # Okabe and Ito's colours, told apart with any colour vision; dashes tell them apart in grey.
    left = {"train_loss": ("training", "#0072B2", "-"), "valid_loss": ("validation", "#D55E00", "--")}
    right = {
        "valid_acc": ("pixel accuracy", "#0072B2", "-"),
        "valid_fwavacc": ("frequency-weighted IoU", "#009E73", "-."),
        "valid_acc_cls": ("mean accuracy", "#E69F00", ":"),
        "valid_mean_iu": ("mean IoU", "#D55E00", "--"),
    }
    figure = Figure(figsize=(9, 4.6), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    epochs = [row["epoch"] for row in rows]
    for axes, curves, label in zip(
        figure.subplots(1, 2), (left, right), ("cross-entropy", "on the validation split"), strict=True
    ):
        for column, (name, rgb, dashes) in curves.items():
            marker = "o" if len(rows) < 10 else None
            axes.plot(epochs, [row[column] for row in rows], dashes, color=rgb, label=name, lw=2.2, marker=marker, ms=5)
        axes.set_xlabel("epoch", fontsize=13)
        axes.set_ylabel(label, fontsize=13)
        axes.tick_params(labelsize=12)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        # Below the axes, where no curve passes.
        axes.legend(fontsize=11.5, frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    figure.axes[0].set_ylim(bottom=0)
    figure.axes[1].set_ylim(0, 1)
    memory = io.BytesIO()
    figure.savefig(memory, format="png")
    with atomic_write(path) as file:
        file.write(memory.getvalue())


def _to_width(array: np.ndarray, width: int, resampling: Image.Resampling) -> Image.Image:
    picture = Image.fromarray(array)
    return picture.resize((width, max(1, round(picture.height * width / picture.width))), resampling)


def _save_png(path: str | os.PathLike, picture: Image.Image) -> None:
    with atomic_write(path) as file:
        picture.save(file, format="png")
