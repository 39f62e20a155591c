"""The probabilities of the classes of an image, in a file that grows row by row."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from minifcn.backend import to_host
from minifcn.compute.window import Pair
from minifcn.files import atomic_write
from minifcn.training.resizing import Block


def probabilities(scores: np.ndarray) -> np.ndarray:
    """Turn scores into the probabilities of the classes, by softmax.

    Parameters
    ----------
    scores : array (C, ...)

    Returns
    -------
    array (C, ...)

    Examples
    --------
    >>> probabilities(np.array([[0.0, 1000.0], [0.0, 0.0]])).tolist()
    [[0.5, 1.0], [0.5, 0.0]]
    """
    powers = np.exp(scores - scores.max(axis=0))
    return powers / powers.sum(axis=0)


_MEMBERS = {"class_names.npy", "probabilities.npy"}


def holds_probabilities(path: str | os.PathLike) -> bool:
    """Tell whether a file is one that `probability_file` wrote.

    >>> holds_probabilities("nowhere.npz")
    False
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {*archive.namelist()} == _MEMBERS
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


@contextmanager
def probability_file(
    path: str | os.PathLike, size: Pair, class_names: Sequence[str]
) -> Iterator[Callable[[Block], None]]:
    """Write the probabilities of an image's classes to an .npz file, block by block.

    The file has `probabilities`, a float16 array (H, W, C) so that rows can be added as they come, and `class_names`.
    It is there when it is complete.

    Parameters
    ----------
    path : path of the .npz, in an existing folder
    size : (H, W)
    class_names : sequence of C str

    Yields
    ------
    callable (Block)
        Takes the scores, in rows of blocks from top to bottom, and in each from left to right.

    Examples
    --------
    >>> import tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "photo.npz")
    >>> with probability_file(path, (1, 2), ("sky", "road")) as add:
    ...     add(Block(0, 0, np.array([[[0.0, 9.0]], [[0.0, -9.0]]])))
    >>> with np.load(path) as file:
    ...     file["probabilities"].tolist(), file["class_names"].tolist()
    ([[[0.5, 0.5], [1.0, 0.0]]], ['sky', 'road'])
    """
    height, width = size
    shape = height, width, len(class_names)
    rows = np.empty((0, *shape[1:]), "<f2")  # those that blocks have begun
    with atomic_write(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        with archive.open("class_names.npy", "w") as member:
            np.lib.format.write_array(member, np.array([*class_names], str), allow_pickle=False)
        with archive.open("probabilities.npy", "w", force_zip64=True) as member:
            about = {"descr": rows.dtype.str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(member, about)

            def add(block: Block) -> None:
                nonlocal rows
                found = probabilities(to_host(block.scores)).transpose(1, 2, 0)
                if block.left == 0:
                    rows = np.empty((len(found), *shape[1:]), rows.dtype)
                _, columns = block.place
                rows[:, columns] = found
                if columns.stop == width:
                    member.write(rows.data)

            yield add
