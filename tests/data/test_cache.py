"""A cache keeps what was read, as it was, within its size."""

import sys
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from minifcn.data import Cache, CachedDataset, DataLoader, Dataset, RandomMirror, Sample, Shapes, open_dataset
from minifcn.data.cache import copied

SIZE = 96 * 96 * (3 + 1)  # pixels of a picture of shapes, and of its label


class Counting(Dataset):
    """Shapes that count how often they are drawn."""

    def __init__(self, length):
        self.shapes, self.drawn_pictures = Shapes(length), []
        self.class_names, self.palette = self.shapes.class_names, self.shapes.palette

    def __len__(self):
        return len(self.shapes)

    def __getitem__(self, index):
        self.drawn_pictures.append(index)
        return self.shapes[index]


class ManySizes(Counting):
    """Pictures of 16x16 to 100x77 pixels; before each is drawn, somebody looks."""

    def __init__(self, length, look=lambda: None):
        super().__init__(length)
        self.look = look

    def __getitem__(self, index):
        self.look()
        return Shapes(index + 1, size=self.size(index))[index]

    def size(self, index):
        return 16 + 37 * index % 85, 16 + 23 * index % 62

    def bytes_of(self, index):
        height, width = self.size(index)
        return height * width * (3 + 1)


def plain_epoch(number):
    """Read the batches of pictures of many sizes by one thread, without a cache."""
    return DataLoader(ManySizes(40), 4, shuffle=True, pad=True, workers=0).epoch(number)


def read(dataset):
    return [dataset[i] for i in range(len(dataset))]


class TestWhatIsKept:
    def test_is_read_once(self):
        pictures = Counting(4)
        cached = CachedDataset(pictures, Cache(10 * SIZE))
        read(cached), read(cached), cached[-1]
        assert (pictures.drawn_pictures, cached.kept) == ([0, 1, 2, 3], 4)

    def test_is_what_the_data_set_gives(self):
        pictures = CachedDataset(Shapes(3), Cache(10 * SIZE))
        for _ in range(2):
            for sample, other in zip(read(pictures), read(Shapes(3)), strict=True):
                assert (sample.name, sample.ignore_index) == (other.name, other.ignore_index)
                np.testing.assert_array_equal(sample.image, other.image)
                np.testing.assert_array_equal(sample.label, other.label)

    def test_is_not_changed_by_who_got_it(self):
        """Neither by the first, who got what the data set gave, nor by the second, who got what was kept."""
        pictures = CachedDataset(Shapes(1), Cache(10 * SIZE))
        for _ in range(3):
            sample = pictures[0]
            np.testing.assert_array_equal(sample.image, Shapes(1)[0].image)
            np.testing.assert_array_equal(sample.label, Shapes(1)[0].label)
            sample.image[:], sample.label[:] = 0, 0

    def test_is_not_read_anew_when_the_file_changes(self, tmp_path):
        for folder, mode in (("train", "RGB"), ("trainannot", "L")):
            (tmp_path / folder).mkdir()
            Image.new(mode, (4, 4), 1).save(tmp_path / folder / "a.png")
        files = open_dataset(f"camvid:{tmp_path}", "train")
        cached = CachedDataset(files, Cache(SIZE))
        before = cached[0].image[0, 0, 0]
        Image.new("RGB", (4, 4), "white").save(tmp_path / "train" / "a.png")
        assert (cached[0].image[0, 0, 0], files[0].image[0, 0, 0]) == (before, 255)

    def test_has_the_classes_of_the_data_set(self):
        cached = CachedDataset(Shapes(3, num_classes=4), Cache(0))
        assert (len(cached), cached.num_classes, cached.ignore_index) == (3, 4, 255)
        with pytest.raises(IndexError, match=r"samples 0\.\.2, got index 3"):
            cached[3]


class TestSize:
    @pytest.mark.parametrize("size", [0, 1, SIZE, 2 * SIZE + 2000, 5 * SIZE])
    def test_is_never_exceeded_and_what_comes_later_gives_way(self, size):
        pictures = Counting(8)
        cache = Cache(size)
        cached = CachedDataset(pictures, cache)
        first = read(cached)
        assert cache.used <= size
        assert cached.kept == max(0, size // (SIZE + 200))  # each has objects around its pixels
        read(cached)
        assert pictures.drawn_pictures == [*range(8), *range(cached.kept, 8)]
        assert [sample.name for sample in first] == [sample.name for sample in read(cached)]

    @pytest.mark.parametrize("workers", [0, 1, 4])
    @pytest.mark.parametrize("size", [10_000, 100_000, 300_000])
    def test_holds_all_that_is_kept_at_any_moment_while_workers_read_images_of_many_sizes(self, size, workers):
        """Counted here, by the pixels that are kept, and not by the cache."""
        cache, found = Cache(size), []

        def look():
            arrays = [array for sample in cached._samples if sample for array in (sample.image, sample.label)]
            assert all(array.base is None for array in arrays)
            found.append(sum(array.nbytes for array in arrays))

        pictures = ManySizes(40, look)
        cached = CachedDataset(pictures, cache)
        loader = DataLoader(cached, 4, shuffle=True, pad=True, workers=workers)
        for epoch in range(3):
            for batch, other in zip(loader.epoch(epoch), plain_epoch(epoch), strict=True):
                look()
                assert batch.names == other.names
                assert (batch.images.tobytes(), batch.labels.tobytes()) == (
                    other.images.tobytes(),
                    other.labels.tobytes(),
                )
        assert max(found) <= cache.used <= size
        assert size - cache.used < max(pictures.bytes_of(i) for i in range(40) if not cached._samples[i]) + 1000
        assert found[-1] == sum(pictures.bytes_of(i) for i in range(40) if cached._samples[i]) > 0

    def test_holds_when_threads_with_images_of_their_own_find_room_at_the_same_time(self, monkeypatch):
        """Each has found the room of one image before any has taken it."""
        together = threading.Barrier(4, timeout=20)
        monkeypatch.setattr("minifcn.data.cache.copied", lambda sample: (together.wait(), copied(sample))[1])
        cache = Cache(SIZE + 2000)
        cached = CachedDataset(Shapes(4), cache)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(cached.__getitem__, range(4)))
        assert cached.kept == 1
        assert SIZE < cache.used <= cache.size

    def test_is_that_of_the_memory(self):
        cache, pictures = Cache(2**23), Shapes(300, size=(64, 64))
        cached = CachedDataset(pictures, cache)
        tracemalloc.start()
        try:
            for i in range(len(pictures)):
                cached[i]
            taken, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert cached.kept == 300
        assert abs(taken - cache.used) < 0.02 * taken

    def test_of_a_part_of_a_large_array_is_that_of_the_part(self):
        """A view keeps all of its array; the cache keeps a copy of what it counts."""
        large = np.zeros((500, 500, 3), np.uint8)

        class Parts(Counting):
            def __getitem__(self, index):
                return Sample(large[:4, :4], np.zeros((4, 4), np.uint8), str(index))

        cached = CachedDataset(Parts(1), Cache(2**20))
        references = sys.getrefcount(large)
        cached[0]
        assert cached.kept == 1
        assert cached.cache.used < 2000
        assert sys.getrefcount(large) == references

    def test_is_shared_by_two_data_sets(self):
        cache = Cache(3 * SIZE + 3000)
        train, valid = CachedDataset(Shapes(2), cache), CachedDataset(Shapes(2, seed=1), cache)
        read(train), read(valid)
        assert (train.kept, valid.kept) == (2, 1)
        assert valid[0].name == "shapes-1-0"

    def test_is_counted_once_when_threads_read_one_image(self):
        cache = Cache(2**30)
        cached = CachedDataset(Shapes(3), cache)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(cached.__getitem__, [i % 3 for i in range(48)]))
        alone = CachedDataset(Shapes(3), Cache(2**30))
        read(alone)
        assert (cached.kept, cache.used) == (3, alone.cache.used)

    @pytest.mark.parametrize("size", [-1, 0.0, 1.5, None, "2G", True])
    def test_that_is_none_is_refused(self, size):
        with pytest.raises(ValueError, match="Cache: size is a whole number of bytes"):
            Cache(size)


@pytest.mark.parametrize("workers", [0, 1, 2, 5])
@pytest.mark.parametrize("size", [0, 3 * SIZE, 2**30])
def test_epochs_have_the_same_bits_with_and_without(size, workers):
    def epochs(dataset, workers):
        loader = DataLoader(dataset, 3, transform=RandomMirror(), shuffle=True, workers=workers)
        return [*loader.epoch(0), *loader.epoch(1), *loader.epoch(1, start=2)]

    found = epochs(CachedDataset(Shapes(7), Cache(size)), workers)
    for batch, other in zip(found, epochs(Shapes(7), 0), strict=True):
        assert batch.names == other.names
        assert batch.images.tobytes() == other.images.tobytes()
        assert batch.labels.tobytes() == other.labels.tobytes()


def test_what_is_no_sample_is_refused_as_without():
    class Pairs(Counting):
        def __getitem__(self, index):
            return self.shapes[0].image, self.shapes[0].label

    with pytest.raises(ValueError, match=r"dataset\[0\] is a tuple, not a Sample"):
        list(DataLoader(CachedDataset(Pairs(1), Cache(SIZE)), 1).epoch(0))
