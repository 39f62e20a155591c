"""Training runs of a second: what the tests of training and of the command line share."""

import csv
import json
from pathlib import Path

import numpy as np

from minifcn.cli import main

SETTINGS = ["--data", "shapes", "--images", "5", "--size", "32x32", "--width", "0.0625", "--batch-size", "2"]
EPOCHS, STEPS_PER_EPOCH = 2, 3


def train(out, *arguments):
    """Run `minifcn train` on five generated images; gives the exit status."""
    return main(["train", *SETTINGS, "--epochs", str(EPOCHS), "--device", "cpu", "--out", str(out), *arguments])


def resume(out, *arguments):
    """Run `minifcn train --resume`; gives the exit status."""
    return main(["train", "--resume", "--device", "cpu", "--out", str(out), *arguments])


def arrays(path):
    """Every array of an .npz file."""
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def log_without_seconds(folder):
    with open(folder / "log.csv", newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def results(path):
    """Every array of a checkpoint; but whether activations were recomputed is no result."""
    found = arrays(path)
    about = json.loads(found["about"].item())
    del about["config"]["recompute"]
    return found | {"about": np.array(json.dumps(about))}


def assert_same_run(folder, expected):
    """Assert that two runs left the same numbers, bit for bit."""
    assert log_without_seconds(folder) == log_without_seconds(expected)
    assert (folder / "iou.csv").read_bytes() == (expected / "iou.csv").read_bytes()
    for name in ("checkpoint.npz", "best.npz"):
        found, wanted = results(folder / name), results(expected / name)
        assert found.keys() == wanted.keys()
        for key in wanted:
            np.testing.assert_array_equal(found[key], wanted[key], err_msg=f"{name}: {key}")


def contents(folder):
    """Every file below a folder with its bytes: to see that nothing was written."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def assert_refused(arguments, message, folder, capsys):
    """Assert that a command ends with status 2 and one line on stderr with this in it, and changes nothing there."""
    before = contents(folder)
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
    assert output.err.startswith("minifcn: ")
    assert message in output.err
    assert contents(folder) == before
