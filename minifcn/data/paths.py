"""Paths that lead to no file that can be read: links to nothing, folders, pipes, devices."""

from __future__ import annotations

import os


def broken_link(path: str | os.PathLike[str]) -> str:
    """Say that a path is a link to what is not there, and how to go on, or "".

    >>> broken_link("a.jpg")
    ''
    """
    if not os.path.islink(path) or os.path.exists(path):
        return ""
    return f"{os.fspath(path)}: no such file: it is a link to {os.readlink(path)}; mend the link, or remove it"


def no_file(path: str | os.PathLike[str], wanted: str) -> str:
    """Say that what is at a path is no regular file, or is not there, and how to go on, or "".

    To open a pipe may wait for ever, so every file of a data set is held against this first.

    Parameters
    ----------
    path : str or path
    wanted : str
        What should be there, such as "an image".

    Returns
    -------
    str

    Examples
    --------
    >>> no_file(os.curdir, "a list"), no_file(__file__, "a list"), no_file("a.txt", "a list")
    ('.: it is a folder, not a list; remove or rename it', '', 'a.txt: no such file')
    """
    name = os.fspath(path)
    if os.path.isfile(path):
        return ""
    if os.path.isdir(path):
        return f"{name}: it is a folder, not {wanted}; remove or rename it"
    if os.path.exists(path):
        return f"{name}: it is a pipe or a device, not {wanted}; put a regular file in its place, or remove it"
    return broken_link(path) or f"{name}: no such file"


def instead(path: str | os.PathLike[str]) -> str:
    """Say what a file is that was downloaded in the place of another, and how to get that, or "".

    >>> instead(__file__)
    ''
    """
    if no_file(path, "a file"):
        return ""
    try:
        with open(path, "rb") as file:
            head = file.read(64).lstrip().lower()
    except OSError:
        return ""
    if head.startswith(b"version https://git-lfs"):
        return f"{os.fspath(path)}: it is a pointer of Git LFS and not the file itself; run git lfs pull"
    if head.startswith((b"<!doctype html", b"<html")):
        return f"{os.fspath(path)}: it is a web page and not the file itself; download it again"
    return ""


def no_permission(path: str | os.PathLike[str], error: OSError) -> str:
    """Say that a file cannot be read, and how to go on.

    >>> import errno
    >>> no_permission("a.txt", PermissionError(errno.EACCES, "Permission denied"))
    'a.txt: no permission to read the file; change it with chmod +r'
    """
    if isinstance(error, PermissionError):
        return f"{os.fspath(path)}: no permission to read the file; change it with chmod +r"
    return f"{os.fspath(path)}: the file cannot be read ({error.strerror}); look whether the disk is sound"
