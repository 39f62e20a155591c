"""`inspect` counts what a data set holds, and says what is wrong with it and what stands out."""

import io
import json
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from minifcn.data import CamVid, Dataset, Sample, Shapes, inspect, open_dataset
from minifcn.data.dataset import FirstImages
from minifcn.errors import UserError


class Labels(Dataset):
    """A data set of these labels; the colour of its images is the number of the sample."""

    palette = np.array([(0, 0, 0), (200, 0, 0), (0, 200, 0)], np.uint8)
    class_names = ("ground", "road", "tree")

    def __init__(self, *labels, first=0, ignore_index=255, numbers=None):
        self.labels, self.ignore_index = [np.array(label) for label in labels], ignore_index
        self.numbers = numbers or range(first, first + len(labels))
        self.opened = []

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        self.opened.append(index)
        image = np.full((*self.labels[index].shape, 3), self.numbers[index], np.uint8)
        return Sample(image, self.labels[index], f"number {index}", self.ignore_index)


ALL = [[0, 1, 2]]


def camvid(root, labels=None, splits=("train", "val"), save=lambda label, path: Image.fromarray(label).save(path)):
    """A data set of files in CamVid's layout: three pairs a split, of generated pictures."""
    for number, split in enumerate(splits):
        for index, sample in enumerate(Shapes(3, (48, 64), 6, seed=number)):
            (root / split).mkdir(parents=True, exist_ok=True)
            (root / f"{split}annot").mkdir(exist_ok=True)
            Image.fromarray(sample.image).save(root / split / f"{index}.png")
            save(sample.label, root / f"{split}annot" / f"{index}.png")
    return root


class TestCounts:
    def test_pixels_and_images_of_each_class_are_those_of_a_plain_loop(self):
        splits = {"train": Shapes(9, (20, 30), 5, seed=0), "val": Shapes(4, (30, 20), 5, seed=1)}
        found = inspect(splits)
        for split, dataset in splits.items():
            labels = [sample.label for sample in dataset]
            for number in range(5):
                assert found.splits[split].pixels[number] == sum(int((label == number).sum()) for label in labels)
                assert found.splits[split].images[number] == sum(bool((label == number).any()) for label in labels)

    @pytest.mark.parametrize(
        ("dtype", "ignore_index"), [("int8", -1), ("int64", -1), ("uint8", 255), ("uint8", 2), ("uint64", 100)]
    )
    def test_ignored_pixels_are_counted_apart(self, dtype, ignore_index):
        label = np.array([[0, 1, 1, ignore_index]]).astype(dtype)
        counts = inspect(Labels(label, ignore_index=ignore_index)).splits[""]
        assert (counts.pixels.tolist(), counts.ignored, counts.ignored_share) == ([1, 2, 0], 1, 0.25)
        assert counts.shares == pytest.approx([1 / 3, 2 / 3, 0])

    def test_sizes_are_counted_as_height_and_width(self):
        counts = inspect(Labels([[0, 1, 2]], [[0], [1]], [[1, 2, 0]])).splits[""]
        assert counts.sizes == {(1, 3): 2, (2, 1): 1}

    def test_every_pair_is_opened_once(self):
        dataset = Labels(ALL, ALL, ALL)
        inspect(dataset)
        assert dataset.opened == [0, 1, 2]

    def test_one_pair_is_in_memory_at_a_time(self):
        dataset = Shapes(24, (256, 256), 3)
        inspect(FirstImages(dataset, 1))  # what the first call imports
        tracemalloc.start()
        inspect(FirstImages(dataset, 1))
        one = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        inspect(dataset)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < one + 2 * dataset[0].image.nbytes

    def test_progress_goes_to_the_stream(self):
        class Terminal(io.StringIO):
            def isatty(self):
                return True

        terminal = Terminal()
        inspect(Labels(ALL, ALL), stream=terminal)
        assert "check   0%" in terminal.getvalue()
        assert "0/2" in terminal.getvalue()


class TestExamples:
    @pytest.mark.parametrize(
        ("wanted", "pairs", "expected"), [(0, 9, []), (3, 9, [0, 4, 8]), (6, 2, [0, 1]), (2, 0, [])]
    )
    def test_are_spread_over_the_data_set(self, wanted, pairs, expected):
        examples = inspect(Labels(*pairs * [ALL]), examples=wanted).examples
        assert [int(name.removeprefix("number ")) for name, _, _ in examples] == expected

    def test_take_the_place_of_one_with_a_fault(self):
        examples = inspect(Labels(ALL, [[0, 1, 7]], ALL, [[9]], ALL), examples=3).examples
        assert [name for name, _, _ in examples] == ["number 0", "number 2", "number 4"]

    def test_are_scaled_down_with_the_classes_that_they_have(self):
        label = np.zeros((3000, 10), np.uint8)
        label[1500:] = 2
        (_, image, small), *_ = inspect(Labels(label), examples=1).examples
        assert image.shape == (*small.shape, 3) == (960, 3, 3)
        assert np.unique(small).tolist() == [0, 2]


class TestFaults:
    def test_of_a_sample_are_listed_and_the_rest_is_counted(self):
        found = inspect(Labels(ALL, [[0, 1, 7]], [[0, 3, 1]], ALL))
        assert [fault.partition(":")[0] for fault in found.faults] == ["number 1", "number 2"]
        assert found.splits[""].pairs == 2

    def test_of_both_files_of_a_pair_are_listed(self, tmp_path):
        camvid(tmp_path)
        (tmp_path / "train" / "1.png").write_bytes(b"")
        (tmp_path / "trainannot" / "1.png").write_bytes(b"no image")
        image, label = inspect(CamVid(tmp_path, "train")).faults
        assert image.startswith(f"{tmp_path}/train/1.png: the file is empty")
        assert label.startswith(f"{tmp_path}/trainannot/1.png: not a readable image")

    def test_of_a_label_out_of_range_say_that_it_looks_smoothed(self, tmp_path):
        camvid(tmp_path)
        label = 255 * (Shapes(1, (48, 64), 2)[0].label > 0).astype(np.uint8)
        blurred = Image.fromarray(label).resize((32, 24)).resize((64, 48), Image.Resampling.BILINEAR)
        blurred.save(tmp_path / "trainannot" / "1.png")
        (fault,) = inspect(CamVid(tmp_path, "train")).faults
        assert "is out of range" in fault
        assert "it looks resized with interpolation or saved as JPEG (row " in fault

    def test_that_are_alike_are_put_together_in_the_text_and_all_are_in_the_json(self):
        found = inspect(Labels(ALL, *70 * [[[9, 0]]]))
        assert str(found).count("out of range") == 1
        assert "70 faults at which training or evaluation stops" in str(found)
        assert "and likewise number 2, number 3, " in str(found)
        assert "and 49 more" in str(found)
        assert len(json.loads(json.dumps(found.to_dict()))["faults"]) == 70


class TestWhatStandsOut:
    def test_nothing_of_a_sound_data_set(self):
        found = inspect({"train": Labels(ALL, ALL), "val": Labels(ALL, first=9)})
        assert found.warnings == []
        assert str(found).endswith("every pair can be read, and nothing stands out")

    def test_classes_that_are_not_there_to_be_learnt_or_measured(self):
        found = inspect({"train": Labels([[0, 2]]), "val": Labels([[0, 1]], first=9)})
        assert found.warnings == [
            "train: no label has the class road, so a network cannot learn it",
            "val: no label has the class tree, so nothing is measured of it",
        ]

    def test_a_class_that_is_nowhere_is_told_once(self):
        (warning,) = inspect({"train": Labels([[0, 2]]), "val": Labels([[0, 2]], first=9)}).warnings
        assert warning.startswith("train: no label has the class road")

    def test_a_class_that_is_ignored_is_not_missed(self):
        assert inspect(Labels([[0, 1]], ignore_index=2)).warnings == []

    def test_labels_of_one_class(self):
        (warning,) = inspect({"train": Labels([[0, 0]], [[0, 255]])}).warnings
        assert warning.startswith("train: every pixel that counts is ground")

    def test_labels_that_are_ignored_throughout(self):
        (warning,) = inspect(Labels(ALL, [[255, 255]])).warnings
        assert warning.startswith("1 of 2 labels: all pixels are ignored")

    def test_images_of_the_same_pixels_in_two_splits(self):
        found = inspect({"train": Labels(ALL, ALL), "val": Labels(ALL, ALL, first=1)})
        (warning,) = found.warnings
        assert warning.startswith("val: 1 image is in train too (number 0 is number 1), so that")

    def test_images_of_the_same_pixels_in_one_split(self):
        (warning,) = inspect({"train": Labels(ALL, ALL, ALL, numbers=[5, 6, 5])}).warnings
        assert warning.startswith("train: 1 image is there twice (number 2 is number 0)")

    def test_an_image_that_is_one_file_in_two_splits_is_named_once(self, tmp_path):
        root = camvid(tmp_path)
        found = inspect({"train": CamVid(root, "train"), "val": FirstImages(CamVid(root, "train"), 1)})
        assert f"val: 1 image is in train too ({root}/train/0.png), so that" in found.warnings[0]

    def test_images_of_the_same_bytes_in_another_shape_are_not_the_same(self):
        assert inspect({"train": Labels([[0, 1, 2, 0]]), "val": Labels([[0, 1], [2, 0]])}).warnings == []

    def test_labels_that_look_smoothed(self, tmp_path):
        def save(label, path):
            Image.fromarray(label).resize((96, 72), Image.Resampling.BILINEAR).resize((64, 48), 0).save(path)

        camvid(tmp_path, save=save)
        warnings = inspect(CamVid(tmp_path, "train")).warnings
        assert any("look resized with interpolation or saved as JPEG" in warning for warning in warnings)

    def test_palettes_that_call_one_index_by_two_colours(self, tmp_path):
        first = iter(range(100))

        def save(label, path):
            picture = Image.fromarray(label)
            picture.putpalette(bytes([next(first)] * 3 * 256))
            picture.save(path)

        camvid(tmp_path, save=save)
        warning, *_ = inspect(CamVid(tmp_path, "train")).warnings
        assert warning.startswith(
            f"2 of 3 labels have another palette than the ones before ({tmp_path}/trainannot/1.png has index 0 in "
            f"(1, 1, 1), {tmp_path}/trainannot/0.png in (0, 0, 0))"
        )

    def test_one_palette_for_all_is_sound(self, tmp_path):
        def save(label, path):
            picture = Image.fromarray(label)
            picture.putpalette(bytes(range(256)) * 3)
            picture.save(path)

        assert not any(
            "palette" in warning for warning in inspect(CamVid(camvid(tmp_path, save=save), "train")).warnings
        )


class TestText:
    def test_columns_are_wide_enough_for_80_characters_and_three_splits(self):
        class Long(Labels):
            class_names = ("a class with a long name that ends in 1", "a class with a long name that ends in 2", "c")

        found = inspect({split: Long(ALL, first=n) for n, split in enumerate(("train", "val", "test"))})
        assert max(map(len, str(found).splitlines())) <= 80
        assert "that ends in 1" not in str(found)
        assert "s in 1" in str(found)

    def test_a_few_sizes_are_listed(self):
        assert "3 x 1 (2), 1 x 2 (1)" in str(inspect(Labels([[0, 1, 2]], [[0], [1]], [[1, 2, 0]])))

    def test_many_sizes_are_told_by_the_most_frequent_and_the_ends(self):
        found = inspect(Labels([[0, 1, 2]], [[0], [1]], [[1, 2, 0]], [[1]], [[0, 1, 2, 2]]))
        assert "3 x 1 (2 of them); 1 x 1 to 4 x 1" in str(found)

    def test_classes_that_occur_nowhere_have_no_row(self):
        assert "road" not in str(inspect(Labels([[0, 2]]))).partition("\n\n1 thing")[0]

    def test_no_pair_is_no_table_of_classes(self):
        assert str(inspect(Labels([[9]]))).splitlines()[:4] == [
            "split  pairs  width x height",
            "           0  -",
            "",
            "",
        ][:3] + ["1 fault at which training or evaluation stops:"]


def test_splits_of_different_classes_are_refused():
    class Other(Labels):
        class_names = ("ground", "road", "sky")

    with pytest.raises(UserError, match="val has the classes ground, road, sky, but train has ground, road, tree"):
        inspect({"train": Labels(ALL), "val": Other(ALL)})


def test_real_images_have_nothing_wrong(camvid_root):
    found = inspect(open_dataset(f"camvid:{camvid_root}", "val"))
    assert (found.faults, found.warnings) == ([], [])
    assert found.splits[""].pairs == 101


@pytest.mark.parametrize(
    ("dataset", "found"),
    [(None, "None"), ([Labels(ALL)], "list"), ({"train": "shapes"}, "'train': "), ({1: Labels(ALL)}, "1: ")],
)
def test_what_is_no_data_set_is_refused_by_its_kind(dataset, found):
    with pytest.raises(TypeError, match=f"inspect: dataset must be a data.Dataset, .*, got .*{found}"):
        inspect(dataset)
    with pytest.raises(ValueError, match="examples must be a whole number from 0 up, got -1"):
        inspect(Labels(ALL), examples=-1)


def test_a_name_that_could_steer_a_terminal_is_made_harmless():
    found = inspect(Labels(ALL, ALL, numbers=[1, 1]))
    found.warnings, found.faults = ["a\x1b[31m.png\n is odd"], ["b\x07.png: wrong"]
    text = str(found)
    assert "a?[31m.png? is odd" in text
    assert "b?.png: wrong" in text
