"""minifcn explain"""

from __future__ import annotations

import argparse

import numpy as np

from minifcn.errors import UserError
from minifcn.explain.stepper import Stepper


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
