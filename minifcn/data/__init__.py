"""Data sets, transforms and the loader that makes batches of them."""

from typing import TYPE_CHECKING, NoReturn

from minifcn import named_otherwise
from minifcn.data import transforms
from minifcn.data.batch import Batch
from minifcn.data.cache import Cache, CachedDataset
from minifcn.data.camvid import CamVid
from minifcn.data.catalogue import open_dataset, open_split
from minifcn.data.dataset import Dataset, Sample
from minifcn.data.folder import AnnotatedFolder, Folder
from minifcn.data.images import read_image
from minifcn.data.inspection import Inspection, SplitCounts, inspect
from minifcn.data.loader import DataLoader
from minifcn.data.normalize import Normalize
from minifcn.data.nyud import NYUDv2
from minifcn.data.pascal_context import PASCALContext
from minifcn.data.shapes import ShapeCrops, Shapes
from minifcn.data.siftflow import SIFTFlow
from minifcn.data.transforms import (
    Compose,
    RandomCrop,
    RandomMirror,
    RandomScale,
    Resize,
    ResizeLongerSide,
)
from minifcn.data.voc import VOCSegmentation

__all__ = [
    "AnnotatedFolder",
    "Batch",
    "Cache",
    "CachedDataset",
    "CamVid",
    "Compose",
    "DataLoader",
    "Dataset",
    "Folder",
    "Inspection",
    "NYUDv2",
    "Normalize",
    "PASCALContext",
    "RandomCrop",
    "RandomMirror",
    "RandomScale",
    "Resize",
    "ResizeLongerSide",
    "SIFTFlow",
    "Sample",
    "ShapeCrops",
    "Shapes",
    "SplitCounts",
    "VOCSegmentation",
    "inspect",
    "open_dataset",
    "open_split",
    "read_image",
    "transforms",
]

if not TYPE_CHECKING:  # which would take any name for one that is here

    def __getattr__(name: str) -> NoReturn:
        raise named_otherwise.in_room(__name__, name, named_otherwise.DATA, __all__)
