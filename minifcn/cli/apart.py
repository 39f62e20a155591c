"""Results stay apart from the images that they are of: the next time, a picture among them would be taken for one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from minifcn.data import Dataset
from minifcn.data.dataset import FirstImages
from minifcn.data.folders import FolderDataset
from minifcn.errors import UserError


def refuse_among_data(option: str, folder: Path, datasets: Iterable[Dataset]) -> None:
    """Refuse a folder of results that is one of the folders of the images, or of their labels.

    Parameters
    ----------
    option : str
        That names the folder, or a picture in it.
    folder : path
    datasets : iterable of Dataset
        Those that are no files are passed over.

    Examples
    --------
    >>> from minifcn.data import Shapes
    >>> refuse_among_data("--out", Path("."), [Shapes(1)])
    """
    for dataset in datasets:
        while isinstance(dataset, FirstImages):
            dataset = dataset.dataset
        pairs = dataset.pairs if isinstance(dataset, FolderDataset) else []
        if folder.resolve() in {path.parent.resolve() for path in dict.fromkeys(p for pair in pairs for p in pair)}:
            raise UserError(
                f"{option}: {folder} holds the images or labels of the data set, and the next time, pictures that are "
                "written there would be taken for some; choose another folder"
            )
