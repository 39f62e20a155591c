"""The machine and the libraries that numbers were measured with."""

from __future__ import annotations

import os
import platform
import statistics
import time
from pathlib import Path

import numpy as np
import threadpoolctl

from minifcn.compute.threads import share, thread_count


def describe() -> list[str]:
    """Describe processor, caches, memory, and the libraries that compute."""
    lines = [f"{_processor()}, {thread_count()} threads"]
    if caches := _caches():
        lines[0] += f", caches {caches}"
    if hasattr(os, "sysconf"):
        lines[0] += f", {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB of memory"
    blas = [f"{b['internal_api']} {b['version']} ({b.get('architecture', 'kernels unknown')} kernels)"
            for b in threadpoolctl.threadpool_info() if b["user_api"] == "blas"]  # fmt: skip
    lines.append(f"Python {platform.python_version()}, NumPy {np.__version__}, {', '.join(blas) or 'BLAS unknown'}")
    return lines


def sgemm_peak() -> float:
    """Measure the multiply-adds per second of float32 products of 1024x2304 by 2304x512, one on each core."""
    count = thread_count()
    pairs = [(np.ones((1024, 2304), "float32"), np.ones((2304, 512), "float32")) for _ in range(count)]
    work, seconds = count * 1024 * 2304 * 512, []
    for _ in range(15):
        started = time.perf_counter()
        share(lambda pair: pair[0] @ pair[1], pairs, work)
        seconds.append(time.perf_counter() - started)
    return work / statistics.median(seconds[5:])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    pairs = (line.partition(":") for line in lines)
    fields = {name.strip(): value.strip() for name, _, value in pairs}
    widest = next((w for w in ("avx512f", "avx2", "avx") if w in fields.get("flags", "").split()), "")
    model = fields.get("model name", platform.machine())
    family = f" (family {fields['cpu family']}, model {fields['model']})" if "cpu family" in fields else ""
    return f"{model}{family}{', ' + widest.upper() if widest else ''}"


def _caches() -> str:
    found = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        if kind != "Instruction":
            found[f"L{level}"] = size
    return ", ".join(f"{level} {size}" for level, size in found.items())
