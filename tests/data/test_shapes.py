"""The generated data set."""

import hashlib

import numpy as np
import pytest

from minifcn.data import ShapeCrops, Shapes, open_dataset, shapes
from minifcn.errors import UserError


def digest(array):
    return hashlib.sha256(array.tobytes()).hexdigest()[:16]


@pytest.mark.parametrize(("num_classes", "expected"), [(6, "213cd2f4cc398518"), (8, "79981de72b91577a")])
def test_labels_are_the_same_on_every_machine(num_classes, expected):
    # Results on this data set can be compared only as long as these digests stay.
    assert digest(np.stack([sample.label for sample in Shapes(10, num_classes=num_classes, seed=1)])) == expected


def test_images_are_the_same_on_every_machine_up_to_rounding():
    mean = Shapes(5, seed=1)[4].image.mean((0, 1))
    np.testing.assert_allclose(mean, [85.2, 47.9, 82.3], atol=0.1)


def test_a_sample_depends_on_its_index_and_not_on_what_was_drawn_before():
    dataset = Shapes(9)
    first = dataset[5]
    for i in range(9):
        dataset[i]
    np.testing.assert_array_equal(dataset[5].image, first.image)
    np.testing.assert_array_equal(Shapes(6)[5].label, first.label)


def test_other_indices_and_other_seeds_give_other_pictures():
    images = [*(Shapes(5, seed=0)[i].image for i in range(5)), *(Shapes(5, seed=1)[i].image for i in range(5))]
    assert len({digest(image) for image in images}) == 10


@pytest.mark.parametrize("num_classes", [2, 6, 8])
def test_every_class_is_present_and_no_other(num_classes):
    dataset = Shapes(60, num_classes=num_classes)
    labels = np.concatenate([sample.label.ravel() for sample in dataset])
    share = np.bincount(labels, minlength=num_classes) / labels.size
    assert len(share) == num_classes == len(dataset.class_names) == len(dataset.palette)
    assert 0.5 < share[0] < 0.75
    assert (share[1:] > 0.01).all()


@pytest.mark.parametrize("size", [(96, 96), (64, 160), (33, 17)])
def test_image_and_label_have_the_asked_size(size):
    sample = Shapes(1, size=size)[0]
    assert (sample.image.shape, sample.image.dtype) == ((*size, 3), np.uint8)
    assert (sample.label.shape, sample.label.dtype) == (size, np.uint8)


def test_one_number_is_the_side_of_a_square():
    np.testing.assert_array_equal(Shapes(1, size=40)[0].image, Shapes(1, size=(40, 40))[0].image)


def test_training_and_validation_share_no_picture():
    train, val = (
        {digest(sample.image) for sample in open_dataset("shapes", split, length=40)} for split in ("train", "val")
    )
    assert len(train) == len(val) == 40
    assert not train & val


def test_labels_are_exact():
    # What is not background is darker, or lighter, than every background, up to the noise.
    for sample in Shapes(30):
        brightness = sample.image.max(axis=2) / 255
        night = brightness[sample.label == 0].mean() < 0.5
        visible = brightness > 0.4 if night else brightness < 0.69
        assert (visible == (sample.label > 0)).mean() > 0.99


@pytest.mark.parametrize(("y", "x"), [(41.7, 50.2), (9.5, 90.5)], ids=["inside", "at the edge"])
def test_drawing_only_near_the_centre_cuts_nothing_off(y, x, rng):
    picture = shapes._Picture((96, 96), rng)
    picture.draw(1, lambda u, v: np.hypot(u, v) - 1.2, y, x, radius=25.0)
    rows, columns = np.mgrid[:96, :96]
    np.testing.assert_array_equal(picture.label, np.hypot(rows - y, columns - x) <= 30)


@pytest.mark.parametrize("kind", range(1, 8))
def test_no_form_reaches_farther_than_is_drawn(kind):
    u, v = np.mgrid[-3:3:0.01, -3:3:0.01]
    inside = Shapes(1, num_classes=8)._forms[kind](u, v) <= 0
    assert 0.9 < np.hypot(u, v)[inside].max() < shapes._REACH


def test_shapes_overlap_but_leave_each_other_in_sight(rng):
    overlaps = 0
    for _ in range(100):
        places = shapes._places((96, 96), rng)
        for i, (y, x, radius) in enumerate(places):
            for later_y, later_x, later_radius in places[i + 1 :]:
                distance = np.hypot(y - later_y, x - later_x)
                assert distance > 1.2 * later_radius  # 1.2 is as far as a shape of radius 1 reaches
                overlaps += distance < 0.9 * (radius + later_radius)
    assert overlaps > 20


def test_colour_does_not_give_the_class_away():
    mean = {kind: [] for kind in range(1, 6)}
    for sample in Shapes(100):
        for kind in np.unique(sample.label[sample.label > 0]).tolist():
            mean[kind].append(sample.image[sample.label == kind].mean(0))
    centres = np.array([np.mean(colours, 0) for colours in mean.values()])
    spread = np.mean([np.std(colours, 0) for colours in mean.values()])
    assert centres.std(0).max() < 0.5 * spread


def test_it_is_a_sequence_that_ends():
    dataset = Shapes(3)
    assert [sample.name for sample in dataset] == ["shapes-0-0", "shapes-0-1", "shapes-0-2"]
    assert dataset[-1].name == "shapes-0-2"
    with pytest.raises(IndexError):
        dataset[3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length": 0}, "length is at least 1, got 0"),
        ({"length": 1, "size": (96, 8)}, "size is at least 16, got 8"),
        ({"length": 1, "size": 8}, "size is at least 16, got 8"),
        ({"length": 1, "num_classes": 9}, "num_classes is at least 2 and at most 8, got 9"),
        ({"length": 1, "num_classes": 1}, "num_classes is at least 2 and at most 8, got 1"),
        ({"length": 1, "seed": -1}, "seed is at least 0, got -1"),
        ({"length": 2.0}, "length is a whole number, got 2.0"),
        ({"length": "2"}, "length is a whole number, got '2'"),
        ({"length": 1, "size": (96, 96.0)}, "size is a whole number, got 96.0"),
        ({"length": 1, "size": (96, 96, 3)}, r"size is a whole number, got \(96, 96, 3\)"),
        ({"length": 1, "num_classes": None}, "num_classes is a whole number, got None"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        Shapes(**arguments)


def test_whole_numbers_of_numpy_are_whole_numbers():
    assert Shapes(np.int64(2), np.int64(32), np.int64(3), np.int64(1))[1].image.shape == (32, 32, 3)


class TestCrops:
    """Pictures with a class each, for a classifier."""

    crops = ShapeCrops(60, size=64, seed=3)

    def test_the_class_is_what_is_in_the_middle(self):
        for i, sample in enumerate(self.crops):
            assert sample.label[32, 32] in (0, self.crops.kind(i))  # 0 in the hole of a ring too
            assert set(np.unique(sample.label)) <= {0, self.crops.kind(i)} or not self.crops.kind(i)

    def test_background_has_nothing_in_the_middle(self):
        beside = [sample.label for i, sample in enumerate(self.crops) if not self.crops.kind(i)]
        assert not any(label[28:36, 28:36].any() for label in beside)
        assert any(label.any() for label in beside)

    def test_every_class_comes(self):
        assert {self.crops.kind(i) for i in range(60)} == set(range(6))

    def test_it_depends_on_seed_and_index_only(self):
        np.testing.assert_array_equal(self.crops[7].image, ShapeCrops(8, size=64, seed=3)[7].image)
        assert (self.crops[7].image != ShapeCrops(8, size=64, seed=4)[7].image).any()

    def test_it_ends(self):
        with pytest.raises(IndexError):
            self.crops.kind(60)
