"""Convolution, pooling, activation and loss of arrays; nothing is recorded here.

Start with window.py, im2col.py, convolution.py and pooling.py, in this order: they define everything in plain NumPy.
activation.py, dropout.py and cross_entropy.py stand beside them, a page each. By algorithm.py, the door, a convolution
goes to its definition, or to the same result by faster means. These are in fast/, which nothing of the textbook needs.
"""
