"""What a pixel of a map sees of the image: along each axis from which row to which, layer by layer.

Rows and columns do not mix in convolutions and pools, so each axis is a table of its own: behind row j of the map lie
the rows first[j] to last[j] of the image. A layer reads the table of its input at the rows under its kernel, and keeps
the smallest first and the largest last. There are two ways to read beyond the ends of the table:

- *bounded*: nothing is there. Such a table has every row of a map, and says from which pixels a gradient comes.
- *endless*: the map goes on, and so does the image. After as many rows as there are phases the table repeats itself,
  some rows of the image further on, so it has one row for each phase: one in all before anything is upsampled, 32
  behind an upsampling by 32. It says how large a field is, whatever the size of the image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

NOTHING = 1 << 40  # the first row that a row sees which sees none; its last is -NOTHING


@dataclass(frozen=True, eq=False)
class Reach:
    """Rows (or columns) of the image behind each row of a map.

    Parameters
    ----------
    first, last : (n,) of int
        first > last where a row sees nothing, as rows between the stamps of a small kernel do.
    step : int, optional
        Of an endless map: row j + n sees what row j sees, so many rows further on. None for one that ends.

    Examples
    --------
    Upsampled by 2 with a kernel of 4, every row sees two rows of the image, every other one the same two as the next.
    So two neighbours together see three or two.

    >>> up = Reach.endless().transposed(kernel=4, stride=2, padding=1)
    >>> up.first.tolist(), up.last.tolist(), up.step
    ([-1, 0], [0, 1], 1)
    >>> pair = up.window(kernel=2)
    >>> (pair.last - pair.first + 1).tolist()
    [3, 2]
    """

    first: np.ndarray
    last: np.ndarray
    step: int | None = None

    @classmethod
    def bounded(cls, rows: int) -> Reach:
        """The image itself: row j sees row j."""
        return cls(np.arange(rows), np.arange(rows))

    @classmethod
    def endless(cls) -> Reach:
        """The image, going on above and below."""
        return cls(np.zeros(1, int), np.zeros(1, int), 1)

    @property
    def sees(self) -> np.ndarray:
        """Array (n,) of bool: whether a row sees anything."""
        return self.first <= self.last

    def at(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Read first and last at any rows, beyond the ends of the table too."""
        if self.step is not None:
            turns, phase = np.divmod(rows, len(self.first))
            return self.first[phase] + self.step * turns, self.last[phase] + self.step * turns
        outside = (rows < 0) | (rows >= len(self.first))
        rows = np.where(outside, 0, rows)
        return np.where(outside, NOTHING, self.first[rows]), np.where(outside, -NOTHING, self.last[rows])

    def window(self, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1, size: int = 0) -> Reach:
        """Pass a convolution or a pool to `size` rows: row j sees the rows S j + D k - P, k = 0 .. K - 1.

        With a kernel of 1 it is a crop (of -P rows at the top), a border of P rows, or every S-th row.
        """
        step = None
        if self.step is not None:
            size = len(self.first) // math.gcd(len(self.first), stride)
            step = self.step * stride * size // len(self.first)
        rows = stride * np.arange(size)[:, None] + dilation * np.arange(kernel) - padding
        first, last = self.at(rows)
        return Reach(first.min(axis=1), last.max(axis=1), step)

    def transposed(self, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1, size: int = 0) -> Reach:
        """Pass a transposed convolution to `size` rows: row S j + D k - P sees row j."""
        if self.step is not None:
            size = len(self.first) * stride
        rows, between = np.divmod(np.arange(size)[:, None] + padding - dilation * np.arange(kernel), stride)
        first, last = self.at(rows)
        first, last = np.where(between, NOTHING, first), np.where(between, -NOTHING, last)
        return Reach(first.min(axis=1), last.max(axis=1), self.step)

    def joined(self, other: Reach) -> Reach:
        """See what either of two maps sees, for their sum, say."""
        (first, last), (others_first, others_last) = self._with_rows_of(other), other._with_rows_of(self)
        step = None if self.step is None else self.step * len(first) // len(self.first)
        return Reach(np.minimum(first, others_first), np.maximum(last, others_last), step)

    def sees_where(self, other: Reach) -> bool:
        """Whether the rows that see nothing are the same on both maps."""
        (first, last), (others_first, others_last) = self._with_rows_of(other), other._with_rows_of(self)
        return np.array_equal(first <= last, others_first <= others_last)

    def _with_rows_of(self, other: Reach) -> tuple[np.ndarray, np.ndarray]:
        """First and last for as many rows as both tables need: a whole number of times the phases of each."""
        return self.at(np.arange(math.lcm(len(self.first), len(other.first))))


# Rows and columns: a box of the image for each pixel; together, all that it sees.
Paths = tuple[tuple[Reach, Reach], ...]


def joined(some: Paths, more: Paths) -> Paths:
    """See what either of two maps sees.

    The box around two boxes has the rows and columns of both, unless one of them is empty: then it adds nothing, though
    its rows or its columns alone would. So two paths become one only where both are empty on the same pixels.
    """
    paths = list(some)
    for rows, columns in more:
        for place, (other_rows, other_columns) in enumerate(paths):
            if rows.sees_where(other_rows) and columns.sees_where(other_columns):
                paths[place] = (other_rows.joined(rows), other_columns.joined(columns))
                break
        else:
            paths.append((rows, columns))
    return tuple(paths)


def boxes(paths: Paths, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """What pixels of a map see of the image.

    Parameters
    ----------
    paths : rows and columns of each path
    rows, columns : (I,) and (J,) of int

    Returns
    -------
    array (I, J, 4) of int
        First and last row, first and last column; the first behind the last where a pixel sees nothing.
    """
    found = np.empty((len(rows), len(columns), 4), int)
    found[..., 0::2], found[..., 1::2] = NOTHING, -NOTHING
    for over, along in paths:
        (top, bottom), (left, right) = over.at(rows), along.at(columns)
        box = np.stack(np.broadcast_arrays(top[:, None], bottom[:, None], left, right), axis=-1)
        sees = (box[..., 0] <= box[..., 1]) & (box[..., 2] <= box[..., 3])
        for side, extreme in enumerate((np.minimum, np.maximum) * 2):
            found[..., side] = np.where(sees, extreme(found[..., side], box[..., side]), found[..., side])
    return found


def field_sizes(paths: Paths) -> tuple[tuple[int, int], tuple[int, int]]:
    """Smallest and largest number of rows, and of columns, that a pixel of an endless map sees; 0 if it sees nothing.

    >>> reach = Reach.endless().transposed(kernel=4, stride=2, padding=1).window(kernel=2)
    >>> field_sizes(((reach, Reach.endless()),))
    ((2, 3), (1, 1))
    """
    if len(paths) == 1:  # rows and columns one by one, not each with each
        rows, columns = (np.maximum(reach.last - reach.first + 1, 0) for reach in paths[0])
        all_see, some_see = rows.all() and columns.all(), rows.any() and columns.any()
        least = (rows.min(), columns.min()) if all_see else (0, 0)
        most = (rows.max(), columns.max()) if some_see else (0, 0)
    else:
        found = boxes(paths, *(np.arange(count) for count in phases(paths)))
        sizes = np.maximum(found[..., 1::2] - found[..., 0::2] + 1, 0)
        least, most = sizes.min(axis=(0, 1)), sizes.max(axis=(0, 1))
    return (int(least[0]), int(most[0])), (int(least[1]), int(most[1]))


def phases(paths: Paths) -> tuple[int, int]:
    """Rows and columns of an endless map beyond which what pixels see repeats itself, further on in the image."""
    rows, columns = (math.lcm(*(len(path[axis].first) for path in paths)) for axis in (0, 1))
    return rows, columns
