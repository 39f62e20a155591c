"""How processes that a launcher has started together become ranks.

MPI is imported only where a launcher (mpiexec, srun) has started several processes, or where that is asked for. It
begins when all processes have called it, and waits for ever for one that has ended before, or runs another program. So
those of a machine look for each other first, where the system can (Linux): each opens a mailbox whose name the others
know, says that it is there, and looks whether all are, or a process is gone.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from minifcn.backend.ranks import Disagreement, Ranks, named
from minifcn.errors import UserError
from minifcn.text import counted, shortened

# Rank and number of processes, as launchers tell them, and how many there are on this machine: MPICH's and Intel's,
# Open MPI's, Slurm's srun.
_LAUNCHERS = (
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", ""),
)
_STARTERS = ("hydra_pmi_proxy", "orted", "prted", "prterun", "mpirun", "mpiexec")  # parents of all ranks of a machine
_STARTING = 3.0  # seconds in which a launcher starts all processes of a machine
_TOLD_AFTER, _PATIENCE = 10.0, 300.0  # seconds until it is said who is waited for, and until nobody waits any more
_LOOK = 0.02  # seconds between two looks
_SPACE = 60  # characters of a command line that are shown
_LONGEST = 1 << 14  # bytes of a message
_ENDED = "has ended before the ranks met"


def launched(environment: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """Give the rank of this process and the number of them that a launcher has started, without asking MPI.

    >>> launched({"PMI_RANK": "1", "PMI_SIZE": "4"}), launched({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"})
    ((1, 4), (0, 1))
    """
    for rank, size, _ in _LAUNCHERS:
        if environment.get(rank, "").isdecimal() and environment.get(size, "").isdecimal():
            return int(environment[rank]), int(environment[size])
    return 0, 1


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
        In all processes of a machine that are left, if one of them has ended, or has a problem of its own.

    Examples
    --------
    >>> join().size
    1
    """
    started = launched()[1]
    if started == 1 and not asked:
        return Ranks()
    with Meeting() as meeting:
        try:
            mpi = _library(asked, started)
            meeting.wait(stopping)
        except NotMet:
            raise
        except (UserError, KeyboardInterrupt) as error:
            if not meeting.box:
                raise
            status = 128 + getattr(error, "signum", 2) if isinstance(error, KeyboardInterrupt) else 2
            raise meeting.told(str(error), status) from error
        if not mpi.Is_initialized():
            mpi.Init_thread()
    ranks = Ranks(mpi, mpi.COMM_WORLD)
    if started > 1 and ranks.size == 1:
        library = " ".join(mpi.Get_library_version().split())[:60]
        raise UserError(
            f"{started} processes were started together, but the MPI of mpi4py ({library}) sees one; start them with "
            "its own mpiexec, or install mpi4py for the other MPI"
        )
    return ranks if ranks.size > 1 else Ranks()


def _library(asked: bool, started: int) -> Any:
    """Import MPI without beginning it."""
    if importlib.util.find_spec("mpi4py") is None:
        why = "--mpi is given" if asked else f"{counted(started, 'process', 'processes')} were started together"
        raise UserError(f"{why}, but mpi4py is not installed: pip install 'minifcn[mpi]'")
    try:
        import mpi4py

        mpi4py.rc.initialize, mpi4py.rc.finalize = False, True
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise UserError(f"mpi4py finds no MPI library ({error}): pip install mpich, or load your cluster's") from error
    return MPI


class NotMet(Disagreement):
    """The processes of a machine do not become ranks.

    Parameters
    ----------
    message : str
    status : int
        Exit status of the command.
    told : bool
        Another of them says it.
    elsewhere : bool
        Other machines have some that may wait in MPI already.
    """

    def __init__(self, message: str, status: int, told: bool, elsewhere: bool):
        super().__init__(message, status)
        self.told, self.elsewhere = told, elsewhere


class Meeting:
    """The processes of a job on this machine, before MPI begins; nobody, where that cannot be known.

    As a context manager it is there for the others: from its beginning to its end.
    """

    def __init__(self) -> None:
        self.rank, self.size = launched()
        self.launcher, self.expected = _launcher(self.rank) if self.size > 1 else (0, 0)
        self.seen: dict[int, str] = {}  # of each rank that was seen here, its command line
        self.open: list[socket.socket] = []
        self.box = self._mark("mailbox") if self.launcher else None

    def __enter__(self) -> Meeting:
        return self

    def __exit__(self, *error: object) -> None:
        for mark in self.open:
            mark.close()

    def _address(self, kind: str, rank: int) -> str:
        return f"\0minifcn {self.launcher} {rank} {kind}"  # no file: it is gone with the process

    def _mark(self, kind: str) -> socket.socket:
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        mark.setblocking(False)
        mark.bind(self._address(kind, self.rank))
        self.open.append(mark)
        return mark

    def _has_come(self, rank: int) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking, suppress(OSError):
            asking.connect(self._address("here", rank))
            return True
        return False

    def _look(self) -> set[int]:
        """Give the ranks of this machine that are alive."""
        here = _children(self.launcher)
        self.seen |= {rank: line for rank, line in here.items() if rank not in self.seen}
        return {*here}

    def wait(self, stopping: Callable[[], Any] = lambda: None) -> None:
        """Wait until all have come."""
        began, told = time.monotonic(), False
        if self.box:
            self._mark("here")
        while self.box:
            here, waited = self._look(), time.monotonic() - began  # in this order: who has come is there
            missing = [rank for rank in sorted(self.seen) if not self._has_come(rank)]
            self._read()
            gone = [rank for rank in missing if rank not in here]
            if gone:
                self._end(gone, _ENDED)
            if not missing and len(self.seen) >= self.expected:
                return
            if waited > _STARTING:
                stopping()
                if len(self.seen) < self.expected:
                    never = {*range(self.size)} - {*self.seen} if self.expected == self.size else set()
                    self._end(sorted(never), _ENDED)
            if waited > _PATIENCE:
                self._end(missing, f"has not come for {_PATIENCE:.0f} seconds")
            if waited > _TOLD_AFTER and not told:
                told = True
                if self._speaks(missing):
                    print(f"minifcn: waiting for {self._described(missing)}", file=sys.stderr, flush=True)
            time.sleep(_LOOK)

    def _described(self, ranks: list[int]) -> str:
        names = (
            named(rank, self.size) + (f" ({shortened(self.seen[rank], _SPACE)})" if rank in self.seen else "")
            for rank in ranks
        )
        return ", ".join(names) or f"a rank of {self.size}"

    def _speaks(self, missing: list[int]) -> bool:
        return self.rank == min({*self.seen, self.rank} - {*missing})

    def _not_met(self, message: str, status: int, told: bool) -> NotMet:
        return NotMet(message, status, told, elsewhere=max(self.expected, len(self.seen)) < self.size)

    def _end(self, ranks: list[int], what: str) -> None:
        message = f"{self._described(ranks)} {what}; all of them are to run the same command, and what a rank has said "
        message, speaks = f"{message}of a failure stands above", self._speaks(ranks)
        if speaks:
            self._send(message, 2, lambda: self._look() - {*ranks})
        else:  # the one that speaks may begin late, and see this one go and not the other
            self._send(message, 2, lambda: self._look() & {min({*self.seen} - {*ranks})}, to_say=True)
        raise self._not_met(message, 2, told=not speaks)

    def _read(self) -> None:
        """Hear what another has told this one."""
        with suppress(BlockingIOError):
            words = self.box.recv(_LONGEST).decode(errors="replace")  # type: ignore[union-attr]
            status, to_say, message = words.split(" ", 2)
            raise self._not_met(message, int(status), told=to_say == "0")

    def _send(self, message: str, status: int, others: Callable[[], set[int]], to_say: bool = False) -> set[int]:
        """Tell others, each as soon as it has a mailbox, perhaps to say it; gives those who know, this one too."""
        words, knowing = f"{status} {to_say:d} {message}".encode(errors="replace")[:_LONGEST], {self.rank}
        until = time.monotonic() + (_TOLD_AFTER if to_say else _STARTING)
        while (left := others() - knowing) and time.monotonic() < until:
            for rank in left:
                with suppress(OSError):
                    self.box.sendto(words, self._address("mailbox", rank))  # type: ignore[union-attr]
                    knowing.add(rank)
            time.sleep(_LOOK)
        return knowing

    def told(self, problem: str, status: int) -> NotMet:
        """Tell the first one here why this one cannot go on, or all others, if this is the first; gives the error."""
        self._look()
        message, first = f"{named(self.rank, self.size)}: {problem}", min(self.seen)
        if first == self.rank:
            self._send(message, status, self._look)
            return self._not_met(message, status, told=False)
        knows = first in self._send(message, status, lambda: self._look() & {first}, to_say=True)
        return self._not_met(
            message, status, told=knows or first not in self._look()
        )  # which has said why, if it is gone


def _launcher(rank: int) -> tuple[int, int]:
    """Give the process whose children the ranks of this machine are, and how many; 0 for what is not known."""
    known = [names for names in _LAUNCHERS if os.environ.get(names[0]) == str(rank)]
    with suppress(OSError, IndexError):
        names, process = known[0], os.getpid()
        while process > 1:
            parent = _parent(process)
            environment = _environment(parent)
            if any(environment.get(name) != os.environ.get(name) for name in names):  # no shell or script of this rank
                expected = os.environ.get(names[2], "")
                starts_all = Path(f"/proc/{parent}/comm").read_text().startswith(_STARTERS)
                return parent, int(expected) if starts_all and expected.isdecimal() else 0
            process = parent
    return 0, 0


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def _environment(process: int) -> dict[str, str]:
    try:
        entries = Path(f"/proc/{process}/environ").read_bytes().decode(errors="replace").split("\0")
    except PermissionError:  # the launcher's own
        return {}
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def _children(launcher: int) -> dict[int, str]:
    """Give the ranks that a launcher has on this machine, those that have not ended, with their command lines."""
    found = {}
    for process in filter(str.isdecimal, os.listdir("/proc")):
        with suppress(OSError, ValueError):
            state, parent = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[:2]
            if int(parent) == launcher and state not in "ZX":
                rank, size = launched(_environment(int(process)))
                line = Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace")
                if size > 1:
                    found[rank] = " ".join(line.split("\0")).strip()
    return found
