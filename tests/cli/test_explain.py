"""`minifcn explain` prints what each step does, and writes a page, an animation or a picture."""

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
    assert last.endswith("times w, added at rows 1..3 and columns 1..3 = column 3 of Cᵀ")


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
