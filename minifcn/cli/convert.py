"""minifcn convert"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from minifcn import export, weights
from minifcn.cli import arguments
from minifcn.data.normalize import PREPROCESSINGS, Preprocessing
from minifcn.errors import UserError
from minifcn.models import FCN, Classifier, TwoHeads
from minifcn.text import counted, did_you_mean
from minifcn.training import build
from minifcn.training.classifiers import open_classifier
from minifcn.training.published import holds_a_run, of_network, open_converted, published, recognition, text_about
from minifcn.weights.outcomes import table


def run(args: argparse.Namespace) -> None:
    """Convert as the arguments say."""
    arguments.check_file("--to", args.to)
    if args.to.suffix.lower() != ".onnx":
        weights.ending_of(args.to)
    _check_preprocessing(args.source_preprocessing)
    found = open_converted(args.file, args.source_preprocessing)
    if args.to.exists() and args.to.samefile(found.source.path):
        raise UserError(f"--to {args.to} is the file itself; choose another name")
    if holds_a_run(args.to):
        raise UserError(
            f"--to {args.to} is a checkpoint, with which a run goes on, and weights alone cannot take its place; "
            f"choose another name, such as {args.to.with_name('weights.npz')}"
        )
    print(f"{found.source.path}: {recognition(found)}")
    print(_indented(table(found.moves)))
    images = f"images: {_seen(found.recognised.preprocessing)}"
    if args.preprocessing == "caffe":
        found = weights.as_caffe(found)
        images += f"; turned into {_seen(found.recognised.preprocessing)}, by the first layer"
    print(_indented(images))
    if args.to.suffix.lower() == ".onnx":
        network = _network(found)
        export.onnx_file.write(args.to, network, text_about(found))
        if isinstance(network, TwoHeads):
            print(f"{args.to}: its scores are those of the semantic classes; it does not give the geometric ones")
    else:
        weights.write(args.to, found.arrays, text_about(found))
    numbers = sum(array.size for array in found.arrays.values())
    print(f"{args.to}: {counted(len(found.arrays), 'array')}, {counted(numbers, 'number')}")


def _network(found: weights.Weights) -> FCN | Classifier:
    """Build the network, whose graph goes into the file too."""
    state = published(found)
    if not state.config.class_names:
        return open_classifier(found)
    state = of_network(state)
    return build.load_model(state.config, state.model, name=str(found.source.path))


def _check_preprocessing(name: str) -> None:
    if name and name not in PREPROCESSINGS:
        near = did_you_mean(name, PREPROCESSINGS)
        raise UserError(f"--source-preprocessing must be one of {', '.join(PREPROCESSINGS)}, but is {name!r}{near}")


def _seen(preprocessing: Preprocessing) -> str:
    """Say what images are made of.

    >>> _seen(PREPROCESSINGS["caffe"])
    'B, G, R minus 104.007, 116.669, 122.679'
    >>> _seen(Preprocessing((1.0, 2.0, 3.0, 7.844), (1.0,) * 4, "bgr", ""))
    'B, G, R minus 3, 2, 1; what is behind them minus 7.844'
    """
    turn = -1 if preprocessing.order == "bgr" else 1
    seen = f"{', '.join('RGB'[::turn])}{_minus(*(numbers[:3][::turn] for numbers in preprocessing[:2]))}"
    behind = _minus(preprocessing.mean[3:], preprocessing.std[3:])
    return f"{seen}; what is behind them{behind}" if preprocessing.mean[3:] else seen


def _minus(*numbers: Sequence[float]) -> str:
    mean, std = (", ".join(f"{n:g}" for n in each) for each in numbers)
    return f" minus {mean}" + ("" if {*numbers[1]} == {1.0} else f", divided by {std}")


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
