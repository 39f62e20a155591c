"""Weights in the files that are in use: read without trust, made minifcn's, and written."""

from minifcn.weights.conversion import Weights, as_caffe, convert, described
from minifcn.weights.source import Source, read
from minifcn.weights.writers import ending_of, write

__all__ = ["Source", "Weights", "as_caffe", "convert", "described", "ending_of", "read", "write"]
