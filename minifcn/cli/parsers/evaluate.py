"""minifcn evaluate"""

from __future__ import annotations

import argparse

from minifcn.cli import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Measure a trained network: loss, pixel accuracy, mean IoU and more, IoU and accuracy of each class. If the "
        "network sees resized images, its scores are brought to the size of the labels, bilinearly."
    )
    parser.epilog = "Example: minifcn evaluate --checkpoint runs/shapes --split test"
    arguments.add_checkpoint(parser)
    parser.add_argument("--data", metavar="NAME[:PATH]", help=f"{arguments.DATA_SETS} (default: as trained)")
    parser.add_argument("--split", help="(default: that of the validation; all: every image of folder:PATH)")
    parser.add_argument(
        "--size",
        type=arguments.size,
        metavar="HxW",
        help="what the network sees is resized to this (default: as trained)",
    )
    parser.add_argument(
        "--network-size",
        action="store_true",
        help="measure at that size, on labels that are resized to it, as the validation of a training does",
    )
    parser.add_argument("--images", type=arguments.count, metavar="N", help="only the first N images")
    parser.add_argument(
        "--batch-size",
        type=arguments.count,
        metavar="N",
        help="images loaded at a time (default: as trained); each is scored alone, whatever it is",
    )
    arguments.add_workers(parser)
    arguments.add_device(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--confusion",
        nargs="+",
        action="extend",
        default=[],
        type=arguments.path,
        metavar="FILE",
        help="the confusion matrix: its numbers for a .csv, a picture of it for a .png",
    )
