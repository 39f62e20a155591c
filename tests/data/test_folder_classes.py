"""What the values of masks mean, and the classes that files or the masks themselves name."""

import numpy as np
import pytest
from folder_sets import COLOURS, MASK, NAMES, photos, save, save_palette
from PIL import Image

from minifcn.data import Folder
from minifcn.data.classes import Classes
from minifcn.data.folder import values
from minifcn.data.voc import voc_palette
from minifcn.errors import UserError

TABLE = "name,r,g,b\nbackground,0,0,0\nroad,128,64,128\ncar,0,0,142\n"
WHITE = (255 * (MASK == 1)).astype(np.uint8)


def opened(root, masks, **files):
    """Open a folder with these masks, and with files such as classes_txt."""
    names = "abcdefgh"[: len(masks)]
    photos(root, names)
    for name, mask in zip(names, masks, strict=True):
        save(mask, root / "masks" / f"{name}.png")
    for name, text in files.items():
        (root / name.replace("_txt", ".txt").replace("_csv", ".csv")).write_text(text)
    return Folder(root, "all")


def assert_labels(folder, label, *, names, ignored=255):
    np.testing.assert_array_equal(folder[0].label, label)
    assert (folder.class_names, folder.ignore_index) == (names, ignored)
    assert folder.palette.shape == (len(names), 3)


class TestIndices:
    def test_classes_are_those_that_the_masks_hold(self, tmp_path):
        folder = opened(tmp_path, [MASK, np.where(MASK == 2, 3, MASK)])
        assert_labels(folder, MASK, names=("class 0", "class 1", "class 2", "class 3"))
        np.testing.assert_array_equal(folder.palette, voc_palette(4))
        assert "(class indices, grey), 4 classes from the masks;" in folder.description

    @pytest.mark.parametrize("file", ["classes_txt", "class_names_txt"])
    def test_names_stand_in_a_list(self, tmp_path, file):
        folder = opened(tmp_path, [MASK], **{file: NAMES})
        assert_labels(folder, MASK, names=("background", "road", "car"))
        assert f"3 classes from {file.replace('_txt', '.txt')};" in folder.description

    @pytest.mark.parametrize("name", ["void", "Unlabelled", "unlabeled", "ignore", "UNKNOWN"])
    def test_a_class_with_such_a_name_is_ignored_and_so_is_255(self, tmp_path, name):
        mask = MASK.copy()
        mask[0, 0] = 255
        folder = opened(tmp_path, [mask], classes_txt=f"grass\nroad\n{name}\n")
        assert_labels(folder, np.where(mask == 255, 2, mask), names=("grass", "road", name), ignored=2)
        assert f"3 classes from classes.txt ({name} ignored);" in folder.description

    def test_255_is_ignored_and_no_class(self, tmp_path):
        mask = np.where(MASK == 2, 255, MASK)
        folder = opened(tmp_path, [mask])
        assert_labels(folder, mask, names=("class 0", "class 1"))
        assert "2 classes from the masks (255 ignored);" in folder.description

    def test_the_first_line_of_labelme_is_no_class(self, tmp_path):
        folder = opened(tmp_path, [MASK], class_names_txt="__ignore__\n_background_\nroad\ncar")
        assert_labels(folder, MASK, names=("_background_", "road", "car"))

    def test_a_list_beside_a_table_of_the_same_names_is_no_fault(self, tmp_path):
        folder = opened(tmp_path, [MASK], classes_txt=NAMES, classes_csv=TABLE)
        assert_labels(folder, MASK, names=("background", "road", "car"))
        np.testing.assert_array_equal(folder.palette, COLOURS)

    @pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
    def test_a_grey_file_may_have_any_number_of_bits(self, tmp_path, bits):
        photos(tmp_path, "a")
        mask = MASK % 2
        image = Image.fromarray(mask.astype(np.uint16) if bits == 16 else mask)
        if bits == 1:
            image = Image.fromarray(mask.astype(bool))
        image.save(tmp_path / "masks" / "a.png", **({"bits": bits} if bits in (2, 4) else {}))
        np.testing.assert_array_equal(Folder(tmp_path, "all")[0].label, mask)

    @pytest.mark.parametrize("largest", [6, 70, 254])
    def test_values_with_gaps_are_no_classes(self, tmp_path, largest):
        with pytest.raises(
            UserError, match=rf"a\.png: it holds the value {largest}, but of the values 0\..*classes\.txt"
        ):
            opened(tmp_path, [np.where(MASK == 2, largest, MASK)])

    def test_a_list_says_what_gaps_are(self, tmp_path):
        folder = opened(tmp_path, [3 * MASK], classes_txt="\n".join("abcdefg"))
        np.testing.assert_array_equal(folder[0].label, 3 * MASK)

    def test_values_of_a_palette_are_its_indices(self, tmp_path):
        photos(tmp_path, "a")
        save_palette(np.where(MASK == 2, 255, MASK), tmp_path / "masks" / "a.png")
        folder = Folder(tmp_path, "all")
        assert_labels(folder, np.where(MASK == 2, 255, MASK), names=("class 0", "class 1"))

    def test_0_and_the_255_of_a_palette_are_no_black_and_white(self, tmp_path):
        photos(tmp_path, "a")
        save_palette(WHITE, tmp_path / "masks" / "a.png")
        with pytest.raises(UserError, match="the masks have class 0 alone"):
            Folder(tmp_path, "all")


class TestBlackAndWhite:
    def test_white_is_the_foreground(self, tmp_path):
        folder = opened(tmp_path, [WHITE, 0 * WHITE])
        assert_labels(folder, MASK == 1, names=("background", "foreground"))
        assert folder.palette.tolist() == [[0, 0, 0], [255, 255, 255]]
        assert "(black and white), 2 classes from the masks;" in folder.description

    def test_names_may_stand_in_a_list(self, tmp_path):
        assert_labels(
            opened(tmp_path, [WHITE], classes_txt="ground\nbuilding"), MASK == 1, names=("ground", "building")
        )

    def test_a_table_may_say_which_is_which(self, tmp_path):
        table = "name,r,g,b\nbuilding,255,255,255\nground,0,0,0\n"
        assert_labels(opened(tmp_path, [WHITE], classes_csv=table), MASK != 1, names=("building", "ground"))

    def test_three_names_are_refused(self, tmp_path):
        with pytest.raises(
            UserError, match=r"0 and 255 alone, black and white, but classes\.txt lists 3 classes; list two"
        ):
            opened(tmp_path, [WHITE], classes_txt=NAMES)

    def test_beside_masks_of_indices_it_is_open_what_255_means(self, tmp_path):
        with pytest.raises(
            UserError, match=r"a\.png: it holds 0 and 255, but b\.png holds 1; save both in the same way"
        ):
            opened(tmp_path, [WHITE, MASK % 2])

    def test_a_void_border_tells_what_255_means(self, tmp_path):
        border = MASK % 2
        border[0] = 255
        folder = opened(tmp_path, [border, np.where(border == 1, 0, border)])
        assert_labels(folder, border, names=("class 0", "class 1"))

    @pytest.mark.parametrize("value", [1, 7, 254])
    def test_one_mask_that_holds_something_else_is_the_wrong_one(self, tmp_path, value):
        odd = WHITE.copy()
        odd[3, 3:5] = value
        with pytest.raises(UserError) as caught:
            opened(tmp_path, [WHITE, odd, WHITE, WHITE])
        assert str(caught.value) == (
            f"{tmp_path / 'masks' / 'b.png'}: it holds {value} (2 pixels), but most masks hold 0 and 255 alone; save "
            "it in black and white, or, if 255 is what does not count, list the classes of 0, 1, ... in classes.txt "
            "and void below them"
        )

    def test_every_mask_that_holds_something_else_is_reported_and_white_stays_a_class(self, tmp_path):
        photos(tmp_path, "abcdefg", mask=WHITE)
        for name in "be":
            save(MASK % 2, tmp_path / "masks" / f"{name}.png")
        faults = []
        folder = Folder(tmp_path, "all", report=faults.append)
        assert [f"{name}.png: it holds 1 (" in fault for name, fault in zip("be", faults, strict=True)] == [True, True]
        assert (len(folder), folder.class_names) == (5, ("background", "foreground"))

    def test_void_in_a_list_says_that_255_does_not_count(self, tmp_path):
        border = np.where(MASK == 2, 255, MASK)
        folder = opened(tmp_path, [border, WHITE, WHITE], classes_txt="ground\nbuilding\nvoid")
        assert_labels(folder, border.clip(0, 2), names=("ground", "building", "void"), ignored=2)

    def test_where_it_is_taken_as_what_does_not_count_a_warning_says_so(self, tmp_path):
        border = np.where(MASK == 2, 255, MASK)
        assert opened(tmp_path, [WHITE, border, border]).warnings == (
            "1 of 3 masks holds 0 and 255 alone (a.png), and 255 is taken as what does not count, since b.png has it "
            "beside 1; if it is white there, save all masks in one way",
        )
        assert opened(tmp_path, [border, border, border]).warnings == ()

    def test_smoothed_edges_are_refused_with_the_fix(self, tmp_path):
        mask = WHITE.copy()
        mask[0, :3] = 50, 128, 200
        with pytest.raises(UserError, match=r"a\.png: it holds 3 greys between 0 and 255: its edges were smoothed"):
            opened(tmp_path, [mask])


class TestColours:
    def test_a_table_says_which_class_a_colour_is(self, tmp_path):
        folder = opened(tmp_path, [COLOURS[MASK]], classes_csv=TABLE)
        assert_labels(folder, MASK, names=("background", "road", "car"))
        np.testing.assert_array_equal(folder.palette, COLOURS)
        assert "(colours), 3 classes from classes.csv;" in folder.description

    def test_the_table_may_have_the_name_that_camvid_gives_it(self, tmp_path):
        assert opened(tmp_path, [COLOURS[MASK]], class_dict_csv=TABLE).num_classes == 3

    def test_without_a_table_each_colour_is_a_class(self, tmp_path):
        folder = opened(tmp_path, [COLOURS[MASK]])
        assert_labels(folder, np.array([0, 2, 1])[MASK], names=("class 0", "class 1", "class 2"))
        np.testing.assert_array_equal(folder.palette, COLOURS[[0, 2, 1]])

    def test_a_mask_of_one_colour_may_lie_among_them(self, tmp_path):
        """A black one is grey to its file."""
        folder = opened(tmp_path, [COLOURS[MASK], 0 * MASK, COLOURS[0 * MASK]], classes_csv=TABLE)
        assert [int(sample.label.max()) for sample in folder] == [2, 0, 0]

    def test_void_has_a_colour_and_is_ignored(self, tmp_path):
        folder = opened(tmp_path, [COLOURS[MASK]], classes_csv=TABLE.replace("background", "Void"))
        assert_labels(folder, MASK, names=("Void", "road", "car"), ignored=0)

    def test_names_alone_do_not_say_which_colour_is_which(self, tmp_path):
        with pytest.raises(
            UserError, match=r"a\.png: the mask is in colours, such as .*, but classes\.txt has names alone"
        ):
            opened(tmp_path, [COLOURS[MASK]], classes_txt=NAMES)

    def test_a_colour_that_is_not_in_the_table_is_named(self, tmp_path):
        colours = COLOURS[MASK]
        colours[2, 3] = 1, 200, 3
        with pytest.raises(UserError, match=r"b\.png: a colour is not in classes\.csv, such as \(1, 200, 3\)"):
            opened(tmp_path, [COLOURS[MASK], colours], classes_csv=TABLE)

    def test_a_mix_of_two_classes_is_called_smoothed(self, tmp_path):
        colours = COLOURS[MASK]
        colours[2, 3] = 64, 32, 64
        with pytest.raises(UserError, match=r"\(64, 32, 64\) lies between \(0, 0, 0\) and \(128, 64, 128\)"):
            opened(tmp_path, [colours], classes_csv=TABLE)

    def test_without_a_table_rare_mixes_are_smoothed_edges(self, tmp_path):
        photos(tmp_path, "a")
        colours = COLOURS[np.repeat(np.repeat(MASK, 20, axis=0), 20, axis=1)]
        colours[2, :3] = (64, 32, 64), (0, 0, 71), (0, 0, 35)
        save(colours, tmp_path / "masks" / "a.png")
        with pytest.raises(UserError, match=r"a\.png: \(0, 0, 35\) lies between .* the edges were smoothed"):
            Folder(tmp_path, "all")

    def test_more_colours_than_classes_can_be_are_refused(self, tmp_path):
        colours = np.arange(96)[:, None] * np.array([2, 5, 11]) % 251
        with pytest.raises(UserError, match=r"a\.png: the masks hold 96 colours.*classes\.csv"):
            opened(tmp_path, [colours.reshape(8, 12, 3)])

    def test_a_palette_is_read_by_its_colours_if_a_table_has_them(self, tmp_path):
        photos(tmp_path, "a")
        image = Image.fromarray(MASK)
        image.putpalette(COLOURS[[0, 1, 2]].tobytes())
        image.save(tmp_path / "masks" / "a.png")
        (tmp_path / "classes.csv").write_text(TABLE)
        np.testing.assert_array_equal(Folder(tmp_path, "all")[0].label, MASK)

    def test_a_palette_that_contradicts_the_table_is_refused(self, tmp_path):
        photos(tmp_path, "a")
        image = Image.fromarray(MASK)
        image.putpalette(COLOURS[[0, 2, 1]].tobytes())
        image.save(tmp_path / "masks" / "a.png")
        (tmp_path / "classes.csv").write_text(TABLE)
        with pytest.raises(
            UserError, match=r"the index 1 has the colour \(0, 0, 142\) in its palette, which is class 2"
        ):
            Folder(tmp_path, "all")

    def test_a_table_beside_masks_of_indices_gives_names_and_colours(self, tmp_path):
        folder = opened(tmp_path, [MASK], classes_csv=TABLE)
        assert_labels(folder, MASK, names=("background", "road", "car"))
        np.testing.assert_array_equal(folder.palette, COLOURS)


def test_masks_of_which_some_are_in_colours_and_some_hold_indices_are_refused(tmp_path):
    with pytest.raises(
        UserError, match=r"b\.png: it holds 1, as class indices do, but a\.png is in colours; save both"
    ):
        opened(tmp_path, [COLOURS[MASK], MASK])


@pytest.mark.parametrize("others", [MASK, WHITE], ids=["class indices", "black and white"])
@pytest.mark.parametrize("listed", [{}, {"classes_txt": "background\nroad\n"}], ids=["no list", "names"])
def test_one_mask_in_colours_among_others_is_the_wrong_one(tmp_path, others, listed):
    masks = [others % 2 if others is MASK and listed else others] * 3
    held = "0 and 255 alone" if others is WHITE else "class indices"
    with pytest.raises(
        UserError, match=rf"d\.png: it is in colours, such as \(128, 64, 128\), but most masks hold {held}"
    ):
        opened(tmp_path, [*masks, COLOURS[MASK]], **listed)


def test_a_mask_in_the_colours_of_a_table_is_no_wrong_one(tmp_path):
    assert len(opened(tmp_path, [COLOURS[MASK], MASK * 0, COLOURS[MASK * 0]], classes_csv=TABLE)) == 3


def test_a_mask_in_colours_may_hold_greys_alone(tmp_path):
    grey = np.where(MASK == 1, 192, 0)
    assert opened(tmp_path, [COLOURS[MASK], grey]).num_classes == 4


def test_more_classes_than_masks_alone_may_tell_are_said_to_be_too_many(tmp_path):
    with pytest.raises(UserError, match=r"it holds the value 95, but masks alone tell at most 64 classes; save class"):
        opened(tmp_path, [np.arange(96).reshape(8, 12)])


def with_palette(root, *colours):
    """A folder whose masks are indices with a palette that begins with these colours."""
    photos(root, "ab")
    for name in "ab":
        image = Image.fromarray(MASK)
        image.putpalette(np.array(colours, np.uint8).tobytes())
        image.save(root / "masks" / f"{name}.png")
    return root


def test_a_run_that_took_the_indices_of_a_palette_takes_them_again(tmp_path):
    """Its classes are drawn in VOC's colours, and those may mean others in the palette of a mask."""
    root = with_palette(tmp_path, (0, 0, 0), (0, 128, 0), (128, 0, 0))
    first = Folder(root, "all")
    classes = Classes(first.class_names, first.palette, first.ignore_index, "the run")
    again = Folder(root, "all", classes=classes)
    np.testing.assert_array_equal(again[0].label, MASK)
    assert first.description.partition(";")[0] == again.description.partition(";")[0].replace("the run", "the masks")


def test_a_palette_that_gives_two_indices_one_colour_tells_no_class(tmp_path):
    root = with_palette(tmp_path, (0, 0, 0), (0, 0, 0), (0, 0, 142))
    (root / "classes.csv").write_text(TABLE)
    np.testing.assert_array_equal(Folder(root, "all")[0].label, MASK)


def test_masks_are_looked_through_once_for_all_splits(tmp_path, monkeypatch):
    photos(tmp_path)
    read = []
    decode = values.decode_label
    monkeypatch.setattr(values, "decode_label", lambda path: read.append(path) or decode(path))
    for split in ("train", "val"):
        Folder(tmp_path, split)
    assert len(read) == 6


def test_a_mask_that_was_changed_is_looked_through_again(tmp_path):
    assert opened(tmp_path, [MASK]).num_classes == 3
    save(np.where(MASK == 2, 3, MASK)[:, ::-1], tmp_path / "masks" / "a.png")
    assert Folder(tmp_path, "all").num_classes == 4


def test_slow_looking_shows_how_far_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("minifcn.data.folder.values._SLOW", -1.0)
    monkeypatch.setattr("minifcn.progress._SECONDS_BETWEEN_LINES", 0.0)
    opened(tmp_path, [MASK] * 3)
    assert "masks  2/3" in capsys.readouterr().err
