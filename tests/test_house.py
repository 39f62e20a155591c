"""The house is kept in order: short files, one format, one name for one thing, every field explained."""

import ast
import configparser
import dataclasses
import fnmatch
import importlib
import inspect
import itertools
import pkgutil
import pydoc
import re
from collections import defaultdict
from pathlib import Path

import pytest

import minifcn

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "minifcn").rglob("*.py"))
PROGRAMS = [
    path for room in ("notebooks", "exercises", "benchmarks", "tests", "docs") for path in ROOT.glob(f"{room}/**/*.py")
]
LONGEST_FILE = 300  # lines
# 60 of these are for few channels (rows.py): by them a narrow forward pass takes 8.9 ms for 10.3, its step 34.7 for
# 38.1, and a pass at width 1/4 34.8 for 38.6.
DOOR_AND_FAST = 960
MOST_PARAMETERS = 8
# Settings that a user gives one by one, as in PyTorch, and that are kept in one object at once.
MANY_PARAMETERS = {
    *("data.loader.DataLoader.__init__", "gradcheck.gradcheck", "gradcheck.gradcheck_arrays"),
    *("models.fcn.FCN.__init__", "nn.layers.Conv2d.__init__", "nn.layers.ConvTranspose2d.__init__"),
    *("explain.laboratory.laboratory.Laboratory.__init__", "explain.stepper.stepper.Stepper.__init__"),
    "training.trainer.Trainer.__init__",
    *("optim.rules.Adam.update", "optim.rules._adam"),  # the letters of a formula
}


def lines(path):
    return len(path.read_text("utf-8").splitlines())


def test_no_file_is_long():
    assert {str(path.relative_to(ROOT)): lines(path) for path in SOURCES if lines(path) > LONGEST_FILE} == {}


def test_the_machinery_stays_small():
    compute = ROOT / "minifcn" / "compute"
    parts = {path.name: lines(path) for path in [compute / "algorithm.py", *compute.glob("fast/*.py")]}
    assert sum(parts.values()) <= DOOR_AND_FAST, parts


def test_no_line_is_kept_from_the_formatter():
    mark = re.compile("# fmt" + ": (skip|off)")
    assert [str(path.relative_to(ROOT)) for path in SOURCES + PROGRAMS if mark.search(path.read_text("utf-8"))] == []


def test_a_wheel_has_what_is_no_python():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    for path in (ROOT / "minifcn").rglob("*"):
        if path.is_file() and path.suffix not in (".py", ".pyc"):
            package = ".".join(path.parent.relative_to(ROOT).parts)
            patterns = setup["options.package_data"].get(package, "").split(", ")
            assert any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns), path


def test_the_page_on_the_house_names_what_is_there():
    page = re.sub("```.*?```", "", (ROOT / "docs" / "architecture.md").read_text("utf-8"), flags=re.DOTALL)
    rooms = "|".join(room.name for room in pkgutil.iter_modules(minifcn.__path__))
    named = set(re.findall(rf"`((?:{rooms})(?:\.\w+)+)`", page)) - set(re.findall(r"`(\w+\.py)`", page))
    assert len(named) > 8
    assert [name for name in sorted(named) if pydoc.locate(f"minifcn.{name}") is None] == []


def functions(tree, prefix):
    """The functions and methods of a module with their names."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield from functions(node, f"{prefix}.{node.name}")
        if isinstance(node, ast.FunctionDef):
            yield f"{prefix}.{node.name}", node


def test_no_function_takes_what_a_settings_object_holds():
    many = set()
    for path in SOURCES:
        room = ".".join(path.relative_to(ROOT / "minifcn").with_suffix("").parts).removesuffix(".__init__")
        for name, function in functions(ast.parse(path.read_text("utf-8")), room):
            every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            if len([parameter for parameter in every if parameter.arg not in ("self", "cls")]) > MOST_PARAMETERS:
                many.add(name)
    assert many - MANY_PARAMETERS == set()


def test_no_function_asks_for_the_name_of_another():
    asked = re.compile(r"__(qual)?name__ *(==|!=|in\b|not in\b)")
    found = [
        (path.name, line) for path in SOURCES for line in path.read_text("utf-8").splitlines() if asked.search(line)
    ]
    assert [(name, line) for name, line in found if line != 'if __name__ == "__main__":'] == []


def modules():
    for module in pkgutil.walk_packages(minifcn.__path__, "minifcn."):
        if module.name != "minifcn.__main__":
            yield importlib.import_module(module.name)


def classes():
    """The public classes of the package, each once."""
    for module in modules():
        for value in vars(module).values():
            if inspect.isclass(value) and value.__module__ == module.__name__ and not value.__name__.startswith("_"):
                yield value


def type_aliases():
    """Names in capitals and small letters that are given to something at the top of a file, such as Pair."""
    for path in SOURCES:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Assign) and re.fullmatch(r"[A-Z]\w*[a-z]\w*", name := ast.unparse(node.targets[0])):
                yield name, str(path.relative_to(ROOT))


def test_a_class_or_type_has_a_name_of_its_own():
    places = defaultdict(set)
    for kind in classes():
        places[kind.__name__].add(kind.__module__)
    assert {"Pair", "Strip"} <= {name for name, _ in type_aliases()}
    for name, path in type_aliases():
        places[name].add(path)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def fields(kind):
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind) if not field.name.startswith("_")]
    return list(getattr(kind, "_fields", ()))


@pytest.mark.parametrize("kind", [kind for kind in classes() if fields(kind)], ids=lambda kind: kind.__qualname__)
def test_fields_are_explained_as_parameters_of_the_class(kind):
    """A line `name, name : what it is` in the section "Parameters" for each."""
    text = inspect.getdoc(kind) or ""
    section = re.search(r"^Parameters\n-+\n(.*?)(\n\n\S|\Z)", text, flags=re.DOTALL | re.MULTILINE)
    explained = re.findall(r"^(\w[\w, ]*?)(?: :.*)?$", section[1], flags=re.MULTILINE) if section else []
    assert set(fields(kind)) - set(itertools.chain(*(line.split(", ") for line in explained))) == set()
