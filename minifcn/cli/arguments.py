"""Arguments that several commands have, and how their texts become values."""

from __future__ import annotations

import argparse
import re
from pathlib import Path


def size(text: str) -> tuple[int, int]:
    """Turn "360x480" into (360, 480): height, then width.

    >>> size("360x480")
    (360, 480)
    """
    if not re.fullmatch(r"[0-9]+x[0-9]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not HEIGHTxWIDTH, such as 360x480")
    height, width = map(int, text.split("x"))
    if not (1 <= height <= 16384 and 1 <= width <= 16384):
        raise argparse.ArgumentTypeError(f"{text} is not within 1x1 and 16384x16384")
    return height, width


def interval(text: str) -> tuple[float, float]:
    """Turn "0.75,1.5" into (0.75, 1.5)."""
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not LOW,HIGH, such as 0.75,1.5") from None
    return low, high


def seconds(text: str) -> float:
    """Turn "300" into 300.0; not negative."""
    value = float(text)
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds from 0 up")
    return value


def fraction(text: str) -> float:
    """Turn "0.5" into 0.5; from 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 1")
    return value


def count(text: str) -> int:
    """Turn "8" into 8; at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 up")
    return value


def add_device(parser: argparse.ArgumentParser, default: str = "auto") -> None:
    """Add --device and --precision, the arguments of `backend.use_device`."""
    parser.add_argument(
        "--device",
        default=default,
        metavar="auto|cpu|cuda|cuda:N",
        help=f"where to compute; auto: on the first GPU if there is one (default {default})",
    )
    parser.add_argument(
        "--precision",
        default="float32",
        metavar="float32|tf32",
        help="how a GPU multiplies: tf32 is faster and rounds factors to 10 bits (default float32)",
    )


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Add --checkpoint."""
    parser.add_argument(
        "--checkpoint", type=Path, required=True, metavar="FILE", help="best.npz or checkpoint.npz of a training run"
    )
