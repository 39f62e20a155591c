"""Arguments that several commands have, and how their texts become values."""

from __future__ import annotations

import argparse
import math
import os
import re
from pathlib import Path

from minifcn.errors import UserError

MAX_SIDE = 16384  # pixels
DATA_SETS = (
    "shapes, folder:PATH (images with masks or labelme files), camvid:PATH, voc:VOCDEVKIT, nyud:PATH, siftflow:PATH or "
    "pascalcontext:PATH"
)
INPUTS = "color, hha, color-d, color-hha (default color)"
BACKBONE = "alexnet, vgg16 or googlenet (default vgg16)"
VARIANT = (
    "aligned, lecture or paper, the paper's published reference code: padding 100, a 7x7 fc6, crops, and all "
    "upsampling fixed and bilinear (default aligned)"
)


def size(text: str) -> tuple[int, int]:
    """Turn "360x480" into (360, 480): height, then width.

    >>> size("360x480")
    (360, 480)
    """
    if not re.fullmatch(r"[0-9]{1,18}x[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"{_short(text)} is not HEIGHTxWIDTH, such as 360x480")
    height, width = map(int, text.split("x"))
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise argparse.ArgumentTypeError(f"{text} is not within 1x1 and {MAX_SIDE}x{MAX_SIDE}")
    return height, width


def path(text: str) -> Path:
    """Turn "runs/shapes" into a path; an empty text, as of a shell's variable that is not set, is none."""
    if not text:
        raise argparse.ArgumentTypeError("is empty; name a file or a folder, or . for the current folder")
    return Path(text)


def number(text: str) -> float:
    """Turn "0.5" into 0.5: a finite number, in the digits 0 to 9.

    >>> number("1e-3")
    0.001
    """
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text) or not math.isfinite(float(text)):
        raise argparse.ArgumentTypeError(f"{_short(text)} is not a number, such as 0.5")
    return float(text)


def whole(text: str) -> int:
    """Turn "-8" into -8: a whole number, in the digits 0 to 9.

    >>> whole("8")
    8
    """
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"{_short(text)} is not a whole number of at most 18 digits, such as 8")
    return int(text)


def interval(text: str) -> tuple[float, float]:
    """Turn "0.75,1.5" into (0.75, 1.5)."""
    try:
        low, high = map(number, text.split(","))
    except (ValueError, argparse.ArgumentTypeError):
        raise argparse.ArgumentTypeError(f"{_short(text)} is not LOW,HIGH, such as 0.75,1.5") from None
    return low, high


def texts(text: str) -> list[str]:
    """Turn "conv1_*,conv2_*" into a list of the parts between the commas.

    >>> texts("conv1_*, conv2_*")
    ['conv1_*', 'conv2_*']
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise argparse.ArgumentTypeError(f"{_short(text)} is empty; name at least one")
    return parts


def scales(text: str) -> tuple[float, ...]:
    """Turn "0.75,1,1.25" into (0.75, 1.0, 1.25): at most 16 numbers of 0.1..10."""
    try:
        values = tuple(map(number, text.split(",")))
    except argparse.ArgumentTypeError:
        values = ()
    if not 1 <= len(values) <= 16 or not all(0.1 <= value <= 10 for value in values):
        raise argparse.ArgumentTypeError(f"{_short(text)} is not one or more numbers of 0.1..10, such as 0.75,1,1.25")
    return values


def seconds(text: str) -> float:
    """Turn "300" into 300.0; not negative."""
    value = number(text)
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds from 0 up")
    return value


def fraction(text: str) -> float:
    """Turn "0.5" into 0.5; from 0 to 1."""
    value = number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 1")
    return value


def count(text: str) -> int:
    """Turn "8" into 8; at least 1."""
    value = whole(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 up")
    return value


def from_0(text: str) -> int:
    """Turn "0" into 0; not negative."""
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 up")
    return int(text)


def classes(text: str) -> int:
    """Turn "21" into 21: from 1 to 1000, more than any data set has; a network for more is not worth its memory."""
    value = count(text)
    if value > 1000:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 to 1000")
    return value


def side(text: str) -> int:
    """Turn "1024" into 1024: pixels, from 1 to 16384."""
    value = count(text)
    if value > MAX_SIDE:
        raise argparse.ArgumentTypeError(f"{text} is not within 1 and {MAX_SIDE}")
    return value


def workers(text: str) -> int:
    """Turn "4" into 4: threads, from 0 to 64."""
    from minifcn.data.workers import MOST_WORKERS

    value = from_0(text)
    if value > MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 to {MOST_WORKERS}")
    return value


def memory(text: str) -> int:
    """Turn "1.5G" into 1610612736: bytes, of which 1024 are a K, 1024 K an M, and 1024 M a G.

    >>> memory("1.5G"), memory("64M"), memory("0")
    (1610612736, 67108864, 0)
    """
    found = re.fullmatch(r"([0-9]{1,15}|[0-9]{1,6}\.[0-9]{1,6})([KMG]?)B?", text.upper())
    if not found:
        raise argparse.ArgumentTypeError(f"{_short(text)} is not a size such as 2G, 500M or 0")
    return int(float(found[1]) * 1024 ** " KMG".index(found[2] or " "))


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


def check_folder(option: str, folder: Path) -> None:
    """Refuse, before any work, a folder of results that cannot be made, or not be written to."""
    there = folder
    while not there.exists():
        if there.is_symlink():
            raise UserError(f"{option}: {there} is a link to what does not exist; remove it, or choose another name")
        there = there.parent
    if not there.is_dir():
        raise UserError(f"{option} must be a folder, but {there} is a file; choose another name")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"{option}: there is no permission to write in {there}; choose another place")
    import tempfile  # not for -h

    try:  # /proc, and what is mounted to be read, let root's permissions pass
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise UserError(
            f"{option}: nothing can be written in {there} ({error.strerror}); choose another place"
        ) from None


def check_file(option: str, file: Path | None) -> None:
    """Refuse, before any work, a file of results that is a folder, or in one that is missing or write-protected."""
    if file is None:
        return
    if not file.parent.is_dir():
        raise UserError(f"{option}: there is no folder {file.parent}; make it first")
    if file.is_dir():
        raise UserError(f"{option} must be a file, but {file} is a folder; choose another name")
    check_folder(option, file.parent)


def add_workers(parser: argparse._ActionsContainer) -> None:
    """Add --workers, which `workers_of` takes from the arguments."""
    parser.add_argument(
        "--workers",
        type=workers,
        default=None,
        metavar="N",
        help="threads that read ahead (default: cores, at most 8)",
    )


def workers_of(args: argparse.Namespace) -> int:
    """Give the number of --workers, or what is usual on this machine."""
    from minifcn.data.workers import usual_workers  # with numpy and Pillow: not for -h

    return usual_workers() if args.workers is None else args.workers


def add_device(parser: argparse._ActionsContainer, default: str = "auto") -> None:
    """Add --device and --precision, the arguments of `backend.use_device`."""
    parser.add_argument(
        "--device",
        default=default,
        metavar="auto|cpu|cuda|cuda:N",
        help=f"auto: on the first GPU if there is one (default {default})",
    )
    parser.add_argument(
        "--precision",
        default="float32",
        metavar="float32|tf32",
        help="how a GPU multiplies; tf32 is faster, with factors of 10 bits (default float32)",
    )


def add_checkpoint(parser: argparse.ArgumentParser, unless: str = "") -> None:
    """Add --checkpoint, which has to be given, unless it is said what happens without."""
    parser.add_argument(
        "--checkpoint",
        type=path,
        required=not unless,
        metavar="RUN",
        help="folder of a training run, which stands for its best.npz; or a file, such as its "
        "checkpoint.npz or a published .caffemodel" + unless,
    )
