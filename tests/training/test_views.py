"""Scales and mirror images are averaged as in a plain loop, in tiles as well."""

import numpy as np
import pytest
import test_tiles
from PIL import Image

from minifcn import models
from minifcn.autograd import Tensor
from minifcn.data import Normalize
from minifcn.errors import UserError
from minifcn.nn import evaluating
from minifcn.training import Tiling, predict

VIEWS = {
    "mirror": ((1,), True),
    "smaller": ((0.75,), False),
    "three scales": ((0.75, 1, 1.25), False),
    "both": ((0.5, 1, 1.5), True),
}


@pytest.fixture(scope="module")
def net():
    return test_tiles.noisy(models.FCN8s)


def in_a_plain_loop(net, image, scales, mirror):
    """Resize, mirror, score, turn and resize back, one view after the other, and average."""
    height, width = image.shape[:2]
    found = []
    with evaluating(net):
        for scale in scales:
            size = max(1, round(scale * width)), max(1, round(scale * height))
            small = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
            for turned in (False, True) if mirror else (False,):
                seen = small[:, ::-1] if turned else small
                scores = net(Tensor(Normalize()(seen)[None])).data[0]
                scores = scores[:, :, ::-1] if turned else scores
                planes = [Image.fromarray(np.ascontiguousarray(plane)) for plane in scores]
                planes = [plane.resize((width, height), Image.Resampling.BILINEAR) for plane in planes]
                found.append(np.stack([np.asarray(plane) for plane in planes]))
    return np.mean(found, axis=0)


@pytest.mark.parametrize(("scales", "mirror"), VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("size", [(50, 71), (64, 64), (1, 1)], ids=str)
def test_views_are_averaged_as_in_a_plain_loop(net, scales, mirror, size):
    image = test_tiles.photograph(*size)
    expected = in_a_plain_loop(net, image, scales, mirror)
    test_tiles.assert_equal(test_tiles.scores_of(net, image, scales=scales, mirror=mirror), expected)
    label = predict(net, image, Normalize(), scales=scales, mirror=mirror)
    assert (label == expected.argmax(axis=0)).mean() > 0.99  # but for near ties


@pytest.mark.parametrize(("scales", "mirror"), VIEWS.values(), ids=VIEWS)
def test_in_tiles_the_average_is_that_of_the_whole_image(net, scales, mirror):
    exact = 2 * Tiling.of(net, 4096, scales=scales).margin
    tiling, image = Tiling.of(net, exact + 96, exact, scales), test_tiles.photograph(45, exact + 207)
    assert tiling.exact
    assert len(tiling.spans(image.shape[1])) > 2
    found = test_tiles.scores_of(net, image, scales=scales, mirror=mirror, tiling=tiling)
    test_tiles.assert_equal(found, test_tiles.scores_of(net, image, scales=scales, mirror=mirror))


def test_a_mirror_image_has_the_mirrored_average(net):
    image = test_tiles.photograph(40, 53)
    found = test_tiles.scores_of(net, image, mirror=True)
    test_tiles.assert_equal(test_tiles.scores_of(net, image[:, ::-1], mirror=True), found[:, :, ::-1])


@pytest.mark.parametrize("scales", [(), (0,), (1, -1), (float("nan"),), (float("inf"),), ("1",)], ids=str)
def test_what_is_no_scale_is_refused(net, scales):
    with pytest.raises(UserError, match=r"^scales are one or more numbers above 0, such"):
        predict(net, test_tiles.photograph(4, 4), Normalize(), scales=scales)


def test_they_are_averaged_and_tiled_on_a_gpu(net, gpu):
    image, other = test_tiles.photograph(70, 130), test_tiles.noisy(models.FCN8s).to(gpu)
    tiling = Tiling.of(net, 64, 32)
    for settings in ({}, {"mirror": True, "scales": (0.5, 1)}, {"tiling": tiling}, {"size": (40, 50), "mirror": True}):
        expected = test_tiles.scores_of(net, image, **settings)
        found = predict(other, image, Normalize(), **settings)
        assert (found == expected.argmax(axis=0)).mean() > 0.99
