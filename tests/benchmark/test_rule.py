"""The table that the choice of the algorithm rests on."""

from pathlib import Path

import numpy as np
import pytest

from minifcn.benchmark import rule
from minifcn.benchmark.rule import Layer
from minifcn.cli import main
from minifcn.compute import algorithm


@pytest.fixture(autouse=True)
def processor(monkeypatch):
    """One kind of processor, whichever runs the tests."""
    monkeypatch.setattr(algorithm, "cache_kind", lambda: "middle")


def test_each_layer_comes_once():
    layers = list(rule.layers())
    assert len(layers) == len(set(layers))
    assert Layer("forward", 1, 512, 512, 28) in layers
    assert Layer("weight", 4, 3, 8, 128) in layers


@pytest.mark.parametrize("kind", ["forward", "weight"])
def test_all_candidates_compute_the_same(kind):
    found = {name: function() for name, function in Layer(kind, 2, 16, 32, 24).candidates().items()}
    assert found.keys() == {*rule.ALTERNATIVES, *(["winograd, kept"] if kind == "forward" else [])}
    for y in found.values():
        np.testing.assert_allclose(y, found["strips"], rtol=0, atol=2e-5 * abs(found["strips"]).max())


def test_neighbouring_outputs_must_divide_a_row_and_are_for_few_channels():
    assert "strips of 4" not in Layer("forward", 1, 8, 8, 6).candidates()
    assert "strips of 2" in Layer("forward", 1, 8, 8, 6).candidates()
    assert "strips of 2" not in Layer("forward", 1, 64, 64, 8).candidates()


@pytest.mark.parametrize(
    ("layer", "chosen"),
    [
        (Layer("forward", 4, 3, 8, 128), "strips of 4"),
        (Layer("forward", 4, 8, 16, 64), "strips of 2"),
        (Layer("forward", 1, 512, 512, 28), "winograd"),
        (Layer("forward", 1, 512, 512, 7), "strips"),
    ],
    ids=str,
)
def test_the_table_asks_the_rule(layer, chosen):
    assert layer.chosen() == chosen


def test_a_row_says_by_how_much_the_chosen_one_wins():
    """Over the best of the others; what is kept is no other."""
    seconds = {"strips": 0.004, "strips of 2": 0.003, "winograd": 0.002, "winograd, kept": 0.001}
    row = rule.row(Layer("forward", 1, 16, 32, 50), seconds)
    assert row == [
        *("forward", "1", "16", "32", "50", "4.00", "3.00", "-", "*2.00", "1.00", "winograd", "+50%"),
    ]
    slower = seconds | {"winograd": 0.004}
    assert rule.row(Layer("forward", 1, 16, 32, 50), slower)[-1] == "-25%"


def test_the_page_marks_what_the_rule_chooses():
    """Both of its tables are of processors of the kind that is set here."""
    lines = (Path(__file__).parents[2] / "docs" / "rule.md").read_text("utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith(("| forward", "| weight"))]
    assert len(rows) == 2 * len(list(rule.layers()))
    for kind, *numbers in rows:
        layer = Layer(kind, *map(int, numbers[:4]))
        marked = [name for name, cell in zip(rule.ALTERNATIVES, numbers[4:], strict=False) if cell.startswith("*")]
        assert (layer, marked) == (layer, [layer.chosen()])
        assert numbers[-2] == layer.chosen()


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(rule, "layers", lambda: iter([Layer("forward", 1, 4, 4, 8), Layer("weight", 1, 4, 4, 8)]))
    out = tmp_path / "rule.md"
    assert main(["bench", "rule", "--rounds", "1", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("strips of 4") == 3  # the head, and what is chosen of each
    assert out.read_text().count("\n| forward |") == out.read_text().count("\n| weight |") == 1


@pytest.mark.parametrize("more", [["narrow"], ["--chart", "rule.png"], ["--device", "cuda"]], ids=str)
def test_it_stands_alone(more, capsys):
    assert main(["bench", "rule", *more]) == 2
    assert "'rule' stands alone" in capsys.readouterr().err
