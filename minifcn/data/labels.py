"""Label files as arrays: the index or the colour of each pixel exactly as it is stored."""

from __future__ import annotations

import os

import numpy as np
from PIL import Image

from minifcn.data.images import decode, named_errors
from minifcn.data.paths import no_file
from minifcn.errors import UserError

PREDICTED = "minifcn predict"  # stands in the PNG files that this command writes
_HEAD = 4096  # bytes of a PNG file that are looked at for it
_KEEPING = ("BMP", "GIF", "PPM", "TIFF")  # formats that keep values, if not everywhere as they are
_ROWS = 64  # at a time: the work on a large label would take many times its memory otherwise


def read_index_label(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a label file whose pixels are class indices (greyscale, or palette as in Pascal VOC).

    Parameters
    ----------
    path : str or path
        A PNG file: a palette of 1, 2, 4 or 8 bits, or grey of 1, 2, 4, 8 or 16 bits; or 8-bit RGB with three equal
        channels. An alpha channel has to be opaque.

    Returns
    -------
    uint8 array (H, W)
        The indices exactly as they are stored: 1 in a file of 2 bits is 1, not 85.

    Raises
    ------
    UserError
        If the file cannot be read, is no PNG, holds colours instead of class indices, or an index beyond 255.
    """
    return index_map(path, *decode_label(path))


def index_map(path: str | os.PathLike[str], image: Image.Image, bits: int) -> np.ndarray:
    """Take the class indices (H, W) of a decoded label; UserError if it holds colours, or an index beyond 255."""
    pixels = np.array(image)
    if image.mode == "RGB" and bits == 8 and (pixels == pixels[..., :1]).all():
        return pixels[..., 0].copy()
    if image.mode not in ("1", "L", "P", "I", "I;16", "I;16B"):
        raise UserError(
            f"{path}: a label needs one 8-bit class index a pixel (Pillow's mode L or P), but this file has "
            f"mode {image.mode!r} of {bits} bits; save the class indices, not their colours"
        )
    if pixels.max() > 255:
        row, column = np.argwhere(pixels > 255)[0].tolist()
        raise UserError(
            f"{path}: the index {pixels[row, column]} at row {row}, column {column} is beyond 255, the largest that a "
            "label has; save the label with 8 bits a pixel, and what does not count as 255"
        )
    label = pixels.astype(np.uint8)
    if image.mode == "L" and bits < 8:
        label //= 255 // (2**bits - 1)  # Pillow spreads grey of 2 and 4 bits evenly over 0..255
    return label


def read_colour_label(
    path: str | os.PathLike[str], palette: np.ndarray, table: str = "class_dict.csv", grey: bool = False
) -> np.ndarray:
    """Read a label file whose pixels are class colours.

    Parameters
    ----------
    path : str or path
        A PNG file in RGB, or with a palette.
    palette : uint8 array (num_classes, 3)
        The colour of each class, all different.
    table : str
        Where the colours stand, for the message.
    grey : bool
        Whether a grey file is taken too: its colours are greys.

    Returns
    -------
    uint8 array (H, W)
        The class index of each pixel.

    Raises
    ------
    UserError
        If the file cannot be read, is no PNG, or has a colour that is not in the palette.
    """
    image, bits = decode_label(path)
    if image.mode not in (("RGB", "P", "L", "1") if grey else ("RGB", "P")) or bits > 8:
        raise UserError(
            f"{path}: a label of this data set needs class colours (Pillow's mode RGB), but this file has "
            f"mode {image.mode!r} of {bits} bits; save the colours of {table}"
        )
    colours = np.array(image.convert("RGB"))
    known = colour_codes(palette)
    order = np.argsort(known)
    label = np.empty(colours.shape[:2], np.uint8)
    for top in range(0, len(label), _ROWS):
        codes = colour_codes(colours[top : top + _ROWS])
        found = order[np.searchsorted(known[order], codes).clip(max=len(known) - 1)]
        wrong = known[found] != codes
        if wrong.any():
            row, column = np.argwhere(wrong)[0].tolist()
            raise UserError(
                f"{path}: the colour {tuple(colours[top + row, column].tolist())} at row {top + row}, column {column} "
                f"is not in {table}; save labels without smoothing or JPEG compression, or add the class"
            )
        label[top : top + _ROWS] = found
    return label


def colour_codes(colours: np.ndarray) -> np.ndarray:
    """One integer per RGB triple."""
    codes = colours[..., 0].astype(np.int32)
    for channel in (colours[..., 1], colours[..., 2]):
        codes <<= 8
        codes |= channel
    return codes


def decode_label(path: str | os.PathLike[str]) -> tuple[Image.Image, int]:
    """Decode a label without its alpha channel: image and bits a channel; UserError if an index may have changed."""
    file = decode(path)
    if file.format != "PNG":
        fix = "as PNG from where it was made (what this one has lost does not come back)"
        if file.format in _KEEPING:
            name, png = os.path.basename(path), f"{os.path.splitext(os.path.basename(path))[0]}.png"
            fix = f"as PNG, which loses nothing (with Pillow: Image.open({name!r}).save({png!r}))"
        raise UserError(
            f"{path}: a label is a PNG file, which keeps every value as it is, but this is a {file.format} file; "
            f"save the label {fix}"
        )
    with named_errors(path), Image.open(path, formats=["PNG"]) as checked:
        checked.verify()  # the checksums, which decoding leaves out: a wrong bit would be another class
    if file.frames > 1:
        raise UserError(f"{path}: a label is one picture, but this file is an animation of {file.frames}; save one")
    if file.orientation != 1:
        raise UserError(
            f"{path}: a label is stored as its image is, but this one has an EXIF orientation ({file.orientation}); "
            "save it without"
        )
    image = file.image
    if image.mode in ("LA", "RGBA"):
        if image.getchannel("A").getextrema() != (255, 255):
            raise UserError(
                f"{path}: a label has no transparent pixels, but this file has an alpha channel that is not 255 "
                "everywhere; save the label without alpha"
            )
        image = image.convert(image.mode[:-1])
    return image, file.bits


def says_predicted(head: bytes) -> bool:
    """Tell from the beginning of a PNG file whether `minifcn predict` wrote it.

    >>> says_predicted(b"GIF89a")
    False
    """
    return head.startswith(b"\x89PNG\r\n\x1a\n") and f"tEXtSoftware\0{PREDICTED}".encode() in head


def is_predicted(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file is a picture of `minifcn predict`: a network's word, and not what somebody drew.

    >>> is_predicted("nowhere.png")
    False
    """
    if no_file(path, "an image"):
        return False
    try:
        with open(path, "rb") as file:
            return says_predicted(file.read(_HEAD))
    except OSError:
        return False
