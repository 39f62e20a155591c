"""The tables of docs/performance.md are those of the files of numbers beside it, and its first sentences say them."""

import re
from pathlib import Path

import pytest

from minifcn.benchmark import report

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "performance.md").read_text("utf-8")
FILES = ["performance.json", "performance-rivals.json", "performance-before.json"]


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
    def shares(file, rival, work):
        head, *rows = report.time_table(report.read_raw(DOCS / file))
        return sorted(row[head.index(f"minifcn / {rival}")] for row in rows if row[0].startswith(work))

    full = shares(FILES[0], "PyTorch", "fcn8s")
    predicts, trains = (shares(FILES[0], "PyTorch", f"narrow-{kind}")[0] for kind in ("forward", "step"))
    kept, narrow = (shares(FILES[1], "PyTorch keeping memory", work) for work in ("fcn8s", "narrow"))
    text = " ".join(PAGE.split())
    assert f"FCN-8s at full width takes {full[0]} to {full[-1]} of PyTorch's time" in text
    assert f"with an eighth of the channels predicts in {predicts} and trains in {trains} of it" in text
    assert f"it is {kept[0]} to {kept[-1]} at full width and up to {narrow[-1]} for narrow ones" in text
