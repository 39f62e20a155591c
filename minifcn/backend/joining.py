"""How processes that a launcher has started together become ranks.

MPI is imported only where a launcher (mpiexec, srun) has started several processes, or where that is asked for. It
begins when all processes have called it, and waits for ever for one that has ended before, or runs another program. So
those of a machine meet before, where the system can (Linux): the first that comes starts a process beside them
(`job_watch`), to which each has a connection until its work is done.
"""

from __future__ import annotations

import atexit
import importlib.util
import math
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from minifcn.backend.job_watch import LONGEST
from minifcn.backend.launchers import launched, launcher_of, status_of
from minifcn.backend.ranks import Disagreement, Ranks
from minifcn.errors import UserError
from minifcn.text import counted

_CONNECTING = 5.0  # seconds in which the process beside the ranks is to be there
_ANSWERING = 8.0  # seconds in which it is to have said what it was told
_HIGH = 900  # above the numbers of files that a rank opens, below the 1024 that it may
_LOOK = 0.05  # seconds between two looks whether this process is to stop


def join(asked: bool = False, stopping: Callable[[], Any] = lambda: None) -> Ranks:
    """Meet the other processes of the job; alone, where no launcher has started several.

    Parameters
    ----------
    asked : bool
        Ask MPI in any case: for a launcher that is not known here.
    stopping : function
        Raises an error if this process is to wait no longer.

    Raises
    ------
    UserError
        If there is no mpi4py, or its MPI is not the launcher's.
    NotMet
        In all processes of a machine that are left, if one of them has ended, or has a problem of its own; that was
        said.

    Examples
    --------
    >>> join().size
    1
    """
    _, started = launched()
    if started == 1 and not asked:
        return Ranks()
    beside = _beside_launched()
    try:
        mpi = _library(asked, started)
        if beside:
            beside.wait(stopping)
        if not mpi.Is_initialized():
            mpi.Init_thread()
        ranks = Ranks(mpi, mpi.COMM_WORLD)
        if started > 1 and ranks.size == 1:
            library = " ".join(mpi.Get_library_version().split())[:60]
            raise UserError(
                f"{started} processes were started together, but the MPI of mpi4py ({library}) sees one; start them "
                "with its own mpiexec, or install mpi4py for the other MPI"
            )
    except NotMet:
        raise
    except (UserError, KeyboardInterrupt) as error:
        status = 128 + getattr(error, "signum", 2) if isinstance(error, KeyboardInterrupt) else 2
        told = beside and beside.tell(str(error), status)
        if not told:
            raise
        raise told from error
    if ranks.size == 1:
        return Ranks()
    ranks.beside = beside or _beside_all(ranks)
    atexit.register(_part, ranks)
    return ranks


def stand_aside(what: str) -> None:
    """Let the others of a job know that this process is no rank of it, and what it did instead."""
    if beside := _beside_launched():
        beside.say("aside", what)
        beside.link.detach()  # open until the process ends


def _beside_launched() -> Beside | None:
    rank, size = launched()
    launcher, expected = launcher_of(rank) if size > 1 else (0, 0)
    with suppress(OSError, IndexError):  # not every system has it, or shows it
        if launcher:
            return Beside.of(f"{launcher} {status_of(launcher)[19]}", rank, size, launcher, expected)  # when it began
    return None


def _library(asked: bool, started: int) -> Any:
    """Import MPI without beginning it."""
    if importlib.util.find_spec("mpi4py") is None:
        why = "--mpi is given" if asked else f"{counted(started, 'process', 'processes')} were started together"
        raise UserError(f"{why}, but mpi4py is not installed: pip install 'minifcn[mpi]'")
    try:
        import mpi4py

        mpi4py.rc.initialize, mpi4py.rc.finalize = False, True
        os.environ.setdefault("UCX_DEBUG_SIGNO", "0")  # or UCX, which some MPI load, takes SIGHUP for its own
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise UserError(f"mpi4py finds no MPI library ({error}): pip install mpich, or load your cluster's") from error
    return MPI


def _beside_all(ranks: Ranks) -> Beside | None:
    """Start a process beside the ranks of each machine, where MPI alone knows who they are."""
    there = ranks.objects((socket.gethostname(), os.getpid()))
    here = [process for machine, process in there if machine == there[ranks.rank][0]]
    beside = Beside.of(f"of {here[0]}", ranks.rank, ranks.size, 0, len(here))
    if beside:
        beside.wait()
    return beside


def _part(ranks: Ranks) -> None:
    """End MPI, which waits for the other ranks, before this one is watched no longer."""
    with suppress(Exception):  # Python ends, and MPI has said it
        if not ranks.mpi.Is_finalized():
            ranks.mpi.Finalize()
    if ranks.beside:
        ranks.beside.say("left")


class NotMet(Disagreement):
    """The processes of a machine do not become ranks, and it was said why.

    Parameters
    ----------
    message : str
    status : int
        Exit status of the command.
    elsewhere : bool
        Other machines have some that may wait in MPI already.
    """

    def __init__(self, message: str, status: int, elsewhere: bool):
        super().__init__(message, status)
        self.elsewhere = elsewhere


class Beside:
    """The process beside the ranks of this machine, as one of them knows it.

    Parameters
    ----------
    link : socket
        The connection to it.
    rank : int
    """

    def __init__(self, link: socket.socket, rank: int):
        self.link, self.rank = link, rank
        self.again: Callable[[], Beside | None] = lambda: None

    @classmethod
    def of(cls, name: str, rank: int, size: int, launcher: int, expected: int) -> Beside | None:
        """Connect to the one of this name, and start it before if this is the first rank; None where there is none."""
        if not hasattr(os, "pidfd_open"):
            return None
        address, until = f"\0minifcn {os.getuid()} {name}", time.monotonic() + _CONNECTING  # no file: it ends with it
        while time.monotonic() < until:
            link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with suppress(OSError):
                link.connect(address)
                link.send(f"here {rank} {os.getpid()}".encode())
                found = cls(_closed_first(link), rank)
                found.again = lambda: cls.of(name, rank, size, launcher, expected)
                return found
            link.close()
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener, suppress(OSError):
                listener.bind(address)  # refused, if another rank was first
                listener.listen(1024)
                _start(listener.fileno(), launcher, size, expected)
            time.sleep(0.001)
        return None

    def say(self, word: str, rest: str = "") -> None:
        """Let it know something: that this rank is "ready" or has "left", that the job is "over", what was "saved"."""
        with suppress(OSError):
            self.link.send(f"{word} {self.rank} {rest}".encode(errors="replace")[:LONGEST])

    def hear_signals(self) -> None:
        """Let it know of signals at once, also while this rank computes or waits in another language."""
        self.link.setblocking(False)
        with suppress(ValueError):  # in another thread, where no signals come
            signal.set_wakeup_fd(self.link.fileno(), warn_on_full_buffer=False)

    def saves(self, path: Path, advice: str) -> None:
        """Let it know what to advise if a rank is killed, as soon as there is this file."""
        self.say("saved", f"{path.absolute()}\n{advice}")

    def tell(self, message: str, status: int) -> NotMet | None:
        """Have it say why this rank cannot go on, once for all that say so; None if it is not there."""
        self.say("problem", f"{status} {' '.join(message.split())}")
        with suppress(OSError):
            return self._hear("end", time.monotonic() + _ANSWERING)
        return None

    def wait(self, stopping: Callable[[], Any] = lambda: None) -> None:
        """Wait until all ranks of this machine have come; NotMet if they do not."""
        try:
            self.say("ready")
            ended = self._hear("go", stopping=stopping)
        except OSError:  # somebody has killed it
            if other := self.again():
                self.link.close()
                self.link, self.again = other.link, lambda: None  # once: what ends each time would never be there
                return self.wait(stopping)
            return None
        if ended:
            raise ended
        return None

    def _hear(self, word: str, until: float = math.inf, stopping: Callable[[], Any] = lambda: None) -> NotMet | None:
        """Wait for a word; gives the end, if that has come. OSError if the process is gone."""
        while time.monotonic() < until:
            if select.select([self.link], [], [], _LOOK)[0]:
                heard, *numbers = self.link.recv(LONGEST).decode().split() or [""]
                if not heard:
                    raise ConnectionError
                if heard == "end":
                    return NotMet("the job has ended", int(numbers[0]), numbers[1] == "1")
                if heard == word:
                    break
            stopping()
        return None


def _closed_first(link: socket.socket) -> socket.socket:
    """Give a connection a high number: Linux lets go of those first, so that the end of a rank is known here first."""
    import fcntl  # Windows, which has none, does not come here

    with suppress(OSError):
        found = socket.socket(fileno=fcntl.fcntl(link, fcntl.F_DUPFD_CLOEXEC, _HIGH))
        link.close()
        return found
    return link


def _start(listener: int, launcher: int, size: int, expected: int) -> None:
    import fcntl

    # Where a rank began without standard files, its first files have their numbers, which are not handed on.
    number = fcntl.fcntl(listener, fcntl.F_DUPFD_CLOEXEC, 3)
    program = str(Path(__file__).with_name("job_watch.py"))
    command = [sys.executable, "-I", "-S", program, str(number), str(launcher), str(size), str(expected)]
    nothing = subprocess.DEVNULL
    heard = nothing if sys.stderr is None else None
    try:
        subprocess.Popen(
            command, stdin=nothing, stdout=nothing, stderr=heard, start_new_session=True, pass_fds=[number]
        )
    finally:
        os.close(number)
