"""minifcn predict"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from minifcn import pictures
from minifcn.backend import to_host, use_device
from minifcn.backend.launchers import launched
from minifcn.cli import generated, output, photographs, targets
from minifcn.cli.parsers.predict import UNASKED
from minifcn.data import read_image
from minifcn.data.labels import PREDICTED
from minifcn.data.transforms import with_longer_side
from minifcn.errors import UserError
from minifcn.files import atomic_write
from minifcn.models import FCN
from minifcn.pictures.colours import visible
from minifcn.progress import Progress
from minifcn.text import counted, shortened
from minifcn.training import Config, Tiling, build, checkpoint
from minifcn.training.prediction import score_blocks
from minifcn.training.probabilities import probability_file
from minifcn.training.published import open_network


def run(args: argparse.Namespace) -> int:
    """Predict as the arguments say."""
    rank, processes = launched()
    if processes > 1:  # all of them would write the same files
        if rank:
            return 2
        raise UserError("predict is the work of one process; start it without a launcher such as mpiexec")
    device = use_device(args.device, args.precision)
    if args.overlap is not None and args.tile is None:
        raise UserError("--overlap is of tiles; give --tile too, such as --tile 512")
    photos, read = _pictures(args)
    planned = targets.plan(args, photos)
    segmenter = _Segmenter(args, read, *_network(args, device))
    shares: list[tuple[str, np.ndarray]] = []
    started = time.monotonic()
    try:
        with Progress("predict", len(photos), 0, sys.stderr) as progress, pictures.signed(PREDICTED):
            for photo, target in zip(photos, planned, strict=True):
                try:
                    shares.append((str(photo), segmenter.segment(photo, target, progress)))
                    if len(shares) == 1:  # a mistake is one line
                        with progress.aside():
                            output.say(f"{args.checkpoint or generated.NETWORK} {knows(segmenter.config)}")
                except (UserError, MemoryError) as error:
                    if len(photos) == 1:
                        raise
                    with progress.aside():
                        output.say(str(error) if isinstance(error, UserError) else f"{photo}: {NO_MEMORY}")
                progress.advance(f"{len(shares) / (time.monotonic() - started):.2g} images/s")
    finally:  # what is done is kept, whatever ends the work
        if args.shares and shares:
            _save_shares(args.shares, shares, segmenter.config.class_names)
    output.say(_summary(len(shares), len(photos), time.monotonic() - started))
    if left_out := photographs.left_out(args.photos):
        output.say(left_out)
    if note := segmenter.note():
        output.say(note)
    return 0 if len(shares) == len(photos) else 1 if shares else 2


_NAMES, _LETTERS = 8, 24  # of the classes that are named
NO_MEMORY = "not enough memory for this photograph; choose --tile 512, or a smaller --longer-side"


def _pictures(args: argparse.Namespace) -> tuple[list[Path], Callable[[Path], np.ndarray]]:
    """Find what is to be segmented, and what reads it: photographs, or generated pictures."""
    if args.data is None:
        if args.images is not None:
            raise UserError("--images counts generated pictures; give --data shapes too, or leave it out")
        if not args.photos:
            raise UserError("predict: name the photographs, or give --data shapes for generated pictures")
        if args.checkpoint is None:
            raise UserError(
                "predict: --checkpoint is missing; the network of the package knows generated pictures only "
                "(--data shapes), and would say nothing true about photographs"
            )
        return photographs.find(args.photos), read_image
    if args.photos:
        raise UserError(f"predict: --data shapes takes the place of photographs; leave out {args.photos[0]}")
    drawn = generated.draw(args.data, args.images or 4)
    return list(drawn), drawn.__getitem__


def _network(args: argparse.Namespace, device: str) -> tuple[FCN, Config]:
    """Load the network of the checkpoint, or else that of the package; and the settings that it was trained with."""
    if args.checkpoint is None:
        return generated.network(device)
    path = checkpoint.file_of(args.checkpoint)
    state = open_network(path)
    if state.config.channels > 3:
        raise UserError(
            f"{path} is a network of {state.config.inputs}, {state.config.channels} channels, and a photograph has "
            "three; minifcn evaluate takes it, with --data nyud:PATH"
        )
    return build.load_model(state.config, state.model, device, name=str(path)), state.config


class _Segmenter:
    """A network, and how the arguments want it to be used."""

    def __init__(self, args: argparse.Namespace, read: Callable[[Path], np.ndarray], model: FCN, config: Config):
        self.args, self.read, self.model, self.config = args, read, model, config
        self.palette = np.array(self.config.palette, np.uint8)
        self.normalize = build.normalizing(self.config)
        self.tiling = Tiling.of(self.model, args.tile, args.overlap, args.scales) if args.tile else None
        self.largest = 0  # side that the network was shown

    def segment(self, photo: Path, target: targets.Target, progress: Progress) -> np.ndarray:
        """Write the results of a photograph; gives the share of each class."""
        image, args, names = self.read(photo), self.args, self.config.class_names
        height, width = image.shape[:2]
        size = seen((height, width), self.config, args)
        self.largest = max(self.largest, *size)
        label, counts = np.empty((height, width), np.uint8), np.zeros(len(names), int)
        sight = {"size": size, "scales": args.scales, "mirror": args.mirror, "tiling": self.tiling}
        target.make_folders()
        wanted = target.probabilities
        with probability_file(wanted, (height, width), names) if wanted else nullcontext() as add:
            for block in score_blocks(self.model, image, self.normalize, **sight):
                label[block.place] = best = to_host(block.scores.argmax(axis=0))
                counts += np.bincount(best.ravel(), minlength=len(names))
                if add is not None:
                    add(block)
                if counts.sum() < label.size:
                    progress.linger(f"{counts.sum() / label.size:.0%} of {photo.name}")
        if target.out:
            options = {"alpha": args.alpha, "with_legend": not args.no_legend}
            pictures.save_overlay(target.out, image, label, names, visible(self.palette), **options)
        if target.label:
            pictures.save_label(target.label, label, self.palette)
        return counts / label.size

    def note(self) -> str:
        """Say what tiles did to the result, if it is not what one would expect."""
        if self.tiling is None:
            return ""
        if self.largest <= self.tiling.tile:
            return (
                f"--tile {self.tiling.tile} changed nothing: the network saw no side of more than {self.largest} pixels"
                + (
                    "; --full-size shows it the photographs as they are"
                    if self.config.size or self.config.longer_side
                    else ""
                )
            )
        if self.tiling.exact:
            return ""
        tile, exact, stride = self.tiling.tile, 2 * self.tiling.margin, max(self.tiling.stride)
        larger = "" if tile >= exact + stride else f"--tile {exact + 8 * stride} "
        return (
            f"up to {exact // 2} pixels from a border of a tile, scores are not quite those of the whole photograph; "
            f"with {larger}--overlap {exact} they are"
        )


def knows(config: Config) -> str:
    """Say what a network knows: somebody who took the wrong one is to see it.

    >>> knows(Config(class_names=("road", "car"), palette=((128, 64, 128), (0, 0, 142)), longer_side=512))
    'knows road, car (2 classes), trained on images with a longer side of 512'
    """
    names = [shortened(name, _LETTERS) for name in config.class_names[:_NAMES]]
    names += ["..."] * (len(config.class_names) > _NAMES)
    what = ""
    if config.crop:
        what = ", trained on crops of {} x {}".format(*reversed(config.crop))
    elif config.size:
        what = ", trained on images of {} x {}".format(*reversed(config.size))
    elif config.longer_side:
        what = f", trained on images with a longer side of {config.longer_side}"
    return f"knows {', '.join(names)} ({counted(len(config.class_names), 'class', 'classes')}){what}"


def seen(size: tuple[int, int], config: Config, args: argparse.Namespace) -> tuple[int, int]:
    """Give the size at which the network sees a photograph of this size."""
    if args.full_size or args.size:
        return args.size or size
    trained = config.longer_side or max(config.size or size)
    return with_longer_side(size, args.longer_side or (trained if args.tile else min(UNASKED, trained)))


def _save_shares(path: Path, shares: Sequence[tuple[str, np.ndarray]], class_names: Sequence[str]) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["image", *class_names])
    for name, row in shares:
        table.writerow([name, *(f"{share:.6f}" for share in row)])
    with atomic_write(path) as file:
        file.write(text.getvalue().encode("utf-8", "surrogateescape"))


def _summary(done: int, of: int, seconds: float) -> str:
    if not done:
        return f"none of {of} images could be segmented; see above"
    number = f"{done} image{'s' * (done != 1)}" if done == of else f"{done} of {of} images"
    failed = "" if done == of else f"; {of - done} failed, see above"
    return f"{number} in {seconds:.1f} s ({done / seconds:.2g} images/s){failed}"
