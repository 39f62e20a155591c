"""minifcn predict"""

from __future__ import annotations

import argparse

from minifcn.cli import arguments

UNASKED = 2048  # pixels of the longer side that the network sees at most, unless it is told to


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Segment photographs. Ask for one result or several: an overlay, the classes, their probabilities, their "
        "shares. A photograph that cannot be read is named and left out; exit status 1 then."
    )
    parser.epilog = (
        "Example: minifcn predict photos '*.jpg' --checkpoint runs/camvid --out overlays --shares shares.csv"
    )
    parser.add_argument(
        "photos",
        nargs="*",
        type=arguments.path,
        metavar="PHOTO",
        help="image files such as JPEG or PNG, of at most 80 megapixels; folders of them; patterns such as "
        "'photos/**/*.jpg'",
    )
    parser.add_argument(
        "--data",
        metavar="shapes",
        help="instead of photographs: generated pictures that no network was trained on",
    )
    parser.add_argument("--images", type=arguments.count, metavar="N", help="how many of them, at most 100 (default 4)")
    arguments.add_checkpoint(
        parser, unless="; may be left out with --data shapes, which a network of the package knows"
    )
    _add_results(parser.add_argument_group("results", "of several photographs in folders, by the names of the files"))
    _add_sight(
        parser.add_argument_group(
            "what the network sees",
            "Unless told otherwise, each photograph so that its longer side is that of --size or --longer-side in "
            f"training; without them, as it is; and without --tile, {UNASKED} pixels at most, which bounds the memory. "
            "The scores are brought back to the photograph bilinearly.",
        )
    )
    arguments.add_device(parser)


def _add_results(group: argparse._ArgumentGroup) -> None:
    path = arguments.path
    group.add_argument("--out", type=path, metavar="PNG", help="the classes laid over the photograph in their colours")
    group.add_argument("--alpha", type=arguments.fraction, default=0.5, help="strength of the colours (default 0.5)")
    group.add_argument("--no-legend", action="store_true", help="the overlay alone, in the size of the photograph")
    group.add_argument("--label", type=path, metavar="PNG", help="the index of each pixel's class, with a palette")
    group.add_argument(
        "--probabilities",
        type=path,
        metavar="NPZ",
        help="softmax of the scores: probabilities, float16 of (height, width, classes), and class_names",
    )
    group.add_argument(
        "--shares", type=path, metavar="CSV", help="one table: the share of each class in each photograph"
    )


def _add_sight(group: argparse._ArgumentGroup) -> None:
    size = group.add_mutually_exclusive_group()
    size.add_argument("--size", type=arguments.size, metavar="HxW", help="the photograph is resized to this")
    size.add_argument("--longer-side", type=arguments.side, metavar="N", help="it is scaled to this longer side")
    size.add_argument("--full-size", action="store_true", help="it is seen as it is; a large one needs --tile")
    group.add_argument(
        "--tile",
        type=arguments.side,
        metavar="N",
        help="the network sees squares of N pixels, one after the other: the memory is bounded whatever the size",
    )
    group.add_argument(
        "--overlap",
        type=arguments.from_0,
        metavar="N",
        help="pixels that a tile shares with the next, in which one fades into the other (default: twice as many as "
        "the network sees to one side, at most half a tile). Twice as many, 298 for FCN-8s, gives the scores of the "
        "whole photograph; with less, they differ near the borders of tiles",
    )
    group.add_argument(
        "--scales",
        type=arguments.scales,
        default=(1.0,),
        metavar="S,S",
        help="the network sees it at each of these scales, such as 0.75,1,1.25, and the scores are averaged",
    )
    group.add_argument("--mirror", action="store_true", help="it also sees it in the mirror, averaged likewise")
