"""No wrong backward function of the table is missed, and no right one is refused, for any seed and in both modes."""

import numpy as np
import pytest
from mutants import RIGHT, WRONG

from minifcn.gradcheck import gradcheck, gradcheck_arrays


def report_of(case, seed, **settings):
    inputs = case.inputs(np.random.default_rng(seed))
    if case.backward is None:
        return gradcheck(case.forward, inputs, order=case.order, rng=seed, raise_exception=False, **settings)
    return gradcheck_arrays(case.forward, case.backward, inputs, rng=seed, raise_exception=False, **settings)


def name(case):
    return case.name


def test_there_are_forty_of_each_and_none_twice():
    for table in (WRONG, RIGHT):
        assert len({case.name for case in table}) == len(table) >= 40


@pytest.mark.parametrize("case", WRONG, ids=name)
def test_none_is_missed(case):
    missed = {seed: str(report) for seed in range(5) if (report := report_of(case, seed)).ok}
    assert not missed


@pytest.mark.parametrize("case", RIGHT, ids=name)
def test_none_is_refused(case):
    refused = {seed: str(report) for seed in range(5) if not (report := report_of(case, seed)).ok}
    assert not refused
