"""How evenly the stamps of a transposed convolution cover its result, whatever its weights have learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minifcn.check import whole_argument
from minifcn.compute.window import Pair, pair
from minifcn.explain.bilinear import bilinear_steps, sum_of_stamps


@dataclass(frozen=True)
class Line:
    """Stamps along one axis; a map is covered by its rows' stamps times its columns'.

    Parameters
    ----------
    actual : array (n,)
        Sum of the stamps on each pixel of the result.
    endless : array (n,)
        The same if the map went on beyond both ends.
    phases : array (S,)
        Every sum that there is on an endless map: beyond S pixels they repeat themselves.
    """

    actual: np.ndarray
    endless: np.ndarray
    phases: np.ndarray

    @classmethod
    def of(cls, profile: np.ndarray, stride: int, padding: int, pixels: int) -> Line:
        """Add up the stamps (K,) of so many pixels, and of endlessly many.

        On an endless map the places of the stamps that meet on a pixel lie S apart: k, k + S, k + 2S, ...
        """
        actual = sum_of_stamps(profile, stride, padding, pixels)
        phases = np.array([profile[phase::stride].sum() for phase in range(stride)])
        return cls(actual, phases[(np.arange(len(actual)) + padding) % stride], phases)


@dataclass(frozen=True)
class Coverage:
    """How the stamps of a transposed convolution cover its result; see `coverage`.

    Parameters
    ----------
    kernel_size, stride, padding : int
    size : (rows, columns)
        Of the map that is upsampled.
    ones, bilinear : (Line, Line)
        Stamps of a kernel of ones, and of the bilinear kernel: along the rows and along the columns.
    """

    kernel_size: int
    stride: int
    padding: int
    size: Pair
    ones: tuple[Line, Line]
    bilinear: tuple[Line, Line]

    @property
    def stamps(self) -> np.ndarray:
        """Array (OH, OW) of int: how many stamps cover each pixel."""
        rows, columns = self.ones
        return np.outer(rows.actual, columns.actual).astype(int)

    @property
    def inside(self) -> np.ndarray:
        """Array (OH, OW) of int: how many would, if the map went on beyond its border."""
        rows, columns = self.ones
        return np.outer(rows.endless, columns.endless).astype(int)

    @property
    def partition_of_unity(self) -> np.ndarray:
        """Array (OH, OW) of float64: the result for ones and the bilinear kernel."""
        rows, columns = self.bilinear
        return np.outer(rows.actual, columns.actual)

    @property
    def checkerboard(self) -> bool:
        """Whether the stamps on a pixel vary even far from the border, on a map that is large enough to have that."""
        return len(self._counts) > 1

    @property
    def _counts(self) -> list[int]:
        """Numbers of stamps that there are on the pixels of an endless map."""
        rows, columns = self.ones
        return np.unique(np.outer(rows.phases, columns.phases).astype(int)).tolist()

    @property
    def border(self) -> tuple[list[int], list[int]]:
        """Rows and columns that lie under fewer stamps than they would if the map went on."""
        rows, columns = (np.flatnonzero(line.actual < line.endless).tolist() for line in self.ones)
        return rows, columns

    def __str__(self) -> str:
        height, width = self.stamps.shape
        return "\n".join(
            [
                f"kernel {self.kernel_size}, stride {self.stride}, padding {self.padding}: "
                f"{self.size[0]}x{self.size[1]} pixels become {height}x{width}",
                f"inside: {self._inside()}",
                f"border: {self._border()}",
                f"bilinear kernel: {self._unity()}",
            ]
        )

    def _inside(self) -> str:
        *others, most = map(str, self._counts)
        if self.checkerboard:
            counts = f"{', '.join(others)} or {most}"
            return f"a checkerboard, {counts} stamps on a pixel, as the stride does not divide the kernel size"
        return f"even, {most} {'stamp' if most == '1' else 'stamps'} on every pixel"

    def _border(self) -> str:
        rows, columns = self.border
        if not rows and not columns:
            return "as the inside"
        return f"fewer stamps on rows {_ranges(rows)} and columns {_ranges(columns)}"

    def _unity(self) -> str:
        rows, columns = (line.phases for line in self.bilinear)
        low, high = rows.min() * columns.min(), rows.max() * columns.max()
        if not np.allclose([low, high], 1):
            between = f"{low:.3g}" if np.isclose(low, high) else f"between {low:.3g} and {high:.3g}"
            return f"its stamps add up to {between} inside instead of 1; that takes a kernel size of 2·stride"
        share = (self.partition_of_unity < 1 - 1e-9).mean()
        least = self.partition_of_unity.min()
        return "its stamps add up to 1 " + (
            f"inside; to less on {share:.1%} of the pixels, down to {least:.3f}" if share else "everywhere"
        )


def coverage(kernel_size: int, stride: int, padding: int, size: int | Pair) -> Coverage:
    """Count the stamps on each pixel of a transposed convolution: what its shape alone does to a flat map.

    Parameters
    ----------
    kernel_size, stride, padding : int
    size : int or (rows, columns)
        Of the map that is upsampled.

    Returns
    -------
    Coverage
        ``stamps`` is the map of counts, ``checkerboard`` says whether it varies inside, ``border`` which rows and
        columns get fewer, and ``partition_of_unity`` what the bilinear kernel makes of ones. Its str() says it in
        words.

    Notes
    -----
    Odena, Dumoulin and Olah 2016, "Deconvolution and Checkerboard Artifacts". Even counts only mean that weights
    which are all the same make no checkerboard; learned ones can.

    Examples
    --------
    >>> print(coverage(3, stride=2, padding=0, size=4))
    kernel 3, stride 2, padding 0: 4x4 pixels become 9x9
    inside: a checkerboard, 1, 2 or 4 stamps on a pixel, as the stride does not divide the kernel size
    border: fewer stamps on rows 0, 8 and columns 0, 8
    bilinear kernel: its stamps add up to 1 inside; to less on 39.5% of the pixels, down to 0.250

    FCN-32s:

    >>> print(coverage(64, stride=32, padding=16, size=7))
    kernel 64, stride 32, padding 16: 7x7 pixels become 224x224
    inside: even, 4 stamps on every pixel
    border: fewer stamps on rows 0-15, 208-223 and columns 0-15, 208-223
    bilinear kernel: its stamps add up to 1 inside; to less on 26.5% of the pixels, down to 0.266
    """
    rows, columns = pair(size, "size", 1)
    kernel_size = whole_argument(kernel_size, "kernel_size", 1)
    stride, padding = whole_argument(stride, "stride", 1), whole_argument(padding, "padding", 0)
    ones, bilinear = np.ones(kernel_size), bilinear_steps(kernel_size).profile
    return Coverage(
        kernel_size,
        stride,
        padding,
        (rows, columns),
        (Line.of(ones, stride, padding, rows), Line.of(ones, stride, padding, columns)),
        (Line.of(bilinear, stride, padding, rows), Line.of(bilinear, stride, padding, columns)),
    )


def _ranges(places: list[int]) -> str:
    """Write places in increasing order, like 0-15, 208.

    >>> _ranges([0, 1, 2, 7])
    '0-2, 7'
    """
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][1] + 1:
            runs[-1][1] = place
        else:
            runs.append([place, place])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs) or "none"
