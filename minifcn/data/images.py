"""Image files as arrays: checked before they are decoded, since nothing on disk is trusted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from minifcn.data.jpeg import check_scans
from minifcn.data.paths import instead, no_file, no_permission
from minifcn.errors import UserError

MAX_MEGAPIXELS = 80
MAX_SIDE = 65535  # pixels; a JPEG has no more
# Only formats that Pillow decodes itself: some others start external programs.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
# How their files end, in lower case; and how those of photographs do that are not read.
ENDINGS = {
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".tif", ".tiff", ".webp"),
}
OTHER_ENDINGS = {
    ".heic",
    ".heif",
    ".avif",
    ".jp2",
    ".j2k",
    ".jxl",
    ".dng",
    ".cr2",
    ".nef",
    ".arw",
    ".raw",
    ".psd",
    ".tga",
}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def unread(path: str | os.PathLike[str]) -> str:
    """Say that a photograph is of a format that is not read, by its ending, or "".

    >>> unread("a.HEIC"), unread("a.jpg")
    ('a.HEIC: HEIC files are not read; save it as JPEG (a mask as PNG)', '')
    """
    ending = os.path.splitext(path)[1]
    if ending.lower() not in OTHER_ENDINGS:
        return ""
    return f"{os.fspath(path)}: {ending[1:].upper()} files are not read; save it as JPEG (a mask as PNG)"


def read_image(path: str | os.PathLike[str], *, upright: bool = True) -> np.ndarray:
    """Read an image file as RGB.

    Grey is repeated in three channels; an alpha channel is left out; CMYK is converted without a colour profile. Of an
    animation, or of a file of several pages, it is the first picture.

    Parameters
    ----------
    path : str or path
        A PNG, JPEG, BMP, GIF, PPM, TIFF or WebP file of at most `MAX_MEGAPIXELS` megapixels, and `MAX_SIDE` pixels a
        side.
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
    stored, orientation = read_stored_image(path)
    if not upright or orientation == 1:
        return stored
    return _as_rgb(_turned(Image.fromarray(stored), orientation))


def read_stored_image(path: str | os.PathLike[str]) -> tuple[np.ndarray, int]:
    """Read an image file as RGB, its pixels as they are stored, and its EXIF orientation beside them.

    Parameters
    ----------
    path : str or path
        As in `read_image`.

    Returns
    -------
    uint8 array (H, W, 3), int
        The orientation is 1..8; 1 is upright.

    Raises
    ------
    UserError
        As `read_image`.
    """
    file = decode(path)
    if file.bits > 8 or file.image.mode.startswith(("I", "F")):
        raise UserError(
            f"{path}: images need 8 bits a channel, but this one has {file.bits} (Pillow's mode {file.image.mode!r}); "
            "convert it to 8 bits first"
        )
    with named_errors(path):
        return _as_rgb(file.image), file.orientation


def _as_rgb(image: Image.Image) -> np.ndarray:
    """The pixels, some rows at a time: Pillow holds an image of 144 MB four times to convert it at once."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    step = max(1, 1_000_000 // image.width)
    for top in range(0, image.height, step):
        bottom = min(top + step, image.height)
        pixels[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)).convert("RGB"))
    return pixels


def resized_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale an image bilinearly: its colours as Pillow does, and any channels behind them as well.

    Parameters
    ----------
    image : uint8 array (H, W, 3), or float32 of more channels, as in `Sample`
    size : (height, width)

    Examples
    --------
    >>> resized_image(np.full((2, 4, 4), 0.5, np.float32), (3, 5)).shape
    (3, 5, 4)
    """
    height, width = size

    def scaled(pixels: np.ndarray) -> np.ndarray:
        picture = Image.fromarray(np.ascontiguousarray(pixels))
        return np.array(picture.resize((width, height), Image.Resampling.BILINEAR))

    if image.dtype == np.uint8:
        return scaled(image)
    return np.stack([scaled(image[..., channel]) for channel in range(image.shape[2])], axis=2)


def colours(image: np.ndarray) -> np.ndarray:
    """Give the colours of an image, uint8 (H, W, 3), without what stands behind them.

    >>> colours(np.zeros((2, 2, 4), np.float32)).dtype
    dtype('uint8')
    """
    return image[..., :3].astype(np.uint8, copy=False)


class ImageFile(NamedTuple):
    """A decoded image, its pixels as they are stored, and what Pillow's image does not tell.

    Parameters
    ----------
    image : PIL image
    format : str
    bits : int
        A channel.
    orientation : int
        Of its EXIF data, 1..8.
    frames : int
        Of an animated PNG file.
    """

    image: Image.Image
    format: str
    bits: int
    orientation: int
    frames: int


def decode(path: str | os.PathLike[str]) -> ImageFile:
    """Decode an image file, if its size and its bytes are sound; UserError otherwise."""
    if why := no_file(path, "an image"):
        raise UserError(why)
    size = os.path.getsize(path)
    if size == 0:
        raise UserError(f"{path}: the file is empty (0 bytes); copy or download it again")
    too_large = f"more than {MAX_MEGAPIXELS} megapixels; scale it down first"
    if size > MAX_MEGAPIXELS * 8_000_000:  # bytes of the largest image in the widest format, 16-bit RGBA
        raise UserError(f"{path}: the file has {size} bytes, as only images have of {too_large}")
    with named_errors(path), Image.open(path, formats=_FORMATS) as opened:
        width, height = opened.size
        if width * height > MAX_MEGAPIXELS * 1_000_000:
            raise UserError(f"{path}: the image is {width} x {height}, {too_large}")
        if max(width, height) > MAX_SIDE:
            raise UserError(f"{path}: the image is {width} x {height}, but a side has at most {MAX_SIDE}; cut it up")
        if width * height == 0:
            raise UserError(f"{path}: the image is {width} x {height}, it has no pixels; copy or download it again")
        kind, bits, image = str(opened.format), _bits(opened), cast(Image.Image, opened)
        if kind in ("JPEG", "MPO"):
            check_scans(path)
        if kind == "TIFF":  # Pillow turns it while it decodes; turned back, it is as stored
            orientation = _orientation(opened)
            opened.load()
            image = _turned(opened, {6: 8, 8: 6}.get(orientation, orientation))
        else:
            opened.load()
            orientation = _orientation(opened)
        return ImageFile(image, kind, bits, orientation, getattr(opened, "n_frames", 1) if kind == "PNG" else 1)


@contextmanager
def named_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what Pillow raises into one line that names the file."""
    try:
        yield
    except UserError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UserError(f"{path}: the image has more than {MAX_MEGAPIXELS} megapixels; scale it down first") from None
    except PermissionError as error:
        raise UserError(no_permission(path, error)) from None
    # A damaged file makes Pillow raise almost anything: OSError, SyntaxError, struct.error ...
    except Exception as error:
        why = f" ({' '.join(str(error).split())})" if isinstance(error, OSError | SyntaxError) and str(error) else ""
        if isinstance(error, UnidentifiedImageError):  # it has the path again, in another spelling
            why = " of a known format"
        raise UserError(
            unread(path)
            or instead(path)
            or f"{path}: not a readable image{why}; the file may be truncated: copy or download it again"
        ) from None


def _bits(image: Any) -> int:
    """The bits a channel in the file; Pillow's mode has 8 for 2 bits of grey, and for 16 of colour."""
    if image.format == "TIFF":
        return max(image.tag_v2.get(258, (1,)))  # BitsPerSample
    if image.mode.startswith(("I", "F")) and image.format != "PNG":
        return 32 if image.mode == "F" else 16
    if image.format not in ("PNG", "PPM") or not image.tile:
        return 8
    decoder, _, _, coding = image.tile[0]
    if image.format == "PNG":  # such as L, 1, P;4, RGB;16B
        return 1 if coding == "1" else int(coding.partition(";")[2].rstrip("B") or 8)
    return int(coding[1]).bit_length() if decoder.startswith("ppm") else 8  # coding[1]: the largest value


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1..8; of damaged EXIF data, 1."""
    # ImageOps.exif_transpose would also write the EXIF data anew, and fails on what some cameras put there.
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:
        return 1
    return orientation if orientation in _TURNS else 1


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image
