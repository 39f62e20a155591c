"""So many ranks are one process: after fifty steps in float64 the parameters agree to ten digits."""

import launching
import numpy as np
import pytest
import steps

from minifcn.backend.ranks import Ranks
from minifcn.training import build

# Cases with a number of ranks that they are hard for; a row is one start of mpiexec. The table in docs/parallel.md has
# all of them with all numbers, run by hand.
CASES = {
    2: ["adam", "sizes", "summed loss, class weights", "frozen"],
    3: ["batches of five", "only ignored pixels"],
    4: ["sgd", "class weights", "accumulated"],
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What so many ranks have found of their cases, by the name of the case; "adam, early" begins to sum early."""
    folders = {}

    def of(ranks):
        if ranks not in folders:
            folder = tmp_path_factory.mktemp(f"ranks{ranks}")
            done = launching.run(ranks, steps.__file__, folder, *CASES[ranks])
            assert done.returncode == 0, done.stderr
            folders[ranks] = folder
        return {path.stem: dict(np.load(path)) for path in folders[ranks].glob("*.npz")}

    return of


@pytest.fixture(scope="module")
def alone():
    """What one process finds of a case."""
    kept = {}

    def of(case):
        if case not in kept:
            kept[case] = steps.parameters(case, Ranks())
        return kept[case]

    return of


@pytest.mark.slow
@pytest.mark.parametrize(("ranks", "case"), [(ranks, case) for ranks, cases in CASES.items() for case in cases])
def test_ranks_learn_what_one_process_learns(ranks, case, found, alone):
    expected = alone(case)
    parts = {name: array for name, array in found(ranks).items() if name.removesuffix(", early") == case}
    assert len(parts) == (2 if case == "adam" else 1)
    for arrays in parts.values():
        for name in expected.keys() - {"matrix"}:
            np.testing.assert_allclose(arrays[name], expected[name], rtol=0, atol=1e-10, err_msg=name)
        np.testing.assert_array_equal(arrays["matrix"], expected["matrix"])


@pytest.mark.parametrize("case", [case for cases in CASES.values() for case in cases])
def test_a_case_learns_something(case, alone):
    """Else the ranks could agree on the first parameters."""
    settings, _ = steps.CASES[case]
    config = steps.dataclasses.replace(steps.CONFIG, **settings)
    first, last = build.build_model(config).state_dict(), alone(case)
    moved = [abs(last[name] - array).max() for name, array in first.items()]
    assert sum(change > 1e-3 for change in moved) >= 4
