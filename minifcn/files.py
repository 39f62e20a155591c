"""Files that are whole or not there, as every room writes them, and folders that one run holds.

A file is written under another name first, and renamed when it is complete and on the disk.
"""

from __future__ import annotations

import errno
import os
import secrets
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK = ".minifcn.lock"
_TEMPORARY = ".minifcn-{}.tmp"
_OPEN = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_held = threading.local()  # .folders: those that this thread holds


class FolderInUse(BlockingIOError, ValueError):
    """Another run holds the folder; see `lock_folder`."""


@contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its name only when it is complete and on the disk.

    After a crash at any moment `path` holds what it held before, or all of the new content. Writers of one path do not
    meet: each has a temporary file of its own, hidden in the same folder, and the last one that is complete stays. What
    a killed process leaves behind, `remove_leftovers` finds. A link at `path` is replaced, not followed.

    Parameters
    ----------
    path : path of a file in an existing folder

    Yields
    ------
    binary file

    Raises
    ------
    OSError
        Naming `path`: of the disk, or if something is there that is no file: a folder, or a device such as /dev/null.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "note.txt"
    >>> with atomic_write(path) as file:
    ...     _ = file.write(b"complete")
    >>> path.read_text()
    'complete'
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        what = "is a folder" if path.is_dir() else "is a device, not a file"
        raise OSError(errno.EEXIST, f"{what}; choose another name", str(path))
    names: list[Path] = []
    try:
        with os.fdopen(_private_file(path.parent, names), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if sys.platform != "win32":
                os.replace(names[-1], path)  # while it is locked, so that nobody takes it for a leftover
        if sys.platform == "win32":
            os.replace(names[-1], path)  # Windows renames no open file
    except BaseException as error:
        for temporary in names:
            with suppress(OSError):  # it may never have been made
                temporary.unlink()
        if isinstance(error, OSError) and (not names or error.filename in (None, *names, *map(str, names))):
            # A full disk names no file, and nobody knows the temporary one.
            raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error
        raise


def remove_leftovers(folder: str | os.PathLike) -> None:
    """Remove the temporary files of processes that were killed; those of living ones stay.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / ".minifcn-0123456789abcdef.tmp").touch()
    >>> remove_leftovers(folder)
    >>> list(folder.iterdir())
    []
    """
    for path in Path(folder).glob(_TEMPORARY.format("*")):
        with suppress(OSError):  # somebody else removes it too, or the file system has no locks
            if sys.platform == "win32":
                path.unlink()  # which Windows refuses for an open file
                continue
            descriptor = os.open(path, _OPEN | os.O_NONBLOCK)
            try:
                if _lock(descriptor):
                    path.unlink()
            finally:
                os.close(descriptor)


@contextmanager
def lock_folder(folder: str | os.PathLike) -> Iterator[None]:
    """Hold a folder, so that no other process or thread writes its run there; a process that dies lets go.

    The thread that holds it may enter again. A file system without locks lets everybody in.

    Parameters
    ----------
    folder : path of an existing folder

    Raises
    ------
    FolderInUse
        If another run holds it.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with lock_folder(folder):
    ...     os.listdir(folder)
    ['.minifcn.lock']
    >>> os.listdir(folder)
    []
    """
    held: set[str] = _held.__dict__.setdefault("folders", set())
    name = os.path.realpath(folder)
    if name in held:
        yield
        return
    path = Path(name) / LOCK
    descriptor = _locked_file(path, folder)
    held.add(name)
    try:
        yield
    finally:
        held.discard(name)
        if sys.platform == "win32":
            os.close(descriptor)
        with suppress(OSError):
            path.unlink()
        if sys.platform != "win32":
            os.close(descriptor)


def _locked_file(path: Path, folder: str | os.PathLike) -> int:
    while True:
        try:
            descriptor = os.open(path, _OPEN | os.O_CREAT, 0o666)
        except OSError as error:
            error.filename = str(folder)
            raise
        try:
            alone = _lock(descriptor)
        except OSError:
            return descriptor  # a file system without locks
        if not alone:
            os.close(descriptor)
            what = "another run is at work there; wait for its end, or choose another folder"
            raise FolderInUse(errno.EAGAIN, what, str(folder))
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        os.close(descriptor)  # its last holder removed it meanwhile: a lock on it would keep nobody out


def _private_file(folder: Path, names: list[Path]) -> int:
    """Open a file that nobody else has; its name is noted before it is made, since Ctrl-C may come at any moment."""
    while True:
        path = folder / _TEMPORARY.format(secrets.token_hex(8))
        names.append(path)
        try:
            descriptor = os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:  # somebody else's
            names.pop()
            raise
        with suppress(OSError):  # no locks: then `remove_leftovers` cannot lock it either, and lets it be
            if sys.platform != "win32" and not (_lock(descriptor) and os.fstat(descriptor).st_nlink):
                os.close(descriptor)  # `remove_leftovers` came between
                continue
        return descriptor


def _lock(descriptor: int) -> bool:
    """Lock an open file until it is closed or the process ends; False if somebody else holds it."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            return False
        raise
    return True
