"""SIFT Flow: outdoor scenes with two labels, semantic and geometric."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from minifcn.data.dataset import Dataset, Sample
from minifcn.data.folders import FolderDataset, Report, check_folder, check_pairs, listing, refuse, unknown_split
from minifcn.data.lists import read_names
from minifcn.data.matlab_labels import from_zero, read_matlab_label
from minifcn.data.voc import voc_palette
from minifcn.errors import UserError

CLASS_NAMES = (
    *("awning", "balcony", "bird", "boat", "bridge", "building", "bus", "car", "cow", "crosswalk", "desert", "door"),
    *("fence", "field", "grass", "moon", "mountain", "person", "plant", "pole", "river", "road", "rock", "sand"),
    *("sea", "sidewalk", "sign", "sky", "staircase", "streetlight", "sun", "tree", "window"),
)
GEOMETRIC_NAMES = ("sky", "horizontal", "vertical")
_SCENES = "spatial_envelope_256x256_static_8outdoorcategories"


class SIFTFlow(FolderDataset):
    """SIFT Flow with 33 semantic and 3 geometric classes; what has no class is ignored.

    Parameters
    ----------
    root : str or path
        The folder that holds `Images/`, `SemanticLabels/` and `GeoLabels/`, each with a folder
        `spatial_envelope_256x256_static_8outdoorcategories/`; and lists of names, one a line, such as `trainval.txt`
        and `test.txt` of the reference implementation (its data/sift-flow/).
    split : str
        Name of one of the lists.
    report : callable
        What is told that files are missing; `folders.refuse` raises a UserError.

    Raises
    ------
    UserError
        If folders, lists or files are missing; on access, if a file is damaged.

    Notes
    -----
    ``siftflow_layers.py`` and ``data/sift-flow/classes.txt`` of shelhamer/fcn.berkeleyvision.org. The colours of the
    classes are our choice.

    Examples
    --------
    >>> SIFTFlow("no/folder", "test")
    Traceback (most recent call last):
    minifcn.errors.UserError: no/folder: the folder of the data set does not exist; give its path
    """

    class_names = CLASS_NAMES
    geometric_names = GEOMETRIC_NAMES
    palette = voc_palette(len(CLASS_NAMES) + 1)[1:]

    def __init__(self, root: str | os.PathLike[str], split: str, *, report: Report = refuse):
        root = Path(root)
        check_folder(root)
        lists = {path.stem: path for path in listing(root) if path.suffix == ".txt" and not path.name.startswith(".")}
        lists.pop("classes", None)
        if not (lists and os.path.isdir(root / "Images" / _SCENES)):
            raise UserError(
                f"{root}: no SIFT Flow data set here; it has trainval.txt and test.txt, and Images/, SemanticLabels/ "
                f"and GeoLabels/, in each {_SCENES}/; images and masks of your own are folder:PATH"
            )
        if split not in lists:
            raise unknown_split(split, lists, root)
        names = [*read_names(lists[split], report)]
        pairs = [
            (root / "Images" / _SCENES / f"{name}.jpg", root / "SemanticLabels" / _SCENES / f"{name}.mat")
            for name, _ in names
        ]
        self.geometric = root / "GeoLabels" / _SCENES
        pairs = check_pairs(pairs, split, root, [place for _, place in names], report)
        missing = [self.geometric / label.name for _, label in pairs if not os.path.isfile(self.geometric / label.name)]
        for path in missing:
            report(f"{path}: no such file; each image has a semantic and a geometric label")
        super().__init__([pair for pair in pairs if self.geometric / pair[1].name not in missing])

    def _read_label(self, path: Path) -> np.ndarray:
        return from_zero(read_matlab_label(path, "S"), len(CLASS_NAMES), (0,), str(path))

    def _read_geometric(self, path: Path) -> np.ndarray:
        path = self.geometric / path.name
        return from_zero(read_matlab_label(path, "S"), len(GEOMETRIC_NAMES), (0, -1), str(path))


class GeometricLabels(Dataset):
    """The same images with their second label alone.

    Parameters
    ----------
    dataset : Dataset
        With `geometric_names`, such as `SIFTFlow`.

    Examples
    --------
    >>> class Ground(Dataset):
    ...     class_names, palette, geometric_names = ("grass",), np.zeros((1, 3), np.uint8), ("sky", "horizontal")
    ...
    ...     def __len__(self):
    ...         return 1
    ...
    ...     def __getitem__(self, index):
    ...         label = np.zeros((2, 2), np.uint8)
    ...         return Sample(np.zeros((2, 2, 3), np.uint8), label, "ground", geometric=label + 1)
    >>> GeometricLabels(Ground())[0].label.tolist()
    [[1, 1], [1, 1]]
    """

    def __init__(self, dataset: Dataset):
        self.described_as(dataset)
        self.dataset, self.class_names, self.geometric_names = dataset, dataset.geometric_names, ()
        self.palette = voc_palette(len(self.class_names) + 1)[1:]

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        sample = self.dataset[index]
        if sample.geometric is None:
            raise UserError(f"{sample.name}: it has no geometric label, as the others of its data set have")
        return replace(sample, label=sample.geometric, geometric=None)
