"""Tiles give the scores of the whole image where receptive fields are complete: everywhere, if they overlap enough."""

import tracemalloc

import numpy as np
import pytest

from minifcn import models, nn
from minifcn.autograd import Tensor
from minifcn.data import Normalize
from minifcn.errors import UserError
from minifcn.models.record import GeometryError
from minifcn.training import Tiling, predict, score_blocks
from minifcn.training.tiles import stride_and_margin, tiled

NETWORKS = {
    "fcn8s": (models.FCN8s, {}),
    "fcn16s": (models.FCN16s, {}),
    "fcn32s": (models.FCN32s, {}),
    "fcn8s, paper": (models.FCN8s, {"variant": "paper"}),
    "fcn8s, fc6 of 7x7": (models.FCN8s, {"fc6_kernel": 7}),
}


def noisy(kind, **settings):
    """A network whose every number counts: biases too, so that a map over padding is not zero."""
    rng = np.random.default_rng(0)
    net = kind(3, width=1 / 32, **settings)
    for name, parameter in net.named_parameters():
        if parameter.requires_grad and (name.startswith("score") or name.endswith("bias")):
            parameter.data[...] = rng.normal(size=parameter.shape) / 4
    return net


@pytest.fixture(scope="module", params=NETWORKS.values(), ids=NETWORKS)
def net(request):
    kind, settings = request.param
    return noisy(kind, **settings)


def photograph(*size):
    return np.random.default_rng(sum(size)).integers(0, 256, (*size, 3), dtype=np.uint8)


def scores_of(net, image, **settings):
    """The whole map of scores, of which each pixel has to come once."""
    scores, times = None, np.zeros(image.shape[:2], int)
    for block in score_blocks(net, image, Normalize(), **settings):
        scores = np.zeros((len(block.scores), *image.shape[:2]), "float32") if scores is None else scores
        scores[:, *block.place] = block.scores
        times[block.place] += 1
    assert (times == 1).all()
    return scores


def assert_equal(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * abs(expected).max())


def test_tiles_that_overlap_by_twice_the_margin_give_the_scores_of_the_whole_image(net):
    _, margin = stride_and_margin(net)
    tiling, image = Tiling.of(net, 2 * margin + 96, 2 * margin), photograph(2 * margin + 171, 2 * margin + 250)
    assert tiling.exact
    assert [len(tiling.spans(side)) for side in image.shape[:2]] == [2, 3]
    assert_equal(scores_of(net, image, tiling=tiling), scores_of(net, image))


def test_tiles_that_overlap_less_do_where_a_pixel_sees_none_of_their_borders(net):
    _, margin = stride_and_margin(net)
    tiling, image = Tiling.of(net, 2 * margin + 160, 64), photograph(2 * margin + 60, 4 * margin + 300)
    (_, end), (second, end_2), *_ = tiling.spans(image.shape[1])
    found, expected = scores_of(net, image, tiling=tiling), scores_of(net, image)
    for complete in slice(0, end - margin), slice(second + margin, end_2 - margin):
        complete = slice(max(complete.start, second and complete.start), complete.stop)
        assert_equal(found[:, : 2 * margin + 60, complete], expected[:, : 2 * margin + 60, complete])
    assert abs(found - expected).max() > 1e-3 * abs(expected).max()  # but the others see zeros instead of the image


def test_the_margin_is_the_last_pixel_that_a_border_reaches():
    """At the border of a tile a pixel changes; that far from it, none does any more, one pixel nearer, one does."""
    net = noisy(models.FCN32s)
    stride, margin = stride_and_margin(net)
    assert stride == (32, 32)
    image = photograph(64, 1024)
    whole, cut = (scores_of(net, part) for part in (image, image[:, :512]))
    reached = np.flatnonzero(abs(whole[:, :, :512] - cut).max(axis=(0, 1)) > 1e-5 * abs(whole).max())
    assert 512 - margin <= reached.min() <= 512 - margin + 32  # which pixel of a stride it is depends on the weights


class TestBlending:
    @pytest.mark.parametrize("overlap", [0, 8, 16, 24, 28])
    @pytest.mark.parametrize("length", [1, 31, 32, 33, 100])
    @pytest.mark.parametrize("margin", [0, 3, 8, 20])
    def test_weights_sum_to_one_and_fall_to_nothing_at_borders_inside_the_image(self, overlap, length, margin):
        tiling = Tiling(32, overlap, (4, 4), margin)
        total = np.zeros(length)
        for (start, stop), weights in zip(tiling.spans(length), tiling.weights(length), strict=True):
            assert (weights >= 0).all()
            total[start:stop] += weights
            if tiling.exact and start:
                assert not weights[:margin].any()
            if tiling.exact and stop < length:
                assert not weights[stop - start - margin :].any()
        np.testing.assert_allclose(total, 1, rtol=0, atol=1e-12)

    @pytest.mark.parametrize("overlap", [0, 4, 16, 24], ids=str)
    @pytest.mark.parametrize("size", [(1, 1), (8, 90), (90, 8), (75, 64), (33, 32)], ids=str)
    def test_what_all_tiles_agree_on_comes_out(self, rng, overlap, size):
        truth = rng.normal(size=(2, *size))
        blocks = [*tiled(lambda rows, columns: truth[:, rows, columns], size, Tiling(32, overlap, (4, 4), 5))]
        found = np.full(truth.shape, np.nan)
        for block in blocks:
            found[:, *block.place] = block.scores
        np.testing.assert_allclose(found, truth, rtol=0, atol=1e-12)

    def test_one_tile_fades_into_the_next(self):
        """The tiles disagree; from one to the other, scores rise without a step."""
        blocks = tiled(
            lambda rows, columns: np.full((1, 32, 32), float(columns.start)), (32, 56), Tiling(32, 8, (8, 8), 5)
        )
        scores = np.concatenate([block.scores[0, 0] for block in blocks])
        np.testing.assert_allclose(scores[:24], 0)
        np.testing.assert_allclose(scores[24:32], 24 * (np.arange(8) + 0.5) / 8)
        np.testing.assert_allclose(scores[32:], 24)


def test_the_memory_does_not_grow_with_the_height_of_an_image():
    """Of the whole image, the scores alone would take 8 MB more."""
    net, normalize = models.FCN8s(20, width=1 / 64), Normalize()
    tiling, peaks = Tiling.of(net, 96, 32), []
    for height in (200, 800):
        image = photograph(height, 160)
        tracemalloc.start()
        for _ in score_blocks(net, image, normalize, tiling=tiling):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 1e6


class TestTheGrid:
    @pytest.mark.parametrize(
        ("tile", "overlap", "expected"), [(512, 64, 64), (512, 50, 64), (500, 64, 84), (512, 0, 0)]
    )
    def test_tiles_begin_at_multiples_of_the_stride(self, tile, overlap, expected):
        assert Tiling.of(models.FCN8s(2, width=1 / 64), tile, overlap).overlap == expected

    @pytest.mark.parametrize(("tile", "expected"), [(32, 0), (50, 18), (256, 128), (512, 256), (1024, 320)])
    def test_unless_given_they_overlap_by_twice_the_margin_or_half_a_tile(self, tile, expected):
        assert Tiling.of(models.FCN8s(2, width=1 / 64), tile).overlap == expected

    @pytest.mark.parametrize(
        ("tile", "overlap", "least"),
        [(31, 0, ""), (64, 40, ", or an overlap of at most 32"), (512, 512, ", or an overlap of at most 480")],
    )
    def test_tiles_that_do_not_move_on_are_refused(self, tile, overlap, least):
        with pytest.raises(UserError, match=f"choose a tile of at least {overlap + 32}{least}$"):
            Tiling.of(models.FCN8s(2, width=1 / 64), tile, overlap)

    def test_a_network_whose_geometry_is_not_known_is_refused_by_its_name(self):
        class Odd(nn.Module):
            def forward(self, x):
                return Tensor(x.data[:, ::-1])

        with pytest.raises(GeometryError, match="Odd"):
            Tiling.of(Odd(), 64, 0)

    def test_scores_of_another_size_than_the_image_are_refused(self):
        with pytest.raises(UserError, match="scores have the size of the image"):
            Tiling.of(nn.Sequential(nn.Conv2d(3, 2, 3, stride=2)), 64, 0)


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (200, 1), (33, 190)], ids=str)
def test_an_image_of_any_size_is_predicted_in_tiles(size):
    net = noisy(models.FCN8s)
    tiling, image = Tiling.of(net, 96, 32), photograph(*size)
    assert predict(net, image, Normalize(), tiling=tiling).shape == size
    small = predict(net, image, Normalize(), tiling=tiling, size=(20, 130), mirror=True)
    assert small.shape == size


def test_tiles_are_those_of_the_size_that_the_network_sees():
    net, image = noisy(models.FCN8s), photograph(70, 300)
    _, margin = stride_and_margin(net)
    tiling = Tiling.of(net, 2 * margin + 64, 2 * margin)
    settings = {"size": (90, 720)}
    assert len(tiling.spans(720)) > 2
    assert_equal(scores_of(net, image, tiling=tiling, **settings), scores_of(net, image, **settings))
