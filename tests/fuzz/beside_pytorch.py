"""One function in both libraries: values, dtypes, gradients and second gradients have to agree."""

import numpy as np
import pytest

from minifcn import Tensor, grad

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make fuzz` installs it")

# Relative to 1 or the largest number of an array. float32 is compared with PyTorch in float64 on the same numbers, so
# this is the error of minifcn alone; Winograd's is the largest.
TOLERANCE = {"float32": 3e-5, "float64": 1e-9}


def assert_agree(ours, theirs, arrays, seed=0, *, second=False, learned=None):
    """Hold ours(*Tensors) against theirs(*torch tensors), for inputs that neither may change.

    Parameters
    ----------
    ours, theirs : functions of tensors, of one output
    arrays : list of arrays
    seed : int
        Of the weights of the outputs.
    second : bool
        Compare the gradients of the squared gradients too.
    learned : list of bool, optional
        Which inputs require a gradient; all floating-point ones unless given.
    """
    learned = [a.dtype.kind == "f" for a in arrays] if learned is None else learned
    before = [a.copy() for a in arrays]
    mine = [Tensor(a, requires_grad=need) for a, need in zip(arrays, learned, strict=True)]
    yours = [
        torch.tensor(np.array(a, "float64" if a.dtype.kind == "f" else a.dtype, order="C"), requires_grad=need)
        for a, need in zip(arrays, learned, strict=True)
    ]
    y, z = ours(*mine), theirs(*yours)
    dtype = next((a.dtype for a in arrays if a.dtype.kind == "f"), y.dtype)
    assert y.dtype == dtype
    assert_close(y.data, z, dtype, "value")
    mine, yours = ([x for x in xs if x.requires_grad] for xs in (mine, yours))
    if mine and z.requires_grad:
        weights = np.random.default_rng(seed).normal(size=y.shape).astype(dtype)
        found = grad(y, mine, Tensor(weights), create_graph=second)
        expected = torch.autograd.grad(
            z, yours, torch.tensor(weights.astype("float64")), create_graph=second, allow_unused=True
        )
        expected = [torch.zeros_like(x) if g is None else g for x, g in zip(yours, expected, strict=True)]
        for g, h in zip(found, expected, strict=True):
            assert g.dtype == dtype
            assert_close(g.data, h, dtype, "gradient")
        if second:
            _compare_second(found, expected, mine, yours, dtype)
    for a, b in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(a, b, err_msg="an input was changed")


def _compare_second(found, expected, mine, yours, dtype):
    total, reference = (sum((g * g).sum() for g in gradients) for gradients in (found, expected))
    if not (total.requires_grad and reference.requires_grad):
        return
    for g, h in zip(grad(total, mine), torch.autograd.grad(reference, yours, allow_unused=True), strict=True):
        assert_close(g.data, torch.zeros(g.shape) if h is None else h, dtype, "second gradient", loss=10)


def assert_close(found, expected, dtype, what, loss=1):
    """Hold an array against a tensor of PyTorch, relative to 1 or the largest finite number in it."""
    expected = expected.detach().numpy()
    assert found.shape == expected.shape, f"{what}: shape {found.shape}, PyTorch's is {expected.shape}"
    finite = np.abs(expected[np.isfinite(expected)])
    scale = finite.max(initial=1)  # what cancels to 1e-18 in one order of additions is 0 in another
    largest = np.finfo(dtype).max
    with np.errstate(over="ignore"):
        reachable = np.where(np.abs(expected) > largest, np.sign(expected) * np.inf, expected)  # float32 ends earlier
    np.testing.assert_allclose(
        found, reachable, rtol=0, atol=loss * TOLERANCE[np.dtype(dtype).name] * scale, err_msg=what
    )
