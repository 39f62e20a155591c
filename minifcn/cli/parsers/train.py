"""minifcn train"""

from __future__ import annotations

import argparse

from minifcn.cli import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments; a setting that is absent was not given, and takes that of `Config`."""
    parser.description = (
        "Train a network and leave in a folder: best.npz (highest mean IoU on the validation split), checkpoint.npz "
        "(to --resume from), config.json, images.csv (what it was trained on), log.csv and curves.png, iou.csv and "
        "iou.png (of each class), and of best.npz on the validation split confusion.png, predictions.png and "
        "best_and_worst.png (the images with the highest and the lowest mean IoU)."
    )
    parser.usage = "minifcn train --out DIR [--data NAME[:PATH]] [option ...]"  # all of them would be half a screen
    parser.epilog = "Example: minifcn train --data shapes --epochs 5 --out runs/shapes"
    parser.argument_default = argparse.SUPPRESS  # --resume asks what was given
    parser.set_defaults(resume=False, overwrite=False, staged=False, checkpoint_every=300.0, mpi=False)
    _add_recipe(parser.add_argument_group("recipe"))
    _add_data(parser.add_argument_group("data"))
    _add_network(parser.add_argument_group("network"))
    _add_training(parser.add_argument_group("training"))
    _add_results(parser.add_argument_group("results"))


def _add_recipe(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--recipe",
        metavar="NAME",
        help="settings under a name, such as voc-fcn8s; those given beside it count more (minifcn recipes lists them)",
    )
    group.add_argument(
        "--staged",
        action="store_true",
        help="train FCN-32s first, FCN-16s from it and so on, in folders below DIR, each with --lr 100 times smaller",
    )


def _add_data(group: argparse._ArgumentGroup) -> None:
    size = arguments.size
    group.add_argument("--data", metavar="NAME[:PATH]", help=f"{arguments.DATA_SETS} (default shapes)")
    group.add_argument("--inputs", metavar="NAME", help=arguments.INPUTS)
    group.add_argument("--train-split", metavar="NAME", help="split to train on (default train)")
    group.add_argument("--val-split", metavar="NAME", help="split to validate on (default val)")
    group.add_argument(
        "--val-share",
        type=arguments.number,
        metavar="SHARE",
        help="of folder:PATH without val; 0.2 if left out",
    )
    group.add_argument("--size", type=size, metavar="HxW", help="resize every image (default: as it is)")
    group.add_argument(
        "--longer-side", type=arguments.side, metavar="N", help="scale every image so that this is its longer side"
    )
    group.add_argument("--crop", type=size, metavar="HxW", help="train on random crops of this size")
    group.add_argument("--scale", type=arguments.interval, metavar="LOW,HIGH", help="scale training images at random")
    group.add_argument("--mirror", action="store_true", help="mirror training images at random")
    group.add_argument(
        "--preprocessing",
        metavar="NAME",
        help="imagenet, torchvision, caffe, raw (default imagenet)",
    )
    group.add_argument("--images", type=arguments.whole, metavar="N", help="only the first N images of each split")
    arguments.add_workers(group)
    group.add_argument(
        "--cache",
        type=arguments.memory,
        default=0,
        metavar="SIZE",
        help="memory for images read, such as 2G (default 0)",
    )


def _add_network(group: argparse._ArgumentGroup) -> None:
    number = arguments.number
    group.add_argument("--model", metavar="NAME", help="fcn32s, fcn16s or fcn8s (default fcn8s)")
    group.add_argument("--backbone", metavar="NAME", help=arguments.BACKBONE)
    group.add_argument("--variant", metavar="NAME", help=arguments.VARIANT)
    group.add_argument("--width", type=number, help="factor for all channels (default 0.25)")
    group.add_argument("--dropout", type=number, metavar="P", help="(default 0.5)")
    group.add_argument("--at-once", action="store_true", help="scale pool4 and pool3 down to train all streams")
    group.add_argument(
        "--upsampling",
        metavar="NAME",
        help="fixed (bilinear; default in paper) or learned",
    )
    group.add_argument("--dtype", metavar="NAME", help="float32 or float64 (default float32)")
    group.add_argument(
        "--init",
        type=arguments.path,
        metavar="FILE",
        help="start with the weights of a run, a checkpoint or a published file, as far as they fit (COLOR,HHA for two "
        "streams); its --model, --backbone, --variant and --width hold unless given",
    )
    group.add_argument(
        "--freeze",
        type=arguments.texts,
        action="extend",
        metavar="PATTERN",
        help="do not train these layers, such as 'conv[1-3]_*'; several with commas or repeated",
    )


def _add_training(group: argparse._ArgumentGroup) -> None:
    number, whole = arguments.number, arguments.whole
    group.add_argument("--epochs", type=whole, metavar="N", help="(default 5)")
    group.add_argument("--iterations", type=whole, metavar="N", help="as many --epochs as have N steps")
    group.add_argument(
        "--patience",
        type=whole,
        metavar="N",
        help="stop early, after N epochs without a better mean IoU",
    )
    group.add_argument("--batch-size", type=whole, metavar="N", help="(default 8)")
    group.add_argument(
        "--accumulate",
        type=whole,
        metavar="N",
        help="take a step for N batches (default 1)",
    )
    group.add_argument("--optimizer", metavar="NAME", help="adam, sgd or caffe-sgd (default adam)")
    group.add_argument("--lr", type=number, help="learning rate (default 0.001 for adam, 0.01 for sgd)")
    group.add_argument("--momentum", type=number, help="of sgd (default 0.9)")
    group.add_argument("--weight-decay", type=number, metavar="W", help="(default 0 for adam, 0.0005 for sgd)")
    group.add_argument(
        "--bias-rates",
        metavar="NAME",
        help="doubled, scores or alike (default doubled)",
    )
    group.add_argument(
        "--reduction",
        metavar="NAME",
        help="loss of an image: mean, or batch, a sum (default mean)",
    )
    group.add_argument("--schedule", metavar="NAME", help="constant, or poly, which falls (default constant)")
    group.add_argument(
        "--class-weights",
        metavar="none|balanced|median|FILE",
        help="in the loss (default none); balanced: 1 / pixels; median: median frequency / frequency in the images "
        "where it occurs; FILE: lines CLASS,WEIGHT",
    )
    group.add_argument("--seed", type=whole, help="of all random numbers (default 0)")
    group.add_argument(
        "--recompute",
        action=argparse.BooleanOptionalAction,
        help="compute activations twice: less memory, slower",
    )
    arguments.add_device(group)
    group.add_argument("--mpi", action="store_true", help="share the work with processes of an unknown launcher")


def _add_results(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--out", type=arguments.path, required=True, metavar="DIR", help="folder of the results; made if missing"
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="continue the run in DIR; only --epochs, --patience, --recompute and the PATH of --data may differ",
    )
    group.add_argument("--overwrite", action="store_true", help="replace the run in DIR")
    group.add_argument(
        "--checkpoint-every",
        type=arguments.seconds,
        metavar="SECONDS",
        help="between checkpoints within an epoch (default 300)",
    )
