"""minifcn explain"""

from __future__ import annotations

import argparse

import numpy as np

from minifcn import data
from minifcn.cli.parsers.explain import PAGES, add_arguments
from minifcn.cli.typed_maps import kernel, typed_map
from minifcn.errors import UserError
from minifcn.explain import FlightSimulator, Laboratory
from minifcn.explain.stepper import Stepper


def run(args: argparse.Namespace) -> None:
    """Write the file, and print the sentence of each step."""
    suffix = _checked_suffix(args)
    shown = _page(args) if args.operation in PAGES else _stepper(args)
    if isinstance(shown, Stepper) and args.step is not None and args.step > len(shown.steps):
        raise UserError(f"--step must be at most {len(shown.steps)}, the number of steps, got {args.step}")
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(shown, Stepper) or suffix == ".html":
            shown.save_html(args.out)
        elif suffix == ".gif":
            shown.save_gif(args.out)
        else:
            shown.save_png(args.out, args.step)
    if not isinstance(shown, Stepper):
        print(f"{args.out}: open it in a browser; the address after # is its state")
        return
    for step in shown.steps:
        print(step.sentence)


def _checked_suffix(args: argparse.Namespace) -> str:
    suffix = args.out.suffix.lower() if args.out else ""
    if args.operation in PAGES and (suffix != ".html" or args.out.is_dir()):
        raise UserError(f"{args.operation} is a page: give --out a file that ends in .html, got {args.out or 'none'}")
    if args.out and (suffix not in (".html", ".gif", ".png") or args.out.is_dir()):
        raise UserError(f"--out must be a file that ends in .html, .gif or .png, but is {args.out}")
    if args.step is not None and suffix != ".png":
        raise UserError("--step chooses what a picture shows; give it with an --out that ends in .png")
    if args.mistake and not args.backward:
        raise UserError("--mistake is one of the way back; give it with --backward")
    return suffix


def _stepper(args: argparse.Namespace) -> Stepper:
    x, weight = _numbers(args, args.operation)
    settings = {"kind": args.operation}
    if args.operation != "cross-entropy":
        settings |= {"stride": args.stride, "padding": args.padding, "output_padding": args.output_padding}
        settings |= {"dilation": args.dilation, "ceil_mode": args.ceil_mode}
    try:
        stepper = Stepper(x, weight, **settings)
        return stepper.backward(None, args.mistake) if args.backward else stepper
    except ValueError as error:
        raise UserError(f"{_given(args)}: {error}") from None


def _page(args: argparse.Namespace) -> FlightSimulator | Laboratory:
    return _laboratory(args) if args.operation == "lab" else _simulator(args)


def _simulator(args: argparse.Namespace) -> FlightSimulator:
    """Make the page of a generated picture, for which there is no more to choose than its seed."""
    usual = argparse.ArgumentParser()
    add_arguments(usual)
    for name in vars(args):
        if name not in ("operation", "seed", "out") and getattr(args, name) != usual.get_default(name):
            option = f"--{name.replace('_', '-')}"
            if option in usual.format_usage():
                raise UserError(f"{option}: fcn shows the trained network as it is; it takes --seed and --out")
    return FlightSimulator(None if args.seed is None else data.Shapes(1, seed=args.seed)[0])


def _laboratory(args: argparse.Namespace) -> Laboratory:
    """Make the page; with numbers of its own unless some are typed, or drawn by a seed."""
    if args.ceil_mode or args.labels is not None:
        option = "--ceil-mode" if args.ceil_mode else "--labels"
        raise UserError(f"{option}: lab begins with a transposed convolution, which has none; choose it in the page")
    plain = args.input is None and args.weight is None and args.seed is None and args.channels == 1
    try:
        if plain and (args.size, args.kernel) == (3, 3):
            x = weight = None
        else:
            x, weight = _numbers(args, "conv-transpose")
        sizes = args.stride, args.padding, args.output_padding, args.dilation
        return Laboratory(x, weight, *sizes, backward=args.backward, mistake=args.mistake or "")
    except ValueError as error:
        raise UserError(f"{_given(args)}: {error}") from None


def _numbers(args: argparse.Namespace, operation: str) -> tuple[np.ndarray, np.ndarray | int]:
    """Give x and the weight: as typed, or else random digits, and a kernel that counts up."""
    rng = np.random.default_rng(args.seed or 0)
    channels = 3 if operation == "cross-entropy" and args.channels == 1 else args.channels
    x = rng.integers(1, 10, (channels, args.size, args.size)).astype(float)
    if args.input is not None:
        x = typed_map(args.input, "--input")
    if operation == "cross-entropy":
        return x, rng.integers(0, len(x), x.shape[1:]) if args.labels is None else _labels(args.labels)
    if operation in ("im2col", "max-pool"):
        if args.weight is not None:
            raise UserError(f"--weight: {operation} has none; its window is --kernel")
        return x, args.kernel
    return x, kernel(args.weight, args.kernel, len(x), 0 if operation == "conv-transpose" else 1)


def _labels(text: str) -> np.ndarray:
    labels = typed_map(text, "--labels")[0]
    if (labels % 1).any():
        raise UserError(f"--labels must be whole numbers, a class for each pixel, got {text!r}")
    return labels.astype(np.int64)


def _given(args: argparse.Namespace) -> str:
    """Say what was asked for."""
    size = f"--size {args.size}" if args.input is None else f'--input "{args.input}"'
    kernel = f'--weight "{args.weight}"' if args.weight is not None else f"--kernel {args.kernel}"
    given = f"{size} {kernel} --stride {args.stride} --padding {args.padding}"
    for name in ("output_padding", "dilation", "channels"):
        if getattr(args, name) != (0 if name == "output_padding" else 1):
            given += f" --{name.replace('_', '-')} {getattr(args, name)}"
    return given
