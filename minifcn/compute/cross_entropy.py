"""Softmax cross-entropy of every pixel, and its gradient, piece by piece.

In a piece the classes come first: then a sum over them adds whole rows, which is 5 times as fast as adding 21
neighbouring numbers.
"""

from __future__ import annotations

import numpy as np

from minifcn.backend import array_module
from minifcn.backend.nan import clear
from minifcn.backend.pieces import for_rows


def losses(scores, classes, weights, ignored):
    """-w · log softmax(scores)[class] of each pixel: (N, C, ...), (N, ...), (N, ...) -> (N, ...); 0 where ignored."""
    xp = array_module(scores)
    if not scores.size:
        return xp.zeros(weights.shape, scores.dtype)
    rows = _rows(scores)
    result = xp.empty(weights.size, scores.dtype)
    labels, w, ignored = classes.reshape(-1), weights.reshape(-1), ignored.reshape(-1)

    @np.errstate(invalid="ignore")  # an ignored pixel may have any scores, inf and nan too
    def fill(part):
        shifted, exponentials = _exponentials(rows[part])
        chosen = shifted[labels[part], xp.arange(len(rows[part]))]
        result[part] = (xp.log(exponentials.sum(axis=0)) - chosen) * w[part]
        clear(result[part], ignored[part])

    for_rows(fill, rows)
    return result.reshape(weights.shape)


def gradient(scores, classes, weights, ignored):
    """(softmax(scores) - onehot) · w, the derivative of the losses: an array (N, C, ...); 0 where ignored."""
    if not scores.size:
        return array_module(scores).zeros_like(scores)
    xp, rows = array_module(scores), _rows(scores)
    result = xp.empty_like(rows, order="C")
    labels, w, ignored = classes.reshape(-1), weights.reshape(-1), ignored.reshape(-1)

    @np.errstate(invalid="ignore")
    def fill(part):
        _, difference = _exponentials(rows[part])
        difference *= w[part] / difference.sum(axis=0)
        difference[labels[part], xp.arange(len(rows[part]))] -= w[part]
        clear(difference, ignored[part])
        result[part] = difference.T

    for_rows(fill, rows)
    return xp.moveaxis(result.reshape(scores.shape[0], *scores.shape[2:], scores.shape[1]), -1, 1)


def _rows(scores):
    """Read (N, C, ...) as a matrix with a row for each pixel; a view if it is channels-last in memory."""
    return array_module(scores).moveaxis(scores, 1, -1).reshape(-1, scores.shape[1])


def _exponentials(rows):
    """s = scores - max(scores), and exp(s), with the classes first: so no exponential overflows."""
    shifted = rows.T.copy()
    shifted -= shifted.max(axis=0)
    return shifted, array_module(rows).exp(shifted)
