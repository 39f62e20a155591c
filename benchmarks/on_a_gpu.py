"""What is to be found out where there is a GPU: three works, each of which ends within four minutes.

    python benchmarks/on_a_gpu.py                   all three, one after the other
    python benchmarks/on_a_gpu.py bench test train  those that are named

bench: FCN-8s in float32 and in TF32, beside PyTorch where that has CUDA; tables and charts come out.
test:  the tests that compute on a device, in as many processes as there are cores, at most 8.
train: FCN-8s at full width on CamVid at 360x480, as far as it comes in the time; the next call continues.

CamVid is looked for in MINIFCN_CAMVID. Exit status 1 if a work fails, and 2, at once, if there is no GPU.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from minifcn.backend import cuda_problem

ROOT = Path(__file__).parents[1]
WORKS = ("bench", "test", "train")
LIMIT, GRACE = 215, 20  # seconds of a work, and of what it does when it is told to end
TRAIN = (
    "--model fcn8s --width 1 --scale 0.75,1.4 --crop 320x432 --mirror --schedule poly --epochs 62 --batch-size 8 "
    "--lr 0.001 --optimizer adam --precision tf32 --cache 2G --checkpoint-every 60"
)


def bench(device: str, out: Path) -> list[list[str]]:
    """Commands that time it in both precisions, one after the other."""
    beside = ["--against", "benchmarks/pytorch.py"] if importlib.util.find_spec("torch") else []
    minifcn = [sys.executable, "-m", "minifcn", "bench", "gpu", "--device", device, "--rounds", "5", *beside]
    names = {precision: out / f"performance-gpu-{precision}" for precision in ("float32", "tf32")}
    return [
        [*minifcn, "--precision", precision, "--out", f"{name}.md", "--chart", f"{name}.png"]
        for precision, name in names.items()
    ]


def tests(processes: int) -> list[list[str]]:
    """Commands that share out the files with tests of a device, to run side by side."""
    files = [
        path for path in sorted(ROOT.glob("tests/**/test_*.py")) if re.search(r"\b(device|gpu)\b", path.read_text())
    ]
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "cuda"]
    return [[*pytest, *map(str, files[i::processes])] for i in range(processes)]


def train(device: str, data: str, out: Path) -> list[list[str]]:
    """The command that trains, or continues."""
    run = out / "camvid-fcn8s-gpu"
    how = ["--resume"] if (run / "checkpoint.npz").exists() else ["--overwrite"]
    return [
        [sys.executable, "-m", "minifcn", "train", "--data", data, "--device", device, *TRAIN.split()]
        + ["--out", str(run), *how]
    ]


def run(commands: list[list[str]], limit: float, together: bool = False) -> list[int]:
    """Give the exit status of each command; what has not ended within the limit is interrupted, and then killed."""
    end, statuses = time.monotonic() + limit, []
    for group in [commands] if together else [[command] for command in commands]:
        running = [subprocess.Popen(command, cwd=ROOT) for command in group]
        for number, seconds in ((None, end - time.monotonic()), (signal.SIGINT, GRACE), (signal.SIGKILL, GRACE)):
            until = time.monotonic() + seconds
            for process in running:
                if number and process.poll() is None:
                    process.send_signal(number)
            for process in running:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(max(0, until - time.monotonic()))
        statuses += [process.returncode for process in running]
    return statuses


def main() -> int:
    """Do what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("works", nargs="*", metavar="WORK", help="bench, test, train")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "gpu", help="folder (default build/gpu)")
    arguments = parser.parse_args()
    if unknown := set(arguments.works) - set(WORKS):
        parser.error(f"there is no work {min(unknown)!r}; there are {', '.join(WORKS)}")
    if problem := cuda_problem():
        print(f"nothing was run: there is no GPU to run it on ({problem})", file=sys.stderr)
        return 2
    out, failed = arguments.out.resolve(), []
    out.mkdir(parents=True, exist_ok=True)
    for work in arguments.works or WORKS:
        began, camvid = time.monotonic(), os.environ.get("MINIFCN_CAMVID")
        if work == "bench":
            statuses, fine = run(bench("cuda", out), LIMIT), {0}
        elif work == "test":
            statuses, fine = run(tests(min(8, os.cpu_count() or 1)), LIMIT, together=True), {0, 5}  # 5: a share of none
        elif camvid:
            statuses, fine = (
                run(train("cuda", f"camvid:{Path(camvid).resolve()}", out), LIMIT),
                {0, 130},
            )  # 130: in time
        else:
            print("train: set MINIFCN_CAMVID to the folder of the CamVid images", file=sys.stderr)
            statuses, fine = [2], {0}
        failed += [work] if set(statuses) - fine else []
        print(f"{work}: {'failed' if set(statuses) - fine else 'done'}, {time.monotonic() - began:.0f} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
