"""Where a kernel looks: the sizes that convolution and pooling turn into one another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral

Pair = tuple[int, int]


def pair(value: int | tuple[int, int], name: str, least: int = 0) -> Pair:
    """Make (rows, columns) of one number or two, each at least `least`.

    >>> pair(2, "stride")
    (2, 2)
    """
    values = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(values) != 2 or not all(_is_whole(v) for v in values) or min(values) < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, or a pair of them, got {value!r}")
    return int(values[0]), int(values[1])


def _is_whole(value) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


@dataclass(frozen=True)
class Window:
    """Kernel size K, stride S, padding P and dilation D, each (rows, columns).

    The letters in the formulas are those of the paper's reference implementation.
    """

    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)

    @classmethod
    def of(cls, kernel_size, stride=1, padding=0, dilation=1) -> Window:
        """Make a window of numbers or pairs, and refuse impossible ones.

        >>> Window.of(3, stride=2, padding=(1, 0))
        Window(kernel=(3, 3), stride=(2, 2), padding=(1, 0), dilation=(1, 1))
        """
        return cls(
            pair(kernel_size, "kernel_size", 1),
            pair(stride, "stride", 1),
            pair(padding, "padding"),
            pair(dilation, "dilation", 1),
        )

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
        for n, k, s, p, d in self._axes(size):
            room = n + 2 * p - d * (k - 1) - 1
            windows = (-(-room // s) if ceil_mode else room // s) + 1
            if ceil_mode and (windows - 1) * s >= n + p:
                windows -= 1
            if windows < 1:
                raise ValueError(
                    f"a kernel of {self.kernel[0]}x{self.kernel[1]} with padding {self.padding} and dilation "
                    f"{self.dilation} does not fit on a map of {size[0]}x{size[1]}; pad more or use a smaller kernel"
                )
            result.append(windows)
        return result[0], result[1]

    def transposed_size(self, size: Pair, output_padding: Pair = (0, 0)) -> Pair:
        """Size of a map with `size` windows: (n - 1)S - 2P + D(K-1) + 1 + output_padding per axis.

        S different sizes have equally many windows; `output_padding` in 0..S-1 says which of them is meant.

        >>> Window.of(4, stride=2, padding=1).transposed_size((5, 7))
        (10, 14)
        """
        result = []
        for (n, k, s, p, d), extra in zip(self._axes(size), output_padding, strict=True):
            result.append((n - 1) * s - 2 * p + d * (k - 1) + 1 + extra)
        if min(result) < 1:
            raise ValueError(f"padding {self.padding} crops the whole result of {size[0]}x{size[1]} away; use less")
        return result[0], result[1]

    def _axes(self, size: Pair) -> Iterator[tuple[int, ...]]:
        return zip(size, self.kernel, self.stride, self.padding, self.dilation, strict=True)
