"""What -h says of defaults and choices is what the rooms behind the commands have; they are not imported for it."""

import argparse
import dataclasses
import re

import pytest

from minifcn.cli import arguments, main
from minifcn.cli.parsers import explain, train
from minifcn.data.catalogue import _OPENERS
from minifcn.explain.stepper.scenes import SCENES
from minifcn.models.backbones import BACKBONES
from minifcn.training import Config
from minifcn.training.recipes import RECIPES


def test_explain_offers_the_kinds_of_the_stepper():
    assert (*SCENES, *explain.PAGES) == explain.OPERATIONS


def test_the_help_of_data_names_what_photographs_are_drawn_on_with():
    assert "labelme" in arguments.DATA_SETS


def test_the_help_of_data_names_every_data_set():
    named = re.sub(r" \([^)]*\)", "", arguments.DATA_SETS)  # without what is said of folder:PATH
    assert [form.partition(":")[0] for form in re.split(", | or ", named)] == [*_OPENERS]


def test_the_help_of_backbone_names_every_trunk_and_the_default():
    named, default = re.fullmatch(r"(.*) \(default (\w+)\)", arguments.BACKBONE).groups()
    assert sorted(re.split(", | or ", named)) == sorted(BACKBONES)
    assert default == Config().backbone


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_names_data_as_it_is_opened(name):
    """Not as images of a user, folder:PATH."""
    assert RECIPES[name].opens.partition(":")[0] in _OPENERS.keys() - {"folder", "shapes"}


def stated():
    """The defaults that `minifcn train -h` states of settings, as text."""
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    helps = {action.dest: action.help or "" for action in parser._actions}
    found = {name: re.search(r"\(default ([^ ,)]+)", text) for name, text in helps.items()}
    return {field.name: found[field.name][1] for field in dataclasses.fields(Config) if found.get(field.name)}


@pytest.mark.parametrize("name", stated())
def test_train_states_the_defaults_of_a_run(name):
    default = getattr(Config(), name)
    assert type(default)(stated()[name]) == default


def test_the_settings_without_a_stated_default_are_known():
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    settings = {action.dest for action in parser._actions} & {field.name for field in dataclasses.fields(Config)}
    unstated = {"val_share", "size", "longer_side", "crop", "scale", "mirror", "images", "recompute"}
    unstated |= {"init", "freeze", "patience", "recipe", "iterations", "at_once", "upsampling"}
    assert settings - set(stated()) == unstated


@pytest.mark.parametrize(("rank", "times"), [("0", 1), ("1", 0)])
def test_of_several_processes_the_first_one_prints_the_help(monkeypatch, capsys, rank, times):
    monkeypatch.setenv("PMI_RANK", rank)
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setattr("minifcn.backend.joining.stand_aside", lambda what: None)  # which would start a process
    with pytest.raises(SystemExit) as end:
        main(["train", "-h"])
    assert end.value.code == 0
    assert capsys.readouterr().out.count("usage: minifcn train") == times
