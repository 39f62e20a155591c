"""minifcn explain"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from minifcn.cli import arguments
from minifcn.errors import UserError
from minifcn.explain.stepper import Stepper
from minifcn.explain.stepper.scenes import SCENES


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "explain",
        help="show a convolution step by step",
        description="Show an operation on a small image of random digits, step by step: print what each step does, "
        "and write a page to click through, an animation or a picture.",
        epilog="Example: minifcn explain conv-transpose --size 3 --kernel 3 --stride 2 --padding 1 --out step.html",
    )
    parser.add_argument("operation", choices=tuple(SCENES), help=" or ".join(SCENES), metavar="OPERATION")
    parser.add_argument("--size", type=arguments.count, default=3, metavar="N", help="of the image (default 3)")
    parser.add_argument("--kernel", type=arguments.count, default=3, metavar="K", help="kernel size (default 3)")
    parser.add_argument("--stride", type=arguments.count, default=2, metavar="S", help="(default 2)")
    parser.add_argument("--padding", type=_whole, default=1, metavar="P", help="(default 1)")
    parser.add_argument("--output-padding", type=_whole, default=0, metavar="P", help="of conv-transpose (default 0)")
    parser.add_argument("--seed", type=_whole, default=0, help="of the digits (default 0)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="a page (.html), animation (.gif) or picture (.png)")
    parser.add_argument("--step", type=_whole, metavar="N", help="which step the picture shows (default: the last)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Write the file, and print the sentence of each step."""
    suffix = _checked_suffix(args)
    stepper = _stepper(args)
    if args.step is not None and args.step > len(stepper.steps):
        raise UserError(f"--step must be at most {len(stepper.steps)}, the number of steps, got {args.step}")
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        if suffix == ".html":
            stepper.save_html(args.out)
        elif suffix == ".gif":
            stepper.save_gif(args.out)
        else:
            stepper.save_png(args.out, args.step)
    for step in stepper.steps:
        print(step.sentence)


def _checked_suffix(args: argparse.Namespace) -> str:
    suffix = args.out.suffix.lower() if args.out else ""
    if args.out and (suffix not in (".html", ".gif", ".png") or args.out.is_dir()):
        raise UserError(f"--out must be a file that ends in .html, .gif or .png, but is {args.out}")
    if args.step is not None and suffix != ".png":
        raise UserError("--step chooses what a picture shows; give it with an --out that ends in .png")
    return suffix


def _stepper(args: argparse.Namespace) -> Stepper:
    rng = np.random.default_rng(args.seed)
    x = rng.integers(1, 10, (args.size, args.size))
    weight = rng.integers(1, 5, (args.kernel, args.kernel))
    try:
        return Stepper(x, weight, args.stride, args.padding, args.output_padding, args.operation)
    except ValueError as error:
        given = f"--size {args.size} --kernel {args.kernel} --stride {args.stride} --padding {args.padding}"
        if args.output_padding:
            given += f" --output-padding {args.output_padding}"
        raise UserError(f"{given}: {error}") from None


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 up")
    return int(text)
