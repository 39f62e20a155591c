"""Every operation and its gradients beside PyTorch, live, at new random points."""

import numpy as np
import pytest
from torch_cases import cases, inputs, ours, theirs

pytest.importorskip("torch", reason="PyTorch is not installed: `make oracle` installs it")
pytestmark = pytest.mark.oracle
CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradients_agree_to_1e_10(name, rng):
    case = CASES[name]
    arrays = inputs(case, rng)
    cotangent, expected = theirs(case, arrays, rng)
    for result, value in zip(ours(case, arrays, cotangent), expected, strict=True):
        assert result.shape == value.shape
        np.testing.assert_allclose(result, value, rtol=0, atol=1e-10 * max(1e-300, abs(value).max()))
