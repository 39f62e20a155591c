"""A command that several processes run together: they begin together, one speaks, and they end together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from subprocess import DEVNULL
from typing import NoReturn

from minifcn.backend import resolve_device
from minifcn.backend.joining import NotMet, join
from minifcn.backend.ranks import Disagreement, Ranks, named
from minifcn.cli import failures, output, signals
from minifcn.errors import UserError

_UNTIL_ENDED = 20.0  # seconds for which a rank waits that the first one is to end
_MEANWHILE = 1.0  # seconds in which the first rank says what all others would


@contextmanager
def joined(asked: bool = False, advice: str = "") -> Iterator[Ranks]:
    """Run a block in all processes of a job; alone, where no launcher has started several.

    What goes wrong before `Ranks.settled` is told to all, and the first rank says it; later, the rank that it happens
    to says so and ends the job.

    Parameters
    ----------
    asked : bool
        Ask MPI even where no launcher is known.
    advice : str
        What to do if a rank is killed.
    """
    received: list[int] = []
    with signals.handled(lambda signum, frame: received.append(signum)):  # who ended now would leave others waiting
        try:
            ranks = join(asked, lambda: _stop_if(received))
        except NotMet as error:
            _leave(error)
    if ranks.size == 1:
        _stop_if(received)
        yield ranks
        return
    leave: Callable[[], None] = lambda: None  # noqa: E731
    try:
        with _quiet(not ranks.first):
            _stop_if(received)
            os.environ.setdefault("MINIFCN_THREADS", str(ranks.place()))
            leave = _watched(ranks, advice)
            yield ranks
    except BaseException as error:
        with signals.handled(signal.SIG_IGN):  # type: ignore[arg-type]  # a second Ctrl-C must not cut off the first
            _end(ranks, error, leave)
    finally:
        leave()


def _leave(error: NotMet) -> NoReturn:
    """End before MPI has begun."""
    if error.told:
        time.sleep(_MEANWHILE)  # or the one that says who was gone would say it of this one too
        sys.exit(error.status)
    if error.elsewhere:  # a launcher ends all for one that a signal has ended
        output.say(str(error))
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    raise error


def _stop_if(received: list[int]) -> None:
    if received:
        raise signals.Stopped(received[0], "interrupted")


def _watched(ranks: Ranks, advice: str) -> Callable[[], None]:
    """Have a process beside the ranks of each machine say which of them is killed, where the system can.

    Gives what a rank that ends by itself calls before.
    """
    here = ranks.objects((socket.gethostname(), os.getpid()))
    folder = tempfile.mkdtemp(prefix="minifcn-job-") if ranks.local == 0 else ""
    machine, folders = here[ranks.rank][0], ranks.objects((socket.gethostname(), folder))
    folder = next(path for name, path in folders if name == machine and path)
    processes = [f"{rank}:{process}" for rank, (name, process) in enumerate(here) if name == machine]
    if ranks.local == 0 and hasattr(os, "pidfd_open"):
        command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("job_watch.py")), folder]
        alone = str(int(len(processes) == ranks.size))
        subprocess.Popen([*command, str(ranks.size), alone, advice, *processes], stdin=DEVNULL, start_new_session=True)

    def leave() -> None:
        with suppress(OSError):
            Path(folder, str(ranks.rank)).touch()

    return leave


def own_device(device: str, ranks: Ranks) -> str:
    """Give each rank of a machine a GPU of its own, where one is asked for without its number, as long as they last."""
    if ranks.size == 1 or device not in ("auto", "cuda") or resolve_device(device) == "cpu":
        return device
    try:
        return resolve_device(f"cuda:{ranks.local}")
    except UserError:
        return "cuda:0"


@contextmanager
def _quiet(others: bool) -> Iterator[None]:
    with ExitStack() as stack:
        if others:
            nowhere = stack.enter_context(open(os.devnull, "w"))
            stack.enter_context(redirect_stdout(nowhere))
            stack.enter_context(redirect_stderr(nowhere))
        yield


def _end(ranks: Ranks, error: BaseException, leave: Callable[[], None]) -> NoReturn:
    """End all ranks: raises the error where the first one is to say it, else the process is over."""
    message, status = failures.told(error)
    if not isinstance(error, failures.EXPECTED) and not isinstance(error, SystemExit):
        traceback.print_exception(error)
    elif not ranks.settled and not isinstance(error, Disagreement | KeyboardInterrupt):
        try:
            ranks.agree(problem=(message, status))
        except Disagreement as agreed:
            error = agreed
    if isinstance(error, Disagreement) or (isinstance(error, signals.Stopped) and error.together):
        message, status = failures.told(error)
        leave()
        if not ranks.first:  # a launcher kills those that end later than one with a status, and gives the kill's then
            time.sleep(_UNTIL_ENDED)
            sys.exit(status)
        output.say(message)
        ranks.abort(status)
    if not ranks.first:
        time.sleep(_MEANWHILE)
    output.say(f"{named(ranks.rank, ranks.size)}: {message}")
    leave()
    ranks.abort(status)
