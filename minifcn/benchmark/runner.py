"""The process of one contestant: prepares a work, and does it once for every line on standard input.

    python -m minifcn.benchmark.runner FILE NAME WORK

It answers with lines of JSON: the memory after the imports and the versions of the packages when it is ready, seconds
and peak memory after each turn, or what went wrong.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from minifcn.benchmark.work import Work

TURN = 0.2  # seconds at least: as in training, short work finds its arrays in the cache, and the cores awake


def main(path: str, name: str, work: str) -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a contestant prints is no answer

    def answer(**facts: Any) -> None:
        print(json.dumps(facts), file=answers, flush=True)

    try:
        sys.path.append(str(Path(path).parent))  # for what lies beside the file
        namespace = runpy.run_path(path)
        imported = memory("VmRSS")
        fields = json.loads(work)
        timed = namespace["CONTESTANTS"][name](Work(**fields | {"shape": tuple(fields["shape"])}))
        forget_peak()
        imported = 0 if hasattr(timed, "memory") else imported  # nothing of it is on the GPU
        answer(imported=imported, packages=versions(namespace))
        for _ in sys.stdin:
            answer(seconds=turn(timed), peak=timed.memory() if hasattr(timed, "memory") else memory("VmHWM"))
    except MemoryError as error:
        answer(error=f"out of memory ({error})")
    except Exception as error:
        answer(error=f"{type(error).__name__}: {error}")


def turn(timed: Callable[[], Any]) -> float:
    """Do the work, and short work again and again for `TURN` seconds; gives the median of the seconds of each time."""
    seconds: list[float] = []
    end = time.perf_counter() + TURN
    while not seconds or time.perf_counter() < end:
        started = time.perf_counter()
        timed()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def memory(field: str) -> int:
    """Give bytes of this process in memory, now ("VmRSS") or at most ("VmHWM"; both where there is no /proc)."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return int(re.findall(rf"{field}:\s+(\d+) kB", status)[0]) << 10


def forget_peak() -> None:
    """Start the peak anew, so that it does not tell of the preparation; only Linux can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def versions(namespace: dict[str, Any]) -> dict[str, str]:
    """Give the versions of the packages that a file has imported by their names; those of Python are Python's."""
    modules = {value.__name__: value for value in namespace.values() if isinstance(value, ModuleType)}
    others = modules.keys() - sys.stdlib_module_names
    return {name: modules[name].__version__ for name in sorted(others) if hasattr(modules[name], "__version__")}


if __name__ == "__main__":
    main(*sys.argv[1:])
