"""Convolution, ReLU and pool at once: the bits of the three operations, and less memory."""

import contextlib
import tracemalloc

import numpy as np
import pytest
from cases import operations

import minifcn as mf
import minifcn.functional as F
from minifcn import Tensor, models, nn, to_device
from minifcn.backend import threads
from minifcn.compute import algorithm

INF, NAN = np.inf, np.nan

# Batch, channels, outputs, rows and columns.
MAPS = {
    "one pixel": (3, 8, 8, 1, 1),
    "a column of many tiles": (1, 16, 16, 37, 1),
    "a row": (1, 16, 16, 1, 37),
    "odd both ways, few channels": (3, 3, 8, 33, 37),
    "odd rows, four outputs at once": (3, 8, 8, 33, 36),
    "two outputs at once": (1, 8, 16, 9, 34),
    "rests of 1 and 2 in tiles of 4": (3, 16, 32, 29, 30),
    "rests of 3 and 0": (1, 32, 16, 31, 32),
    "rests of 0 and 1": (1, 32, 16, 32, 33),
    "many strips": (1, 64, 64, 111, 58),
    "a single strip, shared by outputs": (1, 256, 300, 14, 15),
}
FORCED = [None, "strips", "winograd"]
every_map = pytest.mark.parametrize("name", MAPS)
every_algorithm = pytest.mark.parametrize("forced", FORCED, ids=str)


def channels_last(rng, *shape):
    n, c, *size = shape
    return np.moveaxis(rng.standard_normal((n, *size, c)).astype("float32"), -1, 1)


def by(forced):
    return mf.algorithm(forced) if forced else contextlib.nullcontext()


@pytest.fixture
def layers(rng):
    """Make a convolution with a bias, and the pool behind it."""

    def make(channels, outputs, kernel=3, pool=(2, 2), ceil_mode=True, **settings):
        conv = nn.Conv2d(channels, outputs, kernel, rng=rng, **{"padding": kernel // 2, "relu": True} | settings)
        if conv.bias is not None:
            conv.bias.data[...] = rng.standard_normal(outputs)
        return [conv, nn.MaxPool2d(*pool, ceil_mode=ceil_mode)]

    return make


@pytest.fixture
def no_pool_alone(monkeypatch):
    """A pool that reads the whole map fails."""

    def fail(*args):
        raise AssertionError("the map before the pool was there")

    monkeypatch.setattr(algorithm.fast_pooling, "maximum", fail)
    monkeypatch.setattr(algorithm.fast_pooling, "max_pool", fail)


def separately(layers, x):
    for layer in layers:
        x = layer(x)
    return x.data


def assert_same_bits(found, expected):
    """Equal, with the sign of a zero, and nan where nan is."""
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected, equal_nan=True)
    there = ~np.isnan(expected)
    assert np.array_equal(np.signbit(found[there]), np.signbit(expected[there]))


@pytest.mark.parametrize("count", [1, 2])
@every_algorithm
@every_map
def test_the_bits_of_the_three_operations(name, forced, count, layers, rng, monkeypatch):
    monkeypatch.setattr(threads, "thread_count", lambda: count)
    batch, channels, outputs, *size = MAPS[name]
    modules, x = layers(channels, outputs), Tensor(channels_last(rng, batch, channels, *size))
    with mf.no_grad(), by(forced):
        assert_same_bits(nn.Sequential(*modules)(x).data, separately(modules, x))


@every_algorithm
@every_map
def test_the_map_before_the_pool_is_never_there(name, forced, layers, rng, no_pool_alone):
    batch, channels, outputs, *size = MAPS[name]
    with mf.no_grad(), by(forced):
        nn.Sequential(*layers(channels, outputs))(Tensor(channels_last(rng, batch, channels, *size)))


@pytest.mark.parametrize("forced", ["strips", "winograd"])
def test_it_takes_less_memory_than_that_map(forced, layers, rng, monkeypatch):
    monkeypatch.setattr(threads, "thread_count", lambda: 1)  # a helper may find no part to take the first time
    net, x = nn.Sequential(*layers(16, 16)), Tensor(channels_last(rng, 1, 16, 256, 256))
    with mf.no_grad(), by(forced):
        net(x)  # scratch memory is there now
        tracemalloc.start()
        y = net(x)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert y.data.nbytes <= peak < 2 * y.data.nbytes


@pytest.mark.parametrize("value", [NAN, INF, -INF], ids=str)
@pytest.mark.parametrize("where", ["x", "x, last pixel", "weight", "bias"])
@every_algorithm
@pytest.mark.parametrize("name", ["odd rows, four outputs at once", "rests of 1 and 2 in tiles of 4", "many strips"])
def test_nan_and_infinity_come_out_where_they_did(name, forced, where, value, layers, rng):
    batch, channels, outputs, *size = MAPS[name]
    modules, data = layers(channels, outputs), channels_last(rng, batch, channels, *size)
    target = {"weight": modules[0].weight.data[1, 0, 0], "bias": modules[0].bias.data}.get(where, data[0, 0, -1])
    target[1 if where != "x, last pixel" else -1] = value
    with mf.no_grad(), by(forced), np.errstate(invalid="ignore"):
        found, expected = nn.Sequential(*modules)(Tensor(data)).data, separately(modules, Tensor(data))
    assert_same_bits(found, expected)
    assert np.isnan(expected).any() or np.isinf(expected).any() or value == -INF


@every_algorithm
def test_an_infinite_bias_makes_nan_of_what_the_maximum_would_hide(forced, layers):
    """Of the pixels -inf and 1 the larger one is 1, but -inf + inf is nan, which is larger than all."""
    modules, x = layers(1, 1, kernel=1, padding=0), Tensor(np.float32([[[[-INF, 1]]]]))
    modules[0].weight.data[...], modules[0].bias.data[...] = 1, INF
    with mf.no_grad(), by(forced), np.errstate(invalid="ignore"):
        assert np.isnan(nn.Sequential(*modules)(x).data).all()


def test_the_last_pixels_of_a_map_of_negative_numbers(layers, no_pool_alone):
    """What lies beyond the edge is not taken for a pixel: without a ReLU, 0 would be the larger one."""
    modules, x = layers(16, 16, relu=False), Tensor(np.ones((1, 16, 13, 15), "float32"))
    modules[0].weight.data[...], modules[0].bias.data[...] = -1, 0
    for forced in ("strips", "winograd"):
        with mf.no_grad(), by(forced):
            assert nn.Sequential(*modules)(x).data.max() < -60


ANOTHER_WAY = {
    "a pool with padding": {"pool": (2, 2, 1)},
    "a pool of 3x3": {"pool": (3, 2)},
    "a pool whose windows overlap": {"pool": (2, 1)},
    "a pool that leaves a row over": {"ceil_mode": False},
    "a pool with gaps": {"pool": (2, 2, 0, 2)},
    "groups": {"groups": 2},
    "a stride": {"stride": 2},
    "without a bias": {"bias": False},
}


@pytest.mark.parametrize("name", ANOTHER_WAY)
def test_the_rest_goes_the_usual_way(name, layers, rng, no_pool_alone):
    modules, x = layers(16, 16, **ANOTHER_WAY[name]), Tensor(channels_last(rng, 1, 16, 29, 30))
    with mf.no_grad(), pytest.raises(AssertionError, match="was there"):
        nn.Sequential(*modules)(x)


@pytest.mark.parametrize("name", ANOTHER_WAY)
def test_and_gives_the_same(name, layers, rng):
    modules, x = layers(16, 16, **ANOTHER_WAY[name]), Tensor(channels_last(rng, 1, 16, 29, 30))
    with mf.no_grad():
        assert_same_bits(nn.Sequential(*modules)(x).data, separately(modules, x))


@pytest.mark.parametrize("settings", [{}, {"kernel": 5}, {"kernel": 1}, {"relu": False}, {"dilation": 2, "padding": 2}])
def test_rounding_down_where_nothing_is_left_over(settings, layers, rng, no_pool_alone, monkeypatch):
    modules = layers(16, 16, ceil_mode=False, **settings)
    x = Tensor(channels_last(rng, 2, 16, 30, 28))
    with mf.no_grad():
        found = nn.Sequential(*modules)(x).data
        monkeypatch.undo()
        assert_same_bits(found, separately(modules, x))


def test_by_definition_three_operations_run(layers, rng, no_pool_alone):
    modules, x = layers(16, 16), Tensor(channels_last(rng, 1, 16, 8, 8))
    with mf.no_grad(), mf.algorithm("im2col"):
        expected = separately(modules, x)
        assert_same_bits(nn.Sequential(*modules)(x).data, expected)
    for module in modules:
        module.astype("float64")
    x = Tensor(x.data.astype("float64"))
    with mf.no_grad():
        assert_same_bits(nn.Sequential(*modules)(x).data, separately(modules, x))


@pytest.mark.parametrize("settings", [{"relu": True}, {"relu": False}, {"groups": 2}], ids=str)
@pytest.mark.parametrize("size", [(29, 30), (28, 28)], ids=str)
def test_gradients_through_the_maxima_are_those_of_the_three_operations(size, settings, layers, rng):
    modules, data = layers(16, 16, **settings), channels_last(rng, 2, 16, *size)
    gy = Tensor(channels_last(rng, 2, 16, *(-(-length // 2) for length in size)))
    modules[0].bias.data[:3] = -100, 0, 100  # channels of which all is cut off, some, and nothing
    modules[0].weight.data[0] = 0  # and equal numbers: the first is the maximum
    results = []
    for run in (
        lambda x: modules[1](modules[0](x)),
        nn.Sequential(*modules),
        lambda x: F.recompute(nn.Sequential(*modules), x),
    ):
        modules[0].zero_grad()
        x = Tensor(data, requires_grad=True)
        y = run(x)
        y.backward(gy)
        results.append([y.data, x.grad.data, *(parameter.grad.data for parameter in modules[0].parameters())])
    for found in results[1:]:
        for array, expected in zip(found, results[0], strict=True):
            assert_same_bits(array, expected)
    with mf.no_grad():
        assert_same_bits(nn.Sequential(*modules)(Tensor(data)).data, results[0][0])


@pytest.mark.parametrize("learned", ["x", "weight", "bias", "x bias", "weight bias"])
def test_gradients_of_some_are_the_same_where_the_others_learn_nothing(learned, layers, rng):
    modules, x = layers(16, 16), Tensor(channels_last(rng, 1, 16, 9, 10))
    tensors = {"x": x, "weight": modules[0].weight, "bias": modules[0].bias}
    for name, tensor in tensors.items():
        tensor.requires_grad = name in learned.split()
    wanted, gy = [tensors[name] for name in learned.split()], Tensor(channels_last(rng, 1, 16, 5, 5))
    found = mf.grad(nn.Sequential(*modules)(x), wanted, gy)
    for gradient, expected in zip(found, mf.grad(modules[1](modules[0](x)), wanted, gy), strict=True):
        assert_same_bits(gradient.data, expected.data)


def test_the_graph_keeps_the_maxima_and_not_the_map(layers, rng, monkeypatch):
    monkeypatch.setattr(threads, "thread_count", lambda: 1)  # a helper may find no part to take the first time
    net, x = nn.Sequential(*layers(16, 16)), Tensor(channels_last(rng, 1, 16, 256, 256))
    net(x)  # scratch memory is there now
    tracemalloc.start()
    y = net(x)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert list(operations(y)) == ["pooled_convolution"]
    assert y.data.nbytes <= kept < 1.4 * y.data.nbytes  # and a byte for each, that says which pixel it was


def test_gradients_of_the_gradients(layers, rng):
    modules, x = layers(16, 16), Tensor(channels_last(rng, 1, 16, 8, 8), requires_grad=True)
    found = []
    for run in (nn.Sequential(*modules), lambda x: modules[1](modules[0](x))):
        y = run(x)
        (gradient,) = mf.grad((y * y).sum(), [x], create_graph=True)
        found.append(mf.grad((gradient * gradient).sum(), [x, modules[0].weight]))
    for array, expected in zip(*found, strict=True):
        np.testing.assert_allclose(array.data, expected.data, rtol=0, atol=1e-5 * abs(expected.data).max())


def test_without_anything_to_learn_nothing_is_recorded(layers, rng, no_pool_alone):
    modules, x = layers(16, 16), Tensor(channels_last(rng, 1, 16, 29, 30))
    for parameter in modules[0].parameters():
        parameter.requires_grad = False
    assert not nn.Sequential(*modules)(x).requires_grad


@pytest.mark.parametrize("watched", [0, 1])
def test_who_watches_a_layer_sees_its_map(watched, layers, rng):
    modules, x, seen = layers(16, 16), Tensor(channels_last(rng, 1, 16, 29, 30)), []
    inner = modules[watched].forward
    modules[watched].forward = lambda x: seen.append(inner(x)) or seen[-1]
    with mf.no_grad():
        nn.Sequential(*modules)(x)
    assert [y.shape for y in seen] == [[(1, 16, 29, 30), (1, 16, 15, 15)][watched]]


@pytest.mark.parametrize("watched", [nn.Conv2d, nn.MaxPool2d])
def test_who_watches_all_layers_of_a_class_sees_their_maps(watched, layers, rng, monkeypatch):
    modules, x, seen = layers(16, 16), Tensor(channels_last(rng, 1, 16, 8, 8)), []
    inner = watched.forward
    monkeypatch.setattr(watched, "forward", lambda self, x: seen.append(self) or inner(self, x))
    with mf.no_grad():
        nn.Sequential(*modules)(x)
    assert seen == [module for module in modules if type(module) is watched]


@pytest.mark.parametrize("ceil_mode", [False, True])
@every_algorithm
def test_a_weight_whose_kernel_is_not_that_of_the_layer(forced, ceil_mode, layers, rng):
    """The map has the size that the weight gives it: 9x9, where the layer alone would have given 8x8."""
    modules, x = layers(16, 16, ceil_mode=ceil_mode), Tensor(channels_last(rng, 1, 16, 8, 8))
    modules[0].weight = nn.Parameter(rng.standard_normal((16, 16, 2, 2)).astype("float32"))
    with mf.no_grad(), by(forced):
        found = nn.Sequential(*modules)(x).data
        assert_same_bits(found, separately(modules, x))
    assert found.shape[2:] == ((5, 5) if ceil_mode else (4, 4))


def test_behind_an_algorithm_that_knows_of_no_pool_the_door_pools(layers, rng, monkeypatch):
    class Plain:
        def convolve(self, x, weight, window, size, finish=None):
            return algorithm.PLAIN.convolve(x, weight, window, size, finish and finish._replace(pool=False))

    monkeypatch.setitem(algorithm.ALGORITHMS, "plain", Plain())
    monkeypatch.setattr(algorithm, "choose", lambda *_: algorithm.ALGORITHMS["plain"])
    modules, x = layers(16, 16), Tensor(channels_last(rng, 1, 16, 9, 8))
    with mf.no_grad(), by("plain"):
        assert_same_bits(nn.Sequential(*modules)(x).data, separately(modules, x))


def test_a_convolution_of_ones_own_sees_its_map(rng):
    class Watched(nn.Conv2d):
        def forward(self, x):
            self.shape = x.shape
            return super().forward(x)

    net = nn.Sequential(Watched(16, 16, 3, relu=True, rng=rng), nn.MaxPool2d(2, ceil_mode=True))
    with mf.no_grad():
        net(Tensor(channels_last(rng, 1, 16, 8, 8)))
    assert net[0].shape == (1, 16, 8, 8)


@pytest.mark.parametrize("width", [1 / 8, 1 / 4])
@pytest.mark.parametrize("variant", ["aligned", "paper"])
def test_a_network(width, variant, rng, monkeypatch):
    net = models.FCN8s(5, width=width, variant=variant, rng=rng).eval()
    for parameter in net.parameters():
        if parameter.ndim == 1:
            parameter.data[...] = rng.standard_normal(parameter.shape)
    x = Tensor(channels_last(rng, 3, 3, 57, 66))
    expected, table = net(x).data, str(models.summary.table(net, (57, 66)))
    pooled = []
    monkeypatch.setattr(algorithm.fast_pooling, "maximum", lambda *args: pooled.append(args))
    with mf.no_grad():
        assert_same_bits(net(x).data, expected)
        assert models.summary.table(net, (57, 66)) == table
    assert pooled == []
    assert table.count("pool") >= 5


def test_a_network_at_full_width(rng):
    net = models.FCN32s(2, rng=rng).eval()
    x = Tensor(channels_last(rng, 1, 3, 64, 45))
    expected = net(x).data
    with mf.no_grad():
        assert_same_bits(net(x).data, expected)


def test_a_classifier_takes_one_pass(rng, no_pool_alone):
    net = models.classifier("vgg16", 3, width=1 / 16, crop_size=64, fc6_kernel=2, rng=rng).eval()
    with mf.no_grad():
        assert net(Tensor(channels_last(rng, 2, 3, 64, 64))).shape == (2, 3)


def test_on_a_gpu_the_pool_is_its_own_kernel(layers, rng, stand_in):
    modules, data = layers(16, 16), channels_last(rng, 1, 16, 13, 15)
    net = nn.Sequential(*modules)
    with mf.no_grad():
        expected = net(Tensor(data)).data
        found = net.to(stand_in)(Tensor(to_device(data, stand_in)))
    assert found.device == stand_in
    np.testing.assert_allclose(mf.to_host(found.data), expected, rtol=0, atol=1e-4)


def test_what_does_not_fit_is_said_as_ever(layers, rng):
    net = nn.Sequential(*layers(16, 16))
    for x in (np.ones((1, 3, 8, 8), "float32"), np.ones((16, 8), "float32"), np.ones((1, 16, 8, 8), "float64")):
        with mf.no_grad(), pytest.raises((ValueError, TypeError)) as alone:
            net[0](Tensor(x))
        with mf.no_grad(), pytest.raises(type(alone.value)) as both:
            net(Tensor(x))
        assert str(both.value) == str(alone.value)
