"""Images in folders as their owner keeps them, with masks or with what was drawn in labelme."""

from minifcn.data.folder.annotated import AnnotatedFolder, is_annotated
from minifcn.data.folder.dataset import Folder
from minifcn.data.folder.splits import Drawing

__all__ = ["AnnotatedFolder", "Drawing", "Folder", "is_annotated"]
