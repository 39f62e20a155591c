"""Photographs that were drawn on in labelme, taken as they are."""

import argparse
import base64
import io
import json
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from minifcn.cli import main
from minifcn.cli.predict import seen
from minifcn.data import open_dataset
from minifcn.data.classes import Classes
from minifcn.data.folder.annotations import draw_label, read_annotation
from minifcn.errors import UserError
from minifcn.training import Config

SQUARE = {"label": "mug", "shape_type": "rectangle", "points": [[1, 1], [3, 2]]}


def photograph(folder, name, *outlines, size=(6, 8), **about):
    """A photograph of height and width `size`, and what labelme 6 writes beside it."""
    folder.mkdir(exist_ok=True, parents=True)
    Image.new("RGB", size[::-1], "tan").save(folder / name)
    content = {"version": "6.3.1", "flags": {}, "shapes": list(outlines), "imagePath": name, "imageData": None}
    content |= {"imageHeight": size[0], "imageWidth": size[1]} | about
    path = (folder / name).with_suffix(".json")
    path.write_text(json.dumps(content, indent=2))
    return path


def outline(label, kind="rectangle", points=((1, 1), (3, 2)), **more):
    return {"label": label, "shape_type": kind, "points": [list(point) for point in points], **more}


def test_what_is_drawn_becomes_a_label_and_the_rest_is_background(tmp_path):
    photograph(tmp_path, "a.jpg", SQUARE)
    photograph(tmp_path, "b.JPG", outline("book"))
    dataset = open_dataset(f"folder:{tmp_path}", "all")
    assert dataset.class_names == ("background", "book", "mug")
    np.testing.assert_array_equal(dataset[0].label[:4, :5], [[0] * 5, [0, 2, 2, 2, 0], [0, 2, 2, 2, 0], [0] * 5])
    assert dataset[1].label.max() == 1
    assert dataset.description.startswith("folder: 2 photographs drawn on in labelme; classes background, book, mug; ")


@pytest.mark.parametrize(
    ("kind", "points", "covered"),
    [
        ("polygon", [(0, 0), (3, 0), (0, 3)], 10),  # 4 + 3 + 2 + 1: the edge belongs to it
        ("rectangle", [(3, 2), (1, 1)], 6),  # from any corner
        ("oriented_rectangle", [(1, 1), (3, 1), (3, 2), (1, 2)], 6),
        ("circle", [(3, 3), (3, 1)], 21),
        ("point", [(3, 3)], 48),
        ("line", [(0, 3), (7, 3)], 48),
        ("linestrip", [(0, 3), (4, 3), (7, 3)], 48),
    ],
)
def test_every_kind_of_outline(tmp_path, kind, points, covered):
    """A line is 10 pixels wide and a point 11, as in labelme's own export."""
    annotation = read_annotation(photograph(tmp_path, "a.jpg", outline("mug", kind, points)))
    assert np.count_nonzero(draw_label(annotation, ("background", "mug"))) == covered


def test_a_mask_of_pixels(tmp_path):
    """As labelme's brush and its AI tools make them."""
    pixels = np.array([[True, False, True], [False, True, False]])
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    mask = base64.b64encode(file.getvalue()).decode()
    path = photograph(tmp_path, "a.jpg", outline("mug", "mask", [(2, 1), (4, 2)], mask=mask))
    np.testing.assert_array_equal(draw_label(read_annotation(path), ("background", "mug"))[1:3, 2:5], pixels)


def test_what_is_drawn_later_lies_over_what_was_drawn_before(tmp_path):
    path = photograph(tmp_path, "a.jpg", SQUARE, outline("book", points=[(2, 1), (2, 1)]))
    assert draw_label(read_annotation(path), ("background", "book", "mug"))[1].tolist() == [0, 2, 1, 2, 0, 0, 0, 0]


@pytest.mark.parametrize("name", ["__ignore__", "void", "Unknown"])
def test_outlines_that_do_not_count(tmp_path, name):
    photograph(tmp_path, "a.jpg", SQUARE, outline(name, points=[(2, 1), (2, 1)]))
    photograph(tmp_path, "b.jpg", SQUARE)
    dataset = open_dataset(f"folder:{tmp_path}", "all")
    assert dataset.class_names == ("background", "mug")
    assert dataset[0].label[1].tolist() == [0, 1, 255, 1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        ("__ignore__\n_background_\nmug\nbook\n", ("_background_", "mug", "book")),
        ("mug\nbook\n", ("background", "mug", "book")),
        ("mug\nbackground\n", ("mug", "background")),
    ],
)
def test_a_list_of_labels_gives_the_order(tmp_path, listed, names):
    photograph(tmp_path, "a.jpg", SQUARE)
    photograph(tmp_path, "b.jpg", SQUARE)
    (tmp_path / "labels.txt").write_text(listed)
    dataset = open_dataset(f"folder:{tmp_path}", "all")
    assert dataset.class_names == names
    assert names[dataset[0].label[0, 0]].strip("_") == "background"
    assert names[dataset[0].label[1, 1]] == "mug"


def test_a_photograph_of_a_phone_is_turned_upright_as_labelme_shows_it(tmp_path):
    path = photograph(tmp_path, "a.jpg", outline("mug", points=[(0, 0), (0, 0)]), size=(8, 6))
    stored = Image.new("RGB", (8, 6), "tan")
    stored.putpixel((0, 5), (255, 0, 0))  # upright the corner at the top left
    exif = Image.Exif()
    exif[274] = 6
    path.with_suffix(".jpg").unlink()
    stored.save(path.with_suffix(".png"), exif=exif)
    photograph(tmp_path, "b.jpg", SQUARE)
    sample = open_dataset(f"folder:{tmp_path}", "all")[0]
    assert sample.image.shape == (8, 6, 3)
    assert sample.image[sample.label == 1].tolist() == [[255, 0, 0]]


def test_splits_are_drawn_listed_or_folders(tmp_path):
    for name in "abcde":
        photograph(tmp_path / "drawn", f"{name}.jpg", SQUARE)
    assert len(open_dataset(f"folder:{tmp_path / 'drawn'}", "val")) == 1
    (tmp_path / "drawn" / "train.txt").write_text("a\nb\nc")
    (tmp_path / "drawn" / "val.txt").write_text("d.jpg\ne.jpg")
    assert [sample.name for sample in open_dataset(f"folder:{tmp_path / 'drawn'}", "val")] == ["d", "e"]
    photograph(tmp_path / "folders" / "train", "a.jpg", SQUARE)
    photograph(tmp_path / "folders" / "val", "b.jpg", SQUARE)
    assert [sample.name for sample in open_dataset(f"folder:{tmp_path / 'folders'}", "val")] == ["b"]


def test_a_photograph_without_a_drawing_is_left_out_and_the_line_says_so(tmp_path):
    photograph(tmp_path, "a.jpg", SQUARE)
    photograph(tmp_path, "b.jpg", SQUARE)
    photograph(tmp_path, "c.jpg").unlink()
    dataset = open_dataset(f"folder:{tmp_path}", "all")
    assert len(dataset) == 2
    assert "2 photographs drawn on in labelme (1 without a .json file left out)" in dataset.description


def test_masks_count_where_they_were_exported(tmp_path):
    photograph(tmp_path / "images", "a.png", SQUARE)
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.eye(6, 8, dtype=np.uint8)).save(tmp_path / "masks" / "a.png")
    assert "masks in masks/" in open_dataset(f"folder:{tmp_path}", "all").description


def _huge_png():
    """The head of a PNG file of 100,000 x 100,000 pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


FAULTS = {
    "a drawing of another photograph": ({"imageWidth": 7}, "was drawn on a photograph of 7 x 6, but"),
    "no size": ({"imageHeight": None}, "imageHeight and imageWidth are whole numbers"),
    "too large": ({"imageHeight": 60000, "imageWidth": 60000}, "at most 80 megapixels"),
    "no list of shapes": ({"shapes": {}}, "it has no list of shapes"),
    "no label": ({"shapes": [{"points": []}]}, ".json: shape 1 has no label; draw it again in labelme"),
    "a label of spaces": ({"shapes": [outline(" ")]}, "shape 1 has no label"),
    "a label that is a number": (
        {"shapes": [outline(7)]},
        'shape 1: a label is a text such as "mug", found 7; draw it',
    ),
    "a shape that is a text": ({"shapes": ["mug"]}, "shape 1 is a label with points, found mug"),
    "a label of two lines": ({"shapes": [outline("a\nb")]}, "a label is printable text"),
    "an unknown kind": ({"shapes": [outline("mug", "star")]}, "shape 1, a 'mug': its shape_type is 'star', known are"),
    "two corners": ({"shapes": [outline("mug", "polygon")]}, "a polygon has 3 points at least"),
    "a point that is none": ({"shapes": [outline("mug", points=[(1, float("nan")), (1, 2)])]}, "a point is [x, y]"),
    "no mask": ({"shapes": [outline("mug", "mask", mask="?")]}, "its mask cannot be read"),
    "a mask of 10,000 megapixels": (
        {"shapes": [outline("mug", "mask", mask=base64.b64encode(_huge_png()).decode())]},
        "its mask cannot be read",
    ),
    "a kind that is a list": ({"shapes": [outline("mug", ["polygon"])]}, "its shape_type is ['polygon']"),
    "points that are a number": ({"shapes": [SQUARE | {"points": 7}]}, "its points are a list of [x, y], found 7"),
    "beside the photograph": ({"shapes": [outline("mug", points=[(1, 20), (3, 21)])]}, "it lies beside the photograph"),
    "a circle that would take hours": (
        {"shapes": [outline("mug", "circle", points=[(1, 1), (600_000, 1)])]},
        "the point (600000, 1) lies far from the photograph of 8 x 6",
    ),
}


@pytest.fixture
def one_fault(tmp_path, request):
    about, message = FAULTS[request.param]
    photograph(tmp_path, "a.jpg", SQUARE)
    photograph(tmp_path, "b.jpg", **{"shapes": [SQUARE]} | about)
    return tmp_path, message


@pytest.mark.parametrize("one_fault", FAULTS, indirect=True)
def test_one_fault_is_named_with_its_file(one_fault):
    folder, message = one_fault
    with pytest.raises(UserError) as caught:
        list(open_dataset(f"folder:{folder}", "all"))
    assert str(folder / "b.json") in str(caught.value)
    assert message in str(caught.value)


def test_all_faults_are_reported_and_the_rest_is_read(tmp_path):
    photograph(tmp_path, "a.jpg", SQUARE)
    for number, (about, _) in enumerate(FAULTS.values()):
        photograph(tmp_path, f"b{number}.jpg", **{"shapes": [SQUARE]} | about)
    photograph(tmp_path, "c.jpg", SQUARE).write_text('{"shapes": ' + "[" * 100_000)
    photograph(tmp_path, "d.jpg", SQUARE).with_suffix(".jpg").unlink()
    photograph(tmp_path, "e.jpg", SQUARE)
    (tmp_path / "e.png").write_bytes((tmp_path / "e.jpg").read_bytes())
    faults = []
    dataset = open_dataset(f"folder:{tmp_path}", "all", report=faults.append)
    assert [path.name for path, _ in dataset.pairs] == ["a.jpg", "b0.jpg", "e.jpg"]  # b0 shows when it is opened
    assert len(faults) == len(FAULTS) - 1 + 3
    assert "d.json: its photograph is not beside it" in "".join(faults)
    assert "e.png: e.jpg has the same name, and e.json is of one of the two" in "".join(faults)


@pytest.mark.parametrize("content", [b"", b'{"camera": "phone"}', '{"shapes": []}'.encode("utf-16")])
def test_a_file_beside_a_photograph_that_is_none_of_labelmes_is_not_passed_over(tmp_path, content):
    photograph(tmp_path, "a.jpg", SQUARE)
    photograph(tmp_path, "b.jpg", SQUARE).write_bytes(content)
    with pytest.raises(UserError, match=r"b\.json: it lies beside a photograph, .*, but is no file of labelme's"):
        open_dataset(f"folder:{tmp_path}", "all")


def test_what_is_damaged_is_not_said_to_be_missing(tmp_path):
    for name in "abcd":
        photograph(tmp_path / "train", f"{name}.jpg", SQUARE)
    photograph(tmp_path / "train", "e.jpg").unlink()
    photograph(tmp_path / "val", "f.jpg").write_text("{")  # nothing else was drawn there
    (tmp_path / "train" / "b.json").write_text("{,")
    faults = []
    dataset = open_dataset(f"folder:{tmp_path}", "train", report=faults.append)
    assert [fault.partition(": it lies")[0] for fault in faults] == [
        str(tmp_path / "train" / "b.json"),
        str(tmp_path / "val" / "f.json"),
    ]
    assert "(1 without a .json file left out)" in dataset.description
    assert dataset.warnings[-1].startswith("1 photograph has no .json file and is left out (train/e.jpg)")


def test_every_outline_that_is_wrong_is_reported(tmp_path):
    photograph(tmp_path, "a.jpg", SQUARE)
    photograph(tmp_path, "b.jpg", outline(7), SQUARE, outline("mug", "star"))
    faults = []
    assert len(open_dataset(f"folder:{tmp_path}", "all", report=faults.append)) == 1
    assert [fault.removeprefix(f"{tmp_path / 'b.json'}: ")[:7] for fault in faults] == ["shape 1", "shape 3"]


def test_a_link_to_nothing_is_reported(tmp_path):
    photograph(tmp_path, "a.jpg", SQUARE)
    for name in ("a2.json", "b.jpg"):
        (tmp_path / name).symlink_to(tmp_path / "moved")
    faults = []
    assert len(open_dataset(f"folder:{tmp_path}", "all", report=faults.append)) == 1
    assert [fault.endswith("mend the link, or remove it") for fault in faults] == [True, True]


def test_an_editor_may_sort_the_keys_and_begin_with_a_byte_order_mark(tmp_path):
    for name in ("a", "b"):
        path = photograph(tmp_path, f"{name}.jpg", SQUARE, imageData="A" * 9000)
        path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True), encoding="utf-8-sig")
    assert [sample.label.max() for sample in open_dataset(f"folder:{tmp_path}", "all")] == [1, 1]


def test_masks_of_a_whole_folder_are_not_held_in_memory(tmp_path):
    png = io.BytesIO()
    Image.new("L", (1000, 1000), 255).save(png, "PNG")
    mask = outline("mug", "mask", [(0, 0), (999, 999)], mask=base64.b64encode(png.getvalue()).decode())
    for number in range(12):
        photograph(tmp_path, f"{number}.jpg", mask, size=(1000, 1000))
    tracemalloc.start()
    try:
        open_dataset(f"folder:{tmp_path}", "all")
        assert tracemalloc.get_traced_memory()[1] < 6_000_000  # a mask has 1 MB
    finally:
        tracemalloc.stop()


def test_a_name_that_is_not_listed_is_refused_with_the_nearest(tmp_path):
    photograph(tmp_path, "a.jpg", outline("mugg"))
    (tmp_path / "labels.txt").write_text("background\nmug\n")
    message = r"a\.json: an outline is named 'mugg', but labels\.txt lists mug; did you mean 'mug'\?"
    with pytest.raises(UserError, match=message):
        open_dataset(f"folder:{tmp_path}", "all")


def test_every_name_that_is_not_listed_is_reported(tmp_path):
    photograph(tmp_path, "a.jpg", SQUARE, outline("cup"), outline("jar"), outline("void"), outline("cup"))
    photograph(tmp_path, "b.jpg", SQUARE)
    (tmp_path / "labels.txt").write_text("mug\nbook\n")
    faults = []
    assert len(open_dataset(f"folder:{tmp_path}", "all", report=faults.append)) == 1
    assert faults == [
        f"{tmp_path / 'a.json'}: an outline is named {name!r}, but labels.txt lists mug, book; rename it in labelme, "
        "or list it there"
        for name in ("cup", "jar")
    ]


def test_a_name_that_a_run_does_not_know(tmp_path):
    """It is not the list of the folder that lacks it, and a look at the folder alone would find nothing."""
    photograph(tmp_path, "a.jpg", outline("cup"))
    classes = Classes(("background", "mug", "book"), None, 255, "the run")
    with pytest.raises(UserError) as caught:
        open_dataset(f"folder:{tmp_path}", "all", classes=classes, report=[].append)
    assert str(caught.value) == (
        f"{tmp_path / 'a.json'}: an outline is named 'cup', but the run was trained on mug, book and what is "
        "background; rename it in labelme, or train a run of its own on these photographs"
    )


def test_a_run_without_a_background_does_not_know_what_nothing_was_drawn_on(tmp_path):
    photograph(tmp_path, "a.jpg", SQUARE)
    classes = Classes(("class 0", "class 1"), None, 255, "the run")
    said = "but the run was trained on the classes class 0, class 1, and none of them is that; train a run of its own"
    with pytest.raises(UserError, match=said):
        open_dataset(f"folder:{tmp_path}", "all", classes=classes)


def test_the_classes_of_a_run_hold_where_fewer_were_drawn(tmp_path):
    photograph(tmp_path, "a.jpg", SQUARE)
    names = ("background", "book", "mug")
    dataset = open_dataset(f"folder:{tmp_path}", "all", classes=Classes(names, None, 255, "the run"))
    assert (dataset.class_names, int(dataset[0].label.max())) == (names, 2)


def test_nothing_drawn(tmp_path):
    photograph(tmp_path, "a.jpg")
    photograph(tmp_path, "b.jpg")
    with pytest.raises(UserError, match=r"background is one, and the .json files name 0 more"):
        open_dataset(f"folder:{tmp_path}", "train")


def test_the_line_counts_the_same_photographs_as_the_splits(tmp_path):
    for number in range(10):
        path = photograph(tmp_path, f"{number}.jpg", SQUARE)
        if number < 2:
            path.write_text(path.read_text()[:-40])
    faults = []
    dataset = open_dataset(f"folder:{tmp_path}", "train", report=faults.append)
    assert dataset.description == (
        "folder: 10 photographs drawn on in labelme; classes background, mug; train 8, val 2 "
        "(drawn at random, --val-share 0.2)"
    )


@pytest.mark.parametrize("where", ["", "images"])
def test_photographs_that_were_not_drawn_on_yet(tmp_path, where):
    for name in ("a.jpg", "b.jpg"):
        photograph(tmp_path / where, name).unlink()
    said = r": 2 photographs.*, but no \.json file of labelme beside them and no masks/: draw them in labelme, or add"
    with pytest.raises(UserError, match=said):
        open_dataset(f"folder:{tmp_path}", "train")


def test_other_json_files_are_no_drawings(tmp_path):
    photograph(tmp_path, "a.jpg", SQUARE).write_text('{"camera": "phone"}')
    said = r"no \.json file of labelme has the name of an image beside it: a\.json is none of labelme's, or damaged;"
    with pytest.raises(UserError, match=said):
        open_dataset(f"folder:{tmp_path}", "train")


def test_a_network_is_trained_measured_and_used_on_them(tmp_path, capsys):
    """With --longer-side, which evaluate and predict take over, some photographs lie and some stand."""
    for name, size in (("a", (48, 64)), ("b", (64, 48)), ("c", (48, 64))):
        photograph(tmp_path / "photos", f"{name}.jpg", SQUARE, size=size)
    run, out = tmp_path / "run", tmp_path / "shares.csv"
    words = ["--epochs", "1", "--width", "0.015625", "--longer-side", "32", "--batch-size", "2", "--device", "cpu"]
    assert main(["train", "--data", f"folder:{tmp_path / 'photos'}", "--out", str(run), *words]) == 0
    assert "3 photographs drawn on in labelme" in capsys.readouterr().err
    assert main(["evaluate", "--checkpoint", str(run), "--network-size", "--device", "cpu"]) == 0
    assert "at 32 pixels of the longer side" in capsys.readouterr().out
    assert main(["evaluate", "--checkpoint", str(run), "--json", "--device", "cpu"]) == 0
    assert json.loads(capsys.readouterr().out)["size"] == "labels"
    photos = str(tmp_path / "photos")
    assert main(["predict", photos, "--checkpoint", str(run), "--shares", str(out), "--device", "cpu"]) == 0
    assert len(out.read_text().splitlines()) == 4


def test_the_network_sees_a_photograph_with_the_longer_side_of_its_training():
    args = argparse.Namespace(full_size=False, size=None, longer_side=None, tile=None)
    assert seen((1200, 1600), Config(longer_side=256), args) == (192, 256)
    assert seen((1600, 1200), Config(size=(180, 240)), args) == (240, 180)
    assert seen((30, 40), Config(), args) == (30, 40)
    assert seen((3000, 4096), Config(), args) == (1500, 2048)
