"""Weights in the files that are in use: read without trust, and written."""

from minifcn.weights.source import Source, read
from minifcn.weights.writers import write

__all__ = ["Source", "read", "write"]
