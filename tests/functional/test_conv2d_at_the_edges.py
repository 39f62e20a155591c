"""Convolutions of unusual arguments: empty batches, whole numbers, odd layouts, and settings that are no settings."""

import numpy as np
import pytest
import textbook
from cases import NAMED_CONVOLUTIONS, random_convolutions, read_only

import minifcn as mf
import minifcn.functional as F
from minifcn import Tensor, grad
from minifcn.backend import to_device, to_host
from minifcn.compute.algorithm import ALGORITHMS
from minifcn.compute.window import Window

every_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)
both = pytest.mark.parametrize("function", [F.conv2d, F.conv_transpose2d])


class TestEmptyBatch:
    @every_algorithm
    @pytest.mark.parametrize("groups", [1, 2])
    @pytest.mark.parametrize("kernel", [1, 3, 4])
    @both
    def test_gives_an_empty_map_and_gradients_of_zeros(self, function, algorithm, groups, kernel, dtype):
        shapes = [(0, 4, 8, 9), (4, 4 // groups, kernel, kernel), (4,)]
        leaves = [Tensor(np.ones(shape, dtype), requires_grad=True) for shape in shapes]
        with mf.algorithm(algorithm):
            y = function(*leaves, stride=2, groups=groups)
            gradients = grad(y.sum(), leaves)
        one = function(Tensor(np.ones((1, *shapes[0][1:]), dtype)), *leaves[1:], stride=2, groups=groups)
        assert (y.shape, y.dtype) == ((0, *one.shape[1:]), dtype)
        assert [(g.shape, g.dtype) for g in gradients] == [(shape, dtype) for shape in shapes]
        assert not any(g.data.any() for g in gradients)

    def test_on_every_device(self, device):
        x, weight = (Tensor(to_device(np.ones(s, "float32"), device), True) for s in [(0, 4, 8, 9), (4, 4, 3, 3)])
        y = F.conv2d(x, weight, relu=True)
        assert y.shape == (0, 4, 6, 7)
        assert not to_host(grad(y.sum(), weight)[0].data).any()

    @pytest.mark.parametrize("variant", ["aligned", "paper"])
    def test_goes_through_a_network(self, variant):
        net = mf.models.FCN8s(2, width=1 / 64, variant=variant)
        score = net(Tensor(np.zeros((0, 3, 32, 40), "float32")))
        assert score.shape == (0, 2, 32, 40)
        score.sum().backward()
        assert not any(p.grad.data.any() for p in net.parameters() if p.grad is not None)

    @pytest.mark.parametrize("shape", [(1, 0, 5, 5), (1, 2, 0, 5), (1, 2, 5, 0)], ids=str)
    @both
    def test_no_channels_or_no_pixels_are_refused(self, function, shape):
        with pytest.raises(ValueError, match=rf"^{function.__name__}: x needs at least one channel and one pixel, got"):
            function(Tensor(np.ones(shape)), Tensor(np.ones((2, 2, 3, 3))), padding=3)

    @pytest.mark.parametrize("shape", [(0, 2, 3, 3), (2, 0, 3, 3), (2, 2, 0, 3), (2, 2, 3, 0)], ids=str)
    @both
    def test_an_empty_weight_is_refused(self, function, shape):
        with pytest.raises(ValueError, match=rf"^{function.__name__}: weight must not be empty, got shape"):
            function(Tensor(np.ones((1, 2, 5, 5))), Tensor(np.ones(shape)))


class TestWholeNumbers:
    @every_algorithm
    @pytest.mark.parametrize("settings", [{}, {"stride": 2, "padding": 1}, {"groups": 2}, {"padding": 1}], ids=str)
    @pytest.mark.parametrize(
        ("dtypes", "expected"),
        [("?? ", "i8"), ("uu ", "u8"), ("uuu", "u8"), ("ub ", "i8"), ("uui", "i8"), ("hi ", "i8"), ("ii?", "i8")],
        ids=str,
    )
    def test_are_added_up_exactly_in_64_bits(self, dtypes, expected, settings, algorithm, rng):
        """No uint8 wraps at 256, and no algorithm rounds."""
        types = {"?": "?", "u": "u1", "b": "i1", "h": "i2", "i": "i8"}
        shapes = [(2, 4, 7, 8), (4, 4 // settings.get("groups", 1), 3, 3), (4,)]
        arrays = [rng.integers(0, 128, s).astype(types[t]) for s, t in zip(shapes, dtypes, strict=True) if t != " "]
        x, weight, *bias = (a.astype("float64") for a in arrays)  # which holds these sums exactly
        rows = slice(None), slice(None), None, None
        with mf.algorithm(algorithm):
            y = F.conv2d(*map(Tensor, arrays), **settings)
            z = F.conv_transpose2d(*map(Tensor, arrays), **settings)
        pair = {name: (value,) * 2 for name, value in settings.items() if name != "groups"}
        window, groups = Window((3, 3), **pair), settings.get("groups", 1)
        added = bias[0][None][rows] if bias else 0
        assert y.dtype == z.dtype == expected
        assert (y.data == textbook.convolve(x, weight, window, groups) + added).all()
        assert (z.data == textbook.convolve_transposed(x, weight, window, z.shape[2:], groups) + added).all()

    @both
    @pytest.mark.parametrize("dtype", ["bool", "uint8", "int16"])
    def test_do_not_wrap_beside_a_list_of_fractions(self, function, dtype):
        x, weight = np.full((1, 1, 3, 3), 200).astype(dtype), np.full((1, 1, 2, 2), 200).astype(dtype)
        y = function(x, weight, [0.5])
        assert y.dtype == "float64"
        exact = function(x.astype("float64"), weight.astype("float64"), np.array([0.5])).data
        np.testing.assert_array_equal(y.data, exact)

    def test_beyond_those_that_float64_holds(self):
        x, weight = Tensor(np.full((1, 1, 3, 3), 2**53 + 1)), Tensor(np.ones((1, 1, 2, 2), int))
        np.testing.assert_array_equal(F.conv2d(x, weight).data, np.full((1, 1, 2, 2), 4 * (2**53 + 1)))

    @every_algorithm
    @both
    def test_half_precision_rounds_once(self, function, algorithm, rng):
        """Whatever is forced: the transforms of Winograd lose two of its three digits."""
        x, weight = (rng.normal(size=s).astype("float16") for s in [(1, 4, 9, 9), (4, 4, 3, 3)])
        with mf.algorithm(algorithm):
            y = function(Tensor(x), Tensor(weight))
        exact = function(Tensor(x.astype("float64")), Tensor(weight.astype("float64"))).data
        assert y.dtype == "float16"
        np.testing.assert_allclose(y.data, exact, rtol=0, atol=4 * 2**-11 * abs(exact).max())


@every_algorithm
@pytest.mark.parametrize("layout", ["read-only", "one number for all", "one image for all"])
@both
def test_odd_layouts(function, layout, algorithm, rng):
    change = {
        "read-only": read_only,
        "one number for all": lambda a: np.broadcast_to(a[:1, :1, :1, :1], a.shape),
        "one image for all": lambda a: np.broadcast_to(a[:1], a.shape),
    }[layout]
    arrays = [change(rng.normal(size=s).astype("float32")) for s in [(2, 4, 9, 8), (4, 4, 3, 3)]]
    kept = [a.copy() for a in arrays]

    def compute(arrays):
        leaves = [Tensor(a, requires_grad=True) for a in arrays]
        y = function(*leaves, padding=1)
        return [y.data, *(g.data for g in grad((y * y).sum(), leaves))]

    with mf.algorithm(algorithm):
        found = compute(arrays)
    expected = compute([np.array(a, "float64") for a in arrays])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4 * abs(other).max())
    assert all(np.array_equal(a, b) for a, b in zip(arrays, kept, strict=True))


@every_algorithm
@both
def test_another_byte_order(function, algorithm, rng):
    arrays = [rng.normal(size=s).astype("float32") for s in [(2, 4, 9, 8), (4, 4, 3, 3)]]
    with mf.algorithm(algorithm):
        found = function(*(Tensor(a.astype(">f4")) for a in arrays)).data
    np.testing.assert_allclose(found, function(*map(Tensor, arrays)).data, rtol=0, atol=1e-4)


class TestNumbersThatAreNotFinite:
    """They reach what the definition says, whatever an algorithm multiplies by 0 on its way."""

    @every_algorithm
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
    @pytest.mark.parametrize("case", NAMED_CONVOLUTIONS + random_convolutions(20, seed=61), ids=str)
    @pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # inf - inf and 0 * inf
    @pytest.mark.parametrize("in_kernel", [False, True], ids=["in the maps", "in the kernel"])
    def test_reach_the_windows_that_see_them(self, case, value, in_kernel, algorithm, rng):
        x, weight, y = (a.astype("float32") for a in case.arrays(rng, "float32"))
        for a in (weight,) if in_kernel else (x, y):
            a[tuple(rng.integers(0, n) for n in a.shape)] = value
        leaves = [Tensor(a, requires_grad=True) for a in (x, weight)]

        def three_maps(name):
            with mf.algorithm(name):
                result = F.conv2d(*leaves, **case.settings)
                return [result.data, *(g.data for g in grad(result, leaves, Tensor(y)))]

        for one, other in zip(three_maps(algorithm), three_maps("im2col"), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)

    @every_algorithm
    def test_in_a_kernel_stay_where_it_is_stamped(self, algorithm):
        """Beside the stamps nothing is added: no padding is multiplied by inf."""
        x, weight = np.ones((1, 1, 2, 2), "float32"), np.array([[[[np.inf, 1], [1, 1]]]], "float32")
        with mf.algorithm(algorithm), np.errstate(invalid="ignore"):
            y = F.conv_transpose2d(Tensor(x), Tensor(weight))
        assert y.data[0, 0].tolist() == [[np.inf, np.inf, 1], [np.inf, np.inf, 2], [1, 2, 1]]

    @pytest.mark.parametrize("value", [np.nan, np.inf], ids=str)
    @pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
    def test_spoil_a_kernel_of_an_upsampled_map(self, value):
        scores = np.ones((1, 2, 20, 20), "float32")
        scores[0, 0, 9, 9] = value
        y = F.conv_transpose2d(Tensor(scores), Tensor(mf.nn.init.bilinear(2, 2, 4)), stride=2).data
        assert np.argwhere(~np.isfinite(y).all(axis=(0, 1))).tolist() == [
            [i, j] for i in range(18, 22) for j in range(18, 22)
        ]

    def test_of_which_there_are_none_but_in_the_transforms_of_winograd(self):
        """5 · 1e38 is more than float32 has; 1e38 · 1e-3 is not."""
        x, weight = np.full((1, 1, 8, 8), 1e38, "float32"), np.full((1, 1, 3, 3), 1e-3, "float32")
        with mf.algorithm("winograd"), np.errstate(all="ignore"):
            y = F.conv2d(Tensor(x), Tensor(weight)).data
        np.testing.assert_allclose(y, np.full((1, 1, 6, 6), 9e35), rtol=1e-5)


class TestOutputPaddingBetweenStrideAndDilation:
    """The result is so large that a convolution of it has windows that no pixel of x belongs to."""

    def test_by_hand(self):
        """One pixel stamps 1 _ _ 2, of which padding has cropped the 1 and output_padding keeps the 2 and a zero."""
        x, weight = Tensor(np.ones((1, 1, 1, 1))), Tensor(np.array([[[[1.0, 2.0]]]]))
        settings = {"stride": (3, 1), "dilation": (1, 3), "padding": (0, 1)}
        found = [
            F.conv_transpose2d(x, weight, output_padding=(0, extra), **settings).data[0, 0, 0] for extra in range(3)
        ]
        assert [row.tolist() for row in found] == [[0, 0], [0, 0, 2], [0, 0, 2, 0]]

    @every_algorithm
    @pytest.mark.parametrize(
        "case", [c for c in random_convolutions(200, seed=60) if max(c.window.dilation) > 1][:40], ids=str
    )
    def test_is_the_middle_of_all_stamps(self, case, algorithm, rng, dtype):
        _, weight, y = case.arrays(rng, dtype)
        window = case.window
        extra = tuple(max(s, d) - 1 for s, d in zip(window.stride, window.dilation, strict=True))
        every = Window(window.kernel, window.stride, (0, 0), window.dilation)
        whole = textbook.convolve_transposed(y, weight, every, every.transposed_size(y.shape[2:]), case.groups)
        whole = np.pad(whole, [(0, 0), (0, 0), (0, extra[0]), (0, extra[1])])
        size = [n - 2 * p for n, p in zip(whole.shape[2:], window.padding, strict=True)]
        if min(size) < 1:
            pytest.skip("padding crops the whole result away")
        (top, left), (height, width) = window.padding, size
        cropped = slice(None), slice(None), slice(top, top + height), slice(left, left + width)
        leaves = [Tensor(a, requires_grad=True) for a in (y, weight)]
        with mf.algorithm(algorithm):
            x = F.conv_transpose2d(*leaves, output_padding=extra, **case.settings)
            gx = rng.normal(size=x.shape).astype(dtype)
            gradients = grad(x, leaves, Tensor(gx))
        bound = 200 * np.finfo(dtype).eps
        np.testing.assert_allclose(x.data, whole[cropped], rtol=0, atol=bound * max(1, abs(whole).max()))
        back = np.zeros_like(whole)
        back[cropped] = gx
        back = back[:, :, : whole.shape[2] - extra[0], : whole.shape[3] - extra[1]]
        by_hand = (
            textbook.convolve(back, weight, every, case.groups),
            textbook.convolve_weight(back, y, every, case.groups),
        )
        for found, expected in zip(gradients, by_hand, strict=True):
            np.testing.assert_allclose(found.data, expected, rtol=0, atol=bound * max(1, abs(expected).max()))


class TestSettings:
    x, weight = Tensor(np.ones((1, 4, 6, 7))), Tensor(np.ones((4, 4, 3, 3)))

    @pytest.mark.parametrize(
        "value", [np.int64(1), np.uint8(1), np.array(1), np.array([1, 1]), [1, 1], (1, np.int8(1))], ids=str
    )
    @pytest.mark.parametrize("name", ["stride", "padding", "dilation"])
    @both
    def test_may_be_whole_numbers_of_any_type(self, function, name, value):
        found = function(self.x, self.weight, **{name: value})
        np.testing.assert_array_equal(found.data, function(self.x, self.weight, **{name: 1}).data)

    @pytest.mark.parametrize(
        "value",
        [-1, 1.0, 2.5, "1", None, True, np.True_, (1,), (1, 1, 1), (1, 1.0), (1, "1"), np.array([1.0, 2.0]), 2**31],
        ids=str,
    )
    @pytest.mark.parametrize(
        ("function", "name"),
        [(f, name) for f in (F.conv2d, F.conv_transpose2d) for name in ("stride", "padding", "dilation")]
        + [(F.conv_transpose2d, "output_padding")],
    )
    def test_anything_else_is_refused(self, function, name, value):
        with pytest.raises(
            ValueError, match=rf"^{function.__name__}: {name} must be a whole number of at least \d, or"
        ):
            function(self.x, self.weight, **{name: value})

    @pytest.mark.parametrize("name", ["stride", "dilation"])
    @both
    def test_nought_is_no_step(self, function, name):
        with pytest.raises(ValueError, match=f"^{function.__name__}: {name} must be a whole number of at least 1, or"):
            function(self.x, self.weight, **{name: 0})

    @pytest.mark.parametrize("value", [1.0, "1", None, True, (1, 1), np.array([1, 1])], ids=str)
    @both
    def test_groups_are_one_whole_number(self, function, value):
        with pytest.raises(ValueError, match=rf"^{function.__name__}: groups must be a whole number, got"):
            function(self.x, self.weight, groups=value)

    def test_groups_of_numpy(self):
        weight = Tensor(np.ones((4, 2, 3, 3)))
        np.testing.assert_array_equal(
            F.conv2d(self.x, weight, groups=np.int64(2)).data, F.conv2d(self.x, weight, groups=2).data
        )
