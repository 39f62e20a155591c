"""Every command in README.md, docs/ and exercises/ does what the reader is told to type.

What runs for minutes is made small by further options (the last one counts). PATH and photo.jpg stand for data that is
not shipped; here they are generated. Commands that cannot run in a test are listed with the reason, and nothing else is
left out.
"""

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import published_files
import pytest
import reference_sets
import table_top
from PIL import Image

from minifcn.benchmark import race
from minifcn.benchmark.asked import GROUPS, RANKS, RULE
from minifcn.cli import build_parser, main
from minifcn.data import Shapes
from minifcn.marking.handout import hand_out

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "exercises" / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
SMALL = {
    "minifcn train": ["--epochs", "1", "--images", "2", "--size", "32x32", "--width", "0.03125", "--device", "cpu"],
    "minifcn train --init minifcn/models/trained/shapes-classifier.npz": ["--width", "0.055"],  # its own
    "minifcn gradcheck": ["relu"],
    "minifcn exercises --self-test": ["1"],  # tests/marking/test_selftest.py takes all
    "minifcn bench": ["--rounds", "1"],  # and of one small layer, beside a contestant that needs no PyTorch
}
NOT_RUN = {
    "make gpu": "needs a GPU",
    "make bench-gpu": "needs a GPU",
    "make test-gpu": "needs a GPU",
    "make train-gpu": "needs a GPU",
    "make notebooks": "writes files of the repository; `make docs` checks that they are up to date",
    "pip install": "installs; that the extras exist is checked here",
    "pytest": "the tests of the file it names run anyway; that it exists is checked here",
    "python docs/examples": "takes photographs of full size; what it calls makes small ones here",
    "labelme": "opens a window",
    "python3 -m venv": "makes an environment",
    "mpiexec": "starts several processes, as tests/parallel does; that the command exists is checked here",
    "python docs/images": "draws for the repository; that it exists is checked here",
    "python benchmarks": "needs PyTorch, or trained runs; that it exists is checked here",
    "jupyter lab": "opens a browser",
    ". .venv/bin/activate": "changes the shell it is typed into",
}
# Blocks marked `bash` are scripts. Those that are not run here, by how they begin:
SCRIPTS_NOT_RUN = {
    "python -m pip wheel": "needs the network",
    "#!/usr/bin/env bash\nset -e\napt-get": "sets up a machine of Gradescope's",
}
GRADESCOPE = "#!/usr/bin/env bash\ncd /autograder"
PROGRAMS = ("minifcn", "make", "pip", "pytest", "python", "jupyter", ". .venv")


def typed(page):
    """All lines of the shell blocks of a page: a reader types them as they are."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines = (" ".join(shlex.split(line, comments=True)).removeprefix("python -m ") for line in lines)
    return [line for line in lines if line]


def quoted(page):
    """What a page mentions of commands in its text, perhaps without what they need."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    quotes = re.findall(r"(?<!`)`([^`]+)`(?!`)", text)
    return [
        " ".join(shlex.split(quote)) for quote in quotes if quote.startswith(tuple(f"{name} " for name in PROGRAMS))
    ]


def scripts(page):
    return re.findall(r"^```bash\n(.*?)^```", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


COMMANDS = {page: typed(page) + quoted(page) for page in PAGES}


def every(program):
    found = [(page, command) for page, listed in COMMANDS.items() for command in listed if command.startswith(program)]
    assert found, f"no page has a command that begins with {program}"
    ids = [f"{page.relative_to(ROOT)}: {command}" for page, command in found]
    return pytest.mark.parametrize(("page", "command"), found, ids=ids)


@pytest.fixture(scope="module")
def workplaces(tmp_path_factory):
    """A folder for each page, in which its commands run one after the other, with the data that they name."""
    folders = {}

    def workplace(page):
        if page not in folders:
            folder = folders[page] = tmp_path_factory.mktemp(page.stem)
            for split in ("train", "val"):
                for number, sample in enumerate(Shapes(2, (32, 32), 3, seed=0)):
                    for name, array in ((split, sample.image), (f"{split}annot", sample.label)):
                        (folder / "PATH" / name).mkdir(parents=True, exist_ok=True)
                        Image.fromarray(np.asarray(array)).save(folder / "PATH" / name / f"{number}.png")
            Image.fromarray(sample.image).save(folder / "photo.jpg")
            table_top.take(folder / "photos", 3, np.random.default_rng(0), drawn=True, size=(64, 48))
            table_top.take(folder / "new", 3, np.random.default_rng(1), drawn=False, size=(64, 48), first=101)
            if page.stem in ("recipes", "weights"):
                reference_sets.nyud(folder / "NYUD", np.random.default_rng(2))
                reference_sets.siftflow(folder / "SIFTFLOW", np.random.default_rng(3))
            if page.stem in ("weights", "results", "lecture", "recipes"):
                published_files.save_all(folder)
            if page.stem == "from_classifier_to_fcn":
                trained = Path("minifcn", "models", "trained")
                shutil.copytree(ROOT / trained, folder / trained)
            shutil.copytree(ROOT / "exercises", folder / "exercises")
            shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("notebooks"))
            shutil.copytree(ROOT / "benchmarks", folder / "benchmarks")
        return folders[page]

    return workplace


@every("minifcn")
def test_minifcn(page, command, workplaces, monkeypatch):
    monkeypatch.chdir(workplaces(page))
    small = [word for start, words in SMALL.items() if command.startswith(start) for word in words]
    if "--longer-side" in command:
        small = ["--longer-side" if word == "--size" else word.replace("32x32", "32") for word in small]
    arguments = command.split()[1:] + small
    if arguments == ["--version"]:
        with pytest.raises(SystemExit, match="0"):
            main(arguments)
        return
    if arguments[0] == "train" and "--out" not in arguments and command in quoted(page):
        arguments += ["--out", "runs/here"]
    if arguments[0] == "bench":
        monkeypatch.setattr(race, "PAUSE", 0)
        build_parser().parse_args(arguments)
        others = "benchmarks/pytorch.py", "benchmarks/onnx_runtime.py"  # of what may not be installed
        arguments = [word for word in arguments if word not in (*GROUPS, RULE, *others)]
        if not {RANKS, "--again"}.intersection(arguments):
            arguments.insert(1, "conv5_3-forward-224")
    not_done = arguments[0] == "exercises" and not {"--self-test", "--hand-out"}.intersection(arguments)
    assert main(arguments) == (1 if not_done else 0)


def test_the_python_of_the_page_on_own_images(workplaces, monkeypatch, capsys):
    """After the commands above it, in the folder where they have run."""
    page = ROOT / "docs" / "own_images.md"
    monkeypatch.chdir(workplaces(page))
    if not Path("runs/table").exists():
        pytest.skip("the training of the page was not chosen to run")
    (code,) = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    exec(compile(code, str(page), "exec"), named := {})
    assert "'mug'" in capsys.readouterr().out
    height, width = named["label"].shape
    assert height > width, "the photograph of the page stands upright"
    main(["predict", "new/IMG_0103.JPG", "--checkpoint", "runs/table", "--label", "label.png", "--device", "cpu"])
    np.testing.assert_array_equal(named["label"], np.asarray(Image.open("label.png")))


@every("make")
def test_make(page, command):
    targets = command.split()[1:]
    makefile, checks = (ROOT / "Makefile").read_text(), (ROOT / ".ci" / "run").read_text()
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
        assert f"make {target}" in checks or command in NOT_RUN


@every("pip")
def test_pip_installs_extras_that_exist(page, command):
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert set(re.findall(r"\[(\w+)\]", command)) <= set(setup["options.extras_require"])


@every("pytest")
def test_pytest_is_given_a_file_that_exists(page, command):
    assert all((ROOT / word).exists() for word in command.split()[1:] if not word.startswith("-"))


@every("mpiexec")
def test_mpiexec_starts_what_exists(page, command):
    launcher, ranks, number, *started = command.split()
    assert (launcher, ranks, number.isdecimal()) == ("mpiexec", "-n", True)
    if started[0] == "minifcn":
        build_parser().parse_args(started[1:])
    else:
        assert (ROOT / started[1]).is_file()


@every("python ")
def test_python_is_given_a_program_that_exists(page, command):
    assert (ROOT / command.split()[1]).is_file()


def install(folder):
    """Put programs `minifcn` and `python` there that are those of this process."""
    folder.mkdir(parents=True)
    for name, module in (("minifcn", "-m minifcn"), ("python", "")):
        program = folder / name
        program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" {module} "$@"\n')
        program.chmod(0o755)


def run_script(begins, folder, **environment):
    (script,) = (text for text in scripts(ROOT / "docs" / "teaching.md") if text.startswith(begins))
    script = script.replace("/autograder", str(folder))
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=os.environ | environment, capture_output=True, text=True
    )


def test_the_loop_that_marks_what_came_by_mail(tmp_path):
    """A student who has solved exercise 1, and one who has not begun."""
    install(tmp_path / "bin")
    hand_out(ROOT / "exercises", tmp_path / "exercises")
    for student, folder in (("ada", "exercises/solutions"), ("bob", "exercises")):
        (tmp_path / "submissions" / student).mkdir(parents=True)
        shutil.copy(ROOT / folder / "ex01_output_size.py", tmp_path / "submissions" / student)
    done = run_script("for student", tmp_path, PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert done.stdout.splitlines() == ["ada 6", "bob 0"], done.stderr
    assert "Exercise 1" in (tmp_path / "submissions" / "bob" / "report.txt").read_text()


def test_the_script_that_marks_on_gradescope(tmp_path):
    """In a folder laid out as its machines are; the submission has exercise 1 in a folder of its own."""
    install(tmp_path / "venv" / "bin")
    for folder in ("source", "submission/mine", "results"):
        (tmp_path / folder).mkdir(parents=True)
    hand_out(ROOT / "exercises", tmp_path / "source" / "exercises")
    shutil.copy(ROOT / "exercises" / "solutions" / "ex01_output_size.py", tmp_path / "submission" / "mine")
    done = run_script(GRADESCOPE, tmp_path)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results" / "results.json").read_text())
    assert [test["score"] for test in results["tests"]] == [6] + 12 * [0]


def test_nothing_is_left_out():
    known = ("minifcn ", "make ", *NOT_RUN)
    assert [command for listed in COMMANDS.values() for command in listed if not command.startswith(known)] == []
    run = ("for student", GRADESCOPE, *SCRIPTS_NOT_RUN)
    assert [script for page in COMMANDS for script in scripts(page) if not script.startswith(run)] == []
