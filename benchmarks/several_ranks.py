"""What several ranks learn, how they end, and their curves: the numbers and the picture of docs/parallel.md.

python benchmarks/several_ranks.py table     # fifty steps of every case in float64, by 1, 2, 3 and 4 ranks
python benchmarks/several_ranks.py faults    # the four ways to go, each of the last of three ranks
python benchmarks/several_ranks.py curves    # one training by 1 and by 2 ranks; draws docs/images/two-ranks.png
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
CASES = ROOT / "tests" / "parallel"
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MINIFCN_THREADS"), "1")
PATH = os.pathsep.join([str(ROOT), str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])])
CASES_IN_WORDS = {
    "adam": "Adam; batches of 3",
    "adam, early": "the same, with early sums",
    "sgd": "SGD, bias groups, weight decay",
    "class weights": "SGD, class weights",
    "summed loss": "Caffe's SGD, loss summed over pixels",
    "summed loss, class weights": "the same, with class weights",
    "accumulated": "SGD, two batches a step",
    "batches of five": "batches of 5",
    "sizes": "images of two sizes, padded",
    "only ignored pixels": "ranks with only ignored pixels",
    "all pixels ignored": "batches with only ignored pixels",
    "frozen": "frozen layers, dropout of channels",
    "recomputed": "`--recompute`; batches of 2",
}
FAULTS = {"an error": "error", "kill -9": "kill", "Ctrl-C": "interrupt", "SIGTERM": "terminate"}
SMALL = [
    "--data",
    "shapes",
    "--images",
    "8",
    "--size",
    "32x32",
    "--width",
    "0.03125",
    "--batch-size",
    "3",
    "--model",
    "fcn32s",
    "--device",
    "cpu",
]
TRAINING = [
    "--data",
    "shapes",
    "--images",
    "160",
    "--size",
    "48x48",
    "--width",
    "0.0625",
    "--epochs",
    "8",
    "--batch-size",
    "8",
    "--lr",
    "0.004",
]


def started(ranks, *arguments):
    """Run Python in so many ranks; gives the completed process."""
    beside = Path(sys.executable).with_name("mpiexec")
    line = [str(beside) if beside.exists() else "mpiexec", "-n", str(ranks), sys.executable, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, env=os.environ | THREADS | {"PYTHONPATH": PATH})


def largest_difference(found, expected):
    """Give the largest difference of parameters and losses; the confusion matrices must be the same."""
    assert np.array_equal(found["matrix"], expected["matrix"])
    return max(float(np.abs(found[name] - expected[name]).max(initial=0)) for name in expected.keys() - {"iou"})


def table(folder):
    for ranks in (1, 2, 3, 4):
        own = folder / str(ranks)
        if not own.exists():
            own.mkdir()
            done = started(ranks, CASES / "steps.py", own)
            assert done.returncode == 0, done.stderr
    print("| case | 2 | 3 | 4 |\n|---|---:|---:|---:|")
    for case, words in CASES_IN_WORDS.items():
        expected = dict(np.load(folder / "1" / f"{case.removesuffix(', early')}.npz"))
        numbers = [largest_difference(dict(np.load(folder / str(n) / f"{case}.npz")), expected) for n in (2, 3, 4)]
        print(f"| {words} | " + " | ".join(f"{number:.0e}" for number in numbers) + " |")


def faults(folder):
    for name, fault in FAULTS.items():
        began, out = time.monotonic(), folder / fault
        done = started(3, CASES / "spoiled.py", fault, "train", *SMALL, "--epochs", "1000", "--out", out)
        said = [line for line in done.stderr.splitlines() if line.startswith("minifcn: ")]
        left = subprocess.run(["pgrep", "-f", str(out)], capture_output=True, text=True).stdout.split()
        seconds = time.monotonic() - began
        print(f"{name}: exit status {done.returncode}, {seconds:.0f} s with the start, {len(left)} processes left")
        print("  " + "\n  ".join(line.replace(str(folder), "runs") for line in said[1:]))


def curves(folder):
    logs = {}
    for dtype in ("float64", "float32"):
        for ranks in (1, 2):
            out = folder / f"{dtype}-{ranks}"
            if not (out / "confusion.png").exists():
                done = started(
                    ranks, "-m", "minifcn", "train", *TRAINING, "--dtype", dtype, "--device", "cpu", "--out", out
                )
                assert done.returncode == 0, done.stderr
            with open(out / "log.csv", newline="") as file:
                logs[dtype, ranks] = list(csv.DictReader(file))
    for dtype in ("float64", "float32"):
        rows = zip(logs[dtype, 1], logs[dtype, 2], strict=True)
        apart = [[abs(float(a[name]) - float(b[name])) for name in ("train_loss", "valid_mean_iu")] for a, b in rows]
        text = "; ".join(f"{loss:.0e} and {iou:.0e}" for loss, iou in apart)
        print(f"{dtype}: training loss and mean IoU of one and two ranks differ, after each epoch, by {text}")
    draw(logs)


def draw(logs):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((9, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, name, title in zip(
        figure.subplots(1, 2), ("train_loss", "valid_mean_iu"), ("training loss", "mean IoU"), strict=True
    ):
        for (dtype, ranks), rows in logs.items():
            colour = {"float64": "#0072B2", "float32": "#D55E00"}[dtype]
            style = {"marker": "o", "markersize": 7, "fillstyle": "none", "linestyle": ""} if ranks == 2 else {}
            values = [float(row[name]) for row in rows]
            label = f"{dtype}, {ranks} rank{'s' * (ranks > 1)}"
            axes.plot(range(1, len(rows) + 1), values, color=colour, label=label, **style)
        axes.set(xlabel="epoch", title=title)
        axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(ROOT / "docs" / "images" / "two-ranks.png", dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["table", "faults", "curves"])
    parser.add_argument("--folder", type=Path, help="keep the runs there, and take those that are there already")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        {"table": table, "faults": faults, "curves": curves}[asked.what](folder)
