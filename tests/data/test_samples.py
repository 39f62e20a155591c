"""A sample is sound or refused, by every data set, transform and loader, in a sentence that names it."""

from dataclasses import replace

import numpy as np
import pytest

from minifcn.data import Compose, DataLoader, Dataset, RandomCrop, RandomMirror, RandomScale, Resize, Sample, Shapes
from minifcn.errors import UserError

IMAGE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
LABEL = np.array([[0, 1, 1, 0, 1, 0]] * 4, np.uint8)
TRANSFORMS = [Resize((8, 3)), RandomScale(1.7, 1.7), RandomCrop((3, 3)), RandomCrop((9, 9)), RandomMirror(1)]


class Own(Dataset):
    """A data set of a user's own, whose sample is made as a test asks."""

    def __init__(self, make, classes=2, ignore_index=255, length=1):
        self.make, self.length, self.ignore_index = make, length, ignore_index
        self.class_names, self.palette = tuple(map(str, range(classes))), np.zeros((classes, 3), np.uint8)

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return self.make()


def load(make, transform=None, **options):
    return next(DataLoader(Own(make, **options), 1, transform=transform, prefetch=0).epoch(0))


class TestSample:
    @pytest.mark.parametrize(
        ("image", "message"),
        [
            pytest.param(IMAGE.astype(float), r"float64 \(4, 6, 3\); of values 0\.\.1 make", id="float"),
            pytest.param(IMAGE.astype(np.int64), r"int64 \(4, 6, 3\)", id="int64"),
            pytest.param(IMAGE[..., 0], r"uint8 \(4, 6\); repeat the grey channel", id="grey"),
            pytest.param(np.zeros((4, 6, 4), np.uint8), r"uint8 \(4, 6, 4\); leave out the alpha channel", id="alpha"),
            pytest.param(IMAGE.transpose(2, 0, 1), r"uint8 \(3, 4, 6\); put the channels last", id="channels-first"),
            pytest.param(IMAGE[:0], r"uint8 \(0, 6, 3\)", id="empty"),
            pytest.param(IMAGE.tolist(), "a list", id="list"),
            pytest.param(None, "a NoneType", id="none"),
        ],
    )
    def test_an_image_is_uint8_with_three_channels(self, image, message):
        with pytest.raises(UserError, match=rf"^cat: an image is a uint8 array \(H, W, 3\), but this one is {message}"):
            Sample(image, LABEL, "cat")

    @pytest.mark.parametrize(
        ("label", "message"),
        [
            pytest.param(LABEL.astype(np.float32), r"float32 \(4, 6\); make whole numbers", id="float"),
            pytest.param(LABEL == 1, r"bool \(4, 6\); make whole numbers", id="bool"),
            pytest.param(LABEL[..., None], r"uint8 \(4, 6, 1\); take its only channel", id="one-channel"),
            pytest.param(IMAGE, r"uint8 \(4, 6, 3\)", id="colours"),
            pytest.param(LABEL.ravel(), r"uint8 \(24,\)", id="flat"),
            pytest.param(LABEL[:0], r"uint8 \(0, 6\)", id="empty"),
            pytest.param(LABEL.astype(object), r"object \(4, 6\)", id="object"),
            pytest.param(np.ma.masked_equal(LABEL, 1), "a MaskedArray", id="masked"),
            pytest.param(LABEL.tolist(), "a list", id="list"),
            pytest.param(None, "a NoneType", id="none"),
        ],
    )
    def test_a_label_is_a_map_of_integers(self, label, message):
        with pytest.raises(UserError, match=rf"^cat: a label is an integer array \(H, W\), but this one is {message}"):
            Sample(IMAGE, label, "cat")

    @pytest.mark.parametrize("label", [LABEL[:2, :3], LABEL.T, LABEL[:, :5]])
    def test_image_and_label_have_one_size(self, label):
        high, wide = label.shape
        with pytest.raises(UserError, match=rf"^cat: .* it is {wide} x {high} and the image is 6 x 4 \(width x height"):
            Sample(IMAGE, label, "cat")


class TestOwnDataSet:
    @pytest.mark.parametrize("transform", [None, *TRANSFORMS, Compose(TRANSFORMS)], ids=lambda t: type(t).__name__)
    @pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
    def test_labels_of_any_integers_are_those_of_uint8(self, transform, dtype):
        batch = load(lambda: Sample(IMAGE, LABEL.astype(dtype), "cat"), transform)
        expected = load(lambda: Sample(IMAGE, LABEL, "cat"), transform)
        assert batch.labels.dtype == np.uint8
        np.testing.assert_array_equal(batch.labels, expected.labels)
        np.testing.assert_array_equal(batch.images, expected.images)

    @pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda t: type(t).__name__)
    @pytest.mark.parametrize("size", [(4, 6), (5, 7), (16, 1), (31, 2)])
    def test_transforms_treat_any_integers_alike(self, transform, size, rng):
        label = rng.integers(0, 200, size)
        samples = [Sample(np.zeros((*size, 3), np.uint8), label.astype(dtype), "cat") for dtype in ("uint8", "int64")]
        first, second = (transform(sample, np.random.default_rng(3)) for sample in samples)
        np.testing.assert_array_equal(first.label, second.label)

    @pytest.mark.parametrize("ignore_index", [-1, 255, 1000])
    @pytest.mark.parametrize("dtype", ["uint8", "int8", "int64"])
    def test_a_crop_pads_with_any_ignore_index(self, ignore_index, dtype, rng):
        sample = Sample(IMAGE, LABEL.astype(dtype), "cat", ignore_index)
        label = RandomCrop((5, 8))(sample, rng).label
        assert label[:4, :6].tolist() == LABEL.tolist()
        assert set(label[4:].flat) | set(label[:, 6:].flat) == {ignore_index}

    @pytest.mark.parametrize("transform", [None, RandomCrop((2, 2)), RandomScale(1.1, 1.1), RandomMirror(1)])
    def test_image_and_label_of_two_sizes_never_reach_a_batch(self, transform):
        with pytest.raises(UserError, match="cat: a label has the size of its image"):
            load(lambda: Sample(IMAGE, LABEL[::2, ::2], "cat"), transform)

    def test_a_transform_that_changes_one_size_is_noticed(self):
        with pytest.raises(UserError, match="cat: a label has the size of its image"):
            load(lambda: Sample(IMAGE, LABEL, "cat"), lambda sample, rng: replace(sample, image=sample.image[:2]))

    @pytest.mark.parametrize("given", [(IMAGE, LABEL), None, IMAGE])
    def test_what_is_no_sample_is_refused_with_its_index(self, given):
        kind = type(given).__name__
        with pytest.raises(UserError, match=rf"^dataset\[0\] is a {kind}, not a Sample; return Sample\(image, label"):
            load(lambda: given, RandomCrop((2, 2)))

    def test_a_transform_that_gives_none_is_named(self):
        with pytest.raises(UserError, match=r"^transform\(dataset\[0\]\) is a NoneType, not a Sample"):
            load(lambda: Sample(IMAGE, LABEL, "cat"), lambda sample, rng: None)

    def test_a_transform_may_make_classes_of_other_numbers(self):
        ids = np.array([7, 26], np.uint8)
        batch = load(
            lambda: Sample(IMAGE, ids[LABEL], "cat"),
            lambda sample, rng: replace(sample, label=np.searchsorted(ids, sample.label)),
        )
        np.testing.assert_array_equal(batch.labels[0], LABEL)

    def test_a_sample_that_ignores_another_index_than_its_data_set_is_refused(self):
        with pytest.raises(UserError, match=r"^cat: .* ignores 255 and the data set 0; make it .*, name, 0"):
            load(lambda: Sample(IMAGE, LABEL, "cat"), ignore_index=0)

    @pytest.mark.parametrize("value", [2, 254, 256, 300, -1, 2**40])
    def test_a_label_out_of_range_is_refused_and_not_wrapped(self, value):
        label = LABEL.astype(np.int64)
        label[1, 2] = value
        with pytest.raises(UserError, match=rf"^cat: label value {value} at row 1, column 2 is out of range"):
            load(lambda: Sample(IMAGE, label, "cat"))

    def test_255_classes_are_the_most(self):
        label = np.full((4, 6), 254)
        assert (load(lambda: Sample(IMAGE, label, "cat"), classes=255).labels == 254).all()
        with pytest.raises(ValueError, match=r"1\.\.255 classes, as labels are uint8 .* but this one has 256"):
            load(lambda: Sample(IMAGE, label, "cat"), classes=256)

    @pytest.mark.parametrize("ignore_index", [-1, 256, 1000, 1.5, None])
    def test_an_ignore_index_that_uint8_cannot_hold_is_refused(self, ignore_index):
        with pytest.raises(ValueError, match=rf"ignore_index .* is {ignore_index}; use 255 in its labels"):
            load(lambda: Sample(IMAGE, LABEL, "cat", ignore_index), ignore_index=ignore_index)

    @pytest.mark.parametrize("ignore_index", [0, np.int64(7), 255])
    def test_any_other_is_taken(self, ignore_index):
        label = np.where(LABEL, 1, ignore_index)
        batch = load(lambda: Sample(IMAGE, label, "cat", ignore_index), RandomCrop((9, 9)), ignore_index=ignore_index)
        assert set(batch.labels.flat) == {1, ignore_index}


class TestIndex:
    @pytest.mark.parametrize(("index", "name"), [(-1, "shapes-0-2"), (np.int64(1), "shapes-0-1"), (-3, "shapes-0-0")])
    def test_counts_as_in_a_list(self, index, name):
        assert Shapes(3)[index].name == name

    @pytest.mark.parametrize("index", [slice(1, 3), slice(None), "a", 1.0, None, np.arange(2)])
    def test_what_is_no_whole_number_is_refused(self, index):
        with pytest.raises(TypeError, match="a data set gives one sample for one whole number, got"):
            Shapes(3)[index]

    @pytest.mark.parametrize("index", [3, -4])
    def test_beyond_the_data_set_is_refused(self, index):
        with pytest.raises(IndexError, match=rf"the data set has the samples 0\.\.2, got index {index}"):
            Shapes(3)[index]

    def test_a_loop_ends(self):
        assert [sample.name for sample in Shapes(3)] == ["shapes-0-0", "shapes-0-1", "shapes-0-2"]
