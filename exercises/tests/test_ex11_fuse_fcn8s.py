"""Exercise 11: how FCN-8s puts its three streams together."""

import numpy as np

from minifcn import Tensor, models
from minifcn.marking import Answer, NotYet, check

answer = Answer("ex11_fuse_fcn8s")

OFFSET = (
    "row 0 of the coarse map lies over which row of the skip? See notebook 09, where the offset is 0, and notebook 10"
)
MIDDLE = (
    "the same was cut off on both sides: what makes the two sides differ? See notebook 10, below the picture of rows"
)
CONCATENATED = (
    "how many score maps has a class afterwards, and how many should it have? See notebook 09, 'A skip by hand'"
)
TRUNCATED = "the coarse scores are whole numbers here, and an array of their dtype is too: what becomes of the eighths?"
CHANGED = "the scores that were passed have changed: does an operation such as += write into the array of the caller?"
SMALLER = "only a larger map can be cropped to the size of a smaller one: print both shapes in front of the crop"
FINER = (
    "print the shapes in front of each crop: how far apart are the pixels of the two maps that are to be added there?"
)
WHICH_OFFSET = "are the two offsets at the right streams? Look at the names that notebook 10 prints them with"
LAST = "the fused scores are upsampled and have room around the image: where does the image begin? See notebook 10"
WHOLE = "this is all of the last upsampling, with the room around the image: which part of it is the image?"
TOO_SMALL = (
    "the result is smaller than the image: how far apart are the pixels of the two maps, wherever some are added?"
)
SWAPPED = "image_size is (height, width): which of the two is the number of rows?"

SEEN = np.s_[:, 28:44, 28:90]  # far from the border, where stamps are missing


def called(name, *arguments):
    """Call a function of the answer; a crop beside the map is a known mistake, whichever of the three it is."""
    try:
        return getattr(answer, name)(*arguments)
    except ValueError as error:
        if "do not lie on a map" not in str(error):
            raise
        score_pool4 = "{}x{}".format(*arguments[1].shape[1:])
        hints = {f"map of {score_pool4};": FINER, "rows 31:": TOO_SMALL} if name == "fuse_fcn8s" else {}
        hint = next((hint for words, hint in hints.items() if words in str(error)), SMALLER)
        raise NotYet(f"{name}: {error}", hint) from error


def places(height, width, stride, first):
    """Scores of two classes (2, H, W): the row, and the column, of the image at which each pixel of the map lies."""
    rows, columns = np.mgrid[:height, :width]
    return stride * np.stack([rows, columns]) + first


def fused(score_fr, score_pool4, score_pool3):
    """Fuse the scores of an image of 64 x 96 pixels; look at a part of the result."""
    scores = called("fuse_fcn8s", score_fr, score_pool4, score_pool3, (64, 96))
    if scores is None:
        return None
    if np.shape(scores) != (2, 64, 96):
        hint = {(2, 96, 64): SWAPPED, (2, 152, 184): WHOLE}.get(np.shape(scores), "")
        raise NotYet(f"fuse_fcn8s(..., (64, 96)) should have shape (2, 64, 96), but has {np.shape(scores)}", hint)
    return np.asarray(scores)[SEEN]


def test_a_skip_is_cropped_at_the_offset_and_added():
    skip, coarse = np.arange(60.0).reshape(2, 5, 6), 100 * np.arange(12.0).reshape(2, 2, 3)
    before = skip.copy(), coarse.copy()
    cut = skip[:, 2:4, 2:5].copy()
    expected = cut + coarse
    mistakes = {
        OFFSET: skip[:, :2, :3] + coarse,
        MIDDLE: skip[:, 1:3, 1:4] + coarse,
        CONCATENATED: np.concatenate([cut, coarse]),
        CONCATENATED + " (Which comes first makes no difference.)": np.concatenate([coarse, cut]),
    }
    check("fuse(skip, coarse, 2)", called("fuse", skip, coarse, 2), expected, mistakes=mistakes)
    check("after fuse(skip, coarse, 2), skip", skip, before[0], mistakes={CHANGED: skip}, tolerance=0)
    check("after fuse(skip, coarse, 2), coarse", coarse, before[1], mistakes={CHANGED: coarse}, tolerance=0)
    got = called("fuse", skip / 8, coarse.astype(int), 1)
    expected = skip[:, 1:3, 1:4] / 8 + coarse
    mistakes = {TRUNCATED: np.trunc(expected)}
    check("for coarse scores of whole numbers, fuse(skip / 8, coarse, 1)", got, expected, mistakes=mistakes)
    got = called("fuse", skip, np.zeros((2, 5, 6)), 0)
    check("fuse(skip, zeros of its shape, 0)", got, skip)


def test_scores_of_pool3_come_to_lie_at_their_place_in_the_image():
    got = fused(np.zeros((2, 3, 4)), np.zeros((2, 17, 19)), places(33, 37, 8, -95.5))
    image = places(64, 96, 1, 0.0)[SEEN]
    mistakes = {
        OFFSET: image - 9 * 8,
        OFFSET + " (And the image in the result?)": image - 9 * 8 - 31,
        WHICH_OFFSET: image - 4 * 8,
        LAST: image - 31,
        MIDDLE: image + 13,
    }
    call = "fuse_fcn8s(0, 0, the place of each pixel of pool3, (64, 96))[:, 28:44, 28:90]"
    check(call, got, image, mistakes=mistakes)


def test_scores_of_pool4_come_to_lie_at_their_place_in_the_image():
    got = fused(np.zeros((2, 3, 4)), places(17, 19, 16, -91.5), np.zeros((2, 33, 37)))
    image = places(64, 96, 1, 0.0)[SEEN]
    mistakes = {
        OFFSET: image - 5 * 16,
        OFFSET + " (And the image in the result?)": image - 5 * 16 - 31,
        WHICH_OFFSET: image + 4 * 16,
        LAST: image - 31,
        MIDDLE: image + 13,
    }
    call = "fuse_fcn8s(0, the place of each pixel of pool4, 0, (64, 96))[:, 28:44, 28:90]"
    check(call, got, image, mistakes=mistakes)


def test_scores_of_fc7_come_to_lie_at_their_place_in_the_image():
    got = fused(places(3, 4, 32, 12.5), np.zeros((2, 17, 19)), np.zeros((2, 33, 37)))
    image = places(64, 96, 1, 0.0)[SEEN]
    call = "fuse_fcn8s(the place of each pixel of score_fr, 0, 0, (64, 96))[:, 28:44, 28:90]"
    check(call, got, image, mistakes={LAST: image - 31, MIDDLE: image + 13})


def test_an_image_gives_the_scores_of_the_fcn_8s_of_minifcn():
    rng = np.random.default_rng(0)
    net = models.FCN8s(3, variant="paper", width=1 / 64).astype("float64").eval()
    for layer in (net.score_fr, net.score_pool4, net.score_pool3):
        layer.weight.data = rng.normal(0, 1, layer.weight.shape)
    x = Tensor(rng.normal(0, 1, (1, 3, 37, 50)))
    pool3, pool4, fc7 = net.features(x)
    scores = net.score_fr(fc7), net.score_pool4(pool4), net.score_pool3(pool3)
    streams = tuple(score.data[0].copy() for score in scores)
    before = tuple(stream.copy() for stream in streams)
    got = called("fuse_fcn8s", *streams, (37, 50))
    check("fuse_fcn8s(scores of an image of 37 x 50 pixels)", got, net(x).data[0], tolerance=1e-10)
    mistakes = {CHANGED + " (Here, in fuse_fcn8s.)": streams}
    check("after fuse_fcn8s, the scores of the streams", streams, before, mistakes=mistakes, tolerance=0)
