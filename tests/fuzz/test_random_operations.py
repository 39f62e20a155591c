"""Every public operation beside PyTorch's, on random sizes (0 too), settings, layouts, dtypes and algorithms."""

import contextlib
from functools import partial

import numpy as np
import pytest
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make fuzz` installs it")

from beside_pytorch import assert_agree  # noqa: E402
from cut_products import cut_products  # noqa: E402
from drawing import both, broadcasting, dtypes, indices, layouts, pairs, seeds, shapes, values, windows  # noqa: E402

import minifcn as mf  # noqa: E402
import minifcn.functional as F  # noqa: E402
from minifcn.backend import cutting, pieces, threads  # noqa: E402
from minifcn.compute.algorithm import ALGORITHMS  # noqa: E402
from minifcn.compute.fast import strips, winograd  # noqa: E402
from minifcn.nn.init import bilinear  # noqa: E402

TF = torch.nn.functional
algorithms = st.sampled_from([None, None, *ALGORITHMS])
KINDS = {}


def kind(cases):
    """Put a check(case) into the table of kinds, under its name, with how its cases are drawn."""

    def add(check):
        KINDS[check.__name__] = (cases, check)
        return check

    return add


def forced(algorithm):
    return mf.algorithm(algorithm) if algorithm else contextlib.nullcontext()


@contextlib.contextmanager
def in_pieces():
    """Cut small maps too into strips, tiles and pieces, their products too, and share them out to threads."""
    with pytest.MonkeyPatch.context() as patch:
        cut_products(patch)
        patch.setattr(threads, "WORTH_SHARING", 0)
        for room in (cutting, strips):
            patch.setattr(room, "STRIP_BYTES", 500)
        patch.setattr(winograd, "TILES", 2)
        patch.setattr(winograd, "NUMBERS", dict.fromkeys(winograd.NUMBERS, 1))
        patch.setattr(pieces, "PIECE", 20)
        yield


@st.composite
def convolutions(draw, like=None):
    sizes, settings = draw(windows())
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    channels = [groups * draw(st.sampled_from([1, 2, 3, 5])) for _ in range(2)]
    if draw(st.integers(0, 15)) == 0:  # enough channels for every algorithm to be chosen
        groups, channels = 1, [32, 33]
    algorithm = draw(algorithms)
    if like == "VGG's":
        sizes = {"kernel": (3, 3), "size": tuple(n + 8 for n in sizes["size"])}
        algorithm, settings = (
            draw(st.sampled_from(["strips", "winograd"])),
            {"stride": 1, "padding": 1, "dilation": 1},
        )
    elif like == "upsampling":
        groups, channels, kernel = 1, [channels[0]] * 2, max(sizes["kernel"])
        algorithm, settings["stride"] = draw(st.sampled_from([None, "blocks"])), draw(pairs(2, 4))
        room = max(both(settings["dilation"])) * kernel
        sizes = {"kernel": (kernel, kernel), "size": tuple(n + room for n in sizes["size"])}
    return {
        "batch": draw(st.integers(0, 2)),
        "channels": channels,
        **sizes,
        "settings": settings | {"groups": groups},
        "bias": draw(st.booleans()),
        "layouts": draw(st.tuples(layouts, layouts)),
        "dtype": draw(dtypes),
        "algorithm": algorithm,
        "seed": draw(seeds),
        "second": draw(st.booleans()),
        "relu": draw(st.booleans()),
        "special": draw(st.integers(0, 5)) == 0,
        "in pieces": draw(st.integers(0, 5)) == 0,
        "like": like,
    }


def _compare_convolution(case, ours, theirs, x_shape, weight_shape, outputs):
    special = case["special"]  # few pixels: if all windows saw one, nothing would be left to compare
    arrays = [
        values(case["seed"] + i, shape, case["dtype"], layout, special=0.02 * (special and i == 0))
        for i, (shape, layout) in enumerate(zip((x_shape, weight_shape), case["layouts"], strict=True))
    ]
    if case["like"] == "upsampling":
        arrays[1] = bilinear(*weight_shape[:3]).astype(case["dtype"])
    if case["bias"]:
        arrays.append(values(case["seed"] + 2, (outputs,), case["dtype"]))
    with forced(case["algorithm"]), in_pieces() if case["in pieces"] else contextlib.nullcontext():
        assert_agree(
            lambda *a: ours(*a, **case["settings"]),
            lambda *a: theirs(*a, **case["settings"]),
            arrays,
            case["seed"],
            second=case["second"] and not special,
        )


@kind(convolutions())
def conv2d(case):
    inputs, outputs = case["channels"]
    weight_shape = (outputs, inputs // case["settings"]["groups"], *case["kernel"])
    x_shape = (case["batch"], inputs, *case["size"])
    if case["relu"] and not case["special"]:
        _compare_convolution(
            case,
            partial(F.conv2d, relu=True),
            lambda *a, **k: TF.relu(TF.conv2d(*a, **k)),
            x_shape,
            weight_shape,
            outputs,
        )
    else:
        _compare_convolution(case, F.conv2d, TF.conv2d, x_shape, weight_shape, outputs)


KINDS["conv2d like VGG's"] = (convolutions("VGG's"), conv2d)
KINDS["conv2d that leads back from an upsampling"] = (convolutions("upsampling"), conv2d)


@st.composite
def transposed_convolutions(draw, like=None):
    case = draw(convolutions(like))
    stride, dilation = (both(case["settings"][name]) for name in ("stride", "dilation"))
    case["settings"]["output_padding"] = tuple(
        draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)
    )
    case["size"] = tuple(draw(st.integers(1, 6)) for _ in range(2))
    return case


@kind(transposed_convolutions())
def conv_transpose2d(case):
    inputs, outputs = case["channels"]
    s = case["settings"]
    for n, k, *w in zip(
        case["size"],
        case["kernel"],
        *(both(s[name]) for name in ("stride", "padding", "dilation", "output_padding")),
        strict=True,
    ):
        stride, padding, dilation, extra = w
        if (n - 1) * stride - 2 * padding + dilation * (k - 1) + 1 + extra < 1:
            return  # all of the result is cropped away, which both refuse
    weight_shape = (inputs, outputs // s["groups"], *case["kernel"])
    x_shape = (case["batch"], inputs, *case["size"])
    _compare_convolution(case, F.conv_transpose2d, TF.conv_transpose2d, x_shape, weight_shape, outputs)


KINDS["conv_transpose2d that upsamples"] = (transposed_convolutions("upsampling"), conv_transpose2d)


@st.composite
def pools(draw, dilated=True):
    kernel = draw(pairs(1, 4))
    padding = tuple(draw(st.integers(0, k // 2)) for k in both(kernel))
    dilation = draw(pairs(1, 2)) if dilated else 1
    size = tuple(
        max(d, d * (k - 1) + 1 - 2 * p) + draw(st.integers(0, 6))  # from d pixels on, every window sees one
        for k, p, d in zip(both(kernel), padding, both(dilation), strict=True)
    )
    return {
        "kernel": kernel,
        "stride": draw(st.none() | pairs(1, 4)),
        "padding": padding,
        "dilation": dilation,
        "ceil": draw(st.booleans()),
        "shape": (draw(st.integers(0, 2)), draw(st.integers(1, 3)), *size),
        "values": draw(st.sampled_from(["normal", "ties", "special"])),
        "layout": draw(layouts),
        "dtype": draw(dtypes),
        "seed": draw(seeds),
    }


def _map(case):
    of = case.get("values")
    return values(
        case["seed"], case["shape"], case["dtype"], case["layout"], special=0.3 * (of == "special"), ties=of == "ties"
    )


@kind(pools())
def max_pool2d(case):
    settings = [case[name] for name in ("kernel", "stride", "padding", "dilation", "ceil")]
    x = _map(case)
    assert_agree(lambda x: F.max_pool2d(x, *settings), lambda x: TF.max_pool2d(x, *settings), [x], case["seed"])
    y, ours = F.max_pool2d(mf.Tensor(x), *settings, return_indices=True)
    z, theirs = TF.max_pool2d(torch.tensor(np.array(x, order="C")), *settings, return_indices=True)
    np.testing.assert_array_equal(y.data, z.numpy())
    np.testing.assert_array_equal(ours.data, theirs.numpy())


@kind(pools(dilated=False))
def max_unpool2d(case):
    """Beside adding up: where windows overlap, PyTorch keeps one of the values."""
    (*planes, height, width), settings = case["shape"], [case[name] for name in ("kernel", "stride", "padding")]
    x = torch.tensor(np.array(values(case["seed"], case["shape"], "float64")))
    y, indices = TF.max_pool2d(x, *settings, return_indices=True)
    assert_agree(
        lambda y: F.max_unpool2d(y, mf.Tensor(indices.numpy()), *settings, output_size=(height, width)),
        lambda y: (
            torch.zeros(*planes, height * width, dtype=y.dtype)
            .scatter_add(2, indices.flatten(2), y.flatten(2))
            .reshape(case["shape"])
        ),
        [y.numpy().astype(case["dtype"])],
        case["seed"],
        second=True,
    )


@kind(st.tuples(pools(dilated=False), st.booleans()))
def avg_pool2d(case):
    case, include = case
    settings = [case[name] for name in ("kernel", "stride", "padding", "ceil")]
    case["values"] = "normal"
    assert_agree(
        lambda x: F.avg_pool2d(x, *settings, include),
        lambda x: TF.avg_pool2d(x, *settings, include),
        [_map(case)],
        case["seed"],
        second=True,
    )


@st.composite
def maps(draw, special=False):
    kinds = ["normal", "ties"] + ["special"] * special
    return {
        "shape": (draw(st.integers(0, 3)), draw(st.integers(1, 6)), draw(st.integers(0, 5)), draw(st.integers(0, 5))),
        "layout": draw(layouts),
        "dtype": draw(dtypes),
        "seed": draw(seeds),
        "values": draw(st.sampled_from(kinds)),
        "scale": draw(st.sampled_from([1, 1, 30, 1000])),
        "axis": draw(st.integers(-4, 3)),
    }


@kind(maps(special=True))
def relu(case):
    assert_agree(F.relu, TF.relu, [_map(case)], case["seed"])


@kind(maps())
def softmax(case):
    x, axis = _map(case), case["axis"]
    if x.shape[axis] == 0:
        return
    x = x * x.dtype.type(case["scale"])
    for ours, theirs in ((F.softmax, TF.softmax), (F.log_softmax, TF.log_softmax)):
        assert_agree(
            lambda x, ours=ours: ours(x, axis=axis),
            lambda x, theirs=theirs: theirs(x, dim=axis),
            [x],
            case["seed"],
            second=case["scale"] == 1,
        )


@kind(
    st.tuples(
        maps(special=True),
        st.sampled_from(["mean", "sum", "none", "batch"]),
        st.sampled_from([255, 0, -1, 1]),
        st.booleans(),
    )
)
def softmax_cross_entropy(case):
    case, reduction, ignore, weighted = case
    n, c, *size = case["shape"]
    rng = np.random.default_rng(case["seed"])
    labels = rng.integers(0, c, (n, *size))
    labels[rng.random(labels.shape) < 0.3] = ignore
    weight = rng.random(c).astype(case["dtype"]) if weighted else None
    counted = int(((labels != ignore) & (labels >= 0)).sum())
    if (reduction == "mean" and (not counted or (weighted and weight.sum() == 0))) or (reduction == "batch" and not n):
        return  # 0 here; PyTorch has no value for it
    their_weight = None if weight is None else torch.tensor(weight.astype("float64"))
    special, ignored = case["values"] == "special", (labels == ignore)[:, None]
    x = _map(case)
    if special:  # only where it does not count, for PyTorch's gradient is nan there
        x = np.where(ignored, x, values(case["seed"], x.shape, x.dtype))

    def theirs(x):
        loss = TF.cross_entropy(
            x.masked_fill(torch.tensor(ignored), 0),
            torch.tensor(labels),
            their_weight,
            ignore_index=ignore,
            reduction="sum" if reduction == "batch" else reduction,
        )
        return loss / n if reduction == "batch" else loss

    assert_agree(
        lambda x: F.softmax_cross_entropy(x, labels, weight, ignore, reduction),
        theirs,
        [x * x.dtype.type(min(case["scale"], 30))],
        case["seed"],
        second=case["scale"] == 1,
    )


@kind(st.tuples(maps(), st.integers(1, 7), st.sampled_from([(1e-4, 0.75, 1.0), (1.0, 0.5, 2.0)])))
def local_response_norm(case):
    case, size, settings = case
    if 0 in case["shape"]:
        return
    assert_agree(
        lambda x: F.local_response_norm(x, size, *settings),
        lambda x: TF.local_response_norm(x, size, *settings),
        [_map(case)],
        case["seed"],
        second=True,
    )


@kind(st.tuples(maps(), st.tuples(*[st.integers(0, 3)] * 4)))
def pad_and_crop(case):
    case, margin = case
    left, right, top, bottom = margin
    x = _map(case)
    assert_agree(lambda x: F.pad(x, margin), lambda x: TF.pad(x, margin), [x], case["seed"])
    height, width = max(0, x.shape[2] - top - bottom), max(0, x.shape[3] - left - right)
    if top + height <= x.shape[2] and left + width <= x.shape[3]:
        assert_agree(
            lambda x: F.crop(x, (top, left), (height, width)),
            lambda x: x[:, :, top : top + height, left : left + width],
            [x],
            case["seed"],
        )


@kind(st.tuples(maps(), st.lists(st.integers(0, 3), min_size=1, max_size=4)))
def concatenate(case):
    case, sizes = case
    axis = case["axis"]
    arrays = []
    for i, n in enumerate(sizes):
        shape = list(case["shape"])
        shape[axis] = n
        arrays.append(values(case["seed"] + i, shape, case["dtype"], case["layout"]))
    assert_agree(lambda *a: F.concatenate(a, axis), lambda *a: torch.cat(a, axis), arrays, case["seed"])


@kind(
    st.tuples(
        shapes(), st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)), dtypes, seeds, st.booleans()
    )
)
def products(case):
    stack, (n, k, m), dtype, seed, vector = case
    a = values(seed, (*stack[:2], n, k), dtype)
    b = values(seed + 1, (k,) if vector else (k, m), dtype)
    assert_agree(lambda a, b: a @ b, torch.matmul, [a, b], seed, second=True)
    if not vector:
        bias = values(seed + 2, (m,), dtype)
        assert_agree(
            lambda x, w, b: F.linear(x, w.transpose(), b), lambda x, w, b: TF.linear(x, w.T, b), [a, b, bias], seed
        )


ELEMENTWISE = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / (b * b + 0.5),
    "**": lambda a, b: (a * a + 0.5) ** b,
    "numbers": lambda a, b: 2 - a * 3 / 4 + (1 + b) ** 2 - (b * b + 1) ** -0.5 + 1 / (a * a + 2),
}


@kind(st.tuples(broadcasting(), st.sampled_from(sorted(ELEMENTWISE)), dtypes, seeds, st.tuples(layouts, layouts)))
def arithmetic(case):
    both_shapes, name, dtype, seed, both_layouts = case
    arrays = [
        values(seed + i, s, dtype, layout) for i, (s, layout) in enumerate(zip(both_shapes, both_layouts, strict=True))
    ]
    assert_agree(ELEMENTWISE[name], ELEMENTWISE[name], arrays, seed, second=True)


@kind(st.tuples(shapes(1), dtypes, seeds, layouts, st.data()))
def reductions(case):
    shape, dtype, seed, layout, data = case
    x = values(seed, shape, dtype, layout)
    axes = data.draw(st.sampled_from([None, *range(-x.ndim, x.ndim)]))
    keep = data.draw(st.booleans())
    count = x.size if axes is None else x.shape[axes]

    def theirs(x):
        name = "mean" if count else "sum"
        return getattr(x, name)() if axes is None else getattr(x, name)(axes, keepdim=keep)

    if axes is None:
        keep = False
    assert_agree(lambda x: (x.mean if count else x.sum)(axis=axes, keepdims=keep), theirs, [x], seed, second=True)
    if axes is not None and count:  # of all, PyTorch shares the gradient among equals
        x = values(seed, shape, dtype, layout, ties=data.draw(st.booleans()))
        assert_agree(
            lambda x: x.max(axis=axes, keepdims=keep),
            lambda x: x.max(axes, keepdim=keep).values,
            [x],
            seed,
            second=True,
        )
        np.testing.assert_array_equal(mf.Tensor(x).argmax(axis=axes).data, torch.tensor(x.copy()).argmax(axes).numpy())
    order = data.draw(st.permutations(range(x.ndim)))
    assert_agree(lambda x: x.transpose(*order).reshape(-1), lambda x: x.permute(*order).reshape(-1), [x], seed)


@st.composite
def indexed(draw):
    shape = draw(shapes(1))
    return shape, draw(indices(shape)), draw(dtypes), draw(seeds), draw(layouts)


@kind(indexed())
def indexing(case):
    """NumPy says what is read; PyTorch's gradient is that of reading the same elements one by one."""
    shape, index, dtype, seed, layout = case
    x = values(seed, shape, dtype, layout)
    try:
        places = np.arange(x.size).reshape(shape)[index]
    except IndexError:
        with pytest.raises(IndexError):
            mf.Tensor(x)[index]
        return
    assert_agree(
        lambda x: x[index],
        lambda x: x.reshape(-1)[torch.tensor(places.flatten())].reshape(places.shape),
        [x],
        seed,
        second=True,
    )


@kind(st.tuples(maps(), st.floats(0, 0.9), st.booleans()))
def dropout(case):
    """Beside the same mask, found from the values."""
    case, p, channels = case
    x = _map(case)
    one = np.ones_like(x)
    drop = F.dropout2d if channels else F.dropout
    mask = drop(mf.Tensor(one), p, rng=np.random.default_rng(case["seed"])).data
    assert np.isin(mask, np.array([0, 1 / (1 - p)], x.dtype)).all()
    if channels:
        assert (mask == mask[:, :, :1, :1]).all()
    assert_agree(
        lambda x: drop(x, p, rng=np.random.default_rng(case["seed"])),
        lambda x: x * torch.tensor(mask.astype("float64")),
        [x],
        case["seed"],
    )


@st.composite
def any_settings(draw):
    """Settings of all kinds, most of them impossible."""
    numbers = st.integers(-1, 4)
    setting = numbers | st.tuples(numbers, numbers)
    return {
        "name": draw(st.sampled_from(["conv2d", "conv_transpose2d", "max_pool2d", "avg_pool2d"])),
        "x": tuple(draw(st.integers(0, 5)) for _ in range(4)),
        "weight": tuple(draw(st.integers(0, 4)) for _ in range(4)),
        "settings": {key: draw(setting) for key in ("kernel_size", "stride", "padding", "dilation", "output_padding")}
        | {"groups": draw(st.integers(-1, 3))},
        "seed": draw(seeds),
        "algorithm": draw(algorithms),
    }


TAKEN = {
    "conv2d": ("stride", "padding", "dilation", "groups"),
    "conv_transpose2d": ("stride", "padding", "dilation", "groups", "output_padding"),
    "max_pool2d": ("kernel_size", "stride", "padding", "dilation"),
    "avg_pool2d": ("kernel_size", "stride", "padding"),
}


@kind(any_settings())
def impossible_settings(case):
    """Refused by a sentence that begins with the name of the function; or possible, and PyTorch's result."""
    name, settings = case["name"], {key: case["settings"][key] for key in TAKEN[case["name"]]}
    shapes = [case["x"], case["weight"]] if name.startswith("conv") else [case["x"]]
    arrays = [values(case["seed"] + i, shape, "float64") for i, shape in enumerate(shapes)]
    with forced(case["algorithm"]):
        try:
            y = getattr(F, name)(*map(mf.Tensor, arrays), **settings)
        except ValueError as error:
            assert str(error).startswith(f"{name}: ")  # noqa: PT017
            return
        if case["x"][1] == 0:  # which PyTorch does not pool
            assert y.shape[:2] == case["x"][:2]
            return
        assert_agree(
            lambda *a: getattr(F, name)(*a, **settings),
            lambda *a: getattr(TF, name)(*a, **settings),
            arrays,
            case["seed"],
        )


@kind(st.tuples(convolutions(), st.sampled_from(["bool", "uint8", "int16", "int64"]), st.booleans()))
def whole_numbers(case):
    """Maps of whole numbers, added up and compared exactly, whatever algorithm is forced."""
    case, dtype, transposed = case
    inputs, outputs = case["channels"]
    groups = case["settings"]["groups"]
    rng = np.random.default_rng(case["seed"])
    x = rng.integers(0, 200, (case["batch"], inputs, *case["size"])).astype(dtype)
    lengths = (inputs, outputs // groups) if transposed else (outputs, inputs // groups)
    weight = rng.integers(0, 200, (*lengths, *case["kernel"])).astype(dtype)
    name = "conv_transpose2d" if transposed else "conv2d"
    with forced(case["algorithm"]):
        try:
            y = getattr(F, name)(mf.Tensor(x), mf.Tensor(weight), **case["settings"])
        except ValueError as error:
            assert transposed
            assert str(error).startswith(f"{name}: ")  # noqa: PT017
            return
    z = getattr(TF, name)(torch.tensor(x.astype("float64")), torch.tensor(weight.astype("float64")), **case["settings"])
    assert y.dtype.kind in "iu"
    np.testing.assert_array_equal(y.data, z.numpy())


@pytest.mark.parametrize("name", KINDS)
def test_operation(name, fuzz):
    fuzz(*KINDS[name])
