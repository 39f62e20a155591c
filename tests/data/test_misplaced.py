"""What is not where it is looked for, or of a kind that is not read: one sentence, with the fix."""

import json

import numpy as np
import pytest
from folder_sets import COLOURS, IMAGE, MASK, photos, save
from PIL import Image
from test_annotated import SQUARE, outline, photograph

from minifcn.cli import main
from minifcn.data import open_dataset
from minifcn.data.folder.annotations import read_annotation
from minifcn.data.inspection.findings import group
from minifcn.errors import UserError


def refusal(root):
    """The one sentence that check-data says of a folder."""
    faults = []
    with pytest.raises(UserError) as caught:
        open_dataset(f"folder:{root}", "train", report=faults.append)
    assert faults in ([], [str(caught.value)])
    return str(caught.value)


def test_photographs_beside_the_folder_of_masks(tmp_path):
    photos(tmp_path, "ab", images=".")
    assert refusal(tmp_path) == (
        f"{tmp_path}: the photographs lie beside masks/; move the photographs into {tmp_path / 'images'}"
    )


@pytest.mark.parametrize(
    ("empty", "there", "fix"),
    [
        ("images", "masks", "put their images into it"),
        ("masks", "images", "put a mask for each into it, as a picture"),
    ],
)
def test_a_folder_that_is_empty_is_there(tmp_path, empty, there, fix):
    photos(tmp_path)
    for path in (tmp_path / empty).iterdir():
        path.unlink()
    assert refusal(tmp_path) == (
        f"{tmp_path / empty}: the folder holds no {empty[:-1]}, but there are {there} in {there}/; {fix}"
    )


def test_names_of_which_none_fits_are_one_fault(tmp_path):
    photos(tmp_path)
    for path in (tmp_path / "masks").iterdir():
        path.rename(path.with_name(f"mask_{path.name}"))
    assert "mask_a.png does not go with a.jpg" in refusal(tmp_path)


@pytest.mark.parametrize(("ending", "fix"), [("bmp", "loses nothing"), ("gif", "loses nothing"), ("webp", "has lost")])
def test_a_mask_of_another_format_is_saved_as_png_or_made_again(tmp_path, ending, fix):
    photos(tmp_path)
    save(MASK, tmp_path / "masks" / f"c.{ending}")
    (tmp_path / "masks" / "c.png").unlink()
    with pytest.raises(UserError, match=rf"c\.{ending}: a label is a PNG file, .* this is a {ending.upper()} .*{fix}"):
        open_dataset(f"folder:{tmp_path}", "all")


@pytest.mark.parametrize("place", ["annotations.json", "annotations/instances_default.json"])
def test_an_export_of_coco(tmp_path, place):
    save(IMAGE, tmp_path / "a.jpg")
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    outlines = [{"id": n, "segmentation": [[0.5] * 90]} for n in range(999)]
    images = [{"id": 0, "file_name": "a.jpg"}]
    path.write_text(json.dumps({"info": {}, "images": images, "annotations": outlines, "categories": []}))
    assert refusal(tmp_path) == (
        f"{path}: it is of COCO, which is not read; convert it first, to a mask in masks/ for each photograph"
    )


def test_drawings_without_photographs(tmp_path):
    for name in "ab":
        photograph(tmp_path, f"{name}.jpg", SQUARE, imageData="A" * 9000).with_suffix(".jpg").unlink()
    assert "there are .json files of labelme, but not the photographs that were drawn on; put" in refusal(tmp_path)


def test_several_shapes_of_a_file_are_named_by_their_numbers():
    faults = [f"a.json: shape {number} has no label" for number in (1, 2)] + ["b.json: shape 7 has no label"]
    assert group(faults) == [("a.json: shape 1 has no label", ["shape 2", "b.json"])]


def test_a_name_that_is_no_utf_8_has_one_form(tmp_path, capsys):
    photos(tmp_path, "abc")
    for path in sorted((tmp_path / "masks").iterdir())[:1]:
        (tmp_path / "images" / "a.jpg").rename(tmp_path / "images" / "caf\udce9.jpg")
        path.unlink()
        (tmp_path / "masks" / "caf\udce9.png").write_bytes(b"no image")
    assert main(["check-data", f"folder:{tmp_path}", "--json"]) == 2
    (fault,) = json.loads(capsys.readouterr().out)["faults"]
    assert fault.startswith(f"{tmp_path}/masks/caf\udce9.png: not a readable image of a known format; the file may be")
    assert "\\udce9" not in fault


def test_masks_in_colours_that_were_jpeg_files_have_one_cause(tmp_path):
    large = np.kron(COLOURS[MASK], np.ones((8, 8, 1), np.uint8))
    for number, name in enumerate("abc"):
        save(IMAGE + number, tmp_path / "images" / f"{name}.png")
        save(np.roll(large, number, axis=1), tmp_path / f"{name}.jpg")
        (tmp_path / "masks").mkdir(exist_ok=True)
        with Image.open(tmp_path / f"{name}.jpg") as spoilt:
            spoilt.save(tmp_path / "masks" / f"{name}.png")
        (tmp_path / f"{name}.jpg").unlink()
    sentence = refusal(tmp_path)
    assert "as JPEG compression or smoothing makes them; save the masks as PNG from where they were drawn" in sentence


def test_one_pair_has_one_fault(tmp_path, capsys):
    photos(tmp_path, "a")
    assert main(["check-data", f"folder:{tmp_path}"]) == 2
    text = capsys.readouterr().out
    assert text.startswith("folder: 1 image in images/")
    assert "1 fault at which" in text
    assert "training and validation need an image each, but there is 1; add images" in text


def test_one_pair_is_counted_as_one(tmp_path, capsys):
    photos(tmp_path, "a")
    assert main(["check-data", f"folder:{tmp_path}", "--split", "all", "--out", str(tmp_path / "check.png")]) == 0
    assert capsys.readouterr().err.endswith("shows the shares and 1 pair\n")


def test_a_turned_mask_is_told_with_a_fix(tmp_path):
    photos(tmp_path, "a")
    save(MASK.T, tmp_path / "masks" / "a.png")
    with pytest.raises(UserError, match="height and width have changed places; save it again as its image lies"):
        list(open_dataset(f"folder:{tmp_path}", "all"))


def test_a_file_with_several_faults_of_a_kind_is_named_once():
    faults = ["a.json: shape 1 has no label", *(f"b.json: shape {number} has no label" for number in (1, 2))]
    assert group(faults) == [("a.json: shape 1 has no label", ["b.json (2 times)"])]


@pytest.mark.parametrize("content", [b"P6 1", b"P6\n1 x 255", b"GIF89a", b"BM\0\0", b"II*\0", b"RIFF\0\0\0\0WEBP"])
def test_what_is_said_of_a_damaged_image_is_not_about_python(tmp_path, content):
    photos(tmp_path, "a")
    (tmp_path / "images" / "a.jpg").write_bytes(content)
    with pytest.raises(UserError) as caught:
        list(open_dataset(f"folder:{tmp_path}", "all"))
    assert "not a readable image" in str(caught.value)
    assert not any(word in str(caught.value) for word in ("unpack", "Error", "NoneType", "invalid literal", "struct"))


@pytest.mark.parametrize("mask", ["?", "abc", 7, None])
def test_what_is_said_of_a_damaged_drawing_is_not_about_python(tmp_path, mask):
    path = photograph(tmp_path, "a.jpg", outline("mug", "mask", mask=mask))
    with pytest.raises(UserError, match="shape 1, a 'mug': its mask cannot be read: it is no PNG image, or damaged;"):
        read_annotation(path)


@pytest.mark.parametrize(("content", "where"), [('{\n"shapes": [,', " in line 2"), ("[" * 100_000, "")])
def test_a_damaged_file_of_labelme_is_told_by_its_line(tmp_path, content, where):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(UserError) as caught:
        read_annotation(tmp_path / "a.json")
    assert str(caught.value) == (
        f"{tmp_path / 'a.json'}: no file of labelme's, or damaged{where}; save it again in labelme"
    )
