"""How many scans a JPEG file has: each runs over the whole image, so that a small file could take hours to decode."""

from __future__ import annotations

import os
import re
from pathlib import Path

from minifcn.errors import UserError

MAX_SCANS = 100  # a progressive file has about 10
_START_OF_SCAN, _END = 0xDA, 0xD9
_WITHOUT_LENGTH = (0x01, 0xD8)
# What ends the data of a scan: any marker but a restart. An FF of the data has a zero behind it.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def check_scans(path: str | os.PathLike[str]) -> None:
    """Raise a UserError if a JPEG file has more than `MAX_SCANS`."""
    scans = count_scans(Path(path).read_bytes())
    if scans > MAX_SCANS:
        raise UserError(f"{path}: the JPEG file has {scans} scans, more than {MAX_SCANS}; save it anew")


def count_scans(content: bytes) -> int:
    """Count the scans up to the end of the first image; what follows it, such as a video, is no part of it."""
    scans, found = 0, _MARKER.search(content, 2)
    while found and content[found.end() - 1] != _END:
        marker, at = content[found.end() - 1], found.end()
        scans += marker == _START_OF_SCAN
        if marker not in _WITHOUT_LENGTH:
            at += int.from_bytes(content[at : at + 2], "big")
        found = _MARKER.search(content, at)
    return scans
