"""Convolution and pooling of arrays; nothing is recorded here.

Start with window.py, im2col.py, convolution.py and pooling.py, in this order: they define everything in plain NumPy.
By algorithm.py, the door, a convolution goes to its definition, or to the same result by faster means. These are in
fast/, which nothing of the textbook needs.
"""
