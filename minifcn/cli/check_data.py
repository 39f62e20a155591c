"""minifcn check-data"""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np

from minifcn import pictures
from minifcn.cli import arguments
from minifcn.cli.apart import refuse_among_data
from minifcn.cli.output import say
from minifcn.data import Dataset, open_dataset
from minifcn.data.catalogue import usual_splits
from minifcn.data.folders import UnknownSplit
from minifcn.data.inspection import Inspection, inspect
from minifcn.errors import UserError
from minifcn.pictures.colours import visible
from minifcn.text import counted

_EXAMPLES = 6


def run(args: argparse.Namespace) -> int:
    """Check as the arguments say; with --json, what stops the check is a fault in it."""
    _check_out(args)
    try:
        return _check(args)
    except UserError as error:
        if not args.json:
            raise
        nothing = Inspection((), np.zeros((0, 3), np.uint8), 255, {}, faults=[str(error)])
        print(json.dumps({"data": args.data} | nothing.to_dict(), indent=2))
        return 2


def _check(args: argparse.Namespace) -> int:
    faults: list[str] = []
    options = {} if args.inputs == "color" else {"inputs": args.inputs}
    splits = _open(args.data, args.split, faults, **options)
    if args.out:
        refuse_among_data("--out", args.out.parent, splits.values())
    found = Inspection((), np.zeros((0, 3), np.uint8), 255, {})
    if splits:
        found = inspect(splits, examples=_EXAMPLES if args.out else 0, stream=sys.stderr)
    found.faults = [*dict.fromkeys(faults + found.faults)]  # splits have folders and tables in common, and their faults
    if args.json:
        print(json.dumps({"data": args.data} | found.to_dict(), indent=2))
    else:
        print(found)
    if args.out:
        _draw(args, found)
    return 2 if found.faults else 0


def _open(data: str, names: list[str] | None, faults: list[str], **options: str) -> dict[str, Dataset]:
    """Open the splits; of a split that cannot be opened, the reason is a fault, and an error if that is all."""
    splits, reasons = {}, {}
    for name in names or usual_splits(data):
        try:
            splits[name] = open_dataset(data, name, report=faults.append, **options)
        except UnknownSplit as error:
            if names or name != "test":
                reasons[name] = str(error)
        except UserError as error:
            reasons[name] = str(error)
    if not splits and not faults:
        raise UserError(next(iter(reasons.values())))
    faults[:0] = dict.fromkeys(reasons.values())
    return splits


def _check_out(args: argparse.Namespace) -> None:
    if args.out and args.out.suffix.lower() != ".png":
        raise UserError(f"--out must end in .png, but is {args.out}")
    arguments.check_file("--out", args.out)


def _draw(args: argparse.Namespace, found: Inspection) -> None:
    if not found.examples:
        return say(f"{args.out} was not drawn, since no pair can be read")
    shares = {split: counts.shares for split, counts in found.splits.items()}
    palette = visible(found.palette)
    pictures.save_shares(args.out, shares, found.examples, found.class_names, palette, found.ignore_index)
    say(f"{args.out} shows the shares and {counted(len(found.examples), 'pair')}")
