"""The gradient check of every operation of minifcn: the table of `minifcn gradcheck`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

import minifcn.functional as F
from minifcn.autograd import Tensor
from minifcn.gradcheck import gradcheck
from minifcn.gradcheck.report import GradcheckReport

# Name, function, and the shapes of its inputs; the names begin with those of functional.__all__.
Case = tuple[str, Callable, list[tuple[int, ...]]]

_INDICES = Tensor(np.array([[[[0, 3], [8, 15]]]]))
_LABELS = np.array([[[0, 1, 2], [255, 2, 0]]])
_CLASS_WEIGHTS = np.array([0.5, 2.0, 1.0])

CASES: list[Case] = [
    ("a + b, broadcast", lambda a, b: a + b, [(2, 3), (3,)]),
    ("a - b, broadcast", lambda a, b: a - b, [(2, 3), (2, 1)]),
    ("a * b, broadcast", lambda a, b: a * b, [(2, 3), (1, 3)]),
    ("a / (b * b + 1)", lambda a, b: a / (b * b + 1.0), [(2, 3), (3,)]),
    ("(x * x + 1) ** 1.5", lambda x: (x * x + 1.0) ** 1.5, [(2, 3)]),
    ("a @ b, stacks", lambda a, b: a @ b, [(2, 3, 4), (4, 2)]),
    ("sum, mean", lambda x: x.sum(axis=0) * x.mean(axis=1, keepdims=True), [(3, 4)]),
    ("reshape, transpose, [ ]", lambda x: x.transpose(1, 0).reshape(2, 6)[:, [0, 2, 2]], [(3, 4)]),
    ("max", lambda x: x.max(axis=(0, 2)) * x.max(axis=1, keepdims=True).sum(), [(3, 2, 4)]),
    ("exp", F.exp, [(2, 3)]),
    ("log, of x * x + 1", lambda x: F.log(x * x + 1.0), [(2, 3)]),
    ("linear", F.linear, [(3, 4), (2, 4), (2,)]),
    ("conv2d", F.conv2d, [(2, 2, 4, 5), (3, 2, 3, 3), (3,)]),
    (
        "conv2d, stride, padding, dilation, groups",
        lambda x, w, b: F.conv2d(x, w, b, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2),
        [(1, 4, 5, 4), (2, 2, 2, 3), (2,)],
    ),
    ("conv2d, relu", lambda x, w, b: F.conv2d(x, w, b, padding=1, relu=True), [(2, 2, 4, 3), (3, 2, 3, 3), (3,)]),
    ("conv_transpose2d", F.conv_transpose2d, [(2, 3, 3, 2), (3, 2, 3, 3), (2,)]),
    (
        "conv_transpose2d, stride, padding, output_padding",
        lambda x, w: F.conv_transpose2d(x, w, stride=3, padding=1, output_padding=(2, 1), groups=2),
        [(1, 4, 2, 3), (4, 1, 4, 3)],
    ),
    ("max_pool2d", lambda x: F.max_pool2d(x, 2), [(2, 2, 4, 6)]),
    ("max_pool2d, ceil_mode, padding", lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True), [(1, 2, 6, 5)]),
    ("max_unpool2d", lambda x: F.max_unpool2d(x, _INDICES, 2), [(1, 1, 2, 2)]),
    ("avg_pool2d", lambda x: F.avg_pool2d(x, 2), [(2, 2, 4, 6)]),
    (
        "avg_pool2d, ceil_mode, count_include_pad=False",
        lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
        [(1, 2, 6, 5)],
    ),
    ("relu", F.relu, [(3, 4)]),
    ("dropout", lambda x: F.dropout(x, 0.5, rng=np.random.default_rng(0)), [(2, 3, 2, 2)]),
    ("dropout2d", lambda x: F.dropout2d(x, 0.5, rng=np.random.default_rng(0)), [(2, 3, 2, 2)]),
    ("local_response_norm", lambda x: F.local_response_norm(x, 5, alpha=0.3), [(2, 7, 2, 2)]),
    ("local_response_norm, even size", lambda x: F.local_response_norm(x, 4, alpha=0.3), [(1, 5, 2, 2)]),
    ("softmax", F.softmax, [(2, 4, 2, 2)]),
    ("log_softmax", F.log_softmax, [(2, 4, 2, 2)]),
    ("softmax_cross_entropy", lambda x: F.softmax_cross_entropy(x, _LABELS), [(1, 3, 2, 3)]),
    (
        "softmax_cross_entropy, weights",
        lambda x: F.softmax_cross_entropy(x, _LABELS, _CLASS_WEIGHTS, reduction="none"),
        [(1, 3, 2, 3)],
    ),
    ("crop", lambda x: F.crop(x, (1, 2), (2, 2)), [(1, 2, 4, 5)]),
    ("pad", lambda x: F.pad(x, (1, 0, 2, 3)), [(1, 2, 2, 3)]),
    ("recompute", lambda x, w: F.recompute(lambda x: F.conv2d(x, w, relu=True) ** 2, x), [(2, 2, 3, 4), (3, 2, 2, 2)]),
    ("concatenate", lambda a, b: F.concatenate([a, b]), [(1, 2, 2, 2), (1, 3, 2, 2)]),
]


def check_all(order: int = 1, seed: int = 0, names: tuple[str, ...] = ("",)) -> Iterator[tuple[str, GradcheckReport]]:
    """Check every operation at a random point.

    Parameters
    ----------
    order : 1 | 2
        As in `gradcheck`.
    seed : int
        Of the points.
    names : tuple of str
        Only the operations whose names begin with one of these.

    Yields
    ------
    str, GradcheckReport

    Examples
    --------
    >>> all(report.ok for _, report in check_all())
    True
    """
    for name, function, shapes in CASES:
        if name.startswith(names):
            rng = np.random.default_rng(seed)
            inputs = [rng.normal(size=shape) for shape in shapes]
            yield name, gradcheck(function, inputs, order=order, raise_exception=False, rng=rng)
