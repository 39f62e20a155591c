"""The laboratory: convolutions to drag and to step, forward and backward, computed in the browser."""

from minifcn.explain.laboratory.laboratory import Laboratory

__all__ = ["Laboratory"]
