"""`mpiexec -n N minifcn train`: one voice, one run, and one end, whatever happens to a rank."""

import json
import os
import re
import signal
import socket
import subprocess
import time

import launching
import numpy as np
import pytest
import small_runs
import spoiled

from minifcn.backend.joining import Beside
from minifcn.cli import main
from minifcn.training import checkpoint

SETTINGS = ["--data", "shapes", "--images", "8", "--size", "32x32", "--width", "0.03125", "--device", "cpu"]
SETTINGS += ["--batch-size", "3", "--model", "fcn32s"]


def train(ranks, out, *arguments, fault="none"):
    """Train in so many ranks; gives the exit status, and the lines of minifcn's on stderr."""
    done = launching.run(ranks, spoiled.__file__, fault, "train", *SETTINGS, "--out", out, *arguments)
    return done.returncode, said_in(done.stderr)


def said_in(text):
    return [line for line in text.splitlines() if line.startswith("minifcn: ")]


def alone(monkeypatch, *arguments):
    """Run a command in this process."""
    for name in spoiled.PICTURES:
        monkeypatch.setattr(f"minifcn.pictures.{name}", lambda path, *rest: path.touch())
    assert main([*map(str, arguments)]) == 0


FOUND_BEFORE = {
    "version": "rank 1 of 2 has another version of minifcn than rank 0 (0.0, and not ",
    "setting": "rank 1 of 2 has another --lr than rank 0 (0.5, and not 0.001)",
    "images": "rank 1 of 2 has another data set in train than rank 0",
    "folder": "rank 1 of 2 has another --out than rank 0 (elsewhere, and not ",
    "misspelt": "rank 1 of 2: there is no option --lrr",
}


@pytest.mark.parametrize("fault", FOUND_BEFORE)
def test_a_rank_that_is_not_like_the_first_one_is_found_before_anything_is_written(tmp_path, fault):
    status, said = train(2, tmp_path / "out", fault=fault)
    assert status == 2
    assert len(said) == 1
    assert FOUND_BEFORE[fault] in said[0]
    assert not (tmp_path / "out").exists()


def test_what_no_rank_can_do_is_said_once(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "log.csv").touch()
    status, said = train(3, tmp_path / "out")
    assert (status, len(said)) == (2, 1)
    assert "holds a run already" in said[0]


KILLED = "was killed, as by kill -9 or for want of memory, "
ENDS = {  # exit status, what is said, and of how many steps the checkpoint is
    "error": (2, "rank 1 of 2: photo.png: Input/output error", 0),
    "kill": (9, f"rank 1 of 2 {KILLED}and the others end with it; train --resume goes on from the last checkpoint", 0),
    "interrupt": (130, "rank 1 of 2 was interrupted; ", spoiled.AT + 1),
    "terminate": (143, "rank 1 of 2 was interrupted; ", spoiled.AT + 1),
}


@pytest.mark.parametrize("fault", ENDS)
def test_a_rank_that_goes_ends_the_job_with_one_message_and_a_whole_checkpoint(tmp_path, fault):
    status, message, steps = ENDS[fault]
    began = time.monotonic()
    found, said = train(2, tmp_path, "--epochs", "1000", fault=fault)
    assert found == status
    assert len(said) == 2, said  # the first says how many ranks there are
    assert message in said[1]
    assert checkpoint.load(tmp_path / "checkpoint.npz").position.iteration == steps
    assert time.monotonic() - began < 60  # to begin takes most of it, where other programs keep the cores busy


EARLY_AND_LATE = {  # exit status, and what is said, all of it
    "terminate before MPI": (143, "minifcn: rank 1 of 2 was interrupted"),
    "kill before MPI": (9, rf"minifcn: rank 1 of 2 \(.*\) {KILLED}before the ranks met, and the others end with it"),
    "kill before anything is saved": (9, f"minifcn: rank 1 of 2 {KILLED}and the others end with it"),
    "kill behind the work": (9, f"minifcn: rank 1 of 2 {KILLED}and the others end with it; train --resume .*"),
}


@pytest.mark.parametrize("fault", EARLY_AND_LATE)
def test_a_rank_that_goes_before_the_first_step_or_behind_the_last_one_is_named(tmp_path, fault):
    """--resume is advised where there is something to go on from."""
    status, message = EARLY_AND_LATE[fault]
    found, said = train(2, tmp_path / "out", "--epochs", "1", fault=fault)
    assert found == status
    assert re.fullmatch(message, said[-1])
    assert len(said) == 1 or (fault.endswith("work") and sum(KILLED in line for line in said) == 1)


WITHOUT_MPI = "import sys; sys.modules['mpi4py.MPI'] = None; from minifcn.cli import main; sys.exit(main(sys.argv[1:]))"
FAILING = "import time; time.sleep(0.5); import nothing"
# Nobody sees that it will be a rank until it begins: as the child of a launcher that has no time to start it.
LATE = """
import os, sys, time
hidden = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith(("PMI", "OMPI", "SLURM"))}
wait = "import os, sys, time; time.sleep(1); os.execve(sys.executable, sys.argv[1:], {**os.environ, **%r})" % hidden
os.execve(sys.executable, [sys.executable, "-c", wait, sys.executable, *sys.argv[1:]], os.environ)
"""
TRAIN = ["-m", "minifcn", "train", *SETTINGS]
HELP = ["-m", "minifcn", "train", "-h"]
NO_MPI = ["-c", WITHOUT_MPI, "train"]
FOUND_NONE = "mpi4py finds no MPI library .*pip install mpich"
NEVER_COME = {  # what the ranks run, and what is said
    "help": ([HELP, TRAIN, TRAIN], r"rank 0 of 3 \(.* -h\) was asked for help \(-h\), and has ended before "),
    "a failing import": (
        [TRAIN, ["-c", FAILING], TRAIN],
        r"rank 1 of 3 \(.*\) has ended.* before the ranks met; all of ",
    ),
    "no MPI": ([NO_MPI, TRAIN, TRAIN], f"rank 0 of 3: {FOUND_NONE}"),
    "no MPI, and the first one is late": ([["-c", LATE, *TRAIN], NO_MPI, TRAIN], f"rank 1 of 3: {FOUND_NONE}"),
}


@pytest.mark.parametrize("what", NEVER_COME)
def test_a_rank_that_never_comes_to_mpi_is_named_and_not_waited_for(tmp_path, what):
    programs, message = NEVER_COME[what]
    programs = [[*program, *(["--out", tmp_path / "out"] if program[-1] == TRAIN[-1] else [])] for program in programs]
    done = subprocess.run(
        launching.together(*programs), capture_output=True, text=True, timeout=60, env=launching.environment()
    )
    assert done.returncode in (2, 3)  # MPICH's launcher gives 1 | 2 where one has ended with 1
    assert len(said_in(done.stderr)) == 1, done.stderr
    assert re.match(f"minifcn: {message}", said_in(done.stderr)[0])
    assert not (tmp_path / "out").exists()


SLOW_TO_SAY = """
import sys, time
from minifcn.backend.joining import Beside
say = Beside.say
Beside.say = lambda *words: time.sleep(1) or say(*words)
from minifcn.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_where_all_ranks_are_asked_for_help_none_is_missed():
    """Also if one has ended before another one has told what it does."""
    programs = launching.together(HELP, ["-c", SLOW_TO_SAY, *HELP[2:]])
    done = subprocess.run(programs, capture_output=True, text=True, timeout=60, env=launching.environment())
    assert (done.returncode, said_in(done.stderr)) == (0, [])


CLOSING = "import os, sys; os.closerange(0, {}); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"


@pytest.mark.parametrize("closed", [2, 3])
def test_ranks_need_no_standard_files(tmp_path, closed):
    """Their first files have those numbers then, the one where ranks meet among them."""
    program = ["-c", CLOSING.format(closed), *TRAIN, "--epochs", "1", "--out", tmp_path / "out"]
    command = launching.together(program, program)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=launching.environment())
    assert done.returncode == 0, done.stderr
    assert checkpoint.load(tmp_path / "out" / "checkpoint.npz").position.epoch == 1


def test_what_ends_each_time_it_is_started_beside_the_ranks_is_not_waited_for():
    started = []

    def ended():
        link, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        other.close()
        beside = Beside(link, 0)
        started.append(beside)
        beside.again = ended
        return beside

    ended().wait()
    started[-1].link.close()
    assert len(started) == 2


HUNG_UP = """
import signal
signal.signal(signal.SIGHUP, lambda *_: print("heard"))
from minifcn.backend.joining import _library
_library(True, 1)
signal.raise_signal(signal.SIGHUP)
"""


def test_the_library_of_mpi_leaves_a_hangup_to_python():
    found = subprocess.run(launching.command(1, "-c", HUNG_UP), capture_output=True, text=True, timeout=60)
    assert found.stdout.split() == ["heard"], found.stderr


SIGNALS = {  # to the launcher, which hands it to all ranks: when, which one, and what is said of the checkpoint
    "slow pictures": (signal.SIGTERM, ".*checkpoint.npz is saved at iteration 3, --resume "),
    "slow last evaluation": (signal.SIGINT, "the training is complete, .*checkpoint.npz is saved"),
}


@pytest.mark.parametrize("what", SIGNALS)
def test_a_signal_to_the_whole_job_is_said_of_no_rank_alone(tmp_path, what):
    """After an epoch, while the first one draws, and in the evaluation at the end."""
    number, message = SIGNALS[what]
    line = launching.command(2, spoiled.__file__, what, "train", *SETTINGS, "--epochs", "1", "--out", tmp_path)
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=launching.environment()) as job:
        while not (tmp_path / "iou.csv").exists() or (what != "slow pictures" and not drawn(tmp_path)):
            assert job.poll() is None
            time.sleep(0.02)
        time.sleep(0.3)  # the ranks have come to what takes long
        job.send_signal(number)
        said = said_in(job.communicate(timeout=50)[1])
    assert job.returncode == 128 + number
    assert re.match(f"minifcn: the job was interrupted; {message}", said[-1])
    assert sum("interrupted" in line for line in said) == 1
    assert checkpoint.load(tmp_path / "checkpoint.npz").position.epoch == 1


def drawn(folder):
    return {"curves.png", "predictions.png", "confusion.png"} <= {*os.listdir(folder)}


def test_a_rank_that_is_stopped_does_not_wait_for_what_the_first_one_draws(tmp_path):
    """The last epoch is stopped too: who asks for an end is not told that all went well."""
    began = time.monotonic()
    status, said = train(2, tmp_path, "--epochs", "1", fault="terminate while the first one draws")
    assert time.monotonic() - began < 60  # which the first picture alone would take
    assert status == 143
    assert "rank 1 of 2 was interrupted; " in said[-1]
    assert not (tmp_path / "confusion.png").exists()
    assert checkpoint.load(tmp_path / "checkpoint.npz").position.epoch == 1
    assert train(2, tmp_path, "--resume")[0] == 0
    assert (tmp_path / "confusion.png").exists()


def test_a_run_goes_on_with_any_number_of_ranks(tmp_path, monkeypatch):
    """Also in the middle of a step of several batches, to the numbers of one process."""
    settings = ["--dtype", "float64", "--accumulate", "2"]
    for ranks, epochs in (3, "1"), (2, "2"):
        more = ["--resume"] if epochs != "1" else []
        assert train(ranks, tmp_path / "ranks", *settings, *more, "--epochs", epochs)[0] == 0
    for run, more in ("ranks", ["--resume"]), ("one", []):
        alone(monkeypatch, "train", *SETTINGS, *settings, *more, "--epochs", "3", "--out", tmp_path / run)
    for name in ("checkpoint.npz", "best.npz"):
        found, expected = (small_runs.arrays(tmp_path / run / name) for run in ("ranks", "one"))
        for part in expected.keys() - {"about"}:
            np.testing.assert_allclose(found[part], expected[part], rtol=0, atol=1e-12, err_msg=part)
    logs = [small_runs.log_without_seconds(tmp_path / run) for run in ("ranks", "one")]
    for found, expected in zip(*logs, strict=True):
        assert {name: float(value) for name, value in found.items()} == pytest.approx(
            {name: float(value) for name, value in expected.items()}, rel=1e-12
        )


EVALUATIONS = {
    "as trained, and more ranks than images": ["--network-size", "--images", "2"],
    "at the size of the labels": ["--size", "24x24", "--images", "7"],
}


def test_ranks_evaluate_to_what_one_process_finds(tmp_path, monkeypatch, capsys):
    """The same integers, the same loss to its last digit, and all of it printed once."""
    alone(monkeypatch, "train", *SETTINGS, "--epochs", "1", "--out", tmp_path)
    for how in EVALUATIONS.values():
        arguments = ["--checkpoint", tmp_path, "--device", "cpu", "--json", "--confusion", tmp_path / "found.csv", *how]
        capsys.readouterr()
        alone(monkeypatch, "evaluate", *arguments)
        expected = json.loads(capsys.readouterr().out), (tmp_path / "found.csv").read_text()
        done = launching.run(3, spoiled.__file__, "none", "evaluate", *arguments)
        assert done.returncode == 0, done.stderr
        assert (json.loads(done.stdout), (tmp_path / "found.csv").read_text()) == expected


def test_ranks_do_not_predict(tmp_path):
    done = launching.run(2, "-m", "minifcn", "predict", "--data", "shapes", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.count("predict is the work of one process") == 1
    assert not (tmp_path / "out").exists()


def test_bench_ranks_times_one_and_two(tmp_path):
    arguments = ["bench", "ranks", "narrow-step", "--rounds", "1", "--ranks", "2", "--out", tmp_path / "ranks.md"]
    done = launching.run(2, "-m", "minifcn", *arguments)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "ranks.json").read_text())["rows"]
    assert [(row["ranks"], row["images"]) for row in rows] == [(1, 4), (2, 4), (2, 8)]
    assert all(
        0 < row[name] < row["seconds"] for row in rows if row["ranks"] > 1 for name in ("sums", "alone", "adding")
    )
    assert "by the model that is fitted to 1 and 2 ranks" in done.stdout
    assert done.stdout.strip() in (tmp_path / "ranks.md").read_text()
