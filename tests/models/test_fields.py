"""What geometry says a pixel sees is what its gradient reaches: for networks drawn at random, row by row."""

import functools
from collections import Counter

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, grad, models, nn
from minifcn.compute.window import pair
from minifcn.models.alignment import crop_offsets
from minifcn.models.geometry import Geometry, GeometryError, trace
from minifcn.models.reach import NOTHING, Reach, boxes, field_sizes, joined, phases

SEED = 20151
NETWORKS = 200


class SummingPool(nn.MaxPool2d):
    """A max-pool whose gradient goes to every pixel of the window, since a maximum hides all but one."""

    def forward(self, x):
        if isinstance(x, Geometry):
            return super().forward(x)
        w = self.window
        return F.avg_pool2d(x, w.kernel, w.stride, w.padding, self.ceil_mode)


class Calls(nn.Module):
    """A module whose forward calls functions."""

    def __init__(self, function):
        self.function = function

    def forward(self, x):
        return self.function(x)


class Fork(nn.Module):
    """Two ways from one map, whose ends are cut to a common size and added, or concatenated and mixed."""

    def __init__(self, left, right, mix=None):
        self.left, self.right, self.mix = left, right, mix

    def forward(self, x):
        left, right = self.left(x), self.right(x)
        height, width = (min(a, b) for a, b in zip(left.shape[2:], right.shape[2:], strict=True))
        left, right = left[:, :, :height, :width], F.crop(right, (0, 0), (height, width))
        return left + right if self.mix is None else self.mix(F.concatenate([left, right]))


class Skip(nn.Module):
    """A map, plus one that padding made larger, cut to lie over it at the offset that is derived from the layers."""

    def __init__(self, rng):
        kernel = (2 * rng.integers(2, size=2) + 1).tolist()
        padding = [int(rng.integers(k, 6)) for k in kernel]
        padded = nn.Conv2d(2, 2, tuple(kernel), 1, tuple(padding), rng=rng)
        self.deep = nn.Sequential(padded, nn.Conv2d(2, 2, 2, 2, rng=rng), nn.ConvTranspose2d(2, 2, 2, 2, rng=rng))
        self.offset = pair(crop_offsets(self)["deep"], "offset")

    def forward(self, x):
        deep = self.deep(x)
        if isinstance(x, Geometry):
            return x + deep.crop_to(x, "deep")
        return x + F.crop(deep, self.offset, x.shape[2:])


def random_step(rng):
    """One step of a network on maps of two channels, with windows that are seldom square."""

    def pairs(low, high):
        return int(rng.integers(low, high)), int(rng.integers(low, high))

    kind = rng.integers(14)
    if kind <= 1:
        options = pairs(0, 3), pairs(1, 3), int(rng.integers(1, 3))
        return nn.Conv2d(2, 2, pairs(1, 5), pairs(1, 4), *options, rng=rng)
    if kind <= 4:
        stride = pairs(1, 4)
        extra = tuple(int(rng.integers(s)) for s in stride)
        groups = int(rng.integers(1, 3))
        return nn.ConvTranspose2d(2, 2, pairs(1, 5), stride, pairs(0, 2), extra, groups, dilation=pairs(1, 3), rng=rng)
    if kind == 5:
        kernel = pairs(1, 4)
        padding = tuple(int(rng.integers(k // 2 + 1)) for k in kernel)
        return SummingPool(kernel, pairs(1, 4), padding, ceil_mode=bool(rng.integers(2)))
    if kind == 6:
        kernel, stride, ceil = pairs(1, 4), pairs(1, 4), bool(rng.integers(2))
        return Calls(lambda x: F.avg_pool2d(x, kernel, stride, ceil_mode=ceil))
    if kind == 7:
        left, right, top, bottom = (*pairs(0, 4), *pairs(0, 4))
        return Calls(lambda x: F.pad(F.relu(x) * 2 + 1, (left, right, top, bottom)))
    if kind == 8:
        top, left = pairs(0, 4)
        return Calls(lambda x: F.crop(x, (top, left), (x.shape[2] - top - 1, x.shape[3] - left - 1)))
    if kind == 9:
        top, rows = pairs(1, 4)
        return Calls(lambda x: x[:, :, top::rows, 1:-1])
    if kind == 10:
        return Skip(rng)
    down_and_up = nn.Sequential(
        nn.Conv2d(2, 2, 2, 2, rng=rng), random_same(rng), nn.ConvTranspose2d(2, 2, 2, 2, rng=rng)
    )
    mix = nn.Conv2d(4, 2, 1, groups=int(rng.integers(1, 3)), rng=rng) if rng.integers(2) else None
    across = nn.Sequential(*(random_same(rng) for _ in range(2)))
    return Fork(down_and_up if rng.integers(2) else random_same(rng), across, mix)


def random_same(rng):
    """A convolution that keeps size and place; with kernels of 1 and 3, dilation 1 and 2."""
    kernel, dilation = (2 * rng.integers(2, size=2) + 1).tolist(), int(rng.integers(1, 3))
    return nn.Conv2d(2, 2, tuple(kernel), 1, tuple(dilation * (k - 1) // 2 for k in kernel), dilation, rng=rng)


@functools.cache
def random_network(number):
    """Up to six random steps that leave something of an image; its weights are positive, so no paths cancel out.

    A step that geometry refuses is left out; it is one that cannot run.
    """
    rng = np.random.default_rng((SEED, number))
    size, channels = rng.integers(9, 20, size=2).tolist(), int(rng.integers(1, 4))
    steps = [nn.Conv2d(channels, 2, 1, rng=rng)]
    for _ in range(int(rng.integers(1, 7))):
        attempt = nn.Sequential(*steps, random_step(rng))
        try:
            fits = max(last_of(attempt, size).shape[2:]) <= 30
        except GeometryError:
            assert not runs(attempt, (1, channels, *size))
        else:
            steps += [getattr(attempt, str(len(steps)))] * fits
    network = nn.Sequential(*steps, nn.Conv2d(2, 2, 1, rng=rng))
    for parameter in network.parameters():
        parameter.data = rng.uniform(0.5, 1, parameter.shape)
    return network, tuple(size)


def runs(network, shape):
    """Whether a network makes something of an image."""
    try:
        return min(network(Tensor(np.ones(shape, "float32"))).shape) > 0
    except ValueError:
        return False


def last_of(network, size, **options):
    """The map behind the last layer."""
    return trace(network, size, **options).layers[-1][2]


def reached(network, image_shape, pixels):
    """Boxes (P, 4) of the image around what the gradients of single pixels reach: first row, last row, columns alike.

    One image of the batch for each pixel; -1 and -2 where nothing is reached.
    """
    x = Tensor(np.ones((len(pixels), *image_shape)), requires_grad=True)
    y = network(x)
    seed = np.zeros(y.shape)
    for n, (i, j) in enumerate(pixels):
        seed[n, :, i, j] = 1
    (gx,) = grad(y, x, Tensor(seed))
    found = []
    for image in gx.data.any(axis=1):
        rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
        found.append([rows[0], rows[-1], columns[0], columns[-1]] if len(rows) else [-1, -2, -1, -2])
    return np.array(found)


@pytest.mark.parametrize("part", range(10))
def test_on_random_networks_a_pixel_sees_what_its_gradient_reaches(part):
    for number in range(part, NETWORKS, 10):
        network, size = random_network(number)
        print(f"network {number} of seed {SEED}")
        map_ = last_of(network, size, bounded=True)
        channels = getattr(network, "0").weight.shape[1]
        rows, columns = map_.shape[2:]
        pixels = np.unique(np.random.default_rng(number).integers((rows, columns), size=(24, 2)), axis=0)
        expected = reached(network, (channels, *size), pixels)
        assert network(Tensor(np.ones((1, channels, *size)))).shape == map_.shape
        seen = boxes(map_.bounded, np.arange(rows), np.arange(columns))[tuple(pixels.T)]
        empty = seen[:, 0] > seen[:, 1]
        seen[empty] = [-1, -2, -1, -2]
        np.testing.assert_array_equal(seen, expected)


def test_the_random_networks_have_something_of_everything():
    found = Counter()
    for number in range(NETWORKS):
        network, size = random_network(number)
        map_ = last_of(network, size, bounded=True)
        found.update(type(module).__name__ for _, module in network.named_modules())
        found["phases"] += any(least != most for least, most in map_.field_sizes)
        found["nothing"] += not all(reach.sees.all() for reach in map_.bounded[0])
        found["paths"] += len(map_.bounded) > 1
    assert min(found[name] for name in ("Fork", "Skip", "Calls", "ConvTranspose2d", "SummingPool", "phases")) >= 25
    assert min(found[name] for name in ("nothing", "paths")) >= 5


def test_in_the_middle_of_a_large_image_a_pixel_sees_what_an_endless_one_would_show():
    compared = 0
    for number in range(NETWORKS):
        network, _ = random_network(number)
        print(f"network {number} of seed {SEED}")
        map_ = last_of(network, (900, 900), bounded=True)
        middle = [np.arange(n // 2 - 6, n // 2 + 6) if n > 20 else np.array([n // 2]) for n in map_.shape[2:]]
        bounded, endless = boxes(map_.bounded, *middle), boxes(map_.endless, *middle)
        sees = endless[..., 0] <= endless[..., 1]
        np.testing.assert_array_equal(bounded[sees], endless[sees])
        assert (bounded[~sees][:, 0] > bounded[~sees][:, 1]).all()
        if all(len(rows) >= phases for rows, phases in zip(middle, phases(map_.endless), strict=True)):
            sizes = np.maximum(0, endless[..., 1::2] - endless[..., 0::2] + 1).reshape(-1, 2)
            assert map_.field_sizes == tuple((axis.min(), axis.max()) for axis in sizes.T)
            compared += 1
    assert compared > NETWORKS / 2


class TestReach:
    def test_rows_between_the_stamps_of_a_small_kernel_see_nothing(self):
        reach = Reach.bounded(3).transposed(kernel=1, stride=2, size=5)
        assert reach.sees.tolist() == [True, False, True, False, True]
        assert reach.first[::2].tolist() == reach.last[::2].tolist() == [0, 1, 2]

    def test_a_path_that_is_empty_on_one_axis_adds_nothing_on_the_other(self):
        """Row 1 of the upsampled map lies between the stamps; the other map alone decides what it sees."""
        stamps = Reach.bounded(2).transposed(kernel=1, stride=2, size=3), Reach.bounded(5).window(kernel=3, size=3)
        plain = Reach.bounded(3), Reach.bounded(3)
        found = boxes(joined((stamps,), (plain,)), np.arange(3), np.arange(3))
        assert found[1, 1].tolist() == [1, 1, 1, 1]
        assert found[0, 1].tolist() == [0, 0, 1, 3]

    def test_paths_that_see_at_the_same_pixels_become_one(self):
        plain = Reach.bounded(3), Reach.bounded(3)
        wide = Reach.bounded(3).window(kernel=3, padding=1, size=3), Reach.bounded(3)
        assert len(joined((plain,), (wide,))) == 1

    def test_a_map_with_two_phases_joins_one_with_three(self):
        two, three = Reach.endless().transposed(kernel=3, stride=2), Reach.endless().transposed(kernel=5, stride=3)
        both = two.window(kernel=1, stride=2).joined(three.window(kernel=1, stride=3))
        assert (both.step, len(both.first)) == (1, 1)
        up = two.transposed(kernel=3, stride=3).joined(three.transposed(kernel=4, stride=2))
        assert (up.step, len(up.first)) == (1, 6)
        first, last = up.at(np.arange(-12, 18))
        assert (first[6:] == first[:-6] + 1).all()
        assert (last[6:] == last[:-6] + 1).all()

    def test_sizes_of_one_path_and_of_two_that_are_the_same_agree(self):
        """One path has its rows and its columns measured apart; of several, every row with every column."""
        rng = np.random.default_rng(SEED)
        for _ in range(100):
            axes = []
            for _ in range(2):
                (k, s, p), (l, t, q) = rng.integers((1, 1, 0), (4, 4, 2), size=(2, 3)).tolist()  # noqa: E741
                axes.append(Reach.endless().transposed(k, s, p).window(l, t, q).transposed(l, s, p))
            path = axes[0], axes[1]
            assert field_sizes((path,)) == field_sizes((path, path))

    def test_three_upsamplings_by_thirty_two_fit_into_memory(self):
        reach = Reach.endless()
        for _ in range(3):
            reach = reach.transposed(64, 32, 16)
        assert field_sizes(((reach, reach),)) == ((2, 3), (2, 3))

    def test_beyond_the_end_of_a_map_there_is_nothing(self):
        first, last = Reach.bounded(2).at(np.array([-1, 0, 1, 2]))
        assert first.tolist() == [NOTHING, 0, 1, NOTHING]
        assert last.tolist() == [-NOTHING, 0, 1, -NOTHING]


class TestNetworks:
    """A pixel of a map that was upsampled sees more or less, as it lies on the coarse map."""

    @pytest.mark.parametrize(
        ("name", "variant", "layer", "sizes"),
        [
            ("fcn8s", "aligned", "upscore2", (244, 244)),
            ("fcn8s", "aligned", "upscore_pool4", (244, 276)),
            ("fcn8s", "aligned", "upscore8", (244, 276)),
            ("fcn8s", "paper", "upscore8", (436, 468)),
            ("fcn16s", "aligned", "upscore16", (244, 276)),
            ("fcn16s", "paper", "upscore16", (436, 468)),
            ("fcn32s", "aligned", "upscore", (244, 244)),
            ("fcn32s", "paper", "upscore", (436, 436)),
        ],
    )
    def test_the_smallest_and_the_largest_field(self, name, variant, layer, sizes):
        model = models.create(name, num_classes=2, variant=variant, width=1 / 64)
        found = {model_layer: behind for model_layer, _, behind in trace(model, (224, 224)).layers}[
            getattr(model, layer)
        ]
        assert found.field_sizes == (sizes, sizes)
        assert found.receptive_field == sizes[1]

    def test_two_upsamplings_by_two_by_hand(self):
        """Behind the first every row lies between two; behind the second, every other pair of rows on a row of it."""
        net = nn.Sequential(nn.ConvTranspose2d(3, 3, 4, 2, 1), nn.ConvTranspose2d(3, 3, 4, 2, 1))
        once, twice = (behind for _, _, behind in trace(net, (16, 16)).layers)
        assert once.field_sizes == ((2, 2), (2, 2))
        assert twice.field_sizes == ((2, 3), (2, 3))
