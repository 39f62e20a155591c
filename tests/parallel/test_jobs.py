"""`mpiexec -n N minifcn train`: one voice, one run, and one end, whatever happens to a rank."""

import json
import subprocess
import time

import launching
import numpy as np
import pytest
import small_runs
import spoiled

from minifcn.training import checkpoint

SETTINGS = ["--data", "shapes", "--images", "8", "--size", "32x32", "--width", "0.03125", "--device", "cpu"]
SETTINGS += ["--batch-size", "3", "--model", "fcn32s"]


def train(ranks, out, *arguments, fault="none"):
    """Train in so many ranks; gives the exit status, and the lines of minifcn's on stderr."""
    done = launching.run(ranks, spoiled.__file__, fault, "train", *SETTINGS, "--out", out, *arguments)
    return done.returncode, [line for line in done.stderr.splitlines() if line.startswith("minifcn: ")]


FOUND_BEFORE = {
    "version": "rank 1 of 2 has another version of minifcn than rank 0 (0.0, and not ",
    "setting": "rank 1 of 2 has another --lr than rank 0 (0.5, and not 0.001)",
    "images": "rank 1 of 2 has another data set in train than rank 0",
    "folder": "rank 1 of 2 has another --out than rank 0 (elsewhere, and not ",
    "misspelt": "rank 1 of 2: there is no option --lrr",
    "error at first": "rank 1 of 2: photo.png: is damaged",
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


ENDS = {  # exit status, what is said, and of how many steps the checkpoint is
    "error": (2, "rank 1 of 2: photo.png: Input/output error", 0),
    "kill": (9, "rank 1 of 2 was killed", 0),
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


def test_a_rank_that_is_stopped_before_mpi_begins_leaves_nobody_waiting(tmp_path):
    status, said = train(2, tmp_path / "out", fault="terminate before MPI")
    assert (status, said) == (143, ["minifcn: rank 1 of 2: interrupted"])


WITHOUT_MPI = "import sys; sys.modules['mpi4py.MPI'] = None; from minifcn.cli import main; sys.exit(main(sys.argv[1:]))"
LATE = "import time; time.sleep(0.5); import nothing"
NEVER_COME = {  # instead of the training, and what is said
    "another command": (["-m", "minifcn", "--version"], ["rank 1 of 3", " has ended before the ranks met; "]),
    "a failing import": (["-c", LATE], ["rank 1 of 3", " has ended before the ranks met; "]),
    "no MPI": (["-c", WITHOUT_MPI, "train"], ["rank 1 of 3: mpi4py finds no MPI library ", "pip install mpich"]),
}


@pytest.mark.parametrize(
    ("what", "who"), [("another command", 0), ("a failing import", 1), ("no MPI", 0), ("no MPI", 1)]
)
def test_a_rank_that_never_comes_to_mpi_is_named_and_not_waited_for(tmp_path, what, who):
    instead, said = NEVER_COME[what]
    programs = [["-m", "minifcn", "train", *SETTINGS, "--out", tmp_path / "out"] for _ in range(3)]
    programs[who] = instead
    done = subprocess.run(
        launching.together(*programs), capture_output=True, text=True, timeout=60, env=launching.environment()
    )
    found = [line for line in done.stderr.splitlines() if line.startswith("minifcn: ")]
    assert done.returncode in (2, 3)  # MPICH's launcher gives 1 | 2 where one has ended with 1
    assert len(found) == 1, done.stderr
    for words in said:
        assert words.replace("rank 1", f"rank {who}") in found[0]
    assert not (tmp_path / "out").exists()


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


def test_a_run_goes_on_with_any_number_of_ranks(tmp_path):
    """Also in the middle of a step of several batches, to the numbers of one process."""
    settings = ["--dtype", "float64", "--accumulate", "2"]
    for ranks, epochs in (3, "1"), (2, "2"), (1, "3"):
        more = ["--resume"] if epochs != "1" else []
        assert train(ranks, tmp_path / "ranks", *settings, *more, "--epochs", epochs)[0] == 0
    assert train(1, tmp_path / "one", *settings, "--epochs", "3")[0] == 0
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


@pytest.fixture(scope="module")
def run_of_one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated")
    assert train(1, folder, "--epochs", "1")[0] == 0
    return folder


@pytest.mark.parametrize("how", EVALUATIONS)
def test_ranks_evaluate_to_what_one_process_finds(run_of_one, tmp_path, how):
    """The same integers, the same loss to its last digit, and all of it printed once."""
    found = []
    for ranks in (1, 3):
        arguments = ["--checkpoint", run_of_one, "--device", "cpu", "--json", "--confusion", tmp_path / "found.csv"]
        done = launching.run(ranks, spoiled.__file__, "none", "evaluate", *arguments, *EVALUATIONS[how])
        assert done.returncode == 0, done.stderr
        found.append((json.loads(done.stdout), (tmp_path / "found.csv").read_text()))
    assert found[0] == found[1]


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
