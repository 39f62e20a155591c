"""Photographs of formats that are not read, such as HEIC: one sentence that says so, and no false second fault."""

import folder_sets
import pytest
from test_annotated import SQUARE, photograph

from minifcn.cli import main
from minifcn.data import open_dataset
from minifcn.data.images import read_image
from minifcn.errors import UserError

SENTENCE = "HEIC files are not read; save it as JPEG (a mask as PNG)"


def as_heic(path):
    """Let a photograph be one of a telephone."""
    path.write_bytes(b"\0\0\0\x18ftypheic")
    return path.rename(path.with_suffix(".HEIC"))


def faults_of(root):
    faults = []
    try:
        open_dataset(f"folder:{root}", "all", report=faults.append)
    except UserError as error:
        faults.append(str(error))
    return [*dict.fromkeys(faults)]


@pytest.mark.parametrize("drawn", [True, False])
def test_one_among_photographs_drawn_in_labelme(tmp_path, drawn):
    for name in "abc":
        photograph(tmp_path, f"{name}.jpg", SQUARE)
    path = as_heic(tmp_path / "b.jpg")
    if not drawn:
        path.with_suffix(".json").unlink()
    assert faults_of(tmp_path) == [f"{path}: {SENTENCE}"]


def test_nothing_else_beside_what_was_drawn(tmp_path):
    photograph(tmp_path, "a.jpg", SQUARE)
    path = as_heic(tmp_path / "a.jpg")
    assert faults_of(tmp_path) == [f"{path}: {SENTENCE}"]


def test_a_copy_saved_as_jpeg_is_what_was_asked_for(tmp_path):
    photograph(tmp_path, "a.jpg", SQUARE)
    photograph(tmp_path, "b.jpg", SQUARE)
    (tmp_path / "a.HEIC").write_bytes(b"heic")
    folder_sets.photos(tmp_path / "masked", "ab")
    (tmp_path / "masked" / "images" / "a.HEIC").write_bytes(b"heic")
    assert faults_of(tmp_path / "masked") == []
    (tmp_path / "masked").rename(tmp_path.parent / f"{tmp_path.name}-masked")
    assert faults_of(tmp_path) == []


@pytest.mark.parametrize("suffix", ["", "_mask"])
def test_its_mask_is_no_second_fault(tmp_path, suffix):
    folder_sets.photos(tmp_path, "abc", suffix=suffix)
    path = as_heic(tmp_path / "images" / "b.jpg")
    assert faults_of(tmp_path) == [f"{path}: {SENTENCE}"]


def test_all_images_with_masks(tmp_path):
    folder_sets.photos(tmp_path, "ab")
    paths = [as_heic(tmp_path / "images" / f"{name}.jpg") for name in "ab"]
    assert faults_of(tmp_path) == [f"{path}: {SENTENCE}" for path in paths]


def test_one_that_is_opened_by_its_path(tmp_path):
    photograph(tmp_path, "a.jpg")
    path = as_heic(tmp_path / "a.jpg")
    with pytest.raises(UserError) as caught:
        read_image(path)
    assert str(caught.value) == f"{path}: {SENTENCE}"


def test_check_data_says_it_once(tmp_path, capsys):
    photograph(tmp_path, "a.jpg", SQUARE)
    as_heic(tmp_path / "a.jpg")
    main(["check-data", f"folder:{tmp_path}"])
    output = capsys.readouterr()
    assert (output.out + output.err).count(SENTENCE) == 1
