"""Weights that somebody else trained: files of any format, read without trust, and made minifcn's."""

from minifcn.weights.conversion import Weights, as_caffe, convert, described
from minifcn.weights.source import Source, read

__all__ = ["Source", "Weights", "as_caffe", "convert", "described", "read"]
