"""The machine on which something was measured."""

from __future__ import annotations

import os
import platform
import re
import time
from pathlib import Path

import numpy as np
import threadpoolctl

from minifcn.backend import array_module, device_name, share, thread_count, to_device, use_device, wait_for

SETTINGS = (
    *("MINIFCN_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY"),
)
SGEMM = 1024, 512, 2304  # rows, columns and inner dimension: a product such as VGG16's


def describe(device: str = "cpu", precision: str = "float32") -> dict[str, str]:
    """Describe the processor, its memory, and what NumPy computes with; and a GPU, if that is the device.

    Parameters
    ----------
    device, precision : str
        As in `backend.use_device`.

    Returns
    -------
    dict of str
        What the system does not tell is left out.

    Examples
    --------
    >>> describe()["NumPy"] == np.__version__
    True
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    facts = {
        "processor": _processor(),
        "cores": f"{usable} usable, {thread_count()} threads in minifcn",
        "caches": _caches(),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "BLAS": ", ".join(map(_blas, (info for info in threadpoolctl.threadpool_info() if info["user_api"] == "blas"))),
        "set in the environment": ", ".join(f"{name}={os.environ[name]}" for name in SETTINGS if name in os.environ)
        or "nothing",
        "GPU": f"{device_name(device)}, {precision}" if use_device(device, precision) != "cpu" else "",
    }
    return {name: fact for name, fact in facts.items() if fact}


def sgemm_peak(device: str = "cpu", precision: str = "float32", repetitions: int = 20) -> float:
    """Measure what a device can multiply at most: a float32 product on each core at the same time, or one on a GPU.

    Parameters
    ----------
    device, precision : str
        As in `backend.use_device`.
    repetitions : int

    Returns
    -------
    float
        GFLOP/s of the fastest repetition.
    """
    device, (rows, columns, inner) = use_device(device, precision), SGEMM
    on_gpu = device != "cpu"
    rows *= 64 if on_gpu else 1
    a, b = (to_device(np.ones(shape, "float32"), device) for shape in ((rows, inner), (inner, columns)))
    xp = array_module(a)
    results = [xp.empty((rows, columns), "float32") for _ in range(1 if on_gpu else thread_count())]
    work = rows * columns * inner * len(results)
    seconds = []
    for _ in range(repetitions):
        started = time.perf_counter()
        share(lambda result: xp.matmul(a, b, out=result), results, work)
        wait_for(device)
        seconds.append(time.perf_counter() - started)
    return 2e-9 * work / min(seconds)


def _processor() -> str:
    names = re.findall(r"^model name\s*:\s*(.+)$", _text("/proc/cpuinfo"), re.MULTILINE)
    return names[0] if names else platform.processor() or platform.machine()


def _caches() -> str:
    found = []
    for cache in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (_text(cache / name) for name in ("level", "type", "size"))
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return ", ".join(found)


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB"
    except (AttributeError, ValueError, OSError):
        return ""


def _blas(info: dict) -> str:
    return f"{info['internal_api']} {info['version']}, {info.get('architecture')}, {info['num_threads']} threads"


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
