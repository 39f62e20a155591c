"""`import minifcn` stays quick, so that a command answers at once."""

import os
import statistics
import subprocess
import sys

import pytest

LIMIT = 0.1  # seconds on top of importing NumPy

# Processor time, unlike time on the clock, does not grow when other programs keep the cores busy.
MEASURE = """
import time
import numpy
start = time.process_time()
import minifcn
print(time.process_time() - start)
"""

LOADED = """
import sys
import minifcn
print(*(name for name in sys.argv[1:] if name in sys.modules))
"""


def run_python(program, *arguments, **environment):
    command = [sys.executable, "-c", program, *arguments]
    env = os.environ | environment
    return subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout


def test_import_takes_at_most_a_tenth_of_a_second_over_numpy(tmp_path):
    """With the modules compiled, as they are from the second time on."""
    compiled = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    run_python(MEASURE, **compiled)
    seconds = [float(run_python(MEASURE, **compiled)) for _ in range(5)]
    assert statistics.median(seconds) <= LIMIT, seconds


@pytest.mark.parametrize("module", ["cupy", "matplotlib", "torch"])
def test_import_leaves_for_later(module):
    assert run_python(LOADED, module).split() == []
