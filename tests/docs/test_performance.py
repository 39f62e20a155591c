"""The tables of docs/performance.md are those of the files of numbers beside it, and its first sentences say them."""

import re

import pytest
from measured import AMD, DOCS, INTEL, MACHINES, shares, worst

from minifcn.benchmark import report

PAGE = (DOCS / "performance.md").read_text("utf-8")
FILES = [*MACHINES, "performance-before.json"]


@pytest.mark.parametrize("table", [report.time_table, report.memory_table])
@pytest.mark.parametrize("file", FILES)
def test_every_row_is_one_of_the_file(file, table):
    head, *rows = table(report.read_raw(DOCS / file))
    lines = set(PAGE.splitlines())
    assert {line for row in [head, *rows] if (line := f"| {' | '.join(row)} |") not in lines} == set()


def test_no_row_is_of_another_run():
    measured = [report.read_raw(DOCS / file) for file in FILES]
    known = {
        f"| {' | '.join(row)} |"
        for m in measured
        for table in (report.time_table(m), report.memory_table(m))
        for row in table
    }
    heads = {line for line in known if line.startswith("| work |")}
    inside, strange = False, []
    for line in PAGE.splitlines():
        inside = line in heads or (inside and line.startswith("|"))
        if inside and line not in known and not re.fullmatch(r"[|:-]+", line):
            strange.append(line)
    assert strange == []


def test_the_first_sentences_say_the_tables():
    text = " ".join(PAGE.split())
    (low, *_, high), (low_intel, *_, high_intel) = (shares(file, "PyTorch", "fcn8s") for file in (AMD, INTEL))
    assert f"{low} to {high} of PyTorch's time on an AMD Zen 5 and {low_intel} to {high_intel} on an Intel Xeon" in text
    [predicts], [trains] = (shares(AMD, "PyTorch", f"narrow-{kind}") for kind in ("forward", "step"))
    assert f"with an eighth of the channels predicts in {predicts} and trains in {trains} of it on the one" in text
    [predicts], [trains] = (shares(INTEL, "PyTorch", f"narrow-{kind}") for kind in ("forward", "step"))
    assert f"and in {predicts} and {trains} on the other" in text
    full, narrow = (worst("PyTorch keeping memory", work) for work in ("fcn8s", "narrow"))
    assert f"against PyTorch told to keep its memory, it is {full} at full width and {narrow} for narrow ones" in text
