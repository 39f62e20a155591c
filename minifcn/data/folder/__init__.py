"""Images with masks in folders, as their owner keeps them."""

from minifcn.data.folder.dataset import Folder
from minifcn.data.folder.splits import Drawing

__all__ = ["Drawing", "Folder"]
