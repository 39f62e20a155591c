"""The stand-in for CuPy is as strict as CuPy: what passes with NumPy and fails on a GPU must fail here."""

import io
import sys

import numpy as np
import pytest
from standin import DuplicateIndexError, ForbiddenEvent, HostArrayError, count, forbid, installed, ndarray
from standin import cupy as cp


@pytest.fixture(autouse=True)
def _in_place_of_cupy():
    with installed():
        yield


@pytest.fixture
def host():
    return np.linspace(-1, 2, 24, dtype="float32").reshape(2, 3, 4)


@pytest.fixture
def x(host):
    return cp.asarray(host)


# Called with (numpy, host array, host array) all of these pass; with (cupy, device array, host array) none may.
LEAKS = {
    "a constant of the host": (HostArrayError, lambda xp, x, h: x - np.array([[1.0], [2.0], [3.0]])),
    "a number of the host as 0-d array": (HostArrayError, lambda xp, x, h: x * np.array(2.0)),
    "an operand of the host on the left": (HostArrayError, lambda xp, x, h: h + x),
    "a product with the host": (HostArrayError, lambda xp, x, h: x @ h.swapaxes(1, 2)),
    "a choice between device and host": (HostArrayError, lambda xp, x, h: np.where(x > 0, x, h)),
    "a mask of the host": (HostArrayError, lambda xp, x, h: x[h > 0]),
    "an index of the host": (HostArrayError, lambda xp, x, h: x[:, np.array([2, 1, 0])]),
    "an assignment from the host": (HostArrayError, lambda xp, x, h: x.__setitem__(..., h)),
    "an assignment from a list": (TypeError, lambda xp, x, h: x.__setitem__((0, 0), [1, 2, 3, 4])),
    "a host array in a list": (HostArrayError, lambda xp, x, h: xp.concatenate([x, h])),
    "a function of the device on the host": (HostArrayError, lambda xp, x, h: xp.sum(h)),
    "results to the host": (HostArrayError, lambda xp, x, h: np.add(x, x, out=h)),
    "additions on the host": (HostArrayError, lambda xp, x, h: np.add.at(h, 0, x[0])),
    "einsum with the host": (HostArrayError, lambda xp, x, h: np.einsum("abc,abc->a", x, h)),
    "asarray": (HostArrayError, lambda xp, x, h: np.asarray(x)),
    "assert_allclose": (HostArrayError, lambda xp, x, h: np.testing.assert_allclose(x, x)),
    "NumPy's as_strided": (HostArrayError, lambda xp, x, h: np.lib.stride_tricks.as_strided(x, (2,), (4,))),
    "a buffer": (TypeError, lambda xp, x, h: memoryview(x)),
    "range of a device number": (TypeError, lambda xp, x, h: range(x.argmax())),
    "a list at a device number": (TypeError, lambda xp, x, h: [1, 2][xp.asarray(1)]),
    "a slice to a device number": (TypeError, lambda xp, x, h: x[: xp.asarray(1)]),
    "a shape of device numbers": (TypeError, lambda xp, x, h: xp.zeros((2, xp.asarray(1)))),
    "in": (TypeError, lambda xp, x, h: 1.0 in x),
    "max(initial=)": (TypeError, lambda xp, x, h: x.max(axis=1, initial=0.0)),
    "sum(where=)": (TypeError, lambda xp, x, h: np.sum(x, where=True)),
    "divide(where=)": (TypeError, lambda xp, x, h: np.divide(x, x, where=True)),
    "maximum.reduce": (NotImplementedError, lambda xp, x, h: np.maximum.reduce(x)),
    "maximum.at of bytes": (TypeError, lambda xp, x, h: xp.maximum.at(x.astype("uint8"), 0, 1)),
    "item(index)": (TypeError, lambda xp, x, h: x.item(0)),
    "matmul(a, b, out)": (TypeError, lambda xp, x, h: xp.matmul(x[0], x[0].T, xp.empty((3, 3), "float32"))),
    "as_strided(writeable=)": (
        TypeError,
        lambda xp, x, h: xp.lib.stride_tricks.as_strided(x, (2,), (4,), writeable=False),
    ),
    "sliding_window_view(writeable=)": (
        NotImplementedError,
        lambda xp, x, h: xp.lib.stride_tricks.sliding_window_view(x, 2, 0, writeable=True),
    ),
    "unravel_index(shape=)": (TypeError, lambda xp, x, h: xp.unravel_index(x.argmax(), shape=(2, 3, 4))),
    "einsum(order=)": (TypeError, lambda xp, x, h: xp.einsum("abc->ab", x, order="C")),
    "ones(like=)": (TypeError, lambda xp, x, h: np.ones(3, like=x)),
    "errstate": (AttributeError, lambda xp, x, h: xp.errstate(divide="ignore")),
    "block": (AttributeError, lambda xp, x, h: xp.block([[x]])),
    "Generator.permutation": (AttributeError, lambda xp, x, h: xp.random.default_rng(0).permutation(5)),
    "Generator.normal": (AttributeError, lambda xp, x, h: xp.random.default_rng(0).normal(size=3)),
    "flags.writeable": (AttributeError, lambda xp, x, h: x.flags.writeable),
    "long double": (ValueError, lambda xp, x, h: x.astype(np.longdouble)),
    "objects": (ValueError, lambda xp, x, h: xp.asarray([None])),
    "text": (ValueError, lambda xp, x, h: xp.asarray(["a"])),
    "two masks": (IndexError, lambda xp, x, h: x[x[:, 0, 0] < 3, x[0, :, 0] > -0.5]),
    "an element written twice": (
        DuplicateIndexError,
        lambda xp, x, h: x.__setitem__(xp.asarray([1, 1]), xp.ones((2, 3, 4))),
    ),
    "an element written twice along an axis": (
        DuplicateIndexError,
        lambda xp, x, h: xp.put_along_axis(x, xp.zeros((2, 3, 2), int), xp.ones((2, 3, 2)), 2),
    ),
}


@pytest.mark.parametrize(("error", "leak"), LEAKS.values(), ids=LEAKS)
def test_raises_where_numpy_goes_on(x, host, error, leak):
    leak(np, host.copy(), host.copy())
    with pytest.raises(error):
        leak(cp, x, host)


# A GPU reads or writes another element and goes on.
OUT_OF_RANGE = {
    "a label 255": lambda x: x[:, cp.asarray([0, 255])],
    "a label 255 along an axis": lambda x: cp.take_along_axis(x, cp.full((2, 1, 4), 255), 1),
    "a label 255 to write at": lambda x: x.__setitem__((0, cp.asarray([255])), 0),
    "a label 255 to add at": lambda x: cp.add.at(x, cp.asarray([255]), 1),
    "a fraction": lambda x: x[1.5],
}


@pytest.mark.parametrize("index", OUT_OF_RANGE.values(), ids=OUT_OF_RANGE)
def test_raises_where_a_gpu_goes_on(x, index):
    with pytest.raises(IndexError):
        index(x)


WAITS = {
    "if": lambda x: 1 if (x > 0).all() else 0,
    "int": lambda x: int(x.sum()),
    "float": lambda x: float(x.sum()),
    "f-string": lambda x: f"{x.sum():.3f}",
    "print": lambda x: str(x),
    "repr": lambda x: repr(x),
    "item": lambda x: x.sum().item(),
    "tolist": lambda x: x.tolist(),
    "get": lambda x: x.get(),
    "asnumpy": lambda x: cp.asnumpy(x),
    "max of a row": lambda x: max(x[0, 0]),
    "reading at a mask": lambda x: x[x > 0],
    "writing at a mask": lambda x: x.__setitem__(x < 0, 0),
    "nonzero": lambda x: cp.nonzero(x),
    "where(mask)": lambda x: np.where(x > 0),
    "bincount": lambda x: cp.bincount(cp.arange(3), minlength=5),
    "unique": lambda x: np.unique(x),
    "sliding_window_view": lambda x: cp.lib.stride_tricks.sliding_window_view(x, 2, 0),
    "save": lambda x: np.save(io.BytesIO(), x),
    "Device.synchronize": lambda x: x.device.synchronize(),
    "Stream.synchronize": lambda x: cp.cuda.Stream.null.synchronize(),
    "deviceSynchronize": lambda x: cp.cuda.runtime.deviceSynchronize(),
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_hidden_synchronisations_are_seen(x, wait):
    with pytest.raises(ForbiddenEvent, match="sync"), forbid("sync"):
        wait(x)


EVENTS = {
    "upload of an array": (["h2d"], lambda x, h: cp.asarray(h)),
    "upload of a list": (["h2d"], lambda x, h: cp.array([1, 2])),
    "upload into an array": (["h2d"], lambda x, h: x.set(h)),
    "an index that is a list": (["h2d", "kernel"], lambda x, h: x[[0, 1]]),
    "download": (["sync", "d2h"], lambda x, h: x.get()),
    "one product for three": (["kernel"], lambda x, h: x.swapaxes(1, 2) @ x),
    "Python's numbers": (["kernel"], lambda x, h: x * 2.0),
    "NumPy's numbers": (["kernel"], lambda x, h: np.float64(2) * x),
    "a number made an array": (["kernel"], lambda x, h: cp.asarray(2.0)),
    "an array on the device already": ([], lambda x, h: cp.asarray(x, "float32")),
    "another dtype": (["kernel"], lambda x, h: cp.asarray(x, "float64")),
    "device arrays in a list": (["kernel"], lambda x, h: cp.array([x, x])),
    "views": ([], lambda x, h: cp.moveaxis(x.reshape(4, 6)[1:, ::2].T[None], 0, 1)),
    "a reshape that must copy": (["kernel"], lambda x, h: x.T.reshape(-1)),
    "memory": ([], lambda x, h: cp.empty_like(x, shape=(2,))),
    "no elements": ([], lambda x, h: (x[:0].__setitem__(..., 0), x[:0] + 1, x[:0].copy())),
    "a sweep over a transposed array": (["kernel", "strided"], lambda x, h: x.T + x.T),
    "a fill": (["kernel"], lambda x, h: x.fill(0)),
    "a masked copy": (["kernel"], lambda x, h: cp.copyto(x, 0, where=x > 0)),
    "additions at a slice": (["kernel"], lambda x, h: cp.add.at(x, slice(2), 1)),
    "additions at an index": (["atomic", "kernel"], lambda x, h: cp.add.at(x, cp.arange(2), 1)),
}


@pytest.mark.parametrize(("expected", "work"), EVENTS.values(), ids=EVENTS)
def test_counts(x, host, expected, work):
    with count() as events:
        work(x, host)
    assert [kind for kind, times in events.items() if times] == expected


LAUNCHES = {
    "a sweep": (1, lambda x: x + x),
    "three sweeps": (3, lambda x: 2 * x * x + 1),
    "a fused function": (1, lambda x: cp.fuse(lambda x: 2 * x * x + 1)(x)),
    "a product": (1, lambda x: x[0] @ x[0].T),
    "a product of what lies in no order": (2, lambda x: x[0, :, ::2] @ x[0, 0, :2]),
    "stacked products of turned matrices": (2, lambda x: x.swapaxes(1, 2) @ x),
}


@pytest.mark.parametrize(("launches", "work"), LAUNCHES.values(), ids=LAUNCHES)
def test_counts_launches(x, launches, work):
    with count() as events:
        work(x)
    assert events["kernel"] == launches


def test_forbid_ends_with_its_own_block(x):
    with forbid("sync"):
        with forbid("sync", "d2h"):
            pass
        with pytest.raises(ForbiddenEvent):
            x.get()
    x.get()


def test_forbid_knows_its_events():
    with pytest.raises(ValueError, match="unknown event 'wait'"), forbid("wait"):
        pass


SAME = {
    "arithmetic": lambda xp, x: (x - 1) ** 2 / 3.0 // 0.5 % 2,
    "promotion by NumPy's number": lambda xp, x: x * np.float64(2),
    "comparison": lambda xp, x: ~((x > 0) & (x <= 1)) | (x == 2),
    "division by zero": lambda xp, x: x / (x * 0),
    "infinity": lambda xp, x: xp.log(x * 0),
    "reduction": lambda xp, x: x.sum(axis=(0, 2), keepdims=True),
    "reduction to one number": lambda xp, x: x.mean(),
    "equality": lambda xp, x: xp.array_equal(x, x),
    "an element": lambda xp, x: x[0, 1, 2],
    "index arrays": lambda xp, x: x[xp.arange(2), xp.arange(2) + 1],
    "as_strided": lambda xp, x: xp.lib.stride_tricks.as_strided(x, (2, 3, 2, 3), (48, 16, 4, 4)),
    "take_along_axis": lambda xp, x: xp.take_along_axis(x, x.argmax(axis=1)[:, None], 1),
    "bincount": lambda xp, x: xp.bincount((x > 0).astype("int64").ravel(), minlength=4),
    "NumPy's function": lambda xp, x: np.concatenate([np.moveaxis(x, 0, 2), np.exp(x).transpose(1, 2, 0)], -1),
    "out=": lambda xp, x: xp.maximum(x, 0, out=xp.empty_like(x)),
    "product with out=": lambda xp, x: xp.matmul(x[0], x[1].T, out=xp.zeros((3, 3), x.dtype)),
    "in place": lambda xp, x: sum((x.__iadd__(1), x.__imul__(2))),
    "pieces": lambda xp, x: xp.tile(xp.pad(x, ((0, 0), (1, 1), (0, 0))), 2),
}


@pytest.mark.parametrize("function", SAME.values(), ids=SAME)
def test_computes_what_numpy_computes_and_never_warns(host, function):
    result = function(cp, cp.asarray(host))
    with np.errstate(all="ignore"):
        expected = function(np, host.copy())
    assert isinstance(result, ndarray)
    assert (result.shape, result.dtype) == (np.shape(expected), np.asarray(expected).dtype)
    np.testing.assert_array_equal(result.get(), expected)


IN_C_ORDER = {
    "ufunc": lambda x: x + 1,
    "where": lambda x: cp.where(x > 0, x, 0),
    "index array": lambda x: x[:, cp.arange(2)],
    "concatenate": lambda x: cp.concatenate([x, x]),
    "product": lambda x: x @ x.swapaxes(1, 2),
    "as asked for": lambda x: x.astype("float64", order="C"),
}


@pytest.mark.parametrize("function", IN_C_ORDER.values(), ids=IN_C_ORDER)
def test_results_are_in_c_order_whatever_the_arguments_are_in(x, function):
    assert function(x.transpose(2, 0, 1)).flags.c_contiguous


@pytest.mark.parametrize("function", [cp.empty_like, lambda x: x.astype("int32")], ids=["empty_like", "astype"])
def test_what_has_an_order_argument_keeps_the_order(x, function):
    turned = x.transpose(2, 0, 1)
    assert function(turned).strides == turned.strides


def test_transfers_keep_no_order_but_c_and_fortran(host):
    assert cp.asarray(host.T).flags.f_contiguous
    assert cp.asarray(host.transpose(0, 2, 1)).flags.c_contiguous
    assert cp.asarray(host.T).get().flags.c_contiguous


def test_atomics_add_in_no_fixed_order(rng):
    index, values = cp.asarray(rng.integers(0, 3, 5000)), cp.asarray(rng.standard_normal(5000).astype("float32"))

    def total():
        sums = cp.zeros(3, "float32")
        cp.add.at(sums, index, values)
        return sums.get()

    totals = [total() for _ in range(5)]
    assert len({t.tobytes() for t in totals}) > 1
    expected = [values.get()[index.get() == i].sum(dtype="float64") for i in range(3)]
    np.testing.assert_allclose(totals[0], expected, rtol=1e-3)


def test_random_numbers_are_not_those_of_numpy():
    ours, numpys = cp.random.default_rng(0).random(3), np.random.default_rng(0).random(3)
    assert not np.array_equal(ours.get(), numpys)


def test_fuse_makes_one_kernel(x, host):
    @cp.fuse(kernel_name="leaky")
    def leaky(x, slope):
        y = cp.maximum(x, 0)
        y += slope * cp.minimum(x, 0)
        return y

    with count() as events:
        y = leaky(x, 0.5)
    assert events["kernel"] == 1
    np.testing.assert_array_equal(y.get(), np.where(host > 0, host, host / 2))


UNTRACEABLE = {
    "NumPy's function": lambda x: np.maximum(x, 0),
    "product": lambda x: cp.matmul(x, x),
    "reshape": lambda x: x.reshape(-1),
    "shape": lambda x: x / x.shape[0],
    "index": lambda x: x[0],
    "new array": lambda x: x + cp.zeros(3),
    "branch on values": lambda x: x if x > 0 else -x,
}


@pytest.mark.parametrize("function", UNTRACEABLE.values(), ids=UNTRACEABLE)
def test_fuse_refuses_what_cupy_cannot_trace(x, function):
    with pytest.raises(TypeError, match="cannot trace"):
        cp.fuse()(function)(x)


def test_fuse_refuses_other_arguments(x, host):
    with pytest.raises(TypeError, match=r"numpy\.ndarray"):
        cp.fuse(lambda x, y: x + y)(x, host)
    with pytest.raises(TypeError, match="NoneType"):
        cp.fuse(lambda x, y: x)(x, None)


def test_cuda_has_one_device_which_waits_and_measures(x):
    assert cp.cuda.runtime.getDeviceCount() == 1
    assert x.device == cp.cuda.Device(0)
    with pytest.raises(cp.cuda.runtime.CUDARuntimeError), cp.cuda.Device(1):
        pass
    start, end = cp.cuda.Event(), cp.cuda.Event()
    start.record()
    end.record()
    assert cp.cuda.get_elapsed_time(start, end) >= 0


def test_what_is_not_modelled_says_so():
    with pytest.raises(NotImplementedError, match="not in the stand-in"):
        cp.RawKernel("", "")


def test_installed_gives_back_what_was_there():
    import cupy.cuda.runtime

    assert cupy is cp
    with installed():
        pass
    assert sys.modules["cupy"] is cp
