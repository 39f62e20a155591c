"""minifcn convert"""

from __future__ import annotations

import argparse

from minifcn.cli import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Turn a file of weights into another format, with minifcn's names and layout: of Caffe (.caffemodel), "
        "torchvision, timm and the lecture (.pth, .safetensors), Chainer (.npz), MatConvNet (.mat) and Keras (.h5, "
        ".keras), or of a run of minifcn. Says what the file was recognised as, and what became of every array. No "
        "code in it is executed."
    )
    parser.epilog = "Example: minifcn convert VGG_ILSVRC_16_layers.caffemodel --to vgg16.npz"
    parser.add_argument("file", type=arguments.path, metavar="FILE", help="the weights; or the folder of a run")
    parser.add_argument(
        "--to",
        type=arguments.path,
        required=True,
        metavar="FILE",
        help="what to write: .npz, which --init and --checkpoint take, .safetensors, .pth for PyTorch, or .onnx",
    )
    parser.add_argument(
        "--preprocessing",
        choices=["caffe"],
        help="caffe: turn the first layer into one for images of B, G, R minus the mean; the scores stay the same",
    )
    parser.add_argument(
        "--source-preprocessing",
        default="",
        metavar="imagenet|torchvision|caffe|raw",
        help="what images were made of for these weights, where the file does not tell",
    )
