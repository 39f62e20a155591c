"""Cropping, padding, joining, and the fully connected layer."""

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, grad
from minifcn.backend import to_device, to_host


@pytest.fixture
def x(rng, dtype):
    return rng.normal(size=(2, 3, 6, 7)).astype(dtype)


class TestCrop:
    def test_keeps_the_rectangle_at_the_offset(self, x, device):
        y = F.crop(Tensor(to_device(x, device)), (1, 2), (4, 3))
        np.testing.assert_array_equal(to_host(y.data), x[:, :, 1:5, 2:5])

    @pytest.mark.parametrize(("offset", "size"), [((0, 0), (6, 7)), ((5, 6), (1, 1)), ((2, 0), (4, 7))])
    def test_reaches_the_edges(self, x, offset, size):
        assert F.crop(Tensor(x), offset, size).shape == (2, 3, *size)

    @pytest.mark.parametrize(
        ("offset", "size"), [((3, 0), (4, 7)), ((0, 1), (6, 7)), ((-1, 0), (2, 2)), ((2, 2), (-1, 2))]
    )
    def test_a_rectangle_that_leaves_the_map_is_refused(self, x, offset, size):
        with pytest.raises(ValueError, match=r"crop: rows .* and columns .* do not lie on a map of 6x7; choose"):
            F.crop(Tensor(x), offset, size)

    @pytest.mark.parametrize("pair", [np.array([1, 2]), [np.int64(1), np.uint8(2)]], ids=["array", "NumPy integers"])
    def test_takes_whole_numbers_of_any_type(self, x, pair):
        np.testing.assert_array_equal(F.crop(Tensor(x), pair, pair).data, x[:, :, 1:2, 2:4])

    @pytest.mark.parametrize("pair", [(1, 2.0), (1, "2"), (1,), (1, 2, 3), 1, "12", None, (True, 1)], ids=str)
    def test_anything_else_is_refused(self, x, pair):
        with pytest.raises(ValueError, match=r"^crop: offset must be \(top, left\), two whole numbers, got"):
            F.crop(Tensor(x), pair, (1, 1))
        with pytest.raises(ValueError, match=r"^crop: size must be \(height, width\), two whole numbers, got"):
            F.crop(Tensor(x), (1, 1), pair)

    def test_something_that_is_no_map_is_refused(self):
        with pytest.raises(ValueError, match=r"^crop: x must be a map \(N, C, H, W\), got shape \(3, 4\)"):
            F.crop(Tensor(np.ones((3, 4))), (0, 0), (1, 1))


class TestPad:
    def test_the_order_is_left_right_top_bottom(self, x, device):
        y = F.pad(Tensor(to_device(x, device)), (1, 2, 3, 0))
        np.testing.assert_array_equal(to_host(y.data), np.pad(x, ((0, 0), (0, 0), (3, 0), (1, 2))))

    @pytest.mark.parametrize(
        "padding", [(1, 2), (1, 1, 1, -1), (1, 1, 1, 1.0), (1, 1, 1, "1"), 1, "1111", None], ids=str
    )
    def test_anything_else_is_refused(self, x, padding):
        with pytest.raises(
            ValueError, match=r"pad: padding must be \(left, right, top, bottom\), each at least 0, got"
        ):
            F.pad(Tensor(x), padding)


@pytest.mark.parametrize("margin", [(0, 0, 0, 0), (1, 2, 3, 0), (0, 4, 2, 1)], ids=str)
def test_crop_and_pad_are_adjoint(margin, rng):
    """<crop(x), y> = <x, pad(y)>; and so each is the gradient of the other."""
    left, right, top, bottom = margin
    y = rng.normal(size=(2, 3, 4, 5))
    x = Tensor(rng.normal(size=(2, 3, top + 4 + bottom, left + 5 + right)), requires_grad=True)
    cropped, padded = F.crop(x, (top, left), (4, 5)), F.pad(Tensor(y), margin)
    assert np.vdot(cropped.data, y) == pytest.approx(np.vdot(x.data, padded.data), rel=1e-12)
    (gradient,) = grad(cropped, x, Tensor(y))
    np.testing.assert_array_equal(gradient.data, padded.data)


class TestConcatenate:
    @pytest.mark.parametrize("axis", [0, 1, 3, -1])
    def test_joins_along_an_axis_and_cuts_the_gradient_apart(self, axis, rng, device):
        shapes = [[2, 3, 4, 5] for _ in range(3)]
        for n, shape in enumerate(shapes, start=1):
            shape[axis] = n
        arrays = [rng.normal(size=shape) for shape in shapes]
        leaves = [Tensor(to_device(a, device), requires_grad=True) for a in arrays]
        y = F.concatenate(leaves, axis)
        np.testing.assert_array_equal(to_host(y.data), np.concatenate(arrays, axis))
        gy = rng.normal(size=y.shape)
        parts = grad(y, leaves, Tensor(to_device(gy, device)))
        np.testing.assert_array_equal(np.concatenate([to_host(g.data) for g in parts], axis), gy)
        assert [list(g.shape) for g in parts] == shapes

    def test_joins_the_channels_unless_told_otherwise(self, x):
        assert F.concatenate([Tensor(x), Tensor(x[:, :1])]).shape == (2, 4, 6, 7)

    @pytest.mark.parametrize("shape", [(2, 0, 3, 3), (0, 4, 3, 3)], ids=["no channels", "no images"])
    def test_something_empty_is_joined_too(self, shape, rng):
        full = (shape[0], 4, 3, 3)
        leaves = [Tensor(rng.normal(size=s), requires_grad=True) for s in (shape, full)]
        y = F.concatenate(leaves)
        assert y.shape == (shape[0], shape[1] + 4, 3, 3)
        assert [g.shape for g in grad(y.sum(), leaves)] == [shape, full]

    @pytest.mark.parametrize("axis", [2, -3, 1.0, "channels"])
    def test_an_axis_that_is_none_is_refused(self, axis):
        with pytest.raises(ValueError, match=r"^concatenate: (axis must be a whole number|the shapes .* must agree)"):
            F.concatenate([Tensor(np.ones((2, 3)))] * 2, axis)

    def test_shapes_that_do_not_fit_are_refused(self):
        with pytest.raises(
            ValueError, match=r"^concatenate: the shapes \(1, 2, 3\), \(1, 2, 4\) must agree but for axis 1"
        ):
            F.concatenate([Tensor(np.ones((1, 2, 3))), Tensor(np.ones((1, 2, 4)))])

    def test_two_number_types_are_refused_by_its_own_name(self):
        with pytest.raises(TypeError, match=r"^concatenate: the operands are float64 and float32"):
            F.concatenate([Tensor(np.ones((1, 2))), Tensor(np.ones((1, 2), "float32"))])

    def test_one_tensor_alone_is_refused(self):
        with pytest.raises(ValueError, match=r"^concatenate: pass a list of tensors"):
            F.concatenate(Tensor(np.ones((2, 3))))

    def test_nothing_to_join_is_refused(self):
        with pytest.raises(ValueError, match="concatenate: there is nothing to join"):
            F.concatenate([])


class TestLinear:
    def test_is_a_matrix_product_and_a_bias(self, rng):
        x, weight, bias = rng.normal(size=(5, 3)), rng.normal(size=(4, 3)), rng.normal(size=4)
        y = F.linear(Tensor(x), Tensor(weight), Tensor(bias))
        np.testing.assert_allclose(y.data, [[weight[o] @ row + bias[o] for o in range(4)] for row in x], rtol=1e-12)

    def test_takes_any_number_of_leading_axes(self, rng):
        weight = Tensor(rng.normal(size=(4, 3)))
        assert F.linear(Tensor(rng.normal(size=3)), weight).shape == (4,)
        assert F.linear(Tensor(rng.normal(size=(2, 5, 3))), weight).shape == (2, 5, 4)

    def test_is_a_convolution_whose_kernel_covers_its_input(self, rng):
        """The reading of fc6 that makes the network fully convolutional: paper section 3.1."""
        x, weight, bias = rng.normal(size=(2, 3, 7, 7)), rng.normal(size=(5, 3, 7, 7)), rng.normal(size=5)
        connected = F.linear(Tensor(x.reshape(2, -1)), Tensor(weight.reshape(5, -1)), Tensor(bias))
        convolved = F.conv2d(Tensor(x), Tensor(weight), Tensor(bias))
        np.testing.assert_allclose(convolved.data[:, :, 0, 0], connected.data, rtol=1e-12)

    def test_another_number_of_features_is_refused(self):
        with pytest.raises(
            ValueError, match=r"weight \(O, I\) has shape \(4, 3\) and x has 2 features \(x.shape = \(5, 2\)\)"
        ):
            F.linear(Tensor(np.ones((5, 2))), Tensor(np.ones((4, 3))))

    @pytest.mark.parametrize("sizes", [(0, 3, 4), (2, 0, 4), (2, 3, 0)], ids=["no rows", "no inputs", "no outputs"])
    def test_sizes_with_a_zero(self, sizes, dtype):
        """A sum of nothing is 0, so without inputs the bias is what is left."""
        rows, inputs, outputs = sizes
        shapes = [(rows, inputs), (outputs, inputs), (outputs,)]
        leaves = [Tensor(np.ones(shape, dtype), requires_grad=True) for shape in shapes]
        y = F.linear(*leaves)
        np.testing.assert_array_equal(y.data, np.full((rows, outputs), 1 + inputs))
        gradients = grad(y.sum(), leaves)
        assert [(g.shape, g.dtype) for g in gradients] == [(shape, dtype) for shape in shapes]
        np.testing.assert_array_equal(gradients[2].data, np.full(outputs, rows))

    def test_a_bias_of_another_length_is_refused(self):
        with pytest.raises(
            ValueError, match=r"^linear: bias must have one number for each of the 4 outputs, got shape \(1,\)"
        ):
            F.linear(Tensor(np.ones((2, 3))), Tensor(np.ones((4, 3))), Tensor([1.0]))
