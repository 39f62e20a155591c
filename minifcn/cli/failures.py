"""What a command says of an error, and with which status it ends."""

from __future__ import annotations

import errno
import signal

from minifcn.errors import UserError

EXPECTED = (UserError, MemoryError, KeyboardInterrupt, OSError)
# What helps where a file cannot be written or read.
_FIXES = {
    errno.ENOSPC: "; make room on the disk, or choose another place",
    errno.EROFS: "; choose another place",
    errno.ENAMETOOLONG: "; choose a shorter name",
    errno.ELOOP: "; mend the link, or remove it",
    errno.EIO: "; look whether the disk is sound",
}


def told(error: BaseException) -> tuple[str, int]:
    """Give the message of an expected error, and the exit status.

    >>> told(UserError("photo.jpg: the file is empty"))
    ('photo.jpg: the file is empty', 2)
    >>> told(PermissionError(13, "Permission denied", "best.npz"))
    ('best.npz: Permission denied; change its permissions (chmod), or ask whoever owns it to', 2)
    """
    if isinstance(error, UserError):
        return str(error), 2
    if isinstance(error, MemoryError):
        advice = "choose a smaller image, batch or network (--size, --longer-side, --tile, --batch-size, --width)"
        return f"not enough memory{f' ({error})' if str(error) else ''}; {advice}", 2
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "interrupted", 128 + getattr(error, "signum", signal.SIGINT)
    if isinstance(error, PermissionError) and error.filename:
        return f"{error.filename}: {error.strerror}; change its permissions (chmod), or ask whoever owns it to", 2
    if isinstance(error, OSError):
        fix = _FIXES.get(error.errno or 0, "") if error.filename else ""
        place = error.filename or ("standard output" if error.errno in (errno.ENOSPC, errno.EIO) else "")
        return (f"{place}: {error.strerror}{fix}" if place else str(error)), 2
    return f"{type(error).__name__}: {error}", 1
