"""NYUDv2: rooms in colour and depth, in the files that the reference implementation was trained on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minifcn.data.folders import FolderDataset, Report, check_folder, check_pairs, refuse, unknown_split
from minifcn.data.images import decode, named_errors, read_stored_image
from minifcn.data.lists import read_names
from minifcn.data.matlab_labels import from_zero, read_matlab_label
from minifcn.data.normalize import HHA_MEAN, LOG_DEPTH_MEAN
from minifcn.data.voc import voc_palette
from minifcn.errors import UserError

CLASS_NAMES = (
    *("wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf", "picture"),
    *("counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror", "floor mat", "clothes"),
    *("ceiling", "books", "refridgerator", "television", "paper", "towel", "shower curtain", "box", "whiteboard"),
    *("person", "night stand", "toilet", "sink", "lamp", "bathtub", "bag", "otherstructure", "otherfurniture"),
    "otherprop",
)


class Inputs(NamedTuple):
    """What a network is given of a scene.

    Parameters
    ----------
    folders : tuple of str
        Whose images are put together, below `data/`.
    behind : tuple of float
        The mean of each channel that stands behind the colours.
    """

    folders: tuple[str, ...]
    behind: tuple[float, ...] = ()

    @property
    def channels(self) -> int:
        """Number of channels."""
        return 3 + len(self.behind)


INPUTS = {
    "color": Inputs(("images",)),
    "hha": Inputs(("hha",)),
    "color-d": Inputs(("images", "depth"), LOG_DEPTH_MEAN),
    "color-hha": Inputs(("images", "hha"), HHA_MEAN),
}


class NYUDv2(FolderDataset):
    """NYUDv2 with 40 classes, as the reference implementation distributes it; what has no class is ignored.

    Parameters
    ----------
    root : str or path
        The folder that holds `train.txt`, `test.txt`, ... with a number a line, `segmentation/img_NUMBER.mat`, and in
        `data/` the folders `images/`, `depth/` and `hha/` with `img_NUMBER.png`.
    split : str
        "train", "val" or "test", as far as there are such lists; "trainval" is both where it has no list of its own.
    inputs : "color" | "hha" | "color-d" | "color-hha"
        What an image is: colours; HHA, three channels made of depth (horizontal disparity, height, angle); colours and
        the natural logarithm of depth; or colours and HHA.
    report : callable
        What is told that files are missing; `folders.refuse` raises a UserError.

    Raises
    ------
    UserError
        If folders, lists or files are missing; on access, if a file is damaged.

    Notes
    -----
    ``nyud_layers.py`` and ``data/nyud/classes.txt`` of shelhamer/fcn.berkeleyvision.org. The colours of the classes
    are our choice.

    Examples
    --------
    >>> NYUDv2("no/folder", "train")
    Traceback (most recent call last):
    minifcn.errors.UserError: no/folder: the folder of the data set does not exist; give its path
    """

    class_names = CLASS_NAMES
    palette = voc_palette(len(CLASS_NAMES) + 1)[1:]

    def __init__(
        self, root: str | os.PathLike[str], split: str, inputs: str = "color", *, report: Report = refuse
    ) -> None:
        root = Path(root)
        check_folder(root)
        if inputs not in INPUTS:
            raise UserError(f"nyud: inputs must be one of {', '.join(INPUTS)}, got {inputs!r}")
        lists = _lists(root)
        if not lists:
            raise UserError(
                f"{root}: no NYUDv2 data set here; it has train.txt, val.txt and test.txt, data/images/ with "
                "img_NUMBER.png (and data/depth/, data/hha/) and segmentation/ with img_NUMBER.mat; images and masks "
                "of your own are folder:PATH"
            )
        if split not in lists:
            raise unknown_split(split, sorted(lists), root)
        names, places = [], []
        for path in lists[split]:
            for name, place in read_names(path, report):
                names.append(name if name.startswith("img_") else f"img_{name}")
                places.append(place)
        first, *more = INPUTS[inputs].folders
        pairs = [(root / "data" / first / f"{n}.png", root / "segmentation" / f"{n}.mat") for n in names]
        self.behind = [root / "data" / folder for folder in more]
        pairs = check_pairs(pairs, split, root, places, report)
        super().__init__([pair for pair in pairs if _complete(pair[0].name, self.behind, report)])

    def _read_image(self, path: Path) -> tuple[np.ndarray, int]:
        image, orientation = read_stored_image(path)
        if not self.behind:
            return image, orientation
        file = self.behind[0] / path.name
        behind = read_log_depth(file) if file.parent.name == "depth" else read_stored_image(file)[0]
        if behind.shape[:2] != image.shape[:2]:
            sizes = [f"{array.shape[1]} x {array.shape[0]}" for array in (behind, image)]
            raise UserError(f"{file}: it is {sizes[0]}, and {path} is {sizes[1]} (width x height); both show one scene")
        return np.concatenate([image, behind], axis=2, dtype=np.float32), orientation

    def _read_label(self, path: Path) -> np.ndarray:
        return from_zero(read_matlab_label(path, "segmentation"), len(CLASS_NAMES), (0,), str(path))


def read_log_depth(path: Path) -> np.ndarray:
    """Read the natural logarithm of a depth image, a grey PNG file of 8 or 16 bits.

    Parameters
    ----------
    path : Path

    Returns
    -------
    float32 array (H, W, 1)

    Raises
    ------
    UserError
        If it is no such file, or a pixel has depth 0, which has no logarithm.
    """
    image = decode(path).image
    if image.mode not in ("L", "I", "I;16", "I;16B"):
        raise UserError(f"{path}: depth is a grey PNG file of 8 or 16 bits, but this one has mode {image.mode!r}")
    with named_errors(path):
        depth = np.array(image, np.float32)
    if not depth.min() > 0:
        row, column = np.argwhere(~(depth > 0))[0].tolist()
        raise UserError(
            f"{path}: depth is 0 at row {row}, column {column}, and has no logarithm there; take depth images whose "
            "holes are filled"
        )
    return np.log(depth)[..., None]


def _lists(root: Path) -> dict[str, list[Path]]:
    """Find the lists of each split."""
    lists = {name: [root / f"{name}.txt"] for name in ("train", "val", "trainval", "test")}
    found = {name: paths for name, paths in lists.items() if os.path.isfile(paths[0])}
    if "trainval" not in found and {"train", "val"} <= found.keys():
        found["trainval"] = [*found["train"], *found["val"]]
    return found


def _complete(name: str, folders: list[Path], report: Report) -> bool:
    """Whether an image is there in more folders; those where it is not are reported."""
    missing = [folder / name for folder in folders if not os.path.isfile(folder / name)]
    for path in missing:
        report(f"{path}: no such file; each image needs one of its name there")
    return not missing
