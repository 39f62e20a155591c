"""Which images the pictures of a run show, and what is written above them."""

import signal
import time

import numpy as np
import pytest

from minifcn import data
from minifcn.files import atomic_write
from minifcn.models import FCN32s
from minifcn.training import Config, evaluate
from minifcn.training.album import Album, ranking, shown
from minifcn.training.validation import validate

SHAPES = data.Shapes(9, size=(32, 48))


def occurs(*rows):
    return np.array([[name in row for name in "abcd"] for row in rows])


def test_images_are_chosen_so_that_all_classes_occur():
    split = occurs("a", "ab", "a", "a", "a", "acd", "a", "ab")
    chosen = shown(split, 4)
    assert len(chosen) == 4
    assert split[chosen].any(axis=0).all()


def test_a_rare_class_is_shown_rather_than_the_common_ones_again():
    assert 6 in shown(occurs(*["ab"] * 6, "d", *["ab"] * 3), 2)


def test_images_of_the_same_classes_are_spread_over_the_split():
    assert shown(occurs(*["ab"] * 101), 3) == [24, 50, 75]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_small_split_is_shown_whole(count):
    assert shown(occurs(*["ab"] * count), 4) == list(range(count))


def test_images_without_a_label_that_counts_have_no_rank():
    assert ranking(np.array([0.5, np.nan, 0.7, 0.5])) == [2, 0, 3]
    assert ranking(np.array([np.nan])) == []


@pytest.fixture(scope="module")
def model():
    return FCN32s(SHAPES.num_classes, width=1 / 64, rng=np.random.default_rng(0))


def found_of(model, count):
    loader = data.DataLoader(data.dataset.FirstImages(SHAPES, count), 2)
    return loader, validate(model, loader.epoch(0))


def test_validation_has_the_numbers_of_evaluate_and_those_of_each_image(model):
    loader, found = found_of(model, 5)
    matrix, loss = evaluate(model, loader.epoch(0))
    np.testing.assert_array_equal(found.matrix.matrix, matrix.matrix)
    assert found.loss == loss
    for number in range(5):
        alone, _ = evaluate(model, data.DataLoader(_Only(number), 1).epoch(0))
        assert found.image_iou[number] == alone.mean_iou
        assert np.flatnonzero(found.occurs[number]).tolist() == np.unique(SHAPES[number].label).tolist()


class _Only(data.Dataset):
    """One picture of the shapes."""

    class_names, palette = SHAPES.class_names, SHAPES.palette

    def __init__(self, number):
        self.number = number

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return SHAPES[self.number]


RANKS = {1: [1], 3: [1, 2, 3], 9: [1, 2, 3, 7, 8, 9]}


@pytest.mark.parametrize("count", RANKS)
def test_the_best_and_the_worst_images_are_named_with_their_rank_and_score(tmp_path, model, monkeypatch, count):
    titles = {}
    monkeypatch.setattr("minifcn.pictures.save_panel", lambda path, *rest: titles.update({path.name: rest[-1]}))
    config = Config(class_names=SHAPES.class_names, palette=tuple(map(tuple, SHAPES.palette.tolist())))
    loader, found = found_of(model, count)
    album = Album(tmp_path, config, model, loader, pytest.fail)
    album.draw_best(found)
    assert titles["predictions.png"] is None
    ranks = [title.split(",")[0] for title in titles["best_and_worst.png"]]
    assert ranks == [f"rank {n} of {count}" for n in RANKS[count]]
    best = int(np.nanargmax(found.image_iou))
    expected = f"rank 1 of {count}, mean IoU {found.image_iou[best]:.3f}: {SHAPES[best].name}"
    assert titles["best_and_worst.png"][0] == expected
    assert (tmp_path / "confusion.png").is_file()


def test_a_picture_that_fails_is_told_once_and_costs_no_other(tmp_path, model, monkeypatch):
    said = []
    monkeypatch.setattr("minifcn.pictures.save_panel", lambda *rest: 1 / 0)
    config = Config(class_names=SHAPES.class_names, palette=tuple(map(tuple, SHAPES.palette.tolist())))
    loader, found = found_of(model, 1)
    album = Album(tmp_path, config, model, loader, said.append)
    for _ in range(2):
        album.draw_best(found)
    assert sorted(album.failed) == ["best_and_worst.png", "predictions.png"]
    assert [message.split(" could")[0] for message in said] == [
        str(tmp_path / "predictions.png"),
        str(tmp_path / "best_and_worst.png"),
    ]
    assert (tmp_path / "confusion.png").is_file()


def test_a_picture_is_left_when_the_run_is_to_stop_while_it_is_drawn(tmp_path, monkeypatch):
    """With nothing in its place: neither a half nor a temporary file, and no later picture."""
    begun, stopping = [], []

    def slow(path, *rest):
        with atomic_write(path):
            begun.append(path.name)
            stopping.append(True)
            time.sleep(60)

    for name in ("save_curves", "save_ious"):
        monkeypatch.setattr(f"minifcn.pictures.{name}", slow)
    album = Album(tmp_path, Config(), None, None, pytest.fail, stopping=lambda: bool(stopping))
    before = signal.getsignal(signal.SIGALRM)
    album.draw_logs([], {1: np.zeros(2)})
    assert begun == ["curves.png"]
    assert not [*tmp_path.iterdir()]
    assert not album.failed
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
