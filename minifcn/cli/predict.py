"""minifcn predict"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from minifcn import pictures
from minifcn.backend import use_device
from minifcn.cli import arguments
from minifcn.data import Normalize, read_image
from minifcn.errors import UserError
from minifcn.training import Config, checkpoint, recipe
from minifcn.training.evaluate import predict


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "predict",
        help="segment photographs",
        description="Segment photographs of any size: the classes are laid over each in their colours, with a legend. "
        "The network sees the photograph scaled so that its longer side is that of the training images.",
        epilog="Example: minifcn predict street.jpg --checkpoint runs/camvid/best.npz --out overlay.png",
    )
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="image files, such as JPEG or PNG")
    arguments.add_checkpoint(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="PNG", help="the overlay, or a folder of them")
    parser.add_argument("--label", type=Path, metavar="PNG", help="also write the classes as an index PNG (or folder)")
    parser.add_argument("--alpha", type=arguments.fraction, default=0.5, help="strength of the colours (default 0.5)")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--size", type=arguments.size, metavar="HxW", help="what the network sees is resized to this")
    size.add_argument("--full-size", action="store_true", help="the network sees the photograph as it is")
    arguments.add_device(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Predict as the arguments say."""
    device = use_device(args.device, args.precision)
    state = checkpoint.load(args.checkpoint)
    config, palette = state.config, np.array(state.config.palette, np.uint8)
    overlays = _targets(args.photos, args.out, "--out")
    labels = _targets(args.photos, args.label, "--label") if args.label else [None] * len(args.photos)
    model = recipe.load_model(config, state.model, device)
    normalize = Normalize(config.mean, config.std)
    for photo, overlay_path, label_path in zip(args.photos, overlays, labels, strict=True):
        image = read_image(photo)
        size = image.shape[:2] if args.full_size else args.size or _training_scale(image.shape[:2], config)
        label = predict(model, image, normalize, size=size, device=device, dtype=config.dtype)
        overlay_path.parent.mkdir(parents=True, exist_ok=True)
        pictures.save_overlay(overlay_path, image, label, config.class_names, palette, alpha=args.alpha)
        if label_path is not None:
            label_path.parent.mkdir(parents=True, exist_ok=True)
            pictures.save_label(label_path, label, palette)


def _targets(photos: list[Path], target: Path, name: str) -> list[Path]:
    """Give the path of each photograph's result: `target` itself if it is a .png, else files in the folder `target`."""
    if target.is_dir() or not target.suffix:
        paths = [target / f"{photo.stem}.png" for photo in photos]
    elif target.suffix.lower() == ".png" and len(photos) == 1:
        paths = [target]
    else:
        wanted = "end in .png or be a folder" if len(photos) == 1 else f"be a folder for {len(photos)} photos"
        raise UserError(f"{name} must {wanted}, but is {target}")
    if len(set(paths)) < len(paths):
        raise UserError(f"{name} {target}: two photos have the same name, so that their results would be one file")
    originals = {photo.resolve() for photo in photos}
    for path in paths:
        if path.resolve() in originals:
            raise UserError(f"{name} {path} would replace the photograph itself; choose another place")
    return paths


def _training_scale(size: tuple[int, ...], config: Config) -> tuple[int, ...]:
    """Scale a size so that its longer side is that of the training images."""
    scale = max(config.size) / max(size) if config.size else 1.0
    return tuple(max(1, round(side * scale)) for side in size)
