"""Every operation and its gradients against frozen values of PyTorch, to 1e-10 in float64."""

from pathlib import Path

import numpy as np
import pytest
from torch_cases import cases, ours

import minifcn as mf

CASES = cases()


@pytest.fixture(scope="module")
def frozen():
    with np.load(Path(__file__).with_name("operations.npz"), allow_pickle=False) as file:
        return dict(file)


def of(frozen, name, part):
    prefix = f"{name}/{part} "
    return [frozen[key] for key in sorted(frozen) if key.startswith(prefix)]


def transposed_memory(array):
    """The same values, channels-last in memory where there are four axes, else in Fortran order."""
    return array.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2) if array.ndim == 4 else np.asfortranarray(array)


def every_other(array):
    """The same values as a view with gaps, running backwards along the last axis."""
    gaps = np.full((*array.shape[:-1], 2 * array.shape[-1]), np.nan)
    gaps[..., ::-2] = array
    return gaps[..., ::-2]


LAYOUTS = {"contiguous": np.ascontiguousarray, "channels-last": transposed_memory, "with gaps": every_other}


def test_the_file_has_all_cases_and_no_others(frozen):
    assert {key.partition("/")[0] for key in frozen} == set(CASES)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", CASES)
def test_value_and_gradients(name, layout, frozen):
    arrays = [LAYOUTS[layout](array) for array in of(frozen, name, "input")]
    results = ours(CASES[name], arrays, of(frozen, name, "cotangent")[0])
    for result, expected in zip(results, of(frozen, name, "result"), strict=True):
        assert result.shape == expected.shape
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-10 * max(1e-300, abs(expected).max()))
    for array, before in zip(arrays, of(frozen, name, "input"), strict=True):
        np.testing.assert_array_equal(array, before, err_msg="an input was changed")


@pytest.mark.parametrize("algorithm", ["auto", "im2col", "strips", "winograd"])
@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("conv")])
def test_float32_by_every_algorithm(name, algorithm, frozen):
    arrays = [array.astype("float32") for array in of(frozen, name, "input")]
    cotangent = of(frozen, name, "cotangent")[0].astype("float32")
    if algorithm == "auto":
        results = ours(CASES[name], arrays, cotangent)
    else:
        with mf.algorithm(algorithm):
            results = ours(CASES[name], arrays, cotangent)
    for result, expected in zip(results, of(frozen, name, "result"), strict=True):
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, expected, rtol=0, atol=2e-5 * abs(expected).max())
