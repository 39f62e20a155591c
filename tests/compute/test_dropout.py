"""Dropout's words are those of the paper's Philox; every element has its own, on every device; layers share none."""

import numpy as np
import pytest
import standin

import minifcn.functional as F
from minifcn import Tensor, grad, to_device, to_host
from minifcn.backend.philox import words
from minifcn.compute.dropout import Mask, PartOfBatch

LOWER = (1 << 64) - 1


def philox(counter, key, rounds=10):
    """Philox4x64 as the paper writes it (section 3.3), in Python's whole numbers."""
    (a, b, c, d), (k0, k1) = counter, key
    for _ in range(rounds):
        first, second = 0xD2E7470EE14C6C93 * a, 0xCA5A826395121157 * c
        a, b, c, d = (second >> 64) ^ b ^ k0, second & LOWER, (first >> 64) ^ d ^ k1, first & LOWER
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & LOWER, (k1 + 0xBB67AE8584CAA73B) & LOWER
    return [a, b, c, d]


KNOWN_ANSWERS = {  # counter, key, words: the test vectors published with the paper's own code, Random123
    "zeros": ([0] * 4, [0] * 2, "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b"),
    "ones": ([LOWER] * 4, [LOWER] * 2, "87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0"),
    "digits of pi": (
        [0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89],
        [0x452821E638D01377, 0xBE5466CF34E90C6C],
        "a528f45403e61d95 38c72dbd566e9788 a5a1610e72fd18b5 57bd43b5e52b7fe6",
    ),
}


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS.values(), ids=KNOWN_ANSWERS)
def test_known_answers(counter, key, answer):
    assert philox(counter, key) == [int(word, 16) for word in answer.split()]


def words_one_by_one(key, count):
    """32-bit words: the counter of the first is 1, each gives four of 64 bits, and these two each, the lower first."""
    blocks = (philox([1 + n, 0, 0, 0], [key & LOWER, key >> 64]) for n in range(-(-count // 8)))
    return [word >> shift & 0xFFFFFFFF for block in blocks for word in block for shift in (0, 32)][:count]


@pytest.mark.parametrize("key", [0, 1, 1 << 64, (1 << 128) - 1, 0x0123456789ABCDEF_FEDCBA9876543210], ids=hex)
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 1000])
def test_the_words_are_philox_of_the_counter(key, count):
    assert words(key, count).tolist() == words_one_by_one(key, count)


def test_a_word_depends_on_its_place_alone():
    np.testing.assert_array_equal(words(3, 1000)[:77], words(3, 77))


@pytest.mark.parametrize("p", [0.0, 2**-32, 0.1, 0.5, 1 - 2**-32, np.nextafter(1, 0)])
def test_what_is_kept_is_the_part_of_all_words_that_p_leaves(p):
    """Words are whole numbers below 2^32, so the part is right to 2^-33."""
    mask = Mask(key=5, p=p, shape=(1, 10_000))
    np.testing.assert_array_equal(mask.kept[0], words(5, 10_000) >= p * 2**32 - 0.5)


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


class TestChance:
    """Bounds of five standard deviations of independent coins, with fixed keys: it holds or it does not."""

    COUNT = 1_000_000
    BOUND = 5 / COUNT**0.5

    @pytest.mark.parametrize("p", [0.01, 0.1, 0.5, 0.9])
    @pytest.mark.parametrize("key", [0, 1, 12345 << 64])
    def test_p_of_them_are_dropped(self, p, key):
        kept = Mask(key, p, (self.COUNT,)).kept
        assert abs(kept.mean() - (1 - p)) < 5 * (p * (1 - p) / self.COUNT) ** 0.5

    @pytest.mark.parametrize("bit", range(32))
    def test_every_bit_of_a_word_is_a_fair_coin(self, bit):
        assert abs((words(9, self.COUNT) >> bit & 1).mean() - 0.5) < self.BOUND / 2

    @pytest.mark.parametrize("distance", [1, 2, 3, 4, 7, 8, 64, 512, 4096])
    def test_neighbours_know_nothing_of_each_other(self, distance):
        kept = words(11, self.COUNT) >= 1 << 31
        assert abs(correlation(kept[distance:], kept[:-distance])) < self.BOUND

    @pytest.mark.parametrize("bit", [0, 1, 31, 63, 64, 127])
    def test_keys_that_differ_in_a_bit_know_nothing_of_each_other(self, bit):
        kept = [words(key, self.COUNT) >= 1 << 31 for key in (77, 77 ^ 1 << bit)]
        assert abs(correlation(*kept)) < self.BOUND

    def test_layers_and_steps_know_nothing_of_each_other(self):
        """Four calls with one generator, as of two layers in two steps."""
        rng, x = np.random.default_rng(0), Tensor(np.ones((1, 64, 50, 50), "float32"))
        masks = [F.dropout(x, rng=rng).data for _ in range(4)]
        found = [abs(correlation(masks[i], masks[j])) for i in range(4) for j in range(i)]
        assert max(found) < 5 / masks[0].size ** 0.5

    def test_channels_and_rows_know_nothing_of_each_other(self):
        mask = F.dropout(Tensor(np.ones((1, 40, 200, 200))), rng=np.random.default_rng(0)).data[0]
        for one, other in [(mask[0], mask[1]), (mask[:, 0], mask[:, 1]), (mask[:, :, 0], mask[:, :, 1])]:
            assert abs(correlation(one, other)) < 5 / one.size**0.5


SHAPES = [(5,), (3, 4), (2, 3, 5), (2, 5, 3, 4), (1, 1, 1, 1), (0, 2, 3, 4), (2, 3, 2, 1, 2)]


@pytest.mark.parametrize(
    ("drop", "shape"),
    [*((F.dropout, shape) for shape in SHAPES), *((F.dropout2d, shape) for shape in SHAPES if len(shape) > 1)],
    ids=str,
)
@pytest.mark.parametrize("layout", ["C order", "channels-last", "every other number"])
def test_a_device_draws_the_mask_of_the_host_and_uploads_nothing(drop, shape, layout, dtype, rng, device):
    x = rng.standard_normal(shape).astype(dtype)
    if layout == "channels-last" and len(shape) > 1:
        x = np.moveaxis(np.moveaxis(x, 1, -1).copy(), -1, 1)
    if layout == "every other number":
        x = np.repeat(x, 2, axis=-1)[..., ::2]
    expected, there = drop(Tensor(x), 0.3, rng=np.random.default_rng(4)).data, to_device(x, device)
    with standin.forbid("h2d", "d2h", "sync"):
        found = drop(Tensor(there), 0.3, rng=np.random.default_rng(4)).data
    np.testing.assert_array_equal(to_host(found), expected)


@pytest.mark.parametrize("drop", [F.dropout, F.dropout2d])
@pytest.mark.parametrize("first", range(5))
def test_a_part_of_a_batch_gets_the_mask_that_it_has_there(drop, first, device, rng):
    x = rng.standard_normal((5, 3, 7, 1))
    whole, own = np.random.default_rng(4), PartOfBatch(np.random.default_rng(4).bit_generator)
    own.first = first
    part = drop(Tensor(to_device(x[first : first + 2], device)), 0.3, rng=own).data
    np.testing.assert_array_equal(to_host(part), drop(Tensor(x), 0.3, rng=whole).data[first : first + 2])


@pytest.mark.parametrize("drop", [F.dropout, F.dropout2d])
def test_the_gradients_of_both_orders_pass_the_same_mask(drop, device, rng):
    array = to_device(rng.standard_normal((2, 3, 4, 5)), device)
    x = Tensor(array, requires_grad=True)
    y = drop(x, 0.3, rng=np.random.default_rng(4))
    kept = to_host(y.data / array)
    (first,) = grad((y**3).sum(), [x], create_graph=True)
    (second,) = grad(first.sum(), [x])
    np.testing.assert_allclose(to_host(first.data), 3 * to_host(array) ** 2 * kept**3, rtol=1e-12)
    np.testing.assert_allclose(to_host(second.data), 6 * to_host(array) * kept**3, rtol=1e-12)


@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_a_generator_that_is_put_back_draws_the_same_masks(bits):
    """As a checkpoint does, which keeps `bit_generator.state`."""
    rng, x = np.random.Generator(bits(3)), Tensor(np.ones((2, 3, 4, 5)))
    rng.random(3, dtype=np.float32)  # an odd number of 32-bit words, of which half a 64-bit one is left
    state = rng.bit_generator.state
    before = [F.dropout(x, rng=rng).data for _ in range(2)]
    rng.bit_generator.state = state
    after = [F.dropout(x, rng=rng).data for _ in range(2)]
    np.testing.assert_array_equal(before, after)
