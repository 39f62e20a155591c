"""The bilinear kernel comes out of a hat, and keeps a flat map flat except at its border."""

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, nn
from minifcn.explain.bilinear import bilinear_steps, hat, partition_of_unity, sum_of_stamps


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5, 8, 16, 63, 64])
def test_the_steps_lead_to_the_kernel_of_the_networks(kernel_size):
    np.testing.assert_allclose(
        bilinear_steps(kernel_size).kernel, nn.init.bilinear_kernel(kernel_size), rtol=0, atol=1e-15
    )


def test_steps_by_hand():
    steps = bilinear_steps(3)  # stride 2: the pixel itself, and halfway to its neighbours
    assert (steps.half_width, steps.centre) == (2, 1)
    assert steps.distances.tolist() == [-0.5, 0, 0.5]
    assert steps.profile.tolist() == [0.5, 1, 0.5]
    assert steps.kernel.tolist() == [[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]]


def test_hats_of_neighbours_add_up_to_one(rng):
    places = rng.uniform(0, 9, 1000)
    np.testing.assert_allclose(sum(hat(places - i) for i in range(10)), 1, atol=1e-12)


@pytest.mark.parametrize("stride", [2, 8, 16, 32])
@pytest.mark.parametrize("odd", [0, 1])
def test_a_flat_map_stays_flat_inside(stride, odd):
    line = sum_of_stamps(bilinear_steps(2 * stride - odd).profile, stride, 0, 5)
    np.testing.assert_allclose(line[stride:-stride], 1, atol=1e-12)
    assert (line[: stride // 2] < 1).all()
    assert (line[-(stride // 2) :] < 1).all()


def test_the_border_of_fcn32s():
    """7x7 scores to 224x224 pixels: 16 of 224 rows at either end lack a neighbour, so 1 - (192/224)² of the pixels."""
    ones = partition_of_unity(64, 32, 16, 7)
    assert ones.shape == (224, 224)
    assert ones[0, 0] == pytest.approx(0.515625**2)
    assert ones[0, 112] == pytest.approx(0.515625)
    assert ones[15, 112] < 1 == pytest.approx(ones[16, 112])
    assert np.mean(ones < 1 - 1e-9) == pytest.approx(1 - (192 / 224) ** 2) == pytest.approx(0.265, abs=5e-4)


@pytest.mark.parametrize(("kernel_size", "stride", "padding", "size"), [(4, 2, 1, (3, 5)), (3, 2, 0, 4), (16, 8, 4, 2)])
def test_it_is_a_transposed_convolution_of_ones(kernel_size, stride, padding, size):
    shape = size if isinstance(size, tuple) else (size, size)
    weight = Tensor(nn.init.bilinear_kernel(kernel_size)[None, None])
    expected = F.conv_transpose2d(Tensor(np.ones((1, 1, *shape))), weight, None, stride, padding).data[0, 0]
    np.testing.assert_allclose(partition_of_unity(kernel_size, stride, padding, size), expected, rtol=0, atol=1e-12)


class TestIsItAResize:
    """With K = 2S and P = S/2, bilinear upsampling is a resize with half-pixel centres, but not everywhere."""

    @staticmethod
    def resized(x, stride):
        """Interpolate between pixel centres, (u + 1/2) / S - 1/2, with the border value continued outside."""
        place = np.clip((np.arange(len(x) * stride) + 0.5) / stride - 0.5, 0, len(x) - 1)
        return np.interp(place, np.arange(len(x)), x)

    @pytest.mark.parametrize("stride", [2, 4, 32])
    def test_inside_it_is_and_at_the_border_it_is_not(self, stride, rng):
        x = rng.uniform(1, 2, 6)
        weight = Tensor(bilinear_steps(2 * stride).profile[None, None, None])
        y = F.conv_transpose2d(Tensor(x[None, None, None]), weight, None, (1, stride), (0, stride // 2)).data.ravel()
        expected, border = self.resized(x, stride), stride // 2
        np.testing.assert_allclose(y[border:-border], expected[border:-border], rtol=0, atol=1e-12)
        assert (y[:border] < expected[:border]).all()


@pytest.mark.parametrize("kernel_size", [0, 3.5, "4", (4, 6)])
def test_a_kernel_is_as_high_as_it_is_wide(kernel_size):
    with pytest.raises(ValueError, match="kernel_size must be a whole number of at least 1"):
        bilinear_steps(kernel_size)


@pytest.mark.parametrize(("stride", "padding"), [(0, 1), (2, -1), ((2, 2), 1)])
def test_stride_and_padding_are_whole_numbers(stride, padding):
    with pytest.raises(ValueError, match=r"(stride|padding) must be a whole number of at least [01], got"):
        partition_of_unity(4, stride, padding, 3)
