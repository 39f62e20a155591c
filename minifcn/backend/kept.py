"""What is made of a weight, kept while nothing trains: Winograd transforms a weight once and not for every image.

It is used again only if every bit of the weight is what it was, which is looked up in a copy. So whoever changes a
weight, by an optimiser, `load_state_dict` or ``weight.data[...] = 0``, is never given what belongs to the old one. To
compare takes a seventh of the time of transforming.

A weight loses what was kept of it when it takes part in what is recorded, as in training, and when it goes. All that is
kept takes at most MINIFCN_KEEP_MB (16 unless set) of the scratch memory, and `release_workspace` frees it too.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minifcn.backend import workspace
from minifcn.backend.pieces import piecewise


class Kept(NamedTuple):
    """What was made of an array.

    Parameters
    ----------
    owner : weak reference
        To the array whose memory it was made of.
    copy : array
        What was in that memory.
    made : array
    """

    owner: weakref.ref
    copy: np.ndarray
    made: Any

    @property
    def nbytes(self) -> int:
        """Bytes of what is kept."""
        return self.copy.nbytes + self.made.nbytes


_kept = workspace.shared_buffers()


def kept(name: str, array: Any, make: Callable, nbytes: int, keep: bool) -> Any:
    """Give make(array), or what was kept of that; None if it is not to be kept, or there is no room.

    Parameters
    ----------
    name : str
        Of what is made.
    array : array of NumPy
        Others are not kept: a GPU would have to be waited for.
    make : function of the array
    nbytes : int
        Size of what it gives.
    keep : bool
        Otherwise what was kept is forgotten.

    Examples
    --------
    >>> weight = np.ones(2)
    >>> first = kept("double", weight, lambda w: 2 * w, nbytes=16, keep=True)
    >>> first is kept("double", weight, lambda w: 2 * w, nbytes=16, keep=True)
    True
    >>> weight[0] = 3
    >>> kept("double", weight, lambda w: 2 * w, nbytes=16, keep=True)
    array([6., 2.])
    """
    if type(array) is not np.ndarray or not (keep or _kept):
        return None
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    key = name, array.__array_interface__["data"][0], array.shape, array.strides
    found = _kept.get(key)
    if found is not None:
        if keep and found.owner() is owner and _same_bits(array, found.copy):
            return found.made
        _kept.pop(key, None)
    if keep and workspace.room_for(array.nbytes + nbytes, _kept):
        copy = array.copy(order="K")
        made = make(copy)  # another thread may change the array meanwhile
        workspace.put(key, Kept(weakref.ref(owner, lambda _: _kept.pop(key, None)), copy, made), _kept)
        return made
    return None


def _same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays of one shape are the same bit for bit: nan is itself, and 0 is not -0."""
    bits, differ = f"u{a.itemsize}", list[bool]()
    piecewise(lambda a, b: differ.append(bool((a != b).any())), a.view(bits), b.view(bits))
    return not any(differ)
