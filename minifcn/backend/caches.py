"""How large a core's own caches are, which tells what a copy costs there beside a product."""

from __future__ import annotations

import functools
import re
from pathlib import Path

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


@functools.cache
def cache_bytes(level: int) -> int:
    """Give the bytes of the data cache of a level, 1 or 2; 0 where the system does not say.

    >>> cache_bytes(9)
    0
    """
    for cache in CACHES.glob("index*"):
        facts = [_text(cache / name) for name in ("level", "type", "size")]
        size = re.fullmatch(r"(\d+)([KM])", facts[2])
        if facts[0] == str(level) and facts[1] != "Instruction" and size:
            return int(size[1]) << {"K": 10, "M": 20}[size[2]]
    return 0


@functools.cache
def cache_kind() -> str:
    """Say "small", "middle" or "large" of a core's own L2 cache, which tells what it copies beside what it multiplies.

    What was measured: 1 MiB on AMD Zen 4 and 5, where the same choices are quickest; 2 MiB on an Intel Xeon, where for
    14x14 pixels Winograd does not pay. On Zen 3, with 512 KiB, it takes twice the time of strips for these, where on
    Zen 4 it pays: so it is "small", as a system is that says nothing.

    >>> cache_kind() in ("small", "middle", "large")
    True
    """
    return "large" if cache_bytes(2) >= 2 << 20 else "middle" if cache_bytes(2) >= 1 << 20 else "small"


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
