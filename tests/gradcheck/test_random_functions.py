"""Functions of all sizes at points of all sizes: the right gradient passes, one that is wrong by a hundredth fails."""

import numpy as np
import pytest

from minifcn.gradcheck import gradcheck_arrays

FUNCTIONS = {
    "sin": (np.sin, np.cos),
    "log(1 + x²)": (lambda x: np.log1p(x * x), lambda x: 2 * x / (1 + x * x)),
    "sqrt|x|": (lambda x: np.sqrt(abs(x)), lambda x: np.sign(x) / 2 / np.sqrt(abs(x))),
    "1/x": (lambda x: 1 / x, lambda x: -1 / x**2),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "cube root": (np.cbrt, lambda x: 1 / 3 / np.cbrt(x) ** 2),
    "relu": (lambda x: np.maximum(x, 0), lambda x: 1.0 * (x > 0)),
    "log|x|": (lambda x: np.log(abs(x)), lambda x: 1 / x),
    "x|x|": (lambda x: x * abs(x), lambda x: 2 * abs(x)),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
}


@pytest.mark.parametrize("mode", ["full", "directional"])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("seed", range(15))
def test_right_and_wrong(name, seed, mode):
    rng = np.random.default_rng(seed)
    function, derivative = FUNCTIONS[name]
    x = 10.0 ** rng.uniform(-9, 1) * rng.normal(size=4)
    factor = 10.0 ** rng.uniform(-6, 6)
    if name in ("tanh", "sigmoid"):
        x = np.clip(x, -5, 5)

    def check(mistake):
        return gradcheck_arrays(
            lambda x: factor * function(x),
            lambda g, x: g * factor * derivative(x) * mistake,
            [x],
            rng=seed,
            mode=mode,
            raise_exception=False,
        )

    right, wrong = check(1.0), check(1.01 if mode == "directional" else np.array([1.0, 1.0, 1.0, 1.01]))
    assert right.ok, f"seed {seed}, x = {x}: {right}"
    if derivative(x)[3] != 0:
        assert not wrong.ok, f"seed {seed}, x = {x}: {wrong}"
