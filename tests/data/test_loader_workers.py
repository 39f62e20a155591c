"""Workers: the same batches in the same order however many there are, errors in their place, no thread left behind."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from minifcn import models
from minifcn.data import Compose, DataLoader, Dataset, RandomCrop, RandomMirror, RandomScale, Sample, Shapes
from minifcn.data.workers import in_order
from minifcn.errors import UserError
from minifcn.training import evaluate_dataset

AUGMENTATION = Compose([RandomScale(0.5, 1.5), RandomMirror(), RandomCrop((40, 40))])
SECONDS = 20  # that a thread may take on a busy machine before a test fails


class Numbered(Dataset):
    """Samples of 2x2 pixels whose pixels are their number; what happens on the way is up to a test."""

    class_names, palette = ("a", "b"), np.zeros((2, 3), np.uint8)

    def __init__(self, length, on_the_way=lambda index: None):
        self.length, self.on_the_way = length, on_the_way
        self.begun = []

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        self.begun.append(index)
        self.on_the_way(index)
        return Sample(np.full((2, 2, 3), index, np.uint8), np.ones((2, 2), np.uint8), str(index))


@pytest.fixture(autouse=True)
def no_thread_is_left_over():
    yield
    assert threads() == []


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("minifcn-loader")]


def names(batches):
    return [name for batch in batches for name in batch.names]


def fails_at(*places):
    def fail(index):
        if index in places:
            raise KeyError(f"no {index}")

    return fail


def until(condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it has not come to that"
        time.sleep(0.001)


class TestBits:
    @pytest.mark.parametrize("prefetch", [None, 0, 1, 4])
    @pytest.mark.parametrize("workers", [0, 1, 2, 5])
    def test_are_those_of_one_sample_after_the_other(self, workers, prefetch):
        def load(**options):
            loader = DataLoader(
                Shapes(11), 3, transform=AUGMENTATION, shuffle=True, pad=True, seed=4, workers=workers, **options
            )
            return [*loader.epoch(2), *loader.epoch(0), *loader.epoch(2, start=2)]

        expected = DataLoader(Shapes(11), 3, transform=AUGMENTATION, shuffle=True, pad=True, seed=4, workers=0)
        expected = [*expected.epoch(2), *expected.epoch(0), *expected.epoch(2, start=2)]
        for batch, other in zip(load(prefetch=prefetch), expected, strict=True):
            assert (batch.names, batch.sizes) == (other.names, other.sizes)
            assert batch.images.tobytes() == other.images.tobytes()
            assert batch.labels.tobytes() == other.labels.tobytes()

    def test_come_in_order_when_the_first_takes_longest(self):
        last_is_there = threading.Event()

        def wait_or_tell(index):
            if index == 0:
                assert last_is_there.wait(SECONDS)
            elif index == 5:
                last_is_there.set()

        dataset = Numbered(6, wait_or_tell)
        loader = DataLoader(dataset, 2, workers=2, prefetch=3)
        assert names(loader.epoch(0)) == ["0", "1", "2", "3", "4", "5"]

    def test_the_callers_errstate_holds_in_the_threads(self):
        found = []
        with np.errstate(over="raise"):
            list(DataLoader(Numbered(3, lambda index: found.append(np.geterr()["over"])), 1, workers=2).epoch(0))
        assert found == ["raise"] * 3


class TestSideBySide:
    def test_the_samples_of_one_batch_are_loaded_at_once(self):
        together = threading.Barrier(4)
        loader = DataLoader(Numbered(8, lambda index: together.wait(SECONDS)), 4, workers=4, prefetch=1)
        assert len(names(loader.epoch(0))) == 8

    def test_batches_of_one_image_give_each_worker_one(self):
        together = threading.Barrier(5)
        assert len(names(DataLoader(Numbered(5, lambda index: together.wait(SECONDS)), 1, workers=5).epoch(0))) == 5

    def test_without_workers_the_caller_loads(self):
        found = []
        list(DataLoader(Numbered(3, lambda index: found.append(threading.current_thread())), 2, workers=0).epoch(0))
        assert set(found) == {threading.current_thread()}

    @pytest.mark.parametrize("workers", [1, 5])
    def test_no_more_is_loaded_than_the_batches_ahead(self, workers):
        dataset = Numbered(40)
        batches = DataLoader(dataset, 2, workers=workers, prefetch=3).epoch(0)
        next(batches)
        until(lambda: len(dataset.begun) == 8)
        time.sleep(0.05)  # for a ninth, which must not come: two are taken, and six wait
        assert sorted(dataset.begun) == [*range(8)]
        batches.close()


class TestErrors:
    @pytest.mark.parametrize("workers", [0, 1, 2, 5])
    def test_come_after_the_batches_before_and_name_the_sample(self, workers):
        batches = DataLoader(Numbered(9, fails_at(5)), 2, workers=workers).epoch(0)
        assert names([next(batches), next(batches)]) == ["0", "1", "2", "3"]
        with pytest.raises(KeyError, match="no 5") as caught:
            next(batches)
        assert caught.value.__notes__ == ["in sample 5 of the data set (dataset[5])"]
        assert list(batches) == []

    @pytest.mark.parametrize("workers", [1, 3])
    def test_of_several_in_a_batch_the_first_in_order_comes(self, workers):
        all_are_there = threading.Barrier(3)

        def fail(index):
            if workers == 3:
                all_are_there.wait(SECONDS)
                time.sleep(0.05 * (2 - index))  # the last one fails first
            raise UserError(f"sample {index} is broken")

        with pytest.raises(UserError, match="sample 0 is broken"):
            list(DataLoader(Numbered(3, fail), 3, workers=workers).epoch(0))

    @pytest.mark.parametrize("workers", [0, 2])
    def test_of_a_transform_and_a_normalisation_too(self, workers):
        def refuse(*_):
            raise ZeroDivisionError

        for options in ({"transform": refuse}, {"normalize": refuse}):
            with pytest.raises(ZeroDivisionError) as caught:
                list(DataLoader(Numbered(1), 1, workers=workers, **options).epoch(0))
            assert caught.value.__notes__ == ["in sample 0 of the data set (dataset[0])"]

    def test_an_error_in_joining_is_raised(self):
        with pytest.raises(TypeError):
            list(in_order(str, sum, [[1]], workers=2, ahead=1))


class TestEnd:
    def test_of_a_loop_that_is_left_early(self):
        for _ in DataLoader(Numbered(100), 2, workers=5):
            break
        assert threads() == []

    def test_of_an_epoch_that_is_closed_loads_nothing_more(self):
        go_on, dataset = threading.Event(), Numbered(100)
        dataset.on_the_way = lambda index: index < 2 or go_on.wait(SECONDS)
        batches = DataLoader(dataset, 2, workers=2, prefetch=20).epoch(0)
        next(batches)
        until(lambda: len(dataset.begun) == 4)  # two are taken, and two wait in the workers
        threading.Timer(0.05, go_on.set).start()
        batches.close()
        assert len(dataset.begun) <= 6  # each worker may begin one more while the others are taken from the queue

    def test_of_a_consumer_that_fails(self):
        def consume():
            for _ in DataLoader(Numbered(100), 1, workers=3):
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            consume()

    def test_of_an_evaluation_that_fails(self):
        with pytest.raises(KeyError, match="no 3"):
            evaluate_dataset(models.FCN32s(2, width=1 / 64), Numbered(9, fails_at(3)), workers=3)

    def test_of_a_process_that_is_interrupted(self):
        """A Ctrl-C while the consumer waits for a batch that takes its time."""
        program = (
            "import os, signal, threading, time, numpy as np\n"
            "from minifcn.data import DataLoader, Dataset, Sample\n"
            "class Slow(Dataset):\n"
            "    class_names, palette = ('a',), np.zeros((1, 3), np.uint8)\n"
            "    def __len__(self): return 50\n"
            "    def __getitem__(self, index):\n"
            "        if index == 4: os.kill(os.getpid(), signal.SIGINT)\n"
            "        time.sleep(0.05)\n"
            "        return Sample(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.uint8), str(index))\n"
            "try:\n"
            "    for batch in DataLoader(Slow(), 2, workers=3): pass\n"
            "except KeyboardInterrupt as interrupt:\n"
            "    interrupt.__traceback__ = None\n"
            "print([thread.name for thread in threading.enumerate()])\n"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
        assert (done.stdout, done.stderr) == ("['MainThread']\n", "")

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
    def test_of_an_epoch_that_a_forked_child_goes_on_with(self):
        batches = DataLoader(Numbered(9), 2, workers=3).epoch(0)
        first = names([next(batches)])
        child = os.fork()
        if not child:
            os._exit(first + names(batches) != [*map(str, range(9))])
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert first + names(batches) == [*map(str, range(9))]


def test_an_epoch_waits_without_work():
    """The consumer and the workers sleep while a sample takes its time: no turn of theirs takes the processor."""
    batches = DataLoader(Numbered(1, lambda index: time.sleep(0.5)), 1, workers=5).epoch(0)
    before = time.process_time()
    next(batches)
    assert time.process_time() - before < 0.25
    batches.close()
