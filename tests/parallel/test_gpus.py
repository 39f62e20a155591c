"""Gradients on GPUs: they are added up where they lie, or in one copy, and the host waits once for a step.

Another rank that has the same images stands for all others, so sums are twice what this one has.
"""

import contextlib
import ctypes
import dataclasses
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import standin
from training.test_trainer import CONFIG, SHAPES

from minifcn.backend import sums, to_host
from minifcn.backend.ranks import Ranks
from minifcn.training import build
from minifcn.training.parallel_trainer import ParallelTrainer

MPI = SimpleNamespace(IN_PLACE=object(), Request=SimpleNamespace(Testall=len, Waitall=len))


class Twin:
    """A communicator with a rank that does the same."""

    def __init__(self, kinds="mpi,system"):
        self.kinds, self.added = kinds, []

    Get_rank, Get_size = (lambda self: 0), (lambda self: 2)

    def Get_info(self):
        return {"mpi_memory_alloc_kinds": self.kinds}

    def Iallgather(self, own, found):
        found[:] = own

    def Ibarrier(self):
        return SimpleNamespace(Test=lambda: True)

    def allgather(self, thing):
        return [thing, thing]

    def bcast(self, thing):
        return thing

    def Allreduce(self, in_place, array):
        assert in_place is MPI.IN_PLACE
        self.added.append(array)
        array *= 2

    Iallreduce = Allreduce


class TwinElsewhere(Twin):
    """Its GPU is another one, as NCCL wants it."""

    def allgather(self, thing):
        reads, nccl, _ = thing
        return [thing, (reads, nccl, ("elsewhere", "cuda:0"))]


class Nccl:
    """Stands in for the module cupy.cuda.nccl, and for its communicator, with a rank that has the same numbers."""

    available, NCCL_FLOAT32, NCCL_FLOAT64, NCCL_SUM = True, 7, 8, 0

    def get_unique_id(self):
        return tuple(range(128))

    def NcclCommunicator(self, ndev, commId, rank):
        assert (ndev, commId, rank) == (2, self.get_unique_id(), 0)
        return self

    def allReduce(self, sendbuf, recvbuf, count, datatype, op, stream):
        assert (sendbuf, op) == (recvbuf, self.NCCL_SUM)
        number = {self.NCCL_FLOAT32: ctypes.c_float, self.NCCL_FLOAT64: ctypes.c_double}[datatype]
        np.ctypeslib.as_array((number * count).from_address(recvbuf))[:] *= 2


@pytest.fixture
def twin(stand_in, monkeypatch):
    """A function that gives the communicator for a way of adding up on GPUs."""

    def twin(way):
        if way != "NCCL":
            return Twin(WAYS[way][0])
        monkeypatch.setitem(sys.modules, "cupy.cuda", SimpleNamespace(nccl=Nccl()))
        return TwinElsewhere()

    return twin


def make_trainer(folder, device, comm, **settings):
    config = dataclasses.replace(CONFIG, **settings)
    model = build.build_model(config, device)
    loaders = build.train_loader(config, SHAPES), build.valid_loader(config, SHAPES)
    parts = (config, model, build.build_optimizer(config, model), *loaders, folder)
    return ParallelTrainer(*parts, ranks=Ranks(MPI, comm))


def steps(trainer, count=1):
    """Take steps; yields what each will find in its place."""
    trainer.model.train()
    for number in range(count):
        with contextlib.closing(trainer.parts(number, 0)) as parts:
            yield from parts


# Of each: what an MPI knows of, how often the host waits, and what a step moves besides images and labels, down and up.
WAYS = {
    "MPI, by way of the host": ("mpi,system", 1, 1, 1),
    "MPI, in the memory of the GPUs": ("mpi,system,cuda:device", 1, 0, 0),
    "NCCL": ("mpi,system", 0, 0, 0),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("settings", [{}, {"optimizer": "sgd"}, {"reduction": "batch", "lr": 1e-6}], ids=str)
def test_a_step_waits_once_and_with_nccl_not_at_all(tmp_path, stand_in, twin, way, settings):
    _, waits, down, up = WAYS[way]
    trainer = make_trainer(tmp_path, stand_in, twin(way), **settings)
    assert f"gradients are summed by {way}" in trainer.connect()
    first, *others = steps(trainer, 2)
    trainer.step(first)
    for batch in others:
        with standin.forbid("atomic"), standin.count() as events:
            trainer.step(batch)
        assert (events["sync"], events["d2h"], events["h2d"]) == (waits, down, 2 + up)


@pytest.mark.parametrize("way", WAYS)
def test_sums_on_a_gpu_are_those_of_the_host(tmp_path, stand_in, twin, way):
    found = []
    for device, comm in (stand_in, twin(way)), ("cpu", Twin()):
        trainer = make_trainer(tmp_path, device, comm, dtype="float64")
        for batch in steps(trainer, 3):
            trainer.step(batch)
        found.append(trainer.model.state_dict() | {"loss": to_host(trainer.accumulation.loss)})
    for name, array in found[1].items():
        np.testing.assert_allclose(found[0][name], array, rtol=0, atol=1e-10, err_msg=name)


def test_mpi_gets_the_arrays_themselves_in_pieces(tmp_path, stand_in, monkeypatch):
    monkeypatch.setattr("minifcn.training.parallel.PIECE", 1 << 12)
    comm = Twin("mpi,cuda")
    trainer = make_trainer(tmp_path, stand_in, comm)
    trainer.step(next(steps(trainer)))
    pieces = trainer.accumulation.pieces
    assert len(pieces) > 3
    assert all(added is piece for added, piece in zip(comm.added, pieces, strict=True))
    gradients = [to_host(parameter.grad.data) for parameter in trainer.accumulation.places]
    numbers = sum(piece.size for piece in pieces)
    assert numbers == sum(gradient.size for gradient in gradients) + 1  # the loss


def test_nccl_is_chosen_where_every_rank_has_a_gpu_of_its_own(stand_in, monkeypatch):
    monkeypatch.setattr(sums, "_has_nccl", lambda: True)
    monkeypatch.setattr(sums, "NcclSums", lambda ranks: "NCCL")
    comm = Twin()
    assert isinstance(sums.sums_for(stand_in, Ranks(MPI, comm)), sums.SumsThroughHost)  # both are on cuda:0
    monkeypatch.setattr(comm, "allgather", lambda thing: [thing, (*thing[:2], ("elsewhere", "cuda:0"))])
    assert sums.sums_for(stand_in, Ranks(MPI, comm)) == "NCCL"
