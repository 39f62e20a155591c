"""What ranks say to each other, and who is one: without MPI."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from minifcn.backend import joining
from minifcn.backend.joining import join, launched
from minifcn.backend.ranks import Disagreement, Ranks
from minifcn.cli import job_watch
from minifcn.data.batch import rows_of
from minifcn.errors import UserError

LAUNCHED = {
    "MPICH": {"PMI_RANK": "2", "PMI_SIZE": "4"},
    "Open MPI": {"OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "4"},
    "srun": {"SLURM_PROCID": "2", "SLURM_STEP_NUM_TASKS": "4"},
}


@pytest.mark.parametrize("environment", LAUNCHED.values(), ids=LAUNCHED)
def test_launchers_that_are_known(environment):
    assert launched(environment) == (2, 4)


@pytest.mark.parametrize("environment", [{}, {"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, {"PMI_RANK": "x"}], ids=str)
def test_who_is_alone(environment):
    """The script of a Slurm job too, which is one process whatever the job asked for."""
    assert launched(environment) == (0, 1)


def test_mpi_is_not_imported_by_who_is_alone():
    program = "import sys; from minifcn.backend.joining import join; print(join().size, 'mpi4py' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"]


def test_a_job_without_mpi4py_says_what_to_install(monkeypatch):
    monkeypatch.setattr(joining, "launched", lambda: (0, 4))
    monkeypatch.setattr(joining.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"4 processes were started together, but .* pip install 'minifcn\[mpi\]'"):
        join()


@pytest.mark.parametrize("count", range(9))
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_every_image_has_one_rank_and_the_first_has_one_of_any(count, size):
    parts = [rows_of(rank, size, count) for rank in range(size)]
    assert [n for part in parts for n in range(count)[part]] == list(range(count))
    lengths = [part.stop - part.start for part in parts]
    assert lengths == sorted(lengths, reverse=True)
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize(
    ("there", "cores", "crowd"),
    [
        ([("a", {0, 1, 2, 3})] * 2, 2, 1),
        ([("a", {0}), ("a", {1})], 1, 1),
        ([("a", {0, 1})] * 5, 1, 2.5),
        ([("a", {0, 1, 2, 3}), ("b", {0, 1, 2, 3})], 4, 1),
        ([("a", {0, 1, 2, 3}), ("b", {0}), ("b", {0})], 4, 2),
    ],
    ids=["shared", "bound", "more ranks than cores", "two machines", "one of two is crowded"],
)
def test_cores_are_shared_out(there, cores, crowd):
    ranks = Ranks(None, Told())
    ranks.objects = lambda own: there
    assert ranks.place() == cores
    assert (ranks.crowd, ranks.gentle) == (crowd, crowd > 1)


class Told:
    """A communicator in which the other ranks have said already what they say."""

    def __init__(self, *others):
        self.others = others

    Get_rank = lambda self: 0  # noqa: E731

    def Get_size(self):
        return 1 + len(self.others)

    def Ibarrier(self):
        return SimpleNamespace(Test=lambda: True)

    def allgather(self, thing):
        return [thing, *self.others]


def disagreement(*others, problem=None, **facts):
    with pytest.raises(Disagreement) as raised:
        Ranks(SimpleNamespace(), Told(*others)).agree(facts, problem)
    return str(raised.value), raised.value.status


class TestAgreement:
    def test_who_is_like_the_first_goes_on(self):
        Ranks(None, Told(({"lr": "1"}, None))).agree({"lr": "1"})

    def test_who_is_not_is_named(self):
        message, status = disagreement(({"lr": "1"}, None), ({"lr": "2"}, None), lr="1")
        assert message.startswith("rank 2 of 3 has another lr than rank 0 (2, and not 1)")
        assert status == 2

    def test_a_problem_of_one_rank_names_it(self):
        assert disagreement(({}, ("photo.png: is damaged", 7))) == ("rank 1 of 2: photo.png: is damaged", 7)

    def test_a_problem_of_all_ranks_names_none(self):
        problem = ("photo.png: is damaged", 2)
        assert disagreement(({}, problem), problem=problem) == problem


def test_one_rank_needs_no_mpi():
    alone = Ranks()
    array = np.ones(3)
    assert alone.add(array) is array
    assert (alone.total(2.5), alone.objects("x"), alone.from_first("x"), alone.some(1)) == (2.5, ["x"], "x", alone)
    alone.agree({"lr": "1"})
    alone.rest()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="who is killed is told on Linux alone")
@pytest.mark.parametrize("by_itself", [False, True])
def test_ranks_that_are_gone_before_they_are_watched_are_not_waited_for(tmp_path, by_itself):
    """Who waited for them would keep the launcher's pipes open, and the job with them."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    if by_itself:
        (tmp_path / "1").touch()
    command = [
        sys.executable,
        "-I",
        "-S",
        job_watch.__file__,
        tmp_path,
        "2",
        "1",
        "",
        f"0:{ended.pid}",
        f"1:{ended.pid}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ("rank 0 or 1 of 2 was killed" in done.stderr) is not by_itself
