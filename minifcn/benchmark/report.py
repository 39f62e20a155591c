"""What a race has shown: tables for the terminal and for Markdown, a bar chart, and a file of the raw numbers."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import os
import textwrap
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from minifcn.benchmark.race import Result
from minifcn.benchmark.work import NETWORK_KINDS
from minifcn.errors import UserError
from minifcn.files import atomic_write
from minifcn.text import in_columns, in_short

OURS = "minifcn"
TIMES = (
    "Median milliseconds; the time of minifcn divided by that of the fastest variant of each other library; what "
    "minifcn's time means in GFLOP/s, counting two operations for each multiply-add of the definition (Winograd does "
    "with fewer), and as a share of the sgemm peak."
)
MEMORY = "Peak memory of the process in MiB: on top of what its imports took, and (in all)."


@dataclass(frozen=True)
class Measurements:
    """All numbers of a run.

    Parameters
    ----------
    machine : dict of str
        As `machine.describe` gives it.
    sgemm : float
        GFLOP/s, as `machine.sgemm_peak` gives it.
    results : list of Result
        Of all works, one race after the other.
    """

    machine: dict[str, str]
    sgemm: float
    results: list[Result]

    @property
    def contestants(self) -> list[str]:
        """Their names, in order."""
        return list(dict.fromkeys(result.contestant for result in self.results))

    @property
    def rivals(self) -> list[str]:
        """The other libraries, in order: what stands before the comma in the names of their variants."""
        return [name for name in dict.fromkeys(map(library, self.contestants)) if name != OURS]

    def races(self) -> dict[str, dict[str, Result]]:
        """Results by work and contestant."""
        races: dict[str, dict[str, Result]] = {}
        for result in self.results:
            races.setdefault(result.work, {})[result.contestant] = result
        return races

    def facts(self) -> dict[str, str]:
        """Describe the machine, and the packages of the contestants."""
        packages = {name: version for result in self.results for name, version in result.packages.items()}
        known = {name.lower() for name in self.machine}
        others = {name: version for name, version in packages.items() if name.lower() not in known}
        return self.machine | others | {"sgemm peak": f"{self.sgemm:.0f} GFLOP/s"}


def library(contestant: str) -> str:
    """Give the name without the variant.

    >>> library("PyTorch, channels-last")
    'PyTorch'
    """
    return contestant.partition(",")[0]


def fastest(results: Iterable[Result], name: str) -> float:
    """Give the shortest median of a library's variants; NaN if all failed."""
    return min((r.median for r in results if library(r.contestant) == name and not r.error), default=math.nan)


def time_table(measured: Measurements) -> list[list[str]]:
    """Make the table of times; its first row is the head."""
    head = ["work", *measured.contestants, *(f"{OURS} / {name}" for name in measured.rivals), "GFLOP/s", "of peak"]
    rows = [head]
    for work, results in measured.races().items():
        ours = results[OURS].median if OURS in results else math.nan
        multiply_adds = next(iter(results.values())).multiply_adds
        speed = 2e-9 * multiply_adds / ours
        times = [_milliseconds(results[name]) if name in results else "-" for name in measured.contestants]
        ratios = [_number(ours / fastest(results.values(), name), ".2f") for name in measured.rivals]
        rows.append([work, *times, *ratios, _number(speed, ".0f"), _number(speed / measured.sgemm, ".0%")])
    return rows


def memory_table(measured: Measurements) -> list[list[str]]:
    """Make the table of peak memory; its first row is the head."""
    rows = [["work", *measured.contestants]]
    for work, results in measured.races().items():
        rows.append([work, *(_mebibytes(results[name]) if name in results else "-" for name in measured.contestants)])
    return rows


def anything_went_wrong(measured: Measurements) -> bool:
    """Whether a contestant failed in a work that it means to do: what only predicts has nothing to train."""
    return any(r.error and not r.error.startswith(NotImplementedError.__name__) for r in measured.results)


def errors(measured: Measurements) -> list[str]:
    """List what went wrong, a line for each kind of error: a library that is missing fails all its variants alike."""
    works, contestants = defaultdict[tuple, list[str]](list), defaultdict[tuple, list[str]](list)
    for r in measured.results:
        if r.error:
            works[r.contestant, " ".join(r.error.split())].append(r.work)
    for (contestant, error), failed in works.items():
        contestants[tuple(failed), error].append(contestant)
    return [f"{in_short(failed)}: {in_short(names)} failed: {error}" for (failed, error), names in contestants.items()]


def text(measured: Measurements) -> str:
    """Write the tables for a terminal."""
    facts = [[name, fact] for name, fact in measured.facts().items()]
    width = max(len(name) for name, _ in facts)
    lines = [f"{name:<{width}}  {fact}" for name, fact in facts]
    for title, table in ((TIMES, time_table(measured)), (MEMORY, memory_table(measured))):
        heads = [_two_lines(cell) for cell in table[0]]
        rows = [[first for first, _ in heads], [second for _, second in heads], *table[1:]]
        lines += ["", textwrap.fill(title, 110), "", in_columns(rows)]
    failed = errors(measured)
    return "\n".join(lines + ([""] + failed if failed else []))


def markdown(measured: Measurements) -> str:
    """Write the tables in Markdown."""
    facts = [["machine", ""], *([name, fact] for name, fact in measured.facts().items())]
    times, memory = _markdown_table(time_table(measured)), _markdown_table(memory_table(measured))
    parts = [_markdown_table(facts, right=False), TIMES, times, MEMORY, memory]
    failed = errors(measured)
    return "\n\n".join(parts + (["\n".join(f"- {line}" for line in failed)] if failed else [])) + "\n"


def save_markdown(path: str | os.PathLike, measured: Measurements) -> None:
    """Write the tables to a file."""
    with atomic_write(path) as file:
        file.write(markdown(measured).encode())


def save_raw(path: str | os.PathLike, measured: Measurements) -> None:
    """Write all numbers to a JSON file."""
    with atomic_write(path) as file:
        file.write(json.dumps(dataclasses.asdict(measured), indent=1).encode())


def read_raw(path: str | os.PathLike) -> Measurements:
    """Read what `save_raw` wrote; UserError if it is something else."""
    try:
        content = json.loads(Path(path).read_bytes())
        results = [Result(**row) for row in content["results"]]
        for result in results:
            result.seconds = [float(seconds) for seconds in result.seconds]
        return Measurements(dict(content["machine"]), float(content["sgemm"]), results)
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path}: not a file of raw numbers ({error}); `minifcn bench --out` writes one") from error


def save_chart(path: str | os.PathLike, measured: Measurements) -> None:
    """Save a bar chart: a group for each network, a bar for each contestant.

    A bar shows the time relative to the fastest variant of the first other library, or to minifcn's own where there is
    none. Without networks, every work has its group.

    Parameters
    ----------
    path : path of the PNG
    measured : Measurements
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    races = measured.races()
    networks = {work: race for work, race in races.items() if next(iter(race.values())).kind in NETWORK_KINDS}
    races, names, reference = networks or races, measured.contestants, (measured.rivals or [OURS])[0]
    group = len(names) + 1  # bars, and the space of one
    figure = Figure(figsize=(9, 0.3 * group * len(races) + 1.4), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes, colours, longest = figure.subplots(), _colours(names), 1.0
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    for first, race in zip(range(0, group * len(races), group), races.values(), strict=True):
        unit = fastest(race.values(), reference)
        for at, name in enumerate(names, start=first):
            ratio = race[name].median / unit if name in race else math.nan
            length = 0 if math.isnan(ratio) else ratio
            axes.barh(at, length, 0.9, color=colours[name], label=None if first else name)
            note = f"{_number(ratio, '.2f')}   {_milliseconds(race[name])}" if name in race else "-"
            axes.annotate(note, (length, at), (4, 0), textcoords="offset points", va="center", fontsize=10, bbox=paper)
            longest = max(longest, length)
    axes.axvline(1, color="black", lw=1, ls="--", zorder=0)
    axes.set_yticks([first + (len(names) - 1) / 2 for first in range(0, group * len(races), group)], races, fontsize=12)
    axes.set_ylim(group * len(races) - 1, -1)  # the first group on top
    axes.set_xlim(0, 1.25 * longest)
    axes.set_xlabel(f"time relative to {reference}'s fastest variant, and milliseconds", fontsize=13)
    axes.tick_params(axis="x", labelsize=12)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(fontsize=11.5, frameon=False, ncols=3, loc="outside upper center")
    memory = io.BytesIO()
    figure.savefig(memory, format="png")
    with atomic_write(path) as file:
        file.write(memory.getvalue())


def _colours(names: list[str]) -> dict[str, tuple[str, float]]:
    """Give a hue to each library, of Okabe and Ito's, told apart with any colour vision; paler ones to its variants."""
    hues = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
    colours = {}
    for number, of_library in enumerate(dict.fromkeys(map(library, names))):
        variants = [name for name in names if library(name) == of_library]
        for i, name in enumerate(variants):
            colours[name] = hues[number % len(hues)], 1 - 0.6 * i / len(variants)
    return colours


def _milliseconds(result: Result) -> str:
    ms = 1e3 * result.median
    return "failed" if result.error else f"{ms:.{0 if ms >= 100 else 1 if ms >= 10 else 2}f}"


def _mebibytes(result: Result) -> str:
    return "failed" if result.error else f"{(result.peak - result.imported) / 2**20:.0f} ({result.peak / 2**20:.0f})"


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)


def _two_lines(head: str) -> tuple[str, str]:
    """Break a head after its comma or slash, so that columns stay narrow."""
    for mark in (", ", " / "):
        first, found, second = head.partition(mark)
        if found:
            return first + mark.rstrip(), second
    return "", head


def _markdown_table(rows: list[list[str]], right: bool = True) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    rule = "|---|" + ("---:|" if right else "---|") * (len(rows[0]) - 1)
    return "\n".join([lines[0], rule, *lines[1:]])
