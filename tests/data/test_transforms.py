"""Augmentation: image and label stay together, and labels stay labels."""

from dataclasses import replace

import numpy as np
import pytest

from minifcn.data import (
    Compose,
    Normalize,
    RandomCrop,
    RandomMirror,
    RandomScale,
    Resize,
    ResizeLongerSide,
    Sample,
    Shapes,
)


@pytest.fixture
def sample():
    """A sample in which each label says what its pixel looks like."""
    label = np.arange(6 * 8, dtype=np.uint8).reshape(6, 8)
    return Sample(np.stack([label, label, label], -1), label, "squares", ignore_index=99)


def together(sample):
    return np.array_equal(sample.image[..., 0], sample.label)


@pytest.mark.parametrize("transform", [RandomMirror(1), RandomCrop((3, 5)), RandomCrop((6, 8))])
def test_image_and_label_move_together(sample, transform, rng):
    result = transform(sample, rng)
    assert together(result)
    assert (result.name, result.ignore_index) == ("squares", 99)


@pytest.mark.parametrize(
    "transform", [RandomMirror(1), RandomCrop((9, 9)), RandomScale(2, 2), Resize((3, 3)), ResizeLongerSide(3)]
)
def test_the_sample_itself_is_not_changed(sample, transform, rng):
    image, label = sample.image.copy(), sample.label.copy()
    transform(sample, rng)
    np.testing.assert_array_equal(sample.image, image)
    np.testing.assert_array_equal(sample.label, label)


def test_mirror_swaps_left_and_right(sample, rng):
    np.testing.assert_array_equal(RandomMirror(1)(sample, rng).label, sample.label[:, ::-1])


def test_mirror_keeps_its_probability(sample, rng):
    mirrored = [RandomMirror(0.3)(sample, rng).label[0, 0] != 0 for _ in range(2000)]
    assert 0.26 < np.mean(mirrored) < 0.34


def test_crop_reaches_every_place(sample, rng):
    corners = {int(RandomCrop((5, 6))(sample, rng).label[0, 0]) for _ in range(200)}
    assert corners == {0, 1, 2, 8, 9, 10}


def test_crop_pads_a_small_image_with_its_mean_and_the_ignore_index(sample, rng):
    result = RandomCrop((7, 10))(sample, rng)
    np.testing.assert_array_equal(result.label[:6, :8], sample.label)
    np.testing.assert_array_equal(result.image[:6, :8], sample.image)
    assert (result.label[6:] == 99).all()
    assert (result.label[:, 8:] == 99).all()
    assert (result.image[6:] == round(sample.image.mean())).all()


@pytest.mark.parametrize("size", [(12, 16), (3, 4), (9, 5)])
def test_resized_labels_are_labels_of_the_sample(sample, rng, size):
    striped = replace(sample, label=np.where(sample.label % 3, 10, 99).astype(np.uint8))
    result = Resize(size)(striped, rng)
    assert result.image.shape == (*size, 3)
    assert result.label.shape == size
    assert set(result.label.flat) == {10, 99}  # nothing between them


def test_resized_labels_are_those_of_the_nearest_pixel(sample, rng):
    np.testing.assert_array_equal(Resize((12, 16))(sample, rng).label, sample.label.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(
    ("size", "resized"), [((30, 40), (15, 20)), ((40, 30), (20, 15)), ((1, 300), (1, 20)), ((20, 7), (20, 7))]
)
def test_the_longer_side_is_given_and_the_proportions_stay(rng, size, resized):
    sample = Sample(np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8), "black")
    assert ResizeLongerSide(20)(sample, rng).label.shape == resized


@pytest.mark.parametrize("side", [0, 2.5, "20", None])
def test_a_longer_side_is_a_whole_number(side):
    with pytest.raises(ValueError, match="ResizeLongerSide: side is a number of whole pixels"):
        ResizeLongerSide(side)


def test_scale_draws_between_its_bounds(rng):
    heights = [RandomScale(0.5, 2)(Shapes(1)[0], rng).label.shape[0] for _ in range(50)]
    assert 48 <= min(heights) < 64
    assert 170 < max(heights) <= 192


def test_compose_applies_in_order(sample, rng):
    assert Compose([Resize((12, 16)), RandomCrop((4, 4))])(sample, rng).label.shape == (4, 4)
    assert Compose([RandomCrop((4, 4)), Resize((12, 16))])(sample, rng).label.shape == (12, 16)


def test_compose_lets_each_transform_draw_after_the_one_before_it(sample):
    composed = Compose([RandomScale(1, 2), RandomCrop((5, 5))])(sample, np.random.default_rng(8))
    rng = np.random.default_rng(8)
    step_by_step = RandomCrop((5, 5))(RandomScale(1, 2)(sample, rng), rng)
    np.testing.assert_array_equal(composed.image, step_by_step.image)
    np.testing.assert_array_equal(composed.label, step_by_step.label)


@pytest.mark.parametrize("transform", [RandomMirror(), RandomCrop((50, 50)), RandomScale(0.5, 2)])
def test_the_generator_decides_everything(transform):
    first, second = (transform(Shapes(1)[0], np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.label, second.label)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda: Resize(96), r"Resize: size is \(height, width\).* got 96", id="one-number"),
        pytest.param(lambda: RandomCrop((0, 4)), "RandomCrop: size is", id="zero"),
        pytest.param(lambda: RandomMirror(2), "p is a probability", id="probability"),
        pytest.param(lambda: RandomScale(2, 1), "0 < low <= high", id="bounds"),
        pytest.param(lambda: RandomScale(1, float("inf")), "0 < low <= high, finite", id="endless"),
        pytest.param(lambda: Compose(RandomMirror()), "transforms is a sequence of them, got", id="not-a-sequence"),
        pytest.param(lambda: Compose([RandomMirror]), r"RandomMirror is a class; make .*: RandomMirror\(", id="class"),
        pytest.param(lambda: Compose([3]), "Compose: a transform is called as .* but 3 cannot be", id="number"),
        pytest.param(lambda: Normalize(mean=(1, 2, float("nan"))), "R, G, B, finite", id="nan"),
        pytest.param(lambda: Normalize(std=(1, 2, float("inf"))), "R, G, B, finite", id="infinite"),
        pytest.param(lambda: Normalize(mean=(1, 2)), "one number for each of R, G, B", id="mean"),
        pytest.param(lambda: Normalize(std=(1, 2, 0)), "std is positive", id="std"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_normalize_subtracts_the_mean_and_divides_by_the_deviation(sample):
    mean, std = np.array([122.67892, 116.66877, 104.00699]), np.array([58.395, 57.12, 57.375])
    expected = ((sample.image - mean) / std).transpose(2, 0, 1)
    x = Normalize()(sample.image)
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 3), np.uint8), np.zeros((4, 5, 4), np.uint8), np.zeros((4, 5, 3)), [[1, 2, 3]]]
)
def test_what_is_no_image_is_not_normalized(image):
    with pytest.raises(ValueError, match=r"Normalize: an image is a uint8 array \(H, W, 3\), values 0\.\.255, got"):
        Normalize()(image)


def test_sizes_may_be_whole_numbers_of_numpy(sample, rng):
    assert Resize((np.int64(3), np.uint8(4)))(sample, rng).label.shape == (3, 4)


def test_normalized_images_are_channels_last_in_memory(sample):
    assert Normalize()(sample.image).transpose(1, 2, 0).flags.c_contiguous


@pytest.mark.parametrize(
    "transform",
    [
        Normalize(mean=(1, 2.5, 3), std=(58.395, 1, 2)),
        Resize((3, 4)),
        ResizeLongerSide(7),
        Compose([RandomMirror(), RandomCrop((2, 3)), RandomScale(0.5, 1.5)]),
    ],
    ids=["Normalize", "Resize", "ResizeLongerSide", "Compose"],
)
def test_its_repr_makes_it_again(transform):
    assert repr(eval(repr(transform))) == repr(transform)
    assert eval(repr(transform)).__dict__.keys() == transform.__dict__.keys()
    assert repr(Normalize()).endswith("std=(58.395, 57.12, 57.375), order='rgb')")
