"""minifcn predict"""

from __future__ import annotations

import argparse

from minifcn.cli import arguments

UNASKED = 2048  # pixels of the longer side that the network sees at most, unless it is told to


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    path = arguments.path
    parser.description = (
        "Segment photographs of any size: the classes are laid over each in their colours, with a legend. The network "
        "sees each photograph so that its longer side is that of --size in training; without --size in training, as it "
        f"is; and in both cases {UNASKED} pixels at most, which bounds the memory."
    )
    parser.epilog = "Example: minifcn predict street.jpg --checkpoint runs/camvid/best.npz --out overlay.png"
    parser.add_argument("photos", nargs="+", type=path, metavar="PHOTO", help="image files, such as JPEG or PNG")
    arguments.add_checkpoint(parser)
    parser.add_argument("--out", type=path, required=True, metavar="PNG", help="the overlay, or a folder of them")
    parser.add_argument("--label", type=path, metavar="PNG", help="also write the classes as an index PNG (or folder)")
    parser.add_argument("--alpha", type=arguments.fraction, default=0.5, help="strength of the colours (default 0.5)")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--size", type=arguments.size, metavar="HxW", help="what the network sees is resized to this")
    size.add_argument(
        "--longer-side", type=arguments.side, metavar="N", help="it is scaled so that this is its longer side"
    )
    size.add_argument(
        "--full-size",
        action="store_true",
        help="the network sees the photograph as it is, however much memory that takes",
    )
    arguments.add_device(parser)
