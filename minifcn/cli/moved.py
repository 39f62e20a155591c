"""Data of a run that are not where they were."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from minifcn.errors import UserError


@contextmanager
def asking_for_moved(data: str) -> Iterator[None]:
    """Let an error about data whose path is gone say how to give another one.

    Parameters
    ----------
    data : str
        As in `data.open_dataset`.

    Raises
    ------
    UserError
        The one that was raised, with the option that helps.

    Examples
    --------
    >>> with asking_for_moved("camvid:no/folder"):
    ...     raise UserError("no/folder: does not exist; give its path")
    Traceback (most recent call last):
    minifcn.errors.UserError: no/folder: does not exist; give its path; if it has moved, with --data camvid:PATH
    """
    kind, _, path = data.partition(":")
    try:
        yield
    except UserError as error:
        if not path or os.path.exists(os.path.expanduser(path)):
            raise
        raise UserError(f"{error}; if it has moved, with --data {kind}:PATH") from error
