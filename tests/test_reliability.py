"""docs/reliability.md names tests that exist, and that have at least as many cases as it says."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"\| `(tests/[^`]+)` \| (\d+) \|$")


def test_every_promise_has_its_test_and_its_cases():
    page = (ROOT / "docs" / "reliability.md").read_text()
    rows = [match.groups() for line in page.splitlines() if (match := ROW.search(line))]
    assert len(rows) == page.count("\n| ") - page.count("\n|---")  # less the heads of the tables
    files = sorted({name.partition("::")[0] for name, _ in rows})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for name, cases in rows:
        found = sum(line == name or line.startswith((f"{name}::", f"{name}[")) for line in listed)
        assert found >= int(cases), f"{name} has {found} cases"
