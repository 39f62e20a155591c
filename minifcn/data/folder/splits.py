"""Which pairs are for training and which for validation: by subfolders, by list files, or drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minifcn.data.folder.pairs import folded
from minifcn.data.folders import ImageAndLabel, Report, listing
from minifcn.data.lists import read_lines
from minifcn.data.paths import no_file
from minifcn.errors import UserError
from minifcn.text import counted, counted_of

VAL_SHARE = 0.2
_PLACES = ("", "ImageSets/Segmentation", "ImageSets", "splits")
_NAMES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test", "trainval": "trainval"}


class Drawing(NamedTuple):
    """How the validation images are drawn where the folder does not say which they are.

    Parameters
    ----------
    share : float or None
        Of all images; 0 draws none. None is `VAL_SHARE`, and also fits a folder that has a validation split.
    seed : int
    names : tuple of str
        The names of the images that an earlier run drew, without their endings: these and no others.
    """

    share: float | None = None
    seed: int = 0
    names: tuple[str, ...] = ()


class Splits(NamedTuple):
    """The pairs of each split.

    Parameters
    ----------
    pairs : dict of str to list of (image path, mask path)
    how : str
        How they were found, for people.
    drawn : tuple of str
        The names of the validation images that were drawn; empty if the folder says which they are.
    unlisted : tuple of path
        The images that no list names, where there are lists.
    """

    pairs: dict[str, list[ImageAndLabel]]
    how: str
    drawn: tuple[str, ...] = ()
    unlisted: tuple[Path, ...] = ()


def divide(root: Path, parts: dict[str, list[ImageAndLabel]], wanted: str, drawing: Drawing, report: Report) -> Splits:
    """Divide the pairs of a folder into splits.

    Parameters
    ----------
    root : path
    parts : dict of str to list of pairs
        The pairs that lie in folders of a split; or all, as the split "".
    wanted : str
        The split that is asked for; for another one than train and val nothing is drawn.
    drawing : Drawing
    report : callable
        What is told each line of a list that names no image, or one that another line names.

    Returns
    -------
    Splits

    Raises
    ------
    UserError
        If a share is given though nothing is drawn, or if the images of an earlier drawing are gone.
    """
    unlisted: tuple[Path, ...] = ()
    every = [pair for pairs in parts.values() for pair in pairs]
    if wanted == "all":
        return Splits({"all": every}, "")
    if "" in parts:
        lists = _lists(root, report)
        pairs = _listed(lists, parts[""], report)
        if not any(pairs.values()):  # no list, or what was reported already
            lists, pairs = {}, {"train": parts[""]}
        listed = {image for found in pairs.values() for image, _ in found}
        unlisted = tuple(image for image, _ in parts[""] if image not in listed)
        how = f"listed in {', '.join(path.name for path in lists.values())}" if lists else ""
    else:
        pairs, how = dict(parts), "by subfolders"
    if "train" not in pairs:
        raise UserError(
            f"{root}: there is no split train, but {', '.join(sorted(pairs))} {how}; name the images to train on in "
            "train.txt, or put them into a folder train"
        )
    if drawing.share == 0 or (wanted not in ("train", "val") and wanted in pairs):
        return Splits(pairs, how, (), unlisted)
    names = {folded(image.stem) for image, _ in every}
    ours = any(folded(name) in names for name in drawing.names)  # else another data set is looked at
    if "val" not in pairs or ours:
        pairs, how, drawn = _draw(root, pairs, how, drawing, report)
        return Splits(pairs, how, drawn, unlisted)
    if drawing.share is not None:
        raise UserError(
            f"--val-share is {drawing.share:g}, but {root} has a validation split, {how}; leave --val-share out, or "
            "remove the split"
        )
    return Splits(pairs, how, (), unlisted)


def _draw(
    root: Path, pairs: dict[str, list[ImageAndLabel]], how: str, drawing: Drawing, report: Report
) -> tuple[dict[str, list[ImageAndLabel]], str, tuple[str, ...]]:
    every = pairs["train"]
    if drawing.names:
        val = _as_drawn(root, every, drawing.names)
        how = f"{how}; val as the run drew it" if how else "val as the run drew it"
    else:
        share = VAL_SHARE if drawing.share is None else drawing.share
        if not 0 < share < 1:
            raise UserError(f"{root}: the share that is drawn for validation is between 0 and 1, but is {share:g}")
        if len(every) < 2:
            report(f"{root}: training and validation need an image each, but there is {len(every)}; add images")
        count = max(0, min(max(1, round(share * len(every))), len(every) - 1))
        order = np.random.default_rng(drawing.seed).permutation(len(every))
        val = sorted(order[:count].tolist())
        drawn = f"drawn at random, --val-share {share:g}" + (f", --seed {drawing.seed}" if drawing.seed else "")
        how = f"{how}; val {drawn}" if how else drawn  # alone it stands behind the count of val
    chosen = set(val)
    train = [pair for index, pair in enumerate(every) if index not in chosen]
    divided = pairs | {"train": train, "val": [every[index] for index in val]}
    return divided, how, tuple(every[index][0].stem for index in val)


def _as_drawn(root: Path, pairs: Sequence[ImageAndLabel], names: Sequence[str]) -> list[int]:
    places = {folded(image.stem): index for index, (image, _) in enumerate(pairs)}
    missing = [name for name in names if folded(name) not in places]
    if missing:
        are, them = ("are not there, the first is", "them") if len(missing) > 1 else ("is not there,", "it")
        raise UserError(
            f"{root}: {counted_of(len(missing), len(names), 'image')} that the run was validated on {are} "
            f"{missing[0]}; put {them} back, or take the split all for other images"
        )
    return [places[folded(name)] for name in names]


def _lists(root: Path, report: Report) -> dict[str, Path]:
    """The list files of the splits, all from one place."""
    found: dict[str, dict[str, Path]] = {}
    for place in _PLACES:
        folder = root / place
        if not folder.is_dir():
            continue
        named = {_NAMES[path.stem.lower()]: path for path in listing(folder) if is_list(path)}
        if named:
            found[place] = named
    if len(found) > 1:
        first, second = (next(iter(lists.values())).relative_to(root) for lists in list(found.values())[:2])
        report(f"{root}: {first} and {second} are both lists of a split; leave the lists of one folder")
    return next(iter(found.values()), {})


def is_list(path: Path) -> bool:
    """Say if a file is read as the list of a split, by its name.

    >>> is_list(Path("train.txt")), is_list(Path("train.csv"))
    (True, False)
    """
    return path.suffix.lower() == ".txt" and path.stem.lower() in _NAMES


def _listed(lists: dict[str, Path], pairs: Sequence[ImageAndLabel], report: Report) -> dict[str, list[ImageAndLabel]]:
    by_name = {folded(image.stem): (image, mask) for image, mask in pairs}
    splits: dict[str, list[ImageAndLabel]] = {}
    seen: dict[str, tuple[str, str]] = {}
    for split, path in lists.items():
        splits[split] = []
        if why := no_file(path, "a list of images"):
            report(why)
            continue
        lines = [(number, line, _named(line, by_name)) for number, line in read_lines(path)]
        if lines and not any(name for _, _, name in lines):
            report(f"{path}: none of its {counted(len(lines), 'line')} names an image; is it a list of images?")
            continue
        for number, line, name in lines:
            here = f"{path}: line {number}"
            if name is None:
                report(
                    f"{here}: there is no image with a mask that has the name {line[:80]!r}; mend or remove the line"
                )
                continue
            other, before = seen.get(name, ("", ""))
            if other == split or (other and "trainval" not in (split, other)):
                report(f"{here}: {line!r} is in {before} as well; an image is in one split, once")
                continue
            seen[name] = (split, f"{path.name}, line {number}")
            splits[split].append(by_name[name])
        if not lines:
            report(f"{path}: the list names no images; write one name a line, or remove the file")
    return splits


def _named(line: str, by_name: dict[str, ImageAndLabel]) -> str | None:
    """The name that a line means: NAME, NAME.jpg, images/NAME.jpg, or two paths of image and mask."""
    for text in (line, line.split()[0]):
        last = text.replace("\\", "/").rpartition("/")[2]
        for name in (folded(last), folded(Path(last).stem)):
            if name in by_name:
                return name
    return None
