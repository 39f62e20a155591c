"""Where a kernel looks: the sizes that convolution and pooling turn into one another."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import SupportsIndex

from minifcn.check import as_whole

Pair = tuple[int, int]

LARGEST = 2**31 - 1  # times the bytes of a row, it still is an address
# How many answers are kept of what a network asks again and again: whether shapes fit, and which size comes out. Of an
# FCN-8s a size of images has about 30 kinds of each.
SIGNATURES = 2048


def pair(value: SupportsIndex | Sequence[SupportsIndex], name: str, least: int = 0) -> Pair:
    """Make (rows, columns) of one whole number or two, each at least `least`; an array of them counts as a tuple.

    >>> pair(2, "stride")
    (2, 2)
    """
    rows, columns = value if type(value) is tuple and len(value) == 2 else (value, value)
    if type(rows) is type(columns) is int and least <= rows <= LARGEST and least <= columns <= LARGEST:
        return rows, columns  # nearly always
    several = isinstance(value, tuple | list) or getattr(value, "ndim", 0) == 1
    values = value if several else (value, value)
    found = [v if type(v) is int else as_whole(v) for v in values]  # type: ignore[union-attr]
    if len(found) != 2 or not all(n is not None and least <= n <= LARGEST for n in found):
        raise ValueError(
            f"{name} must be a whole number of at least {least}, or a pair of them, got {value!r}"
            + f"; the largest possible is {LARGEST}" * any(n is not None and n > LARGEST for n in found)
        )
    return found[0], found[1]  # type: ignore[return-value]


@dataclass(frozen=True)
class Window:
    """Kernel size K, stride S, padding P and dilation D; the letters are those of the paper's reference implementation.

    Parameters
    ----------
    kernel, stride, padding, dilation : (rows, columns)
        In pixels.
    caller : str
        Whose window it is, for messages.
    """

    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    caller: str = field(default="", compare=False, repr=False)

    @classmethod
    def of(cls, kernel_size, stride=1, padding=0, dilation=1, *, caller: str = "") -> Window:
        """Make a window of numbers or pairs, and refuse impossible ones by a message that names the caller.

        >>> Window.of(3, stride=2, padding=(1, 0))
        Window(kernel=(3, 3), stride=(2, 2), padding=(1, 0), dilation=(1, 1))
        """
        settings = kernel_size, stride, padding, dilation
        if not type(kernel_size) is type(stride) is type(padding) is type(dilation) is tuple:
            settings = _pairs(*settings, caller)
        try:
            (kh, kw), (sh, sw), (ph, pw), (dh, dw) = settings
            return _made(caller, kh, kw, sh, sw, ph, pw, dh, dw)
        except (ValueError, TypeError):
            pass
        return cls(*_pairs(*settings, caller), caller)  # or says what is no pair, and which number is none

    @classmethod
    def of_pool(cls, kernel_size, stride=None, padding=0, dilation=1, *, caller: str = "") -> Window:
        """Make the window of a pool: its stride is the kernel size unless given, its padding at most half of that.

        >>> Window.of_pool(2).stride
        (2, 2)
        """
        window = cls.of(kernel_size, kernel_size if stride is None else stride, padding, dilation, caller=caller)
        if window.padding != (0, 0) and any(2 * p > k for p, k in zip(window.padding, window.kernel, strict=True)):
            raise ValueError(
                f"{window._prefix}padding {window.padding} must be at most half the kernel size {window.kernel}, or a "
                "window could lie in the padding alone"
            )
        return window

    @functools.lru_cache(SIGNATURES)  # noqa: B019 (a window is small, and keeps nothing alive)
    def output_size(self, size: Pair, ceil_mode: bool = False) -> Pair:
        """Size of the map of windows: (n + 2P - D(K-1) - 1) // S + 1 per axis.

        With `ceil_mode` the division rounds up, as Caffe's pooling does, so that the last pixels are covered by a
        window that hangs over the edge; one that would start in the padding is dropped.

        >>> Window.of(3, stride=2, padding=1).output_size((5, 6))
        (3, 3)
        >>> Window.of(2, stride=2).output_size((349, 1), ceil_mode=True)
        (175, 1)
        """
        result = []
        for n, k, s, p, d in zip(size, self.kernel, self.stride, self.padding, self.dilation, strict=True):
            room = n + 2 * p - d * (k - 1) - 1
            windows = (-(-room // s) if ceil_mode else room // s) + 1
            if ceil_mode and (windows - 1) * s >= n + p:
                windows -= 1
            if windows < 1:
                raise ValueError(
                    f"{self._prefix}a kernel of {self.kernel[0]}x{self.kernel[1]} with padding {self.padding} and "
                    f"dilation {self.dilation} does not fit on a map of {size[0]}x{size[1]}; pad more or use a smaller "
                    "kernel"
                )
            result.append(windows)
        return result[0], result[1]

    @functools.lru_cache(SIGNATURES)  # noqa: B019 (a window is small, and keeps nothing alive)
    def span(self, size: Pair) -> Pair:
        """Pixels from the first to the last that `size` windows see: (n - 1)S + D(K-1) + 1 per axis.

        >>> Window.of(3, stride=2, padding=1).span((4, 1))
        (9, 3)
        """
        rows, columns = (
            (n - 1) * s + d * (k - 1) + 1
            for n, k, s, d in zip(size, self.kernel, self.stride, self.dilation, strict=True)
        )
        return rows, columns

    @functools.lru_cache(SIGNATURES)  # noqa: B019 (a window is small, and keeps nothing alive)
    def reach(self, size: Pair, start: int, stop: int, width: int) -> tuple[slice, slice, tuple[int, int, int, int]]:
        """What rows start to stop of `width` windows see: rows and columns of a map of a size, and the padding around.

        >>> Window.of(3, padding=1).reach((5, 7), 3, 5, 7)  # padding: left, right, top, bottom
        (slice(2, 5, None), slice(None, 7, None), (1, 1, 0, 1))
        """
        top, left = start * self.stride[0] - self.padding[0], self.padding[1]
        height, across = self.span((stop - start, width))
        first, last = (min(max(edge, 0), size[0]) for edge in (top, top + height))
        right = max(0, min(size[1], across - left))  # none, if the only windows lie in the padding
        return slice(first, last), slice(right), (left, across - left - right, first - top, top + height - last)

    @functools.lru_cache(SIGNATURES)  # noqa: B019 (a window is small, and keeps nothing alive)
    def transposed_size(self, size: Pair, output_padding: Pair = (0, 0)) -> Pair:
        """Size of a map with `size` windows: (n - 1)S - 2P + D(K-1) + 1 + output_padding per axis.

        S different sizes have equally many windows; `output_padding` in 0..S-1 says which of them is meant.

        >>> Window.of(4, stride=2, padding=1).transposed_size((5, 7))
        (10, 14)
        """
        result = [n - 2 * p + e for n, p, e in zip(self.span(size), self.padding, output_padding, strict=True)]
        if min(result) < 1:
            raise ValueError(
                f"{self._prefix}padding {self.padding} crops the whole result of {size[0]}x{size[1]} away; use less"
            )
        return result[0], result[1]

    def output_padding(self, value) -> Pair:
        """Take the rows and columns kept at the end of a `transposed_size`: fewer than the stride or the dilation.

        >>> Window.of(4, stride=2).output_padding(1)
        (1, 1)
        """
        extra = pair(value, f"{self._prefix}output_padding")
        if extra == (0, 0):
            return extra
        if any(e >= max(s, d) for e, s, d in zip(extra, self.stride, self.dilation, strict=True)):
            raise ValueError(
                f"{self._prefix}output_padding {extra} must be less than stride {self.stride} or dilation "
                f"{self.dilation}; a larger one would add rows that no pixel reaches"
            )
        return extra

    @functools.lru_cache(SIGNATURES)  # noqa: B019 (a window is small, and keeps nothing alive)
    def turned(self) -> Window | None:
        """Give the window of the transposed convolution as a convolution with the kernel turned by 180 degrees.

        None if it is no such convolution: if the stride is above 1, or the padding crops pixels that a kernel reaches.

        >>> Window.of(3, padding=1).turned()
        Window(kernel=(3, 3), stride=(1, 1), padding=(1, 1), dilation=(1, 1))
        """
        axes = zip(self.kernel, self.padding, self.dilation, strict=True)
        top, left = (d * (k - 1) - p for k, p, d in axes)
        if self.stride != (1, 1) or min(top, left) < 0:
            return None
        return Window(self.kernel, (1, 1), (top, left), self.dilation)

    @property
    def apart(self) -> bool:
        """Whether no two windows share a pixel, as each ends before the next begins.

        >>> Window.of(2, stride=2).apart, Window.of(3, stride=2).apart
        (True, False)
        """
        return all(d * (k - 1) < s for k, s, d in zip(self.kernel, self.stride, self.dilation, strict=True))

    @property
    def _prefix(self) -> str:
        return f"{self.caller}: " if self.caller else ""

    def along(self, axis: int) -> tuple[int, int, int, int]:
        """Give kernel size, stride, padding and dilation of the rows (0) or the columns (1)."""
        return self.kernel[axis], self.stride[axis], self.padding[axis], self.dilation[axis]


def _pairs(kernel_size, stride, padding, dilation, caller: str) -> tuple[Pair, Pair, Pair, Pair]:
    prefix = f"{caller}: " if caller else ""
    return (
        pair(kernel_size, f"{prefix}kernel_size", 1),
        pair(stride, f"{prefix}stride", 1),
        pair(padding, f"{prefix}padding"),
        pair(dilation, f"{prefix}dilation", 1),
    )


@functools.lru_cache(SIGNATURES, typed=True)  # to which 2.0 and True are not the numbers that they equal
def _made(caller: str, *numbers) -> Window:
    kernel, stride, padding, dilation = zip(numbers[::2], numbers[1::2], strict=True)
    return Window(*_pairs(kernel, stride, padding, dilation, caller), caller)


HALVES = Window((2, 2), (2, 2))  # the pool that a convolution may take along
