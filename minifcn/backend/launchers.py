"""What launchers and the system tell of the processes that were started together; no file of minifcn is needed."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from contextlib import suppress

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# Rank and number of processes, as launchers tell them, and how many there are on this machine: MPICH's and Intel's,
# Open MPI's, Slurm's srun.
LAUNCHERS = (
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", ""),
)
_STARTERS = ("hydra_pmi_proxy", "orted", "prted", "prterun", "mpirun", "mpiexec")  # parents of all ranks of a machine
_PIDFD_GET_INFO, _PIDFD_INFO_EXIT = 0xC040FF0B, 8  # of linux/pidfd.h


def launched(environment: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """Give the rank of this process and the number of them that a launcher has started, without asking MPI.

    >>> launched({"PMI_RANK": "1", "PMI_SIZE": "4"}), launched({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"})
    ((1, 4), (0, 1))
    """
    for rank, size, _ in LAUNCHERS:
        if environment.get(rank, "").isdecimal() and environment.get(size, "").isdecimal():
            return int(environment[rank]), int(environment[size])
    return 0, 1


def environment_of(process: int) -> dict[str, str]:
    """Give the environment that a process was started with; nothing, if it is another user's."""
    try:
        entries = read(process, "environ").split("\0")
    except PermissionError:
        return {}
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def children(launcher: int) -> dict[int, tuple[int, str]]:
    """Give of each rank that a launcher has on this machine, and that has not ended, process and command line."""
    found, processes = {}, os.listdir("/proc")
    with suppress(OSError):  # not every Linux has it
        processes = read(launcher, f"task/{launcher}/children").split()
    for process in filter(str.isdecimal, processes):
        with suppress(OSError, ValueError):
            state, parent = status_of(int(process))[:2]
            if int(parent) == launcher and state not in "ZX":
                rank, size = launched(environment_of(int(process)))
                if size > 1:
                    found[rank] = int(process), " ".join(read(int(process), "cmdline").split("\0")).strip()
    return found


def status_of(process: int) -> list[str]:
    """Give what the system tells of a process, from its state on."""
    return read(process, "stat").rpartition(")")[2].split()


def exit_code(process: int, descriptor: int) -> int | None:
    """Give how a process has ended, as `os.wait` does for its parent.

    Parameters
    ----------
    process : int
    descriptor : int
        As `os.pidfd_open` has given it.

    Returns
    -------
    int or None
        None if its parent has taken note of it already, and Linux is older than 6.15.
    """
    with suppress(OSError, IndexError):
        state, *rest = status_of(process)
        if state in "ZX":
            return int(rest[48])
    with suppress(OSError, ValueError):  # there was no descriptor
        found = fcntl.ioctl(descriptor, _PIDFD_GET_INFO, struct.pack("=Q56x", _PIDFD_INFO_EXIT))
        mask, code = struct.unpack("=Q52xi", found)
        return code if mask & _PIDFD_INFO_EXIT else None
    return None


def launcher_of(rank: int) -> tuple[int, int]:
    """Give the process whose children the ranks of this machine are, and how many; 0 for what is not known."""
    known = [names for names in LAUNCHERS if os.environ.get(names[0]) == str(rank)]
    with suppress(OSError, IndexError):
        names, process = known[0], os.getpid()
        while process > 1:
            parent = int(status_of(process)[1])
            environment = environment_of(parent)
            if any(environment.get(name) != os.environ.get(name) for name in names):  # no shell or script of this rank
                expected = os.environ.get(names[2], "")
                starts_all = read(parent, "comm").startswith(_STARTERS)
                return parent, int(expected) if starts_all and expected.isdecimal() else 0
            process = parent
    return 0, 0


def read(process: int, what: str) -> str:
    """Give a text that the system has about a process."""
    with open(f"/proc/{process}/{what}", "rb") as file:
        return file.read().decode(errors="replace")
