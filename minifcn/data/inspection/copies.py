"""Images that are there twice, in one split or in two of them."""

from __future__ import annotations

import hashlib
import os
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from minifcn.data.dataset import Dataset
from minifcn.data.inspection.pairs import files_behind
from minifcn.data.paths import no_file


class Copies:
    """Which images were there before.

    Attributes
    ----------
    found : dict of (split, split of the first one) to list of (name, name of the first one)

    Examples
    --------
    >>> copies = Copies()
    >>> for split, name, content in (("train", "a", b"1"), ("train", "b", b"2"), ("val", "c", b"1")):
    ...     copies.see(split, name, content)
    >>> dict(copies.found)
    {('val', 'train'): [('c', 'a')]}
    """

    def __init__(self) -> None:
        self.found: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        self._first: dict[bytes, tuple[str, str]] = {}

    def see(self, split: str, name: str, digest: bytes) -> None:
        """Take in an image; those of one digest are one."""
        other, first = self._first.setdefault(digest, (split, name))
        if (other, first) != (split, name):
            self.found[split, other].append((name, first))


def copied_files(splits: Mapping[str, Dataset], seconds: float) -> Copies:
    """Find image files that hold the same bytes, without decoding one; only those of one size are read.

    Parameters
    ----------
    splits : mapping from names to data sets
        Those that are no files are passed over.
    seconds : float
        After which no further file is read.

    Returns
    -------
    Copies
    """
    end, copies = time.monotonic() + seconds, Copies()
    sizes: defaultdict[int, list[tuple[str, Path]]] = defaultdict(list)
    for split, dataset in splits.items():
        files = files_behind(dataset)
        for path, _ in files.pairs[: len(dataset)] if files else ():
            if not no_file(path, "an image"):  # what cannot be read is told where it is opened
                sizes[os.path.getsize(path)].append((split, path))
    for size, alike in sizes.items():
        for split, path in alike if len(alike) > 1 else ():
            if time.monotonic() > end:
                return copies
            with suppress(OSError), open(path, "rb") as file:
                digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()
                copies.see(split, str(path), size.to_bytes(8) + digest)
    return copies
