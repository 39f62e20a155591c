"""Random graphs: a dozen operations whose inputs are any earlier results, beside PyTorch."""

import pytest
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make fuzz` installs it")

from beside_pytorch import assert_agree  # noqa: E402
from drawing import dtypes, seeds, values  # noqa: E402

import minifcn.functional as F  # noqa: E402

TF = torch.nn.functional

# Each takes two maps (N, C, H, W) of one shape and gives one of that shape: ours, and PyTorch's.
STEPS = {
    "a + b": (lambda a, b: a + b, lambda a, b: a + b),
    "a - b": (lambda a, b: a - b, lambda a, b: a - b),
    "a * b": (lambda a, b: a * b * 0.5, lambda a, b: a * b * 0.5),
    "a / (b² + 1)": (lambda a, b: a / (b * b + 1), lambda a, b: a / (b * b + 1)),
    "2 - a": (lambda a, b: 2 - a, lambda a, b: 2 - a),
    "relu": (lambda a, b: F.relu(a) + b, lambda a, b: TF.relu(a) + b),
    "softmax": (lambda a, b: F.softmax(a), lambda a, b: TF.softmax(a, 1)),
    "log softmax": (lambda a, b: F.log_softmax(a) * 0.2, lambda a, b: TF.log_softmax(a, 1) * 0.2),
    "conv": (
        lambda a, b: F.conv2d(a, b[:, :, :1, :1][:1].reshape(-1, 1, 1, 1), groups=b.shape[1]),
        lambda a, b: TF.conv2d(a, b[:, :, :1, :1][:1].reshape(-1, 1, 1, 1), groups=b.shape[1]),
    ),
    "max pool": (lambda a, b: F.max_pool2d(a, 3, 1, 1), lambda a, b: TF.max_pool2d(a, 3, 1, 1)),
    "avg pool": (lambda a, b: F.avg_pool2d(a, 3, 1, 1) + b, lambda a, b: TF.avg_pool2d(a, 3, 1, 1) + b),
    "sum and spread": (lambda a, b: a.mean(axis=1, keepdims=True) + b, lambda a, b: a.mean(1, keepdim=True) + b),
    "turned": (lambda a, b: a[:, ::-1] + b, lambda a, b: a.flip(1) + b),
    "reordered": (
        lambda a, b: a.transpose(0, 1, 3, 2).reshape(*a.shape) + b,
        lambda a, b: a.permute(0, 1, 3, 2).reshape(a.shape) + b,
    ),
    "halves": (
        lambda a, b: F.concatenate([a[:, :1], b[:, 1:]], axis=1),
        lambda a, b: torch.cat([a[:, :1], b[:, 1:]], 1),
    ),
    "cropped and padded": (
        lambda a, b: F.pad(F.crop(a, (1, 1), (a.shape[2] - 1, a.shape[3] - 1)), (1, 0, 1, 0)),
        lambda a, b: TF.pad(a[:, :, 1:, 1:], (1, 0, 1, 0)),
    ),
}


@st.composite
def graphs(draw):
    """Leaves, then (operation, first input, second input); which results are summed at the end."""
    leaves = draw(st.integers(1, 3))
    steps = draw(
        st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0), st.integers(0)), min_size=1, max_size=12)
    )
    shape = tuple(draw(st.integers(1, 3)) for _ in range(4))
    learned = [True, *(draw(st.booleans()) for _ in range(leaves - 1))]
    return shape, learned, steps, draw(st.booleans()), draw(dtypes), draw(seeds)


def build(leaves, steps, side, all_results):
    results = list(leaves)
    for name, i, j in steps:
        results.append(STEPS[name][side](results[i % len(results)], results[j % len(results)]))
    return sum(results[1:], results[0]) if all_results else results[-1]


def check(case):
    shape, learned, steps, all_results, dtype, seed = case
    arrays = [values(seed + i, shape, dtype) for i in range(len(learned))]
    assert_agree(
        lambda *leaves: build(leaves, steps, 0, all_results),
        lambda *leaves: build(leaves, steps, 1, all_results),
        arrays,
        seed,
        second=len(steps) <= 4 and dtype == "float64",
        learned=learned,
    )


def test_random_graphs(fuzz):
    fuzz(graphs(), check)
