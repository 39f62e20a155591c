"""Pooling at its edges: nan and inf, windows in the padding, whole numbers, indices that come twice, empty maps."""

import re

import numpy as np
import pytest
import textbook
from cases import POOLS

import minifcn.functional as F
from minifcn import Tensor, grad, gradcheck
from minifcn.backend import to_device, to_host
from minifcn.compute.window import Window

INF, NAN = np.inf, np.nan


def pooled(x, *settings, device="cpu", gy=None):
    """Value, indices and gradient of max-pooling, the gradient with weights 1 unless given."""
    leaf = Tensor(to_device(x, device), requires_grad=True)
    y, indices = F.max_pool2d(leaf, *settings, return_indices=True)
    gy = np.ones(y.shape, x.dtype) if gy is None else gy
    (gx,) = grad(y, leaf, Tensor(to_device(gy, device)))
    return to_host(y.data), to_host(indices.data), to_host(gx.data)


class TestMaxPoolOfNumbersThatAreNotFinite:
    @pytest.mark.parametrize(
        ("window", "winner"),
        [
            ([0, 1, NAN, 5], 2),
            ([NAN, 1, 2, 3], 0),
            ([3, 2, 1, NAN], 3),
            ([NAN, NAN, 1, NAN], 3),
            ([NAN, 7, NAN, INF], 2),
            ([INF, -INF, NAN, -INF], 2),
            ([NAN, NAN, NAN, NAN], 3),
        ],
        ids=str,
    )
    def test_nan_wins_its_window_and_the_last_nan_gets_the_gradient(self, window, winner, dtype, device):
        y, indices, gx = pooled(np.array(window, dtype).reshape(1, 1, 2, 2), 2, device=device)
        assert np.isnan(y.item())
        assert indices.item() == winner
        np.testing.assert_array_equal(gx.ravel(), np.eye(4)[winner])

    def test_nan_changes_nothing_in_the_windows_beside_it(self, rng, device):
        x = rng.normal(size=(2, 3, 6, 6))
        y, indices, gx = pooled(x, 2, device=device)
        x[1, 2, 3, 3] = NAN
        z, others, gz = pooled(x, 2, device=device)
        beside = np.ones(y.shape, bool)
        beside[1, 2, 1, 1] = False
        np.testing.assert_array_equal(z[beside], y[beside])
        np.testing.assert_array_equal(others[beside], indices[beside])
        assert gx.sum() == gz.sum() == y.size
        assert gz[1, 2, 3, 3] == 1

    @pytest.mark.parametrize("case", POOLS, ids=str)
    def test_where_all_is_minus_infinity_the_first_pixel_of_the_map_wins(self, case, device):
        """Never one in the padding, which is less than any number."""
        *settings, size = case
        x = np.full((1, 2, *size), -INF)
        expected, positions = textbook.max_pool2d(x, Window.of(*settings[:4]), settings[4])
        y, indices, gx = pooled(x, *settings, device=device)
        np.testing.assert_array_equal(y, expected)
        np.testing.assert_array_equal(indices, positions)
        np.testing.assert_array_equal(gx, textbook.max_pool2d_gradient(np.ones(y.shape), positions, x.shape))

    @pytest.mark.parametrize("case", POOLS[::5], ids=str)
    def test_mixed_with_numbers_it_is_the_textbooks(self, case, rng, device):
        *settings, size = case
        x = rng.choice([-INF, -1.0, INF], p=[0.8, 0.1, 0.1], size=(2, 3, *size))
        expected, positions = textbook.max_pool2d(x, Window.of(*settings[:4]), settings[4])
        y, indices, _ = pooled(x, *settings, device=device)
        np.testing.assert_array_equal(y, expected)
        np.testing.assert_array_equal(indices, positions)

    @pytest.mark.parametrize("bad", [NAN, INF, -INF])
    def test_a_gradient_that_is_not_finite_reaches_the_winner_alone(self, bad, dtype, device):
        x = np.arange(16, dtype=dtype).reshape(1, 1, 4, 4)
        gy = np.array([[[[1, bad], [2, 3]]]], dtype)
        _, _, gx = pooled(x, 2, device=device, gy=gy)
        np.testing.assert_array_equal(gx[0, 0], [[0, 0, 0, 0], [0, 1, 0, bad], [0, 0, 0, 0], [0, 2, 0, 3]])

    def test_what_is_not_finite_beside_the_winner_does_not_reach_the_second_derivative(self, device):
        """The derivative of the gradient reads a map at the winners."""
        x = Tensor(to_device(np.arange(4.0).reshape(1, 1, 2, 2), device), requires_grad=True)
        gy = Tensor(to_device(np.ones((1, 1, 1, 1)), device), requires_grad=True)
        (gx,) = grad(F.max_pool2d(x, 2), x, gy, create_graph=True)
        (ggy,) = grad(gx, gy, Tensor(to_device(np.array([[[[NAN, INF], [-INF, 5.0]]]]), device)))
        assert to_host(ggy.data).item() == 5


class TestWindowsWithoutAPixel:
    @pytest.mark.parametrize(
        ("size", "settings"),
        [
            ((1, 1), (2, 1, 1, 2)),
            ((2, 2), (2, 1, 1, 3)),
            ((2, 9), (2, 1, 1, 3)),
            ((9, 2), (2, (3, 1), 1, (1, 3))),
            ((0, 4), (2, 2, 1)),
        ],
        ids=str,
    )
    def test_are_refused(self, size, settings):
        with pytest.raises(
            ValueError, match=rf"max_pool2d: .* sees no pixel of a map of {size[0]}x{size[1]}; use less"
        ):
            F.max_pool2d(Tensor(np.ones((1, 1, *size))), *settings)

    @pytest.mark.parametrize("size", [(3, 5), (5, 5)], ids=str)
    @pytest.mark.parametrize("settings", [(2, 1, 1, 2), (3, 2, 1, 2), (4, 1, 2, (1, 2))], ids=str)
    def test_a_dilated_window_that_comes_out_of_the_padding_on_the_map_is_right(self, size, settings):
        x = np.arange(1.0, 1 + size[0] * size[1]).reshape(1, 1, *size)
        expected, positions = textbook.max_pool2d(x, Window.of(*settings))
        y, indices, _ = pooled(x, *settings)
        np.testing.assert_array_equal(y, expected)
        np.testing.assert_array_equal(indices, positions)

    def test_average_pooling_refuses_a_map_without_rows(self):
        with pytest.raises(ValueError, match=r"avg_pool2d: .* sees no pixel of a map of 0x4"):
            F.avg_pool2d(Tensor(np.ones((1, 1, 0, 4))), 2, padding=1)


WHOLE = ["bool", "int8", "uint8", "int16", "int64", "uint64"]


class TestWholeNumbers:
    @pytest.mark.parametrize("case", POOLS[::4], ids=str)
    @pytest.mark.parametrize("kind", WHOLE)
    def test_the_maximum_is_exact_and_of_the_same_type(self, kind, case, rng):
        """The padding is the smallest number of the type, and still no pixel of it is ever chosen."""
        *settings, size = case
        least, most = (0, 1) if kind == "bool" else (np.iinfo(kind).min, np.iinfo(kind).max)
        values = np.array([least, least + 1, most - 1, most], kind)
        x = rng.choice(values, p=[0.7, 0.1, 0.1, 0.1], size=(2, 3, *size))
        expected, positions = textbook.max_pool2d(x, Window.of(*settings[:4]), settings[4])
        y, indices = F.max_pool2d(Tensor(x), *settings, return_indices=True)
        assert y.dtype == kind
        np.testing.assert_array_equal(y.data, expected)
        np.testing.assert_array_equal(indices.data, positions)

    @pytest.mark.parametrize("kind", WHOLE)
    def test_the_average_is_numpys_mean(self, kind, rng):
        x = rng.integers(0, 2 if kind == "bool" else 128, size=(2, 3, 4, 6)).astype(kind)
        y = F.avg_pool2d(Tensor(x), 2)
        windows = x.reshape(2, 3, 2, 2, 3, 2)
        assert y.dtype == np.float64
        np.testing.assert_array_equal(y.data, windows.mean(axis=(3, 5)))

    def test_the_average_of_equal_numbers_is_that_number(self):
        """63 times 1/9 would be 7.000000000000001 or less than 7."""
        for n in range(1, 256):
            assert F.avg_pool2d(Tensor(np.full((1, 1, 7, 7), n, "uint8")), 7).item() == n

    def test_the_average_in_half_precision_is_of_sums_that_it_does_not_have(self):
        x = Tensor(np.full((1, 1, 4, 4), 60000, "float16"), requires_grad=True)
        y = F.avg_pool2d(x, 4)
        y.sum().backward()
        assert y.dtype == x.grad.dtype == np.float16
        assert y.item() == 60000
        assert (x.grad.data == 1 / 16).all()

    @pytest.mark.parametrize("kind", WHOLE)
    def test_unpooling_keeps_the_type(self, kind):
        y = F.max_unpool2d(Tensor(np.ones((1, 1, 1, 1), kind)), [[[[3]]]], 2)
        assert y.dtype == kind
        np.testing.assert_array_equal(y.data[0, 0], [[0, 0], [0, 1]])

    @pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d])
    def test_complex_numbers_are_refused(self, pool):
        with pytest.raises((TypeError, ValueError), match=r"real numbers.*, got complex128"):
            pool(Tensor(np.ones((1, 1, 2, 2), complex)), 2)


class TestUnpoolingAfterOverlappingWindows:
    """AlexNet's pooling, 3x3 windows 2 apart: one maximum may be that of four windows."""

    @pytest.fixture
    def indices(self, rng, device):
        x = rng.normal(size=(2, 3, 5, 7))
        x[:, :, 2, 2] = 9
        return F.max_pool2d(Tensor(to_device(x, device)), 3, 2, return_indices=True)[1]

    def test_a_pixel_gets_the_sum_of_all_values_that_belong_there(self, indices, rng, device):
        x = rng.normal(size=indices.shape)
        y = F.max_unpool2d(Tensor(to_device(x, device)), indices, 3, 2, output_size=(5, 7))
        expected = textbook.max_pool2d_gradient(x, to_host(indices.data), (2, 3, 5, 7))
        np.testing.assert_allclose(to_host(y.data), expected, rtol=1e-14)

    def test_is_the_adjoint_of_reading(self, indices, rng, device):
        """<unpool(x), u> = <x, u at the indices>."""
        x, u = rng.normal(size=indices.shape), rng.normal(size=(2, 3, 5, 7))
        y = F.max_unpool2d(Tensor(to_device(x, device)), indices, 3, 2, output_size=(5, 7))
        read = np.take_along_axis(u.reshape(2, 3, 35), to_host(indices.data).reshape(2, 3, -1), 2)
        assert (to_host(y.data) * u).sum() == pytest.approx((x.reshape(2, 3, -1) * read).sum(), rel=1e-12)

    def test_gradients_of_both_orders_are_right(self, rng):
        x = rng.normal(size=(1, 2, 5, 5))
        x[:, :, 2, 2] = 9
        y, indices = F.max_pool2d(Tensor(x), 3, 2, return_indices=True)
        for order in (1, 2):
            assert gradcheck(
                lambda y: F.max_unpool2d(y, indices, 3, 2, output_size=(5, 5)) ** 3, [y.data], order=order
            ).ok

    def test_indices_that_are_changed_afterwards_do_not_change_the_gradient(self, rng):
        leaf, indices = Tensor(np.array([[[[5.0]]]]), requires_grad=True), np.array([[[[2]]]])
        y = F.max_unpool2d(leaf, indices, 2)
        indices[...] = 0
        y.backward(Tensor(np.arange(4.0).reshape(1, 1, 2, 2)))
        assert leaf.grad.item() == 2


class TestIndicesAndSizesOfUnpooling:
    @pytest.mark.parametrize("kind", ["int8", "int64", "uint8", "uint64"])
    @pytest.mark.parametrize("index", [-1, -4, 4, 100])
    def test_an_index_outside_the_plane_is_refused(self, index, kind, device):
        if index < 0 and kind[0] == "u":
            pytest.skip("no such number")
        x, indices = np.ones((1, 1, 1, 1)), np.array([[[[index]]]], kind)
        with pytest.raises(ValueError, match=f"max_unpool2d: index {index} lies outside a plane of 2x2, .* 0..3; pass"):
            F.max_unpool2d(Tensor(to_device(x, device)), Tensor(to_device(indices, device)), 2)

    @pytest.mark.parametrize("size", [1, 2, 3, (1, 3), (3, 1), np.int64(2)], ids=str)
    def test_every_size_that_pooling_could_have_come_from_is_taken(self, size):
        y = F.max_unpool2d(Tensor([[[[5.0]]]]), Tensor([[[[0]]]]), 2, output_size=size)
        assert y.shape[2:] == (tuple(size) if isinstance(size, tuple) else (size, size))
        assert y.data.sum() == y.data[0, 0, 0, 0] == 5

    @pytest.mark.parametrize("size", [4, 9, (2, 4), (4, 2)], ids=str)
    def test_no_other_size_is_taken(self, size):
        with pytest.raises(ValueError, match="max_unpool2d: a map of 1x1 is pooled from one of 1x1 to 3x3 pixels, got"):
            F.max_unpool2d(Tensor([[[[5.0]]]]), Tensor([[[[0]]]]), 2, output_size=size)

    @pytest.mark.parametrize("size", [0, -1, 2.0, "2", (1, 1, 2, 2)], ids=repr)
    def test_what_is_no_size_is_refused(self, size):
        with pytest.raises(ValueError, match=r"max_unpool2d: (output_size must be a whole number|a map of 1x1 is)"):
            F.max_unpool2d(Tensor([[[[5.0]]]]), Tensor([[[[0]]]]), 2, output_size=size)

    @pytest.mark.parametrize("case", [case for case in POOLS if case[3] == 1], ids=str)
    def test_the_size_that_was_pooled_is_always_taken(self, case, rng):
        k, s, p, _, ceil_mode, size = case
        y, indices = F.max_pool2d(Tensor(rng.normal(size=(1, 1, *size))), k, s, p, 1, ceil_mode, return_indices=True)
        assert F.max_unpool2d(y, indices, k, s, p, output_size=size).shape[2:] == size

    def test_indices_on_another_device_are_refused(self, gpu):
        message = f"indices are on cpu, but x on {gpu}; pass minifcn.to_device(indices, '{gpu}')"
        with pytest.raises(ValueError, match=re.escape(message)):
            F.max_unpool2d(Tensor(to_device(np.ones((1, 1, 1, 1)), gpu)), np.zeros((1, 1, 1, 1), int), 2)

    def test_a_single_image_is_refused(self):
        with pytest.raises(ValueError, match=r"max_unpool2d: x must be a map \(N, C, H, W\), got shape \(1, 1, 1\)"):
            F.max_unpool2d(Tensor(np.ones((1, 1, 1))), np.zeros((1, 1, 1), int), 2)


@pytest.mark.parametrize(("batch", "channels"), [(0, 3), (2, 0), (0, 0)])
class TestMapsOfNothing:
    def test_max_pooling_and_back(self, batch, channels, device):
        x = Tensor(to_device(np.ones((batch, channels, 6, 6)), device), requires_grad=True)
        y, indices = F.max_pool2d(x, 3, 2, 1, return_indices=True)
        assert y.shape == indices.shape == (batch, channels, 3, 3)
        back = F.max_unpool2d(y, indices, 3, 2, 1, output_size=(6, 6))
        assert back.shape == x.shape
        back.sum().backward()
        assert x.grad.shape == x.shape

    def test_average_pooling(self, batch, channels, device):
        x = Tensor(to_device(np.ones((batch, channels, 6, 6)), device), requires_grad=True)
        y = F.avg_pool2d(x, 3, 2, 1)
        assert y.shape == (batch, channels, 3, 3)
        y.sum().backward()
        assert x.grad.shape == x.shape


@pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d])
class TestSettings:
    @pytest.mark.parametrize("kind", [np.int64, np.uint8])
    def test_may_be_numpys_whole_numbers(self, pool, kind, rng):
        x = Tensor(rng.normal(size=(1, 2, 9, 9)))
        expected = pool(x, 3, 2, 1).data
        np.testing.assert_array_equal(pool(x, kind(3), kind(2), kind(1)).data, expected)
        np.testing.assert_array_equal(pool(x, (kind(3), 3), (kind(2), 2), (1, kind(1))).data, expected)

    @pytest.mark.parametrize(
        ("name", "settings"),
        [
            ("kernel_size", (0,)),
            ("kernel_size", (-2,)),
            ("kernel_size", ("2",)),
            ("kernel_size", (2.0,)),
            ("kernel_size", ((2, 2, 2),)),
            ("stride", (2, 0)),
            ("stride", (2, -1)),
            ("stride", (2, "2")),
            ("padding", (2, 2, -1)),
            ("padding", (2, 2, 0.5)),
        ],
        ids=str,
    )
    def test_what_is_none_is_named_with_its_function(self, pool, name, settings):
        with pytest.raises(ValueError, match=f"{pool.__name__}: {name} must be a whole number of at least"):
            pool(Tensor(np.ones((1, 1, 4, 4))), *settings)


def test_a_kernel_of_more_entries_than_a_gpu_takes_at_once(rng, device):
    x = rng.normal(size=(1, 2, 9, 11))
    y, indices = F.max_pool2d(Tensor(to_device(x, device)), (5, 6), 2, return_indices=True)
    expected = np.array([[x[0, c, i : i + 5, j : j + 6].max() for i in (0, 2, 4) for j in (0, 2, 4)] for c in (0, 1)])
    np.testing.assert_array_equal(to_host(y.data).reshape(2, 9), expected)
    found = np.take_along_axis(x.reshape(2, 99), to_host(indices.data).reshape(2, 9), 1)
    np.testing.assert_array_equal(found, expected)
