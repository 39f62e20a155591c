"""`minifcn explain` prints what each step does, and writes a page, an animation or a picture."""

import re

import pytest
import small_runs
from PIL import Image

from minifcn.cli import main

TRANSPOSED = ["explain", "conv-transpose", "--size", "2", "--kernel", "3", "--stride", "2", "--padding", "1"]


@pytest.mark.parametrize("operation", ["conv-transpose", "conv", "im2col", "max-pool"])
def test_every_operation_has_a_page(tmp_path, capsys, operation):
    out = tmp_path / "new" / "step.html"
    assert main(["explain", operation, "--out", str(out)]) == 0
    sentences = capsys.readouterr().out.splitlines()
    assert f"1 of {len(sentences)}:" in sentences[0]
    page = out.read_text("utf-8")
    assert all(sentence in page for sentence in sentences)


def test_without_a_file_it_prints_the_sentences(capsys):
    assert main(TRANSPOSED) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith("stamp 4 of 4: x[1,1] = ")
    assert last.endswith("times w, added at rows 1..3 and columns 1..3 = column x[1,1] of Cᵀ")


@pytest.mark.parametrize(("suffix", "frames"), [(".gif", 5), (".png", 1)])
def test_pictures(tmp_path, suffix, frames):
    out = tmp_path / f"step{suffix}"
    assert main([*TRANSPOSED, "--out", str(out)]) == 0
    with Image.open(out) as picture:
        assert getattr(picture, "n_frames", 1) == frames


def test_a_picture_of_one_step(tmp_path):
    for step in ("1", "2"):
        assert main([*TRANSPOSED, "--step", step, "--out", str(tmp_path / f"{step}.png")]) == 0
    assert (tmp_path / "1.png").read_bytes() != (tmp_path / "2.png").read_bytes()


def test_the_seed_chooses_the_digits(capsys):
    printed = []
    for seed in ("0", "0", "1"):
        main([*TRANSPOSED, "--seed", seed])
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] != printed[2]


def test_numbers_are_typed(capsys):
    assert (
        main(["explain", "conv", "--input", "1 2; 3 1/2", "--weight", "1 -1", "--stride", "1", "--padding", "0"]) == 0
    )
    assert [line.rsplit("added up: ", 1)[1] for line in capsys.readouterr().out.splitlines()] == [
        "y[0,0] = -1 = row y[0,0] of C times x",
        "y[1,0] = 2.5 = row y[1,0] of C times x",
    ]


def test_channels_are_typed_with_a_bar(capsys):
    one_by_one = ["--weight", "10 | 100", "--stride", "1", "--padding", "0"]
    assert main(["explain", "conv", "--input", "1 2 | 3 4", *one_by_one]) == 0
    assert [line.split(" = ")[1] for line in capsys.readouterr().out.splitlines()] == ["310", "420"]


def test_the_kernel_counts_up_unless_it_is_named(capsys):
    for weight, first in [([], "1"), (["--weight", "bilinear"], "0.25"), (["--weight", "ones"], "1")]:
        arguments = ["explain", "conv-transpose", "--input", "1", "--padding", "0", *weight, "--backward"]
        assert main(arguments) == 0
        assert capsys.readouterr().out.startswith(f"1 of 11: dx[0,0] = (-2)·{first} + ")


def test_dilation_and_a_size_that_is_rounded_up(capsys):
    main(["explain", "max-pool", "--size", "4", "--kernel", "2", "--stride", "3", "--padding", "0", "--ceil-mode"])
    assert len(capsys.readouterr().out.splitlines()) == 4
    main(["explain", "conv", "--size", "5", "--stride", "1", "--padding", "0", "--dilation", "2"])
    assert capsys.readouterr().out.startswith("window 1 of 1: rows 0..4 by 2 and columns 0..4 by 2 of x")


def test_the_way_back_is_held_against_difference_quotients(tmp_path, capsys):
    out = tmp_path / "back.html"
    assert main([*TRANSPOSED, "--backward", "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 + 9 + 1
    assert all(line.endswith(" too") for line in lines)
    assert all(line in out.read_text("utf-8") for line in lines)
    assert main([*TRANSPOSED, "--backward", "--mistake", "no-flip"]) == 0
    assert [line.endswith(": wrong") for line in capsys.readouterr().out.splitlines()] == [True] * 4 + [False] * 10


def test_a_loss_has_labels(capsys):
    arguments = ["explain", "cross-entropy", "--input", "0 2 | 0 1", "--labels", "1 255"]
    assert main(arguments) == 0
    assert "label 1: y[0,0] = -log 0.5 = 0.693" in capsys.readouterr().out


def test_a_loss_of_random_scores_has_three_classes(capsys):
    assert main(["explain", "cross-entropy", "--size", "1"]) == 0
    assert re.match(r"pixel 1 of 1: of the scores \d, \d, \d the softmax is", capsys.readouterr().out)


def test_the_laboratory_begins_with_a_mistake(tmp_path):
    out = tmp_path / "lab.html"
    assert main(["explain", "lab", "--backward", "--mistake", "no-crop", "--out", str(out)]) == 0
    assert 'laboratory(root, "way=backward&t=0&mistake=no-crop"' in out.read_text("utf-8")


def test_the_laboratory_is_a_page(tmp_path, capsys):
    out = tmp_path / "lab.html"
    assert main(["explain", "lab", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: open it in a browser; the address after # is its state\n"
    assert "stamp 5 of 9: x[1,1] = 5 times w" in out.read_text("utf-8")
    assert (
        main(["explain", "lab", "--input", "0 4; 4 0", "--weight", "bilinear", "--kernel", "4", "--out", str(out)]) == 0
    )
    assert "n=2&K=4&t=1&x=0,4,4,0&weight=0.0625,0.1875" in out.read_text("utf-8")


def test_the_flight_simulator_is_a_page(tmp_path, capsys):
    out = tmp_path / "fcn.html"
    assert main(["explain", "fcn", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: open it in a browser; the address after # is its state\n"
    assert "FlightSimulator(shapes-7-14, 96x96" in out.read_text("utf-8")
    assert main(["explain", "fcn", "--seed", "3", "--out", str(out)]) == 0
    assert "FlightSimulator(shapes-3-0, 96x96" in out.read_text("utf-8")


MISTAKES = {
    "no operation": (["explain"], "OPERATION"),
    "unknown operation": (["explain", "pool"], "'pool'"),
    "size zero": (["explain", "conv", "--size", "0"], "--size"),
    "a word for a number": (["explain", "conv", "--stride", "two"], "--stride"),
    "padding in words": (["explain", "conv", "--padding", "one"], "--padding: one is not a whole number from 0 up"),
    "negative padding": (["explain", "conv", "--padding", "-1"], "--padding"),
    "kernel larger than the image": (
        ["explain", "conv", "--kernel", "7", "--out", "o.html"],
        "--size 3 --kernel 7 --stride 2 --padding 1: a kernel of 7x7",
    ),
    "output padding too large": (
        ["explain", "conv-transpose", "--output-padding", "2", "--out", "o.html"],
        "--output-padding 2: output_padding (2, 2) must be less than stride (2, 2)",
    ),
    "output padding of a convolution": (
        ["explain", "conv", "--output-padding", "1", "--out", "o.html"],
        "output_padding belongs to conv-transpose",
    ),
    "no number": (
        ["explain", "conv", "--input", "1 two"],
        "--input: two is no number; write numbers as 2, -0.5 or 1/3",
    ),
    "a number divided by 0": (["explain", "conv", "--input", "1/0"], "--input: 1/0 is no number"),
    "rows that differ": (["explain", "conv", "--input", "1 2; 3"], "--input must be rows of equally many numbers"),
    "no input": (["explain", "conv", "--input", ""], "--input must be rows of equally many numbers"),
    "kernels for other channels": (
        ["explain", "conv", "--channels", "2", "--weight", "1 | 2 | 3"],
        "--weight must have kernels for 2 channels",
    ),
    "a weight where there is none": (["explain", "im2col", "--weight", "1"], "--weight: im2col has none"),
    "a label that is no class": (
        ["explain", "cross-entropy", "--input", "0 | 1", "--labels", "2"],
        "label 2 is neither a class 0..1 nor 255",
    ),
    "half a label": (["explain", "cross-entropy", "--labels", "1/2"], "--labels must be whole numbers"),
    "a mistake forward": (["explain", "conv", "--mistake", "no-flip"], "--mistake is one of the way back"),
    "a mistake that there is not": (
        ["explain", "conv", "--backward", "--mistake", "no-luck"],
        "mistake must be one of no-flip, no-crop, wrong-stride, mean-bias, got 'no-luck'",
    ),
    "no way back": (["explain", "im2col", "--backward"], "there is no way back to step through for im2col"),
    "a laboratory without a file": (
        ["explain", "lab"],
        "lab is a page: give --out a file that ends in .html, got none",
    ),
    "a picture of the laboratory": (["explain", "lab", "--out", "o.png"], "lab is a page: give --out a file"),
    "a flight simulator without a file": (["explain", "fcn"], "fcn is a page: give --out a file"),
    "a stride of a trained network": (["explain", "fcn", "--stride", "3", "--out", "o.html"], "--stride: fcn shows"),
    "a laboratory with labels": (
        ["explain", "lab", "--labels", "0", "--out", "o.html"],
        "--labels: lab begins with a transposed convolution, which has none",
    ),
    "a laboratory in ceil mode": (
        ["explain", "lab", "--ceil-mode", "--out", "o.html"],
        "--ceil-mode: lab begins with a transposed convolution",
    ),
    "a laboratory with a stride that it does not show": (
        ["explain", "lab", "--stride", "33", "--out", "o.html"],
        "stride may be at most 32, got 33",
    ),
    "a laboratory that is too large": (["explain", "lab", "--size", "40", "--out", "o.html"], "x may have 16 rows"),
    "all cropped": (["explain", "conv-transpose", "--size", "1", "--padding", "2"], "crops the whole result"),
    "padding wider than half the window": (["explain", "max-pool", "--padding", "2"], "at most half the kernel size"),
    "too large to be read": (["explain", "conv", "--size", "99", "--out", "o.html"], "too much to read"),
    "another format": (["explain", "conv", "--out", "o.jpg"], "--out must be a file that ends in .html, .gif or .png"),
    "no format": (["explain", "conv", "--out", "o"], "--out must be a file that ends in"),
    "a folder": (["explain", "conv", "--out", "folder.html"], "--out must be a file"),
    "a step of a page": (["explain", "conv", "--step", "1", "--out", "o.html"], "--step"),
    "a step that there is not": (["explain", "conv", "--step", "9", "--out", "o.png"], "--step must be at most 4"),
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_nothing_is_written(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.html").mkdir()
    small_runs.assert_refused(arguments, message, tmp_path, capsys)
