"""Faults of one kind are one line of check-data, in the order of the names, and no summary is counted as one more."""

import numpy as np
import pytest
from PIL import Image

from minifcn.cli import main
from minifcn.data.inspection.findings import group

SIZE = (48, 64)


def pairs(root, save_mask, count=11):
    """Images of noise, each with a mask of a white square that `save_mask` writes."""
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (root / folder).mkdir()
    for number in range(count):
        Image.fromarray(rng.integers(0, 255, (*SIZE, 3), np.uint8)).save(root / "images" / f"{number}.png")
        mask = np.zeros(SIZE, np.uint8)
        mask[10 : 30 + number, 5 + 3 * number : 30 + 3 * number] = 255
        save_mask(Image.fromarray(mask), root / "masks" / str(number))


def as_jpeg(mask, path):
    mask.save(path.with_suffix(".jpg"))


def smoothed(mask, path):
    small = mask.resize((29, 23), Image.Resampling.BILINEAR)
    small.resize(mask.size, Image.Resampling.BILINEAR).save(path.with_suffix(".png"))


def smoothed_in_colours(mask, path):
    smoothed(Image.merge("RGB", (mask, mask, Image.new("L", mask.size))), path)


@pytest.mark.parametrize("save_mask", [as_jpeg, smoothed, smoothed_in_colours])
def test_masks_that_were_all_spoilt_in_one_way_are_one_group(tmp_path, capsys, save_mask):
    pairs(tmp_path, save_mask)
    assert main(["check-data", f"folder:{tmp_path}"]) == 2
    text = capsys.readouterr().out
    assert "\n11 faults at which" in f"\n{text}"
    first, others = text.partition("faults at which training or evaluation stops:\n")[2].splitlines()
    names = [path.strip(":, ").rpartition("masks/")[2].partition(".")[0] for path in [first.split()[0]]]
    names += [path.rpartition("masks/")[2].partition(".")[0] for path in others.split(", ")]
    assert names == [str(number) for number in range(11)]


def test_class_indices_with_ignored_pixels_are_not_taken_for_smoothed(tmp_path, capsys):
    def indices(mask, path):
        label = np.array(mask)  # 255 is ignored
        label[:3, :10] = np.arange(10) % 5
        Image.fromarray(label).save(path.with_suffix(".png"))

    pairs(tmp_path, indices)
    assert main(["check-data", f"folder:{tmp_path}"]) == 0
    assert "5 classes from the masks (255 ignored)" in capsys.readouterr().out


def test_a_log_is_no_list_of_images(tmp_path, capsys):
    pairs(tmp_path, lambda mask, path: mask.save(path.with_suffix(".png")))
    (tmp_path / "train.txt").write_text("\n".join(f"step {step}: loss {1 / (1 + step)}" for step in range(48)))
    assert main(["check-data", f"folder:{tmp_path}"]) == 2
    text = capsys.readouterr().out
    assert "1 fault at which" in text
    assert "train.txt: none of its 48 lines names an image; is it a list of images?" in text


def test_lines_of_one_file_are_named_by_their_numbers(tmp_path, capsys):
    pairs(tmp_path, lambda mask, path: mask.save(path.with_suffix(".png")), 4)
    (tmp_path / "train.txt").write_text("0\nno such\n1\n2\nnor such\n")
    assert main(["check-data", f"folder:{tmp_path}"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith(f"  {tmp_path / 'train.txt'}: line 2: there is no image")
    assert lines[-1] == "    and likewise line 5"


def test_two_faults_of_one_file_without_lines_are_both_told():
    faults = ["a.csv: 3 names are there twice", "a.csv: 4 names are there twice"]
    assert group(faults) == [(fault, []) for fault in faults]
