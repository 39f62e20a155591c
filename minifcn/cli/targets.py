"""Where a command puts the results of photographs: checked before any work, so that nothing is lost or replaced."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from minifcn.cli import arguments, photographs
from minifcn.cli.written import refuse_joining, refuse_replacing
from minifcn.data.images import ENDINGS as ENDINGS_OF_IMAGES
from minifcn.errors import UserError
from minifcn.files import remove_leftovers
from minifcn.training import checkpoint

ENDINGS = {"out": ".png", "label": ".png", "probabilities": ".npz"}  # a file of each photograph, by their options


@dataclass(frozen=True)
class Target:
    """Where the results of one photograph go.

    Parameters
    ----------
    out, label, probabilities : path or None
        None where the result is not wanted.
    """

    out: Path | None
    label: Path | None
    probabilities: Path | None

    def make_folders(self) -> None:
        """Make the folders that are missing."""
        for path in (self.out, self.label, self.probabilities):
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)


def plan(args: argparse.Namespace, photos: Sequence[Path]) -> list[Target]:
    """Say where the results of each photograph go, as the options --out, --label, --probabilities and --shares say.

    Raises
    ------
    UserError
        If a file cannot be made there, or would replace what is read, another result, or a file that is no result; or
        if it would be among the pictures of others.
    """
    wanted = {name: getattr(args, name) for name in (*ENDINGS, "shares")}
    if not any(wanted.values()):
        options = ", ".join(f"--{name}" for name in wanted)
        raise UserError(f"no result was asked for; give at least one of {options}")
    names = photographs.distinct(photos)
    paths = {name: _paths(names, wanted[name], name) for name in ENDINGS}
    tables = [args.shares] if args.shares else []
    if args.shares and args.shares.suffix.lower() != ".csv":
        raise UserError(f"--shares must end in .csv, but is {args.shares}")
    arguments.check_file("--shares", args.shares)
    _refuse_among_photographs((place for name in args.photos if (place := photographs.all_of(name))), paths)
    files = [] if args.data else photos  # what is generated is in no folder
    _refuse_overwriting(files, args.checkpoint, paths | {"shares": tables})
    # One picture whose name was given may be beside its photograph.
    named_here = {name: some for name, some in paths.items() if some != [wanted[name]]}
    _refuse_among_photographs((photo.parent for photo in files), named_here)
    for name, some in (paths | {"shares": tables}).items():
        refuse_replacing(f"--{name}", some)
    for name, some in named_here.items():
        refuse_joining(f"--{name}", [path for path in some if path.suffix.lower() in ENDINGS_OF_IMAGES])
    for folder in {path.parent for some in (*paths.values(), tables) for path in some}:
        remove_leftovers(folder)
    none = [None] * len(photos)
    return [Target(*three) for three in zip(*(paths[name] or none for name in ENDINGS), strict=True)]


def _paths(names: Sequence[str], target: Path | None, option: str) -> list[Path]:
    """Give the path of each photograph's result: `target` itself if it has the ending, else files in that folder."""
    if target is None:
        return []
    ending = ENDINGS[option]
    if target.is_dir() or not target.suffix:
        if target.exists() and not target.is_dir():
            raise UserError(f"--{option} must end in {ending} or be a folder, but {target} is a file")
        return [target / f"{name}{ending}" for name in names]
    if target.suffix.lower() == ending and len(names) == 1:
        return [target]
    wanted = f"end in {ending} or be a folder" if len(names) == 1 else f"be a folder for {len(names)} photos"
    raise UserError(f"--{option} must {wanted}, but is {target}")


def _refuse_overwriting(photos: Sequence[Path], run: Path | None, paths: dict[str, list[Path]]) -> None:
    """Refuse results that would be one file, or would replace what is read."""
    read = {_identity(photo): "the photograph itself" for photo in photos}
    if run is not None:
        read |= {_identity(path): "the checkpoint itself" for path in (run, checkpoint.file_of(run))}
    written: dict[str, str] = {}
    for name, some in paths.items():
        for folder in {path.parent for path in some}:
            arguments.check_folder(f"--{name}", folder)
        for path in some:
            key = _identity(path)
            if key in read:
                raise UserError(f"--{name} {path} would replace {read[key]}; choose another place")
            if key in written:
                raise UserError(f"--{name} {path} is a file of --{written[key]} as well; choose another place")
            written[key] = name


def _refuse_among_photographs(places: Iterable[Path], paths: dict[str, list[Path]]) -> None:
    """Refuse pictures in folders of photographs: the next command on one would take them for photographs."""
    read = {_identity(place) for place in places}
    for name, some in paths.items():
        for folder in {path.parent for path in some if path.suffix.lower() in ENDINGS_OF_IMAGES}:
            if _identity(folder) in read:
                raise UserError(
                    f"--{name} {folder} is a folder of the photographs: the next time, the results would be taken for "
                    f"photographs; choose another folder, such as {folder / name}"
                )


def _identity(path: Path) -> str:
    """Give what two names of one file have in common: through links, and where A and a are one letter to the disk."""
    return photographs.identity(os.path.realpath(path))
