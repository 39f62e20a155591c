"""Every operation beside PyTorch's: used live in tests/oracle, and to freeze the vectors in tests/golden."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import minifcn.functional as F
from minifcn import Tensor

LABELS = np.random.default_rng(7).integers(0, 5, (2, 4, 3))
LABELS[0, 1] = LABELS[1, 3, 2] = 255
CLASS_WEIGHTS = np.array([0.26, 0.18, 4.56, 0.14, 0.91])
SCORES = [(2, 5, 4, 3)]
MAP = [(1, 2, 5, 8)]


@dataclass
class Case:
    """Our function of Tensors, the same of PyTorch's tensors, and the shapes of the inputs."""

    ours: Callable
    theirs: Callable  # takes the module torch.nn.functional first
    shapes: list[tuple[int, ...]]


def cases() -> dict[str, Case]:
    """All cases by name."""
    return dict([*_convolutions(), *_pools(), *_losses(), *_others()])


def _named(operation, settings):
    return f"{operation}, {', '.join(f'{key} {value}' for key, value in settings.items())}"


def _convolutions():
    kernels, strides, paddings, dilations = [(3, 3), (2, 4)], [1, (2, 3)], [0, (1, 2)], [1, (2, 1)]
    for k, s, p, d, g in itertools.product(kernels, strides, paddings, dilations, (1, 2)):
        settings = {"stride": s, "padding": p, "dilation": d, "groups": g}
        name = _named(f"{k[0]}x{k[1]}", settings)
        yield (
            f"conv2d {name}",
            Case(
                lambda x, w, b, s=settings: F.conv2d(x, w, b, **s),
                lambda f, x, w, b, s=settings: f.conv2d(x, w, b, **s),
                [(1, 4, 5, 6), (2, 4 // g, *k), (2,)],
            ),
        )
        extra = 0 if s == 1 else (1, 0)
        yield (
            f"conv_transpose2d {name}",
            Case(
                lambda x, w, b, s=settings, e=extra: F.conv_transpose2d(x, w, b, output_padding=e, **s),
                lambda f, x, w, b, s=settings, e=extra: f.conv_transpose2d(x, w, b, output_padding=e, **s),
                [(1, 4, 4, 5), (4, 2 // g, *k), (2,)],
            ),
        )


def _pools():
    for k, s, p, ceil in [(2, 2, 0, False), (2, 2, 0, True), (3, 2, 1, True), (3, 2, 0, True), (3, 1, 1, False)]:
        settings = {"kernel_size": k, "stride": s, "padding": p, "ceil_mode": ceil}
        yield (
            _named("max_pool2d", settings),
            Case(
                lambda x, s=settings: F.max_pool2d(x, **s),
                lambda f, x, s=settings: f.max_pool2d(x, **s),
                MAP,
            ),
        )
        for include in (True, False):
            more = settings | {"count_include_pad": include}
            yield (
                _named("avg_pool2d", more),
                Case(
                    lambda x, s=more: F.avg_pool2d(x, **s),
                    lambda f, x, s=more: f.avg_pool2d(x, **s),
                    MAP,
                ),
            )
    yield (
        "max_pool2d, dilation 2",
        Case(lambda x: F.max_pool2d(x, 2, 1, 0, 2), lambda f, x: f.max_pool2d(x, 2, 1, 0, 2), MAP),
    )


def _losses():
    for reduction, weight in itertools.product(("mean", "sum", "none"), (None, CLASS_WEIGHTS)):
        yield (
            f"softmax_cross_entropy, {reduction}{'' if weight is None else ', weights'}",
            Case(
                lambda x, r=reduction, w=weight: F.softmax_cross_entropy(x, LABELS, w, reduction=r),
                lambda f, x, r=reduction, w=weight: f.cross_entropy(
                    x, _labels(x, LABELS), None if w is None else x.new_tensor(w), ignore_index=255, reduction=r
                ),
                SCORES,
            ),
        )
    yield (
        "softmax_cross_entropy of whole images",
        Case(
            lambda x: F.softmax_cross_entropy(x, LABELS[:, 0, 0]),
            lambda f, x: f.cross_entropy(x, _labels(x, LABELS[:, 0, 0])),
            [(2, 5)],
        ),
    )


def _others():
    yield "relu", Case(F.relu, lambda f, x: f.relu(x), SCORES)
    yield "softmax", Case(F.softmax, lambda f, x: f.softmax(x, 1), SCORES)
    yield "log_softmax", Case(F.log_softmax, lambda f, x: f.log_softmax(x, 1), SCORES)
    yield "linear", Case(F.linear, lambda f, x, w, b: f.linear(x, w, b), [(3, 4), (2, 4), (2,)])
    yield "pad", Case(lambda x: F.pad(x, (1, 2, 0, 3)), lambda f, x: f.pad(x, (1, 2, 0, 3)), SCORES)
    yield "crop", Case(lambda x: F.crop(x, (1, 0), (2, 3)), lambda f, x: x[:, :, 1:3, 0:3], SCORES)
    settings = {"size": 5, "alpha": 0.1, "beta": 0.75, "k": 2.0}
    yield (
        "local_response_norm",
        Case(
            lambda x: F.local_response_norm(x, **settings),
            lambda f, x: f.local_response_norm(x, **settings),
            [(2, 8, 3, 2)],
        ),
    )
    yield (
        "concatenate",
        Case(
            lambda a, b: F.concatenate([a, b]),
            lambda f, a, b: f.pad(a, (0, 0, 0, 0, 0, 2)) + f.pad(b, (0, 0, 0, 0, 3, 0)),
            [(2, 3, 4, 5), (2, 2, 4, 5)],
        ),
    )


def _labels(x, labels):
    return x.new_tensor(labels).long()


def inputs(case: Case, rng: np.random.Generator) -> list[np.ndarray]:
    """Random inputs without ties, which PyTorch and minifcn need not break alike."""
    return [rng.permutation(np.linspace(-1, 1, int(np.prod(shape)))).reshape(shape) for shape in case.shapes]


def ours(case: Case, arrays: list[np.ndarray], cotangent: np.ndarray) -> list[np.ndarray]:
    """The output and the gradients of all inputs."""
    tensors = [Tensor(array, requires_grad=True) for array in arrays]
    output = case.ours(*tensors)
    output.backward(Tensor(cotangent))
    return [output.data, *(tensor.grad.data for tensor in tensors)]


def theirs(case: Case, arrays: list[np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, list[np.ndarray]]:
    """A random cotangent, and PyTorch's output and gradients."""
    import torch

    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    output = case.theirs(torch.nn.functional, *tensors)
    cotangent = rng.normal(size=tuple(output.shape))
    output.backward(torch.tensor(cotangent))
    return cotangent, [output.detach().numpy(), *(tensor.grad.numpy() for tensor in tensors)]
