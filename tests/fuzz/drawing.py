"""How random cases are drawn: arrays of all sizes, layouts and values, and the settings of windows."""

import numpy as np
from cases import LAYOUTS, read_only
from hypothesis import strategies as st

DTYPES = ("float32", "float64")
SPECIAL = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-30, 1e30)
layouts = st.sampled_from([*LAYOUTS, "repeated"])
seeds = st.integers(0, 2**32 - 1)
dtypes = st.sampled_from(DTYPES)


def repeated(x):
    """Make all of axis 0 the same numbers in memory."""
    return np.broadcast_to(x[:1], x.shape) if x.ndim and len(x) else x


def values(seed, shape, dtype, layout="contiguous", special=0.0, ties=False):
    """Draw numbers: normal ones, or a few whole ones that tie; a share `special` of them infinities, NaN or so."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, shape).astype(dtype) if ties else rng.normal(size=shape).astype(dtype)
    if special:
        x = np.where(rng.random(shape) < special, rng.choice(SPECIAL, size=shape), x).astype(dtype)
    return read_only(repeated(x) if layout == "repeated" else LAYOUTS[layout](x))


def pairs(low, high):
    """A setting of a window: one number, or two for rows and columns."""
    numbers = st.integers(low, high)
    return numbers | st.tuples(numbers, numbers)


def both(setting):
    """Rows and columns of a setting."""
    return setting if isinstance(setting, tuple) else (setting, setting)


@st.composite
def windows(draw, dilated=True):
    """Kernel size, stride, padding and dilation, and a size of map on which the kernel fits, at times barely."""
    kernel, stride, padding = draw(pairs(1, 4)), draw(pairs(1, 3)), draw(pairs(0, 3))
    dilation = draw(pairs(1, 3)) if dilated else 1
    rows, columns = (
        max(1, d * (k - 1) + 1 - 2 * p) + draw(st.integers(0, 6))
        for k, p, d in zip(both(kernel), both(padding), both(dilation), strict=True)
    )
    settings = {"stride": stride, "padding": padding, "dilation": dilation}
    return {"kernel": both(kernel), "size": (rows, columns)}, settings


@st.composite
def shapes(draw, low=0, high=4):
    """A shape of up to four axes, a length of 0 among them."""
    return tuple(draw(st.lists(st.integers(0, 4), min_size=low, max_size=high)))


@st.composite
def broadcasting(draw):
    """Two shapes that broadcast."""
    whole = draw(shapes())
    parts = []
    for _ in range(2):
        shape = [draw(st.sampled_from([n, n, 1])) for n in whole]
        parts.append(tuple(shape[draw(st.integers(0, len(shape))) if draw(st.booleans()) else 0 :]))
    return parts


@st.composite
def indices(draw, shape):
    """An index that NumPy takes for an array of this shape: of each kind, in each place, with repetitions."""
    parts, arrays = [], draw(st.sampled_from([(), (3,), (2, 2), (0,)]))
    for n in shape[: draw(st.integers(0, len(shape)))]:
        kinds = ["slice", "slice"] + ["number", "array", "list", "mask"] * (n > 0)
        kind = draw(st.sampled_from(kinds))
        if kind == "slice":
            bound = st.none() | st.integers(-5, 5)
            parts.append(slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2, -1, -2]))))
        elif kind == "number":
            parts.append(draw(st.integers(-n, n - 1)))
        elif kind in ("array", "list"):
            chosen = np.random.default_rng(draw(seeds)).integers(-n, n, arrays)
            parts.append(chosen.tolist() if kind == "list" and arrays else chosen)
        else:
            mask = np.zeros(n, bool)
            mask[: {(): 1, (3,): 3, (2, 2): 1, (0,): 0}[arrays]] = True  # as many as the arrays beside it, or one
            parts.append(mask)
    if draw(st.booleans()):
        parts.insert(draw(st.integers(0, len(parts))), None)
    if len(parts) < len(shape) and draw(st.booleans()):
        parts.append(Ellipsis)
    return tuple(parts)
