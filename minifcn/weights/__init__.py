"""Weights that somebody else trained: files of any format, read without trust."""

from minifcn.weights.source import Source, read

__all__ = ["Source", "read"]
