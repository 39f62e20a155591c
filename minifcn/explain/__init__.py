"""Convolution made visible: its matrices written out."""

from minifcn.explain.matrices import conv_matrix, im2col_matrix

__all__ = ["conv_matrix", "im2col_matrix"]
