"""Winograd's 3x3 convolution gives what im2col gives."""

import numpy as np
import pytest

import minifcn as mf
from minifcn.backend import caches, cutting, threads
from minifcn.compute import algorithm, convolution, pooling
from minifcn.compute.algorithm import ALGORITHMS, Finish, choose
from minifcn.compute.fast import winograd
from minifcn.compute.window import Window

SIZES = [(1, 1), (3, 3), (4, 4), (5, 4), (7, 9), (12, 5), (17, 33)]  # multiples of the 4x4 blocks, and none
WINDOW = Window((3, 3), padding=(1, 1))
PADDINGS = [(0, 0), (1, 1), (1, 2), (2, 1), (3, 0), (100, 100)]


def random_map(rng, *shape, dtype="float64"):
    """A map with the given shape (N, C, H, W), channels-last in memory."""
    n, c, h, w = shape
    return rng.standard_normal((n, h, w, c)).astype(dtype).transpose(0, 3, 1, 2)


def test_one_dimension_by_hand():
    """Four outputs of a kernel of three, with six multiplications."""
    bt, g, at = (np.array(matrix, float) for matrix in (winograd.BT, winograd.G, winograd.AT))
    d, w = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), np.array([10.0, 20.0, 30.0])
    np.testing.assert_allclose(at @ ((g @ w) * (bt @ d)), [140.0, 200.0, 260.0, 320.0], rtol=1e-14)


@pytest.mark.parametrize(
    ("size", "padding"),
    [(size, pad) for size in SIZES for pad in PADDINGS if all(n + 2 * p >= 3 for n, p in zip(size, pad, strict=True))],
    ids=str,
)
def test_it_equals_im2col(size, padding, rng):
    window = Window((3, 3), padding=padding)
    x, weight = random_map(rng, 2, 5, *size), rng.standard_normal((4, 5, 3, 3))
    y = random_map(rng, 2, 4, *window.output_size(size))
    np.testing.assert_allclose(
        winograd.convolve(x, weight, window, window.output_size(x.shape[2:])),
        convolution.convolve(x, weight, window),
        rtol=0,
        atol=1e-11,
    )
    with mf.algorithm("winograd"):
        transposed = algorithm.convolve_transposed(y, weight, window, size)
    np.testing.assert_allclose(
        transposed,
        convolution.convolve_transposed(y, weight, window, size),
        rtol=0,
        atol=1e-11,
    )
    np.testing.assert_allclose(
        winograd.convolve_weight(x, y, window), convolution.convolve_weight(x, y, window), rtol=0, atol=1e-11
    )


@pytest.mark.parametrize("window", [Window((1, 1)), Window((3, 3), (2, 2)), Window((3, 3), dilation=(2, 2))], ids=str)
def test_other_windows_are_left_to_im2col(window, rng):
    x, weight = random_map(rng, 1, 2, 9, 8), rng.standard_normal((3, 2, *window.kernel))
    expected = convolution.convolve(x, weight, window)
    with mf.algorithm("winograd"):
        np.testing.assert_allclose(algorithm.convolve(x, weight, window), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("c", "o", "n"), [(64, 64, 56), (128, 256, 28), (256, 256, 28), (256, 512, 28), (512, 512, 14)]
)
def test_float32_is_within_2e_5_of_the_largest_value(c, o, n, rng):
    """Of VGG16's layers, with inputs as they come from a ReLU and weights drawn by He's rule."""
    window = Window((3, 3), padding=(1, 1))
    x, y = abs(random_map(rng, 1, c, n, n)), random_map(rng, 1, o, n, n)
    weight = random_map(rng, o, c, 3, 3) * (2 / (9 * c)) ** 0.5
    for name, arrays in {
        "convolve": (x, weight, window),
        "convolve_transposed": (y, weight, window, (n, n)),
        "convolve_weight": (x, y, window),
    }.items():
        exact = getattr(convolution, name)(*arrays)
        with mf.algorithm("winograd"):
            found = getattr(algorithm, name)(*(a.astype("float32") for a in arrays[:2]), *arrays[2:])
        assert abs(found - exact).max() < 2e-5 * abs(exact).max(), name


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(("tiles", "keep"), [(1, True), (1, False), (1000, True), (1000, False)])
@pytest.mark.parametrize("outputs", [1, 3, 6, 8, 12, 35])
def test_outputs_in_parts_whose_weights_lie_apart(outputs, tiles, keep, workers, turned, rng, monkeypatch):
    """Of 1, 3, 3, 2, 3 and 35 outputs each: in many strips and in one, and of a kept weight in both, one by one."""
    monkeypatch.setattr(winograd, "OUTPUTS", 2 if outputs == 8 else 3)
    monkeypatch.setattr(winograd, "TILES", tiles)
    monkeypatch.setattr(winograd, "NUMBERS", dict.fromkeys(winograd.NUMBERS, 1))
    monkeypatch.setattr(cutting, "LARGE_WEIGHT", 0)  # so threads share out the outputs of one strip
    monkeypatch.setattr(threads, "WORTH_SHARING", 0)
    monkeypatch.setattr(threads, "thread_count", lambda: workers)
    weight = (
        rng.standard_normal((5, outputs, 3, 3)).swapaxes(0, 1) if turned else rng.standard_normal((outputs, 5, 3, 3))
    )
    window, finish = Window((3, 3), padding=(1, 1)), Finish(rng.standard_normal(outputs), relu=True, keep=keep)
    for size in [(21, 22), (26, 30), (21, 22)]:  # of 36 tiles and 56
        x = random_map(rng, 1, 5, *size)
        expected = np.maximum(convolution.convolve(x, weight, window) + finish.bias[:, None, None], 0)
        found = winograd.convolve(x, weight, window, size, finish)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)


def test_inputs_of_any_layout_are_left_as_they_are(rng):
    x, weight = rng.standard_normal((2, 5, 9, 14))[:, ::2, ::-1, ::2], rng.standard_normal((4, 3, 3, 3))
    before = x.copy(), weight.copy()
    window = Window((3, 3), padding=(1, 1))
    np.testing.assert_allclose(
        winograd.convolve(x, weight, window, window.output_size(x.shape[2:])),
        convolution.convolve(x, weight, window),
        atol=1e-12,
        rtol=0,
    )
    assert np.array_equal(x, before[0])
    assert np.array_equal(weight, before[1])


@pytest.fixture
def zen_4_and_5(monkeypatch):
    """The thresholds of one kind of processor, whichever runs the tests."""
    monkeypatch.setattr(caches, "cache_kind", lambda: "middle")


@pytest.mark.usefixtures("zen_4_and_5")
class TestTheChoice:
    def chosen(self, dtype="float32", window=WINDOW, channels=64, outputs=64, size=(56, 56)):
        room = choose(np.empty((1, channels, 1, 1), dtype), window, size, channels, outputs)
        return next((name for name, known in ALGORITHMS.items() if known == room), room)

    def test_float64_is_computed_as_defined(self):
        assert self.chosen(dtype="float64") == "im2col"

    @pytest.mark.parametrize("case", [{}, {"channels": 16, "outputs": 32}, {"size": (14, 14)}], ids=str)
    def test_vgg_layers_take_winograd_also_narrow_and_small_ones(self, case):
        assert self.chosen(**case) == "winograd"

    @pytest.mark.parametrize(
        "case",
        [
            {"outputs": 15},
            {"channels": 3, "outputs": 128},
            {"size": (12, 12)},
            {"window": Window((1, 1))},
            {"window": Window((7, 7))},
        ],
        ids=str,
    )
    def test_fewer_channels_few_pixels_and_other_kernels_take_strips(self, case):
        assert self.chosen(**case) == "strips"

    def test_upsampling_goes_block_by_block(self):
        assert self.chosen(window=Window((16, 16), (8, 8), (4, 4)), channels=21, outputs=21) == "blocks"


@pytest.mark.parametrize(
    ("sizes", "kind"),
    [
        (("32K", "1024K"), "middle"),  # AMD Zen 4
        (("32K", "512K"), "small"),  # AMD Zen 3
        (("48K", "1024K"), "middle"),  # AMD Zen 5
        (("48K", "2048K"), "large"),  # Intel Xeon
        (("48K", "2M"), "large"),
        ((), "small"),  # where the system does not say
    ],
    ids=str,
)
def test_the_caches_tell_the_kind_of_processor(sizes, kind, tmp_path, monkeypatch):
    for level, size in enumerate(sizes, start=1):
        for name, held in (("instructions", "Instruction"), ("data", "Data" if level == 1 else "Unified")):
            folder = tmp_path / f"index_{level}_{name}"
            folder.mkdir()
            for file, text in {"level": level, "type": held, "size": "64K" if name == "instructions" else size}.items():
                (folder / file).write_text(f"{text}\n")
    monkeypatch.setattr(caches, "CACHES", tmp_path)
    for cached in (caches.cache_bytes, caches.cache_kind):
        cached.cache_clear()
    try:
        assert caches.cache_kind() == kind
    finally:
        for cached in (caches.cache_bytes, caches.cache_kind):
            cached.cache_clear()


@pytest.mark.parametrize(
    ("channels", "outputs", "size", "kinds"),
    [
        *[(16, 16, (56, 56), []), (16, 17, (56, 56), ["middle", "large"]), (15, 64, (56, 56), [])],
        *[(31, 32, (56, 56), ["middle", "large"]), (32, 32, (56, 56), [*algorithm.PAYS])],
        *[(64, 64, (1, 150), []), (64, 64, (1, 151), ["middle"])],
        *[(64, 64, (1, 400), ["middle"]), (64, 64, (1, 401), [*algorithm.PAYS])],
    ],
)
def test_from_how_many_channels_and_pixels_it_is_chosen_depends_on_the_kind(
    channels, outputs, size, kinds, monkeypatch
):
    found = []
    for kind in algorithm.PAYS:
        monkeypatch.setattr(caches, "cache_kind", lambda kind=kind: kind)
        chosen = choose(np.empty((1, channels, 1, 1), "f4"), Window((3, 3)), size, channels, outputs)
        found += [kind] if chosen is winograd else []
    assert found == kinds


@pytest.fixture
def shared(monkeypatch):
    """How many parts three threads are given at each time, however small the work is."""
    counted: list[int] = []

    def sharing(function):
        def counting(call, parts, work):
            counted.append(len(parts) if work else 0)
            return function(call, parts, work)

        return counting

    monkeypatch.setattr(threads, "WORTH_SHARING", 1)
    monkeypatch.setattr(threads, "thread_count", lambda: 3)
    for name in ("share", "share_sum"):
        monkeypatch.setattr(winograd, name, sharing(getattr(threads, name)))
    return counted


@pytest.mark.parametrize(("kind", "strips"), [("small", 6), ("middle", 6), ("large", 3)])
def test_how_large_strips_are_depends_on_the_kind(kind, strips, shared, monkeypatch, rng):
    monkeypatch.setattr(caches, "cache_kind", lambda: kind)
    x, weight = (rng.standard_normal(shape, "f4") for shape in [(1, 64, 384, 32), (1, 64, 3, 3)])  # 768 tiles
    winograd.convolve(x, weight, WINDOW, (384, 32))
    assert shared == [1, strips]  # the weights are one part; 4 strips or 3, and equally many for each thread


@pytest.mark.parametrize(
    ("tiles", "large_weight", "of_map", "of_weight"),
    [
        (1000, 0, [3, 3], [3, 3]),  # one strip: its tiles, and the outputs
        (1, 1 << 30, [3, 6], [6, 3]),  # the weights, and strips; strips, and the weights found
    ],
)
def test_threads_share_all_there_is_to_do(tiles, large_weight, of_map, of_weight, shared, monkeypatch, rng):
    monkeypatch.setattr(winograd, "TILES", tiles)
    monkeypatch.setattr(winograd, "NUMBERS", dict.fromkeys(winograd.NUMBERS, 1))
    monkeypatch.setattr(winograd, "OUTPUTS", 2)
    monkeypatch.setattr(cutting, "LARGE_WEIGHT", large_weight)
    x, weight = rng.standard_normal((1, 5, 24, 4)), rng.standard_normal((6, 5, 3, 3))
    winograd.convolve(x, weight, WINDOW, (24, 4))
    assert shared == of_map
    shared.clear()
    winograd.convolve_weight(x, rng.standard_normal((1, 6, 24, 4)), WINDOW)
    assert shared == of_weight


def test_where_weights_are_large_outputs_are_shared_even_if_they_are_few(shared, rng):
    x, weight = rng.standard_normal((1, 100, 5, 5)), rng.standard_normal((96, 100, 3, 3))
    assert 4 * weight.nbytes > cutting.LARGE_WEIGHT
    winograd.convolve(x, weight, WINDOW, (5, 5))
    assert shared == [2, 3]  # rows of tiles, and outputs of the only strip


@pytest.mark.parametrize("size", [(21, 22), (23, 9), (22, 21), (5, 31)], ids=str)
def test_pools_at_the_edges_of_several_strips(size, monkeypatch, rng):
    monkeypatch.setattr(winograd, "TILES", 1)
    monkeypatch.setattr(winograd, "NUMBERS", dict.fromkeys(winograd.NUMBERS, 1))
    x, weight, halves = rng.standard_normal((1, 5, *size)), rng.standard_normal((4, 5, 3, 3)), Window((2, 2), (2, 2))
    expected = pooling.max_pool(convolution.convolve(x, weight, WINDOW), halves, halves.output_size(size, True))[0]
    found = winograd.convolve(x, weight, WINDOW, size, Finish(np.zeros(4), pool=True))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)
