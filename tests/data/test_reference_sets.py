"""NYUDv2, SIFT Flow and PASCAL-Context, read from files made in their formats as the reference's data layers do."""

import re
from contextlib import suppress

import numpy as np
import pytest
import reference_sets
import scipy.io
from PIL import Image

from minifcn.data import NYUDv2, PASCALContext, SIFTFlow, inspect, open_dataset
from minifcn.data.matlab_labels import read_matlab_label
from minifcn.errors import UserError


class TestNYUDv2:
    @pytest.fixture
    def made(self, tmp_path, rng):
        return tmp_path, reference_sets.nyud(tmp_path, rng)

    def test_the_first_class_is_index_0_and_void_is_ignored(self, made):
        root, labels = made
        data = NYUDv2(root, "train")
        assert (data.num_classes, data.class_names[0], data.class_names[39]) == (40, "wall", "otherprop")
        for sample, number in zip((data[0], data[1]), (5001, 5002), strict=True):
            expected = labels[number] - 1  # of uint8: 0 becomes 255, as in nyud_layers.py
            np.testing.assert_array_equal(sample.label, expected, strict=True)
            assert sample.name == f"img_{number}"

    def test_training_and_validation_together_are_a_split(self, made):
        assert [sample.name for sample in NYUDv2(made[0], "trainval")] == ["img_5001", "img_5002", "img_5003"]

    def test_a_list_of_both_counts_more(self, made):
        (made[0] / "trainval.txt").write_text("5003\n")
        assert len(NYUDv2(made[0], "trainval")) == 1

    def test_hha_takes_the_place_of_colours(self, made):
        image = NYUDv2(made[0], "test", "hha")[0].image
        np.testing.assert_array_equal(image, np.array(Image.open(made[0] / "data/hha/img_5004.png")), strict=True)

    def test_the_logarithm_of_depth_stands_behind_the_colours(self, made):
        root, _ = made
        image = NYUDv2(root, "test", "color-d")[0].image
        colours, depth = (np.array(Image.open(root / f"data/{kind}/img_5004.png")) for kind in ("images", "depth"))
        assert image.dtype == np.float32
        np.testing.assert_array_equal(image[..., :3], colours)
        np.testing.assert_array_equal(image[..., 3], np.log(depth.astype(np.float32)))

    def test_hha_stands_behind_the_colours(self, made):
        root, _ = made
        image = NYUDv2(root, "test", "color-hha")[1].image
        both = [np.array(Image.open(root / f"data/{kind}/img_5005.png")) for kind in ("images", "hha")]
        np.testing.assert_array_equal(image, np.concatenate(both, axis=2).astype(np.float32), strict=True)

    def test_depth_without_a_logarithm_is_refused(self, made):
        depth = np.full((24, 32), 1000, np.uint16)
        depth[3, 5] = 0
        Image.fromarray(depth).save(made[0] / "data/depth/img_5004.png")
        with pytest.raises(UserError, match=r"depth/img_5004\.png: depth is 0 at row 3, column 5"):
            NYUDv2(made[0], "test", "color-d")[0]

    def test_depth_in_colours_is_refused(self, made):
        Image.fromarray(np.ones((24, 32, 3), np.uint8)).save(made[0] / "data/depth/img_5004.png")
        with pytest.raises(UserError, match="depth is a grey PNG file of 8 or 16 bits"):
            NYUDv2(made[0], "test", "color-d")[0]

    def test_depth_of_another_size_is_refused(self, made):
        Image.fromarray(np.ones((24, 31), np.uint16)).save(made[0] / "data/depth/img_5004.png")
        with pytest.raises(UserError, match=r"it is 31 x 24, and .* is 32 x 24"):
            NYUDv2(made[0], "test", "color-d")[0]

    @pytest.mark.parametrize(("inputs", "folder"), [("color-d", "depth"), ("color-hha", "hha")])
    def test_what_is_missing_is_named(self, made, inputs, folder):
        (made[0] / f"data/{folder}/img_5001.png").unlink()
        with pytest.raises(UserError, match=rf"data/{folder}/img_5001\.png: no such file"):
            NYUDv2(made[0], "train", inputs)
        assert len(NYUDv2(made[0], "train")) == 2

    def test_a_class_beyond_40_is_refused(self, made):
        scipy.io.savemat(made[0] / "segmentation/img_5001.mat", {"segmentation": np.full((24, 32), 41)})
        with pytest.raises(UserError, match=r"img_5001\.mat: value 41 at row 0, column 0 is out of range"):
            NYUDv2(made[0], "train")[0]

    def test_unknown_inputs_are_refused(self, made):
        with pytest.raises(UserError, match="inputs must be one of color, hha, color-d, color-hha, got 'rgbd'"):
            open_dataset(f"nyud:{made[0]}", "train", inputs="rgbd")

    def test_a_folder_without_lists_is_told_what_it_should_hold(self, tmp_path):
        with pytest.raises(UserError, match=r"no NYUDv2 data set here; it has train\.txt, .* data/images/"):
            open_dataset(f"nyud:{tmp_path}", "trainval")


class TestSIFTFlow:
    @pytest.fixture
    def made(self, tmp_path, rng):
        return tmp_path, reference_sets.siftflow(tmp_path, rng)

    def test_a_sample_has_two_labels(self, made):
        root, labels = made
        data = SIFTFlow(root, "trainval")
        assert (data.num_classes, data.geometric_names) == (33, ("sky", "horizontal", "vertical"))
        semantic, geometric = labels["street_urb1"]
        np.testing.assert_array_equal(data[1].label, semantic - 1, strict=True)
        np.testing.assert_array_equal(data[1].geometric, np.where(geometric == -1, 255, geometric - 1))
        assert data[1].geometric.dtype == np.uint8

    def test_0_is_no_geometric_class_either(self, made):
        path = made[0] / "GeoLabels" / reference_sets.SCENES / "coast_art294.mat"
        scipy.io.savemat(path, {"S": np.zeros((32, 32))})
        assert (SIFTFlow(made[0], "trainval")[0].geometric == 255).all()

    def test_a_missing_geometric_label_is_named(self, made):
        (made[0] / "GeoLabels" / reference_sets.SCENES / "coast_art294.mat").unlink()
        faults = []
        assert len(SIFTFlow(made[0], "trainval", report=faults.append)) == 1
        assert len(faults) == 1
        assert "coast_art294.mat: no such file; each image has a semantic and a geometric label" in faults[0]

    def test_geometric_labels_of_another_size_are_refused(self, made):
        path = made[0] / "GeoLabels" / reference_sets.SCENES / "coast_art294.mat"
        scipy.io.savemat(path, {"S": np.ones((32, 30))})
        with pytest.raises(UserError, match="a label has the size of its image, but it is 30 x 32"):
            SIFTFlow(made[0], "trainval")[0]

    def test_its_lists_are_its_splits(self, made):
        (made[0] / "classes.txt").write_text("33 classes\n")
        with pytest.raises(UserError, match="there is no split 'train'; there are: test, trainval"):
            open_dataset(f"siftflow:{made[0]}", "train")

    def test_texts_in_a_folder_without_images_are_no_lists(self, tmp_path):
        (tmp_path / "notes.txt").write_text("milk\n")
        with pytest.raises(UserError, match=r"no SIFT Flow data set here; it has trainval\.txt .* Images/"):
            open_dataset(f"siftflow:{tmp_path}", "notes")


class TestPASCALContext:
    @pytest.fixture
    def made(self, tmp_path, rng):
        return tmp_path, reference_sets.pascal_context(tmp_path, rng)

    def test_classes_of_all_become_those_of_the_task(self, made):
        """Against the loop of pascalcontext_layers.py."""
        root, labels = made
        data = PASCALContext(root, "train")
        assert data.class_names == ("background", *reference_sets.CONTEXT_CLASSES)
        for number, name in enumerate(("2008_000002", "2008_000003")):
            expected = np.zeros_like(labels[name], np.uint8)
            for index, class_name in enumerate(reference_sets.CONTEXT_CLASSES):
                expected[labels[name] == reference_sets.ALL_CONTEXT_CLASSES.index(class_name) + 1] = index + 1
            np.testing.assert_array_equal(data[number].label, expected, strict=True)

    def test_annotations_may_lie_beside_the_images(self, made):
        root, _ = made
        for path in (root / "pascal-context").iterdir():
            path.rename(root / path.name)
        assert PASCALContext(root, "val")[0].label.any()

    def test_lists_of_one_class_of_objects_are_no_splits(self, made):
        with pytest.raises(UserError, match="there is no split 'cat_train'; there are: train, val"):
            PASCALContext(made[0], "cat_train")

    def test_a_class_that_is_not_listed_is_refused(self, made):
        path = made[0] / "pascal-context/trainval/2008_000002.mat"
        scipy.io.savemat(path, {"LabelMap": np.full((24, 32), 400)})
        with pytest.raises(UserError, match=r"value 400 at row 0, column 0 .*; labels\.txt has the classes 1"):
            PASCALContext(made[0], "train")[0]

    WRONG = {
        "no number": ("table\n", "line 1 must be a number and a name"),
        "empty": ("", "it has no classes"),
        "too few": ("1: aeroplane\n", "it must number 59 classes from 1 to 59"),
        "an unknown class": (
            "".join(f"{n}: {name}x\n" for n, name in enumerate(reference_sets.CONTEXT_CLASSES, 1)),
            "it has no class aeroplanex",
        ),
    }

    @pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
    def test_a_wrong_list_of_classes_is_refused(self, made, text, message):
        (made[0] / "pascal-context/59_labels.txt").write_text(text)
        with pytest.raises(UserError, match=message):
            PASCALContext(made[0], "train")

    @pytest.mark.parametrize("missing", ["pascal-context/labels.txt", "VOC2010/ImageSets/Main"])
    def test_what_is_missing_is_named(self, made, missing):
        (made[0] / missing).rename(made[0] / "elsewhere")
        with pytest.raises(UserError, match=f"expected {missing.removeprefix('pascal-context/')}"):
            PASCALContext(made[0], "train")


class TestMatlabLabels:
    WRONG = {
        "another variable": ({"T": np.ones((2, 2))}, "its variable S must be a map .* it has T"),
        "three axes": ({"S": np.ones((2, 2, 2))}, r"must be a map \(H, W\), but is \(2, 2, 2\)"),
        "a text": ({"S": "sky"}, "must be a map"),
        "fractions": ({"S": np.full((2, 2), 0.5)}, "must hold whole numbers"),
        "nan": ({"S": np.full((2, 2), np.nan)}, "must hold whole numbers"),
        "the smallest number": ({"S": np.full((2, 2), -(2**63))}, "must hold whole numbers"),
    }

    @pytest.mark.parametrize(("variables", "message"), WRONG.values(), ids=WRONG)
    def test_what_is_no_label_is_refused(self, tmp_path, variables, message):
        scipy.io.savemat(tmp_path / "a.mat", variables)
        with pytest.raises(UserError, match=rf"a\.mat: .*{message}"):
            read_matlab_label(tmp_path / "a.mat", "S")

    def test_a_file_of_another_format_says_how_to_save_it(self, tmp_path):
        (tmp_path / "a.mat").write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")
        with pytest.raises(UserError, match="not a MATLAB file of level 5; in MATLAB save it again"):
            read_matlab_label(tmp_path / "a.mat", "S")

    def test_a_large_label_may_be_small_in_its_file(self, tmp_path):
        """Labels compress better than weights do: this one of 16 MB has a file of a few KB."""
        scipy.io.savemat(tmp_path / "a.mat", {"S": np.ones((1000, 2000))}, do_compression=True)
        assert (tmp_path / "a.mat").stat().st_size < 50_000
        assert read_matlab_label(tmp_path / "a.mat", "S").shape == (1000, 2000)

    def test_damaged_files_are_refused_by_name_or_read(self, tmp_path, rng):
        path, good = tmp_path / "a.mat", tmp_path / "good.mat"
        scipy.io.savemat(good, {"S": rng.integers(0, 4, (8, 9))}, do_compression=True)
        content, refused = good.read_bytes(), 0
        for number in range(500):
            damaged = bytearray(content)
            damaged[rng.integers(len(damaged))] ^= 1 << rng.integers(8)
            path.write_bytes(damaged[: rng.integers(1, len(damaged))] if number % 2 else damaged)
            with suppress(UserError):
                read_matlab_label(path, "S")
                continue
            refused += 1
            with pytest.raises(UserError, match=f"^{re.escape(str(path))}: "):
                read_matlab_label(path, "S")
        assert refused > 250


LISTS = {"nyud": "train.txt", "siftflow": "test.txt", "pascal_context": "VOC2010/ImageSets/Main/val.txt"}


@pytest.mark.parametrize(("name", "path"), LISTS.items())
def test_a_name_that_leads_out_of_the_data_set_is_refused(tmp_path, rng, name, path):
    getattr(reference_sets, name)(tmp_path, rng)
    with open(tmp_path / path, "a") as file:
        file.write("../../secret\n")
    spec, split = name.replace("_", ""), path.rpartition("/")[2].removesuffix(".txt")
    with pytest.raises(UserError, match=r"line [23]: '\.\./\.\./secret' is not the name of an image"):
        open_dataset(f"{spec}:{tmp_path}", split)


@pytest.mark.parametrize("make", [reference_sets.nyud, reference_sets.siftflow, reference_sets.pascal_context])
def test_every_pair_passes_the_check_of_data(tmp_path, rng, make):
    make(tmp_path, rng)
    name = {"nyud": "nyud", "siftflow": "siftflow", "pascal_context": "pascalcontext"}[make.__name__]
    split = "train" if name == "pascalcontext" else "trainval"
    found = inspect(open_dataset(f"{name}:{tmp_path}", split))
    assert found.faults == []
    assert found.splits[""].pairs >= 2
