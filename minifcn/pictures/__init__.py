"""Pictures of labels and of training: colours over a photograph, panels for comparison, curves."""

from minifcn.pictures.colours import VOID_COLOUR, colour, overlay
from minifcn.pictures.confusion import save_confusion
from minifcn.pictures.curves import save_curves
from minifcn.pictures.ious import save_ious
from minifcn.pictures.shares import save_shares
from minifcn.pictures.sheets import legend, save_label, save_overlay, save_panel, signed

__all__ = [
    "VOID_COLOUR",
    "colour",
    "legend",
    "overlay",
    "save_confusion",
    "save_curves",
    "save_ious",
    "save_label",
    "save_overlay",
    "save_panel",
    "save_shares",
    "signed",
]
