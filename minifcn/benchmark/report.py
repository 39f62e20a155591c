"""What came out: a table for the terminal, one in Markdown, a bar chart, and the raw numbers."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

from minifcn.benchmark.race import Result, fastest
from minifcn.benchmark.work import Work
from minifcn.files import atomic_write

OURS, PYTORCH = "minifcn", "PyTorch"
COLUMNS = ("work", "contestant", "median ms", "least ms", "minifcn / this", "GFLOP/s", "of sgemm", "peak MB")


def rows(results: Sequence[Result], peak: float) -> list[tuple[str, ...]]:
    """Make a row for each contestant of one work.

    Parameters
    ----------
    results : sequence of Result, of the same work
    peak : float
        Multiply-adds per second of float32 products on this machine.

    Returns
    -------
    list of tuple of str
        In the order of COLUMNS. GFLOP/s count the multiplications and additions of the definition, so an algorithm
        that needs fewer may have more than the machine.
    """
    ours, multiply_adds = _named(results, OURS), Work(results[0].work).multiply_adds
    table = []
    for result in results:
        if not result.seconds:
            table.append((result.work, result.contestant, result.problem, *[""] * 5))
            continue
        rate = multiply_adds / result.median
        table.append(
            (
                result.work,
                result.contestant,
                f"{1e3 * result.median:.1f}",
                f"{1e3 * min(result.seconds):.1f}",
                f"{ours.median / result.median:.2f}" if ours else "",
                f"{2e-9 * rate:.0f}",
                f"{rate / peak:.0%}",
                f"{result.bytes / 2**20:.0f}",
            )
        )
    return table


def text(table: Sequence[tuple[str, ...]]) -> str:
    """Align a table for a terminal."""
    lines = [COLUMNS, *table]
    widths = [max(len(line[i]) for line in lines if i != 2 or line[3]) for i in range(len(COLUMNS))]
    return "\n".join(_aligned(line, widths) for line in lines)


def markdown(table: Sequence[tuple[str, ...]]) -> str:
    """Write a table in Markdown."""
    rule = ("---", "---", *["---:"] * (len(COLUMNS) - 2))
    return "\n".join(f"| {' | '.join(line)} |" for line in (COLUMNS, rule, *table))


def save_chart(path: Path, races: Sequence[Sequence[Result]]) -> None:
    """Draw bars for every work: the time of each contestant, PyTorch's faster layout being 1."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(result.contestant for results in races for result in results))
    names = [name for name in names if any(r.seconds for results in races for r in results if r.contestant == name)]
    height = 0.8 / max(1, len(names))
    figure = Figure(figsize=(8, 0.8 + 0.22 * len(races) * (len(names) + 1)), layout="constrained")
    axes = figure.subplots()
    for i, name in enumerate(names):
        found = [(j, _named(results, name), _unit(results)) for j, results in enumerate(races)]
        bars = [(j + i * height, r.median / unit.median) for j, r, unit in found if r and r.seconds and unit]
        drawn = axes.barh([y for y, _ in bars], [x for _, x in bars], height * 0.9, label=name, color=f"C{i}")
        axes.bar_label(drawn, [f"{x:.2f}" for _, x in bars], padding=3, fontsize=8)
    axes.axvline(1, color="0.5", linewidth=0.8)
    axes.set_yticks([j + 0.4 - height / 2 for j in range(len(races))], [results[0].work for results in races])
    axes.invert_yaxis()
    axes.margins(x=0.08)
    axes.set_xlabel(f"time; {(_unit(races[0]) or races[0][0]).contestant.split(',')[0]} = 1, less is better")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=130)
    with atomic_write(path) as file:
        file.write(content.getvalue())


def save_numbers(path: Path, races: Sequence[Sequence[Result]], machine: Sequence[str], peak: float) -> None:
    """Write every single time as JSON, so that tables and charts can be made again."""
    content = {
        "machine": list(machine),
        "sgemm_multiply_adds_per_second": peak,
        "results": [vars(result) for results in races for result in results],
    }
    with atomic_write(path) as file:
        file.write(json.dumps(content, indent=1).encode())


def _named(results: Sequence[Result], name: str) -> Result | None:
    return next((r for r in results if r.contestant == name and r.seconds), None)


def _unit(results: Sequence[Result]) -> Result | None:
    return fastest(results, PYTORCH) or _named(results, OURS) or next((r for r in results if r.seconds), None)


def _aligned(line: tuple[str, ...], widths: list[int]) -> str:
    cells = [cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))]
    return "  ".join(cells).rstrip()
