"""Batches: what is in them, that resuming changes nothing, and that the thread always ends."""

import threading
import time

import numpy as np
import pytest

from minifcn.data import Compose, DataLoader, Dataset, Normalize, RandomCrop, RandomMirror, RandomScale, Sample, Shapes
from minifcn.errors import UserError

AUGMENTATION = Compose([RandomScale(0.5, 1.5), RandomMirror(), RandomCrop((40, 40))])


class Sizes(Dataset):
    """Samples of different sizes; one of them can be made to fail."""

    class_names = ("a", "b")
    palette = np.zeros((2, 3), np.uint8)
    ignore_index = 7

    def __init__(self, sizes, failing=None, label=1):
        self.sizes, self.failing, self.label = sizes, failing, label
        self.loaded = []

    def __len__(self):
        return len(self.sizes)

    def __getitem__(self, index):
        self.loaded.append(index)
        if index == self.failing:
            raise UserError(f"sample {index} is broken")
        size = self.sizes[index]
        return Sample(np.full((*size, 3), 200, np.uint8), np.full(size, self.label, np.uint8), str(index), 7)


@pytest.fixture(autouse=True)
def no_thread_is_left_over():
    yield
    assert [thread for thread in threading.enumerate() if thread.name.startswith("minifcn-loader")] == []


def assert_same_batches(first, second):
    first, second = list(first), list(second)
    assert [batch.names for batch in first] == [batch.names for batch in second]
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.images, b.images)
        np.testing.assert_array_equal(a.labels, b.labels)


def names(batches):
    return [name for batch in batches for name in batch.names]


class TestBatch:
    def test_holds_the_normalised_images_and_their_labels(self):
        shapes = Shapes(2)
        (batch,) = DataLoader(shapes, 2).epoch(0)
        assert (batch.images.dtype, batch.labels.dtype, len(batch)) == (np.float32, np.uint8, 2)
        for i in range(2):
            np.testing.assert_array_equal(batch.images[i], Normalize()(shapes[i].image))
            np.testing.assert_array_equal(batch.labels[i], shapes[i].label)

    def test_is_channels_last_in_memory(self):
        (batch,) = DataLoader(Shapes(2), 2).epoch(0)
        assert batch.images.transpose(0, 2, 3, 1).flags.c_contiguous

    def test_other_sizes_are_padded_at_the_right_and_at_the_bottom(self):
        (batch,) = DataLoader(Sizes([(2, 5), (4, 3)]), 2, pad=True).epoch(0)
        assert batch.images.shape == (2, 3, 4, 5)
        assert batch.sizes == ((2, 5), (4, 3))
        assert (batch.labels[0] == [[1] * 5, [1] * 5, [7] * 5, [7] * 5]).all()
        assert (batch.labels[1] == [[1, 1, 1, 7, 7]] * 4).all()
        assert (batch.images[1, :, :, 3:] == 0).all()
        assert (batch.images[1, :, :, :3] != 0).all()

    @pytest.mark.parametrize("prefetch", [0, 1, 3])
    def test_other_sizes_make_batches_of_their_own_unless_they_are_to_be_padded(self, prefetch):
        dataset = Sizes([(2, 5), (4, 3), (2, 5), (4, 3), (2, 5), (2, 5), (1, 1)])
        loader = DataLoader(dataset, 4, prefetch=prefetch)
        found = [(batch.names, batch.images.shape[2:], set(batch.sizes)) for batch in loader.epoch(0)]
        assert found == [
            (("0", "2"), (2, 5), {(2, 5)}),
            (("1", "3"), (4, 3), {(4, 3)}),
            (("4", "5"), (2, 5), {(2, 5)}),
            (("6",), (1, 1), {(1, 1)}),
        ]
        assert names(loader.epoch(0, start=1)) == ["4", "5", "6"]
        assert len(loader) == 2

    def test_a_label_out_of_range_is_refused_on_the_host(self):
        loader = DataLoader(Sizes([(2, 2)], label=5), 1)
        with pytest.raises(UserError, match=r"0: label value 5 at row 0, column 0 .* 0\.\.1 and 7 \(ignored\)"):
            list(loader.epoch(0))


class TestOrder:
    @pytest.mark.parametrize(("drop_last", "sizes"), [(False, [3, 3, 1]), (True, [3, 3])])
    def test_the_last_batch(self, drop_last, sizes):
        loader = DataLoader(Shapes(7), 3, drop_last=drop_last)
        assert [len(batch) for batch in loader.epoch(0)] == sizes
        assert len(loader) == len(sizes)

    def test_without_shuffling_it_is_that_of_the_data_set(self):
        assert names(DataLoader(Shapes(5), 2).epoch(3)) == [f"shapes-0-{i}" for i in range(5)]

    def test_shuffled_epochs_differ_and_hold_every_sample_once(self):
        loader = DataLoader(Shapes(12), 5, shuffle=True)
        first, second = names(loader.epoch(0)), names(loader.epoch(1))
        assert first != second
        assert sorted(first) == sorted(second) == sorted(f"shapes-0-{i}" for i in range(12))

    def test_another_seed_gives_another_order(self):
        orders = [names(DataLoader(Shapes(12), 5, shuffle=True, seed=seed).epoch(0)) for seed in (0, 1)]
        assert orders[0] != orders[1]


def augmented(length, batch_size, **options):
    """A shuffled and augmented loader, made anew."""
    return DataLoader(Shapes(length), batch_size, transform=AUGMENTATION, shuffle=True, seed=4, **options)


class TestResume:
    @pytest.mark.parametrize("start", [0, 1, 3, 4])
    def test_from_any_batch_gives_the_same_batches(self, start):
        whole = list(augmented(11, 3).epoch(2))
        assert_same_batches(augmented(11, 3).epoch(2, start), whole[start:])

    def test_earlier_batches_are_not_loaded(self):
        dataset = Sizes([(2, 2)] * 6)
        list(DataLoader(dataset, 2).epoch(0, start=2))
        assert dataset.loaded == [4, 5]

    def test_epochs_before_leave_no_trace(self):
        loader = augmented(6, 3)
        list(loader.epoch(0))
        assert_same_batches(loader.epoch(1), augmented(6, 3).epoch(1))

    def test_augmentation_differs_from_epoch_to_epoch(self):
        loader = DataLoader(Shapes(1), 1, transform=AUGMENTATION)
        (first,), (second,) = loader.epoch(0), loader.epoch(1)
        assert not np.array_equal(first.images, second.images)

    @pytest.mark.parametrize("prefetch", [0, 1, 5])
    def test_prefetch_changes_nothing(self, prefetch):
        assert_same_batches(augmented(7, 2, prefetch=prefetch).epoch(0), augmented(7, 2).epoch(0))


class TestThread:
    def test_loads_ahead_but_not_without_bound(self):
        dataset = Sizes([(2, 2)] * 20)
        batches = DataLoader(dataset, 1, prefetch=3).epoch(0)
        next(batches)
        deadline = time.monotonic() + 10
        while len(dataset.loaded) < 4 and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.05)  # for a fifth, which must not come: one is taken, and three wait
        assert dataset.loaded == [0, 1, 2, 3]
        batches.close()

    def test_does_not_start_before_the_first_batch_is_asked_for(self):
        dataset = Sizes([(2, 2)])
        DataLoader(dataset, 1).epoch(0)
        assert dataset.loaded == []

    def test_ends_when_the_consumer_stops_early(self):
        batches = DataLoader(Sizes([(2, 2)] * 100), 1, prefetch=4).epoch(0)
        next(batches)
        batches.close()

    def test_ends_when_the_consumer_fails(self):
        def consume():
            for _ in DataLoader(Sizes([(2, 2)] * 100), 1).epoch(0):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            consume()

    @pytest.mark.parametrize("prefetch", [0, 1, 3])
    def test_passes_exceptions_on_after_the_batches_before_them(self, prefetch):
        batches = DataLoader(Sizes([(2, 2)] * 6, failing=3), 1, prefetch=prefetch).epoch(0)
        assert names([next(batches) for _ in range(3)]) == ["0", "1", "2"]
        with pytest.raises(UserError, match="sample 3 is broken"):
            next(batches)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size is at least 1, got 0"),
        ({"batch_size": 1, "seed": -1}, "seed is at least 0, got -1"),
        ({"batch_size": 1, "prefetch": -1}, "prefetch is at least 0, got -1"),
        ({"batch_size": -3}, "batch_size is at least 1, got -3"),
        ({"batch_size": 2.0}, "batch_size is a whole number, got 2.0"),
        ({"batch_size": 1, "transform": [RandomMirror()]}, "of several make one with Compose"),
        ({"batch_size": 1, "transform": RandomMirror}, r"RandomMirror is a class; make a transform of it"),
        ({"batch_size": 2, "drop_last": True}, "drop_last leaves out the only batch, as the data set has 1 samples"),
        ({"batch_size": "2"}, "batch_size is a whole number, got '2'"),
        ({"batch_size": None}, "batch_size is a whole number, got None"),
        ({"batch_size": 1, "seed": 0.5}, "seed is a whole number, got 0.5"),
        ({"batch_size": 1, "prefetch": "2"}, "prefetch is a whole number, got '2'"),
        ({"batch_size": 1, "workers": -1}, "workers is at least 0, got -1"),
        ({"batch_size": 1, "workers": 65}, "workers is at most 64, got 65"),
        ({"batch_size": 1, "workers": None}, "workers is a whole number, got None"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        DataLoader(Shapes(1), **arguments)


@pytest.mark.parametrize("size", [np.int64(2), np.uint8(2)])
def test_whole_numbers_of_numpy_are_whole_numbers(size):
    loader = DataLoader(Shapes(3), size, seed=size, prefetch=size)
    assert [len(batch) for batch in loader.epoch(np.int64(0), np.int64(0))] == [2, 1]


def test_a_data_set_without_samples_is_refused():
    with pytest.raises(ValueError, match=r"DataLoader: the data set \(Sizes\) has no samples"):
        DataLoader(Sizes([]), 1)


@pytest.mark.parametrize("dataset", [[1, 2], None, np.zeros((2, 3))], ids=["list", "none", "array"])
def test_what_is_no_data_set_is_refused(dataset):
    with pytest.raises(ValueError, match=r"DataLoader: dataset is a minifcn\.data\.Dataset, but \w+ has no"):
        DataLoader(dataset, 1)


@pytest.mark.parametrize("shape", [(1, 2, 2), (3, 1, 1), (2, 2, 3), ()])
def test_a_normalisation_of_another_shape_is_refused_and_not_stretched(shape):
    loader = DataLoader(Sizes([(2, 2)]), 1, normalize=lambda image: np.zeros(shape, np.float32))
    with pytest.raises(ValueError, match=r"normalize makes \(3, H, W\) .* of \(2, 2, 3\) it made .* \(sample 0\)"):
        list(loader.epoch(0))


@pytest.mark.parametrize(("number", "start"), [(-1, 0), (0, -1), (0, 3), (0.0, 0), (0, 1.0), (None, 0), ("1", 0)])
def test_an_epoch_that_is_none_is_refused_at_once(number, start):
    with pytest.raises(ValueError, match=r"start is 0\.\.2"):
        DataLoader(Shapes(4), 2).epoch(number, start)
