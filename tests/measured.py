"""minifcn's shares of the time of others, as the files of numbers in docs/ have them."""

from pathlib import Path

from minifcn.benchmark import report

DOCS = Path(__file__).parents[1] / "docs"
AMD, INTEL, OTHER = MACHINES = "performance.json", "performance-intel.json", "performance-rivals.json"


def shares(file, rival, work):
    """Give minifcn's time divided by a rival's for the works that begin so, the least first."""
    head, *rows = report.time_table(report.read_raw(DOCS / file))
    column = head.index(f"minifcn / {rival}")
    return sorted(row[column] for row in rows if row[0].startswith(work) and row[column] != "-")


def worst(rival, work):
    """Give the largest share on any machine."""
    return max(shares(file, rival, work)[-1] for file in MACHINES)
