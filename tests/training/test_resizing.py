"""Scores are resized as Pillow resizes a picture, from any part of the map that is enough."""

import numpy as np
import pytest
from PIL import Image

from minifcn.training.resizing import Block, resized, resized_blocks

SIZES = {
    "twice": ((5, 7), (10, 14)),
    "half": ((10, 14), (5, 7)),
    "by odd factors": ((13, 21), (30, 8)),
    "a photograph": ((45, 60), (480, 640)),
    "to one pixel": ((9, 4), (1, 1)),
    "of one pixel": ((1, 1), (3, 5)),
    "one axis": ((6, 8), (6, 20)),
}


def by_pillow(scores, size):
    planes = [Image.fromarray(plane).resize(size[::-1], Image.Resampling.BILINEAR) for plane in scores]
    return np.stack([np.asarray(plane) for plane in planes])


@pytest.mark.parametrize(("before", "behind"), SIZES.values(), ids=SIZES)
def test_a_map_is_resized_as_pillow_does(rng, before, behind):
    scores = rng.normal(size=(3, *before)).astype("float32")
    found = resized(scores, behind)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, by_pillow(scores, behind), rtol=0, atol=1e-5)


def cut(scores, rows, columns):
    """Cut a map into blocks of at most so many rows and columns."""
    _, height, width = scores.shape
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield Block(top, left, scores[:, top : top + rows, left : left + columns])


def joined(blocks, size):
    """Put blocks together; each pixel has to come once."""
    blocks = [*blocks]
    scores, times = np.zeros((len(blocks[0].scores), *size)), np.zeros(size, int)
    for block in blocks:
        scores[:, *block.place] = block.scores
        times[block.place] += 1
    assert (times == 1).all()
    return scores


@pytest.mark.parametrize(("before", "behind"), SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("rows", [1, 4, 100])
@pytest.mark.parametrize("numbers", [1, 200, 1 << 23], ids=["row by row", "in strips", "at once"])
def test_a_map_that_comes_in_blocks_is_resized_as_the_whole_one(rng, monkeypatch, before, behind, rows, numbers):
    monkeypatch.setattr("minifcn.training.resizing._NUMBERS", numbers)
    scores = rng.normal(size=(2, *before))
    found = joined(resized_blocks(cut(scores, rows, 5), before, behind), behind)
    np.testing.assert_allclose(found, resized(scores, behind), rtol=0, atol=1e-12)


def test_a_strip_of_the_result_is_as_small_as_it_was_promised(rng, monkeypatch):
    monkeypatch.setattr("minifcn.training.resizing._NUMBERS", 1000)
    scores = rng.normal(size=(2, 10, 10))
    assert max(block.scores.size for block in resized_blocks([Block(0, 0, scores)], (10, 10), (90, 90))) <= 1000
