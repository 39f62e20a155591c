"""minifcn predict"""

from __future__ import annotations

import argparse
import os
import unicodedata
from pathlib import Path

import numpy as np

from minifcn import pictures
from minifcn.backend import use_device
from minifcn.cli import arguments
from minifcn.cli.parsers.predict import UNASKED
from minifcn.data import Normalize, read_image
from minifcn.errors import UserError
from minifcn.files import remove_leftovers
from minifcn.training import Config, checkpoint, recipe
from minifcn.training.prediction import predict


def run(args: argparse.Namespace) -> None:
    """Predict as the arguments say."""
    device = use_device(args.device, args.precision)
    overlays = _targets(args.photos, args.out, "--out")
    labels = _targets(args.photos, args.label, "--label") if args.label else [None] * len(args.photos)
    _refuse_overwriting(args, overlays, [path for path in labels if path])
    state = checkpoint.load(args.checkpoint)
    config, palette = state.config, np.array(state.config.palette, np.uint8)
    model = recipe.load_model(config, state.model, device, name=str(args.checkpoint))
    normalize = Normalize(config.mean, config.std)
    for folder in {path.parent for path in (*overlays, *labels) if path}:
        remove_leftovers(folder)
    for photo, overlay_path, label_path in zip(args.photos, overlays, labels, strict=True):
        image = read_image(photo)
        size = _seen(image.shape[:2], config, args)
        label = predict(model, image, normalize, size=size)
        overlay_path.parent.mkdir(parents=True, exist_ok=True)
        pictures.save_overlay(overlay_path, image, label, config.class_names, palette, alpha=args.alpha)
        if label_path is not None:
            label_path.parent.mkdir(parents=True, exist_ok=True)
            pictures.save_label(label_path, label, palette)


def _targets(photos: list[Path], target: Path, name: str) -> list[Path]:
    """Give the path of each photograph's result: `target` itself if it is a .png, else files in the folder `target`."""
    if target.is_dir() or not target.suffix:
        if target.exists() and not target.is_dir():
            raise UserError(f"{name} must end in .png or be a folder, but {target} is a file")
        return [target / f"{photo.stem}.png" for photo in photos]
    if target.suffix.lower() == ".png" and len(photos) == 1:
        return [target]
    wanted = "end in .png or be a folder" if len(photos) == 1 else f"be a folder for {len(photos)} photos"
    raise UserError(f"{name} must {wanted}, but is {target}")


def _refuse_overwriting(args: argparse.Namespace, overlays: list[Path], labels: list[Path]) -> None:
    """Refuse, before any work, results that would be one file, or would replace what is read."""
    read = {_identity(photo): "the photograph itself" for photo in args.photos}
    read[_identity(args.checkpoint)] = "the checkpoint itself"
    written: dict[tuple[str, ...], str] = {}
    for name, paths in (("--out", overlays), ("--label", labels)):
        for path in paths:
            arguments.check_folder(name, path.parent)
            key = _identity(path)
            if key in read:
                raise UserError(f"{name} {path} would replace {read[key]}; choose another place")
            if written.get(key) == name:
                raise UserError(f"{name} {path}: two photos have the same name, their results would be one file")
            if key in written:
                raise UserError(f"{name} {path} is a file of {written[key]} as well; choose another place")
            written[key] = name


def _identity(path: Path) -> tuple[str, ...]:
    """Give what two names of one file have in common: through links, and where A and a are one letter to the disk.

    Two files whose names differ in capitals only are taken for one: not every disk that they may be copied to can
    hold both.
    """
    return tuple(unicodedata.normalize("NFC", part).casefold() for part in Path(os.path.realpath(path)).parts)


def _seen(size: tuple[int, ...], config: Config, args: argparse.Namespace) -> tuple[int, ...]:
    """Give the size at which the network sees a photograph of this size."""
    if args.full_size or args.size:
        return args.size or size
    longer = args.longer_side or min(UNASKED, max(config.size or size))
    return tuple(max(1, round(side * longer / max(size))) for side in size)
