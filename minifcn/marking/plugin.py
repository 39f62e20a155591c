"""The plugin of pytest that marks exercises; `pytest` in their folder shows the table that `minifcn exercises` shows.

PYTEST_DONT_REWRITE: there are no asserts here.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from minifcn.marking.failure import TooLong, describe
from minifcn.marking.folder import TEST
from minifcn.marking.marks import Mark, Point, State
from minifcn.marking.report import report

SECONDS = 10.0  # for one test
SECONDS_AFTERWARDS = 2.0  # for those of an exercise of which one did not end
MARKER = "minifcn-marker"


class Marker:
    """Collects the marks while pytest runs the tests.

    Parameters
    ----------
    answers : path
        The folder of the student's modules.
    """

    def __init__(self, answers: Path) -> None:
        self._answers = answers
        self._marks: dict[str, Mark] = {}
        self._endless: set[Path] = set()  # test files

    @property
    def marks(self) -> list[Mark]:
        """In the order of the exercises."""
        return sorted(self._marks.values(), key=lambda mark: mark.number)

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
        with time_limit(SECONDS_AFTERWARDS if pyfuncitem.path in self._endless else SECONDS):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo) -> Generator[None, Any, Any]:
        result = yield
        error = call.excinfo.value if call.excinfo else None
        if isinstance(error, TooLong):
            self._endless.add(item.path)
        if call.when == "call" or error:
            sentence = item.name.removeprefix("test_").replace("_", " ")
            printed = result.capstdout + result.capstderr
            done = Point(sentence, State.DONE)
            self._add(item.path, describe(sentence, error, printed, self._answers) if error else done)
        return result

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            reason = str(report.longrepr).rstrip().splitlines()[-1].removeprefix("E").strip()
            self._add(Path(report.nodeid), Point("its tests can be read", State.NOT_YET, reason))

    def _add(self, test: Path, point: Point) -> None:
        if name := TEST.fullmatch(test.name):
            self._marks.setdefault(name[1], Mark(name[1])).points.append(point)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Stop what does not end, where there are timer signals: on Linux and macOS, in the main thread.

    Raises
    ------
    TooLong
        In the block, after `seconds`; then once more each second, for a bare `except:` may have caught it.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: Any) -> None:
        raise TooLong(f"the test did not end within {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# What follows is for `pytest` itself, whose pytest.ini names this module. With -v it says what it always says.


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Marker(config.rootpath), MARKER)
    option = config.option
    if option.verbose <= 0:
        option.verbose, option.tbstyle, option.no_summary = -2, "no", True


def pytest_report_teststatus(config: pytest.Config) -> tuple[str, str, str] | None:
    return ("", "", "") if config.option.verbose < 0 else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    marker = config.pluginmanager.get_plugin(MARKER)
    if marker and marker.marks:
        terminalreporter.write_line(report(marker.marks))
