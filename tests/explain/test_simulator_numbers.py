"""The flight simulator's script computes what minifcn computes, with any crops: scores, streams, mean IoU, fields."""

import json

import numpy as np
import pytest
import webdriver

from minifcn import Tensor, data, explain, metrics, no_grad
from minifcn.explain.simulator.simulator import MATHEMATICS, script

pytestmark = pytest.mark.skipif(None in (webdriver.DRIVER, webdriver.browser.BROWSER), reason=webdriver.MISSING)

FLY = """
const flown = fly(arguments[0]), predicted = winners(flown.score);
const streams = Object.fromEntries(Object.entries(flown.streams).map(([name, {data}]) => [name, [...data]]));
return {score: [...flown.score.data], streams, predicted: [...predicted],
  iou: meanIoU(network.label, predicted, 6), most: furthest(network)};
"""


@pytest.fixture(scope="module", params=[(96, 96), (40, 57)], ids=["96x96", "40x57"])
def flight(request, driver, tmp_path_factory):
    """A simulator of an image, and a page with its script and no more."""
    simulator = explain.FlightSimulator(data.Shapes(1, size=request.param, seed=3)[0])
    page = tmp_path_factory.mktemp("simulator") / "numbers.html"
    page.write_text(
        f'<!DOCTYPE html><meta charset="utf-8"><script>{script(*MATHEMATICS, "stamps")}\n'
        f"const network = networkOf({json.dumps(simulator._content())}), fly = flight(network);\n"
        "const flyCoarser = coarserFlights(network);</script>",
        "utf-8",
    )
    driver.open(page.as_uri())
    return simulator, driver


def shifted(simulator, crops):
    """What the network itself computes when its crops are others."""
    net, derived = simulator.net, dict(simulator.net.crop_offsets)
    try:
        net.crop_offsets.update(crops)
        with no_grad():
            return net(Tensor(simulator._x[None])).data[0]
    finally:
        net.crop_offsets.update(derived)


CROPS = {
    "derived": {"score_pool4": (5, 5), "score_pool3": (9, 9), "score": (31, 31)},
    "pool4": {"score_pool4": (6, 6), "score_pool3": (9, 9), "score": (31, 31)},
    "pool3": {"score_pool4": (5, 5), "score_pool3": (8, 11), "score": (31, 31)},
    "last": {"score_pool4": (5, 5), "score_pool3": (9, 9), "score": (19, 40)},
    "all": {"score_pool4": (2, 7), "score_pool3": (10, 3), "score": (35, 27)},
}


@pytest.mark.parametrize("crops", CROPS.values(), ids=CROPS)
def test_scores_and_mean_iou_are_those_of_the_network_with_these_crops(flight, crops):
    simulator, driver = flight
    found = driver.run(FLY, {name: list(offset) for name, offset in crops.items()})
    score = shifted(simulator, crops)
    np.testing.assert_allclose(found["score"], score.ravel(), rtol=0, atol=1e-12 * np.abs(score).max())
    assert found["predicted"] == score.argmax(axis=0).ravel().tolist()
    confusion = metrics.ConfusionMatrix(6)
    confusion.update(simulator._sample.label, score.argmax(axis=0))
    assert abs(found["iou"] - confusion.mean_iou) < 1e-12


@pytest.mark.parametrize("crops", [CROPS["derived"], CROPS["all"]], ids=["derived", "all"])
@pytest.mark.parametrize("name", ["FCN-32s", "FCN-16s"])
def test_coarser_nets_are_what_minifcn_computes_with_their_crops(flight, name, crops):
    """From the image on, by the network itself: trunk, score layers, bilinear upsampling, crops."""
    simulator, driver = flight
    found = driver.run(
        "const {crop, score} = flyCoarser(arguments[1])[arguments[0]]; return [crop, [...score.data]]",
        name,
        {key: list(offset) for key, offset in crops.items()},
    )
    net = simulator.nets[name]
    derived = dict(net.crop_offsets)
    last = tuple(derived["score"] + n - 31 for n in crops["score"])
    assert tuple(found[0]) == last
    try:
        net.crop_offsets.update({"score": last, **{key: crops[key] for key in derived if key == "score_pool4"}})
        with no_grad():
            score = net(Tensor(simulator._x[None])).data[0]
    finally:
        net.crop_offsets.update(derived)
    np.testing.assert_allclose(found[1], score.ravel(), rtol=0, atol=1e-12 * np.abs(score).max())


def test_another_crop_moves_the_mean_iou(flight):
    _, driver = flight
    ious = {
        name: driver.run(FLY, {key: list(offset) for key, offset in crops.items()})["iou"]
        for name, crops in CROPS.items()
    }
    assert len(set(ious.values())) == len(ious)
    assert ious["derived"] == max(ious.values())


@pytest.mark.parametrize("stream", ["score_fr", "score_pool4", "score_pool3"])
def test_a_stream_is_the_score_of_a_network_that_has_only_this_one(flight, stream):
    simulator, driver = flight
    net = simulator.net
    heads = {name: getattr(net, name) for name in ("score_fr", "score_pool4", "score_pool3")}
    kept = {name: (head.weight.data.copy(), head.bias.data.copy()) for name, head in heads.items()}
    try:
        for name, head in heads.items():
            if name != stream:
                head.weight.data, head.bias.data = np.zeros_like(kept[name][0]), np.zeros_like(kept[name][1])
        alone = shifted(simulator, {})
    finally:
        for name, head in heads.items():
            head.weight.data, head.bias.data = kept[name]
    found = driver.run(FLY, {name: list(offset) for name, offset in CROPS["derived"].items()})
    np.testing.assert_allclose(found["streams"][stream], alone.ravel(), rtol=0, atol=1e-12 * np.abs(alone).max())


def test_crops_go_as_far_as_the_maps_do(flight):
    simulator, driver = flight
    most = driver.run(FLY, {name: list(offset) for name, offset in CROPS["derived"].items()})["most"]
    for name, furthest in most.items():
        shifted(simulator, {name: tuple(furthest)})
        with pytest.raises(ValueError, match="do not lie on a map"):
            shifted(simulator, {name: (furthest[0] + 1, furthest[1])})
        with pytest.raises(ValueError, match="do not lie on a map"):
            shifted(simulator, {name: (furthest[0], furthest[1] + 1)})


def union(boxes):
    return [f(box[k] for box in boxes) for k, f in enumerate([min, max, min, max])]


def test_fields_in_the_image_are_those_of_the_geometry(flight, rng):
    """Of all three streams together: from the first row that any of them sees to the last."""
    simulator, driver = flight
    size = simulator._sample.label.shape
    for pixel in [(0, 0), (size[0] - 1, size[1] - 1), *([int(rng.integers(n)) for n in size] for _ in range(8))]:
        fields = driver.run("return fieldsOf(arguments[0], network, network.crops)", list(pixel))
        seen = explain.receptive_fields(simulator.net, size, tuple(pixel))[-1]
        assert seen.pixel == (pixel[0] + 31, pixel[1] + 31)
        rows, columns = seen.inside
        inside = [rows.start, rows.stop - 1, columns.start, columns.stop - 1]
        assert union([fields[stream]["image"] for stream in fields]) == inside


@pytest.mark.parametrize(
    ("stream", "scored"), [("score_fr", "fc7"), ("score_pool4", "pool4"), ("score_pool3", "pool3")]
)
def test_fields_in_the_scored_maps_are_where_a_change_reaches_the_pixel(flight, rng, stream, scored):
    """Cell by cell: which of a score map change the score of a pixel, with crops that are wrong."""
    simulator, driver = flight
    crops = {"score_pool4": [4, 5], "score_pool3": [9, 7], "score": [31, 25]}
    pixel = [int(rng.integers(n)) for n in simulator._sample.label.shape]
    fields = driver.run("return fieldsOf(arguments[0], network, arguments[1])", pixel, crops)
    top, bottom, left, right = fields[stream][stream]
    assert fields[stream][scored] == [top, bottom, left, right]
    assert reached_by_gradient(simulator, crops, pixel, stream) == [
        [i, j] for i in range(top, bottom + 1) for j in range(left, right + 1)
    ]


def reached_by_gradient(simulator, crops, pixel, stream):
    """The cells of a map of scores that have a gradient of the pixel's scores."""
    net = simulator.net
    head, found = getattr(net, stream), {}

    class Kept(type(head)):
        def forward(self, x):
            found["map"] = Tensor(super().forward(x).data, requires_grad=True)
            return found["map"]

    derived, kind = dict(net.crop_offsets), type(head)
    try:
        net.crop_offsets.update({name: tuple(offset) for name, offset in crops.items()})
        head.__class__ = Kept
        score = net(Tensor(simulator._x[None]))
        g = np.zeros(score.shape)
        g[:, :, pixel[0], pixel[1]] = np.arange(1, 7) ** 0.5
        score.backward(Tensor(g))
    finally:
        head.__class__ = kind
        net.crop_offsets.update(derived)
    return np.argwhere(np.abs(found["map"].grad.data[0]).sum(axis=0)).tolist()


@pytest.mark.parametrize("stage", ["upscore2", "upscore_pool4", "upscore8"])
def test_stamps_are_the_layers_of_the_network_pixel_by_pixel(flight, rng, stage):
    simulator, driver = flight
    given = driver.run(
        "const x = fly(network.crops).maps[INPUTS[arguments[0]]]; return [[x.C, x.H, x.W], [...x.data]]", stage
    )
    x, layer = np.reshape(given[1], given[0]), getattr(simulator.net, stage)
    for n in [1, x[0].size, *rng.integers(2, x[0].size, 3).tolist()]:
        shown = int(rng.integers(6))
        stamp, so_far = driver.run(
            "const [stage, n, shown] = arguments, up = network.upsamplings[stage];"
            "const x = fly(network.crops).maps[INPUTS[stage]];"
            "return [[...stampAt(x, up, n - 1, shown).stamp.data], [...partly(x, up, n, shown).data]]",
            stage,
            n,
            shown,
        )
        first = x * (np.arange(x[0].size) < n).reshape(x[0].shape)
        i, j = np.unravel_index(n - 1, x[0].shape)
        for found, given in [(stamp, x[:, i : i + 1, j : j + 1]), (so_far, first)]:
            truth = layer(Tensor(given[None])).data[0, shown]
            np.testing.assert_allclose(found, truth.ravel(), rtol=0, atol=1e-12 * np.abs(truth).max())
