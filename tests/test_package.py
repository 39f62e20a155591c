"""What is handed on: a source distribution is the whole repository, and a wheel brings the exercises along."""

import email
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("setuptools", "77", reason="builds the package with setuptools 77 or later")

ROOT = Path(__file__).parents[1]
FOLDERS = (".ci", "benchmarks", "docs", "exercises", "minifcn", "notebooks", "tests")
FILES = ("LICENSE", "MANIFEST.in", "Makefile", "README.md", "pyproject.toml", "setup.cfg", "setup.py")
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*_cache", ".ipynb_checkpoints", "score.json", "site-packages")


def build(kind, source, target):
    """Build as pip does, and give the file."""
    program = f"import sys; from setuptools import build_meta; print(build_meta.build_{kind}(sys.argv[1]))"
    command = [sys.executable, "-c", program, str(target)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target / done.stdout.split()[-1]


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A copy, as a build leaves files beside the sources."""
    copy = tmp_path_factory.mktemp("repository")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, copy / name, ignore=LEFT_OUT)
    shutil.rmtree(copy / "docs" / "notebooks", ignore_errors=True)  # made by `make docs`
    for name in FILES:
        shutil.copy(ROOT / name, copy)
    return copy


@pytest.fixture(scope="module")
def unpacked(repository, tmp_path_factory):
    """The source distribution, unpacked."""
    there, target = files(repository), tmp_path_factory.mktemp("sdist")
    with tarfile.open(build("sdist", repository, target)) as archive:
        archive.extractall(target, filter="data")
    (folder,) = (path for path in target.iterdir() if path.is_dir())
    return folder, there


@pytest.fixture(scope="module")
def wheel(unpacked, tmp_path_factory):
    """What a wheel that is built from the source distribution installs."""
    target = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(build("wheel", unpacked[0], target)) as archive:
        archive.extractall(target / "installed")
    return target / "installed"


@pytest.fixture
def minifcn(wheel, tmp_path):
    """Run the command of the wheel in an empty folder."""

    def run(*arguments):
        environment = os.environ | {"PYTHONPATH": str(wheel), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "minifcn", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    return run


def test_the_source_distribution_has_every_file(unpacked):
    folder, there = unpacked
    assert there - files(folder) == set()


def test_a_wheel_has_the_package_and_nothing_beside_it(wheel):
    assert {path.name.split("-")[0] for path in wheel.iterdir()} == {"minifcn"}


def test_a_wheel_brings_the_trained_networks_along(minifcn, tmp_path):
    done = minifcn("predict", "--data", "shapes", "--images", "1", "--label", "label.png")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "label.png").exists()


def test_the_description_is_the_readme(wheel):
    (path,) = wheel.glob("*.dist-info/METADATA")
    metadata = email.message_from_string(path.read_text("utf-8"))
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().strip() == (ROOT / "README.md").read_text("utf-8").strip()
    assert metadata.get_all("Project-URL")


def test_without_exercises_it_is_said_where_to_get_them_and_there_they_are(minifcn, tmp_path):
    none = minifcn("exercises")
    assert (none.returncode, none.stdout, none.stderr.count("\n")) == (2, "", 1)
    command = "minifcn exercises --hand-out exercises"
    assert command in none.stderr
    got = minifcn(*command.split()[1:])
    assert got.returncode == 0, got.stderr
    assert got.stdout == "exercises: 13 exercises; the first is exercises/ex01_output_size.py\n"
    assert files(tmp_path / "exercises") == {
        name for name in files(ROOT / "exercises") if not name.startswith("solutions/") and "__pycache__" not in name
    } - {"score.json"}

    shutil.copy(ROOT / "exercises" / "solutions" / "ex01_output_size.py", tmp_path / "exercises")
    solved, other = minifcn("exercises", "1"), minifcn("exercises", "2")
    assert (solved.returncode, other.returncode) == (0, 1), solved.stderr
    assert "6/6   done" in solved.stdout
    assert "to do" in other.stdout


def test_an_editable_install_is_found_from_the_folder_above_the_clone(repository, tmp_path):
    """There `minifcn` is the clone, a folder without __init__.py; a path beside it wins, an import hook does not."""
    with zipfile.ZipFile(build("editable", repository, tmp_path)) as archive:
        (path,) = (name for name in archive.namelist() if name.endswith(".pth"))
        assert archive.read(path).decode().strip() == str(repository)
