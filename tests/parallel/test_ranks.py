"""What ranks say to each other, and who is one: without MPI."""

import os
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from minifcn.backend import job_watch, joining
from minifcn.backend.joining import join
from minifcn.backend.launchers import launched
from minifcn.backend.ranks import Disagreement, Ranks
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


class Watched:
    """Two ranks that only sleep, and the process beside them."""

    def __init__(self, words):
        self.words = words
        self.ranks = [subprocess.Popen(["sleep", "60"]) for _ in range(2)]
        self.name = f"\0minifcn test {os.getpid()} {self.ranks[0].pid}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(self.name)
            listener.listen()
            command = [sys.executable, "-I", "-S", job_watch.__file__, str(listener.fileno()), "0", "2", "2"]
            with open(words, "w") as file:
                self.process = subprocess.Popen(command, pass_fds=[listener.fileno()], stderr=file)
        self.links = []

    def come(self, rank):
        link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        link.connect(self.name)
        link.settimeout(5)  # before all are ended
        link.send(f"here {rank} {self.ranks[rank].pid}".encode())
        self.links.append(link)

    def meet(self):
        for rank in range(2):
            self.come(rank)
            self.links[rank].send(f"ready {rank} ".encode())
        assert [link.recv(99) for link in self.links] == [b"go"] * 2

    def kill(self, rank):
        self.ranks[rank].kill()
        self.ranks[rank].wait()

    def said(self):
        """What it says until it has ended, which it does as soon as both ranks have."""
        for rank in range(2):
            self.kill(rank)
        self.process.wait(20)
        return self.words.read_text()


@pytest.fixture
def watched(tmp_path):
    if not hasattr(os, "pidfd_open"):
        pytest.skip("a process watches the ranks on Linux alone")
    both = Watched(tmp_path / "words")
    yield both
    for link in both.links:
        link.close()
    for process in [*both.ranks, both.process]:
        process.kill()
        process.wait()


class TestTheProcessBesideRanks:
    @pytest.mark.parametrize("by_itself", [False, True])
    def test_ranks_that_are_gone_before_it_looks_are_not_waited_for(self, watched, by_itself):
        """Who waited for them would keep the launcher's pipes open, and the job with them."""
        for rank in range(2):
            watched.kill(rank)
            watched.come(rank)
            watched.links[rank].send(f"left {rank} ".encode() if by_itself else b" ")
        assert ("rank 0 of 2 has ended or was killed" in watched.said()) is not by_itself

    def test_who_goes_first_is_named_also_if_it_looks_late(self, watched):
        """A launcher ends all for one that was killed, often before anybody has looked."""
        watched.meet()
        watched.process.send_signal(signal.SIGSTOP)
        watched.kill(1)
        watched.kill(0)
        watched.process.send_signal(signal.SIGCONT)
        said = watched.said()
        assert said.count("minifcn: ") == said.count("minifcn: rank 1 of 2 was killed, ") == 1

    def test_one_that_was_never_seen_may_have_been_the_first_to_go(self, watched):
        """The launcher has ended all before this process was there."""
        watched.kill(1)
        watched.come(1)
        assert watched.links[0].recv(99) == b"end 2 0"
        watched.come(0)
        assert "minifcn: rank 1 of 2 or rank 0 of 2 has ended or was killed before " in watched.said()

    @pytest.mark.parametrize("saved", [False, True])
    def test_what_is_not_there_is_not_advised(self, watched, tmp_path, saved):
        watched.meet()
        watched.links[0].send(f"saved 0 {tmp_path / 'checkpoint.npz'}\ngo on".encode())
        if saved:
            (tmp_path / "checkpoint.npz").touch()
        watched.kill(1)
        assert ("the others end with it; go on" in watched.said()) is saved

    def test_a_rank_that_begins_late_hears_that_all_is_over_and_said(self, watched):
        watched.come(0)
        watched.links[0].send(b"problem 0 2 there is no MPI")
        assert watched.links[0].recv(99) == b"end 2 0"
        watched.come(1)
        assert watched.links[1].recv(99) == b"end 2 0"
        assert watched.said() == "minifcn: rank 0 of 2: there is no MPI\n"

    @pytest.mark.parametrize("told", ["both say so", "one computes, and has the signal"])
    def test_a_signal_to_all_is_said_of_no_rank_alone(self, watched, told):
        watched.meet()
        watched.links[0].send(b"problem 0 143 interrupted")
        watched.links[1].send(b"problem 1 143 interrupted" if told == "both say so" else bytes([signal.SIGTERM]))
        assert watched.links[0].recv(99) == b"end 143 0"
        assert watched.said() == "minifcn: the job was interrupted\n"

    def test_a_signal_to_one_is_said_of_that_one(self, watched):
        watched.meet()
        watched.links[1].send(b"problem 1 130 interrupted")
        assert watched.links[1].recv(99) == b"end 130 0"
        assert watched.said() == "minifcn: rank 1 of 2 was interrupted\n"

    def test_what_none_can_do_names_none(self, watched):
        for rank in range(2):
            watched.come(rank)
            watched.links[rank].send(f"problem {rank} 2 there is no MPI".encode())
        assert watched.links[1].recv(99).startswith((b"go", b"end"))
        time.sleep(0.1)
        assert watched.said() == "minifcn: there is no MPI\n"

    def test_all_that_ask_for_help_are_nobody_s_concern(self, watched):
        for rank in range(2):
            watched.come(rank)
            watched.links[rank].send(f"aside {rank} was asked for help".encode())
        time.sleep(0.1)
        assert watched.said() == ""

    def test_one_that_asks_for_help_among_others_is(self, watched):
        watched.come(0)
        watched.links[0].send(b"ready 0 ")
        watched.come(1)
        watched.links[1].send(b"aside 1 was asked for help")
        watched.kill(1)
        assert watched.links[0].recv(99) == b"end 2 0"
        assert "rank 1 of 2 was asked for help, and " in watched.said()

    def test_it_says_nothing_of_ranks_that_have_done_their_work_or_said_why_not(self, watched):
        watched.meet()
        watched.links[1].send(b"over 1 ")
        assert watched.said() == ""
