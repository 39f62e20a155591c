"""What the network is given of an image: the named preprocessings, each against its published definition."""

import numpy as np
import pytest

from minifcn.data import Normalize
from minifcn.data.normalize import PREPROCESSINGS


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)


def as_torchvision(image):
    """The documented transform of its weights: to 0..1, then minus the mean, divided by the deviation."""
    return (image / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)


def as_caffe(image):
    """voc_layers.py of the reference repository: RGB to BGR, minus the mean of B, G, R."""
    return image[:, :, ::-1] - np.array((104.00699, 116.66877, 122.67892))


def as_it_is(image):
    return image


@pytest.mark.parametrize(
    ("name", "definition"), [("torchvision", as_torchvision), ("caffe", as_caffe), ("raw", as_it_is)]
)
def test_a_named_preprocessing_is_what_its_name_says(image, name, definition):
    mean, std, order, _ = PREPROCESSINGS[name]
    x = Normalize(mean, std, order)(image)
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, definition(image).transpose(2, 0, 1), rtol=1e-6, atol=1e-5)


def test_the_default_is_the_one_that_is_called_imagenet(image):
    mean, std, order, _ = PREPROCESSINGS["imagenet"]
    np.testing.assert_array_equal(Normalize(mean, std, order)(image), Normalize()(image))


def test_blue_first_is_channels_last_in_memory_as_well(image):
    assert Normalize(order="bgr")(image).transpose(1, 2, 0).flags.c_contiguous


def test_mean_and_deviation_are_of_r_g_b_in_either_order(image):
    settings = {"mean": (1, 2, 3), "std": (4, 5, 6)}
    np.testing.assert_array_equal(Normalize(**settings, order="bgr")(image), Normalize(**settings)(image)[::-1])


def test_another_order_is_refused():
    with pytest.raises(ValueError, match='Normalize: order is "rgb" or "bgr", got \'gbr\''):
        Normalize(order="gbr")
