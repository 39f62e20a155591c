"""A fair race: every contestant in a process of its own, one turn after the other."""

from __future__ import annotations

import ast
import dataclasses
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from minifcn.benchmark.asked import WARM_UP
from minifcn.benchmark.work import Work
from minifcn.errors import UserError

PAUSE = 0.4  # seconds before a turn: a BLAS thread that has nothing left to do keeps its core busy for 0.1 more


@dataclass(frozen=True)
class Contestant:
    """An entry of the dict CONTESTANTS in a Python file.

    Parameters
    ----------
    name : str
    path : path of the file
    """

    name: str
    path: Path


@dataclass
class Result:
    """What one contestant did with one work.

    Parameters
    ----------
    work, kind : str
        Name and kind of the work.
    multiply_adds : int
        Of the work.
    contestant : str
        Its name.
    seconds : list of float
        Of each turn that counts.
    imported, peak : int
        Bytes of memory after the imports, and at most during the turns.
    packages : dict of str
        Versions, by name.
    error : str
        Why there are no times, or "".
    """

    work: str
    kind: str
    multiply_adds: int
    contestant: str
    seconds: list[float] = field(default_factory=list)
    imported: int = 0
    peak: int = 0
    packages: dict[str, str] = field(default_factory=dict)
    error: str = ""

    @property
    def median(self) -> float:
        """Median of the seconds; NaN after an error."""
        return math.nan if self.error or not self.seconds else statistics.median(self.seconds)


def read_contestants(path: str | os.PathLike) -> list[Contestant]:
    """Find the names of a file's contestants without running it: what it imports may be missing, or slow to import.

    Parameters
    ----------
    path : path of a Python file

    Raises
    ------
    UserError
        If the file is not Python, or defines no dict CONTESTANTS with names written out.
    """
    try:
        lines = ast.parse(Path(path).read_bytes()).body
    except FileNotFoundError:
        raise UserError(
            f"{path}: there is no such file of contestants; give a Python file, such as benchmarks/pytorch.py"
        ) from None
    except (SyntaxError, ValueError) as error:
        raise UserError(f"{path}: not a Python file ({error})") from error
    for line in lines:
        match line:
            case ast.Assign(targets=[ast.Name("CONTESTANTS")], value=ast.Dict(keys=keys)) if keys:
                names = [key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
                if len(names) == len(keys):
                    return [Contestant(name, Path(path).resolve()) for name in names]
    raise UserError(
        f'{path}: defines no contestants; it needs a line CONTESTANTS = {{"NAME": prepare}} where prepare(work) gives '
        "the function to be timed"
    )


def race(
    work: Work, contestants: Sequence[Contestant], rounds: int, after_turn: Callable[[Result], None] = lambda _: None
) -> list[Result]:
    """Time a work with all contestants, who take turns.

    Parameters
    ----------
    work : Work
    contestants : sequence of Contestant
    rounds : int
        Turns of each contestant that count, after `WARM_UP` that do not.
    after_turn : function of a Result
        Called after every turn; a contestant that failed passes its turns.

    Returns
    -------
    list of Result
        One for each contestant; no error of a contestant's stops the race.
    """
    facts = work.name, work.kind, work.multiply_adds
    results = [Result(*facts, contestant.name) for contestant in contestants]
    with ExitStack() as stack:
        processes = [stack.enter_context(_process(contestant, work)) for contestant in contestants]
        for result, process in zip(results, processes, strict=True):
            _note(result, process.answer())
        for turn in range(WARM_UP + rounds):
            for result, process in zip(results, processes, strict=True):
                if not result.error:
                    time.sleep(PAUSE)
                    _note(result, process.turn())
                if turn < WARM_UP:
                    result.seconds.clear()
                after_turn(result)
    return results


def _note(result: Result, answer: dict[str, Any]) -> None:
    if "seconds" in answer:
        result.seconds.append(answer.pop("seconds"))
    for name, value in answer.items():
        setattr(result, name, value)


@contextmanager
def _process(contestant: Contestant, work: Work) -> Iterator[_Process]:
    """Start runner.py; in the end kill it, whatever it is doing."""
    command = [sys.executable, "-m", "minifcn.benchmark.runner", str(contestant.path), contestant.name]
    command.append(json.dumps(dataclasses.asdict(work)))
    pipe = subprocess.PIPE
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=complaints, bufsize=0) as process,
    ):
        try:
            yield _Process(process, complaints)
        finally:
            process.kill()


@dataclass
class _Process:
    process: subprocess.Popen
    complaints: BinaryIO

    def turn(self) -> dict[str, Any]:
        """Have the work done once."""
        with suppress(OSError):  # if it is no longer there, the answer says why
            self.process.stdin.write(b"go\n")  # type: ignore[union-attr]
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """Wait for an answer; that the process has ended is one as well."""
        line = self.process.stdout.readline()  # type: ignore[union-attr]
        return json.loads(line) if line.endswith(b"\n") else {"error": self._how_it_ended(self.process.wait())}

    def _how_it_ended(self, status: int) -> str:
        self.complaints.seek(0)
        last = self.complaints.read().decode(errors="replace").strip().rpartition("\n")[-1]
        how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"ended with exit status {status}"
        how += " (out of memory?)" if status == -signal.SIGKILL else ""
        return f"{how}: {last}" if last else how
