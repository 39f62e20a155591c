"""`minifcn gradcheck` prints a line for each check; its exit status says whether all passed."""

import numpy as np
import pytest

from minifcn.autograd import operation
from minifcn.cli import main
from minifcn.gradcheck import operations


@operation
def wrong_square(x):
    def backward(gy):
        return (gy * x,)

    return x.data**2, backward


def test_operations_and_networks_pass(capsys):
    assert main(["gradcheck", "conv2d", "fcn8s, aligned"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == [
        "conv2d",
        "conv2d, stride, padding, dilation, groups",
        "conv2d, relu",
        "fcn8s, aligned",
    ]
    assert all(line.endswith("ok") for line in lines[1:])


def test_a_wrong_gradient_is_shown_with_its_report_and_exit_status_1(monkeypatch, capsys):
    monkeypatch.setattr(operations, "CASES", [("square", wrong_square, [(2, 3)])])
    assert main(["gradcheck", "square"]) == 1
    output = capsys.readouterr().out
    assert "WRONG" in output
    assert "0.5 times the right one" in output


def test_what_cannot_be_verified_is_not_called_wrong_but_exit_status_1(monkeypatch, capsys):
    monkeypatch.setattr(operations, "CASES", [("x + 1e20", lambda x: x + 1e20, [(2, 3)])])
    assert main(["gradcheck", "x"]) == 1
    output = capsys.readouterr().out
    assert "NOT VERIFIED" in output
    assert "WRONG" not in output


@pytest.mark.parametrize(("arguments", "words"), [(["nosuch"], "begins with nosuch"), (["--seed", "-1"], "--seed")])
def test_mistakes(arguments, words, capsys):
    assert main(["gradcheck", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_the_points_depend_on_the_seed(capsys):
    tables = []
    for seed in ("0", "0", "1"):
        main(["gradcheck", "exp", "--seed", seed])
        tables.append(capsys.readouterr().out.split()[8:10])
    assert tables[0] == tables[1]
    assert tables[0] != tables[2]
    assert np.isfinite(float(tables[0][0]))
