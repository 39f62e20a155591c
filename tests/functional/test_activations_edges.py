"""ReLU, dropout, softmax and local response norm at their edges: nan, inf, 1e±30, whole numbers, no pixels."""

import numpy as np
import pytest
import textbook

import minifcn.functional as F
from minifcn import Tensor, grad
from minifcn.backend import to_device, to_host
from minifcn.backend.pieces import PIECE

INF, NAN = np.inf, np.nan
WHOLE = ["bool", "int8", "uint8", "int64"]


def value_and_gradient(function, x, gy):
    leaf = Tensor(x, requires_grad=True)
    y = function(leaf)
    (gx,) = grad(y, leaf, Tensor(gy))
    return to_host(y.data), to_host(gx.data)


def fused_relu(x):
    """A convolution by 1 that adds 0, and its ReLU in the same sweep."""
    one, nothing = (to_device(np.full(shape, value, x.dtype), x.device) for shape, value in (((1, 1, 1, 1), 1), (1, 0)))
    return F.conv2d(x.reshape(1, 1, 1, -1), Tensor(one), Tensor(nothing), relu=True).reshape(-1)


@pytest.mark.parametrize("relu", [F.relu, fused_relu], ids=["relu", "conv2d"])
class TestRelu:
    def test_nan_passes_and_so_does_its_gradient(self, relu, dtype, device):
        """A network with nan looks broken on the way back, too."""
        x, gy = (to_device(np.array(a, dtype), device) for a in ([NAN, 1, -1, 0], [2, 3, 4, 5]))
        y, gx = value_and_gradient(relu, x, gy)
        np.testing.assert_array_equal(y, [NAN, 1, 0, 0])
        np.testing.assert_array_equal(gx, [2, 3, 0, 0])

    @pytest.mark.parametrize("bad", [NAN, INF, -INF])
    def test_where_it_is_0_no_gradient_passes_whatever_it_is(self, relu, bad, dtype, device):
        x, gy = (to_device(np.array(a, dtype), device) for a in ([-1, 0, 1, 2], [bad, bad, bad, 1]))
        _, gx = value_and_gradient(relu, x, gy)
        np.testing.assert_array_equal(gx, [0, 0, bad, 1])

    def test_the_same_holds_for_a_map_that_is_worked_off_in_pieces(self, relu, dtype):
        """More numbers than are in one, and nan in another than the first."""
        x, gy, there = np.ones(3 * PIECE, dtype), np.ones(3 * PIECE, dtype), 2 * PIECE + 1
        x[there], x[there + 1], gy[there + 1], gy[5] = NAN, -1, INF, INF
        _, gx = value_and_gradient(relu, x, gy)
        assert (gx[there], gx[there + 1], gx[5]) == (1, 0, INF)
        assert gx.sum() == INF
        assert np.isfinite(np.delete(gx, 5)).all()


def test_relu_of_long_doubles():
    """For which there are no integers of as many bits, where they are longer than doubles."""
    x, gy = (np.array(a, np.longdouble) for a in ([NAN, 1, -1, 0], [2, 3, INF, 5]))
    y, gx = value_and_gradient(F.relu, x, gy)
    assert y.dtype == gx.dtype == np.longdouble
    np.testing.assert_array_equal(y, [NAN, 1, 0, 0])
    np.testing.assert_array_equal(gx, [2, 3, 0, 0])


class TestSoftmaxOfMinusInfinity:
    """A class that is excluded."""

    X = np.array([[0.0, -INF, 0.0, -INF], [-INF, -INF, -INF, 3.0]])

    def test_its_probability_is_0_and_the_others_share_1(self, dtype, device):
        x = Tensor(to_device(self.X.astype(dtype), device))
        np.testing.assert_array_equal(to_host(F.softmax(x).data), [[0.5, 0, 0.5, 0], [0, 0, 0, 1]])
        expected = [[-np.log(2), -INF, -np.log(2), -INF], [-INF, -INF, -INF, 0]]
        np.testing.assert_allclose(to_host(F.log_softmax(x).data), expected, rtol=1e-6)

    def test_gradients_are_finite(self, dtype):
        """Of softmax p (g - <p, g>), of log_softmax g - p Σ g."""
        gy = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], dtype)
        _, gx = value_and_gradient(F.softmax, self.X.astype(dtype), gy)
        np.testing.assert_allclose(gx, [[-0.5, 0, 0.5, 0], [0, 0, 0, 0]], atol=1e-6)
        _, gx = value_and_gradient(F.log_softmax, self.X.astype(dtype), gy)
        np.testing.assert_allclose(gx, [[1 - 5, 2, 3 - 5, 4], [5, 6, 7, 8 - 26]], rtol=1e-6)

    def test_second_derivatives_are_finite(self):
        for function in (F.softmax, F.log_softmax):
            x = Tensor(self.X, requires_grad=True)
            (gx,) = grad(function(x), x, Tensor(np.arange(8.0).reshape(2, 4)), create_graph=True)
            (ggx,) = grad((gx * gx).sum(), x)
            assert np.isfinite(ggx.data).all()


@pytest.mark.parametrize("scale", [1e-30, 1e30])
class TestNumbersOfAnySize:
    """float32 has no square of 1e30 or 1e-30; the results have to be good all the same."""

    @pytest.mark.parametrize("name", ["softmax", "log_softmax"])
    def test_softmax(self, name, scale, rng, dtype):
        x, gy = rng.normal(size=(3, 5)), scale * rng.normal(size=(3, 5))
        function = getattr(F, name)
        y, gx = value_and_gradient(function, (scale * x).astype(dtype), gy.astype(dtype))
        expected, expected_gx = value_and_gradient(function, (scale * x).astype(dtype).astype("float64"), gy)
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=0)
        np.testing.assert_allclose(gx, expected_gx, rtol=1e-4, atol=1e-5 * scale)

    @pytest.mark.parametrize("k", [0.0, 1.0])
    @pytest.mark.parametrize("beta", [0.5, 0.75])
    def test_local_response_norm_and_its_gradient(self, k, beta, scale, rng, dtype, device):
        """In the formula for Σ x², x = scale · u: y = scale · u / (k + alpha/size · scale² Σ u²)^beta."""
        u, alpha, size = rng.normal(size=(2, 7, 3, 2)), 1e-4, 5
        x, gy = (scale * u).astype(dtype), rng.normal(size=u.shape)
        leaf = Tensor(to_device(x, device), requires_grad=True)
        y = F.local_response_norm(leaf, size, alpha, beta, k)
        assert y.dtype == dtype
        wide = x.astype("float64")
        np.testing.assert_allclose(to_host(y.data), textbook.local_response_norm(wide, size, alpha, beta, k), rtol=2e-7)
        if dtype == "float64" or k == 1 or scale > 1:  # otherwise the gradient, 1e48, is larger than any float32
            (gx,) = grad(y, leaf, Tensor(to_device(gy.astype(dtype), device)))
            near = sum(np.pad(wide**2, ((0, 0), (2, 2), (0, 0), (0, 0)))[:, d : d + 7] for d in range(size))
            base = k + alpha / size * near
            through = np.pad(gy.astype(dtype) * wide * base ** (-beta - 1), ((0, 0), (2, 2), (0, 0), (0, 0)))
            both = gy.astype(dtype) * base**-beta - 2 * beta * alpha / size * wide * sum(
                through[:, d : d + 7] for d in range(size)
            )
            tiny = np.finfo(dtype).tiny  # below it float32 has fewer digits
            np.testing.assert_allclose(to_host(gx.data), both, rtol=1e-5, atol=1e-6 * abs(both).max() + tiny)

    def test_second_derivatives_of_local_response_norm(self, scale, rng):
        x = (scale * rng.normal(size=(1, 5, 2, 2))).astype("float32")
        found = []
        for a in (x, x.astype("float64")):
            leaf = Tensor(a, requires_grad=True)
            (gx,) = grad(F.local_response_norm(leaf, 3).sum(), leaf, create_graph=True)
            (ggx,) = grad(gx.sum(), leaf)
            found.append(ggx.data)
        np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=np.finfo("float32").tiny)


class TestHalfPrecision:
    @pytest.mark.parametrize("name", ["softmax", "log_softmax"])
    def test_softmax_of_many_classes_is_as_good_as_half_precision_can_be(self, name, rng):
        """Added one after the other in half precision, 5000 terms of about 1 would stop at 2048."""
        x = rng.normal(size=(2, 5000)).astype("float16")
        found = getattr(F, name)(Tensor(x))
        expected = getattr(F, name)(Tensor(x.astype("float64"))).data
        assert found.dtype == np.float16
        np.testing.assert_allclose(found.data, expected, rtol=1e-3, atol=1e-7)

    def test_squares_that_it_does_not_have_are_normalised(self):
        y = F.local_response_norm(Tensor(np.full((1, 1, 1, 1), 1000, "float16")), 1, alpha=1.0, beta=0.5)
        assert y.dtype == np.float16
        assert y.item() == 1


@pytest.mark.parametrize("kind", WHOLE)
class TestWholeNumbers:
    """What only chooses among its numbers keeps their type; what divides or takes exponentials gives float64."""

    X = np.arange(24).reshape(2, 3, 4)

    def test_relu_keeps_the_type(self, kind):
        x = (self.X - (12 if kind[0] == "i" else 0)).astype(kind)
        y = F.relu(Tensor(x))
        assert y.dtype == kind
        np.testing.assert_array_equal(y.data, np.where(x > 0, x, 0))

    @pytest.mark.parametrize("name", ["softmax", "log_softmax"])
    def test_softmax_is_that_of_the_same_numbers_in_float64(self, name, kind):
        x = self.X.astype(kind)
        y = getattr(F, name)(Tensor(x))
        assert y.dtype == np.float64
        np.testing.assert_array_equal(y.data, getattr(F, name)(Tensor(x.astype("float64"))).data)

    def test_local_response_norm(self, kind):
        """The square of 100 does not fit into an int8."""
        x = np.full((1, 3, 1, 2), 100).astype(kind)
        y = F.local_response_norm(Tensor(x), 3)
        assert y.dtype == np.float64
        np.testing.assert_array_equal(y.data, F.local_response_norm(Tensor(x.astype("float64")), 3).data)

    @pytest.mark.parametrize("drop", [F.dropout, F.dropout2d])
    def test_dropout_scales_what_it_keeps(self, drop, kind):
        """In whole numbers, 1 / (1 - 0.25) times 1 would be 1."""
        x = Tensor(np.ones((4, 8, 3, 3), kind))
        y = drop(x, 0.25, rng=np.random.default_rng(0))
        assert y.dtype == np.float64
        assert set(np.unique(y.data)) == {0.0, 1 / 0.75}
        assert drop(x, 0.25, training=False) is x


@pytest.mark.parametrize(
    "function",
    [
        F.relu,
        F.softmax,
        F.log_softmax,
        lambda x: F.local_response_norm(x, 3),
        lambda x: F.dropout(x, rng=np.random.default_rng(0)),
    ],
    ids=["relu", "softmax", "log_softmax", "local_response_norm", "dropout"],
)
def test_complex_numbers_are_refused(function):
    with pytest.raises((TypeError, ValueError), match=r"real numbers.*, got complex128"):
        function(Tensor(np.ones((1, 2, 1, 1), complex)))


@pytest.mark.parametrize("shape", [(0, 3, 2, 2), (2, 0, 2, 2), (2, 3, 0, 2), (0, 0, 0, 0)], ids=str)
@pytest.mark.parametrize(
    "function",
    [
        F.relu,
        F.softmax,
        F.log_softmax,
        lambda x: F.softmax(x, axis=-1),
        lambda x: F.local_response_norm(x, 5),
        lambda x: F.dropout(x, rng=np.random.default_rng(0)),
        lambda x: F.dropout2d(x, rng=np.random.default_rng(0)),
    ],
    ids=["relu", "softmax", "log_softmax", "softmax of the last axis", "local_response_norm", "dropout", "dropout2d"],
)
def test_a_map_of_nothing_gives_a_map_of_nothing_and_such_a_gradient(function, shape, device):
    x = to_device(np.ones(shape), device)
    y, gx = value_and_gradient(function, x, x)
    assert y.shape == gx.shape == shape


class TestSettings:
    @pytest.mark.parametrize("name", ["softmax", "log_softmax"])
    @pytest.mark.parametrize("axis", [2, -3, 1.0, "1", None, (0, 1)], ids=repr)
    def test_an_axis_that_does_not_exist_is_refused(self, name, axis):
        with pytest.raises(ValueError, match=rf"{name}: axis .* is none of the 2 axes of x, whose shape is \(2, 3\)"):
            getattr(F, name)(Tensor(np.ones((2, 3))), axis)

    @pytest.mark.parametrize("drop", [F.dropout, F.dropout2d])
    @pytest.mark.parametrize("kind", [np.float32, np.float64, np.array])
    def test_p_may_be_a_number_of_numpys(self, drop, kind, dtype):
        x = Tensor(np.ones((4, 8, 3, 3), dtype))
        y = drop(x, kind(0.25), rng=np.random.default_rng(0))
        assert y.dtype == dtype
        np.testing.assert_array_equal(y.data, drop(x, 0.25, rng=np.random.default_rng(0)).data)

    @pytest.mark.parametrize("drop", [F.dropout, F.dropout2d])
    @pytest.mark.parametrize("p", ["0.5", None, [0.5]], ids=repr)
    def test_a_p_that_is_no_number_is_refused(self, drop, p):
        with pytest.raises(ValueError, match=f"{drop.__name__}: p must be a number, got"):
            drop(Tensor(np.ones((1, 1, 1, 1))), p)

    @pytest.mark.parametrize("drop", [F.dropout, F.dropout2d])
    @pytest.mark.parametrize("rng", [0, np.random, np.random.RandomState(0)], ids=["seed", "module", "RandomState"])
    def test_a_generator_that_is_none_is_refused(self, drop, rng):
        with pytest.raises(ValueError, match=rf"{drop.__name__}: rng=.* pass numpy.random.default_rng\(seed\)"):
            drop(Tensor(np.ones((1, 1, 1, 1))), rng=rng)

    def test_dropout2d_needs_channels(self):
        with pytest.raises(ValueError, match=r"dropout2d: x must be a map \(N, C, H, W\), got shape \(3,\)"):
            F.dropout2d(Tensor(np.ones(3)), rng=np.random.default_rng(0))

    def test_a_size_of_numpys_normalises_alike(self, rng, dtype):
        x = Tensor(rng.normal(size=(1, 7, 2, 2)).astype(dtype))
        expected = F.local_response_norm(x, 5, 1e-2, 0.5, 2.0)
        found = F.local_response_norm(x, np.int64(5), np.float64(1e-2), np.float32(0.5), np.float32(2))
        assert found.dtype == dtype
        np.testing.assert_array_equal(found.data, expected.data)

    @pytest.mark.parametrize("name", ["alpha", "beta", "k"])
    def test_a_setting_that_is_no_number_is_refused(self, name):
        with pytest.raises(ValueError, match=f"local_response_norm: {name} must be a number, got '1'"):
            F.local_response_norm(Tensor(np.ones((1, 3, 1, 1))), 3, **{name: "1"})

    def test_a_vector_has_no_channels_to_normalise(self):
        with pytest.raises(ValueError, match=r"local_response_norm: x must be a map \(N, C, H, W\), got shape \(3,\)"):
            F.local_response_norm(Tensor(np.ones(3)), 3)
