"""`import minifcn` stays quick, and a command imports what it runs, so that it answers at once."""

import os
import statistics
import subprocess
import sys

import pytest

from minifcn.cli import COMMANDS

# Of the processor time that the same process takes to import NumPy, so that a slower or a busier machine changes
# nothing. On a busy one that was 0.12 to 0.23 s, and the shares 0.32 to 0.53 and 0.51 to 0.84.
LIMIT = 0.75
HELP_LIMIT = 1.5

MEASURE = """
import time
first = time.process_time()
import numpy
start = time.process_time()
import minifcn
print((time.process_time() - start) / (start - first))
"""

LOADED = """
import sys
import minifcn
print(*(name for name in sys.argv[1:] if name in sys.modules))
"""

MEASURE_COMMAND = """
import contextlib, sys, time
first = time.process_time()
import numpy
start = time.process_time()
from minifcn.cli import main
with contextlib.redirect_stdout(None), contextlib.suppress(SystemExit):
    main(sys.argv[1:])
print((time.process_time() - start) / (start - first))
"""

LOADED_BY_COMMAND = """
import contextlib, sys
from minifcn.cli import main
with contextlib.redirect_stdout(None), contextlib.suppress(SystemExit):
    main(sys.argv[1:])
print(*sys.modules)
"""
ROOMS = {"benchmark", "data", "explain", "marking", "metrics", "models", "pictures", "training", "weights"}
LIBRARIES = {"PIL", "concurrent.futures", "cupy", "difflib", "h5py", "logging", "matplotlib", "pytest", "tqdm"}


def run_python(program, *arguments, **environment):
    command = [sys.executable, "-c", program, *arguments]
    env = os.environ | environment
    return subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout


def test_import_takes_less_than_importing_numpy(tmp_path):
    """With the modules compiled, as they are from the second time on."""
    compiled = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    run_python(MEASURE, **compiled)
    shares = [float(run_python(MEASURE, **compiled)) for _ in range(5)]
    assert statistics.median(shares) <= LIMIT, shares


@pytest.mark.parametrize("module", ["cupy", "h5py", "matplotlib", "minifcn.weights", "torch"])
def test_import_leaves_for_later(module):
    assert run_python(LOADED, module).split() == []


def loaded_by(*arguments):
    """The rooms, libraries and commands that a command line imports."""
    modules = run_python(LOADED_BY_COMMAND, *arguments).split()
    rooms = {name.split(".")[1] for name in modules if name.startswith("minifcn.")} & ROOMS
    files = {name.split(".")[-1].replace("_", "-") for name in modules if name.startswith("minifcn.cli.")}
    return rooms, LIBRARIES & set(modules), files & set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_imports_no_room_and_no_other_command(command):
    rooms = {"benchmark"} if command == "bench" else set()  # the names of its groups
    assert loaded_by(command, "-h") == (rooms, set(), {command})


@pytest.mark.parametrize("arguments", [["--version"], ["-h"], ["no-command"], []], ids=" ".join)
def test_no_command_is_imported_where_none_runs(arguments):
    libraries = {"difflib"} if arguments == ["no-command"] else set()  # to say what was meant
    assert loaded_by(*arguments) == (set(), libraries, set())


def test_a_command_imports_no_other(tmp_path):
    rooms, libraries, commands = loaded_by("gradcheck", "exp")
    assert (rooms, libraries, commands) == ({"models"}, set(), {"gradcheck"})
    rooms, libraries, commands = loaded_by("explain", "conv")
    assert "training" not in rooms
    assert "matplotlib" not in libraries
    assert commands == {"explain"}


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_takes_little_more_than_importing_numpy(command, tmp_path_factory):
    """So that it is there in less than 0.4 seconds, 0.2 of which are NumPy's."""
    compiled = {"PYTHONPYCACHEPREFIX": str(tmp_path_factory.getbasetemp()), "PYTHONDONTWRITEBYTECODE": ""}
    arguments = [*command.split(), "-h"]
    tries = (float(run_python(MEASURE_COMMAND, *arguments, **compiled)) for _ in range(4))  # the first may compile
    assert any(share <= HELP_LIMIT for share in tries)
