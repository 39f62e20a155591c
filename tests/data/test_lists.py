"""Lists and tables as editors, spreadsheets and people write them: read, or refused with file, line and rule."""

import numpy as np
import pytest
from PIL import Image

from minifcn.data import VOCSegmentation, lists
from minifcn.data.classes import read_class_names, read_class_table
from minifcn.data.lists import read_lines
from minifcn.errors import UserError

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32"]
ENDS = {"unix": "\n", "windows": "\r\n", "old-mac": "\r"}
TABLE = "name,r,g,b\nSky,128,128,128\nVoid,0,0,0\nRoad,128,64,128\n"


def refused(message, make, *arguments):
    """Assert that this raises a one-line UserError with this text in it."""
    with pytest.raises(UserError) as caught:
        make(*arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


class Voc:
    """A Pascal VOC data set of a few pixels, with the images that a test names."""

    def __init__(self, root):
        self.root, self.folder = root, root / "VOC2012"
        for name in ("JPEGImages", "SegmentationClass", "SegmentationClassAug", "ImageSets/Segmentation"):
            (self.folder / name).mkdir(parents=True)

    def add(self, *names, labels="SegmentationClass"):
        for name in names:
            for path in (self.folder / "JPEGImages" / f"{name}.jpg", self.folder / labels / f"{name}.png"):
                path.parent.mkdir(exist_ok=True)
                Image.fromarray(np.zeros((2, 3), np.uint8)).save(path)

    def read(self, content):
        path = self.folder / "ImageSets" / "Segmentation" / "train.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return VOCSegmentation(self.root, 2012, "train").pairs

    def names(self, content):
        return [image.stem for image, _ in self.read(content)]


@pytest.fixture
def voc(tmp_path):
    return Voc(tmp_path)


@pytest.fixture
def table(tmp_path):
    def read(content):
        path = tmp_path / "class_dict.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_class_table(path)

    return read


class TestVocList:
    @pytest.mark.parametrize("encoding", ENCODINGS)
    @pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
    def test_of_every_encoding_and_line_end(self, voc, encoding, end):
        voc.add("a", "ä")
        assert voc.names(f"a{end}ä{end}".encode(encoding)) == ["a", "ä"]

    def test_without_a_last_line_end_and_with_blank_lines_and_spaces(self, voc):
        voc.add("a", "b")
        assert voc.names("\n  a \n\t\n\nb") == ["a", "b"]

    def test_names_may_have_spaces(self, voc):
        voc.add("my a", "my  b")
        assert voc.names("my a\nmy  b\n") == ["my a", "my  b"]

    @pytest.mark.parametrize("ending", [".jpg", ".png", ".JPG", ".jpeg"])
    def test_names_may_have_the_ending_of_a_file(self, voc, ending):
        voc.add("a")
        assert voc.names(f"a{ending}\n") == ["a"]

    def test_a_name_that_looks_as_if_it_had_an_ending_is_found_first(self, voc):
        voc.add("a", "a.jpg")
        assert voc.names("a.jpg\n") == ["a.jpg"]

    def test_names_may_have_a_folder(self, voc):
        voc.add("2007/a")
        assert voc.names("2007/a\n") == ["a"]

    @pytest.mark.parametrize("slash", ["/", ""])
    def test_pairs_of_the_augmented_training_set(self, voc, slash):
        voc.add("a", "my b", labels="SegmentationClassAug")
        lines = [f"{slash}JPEGImages/{name}.jpg {slash}SegmentationClassAug/{name}.png" for name in ("a", "my b")]
        pairs = voc.read("\n".join(lines))
        assert [label.relative_to(voc.folder).as_posix() for _, label in pairs] == [
            "SegmentationClassAug/a.png",
            "SegmentationClassAug/my b.png",
        ]

    @pytest.mark.parametrize(
        "line",
        [
            *("../a", "/etc/passwd", "x/../../a", "./a", "a//b", "..", "C:/a", "C:\\a", "..\\a", "a\tb"),
            "/JPEGImages/a.jpg",
            "/JPEGImages/../a.jpg /SegmentationClass/../a.png",
            "/JPEGImages/a.jpg /../SegmentationClass/a.png",
        ],
    )
    def test_a_line_that_leads_elsewhere_is_refused(self, voc, line):
        voc.add("a")
        refused("train.txt: line 2: ", voc.read, f"a\n{line}\n")
        refused("is not the name of an image in JPEGImages", voc.read, f"a\n{line}\n")

    def test_a_pair_of_two_images_is_refused(self, voc):
        message = "train.txt: line 1: image and label have one name, found 'a' and 'b'"
        refused(message, voc.read, "/JPEGImages/a.jpg /SegmentationClass/b.png")

    @pytest.mark.parametrize("second", ["a", "a.jpg", "a.png"])
    def test_a_name_that_is_listed_twice_is_refused(self, voc, second):
        voc.add("a", "b")
        refused("train.txt: line 3: it has the image", voc.read, f"a\nb\n{second}\n")
        refused("train.txt: line 1 has; a split has each once", voc.read, f"a\nb\n{second}\n")

    def test_a_missing_file_is_told_with_its_line(self, voc):
        voc.add("a")
        refused("JPEGImages/car 1.jpg (for ", voc.read, "a\n\ncar 1\n")
        refused("train.txt: line 3)", voc.read, "a\n\ncar 1\n")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            pytest.param(b"a\r\nb\r\n\xe4\r\n", "train.txt: line 3: the text is not UTF-8", id="latin-1"),
            pytest.param("a\nb\n".encode("utf-16-le"), "line 1: a text has no zero bytes (UTF-16 ", id="no-mark"),
            pytest.param(b"\xff\xfea", "the text is not UTF-16; save the file as UTF-8", id="half-a-character"),
            pytest.param(b"a\n\0\n", "line 2: a text has no zero bytes", id="zero-byte"),
            pytest.param(b"a" * 5000, "the only image of the split 'train' is missing", id="endless-name"),
            pytest.param(b"a\x1b[31m\n", r"line 1: 'a\x1b[31m' is not the name", id="escape"),
        ],
    )
    def test_what_is_no_list_is_refused(self, voc, content, message):
        refused(message, voc.read, content)

    def test_a_huge_list_is_not_read(self, voc, monkeypatch):
        voc.add("a")
        monkeypatch.setattr(lists, "MAX_MEGABYTES", 1e-6)
        refused("train.txt: a list has at most", voc.read, "a\n")

    def test_a_folder_for_a_list_is_no_split(self, voc):
        (voc.folder / "ImageSets" / "Segmentation" / "val.txt").mkdir()
        refused("there is no split 'val'", VOCSegmentation, voc.root, 2012, "val")


class TestClassTable:
    @pytest.mark.parametrize("encoding", ENCODINGS)
    @pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
    def test_of_every_encoding_and_line_end(self, table, encoding, end):
        assert table(TABLE.replace("\n", end).encode(encoding))[0] == ("Sky", "Void", "Road")

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(lambda text: text.replace("name,r,g,b", "Name,R,G,B"), id="capitals"),
            pytest.param(lambda text: text.replace(",", " , "), id="spaces"),
            pytest.param(lambda text: text.replace(",", ";"), id="semicolons"),
            pytest.param(lambda text: text.replace(",", "\t"), id="tabs"),
            pytest.param(lambda text: text.replace("128", "128.0"), id="with-a-point"),
            pytest.param(lambda text: text + ",,,\n   \n\n", id="empty-rows"),
            pytest.param(lambda text: "\n  \n" + text.replace(",", ";"), id="blank-lines-first"),
            pytest.param(lambda text: text.replace("Sky", '"Sky"').replace("name", '"name"'), id="quoted"),
            pytest.param(lambda text: text.replace("\n", ",,\n"), id="empty-columns"),
            pytest.param(lambda text: "id," + text.replace("\n", "\n7,").removesuffix("7,"), id="more-columns"),
        ],
    )
    def test_as_spreadsheets_and_people_write_it(self, table, change):
        names, palette, ignore_index = table(change(TABLE))
        assert (names, ignore_index) == (("Sky", "Void", "Road"), 1)
        assert palette.tolist() == [[128, 128, 128], [0, 0, 0], [128, 64, 128]]

    def test_columns_in_another_order(self, table):
        names, palette, _ = table("b,g,r,name\n3,2,1,Sky\n6,5,4,Road\n")
        assert (names, palette.tolist()) == (("Sky", "Road"), [[1, 2, 3], [4, 5, 6]])

    @pytest.mark.parametrize("name", ["Void", "VOID", "unlabelled", "Unlabeled", "ignore", "Unknown"])
    def test_what_does_not_count_has_one_of_five_names(self, table, name):
        assert table(TABLE.replace("Void", name))[2] == 1

    @pytest.mark.parametrize("name", ["Avoid", "Voids", "Background", "Other", "Ignored"])
    def test_another_name_is_a_class(self, table, name):
        assert table(TABLE.replace("Void", name))[2] == 255

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (
                "name,r,g,b\nSky,128,,128\n",
                "line 2: a row reads name,r,g,b with three numbers of 0..255, as road,128,64,128 does, but '' is no",
            ),
            ("name,r,g,b\nSky,128.5,0,0\n", "but '128.5' is no whole number; correct the row"),
            ("name,r,g,b\nSky,1e2,0,0\n", "but '1e2' is no whole number"),
            ("name,r,g,b\nSky,0x10,0,0\n", "but '0x10' is no whole number"),
            ("name,r,g,b\nSky,-1,0,0\n", "but -1 is not within 0..255"),
            ("name,r,g,b\nSky," + 5000 * "9" + ",0,0\n", "is no whole number;"),
            ("name,r,g,b\n,1,2,3\n", "but the name is ''; correct the row"),
            (
                'name,r,g,b\n"a\nb",1,2,3\n',
                r"as road,128,64,128 does, but the name is 'a\nb'; correct the row",
            ),
            ('name,r,g,b\n"Sky,1,2,3\nRoad,4,5,6\n', "(unexpected end of data)"),
            ("name,r,g,b\nSky,1,2,3,4\n", "it has 5 fields, and the header 4; correct the row"),
            ("name,r,g,b\nSky,1,2\n", "it has 3 fields, and the header 4; correct the row"),
            ("name,r,g,b,r\nSky,1,2,3,4\n", "line 1: the header has 2 columns 'r': name,r,g,b,r; begin the table with"),
            ("Sky,1,2,3\nRoad,4,5,6\n", "line 1: the header has 0 columns 'name': sky,1,2,3; begin the table with"),
            (TABLE + "Sky,9,9,9\n", "line 5: 'Sky' is the name of line 2 as well; give each class a name of its own"),
            (
                TABLE + "Car,0,0,0\n",
                "line 5: (0, 0, 0) is the colour of line 3 as well; give each class a colour of its own",
            ),
            (TABLE + "unknown,9,9,9\n", "line 5: 'Void' and 'unknown' both stand for what does not count"),
            ("name,r,g,b\nSky,1,2,3\n", "a data set has 2..255 classes, but this table has 1; write a row name,r,g,b"),
            (
                "name,r,g,b\n" + "".join(f"c{i},{i // 16},{i % 16},0\n" for i in range(256)),
                "but this table has 256; join those that are alike",
            ),
            (b"name,r,g,b\nSt\xe4dte,1,2,3\n", "class_dict.csv: line 2: the text is not UTF-8"),
        ],
    )
    def test_what_it_cannot_be_is_refused(self, table, content, message):
        refused(message, table, content)

    def test_all_that_is_wrong_is_reported_with_its_line(self, tmp_path):
        path, faults = tmp_path / "classes.csv", []
        path.write_text("name,r,g,b\nSky,1,2,3\nRoad,200,0\nCar,0,0,300\nSky,1,2,3\nVoid,0,0,0\nunknown,x,9,9\n")
        names, palette, _ = read_class_table(path, faults.append)
        assert (names, palette.tolist()) == (("Sky", "Void"), [[1, 2, 3], [0, 0, 0]])
        lines = [fault.removeprefix(f"{path}: ").partition(":")[0] for fault in faults]
        assert lines == ["line 3", "line 4", "line 5", "line 5", "line 7"]  # the fifth has a name and a colour again

    def test_that_many_rows_are_missing_is_no_second_fault(self, tmp_path):
        path, faults = tmp_path / "classes.csv", []
        path.write_text("name,r,g,b\nSky,1,2\nRoad,3,4\n")
        read_class_table(path, faults.append)
        assert len(faults) == 2


class TestClassNames:
    def test_all_that_is_wrong_is_reported_with_its_line(self, tmp_path):
        path, faults = tmp_path / "classes.txt", []
        path.write_text("sky\nroad,1,2,3\nsky\na\tb\nvoid\nUnknown\n")
        assert read_class_names(path, faults.append)[0] == ("sky", "void", "Unknown")
        assert [fault.removeprefix(f"{path}: ").partition(":")[0] for fault in faults] == [
            *("line 2", "line 3", "line 4", "line 6"),
        ]

    @pytest.mark.parametrize("content", ["", "\n \n", "sky\n"])
    def test_a_list_without_two_classes_is_refused_with_the_fix(self, tmp_path, content):
        (tmp_path / "classes.txt").write_text(content)
        fix = f"but this list has {len(content.split())}; write one name a line, or remove the file"
        refused(fix, read_class_names, tmp_path / "classes.txt")


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_lines_keep_their_numbers(tmp_path, end):
    (tmp_path / "list").write_bytes(f"{end}a{end}{end} b{end}".encode())
    assert list(read_lines(tmp_path / "list")) == [(2, "a"), (4, "b")]
