"""Starts programs in several processes under mpiexec, or skips a test where there is none."""

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
SECONDS = 120  # the longest of all
# Open MPI refuses root, and more ranks than cores, unless told otherwise.
ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MINIFCN_THREADS": "1",
}


@functools.cache
def mpiexec():
    """The launcher of the environment, or the one of the machine; a reason, if there is none or it starts nothing."""
    if importlib.util.find_spec("mpi4py") is None:
        return None, "no mpi4py: pip install 'minifcn[mpi]'"
    beside = Path(sys.executable).with_name("mpiexec")
    program = str(beside) if beside.exists() else shutil.which("mpiexec")
    if program is None:
        return None, "no mpiexec: pip install 'minifcn[mpi]'"
    ask = "from mpi4py import MPI; print(MPI.COMM_WORLD.size)"
    done = subprocess.run([program, "-n", "2", sys.executable, "-c", ask], capture_output=True, text=True, timeout=60)
    works = done.returncode == 0 and done.stdout.count("2") == 2  # on one line or two
    return (
        (program, "") if works else (None, f"{program} does not start two ranks: {(done.stderr + done.stdout)[-300:]}")
    )


def command(ranks, *arguments):
    """The command line that runs Python in so many ranks."""
    program, problem = mpiexec()
    if program is None:
        pytest.skip(f"no MPI here ({problem})")
    return [program, "-n", str(ranks), sys.executable, *map(str, arguments)]


def together(*programs):
    """The command line that runs Python in one rank for each of the programs."""
    program, *_ = command(1)
    ranks = [["-n", "1", sys.executable, *map(str, arguments)] for arguments in programs]
    return [program, *ranks[0], *(word for rank in ranks[1:] for word in [":", *rank])]


def environment(**more):
    """That of the tests, with one thread for each rank."""
    path = os.pathsep.join([str(TESTS.parent), str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | ENVIRONMENT | {"PYTHONPATH": path} | more


def run(ranks, *arguments, **more):
    """Run Python in so many ranks; gives the completed process."""
    line = command(ranks, *arguments)
    return subprocess.run(line, capture_output=True, text=True, timeout=SECONDS, env=environment(**more), check=False)
