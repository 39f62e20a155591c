"""The table that the choice of the algorithm rests on."""

from pathlib import Path

import numpy as np
import pytest

from minifcn.backend import caches
from minifcn.benchmark import rule
from minifcn.benchmark.rule import Layer
from minifcn.cli import main


@pytest.fixture(autouse=True)
def processor(monkeypatch):
    """One kind of processor, whichever runs the tests."""
    monkeypatch.setattr(caches, "cache_kind", lambda: "middle")


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


def test_rows_of_pixels_are_for_few_channels():
    assert "rows" in Layer("forward", 1, 32, 64, 6).candidates()
    assert "rows" not in Layer("forward", 1, 64, 64, 8).candidates()


@pytest.mark.parametrize(
    ("layer", "chosen"),
    [
        (Layer("forward", 4, 3, 8, 128), "rows"),
        (Layer("forward", 1, 3, 64, 224), "strips"),
        (Layer("forward", 1, 512, 512, 28), "winograd"),
        (Layer("forward", 1, 512, 512, 7), "strips"),
    ],
    ids=str,
)
def test_the_table_asks_the_rule(layer, chosen):
    assert layer.chosen() == chosen


def test_a_row_says_by_how_much_the_chosen_one_wins():
    """Over the best of the others; what is kept is no other."""
    seconds = {"strips": 0.003, "winograd": 0.002, "winograd, kept": 0.001}
    row = rule.row(Layer("forward", 1, 64, 64, 50), seconds)
    assert row == ["forward", "1", "64", "64", "50", "3.00", "-", "*2.00", "1.00", "winograd", "+50%"]
    slower = seconds | {"winograd": 0.004}
    assert rule.row(Layer("forward", 1, 64, 64, 50), slower)[-1] == "-25%"


def rows_of(section):
    """The layers of a table of the page, each with its cells."""
    page = (
        (Path(__file__).parents[2] / "docs" / "rule.md")
        .read_text("utf-8")
        .split(f"\n## {section}")[1]
        .split("\n## ")[0]
    )
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith(("| forward", "| weight"))]
    assert len(rows) == len(list(rule.layers()))
    return {Layer(kind, *map(int, numbers[:4])): numbers[4:] for kind, *numbers in rows}


@pytest.mark.parametrize(("section", "kind"), [("AMD Zen 5", "middle"), ("Intel Xeon", "large")])
def test_the_page_marks_what_the_rule_chooses(section, kind, monkeypatch):
    monkeypatch.setattr(caches, "cache_kind", lambda: kind)
    for layer, cells in rows_of(section).items():
        marked = [name for name, cell in zip(rule.ALTERNATIVES, cells, strict=False) if cell.startswith("*")]
        assert (layer, marked, cells[-2]) == (layer, [layer.chosen()], layer.chosen())


def test_the_page_says_where_the_rule_was_another_one():
    """The table of Zen 4 is of a time when few channels took several neighbouring outputs at once."""
    for layer, cells in rows_of("AMD Zen 4").items():
        assert cells[-2] == layer.chosen() or (cells[-2].startswith("strips of") and layer.chosen() != "winograd")


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(rule, "layers", lambda: iter([Layer("forward", 1, 4, 4, 8), Layer("weight", 1, 4, 4, 8)]))
    out = tmp_path / "rule.md"
    assert main(["bench", "rule", "--rounds", "1", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("strips") >= 3  # the head, and what is chosen of each
    assert out.read_text().count("\n| forward |") == out.read_text().count("\n| weight |") == 1


@pytest.mark.parametrize("more", [["narrow"], ["--chart", "rule.png"], ["--device", "cuda"]], ids=str)
def test_it_stands_alone(more, capsys):
    assert main(["bench", "rule", *more]) == 2
    assert "'rule' stands alone" in capsys.readouterr().err
