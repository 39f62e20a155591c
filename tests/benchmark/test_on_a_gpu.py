"""What is run where there is a GPU is written so that it runs: commands are understood, and end in time."""

import subprocess
import sys
import time

import on_a_gpu
import pytest

from minifcn import cli
from minifcn.backend import cuda_problem

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]
DEAF = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(60)"]


def test_without_a_gpu_it_says_so_and_runs_nothing(capsys, monkeypatch):
    monkeypatch.setattr(on_a_gpu, "cuda_problem", lambda: "the driver is missing")
    monkeypatch.setattr(on_a_gpu, "run", None)
    monkeypatch.setattr(sys, "argv", ["on_a_gpu.py"])
    assert on_a_gpu.main() == 2
    assert capsys.readouterr().err == "nothing was run: there is no GPU to run it on (the driver is missing)\n"


@pytest.mark.skipif(not cuda_problem(), reason="there is a GPU")
@pytest.mark.parametrize("target", ["gpu", "bench-gpu", "test-gpu", "train-gpu"])
def test_make_names_the_works(target):
    command = ["make", "--no-print-directory", "-n", target]  # which `make test` would print, if it runs the tests
    shown = subprocess.run(command, cwd=on_a_gpu.ROOT, capture_output=True, text=True, check=True)
    last = shown.stdout.splitlines()[-1].split("on_a_gpu.py")[1].split()
    assert last == ([] if target == "gpu" else [target.removesuffix("-gpu")])


def test_a_work_that_does_not_exist_is_refused(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["on_a_gpu.py", "cook"])
    with pytest.raises(SystemExit) as error:
        on_a_gpu.main()
    assert error.value.code == 2
    assert "there is no work 'cook'; there are bench, test, train" in capsys.readouterr().err


def test_the_command_line_knows_the_options(tmp_path):
    (tmp_path / "camvid-fcn8s-gpu").mkdir()
    commands = [*on_a_gpu.bench("cpu", tmp_path), *on_a_gpu.train("cpu", "shapes", tmp_path)]
    assert len(commands) == 3
    for command in commands:
        cli._parse(command[3:])  # without python -m minifcn


def test_a_training_that_has_begun_is_continued(tmp_path):
    run = tmp_path / "camvid-fcn8s-gpu"
    run.mkdir()
    assert on_a_gpu.train("cpu", "shapes", tmp_path)[0][-1] == "--overwrite"
    (run / "checkpoint.npz").touch()
    assert on_a_gpu.train("cpu", "shapes", tmp_path)[0][-1] == "--resume"


def test_the_training_runs_on_a_device(tmp_path, stand_in):
    (command,) = on_a_gpu.train(stand_in, "shapes", tmp_path)
    small = "--width 0.0625 --epochs 1 --images 1 --size 32x32 --crop 32x32 --workers 0"
    assert cli.main([*command[3:], *small.split()]) == 0
    assert (tmp_path / "camvid-fcn8s-gpu" / "best.npz").exists()


def test_the_processes_share_out_every_file_with_a_device():
    files = [path for command in on_a_gpu.tests(3) for path in command if path.endswith(".py")]
    assert len(files) == len(set(files)) > 20
    assert any(path.endswith("test_kernels.py") for path in files)


class TestRun:
    def test_gives_the_exit_status_of_each(self):
        assert on_a_gpu.run([[sys.executable, "-c", f"raise SystemExit({n})"] for n in (0, 3)], limit=60) == [0, 3]

    def test_what_takes_too_long_is_interrupted(self):
        began = time.monotonic()
        assert on_a_gpu.run([SLEEPS, SLEEPS], limit=1, together=True) != [0, 0]
        assert time.monotonic() - began < 50  # of the 60 that they sleep: a busy machine starts them late

    def test_what_does_not_listen_is_killed(self, monkeypatch):
        monkeypatch.setattr(on_a_gpu, "GRACE", 1)
        assert on_a_gpu.run([DEAF], limit=2) == [-9]
