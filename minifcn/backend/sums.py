"""Adding up arrays of all ranks in place: in the host's memory, or on GPUs by the shortest way that is there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from minifcn.backend.arrays import array_module, to_host
from minifcn.backend.devices import wait_for
from minifcn.backend.ranks import Ranks


class HostSums:
    """Sums of arrays in the host's memory; they can be under way while the backward pass goes on.

    Parameters
    ----------
    ranks : Ranks
    """

    way = "MPI, in the memory of the host"
    early = True  # `start` may come before the last piece is complete

    def __init__(self, ranks: Ranks):
        self.ranks, self.under_way = ranks, []  # type: ignore[var-annotated]

    def start(self, piece: Any) -> None:
        """Begin to add up a piece, and see to those that are under way: MPI works while it is asked."""
        self.under_way.append(self.ranks.comm.Iallreduce(self.ranks.mpi.IN_PLACE, piece))
        self.ranks.mpi.Request.Testall(self.under_way)

    def finish(self, whole: Any, pieces: Sequence[Any]) -> None:
        """Wait until all pieces are added up."""
        self.ranks.wait(self.under_way)
        self.under_way.clear()


class SumsThroughHost:
    """Sums of a GPU's arrays by an MPI that knows no GPU: one copy down, for which the host waits, and one up."""

    way, early = "MPI, by way of the host, as neither NCCL nor an MPI that knows GPUs is there", False

    def __init__(self, ranks: Ranks):
        self.ranks = ranks

    def start(self, piece: Any) -> None:
        """Wait for the others."""

    def finish(self, whole: Any, pieces: Sequence[Any]) -> None:
        """Add up all pieces, as one."""
        whole[...] = array_module(whole).asarray(self.ranks.add(to_host(whole)))


class DeviceSums:
    """Sums of a GPU's arrays by an MPI that reads its memory, as soon as all work on them is done."""

    way, early = "MPI, in the memory of the GPUs", False

    def __init__(self, ranks: Ranks, device: str):
        self.ranks, self.device = ranks, device

    def start(self, piece: Any) -> None:
        """Wait for the others, so that the host waits for the GPU once."""

    def finish(self, whole: Any, pieces: Sequence[Any]) -> None:
        """Add up one piece after the other."""
        wait_for(self.device)
        for piece in pieces:
            self.ranks.add(piece)


class NcclSums:
    """Sums of GPUs' arrays by NCCL: queued behind the work that makes them, so that the host waits for nothing."""

    way, early = "NCCL", True

    def __init__(self, ranks: Ranks):
        import cupy
        from cupy.cuda import nccl

        name = ranks.from_first(nccl.get_unique_id() if ranks.first else None)
        self.cupy, self.nccl = cupy, nccl
        self.communicator = nccl.NcclCommunicator(ranks.size, name, ranks.rank)
        self.types = {"float32": nccl.NCCL_FLOAT32, "float64": nccl.NCCL_FLOAT64}

    def start(self, piece: Any) -> None:
        """Queue the sum of a piece."""
        place, stream = piece.data.ptr, self.cupy.cuda.get_current_stream().ptr
        kind = self.types[piece.dtype.name]
        self.communicator.allReduce(place, place, piece.size, kind, self.nccl.NCCL_SUM, stream)

    def finish(self, whole: Any, pieces: Sequence[Any]) -> None:
        """Leave it to the GPU."""


Sums = HostSums | SumsThroughHost | DeviceSums | NcclSums


def sums_for(device: str, ranks: Ranks) -> Sums:
    """Choose how arrays of a device are added up, the same for all ranks.

    Parameters
    ----------
    device : str
        Of this rank.
    ranks : Ranks
    """
    if device == "cpu":
        return HostSums(ranks)
    everywhere = ranks.objects((_reads_gpus(ranks), _has_nccl(), _gpu_of(device)))
    if all(reads for reads, _, _ in everywhere):
        return DeviceSums(ranks, device)
    if all(nccl for _, nccl, _ in everywhere) and len({gpu for _, _, gpu in everywhere}) == ranks.size:
        return NcclSums(ranks)  # which refuses two ranks on one GPU
    return SumsThroughHost(ranks)


def _reads_gpus(ranks: Ranks) -> bool:
    """Say if the MPI library takes arrays of a GPU: MPI 4.1 tells, and before that those who set it up."""
    kinds = ranks.comm.Get_info().get("mpi_memory_alloc_kinds") or ""
    return "cuda" in kinds or os.environ.get("MPICH_GPU_SUPPORT_ENABLED") == "1"


def _has_nccl() -> bool:
    try:
        from cupy.cuda import nccl  # a module of its own, which `import cupy` leaves alone
    except ImportError:
        return False
    return bool(nccl.available)


def _gpu_of(device: str) -> tuple[str, str]:
    import socket

    return socket.gethostname(), device
