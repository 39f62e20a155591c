"""Runs contestants side by side, in turns, each in a process of its own."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minifcn.benchmark.work import Work

PAUSE = 0.4  # seconds between turns: an idle BLAS thread holds its core for a tenth of a second
WARM_UP = 2  # turns that do not count


@dataclass
class Result:
    """What a contestant needed for some work: seconds of each turn, and the most memory its process has had.

    `problem` says in a line why there is nothing to report.
    """

    work: str
    contestant: str
    seconds: list[float] = field(default_factory=list)
    bytes: int = 0
    problem: str = ""

    @property
    def median(self) -> float:
        """Median of the seconds."""
        return statistics.median(self.seconds) if self.seconds else float("nan")


def race(
    work: Work,
    contestants: Mapping[str, Path | None],
    rounds: int,
    *,
    pause: float = PAUSE,
    advance: Callable[[], None] = lambda: None,
) -> list[Result]:
    """Let contestants do the same work in turns.

    Parameters
    ----------
    work : Work
    contestants : mapping of names to the files they come from, None for minifcn's own
    rounds : int
        Turns of each that count; `WARM_UP` more come before.
    pause : float
        Seconds between turns.
    advance : function()
        Called after every turn.

    Returns
    -------
    list of Result
        In the order of the contestants; one that fails has a `problem`, and the others go on.
    """
    results = {name: Result(work.name, name) for name in contestants}
    with _processes(work, contestants) as running:
        for name in list(running):
            answer = _ask(running, name)
            if "problem" in answer:
                results[name].problem = answer["problem"]
        for turn in range(WARM_UP + rounds):
            for name, result in results.items():
                if not result.problem:
                    time.sleep(pause)
                    answer = _ask(running, name, "run\n")
                    result.problem, result.bytes = answer.get("problem", ""), answer.get("bytes", 0)
                    if turn >= WARM_UP and not result.problem:
                        result.seconds.append(answer["seconds"])
                advance()
    return list(results.values())


@contextlib.contextmanager
def _processes(work: Work, contestants: Mapping[str, Path | None]) -> Iterator[dict[str, subprocess.Popen]]:
    running: dict[str, subprocess.Popen] = {}
    try:
        for name, path in contestants.items():
            command = [sys.executable, "-m", "minifcn.benchmark.contestants", name, str(path or ""), work.name]
            running[name] = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
            )
        yield running
    finally:
        for process in running.values():
            process.kill()
            process.communicate()


def _ask(running: Mapping[str, subprocess.Popen], name: str, line: str = "") -> dict[str, Any]:
    """Give the next answer of a process; if it has ended, the last line that it left on stderr."""
    process = running[name]
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(line)  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
    for text in process.stdout:  # type: ignore[union-attr]
        with contextlib.suppress(ValueError):  # a library may print something of its own
            answer = json.loads(text)
            if isinstance(answer, dict):
                return answer
    said = process.stderr.read().strip().splitlines()  # type: ignore[union-attr]
    return {"problem": said[-1] if said else f"its process ended with status {process.wait()}"}


def fastest(results: Sequence[Result], start: str) -> Result | None:
    """Give the quickest of the contestants whose names begin like this."""
    able = [r for r in results if r.contestant.startswith(start) and r.seconds]
    return min(able, key=lambda result: result.median, default=None)
