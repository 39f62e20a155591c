"""Several processes that compute one thing, called ranks: what they say to each other, by MPI."""

from __future__ import annotations

import math
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from minifcn.backend.last_words import carried
from minifcn.errors import UserError

_PATIENCE = 5.0  # seconds in which the others are to hear of a problem before they are ended
_HURRY = 1  # the tag of such a message
_NAP = 2e-5  # seconds of sleep between two looks, which on Linux are some 70 millionths


class Ranks:
    """The processes of a job, as one of them sees them.

    Parameters
    ----------
    mpi : module mpi4py.MPI, or None for a process that is alone
    comm : communicator, or None

    Attributes
    ----------
    rank, size : int
        The number of this one, from 0, and how many there are.
    local : int
        The number of this one among those of its machine, as `place` finds.
    crowd : float
        How many of them share a core, at least 1, as `place` finds: the most on any machine.
    gentle : bool
        Whether to sleep while waiting, so that a rank that has something to do gets the core: where they share cores.
    settled : bool
        Whether all of them have agreed to go on; before that, a rank that cannot tells the others by `agree`.
    beside : Beside or None
        The process beside the ranks of this machine (`joining`), where there is one.

    Examples
    --------
    >>> alone = Ranks()
    >>> alone.rank, alone.size, alone.all(np.array([1.0, 2.0])).tolist()
    (0, 1, [[1.0, 2.0]])
    """

    def __init__(self, mpi: Any = None, comm: Any = None):
        self.mpi, self.comm = mpi, comm
        self.rank: int = 0 if comm is None else comm.Get_rank()
        self.size: int = 1 if comm is None else comm.Get_size()
        self.settled, self.local = False, 0
        self.crowd, self.gentle = 1.0, False
        self.beside: Any = None
        self._hurried = False

    @property
    def first(self) -> bool:
        """Whether this is the one that speaks and writes for all."""
        return self.rank == 0

    def all(self, numbers: np.ndarray) -> np.ndarray:
        """Give the numbers of every rank, (size, k) float64, to every rank."""
        found = np.empty((self.size, len(numbers)))
        if self.comm is None:
            found[0] = numbers
        else:
            self.wait([self.comm.Iallgather(np.asarray(numbers, np.float64), found)])
        return found

    def total(self, number: float) -> float:
        """Add up one number of every rank."""
        return float(self.all(np.array([number])).sum())

    def add(self, array: np.ndarray) -> np.ndarray:
        """Add up an array of every rank, in place; gives it."""
        if self.comm is not None:
            self.wait([self.comm.Iallreduce(self.mpi.IN_PLACE, array)])
        return array

    def objects(self, thing: Any) -> list[Any]:
        """Give one thing of every rank to every rank; what arrives was made by this program, and is trusted."""
        if self.comm is None:
            return [thing]
        if self.gentle:
            self.rest()
        return self.comm.allgather(thing)

    def from_first(self, thing: Any) -> Any:
        """Give what the first rank has to every rank."""
        if self.comm is None:
            return thing
        if self.gentle:
            self.rest()
        return self.comm.bcast(thing)

    def agree(self, facts: Mapping[str, str] | None = None, problem: tuple[str, int] | None = None) -> None:
        """Go on together, or not at all.

        Parameters
        ----------
        facts : dict of str to str
            What has to be the same everywhere, by its name.
        problem : (message, exit status), optional
            Why this rank cannot go on.

        Raises
        ------
        Disagreement
            On every rank, if one of them has a problem, or facts other than the first one's. Not on one whose problem
            the others take too long to hear of: they may still have much to do.
        """
        if not self.rest(_PATIENCE if problem else math.inf):
            return
        told = self.objects((dict(facts or {}), problem))
        problems = {rank: problem for rank, (_, problem) in enumerate(told) if problem}
        if problems:
            rank, (message, status) = next(iter(problems.items()))
            of_all = len(problems) == self.size and len(set(problems.values())) == 1
            raise Disagreement(message if of_all else f"{named(rank, self.size)}: {message}", status)
        for rank, (other, _) in enumerate(told):
            differ = [name for name, fact in told[0][0].items() if other.get(name) != fact]
            if differ:
                name = differ[0]
                raise Disagreement(
                    f"{named(rank, self.size)} has another {name} than rank 0 ({_short(other.get(name))}, and not "
                    f"{_short(told[0][0][name])}); all ranks must have the same"
                )

    def some(self, count: int) -> Ranks | None:
        """Give the first ranks as a job of their own; None to those that are not of it. All ranks ask."""
        if self.comm is None:
            return self
        part = self.comm.Split(0 if self.rank < count else self.mpi.UNDEFINED, self.rank)
        if part == self.mpi.COMM_NULL:
            return None
        found = Ranks(*((self.mpi, part) if count > 1 else ()))
        found.place()
        return found

    def wait(self, requests: list[Any]) -> None:
        """Wait for what is under way; MPI itself asks again and again, and keeps the core that another may need."""
        while self.gentle and not self.mpi.Request.Testall(requests):
            time.sleep(_NAP)
        self.mpi.Request.Waitall(requests)

    def rest(self, patience: float = math.inf, meanwhile: Callable[[], Any] = lambda: None) -> bool:
        """Wait for all ranks without keeping a core busy, as waiting for MPI does; says if they came in time.

        Parameters
        ----------
        patience : float
            Seconds.
        meanwhile : function
            Called again and again.
        """
        if self.comm is not None:
            request, until = self.comm.Ibarrier(), time.monotonic() + patience
            while not request.Test():
                meanwhile()
                time.sleep(0.001)
                if time.monotonic() > until:
                    return False
        return True

    def hurry(self) -> None:
        """Let the first rank know that this one was asked to stop, while it does something for all."""
        if not self._hurried:
            self._hurried = True
            self.comm.isend(self.rank, 0, _HURRY)

    def hurried(self) -> bool:
        """Say, on the first rank, if another one was asked to stop; MPI looks for messages while it is asked."""
        return any(self.comm.iprobe(self.mpi.ANY_SOURCE, _HURRY) for _ in range(3))

    def abort(self, status: int) -> NoReturn:
        """End all ranks at once, wherever they wait; this one has said why, so MPI need not."""
        sys.stderr.flush()
        carried(2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        self.comm.Abort(status)
        os._exit(status)

    def place(self) -> int:
        """Find this rank's number among those of its machine, and who shares cores; gives how many are its own."""
        own = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset(range(_all_cores()))
        there = self.objects((socket.gethostname(), own))
        self.local = [machine for machine, _ in there[: self.rank]].count(there[self.rank][0])
        self.crowd = max(1.0, *(sharing(one, there) / len(one[1]) for one in there))
        self.gentle = self.crowd > 1
        return max(1, len(there[self.rank][1]) // sharing(there[self.rank], there))


class Disagreement(UserError):
    """The ranks do not go on, and each of them knows: the first one says why.

    Parameters
    ----------
    message : str
    status : int
        Exit status of the command.
    """

    def __init__(self, message: str, status: int = 2):
        super().__init__(message)
        self.status = status


def sharing(own: tuple[str, frozenset[int]], there: Sequence[tuple[str, frozenset[int]]]) -> int:
    """Count the ranks of a machine that may use the cores that one of them may.

    Parameters
    ----------
    own : (machine, cores)
        Of one rank.
    there : sequence of them
        Of all ranks.

    Examples
    --------
    >>> everything, half = frozenset(range(4)), frozenset(range(2))
    >>> sharing(("a", everything), [("a", everything), ("a", everything), ("b", everything)])
    2
    >>> sharing(("a", half), [("a", half), ("a", everything - half)])
    1
    """
    machine, cores = own
    return sum(other == machine and bool(theirs & cores) for other, theirs in there)


def named(rank: int, size: int) -> str:
    """Name a rank in a message.

    >>> named(1, 4)
    'rank 1 of 4'
    """
    return f"rank {rank} of {size}"


def _all_cores() -> int:
    return os.cpu_count() or 1


def _short(text: Any) -> str:
    text = str(text)
    return text if len(text) <= 80 else f"{text[:77]}..."
