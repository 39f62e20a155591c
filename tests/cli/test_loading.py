"""`--workers` and `--cache` change no result, may change on `--resume`, and leave no thread behind."""

import signal
import threading

import pytest
import small_runs

from minifcn.cli import arguments, main
from minifcn.data import Shapes
from minifcn.training import Trainer

AUGMENTED = ["--scale", "0.75,1.5", "--mirror", "--crop", "24x24", "--class-weights", "balanced"]


pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture(autouse=True)
def no_thread_is_left_over():
    yield
    assert [thread for thread in threading.enumerate() if thread.name.startswith("minifcn-loader")] == []


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A run without workers and cache."""
    folder = tmp_path_factory.mktemp("runs") / "plain"
    assert small_runs.train(folder, *AUGMENTED, "--workers", "0") == 0
    return folder


@pytest.mark.parametrize(("workers", "cache"), [("1", "0"), ("2", "20K"), ("5", "1G")])
def test_the_run_is_the_same(tmp_path, plain, workers, cache):
    assert small_runs.train(tmp_path / "run", *AUGMENTED, "--workers", workers, "--cache", cache) == 0
    small_runs.assert_same_run(tmp_path / "run", plain)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_was_stopped_goes_on_with_others(tmp_path, monkeypatch, plain, number):
    step, before = Trainer.step, signal.signal(number, signal.default_int_handler)

    def stepping(self, batch):
        signal.raise_signal(number)
        return step(self, batch)

    monkeypatch.setattr(Trainer, "step", stepping)
    try:
        assert small_runs.train(tmp_path / "run", *AUGMENTED, "--workers", "4", "--cache", "1G") == 128 + number
    finally:
        signal.signal(number, before)
    monkeypatch.undo()
    monkeypatch.setattr("minifcn.pictures.save_curves", lambda path, *rest: None)
    assert small_runs.resume(tmp_path / "run", "--workers", "2") == 0
    small_runs.assert_same_run(tmp_path / "run", plain)


def test_with_a_cache_each_image_is_drawn_once(tmp_path, monkeypatch):
    def drawn(*options):
        found = []
        with monkeypatch.context() as patch:
            patch.setattr("minifcn.cli.train.look_first", lambda *_: frozenset())
            draw = Shapes.__getitem__
            patch.setattr(Shapes, "__getitem__", lambda self, i: found.append((self.seed, i)) or draw(self, i))
            assert small_runs.train(tmp_path / f"run{len(options)}", *options) == 0
        return [found.count(image) for image in sorted({*found})]

    assert min(drawn()) >= small_runs.EPOCHS
    assert max(drawn("--cache", "1M")) == 1


@pytest.mark.parametrize("size", [[], ["--network-size"]])
def test_an_evaluation_is_the_same(plain, capsys, size):
    def measured(workers):
        assert main(["evaluate", "--checkpoint", str(plain), "--json", "--workers", workers, *size]) == 0
        return capsys.readouterr().out

    assert measured("0") == measured("1") == measured("3")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--workers", "-1", "-1 is not a whole number from 0 up"),
        ("--workers", "65", "65 is not a whole number from 0 to 64"),
        ("--cache", "2T", "'2T' is not a size such as 2G, 500M or 0"),
        ("--cache", "-1", "'-1' is not a size such as 2G, 500M or 0"),
        ("--cache", "", "'' is not a size such as 2G, 500M or 0"),
    ],
)
def test_what_is_none_is_refused(tmp_path, capsys, option, value, message):
    assert main(["train", "--out", str(tmp_path / "run"), f"{option}={value}"]) == 2
    assert f"argument {option}: {message}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "count"),
    [("0", 0), ("1000", 1000), ("2k", 2048), ("1.5M", 3 * 2**19), ("2G", 2**31), ("2GB", 2**31), ("0.5g", 2**29)],
)
def test_a_size_is_written_with_a_letter(text, count):
    assert arguments.memory(text) == count
