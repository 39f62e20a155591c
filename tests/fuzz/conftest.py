"""The fuzzer's own options, and the fixture that runs so many cases of one kind."""

from pathlib import Path

import pytest

SHARE = pytest.StashKey[int]()
COUNTED = pytest.StashKey[dict]()


def pytest_addoption(parser):
    group = parser.getgroup("fuzz", "tests/fuzz: minifcn beside PyTorch on random cases")
    group.addoption("--fuzz-cases", type=int, default=0, help="how many cases in all; 0 (the default) skips them")
    group.addoption("--fuzz-seed", type=int, default=1411, help="where to start; the same seed draws the same cases")


def pytest_collection_modifyitems(config, items):
    cases = config.getoption("--fuzz-cases", 0)
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    config.stash[SHARE] = -(-cases // max(1, sum("fuzz" in item.fixturenames for item in here)))
    config.stash[COUNTED] = {}
    for item in here if not cases else ():
        item.add_marker(pytest.mark.skip(reason="random cases beside PyTorch: `make fuzz` runs them"))


@pytest.fixture
def fuzz(request):
    """Run check(case) for as many drawn cases as fall to this test; a failing one is made small and printed."""
    from running import run_cases

    def run(cases, check):
        config = request.config
        count = run_cases(cases, check, config.stash[SHARE], config.getoption("--fuzz-seed"))
        config.stash[COUNTED][request.node.name] = count

    return run


def pytest_terminal_summary(terminalreporter, config):
    counted = config.stash.get(COUNTED, {})
    if counted:
        seed = config.getoption("--fuzz-seed")
        terminalreporter.write_line(
            f"fuzz: {sum(counted.values())} cases of {len(counted)} kinds passed; --fuzz-seed={seed} draws them again"
        )
