"""What lies where in a folder: which of its folders hold images, which hold their masks, and of which split."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from minifcn.data.folder.json_files import is_annotation, is_coco
from minifcn.data.folders import Report, check_folder, listing
from minifcn.data.images import ENDINGS, OTHER_ENDINGS, unread
from minifcn.errors import UserError
from minifcn.text import counted, in_short

# What the names of folders say, in lower case.
_IMAGES = {"images", "image", "imgs", "img", "jpegimages", "photos", "pictures"}
_MASKS = {"masks", "mask", "labels", "label", "annotations", "annotation", "annots", "annot", "groundtruth", "gt"}
_MASKS |= {"segmentationclass", "segmentationclasspng", "segmentation", "segmentations"}
_SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val"}
_SPLITS |= {"dev": "val", "test": "test", "testing": "test"}
_GLUED = re.compile(f"({'|'.join(_SPLITS)})({'|'.join(_MASKS)})")  # trainannot
# The end of a mask's name where it lies beside its image.
BESIDE = re.compile(r"[_\-. ](masks?|labels?|l|seg|segmentation|annotation|annot|gt)$", re.IGNORECASE)
_PUT_MASKS = "put a mask for each into it, as a picture"
FORMS = (
    "images/ with masks/ (or labels/, annotations/; JPEGImages/ with SegmentationClass/), train/images/ with "
    "train/masks/, train/ with train_masks/, or NAME.jpg with NAME_mask.png in one folder"
)


class Part(NamedTuple):
    """The folder of some images and that of their masks, which may be the same.

    Parameters
    ----------
    split : str
        "train", "val", "test", or "" if the folders say nothing about splits.
    images, masks : path
    """

    split: str
    images: Path
    masks: Path


def find_parts(root: Path, report: Report) -> list[Part]:
    """Find the folders of images and masks in a folder, or in those in it.

    Parameters
    ----------
    root : path
    report : callable
        What is told that there is more than one folder where there should be one; the fullest counts then.

    Returns
    -------
    list of Part
        "train" first; or one that has no split.

    Raises
    ------
    UserError
        If there are no images with masks.
    """
    check_folder(root)
    images, masks = _classified(root, report)
    if not masks:
        beside = [Part(split, folder, folder) for split, folder in images.items() if _has_both(folder)]
        if not images and _has_both(root):
            beside = [Part("", root, root)]
        if beside:
            return _ordered(beside)
    if not images or not masks:
        raise UserError(_nothing(root, images, masks))
    for one, other, kind in ((images, masks, "masks"), (masks, images, "images")):
        for split in sorted(one.keys() - other.keys() - {"test"}):  # test images are often given away without masks
            where = ", ".join(str(path.relative_to(root)) + "/" for path in other.values())
            report(f"{one[split]}: the folder has no {kind}, they are in {where}; divide both folders alike")
    parts = [Part(split, folder, masks[split]) for split, folder in images.items() if split in masks]
    if not parts:
        raise UserError(f"{root}: no folder of images goes with a folder of masks; it takes {FORMS}")
    return _ordered(parts)


def folders_without_masks(root: Path) -> dict[str, Path]:
    """Find the folders of images by their splits, or nothing if there are masks.

    Parameters
    ----------
    root : path

    Returns
    -------
    dict of str to path
        The split "" is of images that lie in no folder of a split.
    """
    check_folder(root)
    images, masks = _classified(root, lambda _: None)
    if masks or any(map(_has_both, (root, *images.values()))):
        return {}
    return images or ({"": root} if holds_pictures(root) else {})


def holds_pictures(folder: Path) -> bool:
    """Say if a folder holds a file that is an image by its ending."""
    return any(is_picture(path) for path in listing(folder))


def empty_split(root: Path, split: str) -> Path | None:
    """Find a folder that should hold the images of a split, by its name, and holds none."""
    for folder in _folders(root):
        for path in (folder, *_folders(folder)):
            kind, told = _told(path.relative_to(root))
            if told == split and kind != "masks" and not any(map(holds_pictures, (path, *_folders(path)))):
                return path
    return None


def is_picture(path: Path) -> bool:
    """Say if a file is an image by its ending, even one that is not read, and no hidden one such as ._a.png."""
    return path.suffix.lower() in ENDINGS | OTHER_ENDINGS and not path.name.startswith(".") and not path.is_dir()


def _classified(root: Path, report: Report) -> tuple[dict[str, Path], dict[str, Path]]:
    """The folders of images and of masks by their splits."""
    found: defaultdict[tuple[str, str], list[Path]] = defaultdict(list)
    for folder in _folders(root):
        if not any(_told(folder.relative_to(root))):
            continue  # of another data set, perhaps a large one
        for path in (folder, *_folders(folder)):
            kind, split = _told(path.relative_to(root))
            if (kind or split) and holds_pictures(path):
                found[kind or "images", split].append(path)
    kinds: dict[str, dict[str, Path]] = {"images": {}, "masks": {}}
    for (kind, split), paths in found.items():
        if len(paths) > 1:
            names = " and ".join(f"{path.relative_to(root)}/" for path in paths)
            of = f"{kind} of the split {split}" if split else kind
            report(f"{root}: {names} both look like the {of}; {_leave_one(kind, paths)}")
        kinds[kind][split] = max(paths, key=lambda path: len(listing(path)))
    for folders in kinds.values():
        if "" in folders and len(folders) > 1:
            split = next(name for name in folders if name)
            report(
                f"{folders['']}: the folder holds pictures of no split, but {folders[split].relative_to(root)}/ is one "
                "of a split; move them into the folder of a split"
            )
            folders.pop("")
    return kinds["images"], kinds["masks"]


def _leave_one(kind: str, folders: list[Path]) -> str:
    """What to do with several folders of masks or images: masks of the same names may be those of a class each."""
    names = [{path.name for path in listing(folder) if is_picture(path)} for folder in folders]
    beside = {folder.parent for folder in folders} == {folders[0].parent}
    if kind == "masks" and names[0] & names[1] and beside and not any(_told(Path(path.name))[0] for path in folders):
        return "if each holds the masks of one class, make one mask of them for each image, else leave one of them here"
    return "leave one of them here"


def _folders(folder: Path) -> list[Path]:
    return [path for path in listing(folder) if path.is_dir() and not path.name.startswith(".")]


def _told(path: Path) -> tuple[str, str]:
    """What the names in a relative path say: "images", "masks" or "", and a split or ""."""
    kinds, splits = [], []
    for name in path.parts:
        words = re.split("[_-]", name.lower())
        if glued := _GLUED.fullmatch(name.lower()):
            words = list(glued.groups())
        kinds += [kind for kind, names in (("images", _IMAGES), ("masks", _MASKS)) if names & set(words)]
        splits += [_SPLITS[word] for word in words if word in _SPLITS]
    return kinds[0] if len(set(kinds)) == 1 else "", splits[0] if len(set(splits)) == 1 else ""


def _has_both(folder: Path) -> bool:
    """Whether images and masks lie side by side: NAME.jpg and NAME_mask.png."""
    stems = {path.stem for path in listing(folder) if is_picture(path)}
    return any(BESIDE.sub("", stem) in stems for stem in stems if BESIDE.search(stem))


def _ordered(parts: list[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: (part.split != "train", part.split != "val", part.split))


def _no_drawings(root: Path, folders: Iterable[Path]) -> str:
    """What to say where .json files are not drawings of the images beside them."""
    none = (
        f"{root}: there are images and .json files, but no masks, and no .json file of labelme has the name of an image"
    )
    for folder in folders:
        files = listing(folder)
        stems = {path.stem for path in files if is_picture(path)}
        beside = [path.name for path in files if path.suffix.lower() == ".json" and path.stem in stems]
        if beside:
            are = "is none of labelme's, or damaged" if len(beside) == 1 else "are none of labelme's, or damaged"
            return f"{none} beside it: {in_short(beside)} {are}; save them again in labelme, or add masks"
    return f"{none} beside it; put them into one folder"


def _instead(folder: Path) -> str:
    """Say which files lie in a folder that holds no picture, such as outlines as text."""
    endings = Counter(path.suffix for path in listing(folder) if path.is_file() and path.suffix)
    return f" ({endings.most_common(1)[0][0]} files are not read)" if endings else ""


def _without_pictures(root: Path, kind: str) -> Path | None:
    """The first folder that should hold images, or masks, by its name."""
    return next((path for path in _folders(root) if _told(path.relative_to(root))[0] == kind), None)


def _nothing(root: Path, images: dict[str, Path], masks: dict[str, Path]) -> str:
    """What to say where images or masks are missing."""
    readable = [path for path in _folders(root) if os.access(path, os.R_OK | os.X_OK)]
    files = [path.suffix.lower() for folder in (root, *readable) for path in listing(folder)]
    if masks and holds_pictures(root):
        return (
            f"{root}: the photographs lie beside {next(iter(masks.values())).relative_to(root)}/; move the photographs "
            f"into {root / 'images'}"
        )
    if masks:
        there = next(iter(masks.values())).relative_to(root)
        if empty := _without_pictures(root, "images"):
            return f"{empty}: the folder holds no image, but there are masks in {there}/; put their images into it"
        return f"{root}: there are masks in {there}/, but no folder of images beside it; it takes {FORMS}"
    jsons = [path for folder in (root, *readable) for path in listing(folder) if path.suffix.lower() == ".json"]
    if coco := next(filter(is_coco, jsons), None):
        return f"{coco}: it is of COCO, which is not read; convert it first, to a mask in masks/ for each photograph"
    if any(map(is_annotation, jsons)) and not (ENDINGS | OTHER_ENDINGS) & set(files):
        return (
            f"{root}: there are .json files of labelme, but not the photographs that were drawn on; put these beside "
            "them, with the names of the .json files (what a file holds as imageData is not read)"
        )
    if jsons and ENDINGS & set(files):
        return _no_drawings(root, (root, *readable))
    if ".npy" in files:
        return f"{root}: there are .npy files, but no masks as images; save the masks as PNG, as labelme2voc.py does"
    photographs = {path for folder in (root, *images.values()) for path in listing(folder) if is_picture(path)}
    if photographs and all(map(unread, photographs)):
        return unread(min(photographs))
    named = {path.relative_to(root).parts[0] for path in images.values()}
    inside = [path for path in readable if path.name not in named and any(_classified(path, lambda _: None))]
    whole = root.parent if root.name not in ("", "..") else root.resolve().parent
    both = _classified(whole, lambda _: None)
    if all(both) and any(os.path.samefile(root, path) for folders in both for path in folders.values()):
        return f"{root}: this folder has images or masks alone; did you mean folder:{whole}, which has both?"
    if images and (empty := _without_pictures(root, "masks")):
        there = next(iter(images.values())).relative_to(root)
        return f"{empty}: the folder holds no mask{_instead(empty)}, but there are images in {there}/; {_PUT_MASKS}"
    if photographs and not inside:
        where = " in " + ", ".join(f"{path.relative_to(root)}/" for path in images.values()) if images else ""
        return (
            f"{root}: {counted(len(photographs), 'photograph')}{where}, but no .json file of labelme beside them and "
            f"no masks/: draw them in labelme, or add masks; it takes {FORMS}"
        )
    hint = f"; did you mean folder:{inside[0]}?" if inside else f"; it takes {FORMS}"
    return f"{root}: no images with masks here{hint}"
