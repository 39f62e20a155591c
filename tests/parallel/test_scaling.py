"""What docs/parallel.md says of the measured steps, and of the model beside them, is what docs/ranks.json has."""

import json
from pathlib import Path

import pytest

from minifcn.benchmark import ranks_report
from minifcn.benchmark.ranks_report import Row, predicted
from minifcn.benchmark.scaling import LINKS, ring_seconds, step_seconds
from minifcn.benchmark.work import Work

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def about():
    return json.loads((DOCS / "ranks.json").read_text())


def test_the_table_of_the_page_is_that_of_the_numbers(about):
    rows = [Row(**row) for row in about["rows"]]
    work = Work(**about["work"] | {"shape": tuple(about["work"]["shape"])})
    assert ranks_report.text(work, rows, about["way"]) in (DOCS / "parallel.md").read_text()
    assert [Row(**row) for row in about["model"]] == predicted(rows, about["bytes"])


def test_the_model_is_checked_against_four_ranks(about):
    """Which it was not fitted to: a step of as many images for each, and its sum, on the clock and of the processor."""
    found, said = (
        next(row for row in about[kind] if (row["ranks"], row["images"]) == (4, 16)) for kind in ("rows", "model")
    )
    assert said["seconds"] == pytest.approx(found["seconds"], rel=0.05)
    assert said["processor"] == pytest.approx(found["processor"], rel=0.05)
    assert said["alone"] == pytest.approx(found["alone"], rel=0.17)
    assert said["adding"] == pytest.approx(found["adding"], rel=0.08)


@pytest.mark.parametrize("crowd", [1.5, 2.0])
def test_workers_that_share_a_core_take_as_many_times_as_long_but_for_the_latency(crowd):
    link = LINKS[0]
    alone, shared = ring_seconds(4, 1e8, link), ring_seconds(4, 1e8, link, crowd=crowd)
    assert shared - 6 * link.latency == pytest.approx(crowd * (alone - 6 * link.latency))
    assert step_seconds(4, 1.0, 1e8, link, crowd=crowd) == pytest.approx(crowd + shared)
