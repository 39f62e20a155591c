"""A pipe, a folder or a file that may not be read where a data set has a file: said, and never waited for."""

import errno
import os

import folder_sets
import pytest
from test_annotated import SQUARE, photograph

from minifcn.cli import main
from minifcn.data import open_dataset
from minifcn.data.folders import FolderDataset
from minifcn.data.inspection.copies import copied_files
from minifcn.data.labels import is_predicted
from minifcn.data.matlab_labels import read_matlab_label
from minifcn.data.paths import instead
from minifcn.errors import UserError

PLACES = {
    "names of classes": ("classes.txt", "a text file"),
    "table of classes": ("classes.csv", "a text file"),
    "list of a split": ("train.txt", "a list of images"),
    "image": ("images/c.jpg", "an image"),
    "mask": ("masks/c.png", "an image"),
}


def faults_of(root):
    faults = []
    try:
        list(open_dataset(f"folder:{root}", "all", report=faults.append))
        open_dataset(f"folder:{root}", "train", report=faults.append)
    except UserError as error:
        faults.append(str(error))
    return [*dict.fromkeys(faults)]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize(("place", "wanted"), PLACES.values(), ids=PLACES)
def test_a_pipe_is_no_file(tmp_path, place, wanted):
    path = folder_sets.photos(tmp_path) / place
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    assert faults_of(tmp_path) == [
        f"{path}: it is a pipe or a device, not {wanted}; put a regular file in its place, or remove it"
    ]


@pytest.mark.parametrize("place", ["classes.txt", "classes.csv", "labels.txt", "train.txt"])
def test_a_folder_with_the_name_of_a_list_is_not_passed_over(tmp_path, place):
    (folder_sets.photos(tmp_path) / place).mkdir()
    (fault,) = faults_of(tmp_path)
    assert fault.startswith(f"{tmp_path / place}: it is a folder, not ")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize(("name", "wanted"), [("b.json", "a file of labelme's"), ("b.jpg", "a photograph")])
def test_a_pipe_among_drawings_is_one_fault(tmp_path, name, wanted):
    for stem in "abc":
        photograph(tmp_path, f"{stem}.jpg", SQUARE)
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    (fault,) = faults_of(tmp_path)
    assert fault.startswith(f"{tmp_path / name}: it is a pipe or a device, not {wanted};")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_no_file_of_matlab(tmp_path):
    os.mkfifo(tmp_path / "a.mat")
    with pytest.raises(UserError, match="it is a pipe or a device, not a MATLAB file"):
        read_matlab_label(tmp_path / "a.mat", "S")


@pytest.mark.parametrize("name", ["classes.txt", "b.json"])
def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path, name, capsys, monkeypatch):
    for stem in "abc":
        photograph(tmp_path, f"{stem}.jpg", SQUARE)
    (tmp_path / "classes.txt").write_text("background\nmug\n")
    opened = open

    def refusing(path, *arguments, **options):  # the superuser, who may run this, is refused nothing by chmod
        if str(path) == str(tmp_path / name):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr("builtins.open", refusing)
    monkeypatch.setattr("io.open", refusing)
    assert main(["check-data", f"folder:{tmp_path}"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"  {tmp_path / name}: no permission to read the file; change it with chmod +r"
    assert lines[-2].startswith("1 fault")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_pipes_are_not_opened_to_see_what_is_the_same_or_who_wrote_them(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        os.mkfifo(tmp_path / name)
    pairs = FolderDataset([(tmp_path / name, tmp_path / name) for name in ("a.jpg", "b.jpg")])
    assert not copied_files({"train": pairs, "val": pairs}, seconds=9).found
    assert not is_predicted(tmp_path / "a.jpg")
    assert not instead(tmp_path / "a.jpg")
