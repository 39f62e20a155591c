"""What labelme allows and nobody is likely to mean is told by check-data, and stops nothing."""

import pytest
from test_annotated import SQUARE, outline, photograph

from minifcn.cli import main
from minifcn.data import inspect, open_dataset
from minifcn.data.dataset import FirstImages
from minifcn.data.folder.remarks import alike


def warnings_of(root):
    return open_dataset(f"folder:{root}", "all").warnings


def test_nothing_stands_out(tmp_path):
    photograph(tmp_path, "a.jpg", SQUARE)
    photograph(tmp_path, "b.jpg", outline("book"))
    assert warnings_of(tmp_path) == ()


@pytest.mark.parametrize(
    ("kind", "points"), [("line", [(0, 3), (7, 3)]), ("point", [(3, 3)]), ("linestrip", [(0, 3), (4, 3)])]
)
def test_an_outline_without_area(tmp_path, kind, points):
    photograph(tmp_path, "a.jpg", SQUARE, outline("book", kind, points))
    assert warnings_of(tmp_path) == (
        "1 of 2 outlines is a line or a point, drawn 10 pixels wide (book in a.json); draw a polygon around each thing",
    )


def test_a_photograph_on_which_nothing_was_drawn(tmp_path):
    photograph(tmp_path, "a.jpg", SQUARE)
    photograph(tmp_path, "b.jpg")
    (warning,) = warnings_of(tmp_path)
    assert warning.startswith("nothing was drawn in 1 of 2 .json files (b.json), so that all is background there;")


def test_photographs_without_a_json_file(tmp_path):
    photograph(tmp_path, "a.jpg", SQUARE)
    for name in ("b.jpg", "c.jpg"):
        photograph(tmp_path, name).unlink()
    (warning,) = warnings_of(tmp_path)
    assert warning.startswith("2 photographs have no .json file and are left out (b.jpg, c.jpg);")


def test_names_that_were_mistyped(tmp_path):
    photograph(tmp_path, "a.jpg", SQUARE, SQUARE, outline("Mug"))
    assert warnings_of(tmp_path) == (
        "the classes Mug (1 outline) and mug (2 outlines) differ in capitals only; if they are one thing, rename Mug "
        "in labelme",
    )
    (tmp_path / "labels.txt").write_text("Mug\nmug\n")
    assert warnings_of(tmp_path) == ()  # a list says that both are meant


@pytest.mark.parametrize("pair", ["book bok", "book bookk", "book boook", "book boot", "book obok", "mug mugs"])
def test_names_with_one_wrong_letter(pair):
    one, other = pair.split()
    assert alike(one, other) == alike(other, one) == "by one letter"


@pytest.mark.parametrize("pair", ["mug cup", "cat car", "book books2", "step1 step2", "lane1 lane", "book okob"])
def test_names_of_two_things(pair):
    one, other = pair.split()
    assert alike(one, other) == alike(other, one) == ""


def test_check_data_tells_it_once_and_finds_no_fault(tmp_path, capsys):
    for name in "abc":
        photograph(tmp_path, f"{name}.jpg", SQUARE)
    photograph(tmp_path, "d.jpg")
    assert main(["check-data", f"folder:{tmp_path}"]) == 0
    output = capsys.readouterr().out
    assert "to look at:" in output
    assert output.count("nothing was drawn in 1 of 4 .json files") == 1


def test_the_first_images_of_a_data_set_keep_its_warnings(tmp_path):
    photograph(tmp_path, "a.jpg", SQUARE)
    photograph(tmp_path, "b.jpg")
    few = FirstImages(open_dataset(f"folder:{tmp_path}", "all"), 1)
    assert inspect(few).warnings[0].startswith("nothing was drawn in 1 of 2")
