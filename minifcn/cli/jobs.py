"""A command that several processes run together: they begin together, one speaks, and they end together."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import NoReturn

from minifcn.backend import resolve_device
from minifcn.backend.joining import NotMet, join
from minifcn.backend.ranks import Disagreement, Ranks, named
from minifcn.cli import failures, output, signals
from minifcn.errors import UserError

_UNTIL_ENDED = 20.0  # seconds for which a rank waits that the first one is to end
_MEANWHILE = 1.0  # seconds in which the first rank says what all others would


@contextmanager
def joined(asked: bool = False) -> Iterator[Ranks]:
    """Run a block in all processes of a job; alone, where no launcher has started several.

    What goes wrong before `Ranks.settled` is told to all, and the first rank says it; later, the process beside the
    ranks says what happened to one of them, which ends the job.

    Parameters
    ----------
    asked : bool
        Ask MPI even where no launcher is known.
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
    try:
        with _quiet(not ranks.first):
            _stop_if(received)
            os.environ.setdefault("MINIFCN_THREADS", str(ranks.place()))
            if ranks.beside:
                ranks.beside.hear_signals()
            yield ranks
    except BaseException as error:
        with signals.handled(signal.SIG_IGN):  # type: ignore[arg-type]  # a second Ctrl-C must not cut off the first
            _end(ranks, error)


def _leave(ended: NotMet) -> NoReturn:
    """End before MPI has begun; it was said why."""
    if ended.elsewhere:  # a launcher ends all for one that a signal has ended
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    sys.exit(ended.status)


def _stop_if(received: list[int]) -> None:
    if received:
        raise signals.Stopped(received[0], "interrupted")


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


def _end(ranks: Ranks, error: BaseException) -> NoReturn:
    """End all ranks: the first one says why where all know it, else the process beside this one."""
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
        if ranks.beside:
            ranks.beside.say("over")
        if not ranks.first:  # a launcher kills those that end later than one with a status, and gives the kill's then
            time.sleep(_UNTIL_ENDED)
            sys.exit(status)
        output.say(message)
        ranks.abort(status)
    if ended := ranks.beside and ranks.beside.tell(message, status):
        ranks.abort(ended.status)
    if not ranks.first:
        time.sleep(_MEANWHILE)
    output.say(f"{named(ranks.rank, ranks.size)}: {message}")
    ranks.abort(status)
