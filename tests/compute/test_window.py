"""How many windows fit on a map: the formulas against putting windows down one by one, and against the literature."""

from itertools import product

import numpy as np
import pytest
import textbook

from minifcn.compute.window import Window, pair

SETTINGS = list(product([1, 2, 3, 5], [1, 2, 3, 4], [0, 1, 2], [1, 2, 3]))  # K, S, P, D


@pytest.mark.parametrize(
    ("settings", "ceil_mode"),
    [(settings, False) for settings in SETTINGS] + [((k, s, p, d), True) for k, s, p, d in SETTINGS if 2 * p <= k],
    ids=str,
)
def test_output_size_counts_the_windows(settings, ceil_mode):
    window, (k, s, p, d) = Window.of(*settings), settings
    for n in range(max(1, d * (k - 1) + 1 - 2 * p), 20):
        expected = textbook.count_windows(n, k, s, p, d, ceil_mode)
        assert window.output_size((n, n), ceil_mode) == (expected, expected), n


@pytest.mark.parametrize(
    ("n", "window", "ceil_mode", "expected"),
    [
        (224, Window.of(3, padding=1), False, 224),  # VGG16: convolutions keep the size
        (227, Window.of(11, 4), False, 55),  # AlexNet's conv1
        (55, Window.of(3, 2), True, 27),  # AlexNet's pool1
        (112, Window.of(3, 2), True, 56),  # GoogLeNet's pool1: Caffe rounds up
        (112, Window.of(3, 2), False, 55),
        (698, Window.of(2, 2), True, 349),  # the paper's net on 500 pixels: conv1 gives 698, pool1 349, pool2 175
        (349, Window.of(2, 2), True, 175),
        (349, Window.of(2, 2), False, 174),
    ],
)
def test_sizes_of_published_nets(n, window, ceil_mode, expected):
    assert window.output_size((n, n), ceil_mode) == (expected, expected)


def test_a_last_window_that_would_start_in_the_padding_is_dropped():
    """Rounded up there would be 3 windows on 3 pixels; the third would start at pixel 3, where only padding is."""
    window = Window.of(2, stride=2, padding=1)
    assert window.output_size((3, 3), ceil_mode=True) == (2, 2)
    assert window.output_size((4, 4), ceil_mode=True) == (3, 3)


def test_rows_and_columns_are_counted_separately():
    assert Window.of((3, 5), (2, 1), (1, 0), (1, 2)).output_size((10, 12)) == (5, 4)
    assert Window.of((3, 5), (2, 1), (1, 0), (1, 2)).transposed_size((5, 4)) == (9, 12)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_transposed_size_is_the_smallest_map_with_so_many_windows(settings):
    window, s = Window.of(*settings), settings[1]
    for n in range(1, 8):
        try:
            smallest = window.transposed_size((n, n))[0]
        except ValueError:
            continue  # all of it would be cropped
        assert all(window.output_size((m, m)) == (n, n) for m in range(smallest, smallest + s))
        assert window.output_size((smallest + s,) * 2) == (n + 1, n + 1)
        assert window.transposed_size((n, n), (s - 1, 0)) == (smallest + s - 1, smallest)


def test_a_kernel_larger_than_the_padded_map_is_refused():
    rule = r"kernel of 5x5 with padding \(1, 1\) and dilation \(1, 1\) does not fit on a map of 2x9"
    with pytest.raises(ValueError, match=rule + "; pad more or use a smaller kernel"):
        Window.of(5, padding=1).output_size((2, 9))


def test_a_padding_that_crops_everything_away_is_refused():
    with pytest.raises(ValueError, match=r"padding \(2, 2\) crops the whole result of 1x1 away"):
        Window.of(3, padding=2).transposed_size((1, 1))


@pytest.mark.parametrize(
    ("argument", "value"),
    [("kernel_size", 0), ("stride", 0), ("padding", -1), ("dilation", (1, 0)), ("stride", 1.5), ("padding", (1, 2, 3))],
    ids=str,
)
def test_impossible_windows_are_refused_by_name(argument, value):
    arguments = {"kernel_size": 3} | {argument: value}
    with pytest.raises(ValueError, match=f"^{argument} must be a whole number of at least [01], or a pair"):
        Window.of(**arguments)


@pytest.mark.parametrize("stride", [(2.0, 2.0), (True, True), (2, 2, 2), (0, 0)], ids=str)
def test_what_equals_a_window_that_was_made_before_is_refused_all_the_same(stride):
    for made in [(2, 2), (1, 1)]:
        Window.of((3, 3), made, (1, 1), (1, 1), caller="conv2d")
    for _ in range(2):
        with pytest.raises(ValueError, match="conv2d: stride must be a whole number"):
            Window.of((3, 3), stride, (1, 1), (1, 1), caller="conv2d")


def test_pair_takes_numbers_of_numpy():
    assert pair(np.int64(3), "stride") == (3, 3)
    assert type(pair(np.int64(3), "stride")[0]) is int


def test_windows_that_lie_in_the_padding_reach_no_pixel():
    """A single one, at row and column -3: neither first nor last pixel, from whichever end one counts."""
    down, across, _ = Window((1, 1), stride=(9, 9), padding=(3, 3)).reach((3, 3), 0, 1, 1)
    assert (down, across) == (slice(0, 0), slice(0))
