"""CamVid in both layouts and Pascal VOC, on data sets of a few pixels."""

import numpy as np
import pytest
from PIL import Image

from minifcn.data import CamVid, VOCSegmentation
from minifcn.data.folders import image_files
from minifcn.data.voc import voc_palette
from minifcn.errors import UserError

IMAGE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
LABEL = np.array([[0, 1, 2, 0, 1, 2]] * 4, np.uint8)
KAGGLE_CLASSES = "name, r, g, b\nSky, 128, 128, 128\nVoid, 0, 0, 0\nRoad, 128, 64, 128\n"
KAGGLE_COLOURS = np.array([(128, 128, 128), (0, 0, 0), (128, 64, 128)], np.uint8)


def save(array, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, np.uint8)).save(path)


def save_turned(array, path, orientation):
    """Save an image with a mark that it is to be shown turned; its label has no such mark."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(array).save(path, exif=exif)


@pytest.fixture
def segnet(tmp_path):
    """Two training images and one of validation, with index labels."""
    for split, name in [("train", "b"), ("train", "a"), ("val", "c")]:
        save(IMAGE, tmp_path / split / f"{name}.png")
        save(LABEL, tmp_path / f"{split}annot" / f"{name}.png")
    return tmp_path


@pytest.fixture
def kaggle(tmp_path):
    """One training image with a label of colours."""
    save(IMAGE, tmp_path / "train" / "a.png")
    save(KAGGLE_COLOURS[LABEL], tmp_path / "train_labels" / "a_L.png")
    (tmp_path / "class_dict.csv").write_text(KAGGLE_CLASSES)
    return tmp_path


@pytest.fixture
def voc(tmp_path):
    """One training image of VOC2012, with a palette label whose border is void."""
    label = Image.fromarray(np.where(LABEL == 2, 255, 15 * LABEL).astype(np.uint8))
    label.putpalette(voc_palette(256).tobytes())
    folder = tmp_path / "VOC2012"
    (folder / "SegmentationClass").mkdir(parents=True)
    label.save(folder / "SegmentationClass" / "2007_000032.png")
    save(IMAGE, folder / "JPEGImages" / "2007_000032.jpg")
    (folder / "ImageSets" / "Segmentation").mkdir(parents=True)
    (folder / "ImageSets" / "Segmentation" / "train.txt").write_text("2007_000032\n\n")
    return tmp_path


def refused(message, make):
    """Assert that this raises a one-line UserError with this text in it."""
    with pytest.raises(UserError) as caught:
        make()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


class TestSegNetLayout:
    def test_samples_come_in_the_order_of_their_names(self, segnet):
        assert [CamVid(segnet, "train")[i].name for i in range(2)] == ["a", "b"]

    def test_image_and_label_are_read_as_they_are(self, segnet):
        sample = CamVid(segnet, "val")[0]
        np.testing.assert_array_equal(sample.image, IMAGE)
        np.testing.assert_array_equal(sample.label, LABEL)

    def test_has_11_classes_and_ignores_the_twelfth(self, segnet):
        camvid = CamVid(segnet, "train")
        assert (camvid.num_classes, camvid.ignore_index) == (11, 11)
        names = "Sky Building Pole Road Pavement Tree SignSymbol Fence Car Pedestrian Bicyclist"
        colours = "808080 800000 c0c080 804080 3c28de 808000 c08080 404080 400080 404000 0080c0"
        assert camvid.class_names == tuple(names.split())
        assert [bytes(colour).hex() for colour in camvid.palette] == colours.split()

    def test_jpeg_images_and_files_of_the_system_are_told_apart(self, segnet):
        save(IMAGE, segnet / "val" / "d.jpg")
        save(LABEL, segnet / "valannot" / "d.png")
        (segnet / "val" / "._d.jpg").write_bytes(b"left by macOS")
        (segnet / "val" / "Thumbs.db").write_bytes(b"left by Windows")
        assert [sample.name for sample in CamVid(segnet, "val")] == ["c", "d"]

    def test_endings_may_be_in_capitals(self, segnet):
        for folder in ("train", "trainannot"):
            (segnet / folder / "a.png").rename(segnet / folder / "a.PNG")
        (segnet / "trainannot" / "b.png").rename(segnet / "trainannot" / "b.PNG")
        assert [sample.name for sample in CamVid(segnet, "train")] == ["a", "b"]

    def test_unlabelled_is_allowed_and_12_is_not(self, segnet):
        label = LABEL.copy()
        label[0, 0], label[3, 2] = 11, 12
        save(label, segnet / "valannot" / "c.png")
        message = "c.png: label value 12 at row 3, column 2 is out of range; allowed are 0..10 and 11 (ignored)"
        refused(message, lambda: CamVid(segnet, "val")[0])

    def test_a_label_of_another_size_is_refused_with_both_sizes(self, segnet):
        save(LABEL[:3], segnet / "valannot" / "c.png")
        refused("it is 6 x 3 and", lambda: CamVid(segnet, "val")[0])
        refused("c.png is 6 x 4 (width x height)", lambda: CamVid(segnet, "val")[0])

    @pytest.mark.parametrize("file", ["val/c.png", "valannot/c.png"])
    @pytest.mark.parametrize(("length", "message"), [(0, "the file is empty"), (45, "not a readable image")])
    def test_a_damaged_file_is_named(self, segnet, file, length, message):
        (segnet / file).write_bytes((segnet / file).read_bytes()[:length])
        refused(f"{segnet / file}: {message}", lambda: CamVid(segnet, "val")[0])

    @pytest.mark.parametrize("orientation", [1, 5, 6, 7, 8])
    def test_an_image_stays_as_it_is_stored_if_its_label_shows_that_it_goes_with_that(self, segnet, orientation):
        save_turned(IMAGE, segnet / "val" / "c.png", orientation)
        np.testing.assert_array_equal(CamVid(segnet, "val")[0].image, IMAGE)

    @pytest.mark.parametrize("orientation", [2, 3, 4])
    def test_an_orientation_that_keeps_the_size_is_refused(self, segnet, orientation):
        save_turned(IMAGE, segnet / "val" / "c.png", orientation)
        refused(f"val/c.png: the image has EXIF orientation {orientation}", lambda: CamVid(segnet, "val")[0])
        refused("fits it turned or not", lambda: CamVid(segnet, "val")[0])

    @pytest.mark.parametrize("orientation", [3, 6, 8])
    def test_so_is_any_orientation_of_a_square(self, segnet, orientation):
        save_turned(IMAGE[:, :4], segnet / "val" / "c.png", orientation)
        save(LABEL[:, :4], segnet / "valannot" / "c.png")
        refused("fits it turned or not", lambda: CamVid(segnet, "val")[0])

    @pytest.mark.parametrize("orientation", [5, 6, 7, 8])
    def test_a_label_of_the_image_as_it_is_shown_gets_the_fix(self, segnet, orientation):
        save_turned(IMAGE.transpose(1, 0, 2), segnet / "val" / "c.png", orientation)
        refused("before its EXIF orientation", lambda: CamVid(segnet, "val")[0])
        refused("save the image upright", lambda: CamVid(segnet, "val")[0])

    def test_a_label_with_height_and_width_exchanged_is_not_to_be_scaled(self, segnet):
        save(LABEL.T, segnet / "valannot" / "c.png")
        refused("the label is turned by 90 degrees", lambda: CamVid(segnet, "val")[0])

    def test_a_mask_of_0_and_255_gets_the_fix(self, segnet):
        save(255 * (LABEL > 1), segnet / "valannot" / "c.png")
        refused("this is a mask of 0 and 255: save label // 255", lambda: CamVid(segnet, "val")[0])

    def test_two_images_of_one_label_are_refused(self, segnet):
        save(IMAGE, segnet / "train" / "a.jpg")
        refused("trainannot/a.png, as", lambda: CamVid(segnet, "train"))

    @pytest.mark.parametrize("index", [-1, 1, np.int64(1), np.uint8(1), True])
    def test_a_sample_has_an_index_as_in_a_list(self, segnet, index):
        assert CamVid(segnet, "train")[index].name == "b"

    @pytest.mark.parametrize("index", [slice(0, 2), "a", 0.0, None, [0]])
    def test_what_is_no_index_is_refused(self, segnet, index):
        with pytest.raises(TypeError, match="a data set gives one sample for one whole number, got"):
            CamVid(segnet, "train")[index]

    @pytest.mark.parametrize("index", [2, -3, 2**70])
    def test_an_index_beyond_the_data_set_is_refused(self, segnet, index):
        with pytest.raises(IndexError, match=rf"has the samples 0\.\.1, got index {index}"):
            CamVid(segnet, "train")[index]

    def test_a_label_of_colours_is_refused(self, segnet):
        save(IMAGE, segnet / "valannot" / "c.png")
        refused("save the class indices, not their colours", lambda: CamVid(segnet, "val")[0])

    def test_images_without_a_label_are_counted(self, segnet):
        (segnet / "trainannot" / "b.png").unlink()
        refused("1 of 2 labels of the split 'train' is missing,", lambda: CamVid(segnet, "train"))

    def test_an_unknown_split_lists_the_others(self, segnet):
        refused("there is no split 'test'; there are: train, val", lambda: CamVid(segnet, "test"))

    def test_an_empty_split_is_refused(self, segnet):
        (segnet / "test").mkdir()
        (segnet / "testannot").mkdir()
        refused("the split 'test' has no images", lambda: CamVid(segnet, "test"))

    def test_another_folder_is_refused_with_what_is_expected(self, tmp_path):
        refused("no CamVid data set here; it has train/ and trainannot/", lambda: CamVid(tmp_path, "train"))

    def test_a_file_for_a_folder_is_refused(self, segnet):
        refused("is a file", lambda: CamVid(segnet / "val" / "c.png", "val"))


class TestKaggleLayout:
    def test_colours_become_indices_in_the_order_of_the_table(self, kaggle):
        sample = CamVid(kaggle, "train")[0]
        assert sample.name == "a"
        np.testing.assert_array_equal(sample.label, LABEL)

    def test_labels_may_end_in_capitals(self, kaggle):
        (kaggle / "train_labels" / "a_L.png").rename(kaggle / "train_labels" / "a_L.PNG")
        np.testing.assert_array_equal(CamVid(kaggle, "train")[0].label, LABEL)

    def test_void_is_ignored_and_keeps_its_index(self, kaggle):
        camvid = CamVid(kaggle, "train")
        assert camvid.class_names == ("Sky", "Void", "Road")
        assert (camvid.num_classes, camvid.ignore_index, camvid[0].ignore_index) == (3, 1, 1)
        np.testing.assert_array_equal(camvid.palette, KAGGLE_COLOURS)

    def test_without_void_255_is_ignored(self, kaggle):
        (kaggle / "class_dict.csv").write_text(KAGGLE_CLASSES.replace("Void", "Wall"))
        assert CamVid(kaggle, "train").ignore_index == 255

    def test_a_colour_not_in_the_table_is_refused(self, kaggle):
        colours = KAGGLE_COLOURS[LABEL]
        colours[1, 5] = 9, 9, 9
        save(colours, kaggle / "train_labels" / "a_L.png")
        message = "a_L.png: the colour (9, 9, 9) at row 1, column 5 is not in class_dict.csv"
        refused(message, lambda: CamVid(kaggle, "train")[0])

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            pytest.param(None, "class_dict.csv: no such file", id="missing"),
            pytest.param("", "2..255 classes, but this table has 0", id="empty"),
            pytest.param("class,r,g,b\nSky,1,2,3\n", "line 1: the header has 0 columns 'name'", id="other-header"),
            pytest.param(
                "name,r,g,b\n" + 200_000 * "x",
                "line 2: no row of a table (field larger than field limit",
                id="endless-field",
            ),
            pytest.param("name,r,g,b\nSky,1,2\n", "line 2: a row reads name,r,g,b", id="short-row"),
            pytest.param("name,r,g,b\nSky,1,2,x\n", "but 'x' is no whole number", id="no-number"),
            pytest.param("name,r,g,b\nSky,1,2,300\n", "but 300 is not within 0..255", id="range"),
            pytest.param(
                "name,r,g,b\nSky,1,2,3\nRoad,1,2,3\n", "line 3: (1, 2, 3) is the colour of line 2 as well", id="twice"
            ),
        ],
    )
    def test_a_wrong_class_table_is_refused(self, kaggle, table, message):
        (kaggle / "class_dict.csv").unlink()
        if table is not None:
            (kaggle / "class_dict.csv").write_text(table)
        refused(message, lambda: CamVid(kaggle, "train"))


class TestVOC:
    def test_indices_are_read_and_not_the_palette(self, voc):
        sample = VOCSegmentation(voc, 2012, "train")[0]
        assert sample.name == "2007_000032"
        assert sample.image.shape == IMAGE.shape
        assert sample.label[0].tolist() == [0, 15, 255, 0, 15, 255]

    def test_has_21_classes_and_ignores_255(self, voc):
        dataset = VOCSegmentation(voc, "2012", "train")
        assert (len(dataset), dataset.num_classes, dataset.ignore_index) == (1, 21, 255)
        assert dataset.class_names[15] == "person"

    def test_palette(self):
        colours = (
            "000000 800000 008000 808000 000080 800080 008080 808080 400000 c00000 408000 c08000 "
            "400080 c00080 408080 c08080 004000 804000 00c000 80c000 004080"
        )
        assert [bytes(colour).hex() for colour in VOCSegmentation.palette] == colours.split()
        assert voc_palette(256)[255].tolist() == [224, 224, 192]

    @pytest.mark.parametrize("line", ["2007_000032", "2007_000032.JPG", "2007_000032.jpg"])
    def test_endings_may_be_in_capitals(self, voc, line):
        for path in (*voc.rglob("*.jpg"), *voc.rglob("*.png")):
            path.rename(path.with_suffix(path.suffix.upper()))
        (voc / "VOC2012" / "ImageSets" / "Segmentation" / "train.txt").write_text(line)
        assert VOCSegmentation(voc, 2012, "train")[0].name == "2007_000032"

    def test_an_unknown_split_lists_the_others(self, voc):
        (voc / "VOC2012" / "ImageSets" / "Segmentation" / "._train.txt").write_bytes(b"left by macOS")
        with pytest.raises(UserError, match=r"there is no split 'val'; there are: train$"):
            VOCSegmentation(voc, 2012, "val")

    def test_another_year_lists_those_that_are_there(self, voc):
        refused("expected VOC2007/ImageSets/Segmentation/", lambda: VOCSegmentation(voc, 2007, "train"))
        refused("found VOC2012", lambda: VOCSegmentation(voc, 2007, "train"))

    def test_an_empty_list_is_refused(self, voc):
        (voc / "VOC2012" / "ImageSets" / "Segmentation" / "train.txt").write_text("\n")
        refused("the split 'train' has no images", lambda: VOCSegmentation(voc, 2012, "train"))

    @pytest.mark.parametrize("kind", ["image", "label"])
    def test_missing_files_are_counted(self, voc, kind):
        pattern = {"image": "JPEGImages/*.jpg", "label": "SegmentationClass/*.png"}[kind]
        next((voc / "VOC2012").glob(pattern)).unlink()
        refused(f"the only {kind} of the split 'train' is missing", lambda: VOCSegmentation(voc, 2012, "train"))


class TestRealCamVid:
    @pytest.mark.parametrize(("split", "length"), [("train", 367), ("val", 101)])
    def test_lengths(self, camvid_root, split, length):
        assert len(CamVid(camvid_root, split)) == length

    def test_share_of_each_class_in_the_training_labels(self, camvid_root):
        camvid = CamVid(camvid_root, "train")
        pixels = sum(np.bincount(camvid[i].label.ravel(), minlength=12) for i in range(0, len(camvid), 4))
        percent = [16.9, 23.3, 1.0, 31.7, 4.5, 9.7, 1.2, 1.1, 5.9, 0.6, 0.3, 4.0]  # of all 367 labels
        np.testing.assert_allclose(100 * pixels / pixels.sum(), percent, atol=0.3)

    def test_every_validation_sample_is_sound(self, camvid_root):
        present = set()
        for sample in CamVid(camvid_root, "val"):
            assert sample.image.shape == (360, 480, 3)
            present |= set(np.unique(sample.label).tolist())
        assert present == set(range(12))


def test_a_folder_that_is_not_there_is_no_matter_of_permission(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    for name, message in [("none", "there is no such folder; look"), ("file", "no such folder"), ("link", "link")]:
        with pytest.raises(UserError, match=message):
            image_files(tmp_path / name)
