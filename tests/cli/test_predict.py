"""`minifcn predict` as a tool: many photographs, several results, and what cannot be read left out."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import small_runs
from PIL import Image

from minifcn.cli import main, photographs, written
from minifcn.cli.predict import knows
from minifcn.data import Normalize, read_image
from minifcn.training import Config, checkpoint, load_model, predict, score_blocks


@pytest.fixture
def model(run_folder):
    state = checkpoint.load(run_folder)
    return load_model(state.config, state.model)


@pytest.fixture
def workspace(tmp_path, monkeypatch, rng):
    """A folder with photographs, in folders that have names in common; it is the current one."""
    monkeypatch.chdir(tmp_path)
    for name in ("one.jpg", "two.png", "a/x.jpg", "b/x.jpg", "b/c/y.bmp"):
        Path("photos", name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), np.uint8)).save(Path("photos", name))
    Path("photos/notes.txt").write_text("no photograph")
    Path("photos/.hidden.jpg").write_bytes(b"")
    return tmp_path


@pytest.fixture
def run(run_folder, workspace):
    def run(*arguments):
        return main(["predict", *arguments, "--checkpoint", str(run_folder), "--device", "cpu"])

    return run


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


def table(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


class TestPhotographs:
    FOUND = {
        "a folder": (["photos"], ["one.png", "two.png"]),
        "a pattern": (["photos/*.jpg"], ["one.png"]),
        "a pattern of any depth": (["photos/**/*.jpg"], ["a/x.png", "b/x.png", "one.png"]),
        "a pattern that also matches what is no image": (["photos/*"], ["one.png", "two.png"]),
        "several, and one twice": (["photos/two.png", "photos", "photos/b/c"], ["one.png", "two.png", "y.png"]),
    }

    @pytest.mark.parametrize(("named", "expected"), FOUND.values(), ids=FOUND)
    def test_are_files_folders_and_patterns(self, run, named, expected):
        assert run(*named, "--out", "out") == 0
        assert files("out") == expected

    def test_in_folders_below_are_left_out_and_the_last_line_says_so(self, run, capsys):
        assert run("photos", "--out", "out") == 0
        *_, line = capsys.readouterr().err.splitlines()
        assert line == (
            "minifcn: images in folders below were left out: 'photos/**/*.jpg', 'photos/**/*.bmp' would take them too"
        )
        assert run("photos/b/c", "photos/*.jpg", "--out", "out") == 0
        assert "left out" not in capsys.readouterr().err

    def test_whose_name_looks_like_a_pattern_are_files(self, run):
        os.rename("photos/one.jpg", "photos/one[1].jpg")
        assert run("photos/one[1].jpg", "--out", "out") == 0
        assert files("out") == ["one[1].png"]

    NAMES = {
        "different": (["p/a.jpg", "q/b.jpg"], ["a", "b"]),
        "of two folders": (["a/x.jpg", "b/x.jpg"], ["a/x", "b/x"]),
        "of folders far apart": (["a/b/x.jpg", "a/c/d/x.jpg"], ["b/x", "c/d/x"]),
        "of a folder and one below it": (["x.jpg", "b/x.jpg"], ["x", "b/x"]),
        "of two formats": (["a/x.jpg", "a/x.png"], ["x.jpg", "x.png"]),
        "of two formats and folders": (["a/x.jpg", "b/x.jpg", "b/x.png"], ["a/x", "b/x.jpg", "b/x.png"]),
        "that differ in capitals": (["x.jpg", "X.jpg", "x-2.jpg"], ["x.jpg", "X.jpg-2", "x-2"]),
        "that one would get": (["x.jpg", "x.png", "x.jpg.bmp"], ["x.jpg", "x.png", "x.jpg-2"]),
    }

    @pytest.mark.parametrize(("photos", "names"), NAMES.values(), ids=NAMES)
    def test_of_one_name_are_told_apart(self, photos, names):
        assert photographs.distinct([Path(photo) for photo in photos]) == names

    def test_of_one_name_have_results_of_their_own(self, run):
        assert run("photos/a/x.jpg", "photos/b", "--label", "out", "--probabilities", "out") == 0
        assert files("out") == ["a/x.npz", "a/x.png", "b/x.npz", "b/x.png"]


class TestWhatCannotBeRead:
    def test_is_named_and_left_out(self, run, capsys):
        Path("photos/bad.jpg").write_text("no photograph")
        assert run("photos", "none.jpg", "--out", "out", "--shares", "shares.csv") == 1
        assert files("out") == ["one.png", "two.png"]
        assert [row[0] for row in table("shares.csv")][1:] == ["photos/one.jpg", "photos/two.png"]
        bad, knows, none, summary, _ = capsys.readouterr().err.splitlines()
        assert bad.startswith("minifcn: photos/bad.jpg: not a readable image")
        assert " knows background, disc," in knows
        assert none == "minifcn: none.jpg: no such file"
        assert summary.startswith("minifcn: 2 of 4 images in ")
        assert summary.endswith(" images/s); 2 failed, see above")

    def test_in_a_folder_is_counted_if_it_is_a_link_to_nothing(self, run, capsys):
        Path("links").mkdir()
        Path("links/a.jpg").symlink_to(Path("photos/one.jpg").resolve())
        Path("links/b.jpg").symlink_to("nothing.jpg")
        assert run("links", "--out", "o") == 1
        lines = capsys.readouterr().err.splitlines()
        assert "minifcn: links/b.jpg: no such file: it is a link to nothing.jpg; mend the link, or remove it" in lines
        assert lines[-1].startswith("minifcn: 1 of 2 images in ")

    def test_and_is_all_there_is_ends_with_2(self, run, capsys):
        assert run("none.jpg", "nor.jpg", "--out", "out") == 2
        assert not Path("out").exists()
        assert capsys.readouterr().err.splitlines()[-1] == "minifcn: none of 2 images could be segmented; see above"

    def test_for_lack_of_memory_is_left_out_too(self, run, capsys, monkeypatch):
        def reading(path):
            if "one" in str(path):
                raise MemoryError
            return read_image(path)

        monkeypatch.setattr("minifcn.cli.predict.read_image", reading)
        assert run("photos", "--out", "out") == 1
        assert files("out") == ["two.png"]
        assert "one.jpg: not enough memory for this photograph; choose --tile 512" in capsys.readouterr().err

    def test_a_summary_ends_what_went_well(self, run, capsys):
        assert run("photos", "--out", "out") == 0
        _, line, _ = capsys.readouterr().err.splitlines()
        assert line.startswith("minifcn: 2 images in ")


class TestResults:
    @pytest.mark.parametrize("option", ["--out", "--label", "--probabilities", "--shares"])
    def test_any_of_them_alone(self, run, option):
        name = {"--probabilities": "r.npz", "--shares": "r.csv"}.get(option, "r.png")
        before = files(".")
        assert run("photos/one.jpg", option, name) == 0
        assert files(".") == sorted([*before, name])

    def test_label_probabilities_and_shares_say_the_same(self, run, model):
        assert run("photos/one.jpg", "--label", "l.png", "--probabilities", "p.npz", "--shares", "s.csv") == 0
        label = np.array(Image.open("l.png"))
        image, normalize = read_image("photos/one.jpg"), Normalize()
        np.testing.assert_array_equal(label, predict(model, image, normalize, size=(21, 32)))
        with np.load("p.npz", allow_pickle=False) as file:
            found, names = file["probabilities"], file["class_names"].tolist()
        scores = np.concatenate([b.scores for b in score_blocks(model, image, normalize, size=(21, 32))], axis=1)
        expected = np.exp(scores) / np.exp(scores).sum(axis=0)
        assert found.dtype == np.float16
        np.testing.assert_allclose(found, expected.transpose(1, 2, 0), rtol=0, atol=5e-4)
        header, row = table("s.csv")
        assert header == ["image", *names]
        assert names == ["background", "disc", "square", "triangle", "ring", "cross"]
        shares = [(label == number).mean() for number in range(len(names))]
        np.testing.assert_allclose([float(share) for share in row[1:]], shares, atol=1e-6)

    def test_it_is_shown_how_far_a_large_photograph_is(self, run, monkeypatch, capsys):
        monkeypatch.setattr("minifcn.progress._SECONDS_BETWEEN_LINES", 0)
        settings = ["--full-size", "--tile", "32", "--overlap", "0"]
        assert run("photos/one.jpg", "--out", "o.png", *settings) == 0
        shown = [line for line in capsys.readouterr().err.splitlines() if " of one.jpg" in line]
        shares = [int(line.split()[-3].rstrip("%")) for line in shown]
        assert shown[0].startswith("predict  0/1  ")
        assert len(shares) > 1
        assert shares == sorted(shares)
        assert max(shares) < 100

    def test_probabilities_in_tiles_are_put_together(self, run):
        settings = ["photos/one.jpg", "--full-size", "--probabilities"]
        assert run(*settings, "whole.npz") == 0
        assert run(*settings, "tiles.npz", "--tile", "32", "--overlap", "0") == 0
        whole, tiles = (np.load(name)["probabilities"].astype(float) for name in ("whole.npz", "tiles.npz"))
        assert tiles.shape == whole.shape == (40, 60, 6)
        np.testing.assert_allclose(tiles.sum(axis=2), 1, atol=2e-3)
        assert 0 < abs(tiles - whole).max() < 0.5

    def test_an_overlay_without_legend_has_the_size_of_the_photograph(self, run):
        assert run("photos/one.jpg", "--out", "o.png", "--no-legend") == 0
        with Image.open("o.png") as picture:
            assert picture.size == (60, 40)

    def test_scales_and_mirror_are_averaged(self, run, model):
        assert run("photos/one.jpg", "--label", "l.png", "--full-size", "--scales", "0.5,1", "--mirror") == 0
        expected = predict(model, read_image("photos/one.jpg"), Normalize(), scales=(0.5, 1), mirror=True)
        np.testing.assert_array_equal(np.array(Image.open("l.png")), expected)


class TestTiles:
    def test_that_do_not_overlap_enough_say_what_would(self, run, capsys):
        assert run("photos/one.jpg", "--out", "o.png", "--full-size", "--tile", "32", "--overlap", "0") == 0
        note = capsys.readouterr().err.splitlines()[-1]
        assert note.startswith(
            "minifcn: up to 149 pixels from a border of a tile, scores are not quite those of the whole"
        )
        assert note.endswith("with --tile 554 --overlap 298 they are")

    def test_that_changed_nothing_say_why(self, run, capsys):
        assert run("photos/one.jpg", "--out", "o.png", "--tile", "32") == 0
        note = capsys.readouterr().err.splitlines()[-1]
        assert note.startswith("minifcn: --tile 32 changed nothing: the network saw no side of more than 32 pixels;")
        assert "--full-size" in note


@pytest.mark.parametrize("named", ["photos", "photos/*", "photos/*.*", "photos/*.jpg", "photos/one.jpg"])
def test_pictures_are_not_put_among_the_photographs_of_the_next_time(run, capsys, named):
    before = files("photos")
    assert run(named, "--out", "photos", "--label", "labels") == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "--out photos is a folder of the photographs" in message
    assert files("photos") == before
    assert run(named, "--probabilities", "photos", "--label", "photos/label") == 0
    assert run("photos/one.jpg", "--out", "photos/one-out.png") == 0


def test_results_are_no_photographs_the_next_time(run, capsys):
    assert run("photos", "--out", "photos/results", "--label", "photos/one-label.png") == 2  # of two photographs
    assert run("photos/one.jpg", "--out", "photos/one-out.png", "--label", "photos/labels") == 0
    capsys.readouterr()
    assert run("photos", "--out", "out") == 0
    assert files("out") == ["one.png", "two.png"]
    assert "'photos/**/*.jpg', 'photos/**/*.bmp' would" in capsys.readouterr().err  # and no *.png
    assert run("photos/**/*.png", "--out", "deeper") == 0
    assert files("deeper") == ["two.png"]
    for name, count in (("out", 2), ("photos/labels/*", 1)):
        assert run(name, "--shares", "s.csv") == 2
        assert f"{name}: {count} image" in (said := capsys.readouterr().err)
        assert "written by minifcn itself; name the photographs" in said
    assert run("photos/labels/one.png", "--shares", "s.csv") == 0  # named itself, it is meant


class TestWhatStandsThereAlready:
    FOREIGN = {
        "a mask drawn by hand": ("--label", "masks", "masks/one.png"),
        "a photograph of the same name": ("--out", "photos/one.png", "photos/one.png"),
        "a file of arrays": ("--probabilities", "p.npz", "p.npz"),
        "a table": ("--shares", "s.csv", "s.csv"),
        "a picture that cannot be read": ("--out", "o.png", "o.png"),
        "a link to nothing": ("--out", "link.png", "link.png"),
    }

    @pytest.mark.parametrize("name", FOREIGN)
    def test_is_refused_before_anything_is_written(self, run_folder, workspace, capsys, name):
        option, place, path = self.FOREIGN[name]
        Path("masks").mkdir()
        Image.fromarray(np.eye(40, 60, dtype=np.uint8)).save("masks/one.png")
        Image.new("RGB", (60, 40)).save("photos/one.png")
        np.savez("p.npz", probabilities=np.zeros(3))
        Path("s.csv").write_text("image,label\none.jpg,sky\n")
        Path("o.png").write_text("")
        Path("link.png").symlink_to("nothing.png")
        words = ["predict", "photos/one.jpg", option, place, "--checkpoint", str(run_folder), "--device", "cpu"]
        message = f"{option} would replace 1 file that is there already and was not written by minifcn predict: {path};"
        small_runs.assert_refused(words, message, workspace, capsys)
        assert Path("link.png").is_symlink()

    @pytest.mark.parametrize("option", ["--out", "--label"])
    def test_gets_no_results_beside_it(self, run_folder, workspace, capsys, option):
        """A mask that was predicted would be taken for one that was drawn."""
        Path("masks/a").mkdir(parents=True)
        Image.fromarray(np.eye(40, 60, dtype=np.uint8)).save("masks/other.png")
        words = ["predict", "photos", option, "masks", "--checkpoint", str(run_folder), "--device", "cpu"]
        small_runs.assert_refused(words, f"{option}: masks holds 1 PNG file that was not written by", workspace, capsys)
        assert main([*words[:2], option, "masks/a", *words[4:]]) == 0
        assert main([*words[:1], "photos/one.jpg", option, "masks/one.png", *words[4:]]) == 0  # named itself

    def test_of_a_run_is_no_mask(self, run, run_folder):
        assert (run_folder / "curves.png").exists()
        assert run("photos/one.jpg", "--out", str(run_folder)) == 0
        (run_folder / "one.png").unlink()

    TABLES = {
        "of someone who measures": ("image,height,score\none.jpg,120,0.500000\n", False),
        "whose shares are more than 1": ("image,sky,road\none.jpg,0.500000,0.700000\n", False),
        "of nothing": ("image\none.jpg\n", False),
        "with its first name over two lines": ('image,"a,b",c\n"x\ny.jpg",0.333333,0.666667\n', True),
    }

    @pytest.mark.parametrize(("text", "own"), TABLES.values(), ids=TABLES)
    def test_is_known_by_what_a_table_holds(self, workspace, text, own):
        Path("s.csv").write_text(text)
        assert written.is_own(Path("s.csv")) is own

    def test_is_named_a_few_of_many(self, run, capsys):
        Path("masks").mkdir()
        for number in range(9):
            for folder in ("photos/b", "masks"):
                Image.new("L", (60, 40)).save(f"{folder}/{number}.png")
        assert run("photos/b", "--label", "masks") == 2
        assert "--label would replace 9 files that are there already" in (said := capsys.readouterr().err)
        assert "masks/4.png and 4 more; choose another place" in said

    def test_is_replaced_if_it_is_a_result(self, run):
        options = ["--out", "o", "--label", "l", "--probabilities", "p", "--shares", "s.csv"]
        assert run("photos/one.jpg", *options) == 0
        results = [Path("o/one.png"), Path("l/one.png"), Path("p/one.npz"), Path("s.csv")]
        before = [path.stat().st_ino for path in results]
        assert run("photos/one.jpg", *options) == 0
        assert all(path.stat().st_ino != old for path, old in zip(results, before, strict=True))

    def test_a_label_that_was_corrected_by_hand_is_no_result_any_more(self, run, capsys):
        assert run("photos/one.jpg", "--label", "l") == 0
        with Image.open("l/one.png") as label:
            corrected = label.copy()
        corrected.putpixel((0, 0), 5)
        corrected.save("l/one.png")
        assert run("photos/one.jpg", "--label", "l") == 2
        assert "l/one.png; choose another place" in capsys.readouterr().err


@pytest.fixture
def ctrl_c():
    """Programs that are started stop at Ctrl-C, also where the tests are a background job, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_leaves_whole_files_and_the_shares_of_what_is_done(run_folder, workspace):
    photos = [f"{number}.png" for number in range(200)]
    for photo in photos:
        Image.new("RGB", (300, 200)).save(photo)
    words = ["--label", "l", "--probabilities", "p", "--shares", "s.csv", "--checkpoint", run_folder, "--device", "cpu"]
    command = [sys.executable, "-m", "minifcn", "predict", *photos, *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while len(list(Path("l").glob("*.png"))) < 3:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    done = [row[0] for row in table("s.csv")][1:]
    assert 3 <= len(done) < 200
    assert done == photos[: len(done)]
    assert not list(Path(".").rglob(".minifcn*"))
    for path in Path("l").iterdir():
        Image.open(path).load()
    for path in Path("p").iterdir():
        assert np.load(path)["probabilities"].shape == (200, 300, 6)


class TestKnownClasses:
    def test_are_told_once_whatever_is_segmented(self, run, run_folder, capsys):
        assert run("photos", "--out", "out") == 0
        told = [line for line in capsys.readouterr().err.splitlines() if "knows" in line]
        classes = "background, disc, square, triangle, ring, cross (6 classes)"
        assert told == [f"minifcn: {run_folder} knows {classes}, trained on images of 32 x 32"]

    def test_are_cut_short_where_there_are_many(self):
        config = Config(class_names=("a" * 30, *"bcdefghi"), palette=((0, 0, 0),) * 9, crop=(240, 320))
        assert knows(config) == (
            "knows aaaaaaaaaaaaaa...aaaaaaa, b, c, d, e, f, g, h, ... (9 classes), trained on crops of 320 x 240"
        )


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc here")
@pytest.mark.parametrize(
    ("option", "name"), [("--label", "x.png"), ("--out", "x"), ("--shares", "x.csv"), ("--probabilities", "x.npz")]
)
def test_a_place_that_takes_no_file_is_refused_before_any_work(run, capsys, option, name):
    """Whatever the permissions say: root has all of them."""
    assert run("photos", option, f"/proc/self/{name}") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"minifcn: {option}")
    assert "/proc/self" in line


def test_the_pictures_of_a_run_are_no_photographs(run, run_folder, workspace, capsys):
    assert run(str(run_folder), "--out", "out") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("images, written by minifcn itself; name the photographs to segment")
    assert run(str(run_folder), "photos/one.jpg", "--out", "out") == 2
    Image.open("photos/two.png").save("photos/curves.png")  # of nobody's run
    assert run("photos", "--out", "out") == 0
    assert "curves.png" in files("out")
