"""Tables, the chart and the file of raw numbers."""

import pytest
from PIL import Image

from minifcn.benchmark import machine, report
from minifcn.benchmark.race import Result
from minifcn.benchmark.report import Measurements
from minifcn.errors import UserError

MB = 1 << 20


@pytest.fixture
def measured():
    def result(work, name, ms, **facts):
        return Result(work, "forward", 10**9, name, [ms / 1e3] * 3, 20 * MB, 50 * MB, **facts)

    results = [
        result("small", "minifcn", 2),
        result("small", "PyTorch", 4, packages={"torch": "2.13", "numpy": "2"}),
        result("small", "PyTorch, channels-last", 5),
        result("large", "minifcn", 300),
        result("large", "PyTorch", 400),
        result("large", "PyTorch, channels-last", 200),
        Result("broken", "forward", 10**9, "minifcn", error="no\n  luck"),
        result("broken", "PyTorch", 1),
    ]
    return Measurements({"NumPy": "2", "processor": "an abacus"}, 2000.0, results)


def test_a_row_for_each_work_against_the_faster_layout(measured):
    assert report.time_table(measured) == [
        ["work", "minifcn", "PyTorch", "PyTorch, channels-last", "minifcn / PyTorch", "GFLOP/s", "of peak"],
        ["small", "2.00", "4.00", "5.00", "0.50", "1000", "50%"],
        ["large", "300", "400", "200", "1.50", "7", "0%"],
        ["broken", "failed", "1.00", "-", "-", "-", "-"],
    ]


def test_memory_above_the_imports_and_in_all(measured):
    assert report.memory_table(measured)[1:] == [
        ["small", "30 (50)", "30 (50)", "30 (50)"],
        ["large", "30 (50)", "30 (50)", "30 (50)"],
        ["broken", "failed", "30 (50)", "-"],
    ]


def test_an_error_is_one_line(measured):
    assert report.errors(measured) == ["broken: minifcn failed: no luck"]


def test_what_is_missing_is_said_once_for_all_that_want_it():
    def failed(work, name, error="no torch"):
        return Result(work, "forward", 1, name, error=error)

    results = [failed(work, name) for work in ("small", "large") for name in ("PyTorch", "PyTorch, channels-last")]
    measured = Measurements({}, 1.0, [*results, failed("small", "ONNX Runtime"), failed("large", "PyTorch", "slow")])
    assert report.errors(measured) == [
        "small, large: PyTorch, PyTorch, channels-last failed: no torch",
        "small: ONNX Runtime failed: no torch",
        "large: PyTorch failed: slow",
    ]


@pytest.mark.parametrize(
    ("error", "wrong"), [("NotImplementedError: it only predicts", False), ("ValueError: no", True)]
)
def test_what_a_contestant_does_not_do_is_no_failure(error, wrong):
    measured = Measurements({}, 1.0, [Result("small", "step", 1, "ONNX Runtime", error=error)])
    assert report.anything_went_wrong(measured) == wrong


def test_versions_are_told_once(measured):
    assert measured.facts() == {"NumPy": "2", "processor": "an abacus", "torch": "2.13", "sgemm peak": "2000 GFLOP/s"}


def test_text_fits_a_terminal_and_says_all(measured):
    text = report.text(measured)
    assert max(map(len, text.splitlines())) < 120
    for part in ("an abacus", "torch", "0.50", "30 (50)", "broken: minifcn failed: no luck"):
        assert part in text


def test_markdown_tables_have_as_many_cells_in_every_row(measured):
    table = [line for line in report.markdown(measured).splitlines() if line.startswith("| small") or "abacus" in line]
    assert table == [
        "| processor | an abacus |",
        "| small | 2.00 | 4.00 | 5.00 | 0.50 | 1000 | 50% |",
        "| small | 30 (50) | 30 (50) | 30 (50) |",
    ]


def test_raw_numbers_are_read_back_as_they_were(measured, tmp_path):
    report.save_raw(tmp_path / "raw.json", measured)
    assert report.read_raw(tmp_path / "raw.json") == measured


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"machine": {}, "sgemm": 1, "results": [{"seconds": 3}]}'])
def test_another_file_is_refused(content, tmp_path):
    path = tmp_path / "raw.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"raw\.json: not a file of raw numbers"):
        report.read_raw(path)


def test_the_chart_is_a_picture(measured, tmp_path):
    report.save_chart(tmp_path / "chart.png", measured)
    with Image.open(tmp_path / "chart.png") as picture:
        assert picture.width > 1000


def test_this_machine_is_described():
    facts = machine.describe()
    assert facts["processor"]
    assert "threads in minifcn" in facts["cores"]
    assert "blas" in facts["BLAS"].lower()


def test_what_the_environment_says_to_blas_is_told(monkeypatch):
    """OPENBLAS_L2_SIZE changes how a product is cut; nothing else of the description would show it."""
    for name in machine.SETTINGS:
        monkeypatch.delenv(name, raising=False)
    assert machine.describe()["set in the environment"] == "nothing"
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "512")
    assert machine.describe()["set in the environment"] == "OPENBLAS_L2_SIZE=512"


def test_what_the_cores_can_multiply_at_most_is_more_than_nothing():
    assert 0.1 < machine.sgemm_peak(repetitions=1) < 1e6
