"""The numbers that README.md states in words and in its text; those of its code are a doctest."""

import argparse
import importlib
import re
from pathlib import Path

import pytest
from measured import AMD, INTEL, shares, worst

from minifcn.cli import arguments
from minifcn.marking.folder import exercises

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
README_KO = ROOT / "docs" / "ko" / "README.md"
WORDS = {6: "six", 12: "twelve", 13: "thirteen"}
PAPER = "the paper's published reference code: padding 100, a 7x7 fc6, crops, and all upsampling fixed and bilinear"


def text_of(page):
    return " ".join(page.read_text(encoding="utf-8").split())


def test_shares_of_pytorchs_time_are_those_that_were_measured():
    amd, intel = (shares(file, "PyTorch", "fcn8s") for file in (AMD, INTEL))
    narrow_amd, narrow_intel = (shares(file, "PyTorch", "narrow")[-1] for file in (AMD, INTEL))
    said = (
        f"the networks at full width take {amd[0]} to {amd[-1]} of PyTorch's time on an AMD Zen 5 and {intel[0]} to "
        f"{intel[-1]} on an Intel Xeon, narrow ones up to {narrow_amd} and {narrow_intel}"
    )
    assert said in text_of(README)
    in_korean = (
        f"AMD Zen 5에서 PyTorch의 {amd[0]}배에서 {amd[-1]}배, Intel Xeon에서 {intel[0]}배에서 {intel[-1]}배이고, "
        f"폭이 좁은 신경망에서는 최대 {narrow_amd}배와 {narrow_intel}배입니다"
    )
    assert in_korean in text_of(README_KO)


def test_shares_of_the_time_of_what_people_would_pick_instead_are_those_that_were_measured():
    full, narrow = (worst("PyTorch keeping memory", work) for work in ("fcn8s", "narrow"))
    predicting = worst("ONNX Runtime", "")
    kept = f"against a PyTorch that keeps its memory, they take {full} and {narrow} (2.01 in another run)"
    assert f"{kept}, and {predicting} of ONNX Runtime's" in text_of(README)
    in_korean = (
        f"PyTorch와 견주면 최대 {full}배와 {narrow}배이며(다른 측정에서는 2.01배), "
        f"ONNX Runtime과 견주면 최대 {predicting}배입니다"
    )
    assert in_korean in text_of(README_KO)


@pytest.mark.parametrize(
    ("things", "count"),
    [
        ("exercises", len(exercises(ROOT / "exercises"))),
        (
            "misconceptions",
            len(re.findall(r"^## \d+\.", (ROOT / "docs" / "misconceptions.md").read_text(), re.MULTILINE)),
        ),
        ("weeks", len(re.findall(r"^### Week \d", (ROOT / "docs" / "teaching.md").read_text(), re.MULTILINE))),
    ],
)
def test_it_counts_right(things, count):
    assert re.search(
        rf"\b{WORDS[count]} {things}\b|of {WORDS[count]} {things}", README.read_text().replace("\n", " "), re.I
    )


def test_every_notebook_is_in_the_table():
    listed = re.findall(r"\| \d+ \| \[[^]]+\]\(notebooks/([^)]+)\)", README.read_text())
    assert listed == sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
    titles = re.findall(r"\| (\d+) \| \[([^]]+)\]", README.read_text())
    heads = [
        re.search(r"^# # (\d+)\. (.+)", path.read_text(), re.MULTILINE)
        for path in sorted((ROOT / "notebooks").glob("[0-9]*.py"))
    ]
    assert titles == [(head[1], head[2]) for head in heads]


@pytest.mark.parametrize(
    "place",
    [
        "README.md",
        "docs/glossary.md",
        "docs/misconceptions.md",
        "notebooks/06_bilinear_kernels.py",
        "notebooks/09_fcn32s_16s_8s.py",
        "notebooks/10_pad_100_and_the_crop_offsets.py",
        "minifcn/models/fcn.py",
    ],
)
def test_what_the_variant_paper_is_stands_in_one_sentence_everywhere(place):
    text = " ".join(re.sub(r"^# |`", "", (ROOT / place).read_text("utf-8"), flags=re.MULTILINE).split())
    assert f'"paper" is {PAPER} (the paper\'s text learns the upsamplings by 2' in text.replace(
        'variant="paper"', '"paper"'
    )


@pytest.mark.parametrize("command", ["train", "summary"])
def test_and_in_the_help(command):
    assert PAPER in arguments.VARIANT
    parser = argparse.ArgumentParser()
    importlib.import_module(f"minifcn.cli.parsers.{command}").add_arguments(parser)
    assert arguments.VARIANT in [action.help for action in parser._actions]
