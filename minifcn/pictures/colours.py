"""The colours of classes, alone and over a photograph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from minifcn.check import kind

VOID_COLOUR = (224, 224, 192)  # Pascal VOC's


def colour(label: np.ndarray, palette: np.ndarray, ignore_index: int = 255) -> np.ndarray:
    """Give every class its colour.

    Parameters
    ----------
    label : integer array (H, W)
        Classes, or `ignore_index`.
    palette : uint8 array (num_classes, 3)
    ignore_index : int
        Its pixels get `VOID_COLOUR`.

    Returns
    -------
    uint8 array (H, W, 3)

    Raises
    ------
    ValueError
        If the label has an index that is neither in the palette nor ignored.

    Examples
    --------
    >>> colour(np.array([[0, 1, 255]]), np.array([[0, 0, 0], [128, 0, 0]])).tolist()
    [[[0, 0, 0], [128, 0, 0], [224, 224, 192]]]
    """
    palette, label = _checked_palette(palette), np.asarray(label)
    if label.dtype.kind not in "iu":
        raise ValueError(f"colour: a label is an integer array, got {label.dtype} {label.shape}; use label.astype(int)")
    ignored = label == ignore_index
    wrong = ~ignored & ((label < 0) | (label >= len(palette)))
    if wrong.any():
        place = tuple(np.argwhere(wrong)[0].tolist())
        raise ValueError(
            f"colour: label[{', '.join(map(str, place))}] is {label[place]}, but the palette has the classes "
            f"0..{len(palette) - 1} and {ignore_index} is ignored; give a palette of all classes, or the ignore_index"
        )
    colours = palette[np.where(ignored, 0, label)]
    colours[ignored] = VOID_COLOUR
    return colours


def visible(palette: np.ndarray) -> np.ndarray:
    """Give white a colour where the classes are black and white: white bars and a white haze are hardly seen.

    Parameters
    ----------
    palette : uint8 array (num_classes, 3)

    Returns
    -------
    uint8 array (num_classes, 3)
        With Pascal VOC's first colour for white, if the palette is black and white; else the same.

    Examples
    --------
    >>> visible(np.array([[0, 0, 0], [255, 255, 255]])).tolist()
    [[0, 0, 0], [128, 0, 0]]
    >>> visible(np.array([[0, 0, 0], [9, 9, 200], [255, 255, 255]])).tolist()
    [[0, 0, 0], [9, 9, 200], [255, 255, 255]]
    """
    palette = np.asarray(palette)
    if sorted(palette.tolist()) != [[0, 0, 0], [255, 255, 255]]:
        return palette
    return np.where(palette == 255, np.array((128, 0, 0), palette.dtype), palette)


def background(class_names: Sequence[str]) -> int | None:
    """Find the class that is everything else: named background, or as labelme names it _background_.

    >>> background(("background", "mug")), background(("sky", "road"))
    (0, None)
    """
    return next((index for index, name in enumerate(class_names) if name.lower().strip("_") == "background"), None)


def overlay(
    image: np.ndarray,
    label: np.ndarray,
    palette: np.ndarray,
    alpha: float = 0.5,
    ignore_index: int = 255,
    bare: int | None = None,
) -> np.ndarray:
    """Lay the colours of the classes over an image.

    Parameters
    ----------
    image : uint8 array (H, W, 3)
    label : integer array (H, W)
    palette : uint8 array (num_classes, 3)
    alpha : float, 0..1
        0 shows the image, 1 the colours.
    ignore_index : int
        Shown in `VOID_COLOUR`.
    bare : int, optional
        A class over which nothing is laid, such as that of the background.

    Returns
    -------
    uint8 array (H, W, 3)

    Raises
    ------
    ValueError
        If image and label differ in size, or one of them has another type.

    Examples
    --------
    >>> grey = np.full((1, 2, 3), 100, np.uint8)
    >>> overlay(grey, np.array([[0, 1]]), np.array([[0, 0, 0], [200, 0, 0]])).tolist()
    [[[50, 50, 50], [150, 50, 50]]]
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"overlay: alpha is a share, 0..1, got {alpha}")
    check_sizes("overlay", image, label=label)
    colours = colour(label, palette, ignore_index)
    mixed = np.array(Image.blend(Image.fromarray(image), Image.fromarray(colours), alpha))
    if bare is not None:
        left = np.asarray(label) == bare
        mixed[left] = image[left]
    return mixed


def check_sizes(owner: str, image: np.ndarray, **labels: np.ndarray) -> None:
    """Raise if the image is none, or labels are not of its size."""
    array = isinstance(image, np.ndarray)
    if not array or image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise ValueError(
            f"{owner}: image is a uint8 array (H, W, 3) of at least one pixel, got {kind(image)}; of a grey one make "
            "np.repeat(image[..., None], 3, axis=2)"
        )
    for name, label in labels.items():
        if image.shape[:2] != np.shape(label):
            raise ValueError(
                f"{owner}: {name} has shape {np.shape(label)}, but image is {image.shape}; "
                f"resize the {name} to {image.shape[:2]} (nearest neighbour)"
            )


def _checked_palette(palette: np.ndarray) -> np.ndarray:
    colours = np.asarray(palette)
    whole = colours.ndim == 2 and colours.shape[1] == 3 and len(colours) and colours.dtype.kind in "iu"
    if not whole or (colours < 0).any() or (colours > 255).any():
        raise ValueError(
            f"a palette has whole numbers 0..255 in the shape (num_classes, 3) of one class or more, got "
            f"{colours.dtype} {colours.shape}; of colours 0..1 make (255 * palette).round().astype(np.uint8)"
        )
    return colours.astype(np.uint8)
