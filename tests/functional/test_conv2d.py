"""Convolution and transposed convolution: values from the literature, the textbook's loops, sizes, and errors."""

import re

import numpy as np
import pytest
import textbook
from cases import CONVOLUTIONS

import minifcn as mf
import minifcn.functional as F
from minifcn import Tensor, grad
from minifcn.backend import to_device, to_host
from minifcn.compute.algorithm import ALGORITHMS


def image(rows, dtype="float64"):
    return Tensor(np.array([[rows]], dtype))


# The example of Dumoulin and Visin, A guide to convolution arithmetic for deep learning.
GUIDE_X = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
GUIDE_W = [[0, 1, 2], [2, 2, 0], [0, 1, 2]]


class TestByHand:
    @pytest.mark.parametrize(
        ("settings", "expected"),
        [
            ({}, [[12, 12, 17], [10, 17, 19], [9, 6, 14]]),
            ({"stride": 2, "padding": 1}, [[6, 17, 3], [8, 17, 13], [6, 4, 4]]),
        ],
    )
    def test_dumoulin_and_visin(self, settings, expected, dtype):
        """Figures 1.1 and 1.2 of the guide."""
        y = F.conv2d(image(GUIDE_X, dtype), image(GUIDE_W, dtype), **settings)
        np.testing.assert_array_equal(y.data[0, 0], expected)

    def test_the_kernel_is_not_flipped(self):
        y = F.conv2d(image([[1, 0, 0], [0, 0, 0], [0, 0, 0]]), image([[1, 2], [3, 4]]))
        np.testing.assert_array_equal(y.data[0, 0], [[1, 0], [0, 0]])

    @pytest.mark.parametrize(
        ("settings", "expected"),
        [
            ({}, [[0, 0, 1], [0, 4, 6], [4, 12, 9]]),
            ({"stride": 2}, [[0, 0, 0, 1], [0, 0, 2, 3], [0, 2, 0, 3], [4, 6, 6, 9]]),
            ({"padding": 1}, [[4]]),
            (
                {"stride": 2, "output_padding": 1},
                [[0, 0, 0, 1, 0], [0, 0, 2, 3, 0], [0, 2, 0, 3, 0], [4, 6, 6, 9, 0], [0, 0, 0, 0, 0]],
            ),
        ],
        ids=str,
    )
    def test_dive_into_deep_learning(self, settings, expected, dtype):
        """Zhang et al., Dive into Deep Learning, section 14.10: every pixel stamps its kernel."""
        y = F.conv_transpose2d(image([[0, 1], [2, 3]], dtype), image([[0, 1], [2, 3]], dtype), **settings)
        np.testing.assert_array_equal(y.data[0, 0], expected)

    def test_a_single_pixel_stamps_the_kernel_unflipped(self):
        y = F.conv_transpose2d(image([[0, 0], [10, 0]]), image([[1, 2], [3, 4]]), stride=2)
        np.testing.assert_array_equal(y.data[0, 0], [[0, 0, 0, 0], [0, 0, 0, 0], [10, 20, 0, 0], [30, 40, 0, 0]])

    def test_output_padding_shows_more_of_the_stamps_where_padding_had_cropped_them(self):
        """No zeros are added: the extra row and column were computed and would have been cropped."""
        x, weight = image([[1, 2], [3, 4]]), image([[1, 1, 1]] * 3)
        whole = F.conv_transpose2d(x, weight, stride=2)
        y = F.conv_transpose2d(x, weight, stride=2, padding=1, output_padding=1)
        np.testing.assert_array_equal(y.data, whole.data[:, :, 1:5, 1:5])

    def test_a_1x1_convolution_is_a_matrix_for_each_pixel(self, rng):
        x, weight = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(6, 3, 1, 1))
        expected = np.einsum("oc,nchw->nohw", weight[:, :, 0, 0], x)
        np.testing.assert_allclose(F.conv2d(Tensor(x), Tensor(weight)).data, expected, atol=1e-12)

    def test_the_bias_is_added_to_its_channel(self, rng):
        x, weight, bias = Tensor(rng.normal(size=(2, 3, 4, 5))), Tensor(np.zeros((2, 3, 3, 3))), Tensor([1.0, -2.0])
        y = F.conv2d(x, weight, bias)
        np.testing.assert_array_equal(y.data[:, 0], 1)
        np.testing.assert_array_equal(y.data[:, 1], -2)

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    @pytest.mark.parametrize("groups", [1, 2])
    @pytest.mark.parametrize("with_bias", [True, False])
    def test_relu_in_the_same_sweep(self, algorithm, groups, with_bias, rng):
        """It is relu(conv2d(x)), and so are its gradients."""
        shapes = [(2, 4, 7, 8), (6, 4 // groups, 3, 3)] + [(6,)] * with_bias
        inputs = [Tensor(rng.standard_normal(shape), requires_grad=True) for shape in shapes]
        bias = inputs[2] if with_bias else None
        with mf.algorithm(algorithm):
            together = F.conv2d(*inputs[:2], bias, padding=1, groups=groups, relu=True)
            apart = F.relu(F.conv2d(*inputs[:2], bias, padding=1, groups=groups))
            gy = Tensor(rng.standard_normal(apart.shape))
            np.testing.assert_allclose(together.data, apart.data, rtol=0, atol=1e-12)
            for found, expected in zip(grad(together, inputs, gy), grad(apart, inputs, gy), strict=True):
                np.testing.assert_allclose(found.data, expected.data, rtol=0, atol=1e-11)
        assert (apart.data == 0).any()

    def test_groups_do_not_see_each_other(self, rng):
        x, weight = rng.normal(size=(1, 4, 5, 5)), rng.normal(size=(6, 2, 3, 3))
        y = F.conv2d(Tensor(x), Tensor(weight), groups=2).data
        for half, (inputs, outputs) in enumerate([(slice(0, 2), slice(0, 3)), (slice(2, 4), slice(3, 6))]):
            alone = F.conv2d(Tensor(x[:, inputs]), Tensor(weight[outputs])).data
            np.testing.assert_allclose(y[:, outputs], alone, atol=1e-12, err_msg=f"group {half}")


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
class TestOverAGridOfWindows:
    def test_conv2d_and_its_gradients(self, case, rng, device):
        x, weight, gy = case.arrays(rng)
        bias = rng.normal(size=case.outputs)
        leaves = [Tensor(to_device(a, device), requires_grad=True) for a in (x, weight, bias)]
        y = F.conv2d(*leaves, **case.settings)
        expected = textbook.convolve(x, weight, case.window, case.groups) + bias[:, None, None]
        np.testing.assert_allclose(to_host(y.data), expected, rtol=0, atol=1e-10)
        gradients = grad(y, leaves, Tensor(to_device(gy, device)))
        by_hand = (
            textbook.convolve_transposed(gy, weight, case.window, case.size, case.groups),
            textbook.convolve_weight(x, gy, case.window, case.groups),
            gy.sum((0, 2, 3)),
        )
        for found, expected in zip(gradients, by_hand, strict=True):
            np.testing.assert_allclose(to_host(found.data), expected, rtol=0, atol=1e-10)

    def test_conv_transpose2d_and_its_gradients(self, case, rng, device):
        gx, weight, y = case.arrays(rng)
        bias = rng.normal(size=case.inputs)
        leaves = [Tensor(to_device(a, device), requires_grad=True) for a in (y, weight, bias)]
        x = F.conv_transpose2d(*leaves, output_padding=case.output_padding, **case.settings)
        expected = textbook.convolve_transposed(y, weight, case.window, case.size, case.groups) + bias[:, None, None]
        np.testing.assert_allclose(to_host(x.data), expected, rtol=0, atol=1e-10)
        gradients = grad(x, leaves, Tensor(to_device(gx, device)))
        by_hand = (
            textbook.convolve(gx, weight, case.window, case.groups),
            textbook.convolve_weight(gx, y, case.window, case.groups),
            gx.sum((0, 2, 3)),
        )
        for found, expected in zip(gradients, by_hand, strict=True):
            np.testing.assert_allclose(to_host(found.data), expected, rtol=0, atol=1e-10)


class TestSizes:
    @pytest.mark.parametrize(
        ("size", "kernel", "stride", "padding", "expected"),
        [
            *((7, 64, 32, 0, 256), (16, 4, 2, 0, 34), (34, 32, 16, 0, 560), (70, 16, 8, 0, 568)),  # the paper's
            *((16, 4, 2, 1, 32), (7, 64, 32, 16, 224), (1, 63, 32, 0, 63)),
        ],
    )
    def test_transposed(self, size, kernel, stride, padding, expected):
        x, weight = Tensor(np.ones((1, 1, size, 1))), Tensor(np.ones((1, 1, kernel, 1)))
        y = F.conv_transpose2d(x, weight, None, (stride, 1), (padding, 0))
        assert y.shape == (1, 1, expected, 1)

    @pytest.mark.parametrize("output_padding", [0, 1, 2, (1, 0), (0, 2)], ids=str)
    def test_output_padding_chooses_among_the_sizes_that_convolve_to_the_same(self, output_padding):
        x, weight = Tensor(np.ones((1, 1, 4, 5))), Tensor(np.ones((1, 1, 4, 4)))
        y = F.conv_transpose2d(x, weight, stride=3, padding=1, output_padding=output_padding)
        assert F.conv2d(y, weight, stride=3, padding=1).shape == x.shape
        rows, columns = output_padding if isinstance(output_padding, tuple) else (output_padding,) * 2
        assert y.shape[2:] == (11 + rows, 14 + columns)

    def test_arguments_come_in_pytorchs_order(self, rng):
        x, weight = Tensor(rng.normal(size=(1, 4, 9, 9))), Tensor(rng.normal(size=(4, 2, 3, 3)))
        np.testing.assert_array_equal(
            F.conv2d(x, weight, None, 2, 1, 2, 2).data,
            F.conv2d(x, weight, bias=None, stride=2, padding=1, dilation=2, groups=2).data,
        )
        np.testing.assert_array_equal(
            F.conv_transpose2d(x, weight, None, 3, 1, 2, 2, 2).data,
            F.conv_transpose2d(x, weight, stride=3, padding=1, output_padding=2, groups=2, dilation=2).data,
        )


class TestErrors:
    @staticmethod
    def ones(*shape):
        return Tensor(np.ones(shape))

    def refuses(self, function, arguments, message, **settings):
        with pytest.raises(ValueError, match=message) as info:
            function(*(a if a is None else self.ones(*a) for a in arguments), **settings)
        assert "\n" not in str(info.value)

    def test_too_many_channels_for_the_weight(self):
        message = (
            "conv2d: weight expects 3 input channels (weight.shape[1]), but x has 4 (x.shape = (1, 4, 32, 32)); "
            "pass x[:, :3] or a weight of shape (8, 4, 3, 3)"
        )
        self.refuses(F.conv2d, [(1, 4, 32, 32), (8, 3, 3, 3)], f"^{re.escape(message)}$")

    def test_too_few_channels_for_the_weight(self):
        self.refuses(
            F.conv2d,
            [(1, 2, 5, 5), (8, 3, 3, 3)],
            r"weight expects 3 .*, but x has 2 .*; pass a weight of shape \(8, 2, 3, 3\)",
        )

    def test_channels_with_groups(self):
        self.refuses(
            F.conv2d,
            [(1, 4, 5, 5), (8, 3, 3, 3)],
            groups=2,
            message=r"weight expects 6 input channels \(weight.shape\[1\] x 2 groups\), but x has 4",
        )

    def test_channels_of_a_transposed_convolution(self):
        self.refuses(
            F.conv_transpose2d,
            [(1, 4, 5, 5), (3, 8, 3, 3)],
            r"conv_transpose2d: weight expects 3 .*weight.shape\[0\]\), but x has 4",
        )

    @pytest.mark.parametrize("groups", [0, 3, -1])
    def test_groups_must_divide_the_channels(self, groups):
        self.refuses(
            F.conv2d,
            [(1, 4, 5, 5), (4, 4, 3, 3)],
            rf"groups={groups} must divide the 4 channels of x and weight.shape\[0\] = 4",
            groups=groups,
        )

    def test_groups_must_divide_the_outputs(self):
        self.refuses(F.conv2d, [(1, 4, 5, 5), (3, 2, 3, 3)], r"groups=2 must divide .* weight.shape\[0\] = 3", groups=2)

    def test_bias_of_another_length(self):
        self.refuses(
            F.conv2d,
            [(1, 3, 5, 5), (8, 3, 3, 3), (3,)],
            r"bias must have one number for each of the 8 output channels, got shape \(3,\)",
        )
        self.refuses(F.conv_transpose2d, [(1, 3, 5, 5), (3, 4, 3, 3), (3,)], "each of the 4 output channels")

    def test_an_image_without_a_batch(self):
        self.refuses(F.conv2d, [(3, 5, 5), (8, 3, 3, 3)], r"x must be a map \(N, C, H, W\), got shape .*pass x\[None\]")

    def test_a_weight_with_too_few_axes(self):
        self.refuses(F.conv2d, [(1, 3, 5, 5), (8, 3, 3)], "weight must have four axes")

    def test_a_kernel_larger_than_the_map(self):
        self.refuses(
            F.conv2d,
            [(1, 3, 5, 5), (8, 3, 7, 7)],
            "a kernel of 7x7 .* does not fit on a map of 5x5; pad more or use a smaller kernel",
        )

    @pytest.mark.parametrize("output_padding", [2, 3, (0, 2), (2, 0)], ids=str)
    def test_output_padding_not_less_than_the_stride(self, output_padding):
        self.refuses(
            F.conv_transpose2d,
            [(1, 1, 3, 3), (1, 1, 4, 4)],
            r"output_padding \(\d, \d\) must be less than stride \(2, 2\)",
            stride=2,
            output_padding=output_padding,
        )

    def test_mixed_precision(self):
        with pytest.raises(TypeError, match="conv2d: the operands are float64 and float32"):
            F.conv2d(self.ones(1, 1, 3, 3), Tensor(np.ones((1, 1, 3, 3), "float32")))
