"""Files for people to look at: an overlay with its legend, a label in its colours, a panel for comparison."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from minifcn.files import atomic_write
from minifcn.pictures.colours import VOID_COLOUR, background, check_sizes, colour, overlay

_Entry = tuple[str, tuple[int, ...]]  # a name and its colour
_PIXELS = 1 << 20  # that are blended at a time
_software: ContextVar[str] = ContextVar("software", default="")
_INK, _PAPER, _LINE = (32, 32, 32), (255, 255, 255), (150, 150, 150)


def save_overlay(
    path: str | os.PathLike,
    image: np.ndarray,
    label: np.ndarray,
    class_names: Sequence[str],
    palette: np.ndarray,
    *,
    alpha: float = 0.5,
    ignore_index: int = 255,
    with_legend: bool = True,
) -> None:
    """Save an overlay at the image's full size, with a legend of the classes that occur below it.

    Nothing is laid over the class background, if one has that name.

    Parameters
    ----------
    path : path of the PNG
    image, label, palette, alpha, ignore_index
        As in `overlay`.
    class_names : sequence of str
    with_legend : bool
        Without, the picture has the size of the image.

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
    classes, void = _entries(class_names, palette, ignore_index)
    label = np.asarray(label)
    bare = background(class_names)
    occurs = [number != bare and np.any(label == number) for number in range(len(classes))]
    present = [entry for entry, occurring in zip(classes, occurs, strict=True) if occurring]
    present += [entry for entry in void if np.any(label == ignore_index)]
    check_sizes("save_overlay", image, label=label)
    height, width = label.shape
    # The swatches are the full colours: those of the picture depend on what is below them.
    # A long and narrow image has a legend of its own scale: of one that fits its length, it would be a shred.
    font_size = max(11, round(min(0.022 * max(label.shape), 0.1 * min(label.shape))))
    key = legend(present if with_legend else [], width, font_size)
    sheet = Image.new("RGB", (width, height + key.height), _PAPER)
    sheet.paste(key, (0, height))
    step = max(1, _PIXELS // width)
    for top in range(0, height, step):  # a large photograph is not held several times
        rows = slice(top, top + step)
        part = overlay(image[rows], label[rows], palette, alpha, ignore_index, bare)
        sheet.paste(Image.fromarray(part), (0, top))
    save_png(path, sheet)


def save_label(path: str | os.PathLike, label: np.ndarray, palette: np.ndarray, ignore_index: int = 255) -> None:
    """Save a label as an 8-bit index PNG whose palette shows the classes, as Pascal VOC's files do.

    Parameters
    ----------
    path : path of the PNG
    label : integer array (H, W) of 0..255
    palette : uint8 array (num_classes, 3)
    ignore_index : int
        Label of the pixels that have no class.

    Examples
    --------
    >>> import tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "label.png")
    >>> save_label(path, np.array([[0, 1, 255]]), np.array([[0, 0, 0], [200, 0, 0]]))
    >>> np.asarray(Image.open(path)).tolist()
    [[0, 1, 255]]
    """
    colour(label, palette, ignore_index)  # refuses what the palette does not have
    if np.size(label) == 0 or np.ndim(label) != 2:
        raise ValueError(f"save_label: a label has at least one pixel and the shape (H, W), got {np.shape(label)}")
    if np.min(label) < 0 or np.max(label) > 255:
        fix = "join some of the classes"
        if not 0 <= ignore_index <= 255:
            fix = f"ignore 255 instead: np.where(label == {ignore_index}, 255, label)"
        found = f"{np.min(label)}..{np.max(label)}"
        raise ValueError(f"save_label: a file has one index of 0..255 a pixel, but this label has {found}; {fix}")
    table = np.full((256, 3), VOID_COLOUR, np.uint8)
    table[: len(palette)] = palette[:256]
    if 0 <= ignore_index <= 255:
        table[ignore_index] = VOID_COLOUR
    picture = Image.fromarray(np.asarray(label).astype(np.uint8))
    picture.putpalette(table.tobytes())
    save_png(path, picture)


def save_panel(
    path: str | os.PathLike,
    rows: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
    class_names: Sequence[str],
    palette: np.ndarray,
    ignore_index: int = 255,
    titles: Sequence[str] | None = None,
) -> None:
    """Save image, label and prediction side by side, one row per image, with a legend of the classes that occur.

    Parameters
    ----------
    path : path of the PNG
    rows : sequence of (image uint8 (H, W, 3), label (H, W), prediction (H, W))
    class_names : sequence of str
    palette : uint8 array (num_classes, 3)
    ignore_index : int
        Void: shown in `VOID_COLOUR`, in the legend too.
    titles : sequence of str, optional
        One above each row.

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
    rows = list(rows)
    cell, gap, font_size = 480, 12, 32
    width = 3 * cell + 4 * gap
    for image, label, prediction in rows:
        check_sizes("save_panel", image, label=label, prediction=prediction)
    key = legend(_occurring(rows, class_names, palette, ignore_index), width, font_size)
    pictures = [
        [_to_cell(image, cell, Image.Resampling.BILINEAR)]
        + [_to_cell(colour(classes, palette, ignore_index), cell, Image.Resampling.NEAREST) for classes in both]
        for image, *both in rows
    ]
    heading = round(1.8 * font_size)
    above = heading if titles else 0
    height = heading + sum(row[0].height + gap + above for row in pictures) + key.height
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw, font = ImageDraw.Draw(sheet), font_of_size(font_size)
    for column, title in enumerate(("image", "label", "prediction")):
        x = gap + column * (cell + gap) + cell // 2
        draw.text((x, heading // 2), title, _INK, font, anchor="mm")
    top = heading
    for number, row in enumerate(pictures):
        if titles:
            draw.text((gap, top + above // 2), titles[number], _INK, font, anchor="lm")
        top += above
        for column, picture in enumerate(row):
            sheet.paste(picture, (gap + column * (cell + gap), top))
        top += row[0].height + gap
    sheet.paste(key, (0, top))
    save_png(path, sheet, compress_level=1)  # it is drawn again and again as a training goes on


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
    font = font_of_size(font_size)
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


def _entries(class_names: Sequence[str], palette: np.ndarray, ignore_index: int) -> tuple[list[_Entry], list[_Entry]]:
    """The name of each class and the colour that `colour` gives it; and void, if that is no class."""
    if len(class_names) != len(palette):
        raise ValueError(
            f"the palette has one colour for each class, but it has {len(palette)} and there are {len(class_names)} "
            "class names"
        )
    colours = colour(np.arange(len(palette)), palette, ignore_index)
    classes = [(name, tuple(rgb)) for name, rgb in zip(class_names, colours.tolist(), strict=True)]
    return classes, [] if 0 <= ignore_index < len(palette) else [("void", VOID_COLOUR)]


def _occurring(
    rows: Sequence[tuple[np.ndarray, ...]], class_names: Sequence[str], palette: np.ndarray, ignore_index: int
) -> list[_Entry]:
    """The entries of a legend for what labels and predictions have."""
    classes, void = _entries(class_names, palette, ignore_index)
    found = set().union(*(np.unique(label).tolist() for _, *both in rows for label in both))
    void = void if ignore_index in found else []
    return [entry for number, entry in enumerate(classes) if number in found] + void


def font_of_size(size: int) -> Any:
    """Give Pillow's own font; before Pillow 10.1 that has one size, and Matplotlib's takes its place."""
    if "size" in inspect.signature(ImageFont.load_default).parameters:
        return ImageFont.load_default(size)
    import matplotlib

    return ImageFont.truetype(os.path.join(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size)


def _to_cell(array: np.ndarray, width: int, resampling: Image.Resampling) -> Image.Image:
    """Scale to the width of a cell; a picture that would be higher than four of them, to that height."""
    picture = Image.fromarray(array)
    scale = min(width / picture.width, 4 * width / picture.height)
    return picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), resampling)


def save_png(path: str | os.PathLike, picture: Image.Image, compress_level: int = 6) -> None:
    """Save a picture; the file is whole or not there. Level 1 of 9 takes a third of the time of 6."""
    about = PngInfo()
    if software := _software.get():
        about.add_text("Software", software)
    with atomic_write(path) as file:
        picture.save(file, format="png", compress_level=compress_level, pnginfo=about)


@contextmanager
def signed(software: str) -> Iterator[None]:
    """Let the pictures that are saved say which program wrote them.

    Parameters
    ----------
    software : str
        Goes into each PNG file as its text Software.

    Examples
    --------
    >>> import tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "label.png")
    >>> with signed("minifcn predict"):
    ...     save_label(path, np.array([[0, 1]]), np.array([[0, 0, 0], [200, 0, 0]]))
    >>> with Image.open(path) as picture:
    ...     picture.info["Software"]
    'minifcn predict'
    """
    before = _software.set(software)
    try:
        yield
    finally:
        _software.reset(before)
