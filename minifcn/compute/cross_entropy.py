"""Softmax cross-entropy of every pixel, and its gradient, piece by piece.

To sum over the classes they come first in a piece: that adds whole rows, which is 5 times as fast as adding 21
neighbouring numbers. The gradient sums nothing: it is given of each pixel the largest score, and the sum.
"""

from __future__ import annotations

import numpy as np

from minifcn.backend import array_module
from minifcn.backend.nan import clear
from minifcn.backend.pieces import for_rows


def losses(scores, classes, weights, ignored):
    """-w · log softmax(scores)[class] of each pixel: (N, C, ...), (N, ...), (N, ...) -> (N, ...); 0 where ignored.

    And what `gradient` needs: of each pixel the largest score m, so that exp(s - m) does not overflow, and their sum.
    """
    xp = array_module(scores)
    if not scores.size:
        return xp.zeros(weights.shape, scores.dtype), None
    rows = _rows(scores)
    result, largest, sums = (xp.empty(weights.size, scores.dtype) for _ in range(3))
    labels, w, ignored = classes.reshape(-1), weights.reshape(-1), ignored.reshape(-1)

    @np.errstate(invalid="ignore")  # an ignored pixel may have any scores, inf and nan too
    def fill(part):
        shifted = rows[part].T.copy()
        shifted -= shifted.max(axis=0, out=largest[part])
        chosen = shifted[labels[part], xp.arange(len(rows[part]))]
        xp.exp(shifted, out=shifted).sum(axis=0, out=sums[part])
        result[part] = (xp.log(sums[part]) - chosen) * w[part]
        clear(result[part], ignored[part])

    for_rows(fill, rows)
    return result.reshape(weights.shape), (largest, sums)


def gradient(scores, classes, weights, ignored, known):
    """(softmax(scores) - onehot) · w, the derivative of the losses: an array (N, C, ...); 0 where ignored."""
    if not scores.size:
        return array_module(scores).zeros_like(scores)
    xp, rows, (largest, sums) = array_module(scores), _rows(scores), known
    result = xp.empty_like(rows, order="C")
    labels, w, ignored = classes.reshape(-1), weights.reshape(-1), ignored.reshape(-1)

    @np.errstate(invalid="ignore")
    def fill(part):
        difference = xp.subtract(rows[part], largest[part, None], out=result[part])
        xp.exp(difference, out=difference)
        difference *= (w[part] / sums[part])[:, None]
        difference[xp.arange(len(difference)), labels[part]] -= w[part]
        clear(difference, ignored[part, None])

    for_rows(fill, rows)
    return xp.moveaxis(result.reshape(scores.shape[0], *scores.shape[2:], scores.shape[1]), -1, 1)


def _rows(scores):
    """Read (N, C, ...) as a matrix with a row for each pixel; a view if it is channels-last in memory."""
    return array_module(scores).moveaxis(scores, 1, -1).reshape(-1, scores.shape[1])
