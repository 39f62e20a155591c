"""Image and label files as arrays: checked before they are decoded, since nothing on disk is trusted."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from minifcn.errors import UserError

MAX_MEGAPIXELS = 80
# Only formats that Pillow decodes itself: some others start external programs.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(path: str | os.PathLike[str], *, upright: bool = True) -> np.ndarray:
    """Read an image file as RGB.

    Parameters
    ----------
    path : str or path
        A PNG, JPEG, BMP, GIF, PPM, TIFF or WebP file of at most `MAX_MEGAPIXELS` megapixels.
    upright : bool
        Turn the image as its EXIF orientation says; without, its pixels are as they are stored.

    Returns
    -------
    uint8 array (H, W, 3)

    Raises
    ------
    UserError
        If the file is missing, empty, damaged, too large, or has more than 8 bits a channel.

    Examples
    --------
    >>> import tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "red.png")
    >>> Image.new("RGB", (3, 2), "red").save(path)
    >>> read_image(path).shape, read_image(path)[0, 0].tolist()
    ((2, 3, 3), [255, 0, 0])
    """
    image = _decode(path)
    if image.mode.startswith(("I", "F")):
        raise UserError(
            f"{path}: images need 8 bits a channel, but this one has Pillow's mode {image.mode!r}; "
            "convert it to 8 bits first"
        )
    return np.array((_turned(image) if upright else image).convert("RGB"))


def read_index_label(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a label file whose pixels are class indices (greyscale, or palette as in Pascal VOC).

    Parameters
    ----------
    path : str or path
        An 8-bit file of mode L or P.

    Returns
    -------
    uint8 array (H, W)

    Raises
    ------
    UserError
        If the file cannot be read, or holds colours instead of class indices.
    """
    image = _decode(path)
    if image.mode not in ("L", "P"):
        raise UserError(
            f"{path}: a label needs one 8-bit class index a pixel (Pillow's mode L or P), but this file has "
            f"mode {image.mode!r}; save the class indices, not their colours"
        )
    return np.array(image)


def read_colour_label(path: str | os.PathLike[str], palette: np.ndarray) -> np.ndarray:
    """Read a label file whose pixels are class colours.

    Parameters
    ----------
    path : str or path
        An RGB file.
    palette : uint8 array (num_classes, 3)
        The colour of each class, all different.

    Returns
    -------
    uint8 array (H, W)
        The class index of each pixel.

    Raises
    ------
    UserError
        If the file cannot be read, or has a colour that is not in the palette.
    """
    image = _decode(path)
    if image.mode not in ("RGB", "RGBA", "P"):
        raise UserError(
            f"{path}: a label of this data set needs class colours (Pillow's mode RGB), but this file has "
            f"mode {image.mode!r}; save the colours of class_dict.csv"
        )
    colours = np.array(image.convert("RGB"))
    codes, known = _colour_codes(colours), _colour_codes(palette)
    order = np.argsort(known)
    position = np.searchsorted(known[order], codes).clip(max=len(known) - 1)
    label = order[position]
    wrong = known[label] != codes
    if wrong.any():
        row, column = np.argwhere(wrong)[0].tolist()
        raise UserError(
            f"{path}: the colour {tuple(colours[row, column].tolist())} at row {row}, column {column} is not "
            "in class_dict.csv; save labels without smoothing or JPEG compression, or add the class"
        )
    return label.astype(np.uint8)


def _turned(image: Image.Image) -> Image.Image:
    """The image turned by its EXIF orientation; if the EXIF data are damaged, as it is stored."""
    # ImageOps.exif_transpose would also write the EXIF data anew, and fails on what some cameras put there.
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:
        return image
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def _colour_codes(colours: np.ndarray) -> np.ndarray:
    """One integer per RGB triple."""
    red, green, blue = np.moveaxis(colours.astype(np.int32), -1, 0)
    return red << 16 | green << 8 | blue


def _decode(path: str | os.PathLike[str]) -> Image.Image:
    """The decoded image, if its size and its bytes are sound."""
    if not Path(path).is_file():
        raise UserError(f"{path}: no such file")
    if Path(path).stat().st_size == 0:
        raise UserError(f"{path}: the file is empty (0 bytes); copy or download it again")
    too_large = f"more than {MAX_MEGAPIXELS} megapixels; scale it down first"
    try:
        with Image.open(path, formats=_FORMATS) as image:
            width, height = image.size
            if width * height > MAX_MEGAPIXELS * 1_000_000:
                raise UserError(f"{path}: the image is {width} x {height}, {too_large}")
            image.load()
            return image
    except UserError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UserError(f"{path}: the image has {too_large}") from None
    # A damaged file makes Pillow raise almost anything: OSError, SyntaxError, struct.error ...
    except Exception as error:
        raise UserError(
            f"{path}: not a readable image ({' '.join(str(error).split())}); "
            "the file may be truncated: copy or download it again"
        ) from None
