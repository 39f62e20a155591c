"""What the user got wrong is one line on stderr and exit status 2; nothing is written."""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small_runs

from minifcn.backend import cuda_problem
from minifcn.cli import COMMANDS, main


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    assert small_runs.train(out, "--epochs", "1") == 0
    return out


@pytest.fixture
def workspace(tmp_path, monkeypatch, run_folder):
    """A folder with a checkpoint, bad files, and data sets that miss something; it is the current one."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(run_folder / "best.npz", "best.npz")
    content = Path("best.npz").read_bytes()
    Path("cut.npz").write_bytes(content[: len(content) // 2])
    Path("pickle.npz").write_bytes(pickle.dumps({"epoch": 3}))
    np.savez("foreign.npz", weights=np.zeros(3))
    np.savez("object.npz", about=np.array([{"a": 1}], object), allow_pickle=True)
    Path("empty.jpg").write_bytes(b"")
    Path("text.jpg").write_text("not a photograph")
    for folder in ("train", "trainannot", "val", "valannot"):
        Path("camvid", folder).mkdir(parents=True)
    for name in ("a/1.PNG", "a/2.PNG", "b/c/3.jpg", "b/notes.txt"):
        Path("deep", name).parent.mkdir(parents=True, exist_ok=True)
        Path("deep", name).touch()
    Path("file").write_text("in the way")
    Path("here").symlink_to(".")
    Path("cut").mkdir()
    Path("folder.md").mkdir()
    shutil.copy("cut.npz", "cut/checkpoint.npz")
    return tmp_path


TRAIN = ["train", "--device", "cpu", "--epochs", "1", "--out", "out"]
PREDICT = ["predict", "photo.jpg", "--out", "out.png", "--device", "cpu", "--checkpoint", "best.npz"]
MISTAKES = {
    "no command": ([], "COMMAND"),
    "an option of another command": (["check-data", "--data", "shapes"], "--data; minifcn check-data -h shows what"),
    "a misspelt command": (["trian"], "there is no 'trian'; did you mean 'train'? minifcn -h shows what there is"),
    "unknown command": (["segment"], "there is no 'segment'; choose train, recipes, evaluate, "),
    "unknown option": ([*TRAIN, "--learning-rate", "1"], "there is no option --learning-rate; minifcn train -h"),
    "a misspelt option": (
        [*TRAIN, "--devise", "cpu"],
        "there is no option --devise; did you mean '--device'? minifcn train -h shows what there is",
    ),
    "a misspelt option with its value": ([*TRAIN, "--epocs=3"], "no option --epocs; did you mean '--epochs'?"),
    "a misspelt option that is required": (["train", "--otu", "x"], "no option --otu; did you mean '--out'?"),
    "a misspelt option before the command": (["--versoin", "train"], "no option --versoin; did you mean '--version'?"),
    "more pictures than there are": (
        ["predict", "--data", "shapes", "--images", "101", "--out", "o"],
        "--images must be at most 100, as the split test has no more pictures, got 101",
    ),
    "no --out": (["train"], "--out"),
    "missing folder": ([*TRAIN, "--data", "camvid:nowhere"], "nowhere"),
    "empty split": ([*TRAIN, "--data", "camvid:camvid"], "camvid"),
    "unknown data set": ([*TRAIN, "--data", "cityscapes"], "cityscapes"),
    "unknown model": ([*TRAIN, "--model", "fcn8"], "fcn32s, fcn16s, fcn8s"),
    "unknown variant": ([*TRAIN, "--variant", "fast"], "--variant must be aligned, paper or lecture"),
    "unknown optimizer": ([*TRAIN, "--optimizer", "rmsprop"], "--optimizer must be adam, sgd or caffe-sgd"),
    "a rate whose double is infinite": (
        [*TRAIN, "--optimizer", "sgd", "--lr", "1e308"],
        "--lr must be a number above 0",
    ),
    "negative learning rate": ([*TRAIN, "--lr", "-0.1"], "--lr must be a number above 0"),
    "a word for a number": ([*TRAIN, "--lr", "fast"], "--lr"),
    "no epochs": ([*TRAIN, "--epochs", "0"], "--epochs must be a whole number from 1 up"),
    "size without x": ([*TRAIN, "--size", "480"], "'480' is not HEIGHTxWIDTH"),
    "size zero": ([*TRAIN, "--size", "0x32"], "--size"),
    "width zero": ([*TRAIN, "--width", "0"], "--width must be a number above 0"),
    "negative width": ([*TRAIN, "--width", "-1"], "--width must be a number above 0"),
    "scale upside down": ([*TRAIN, "--scale", "2,1"], "--scale must be LOW,HIGH"),
    "unknown device": ([*TRAIN, "--device", "tpu"], "tpu"),
    "out is a file": ([*TRAIN, "--images", "2", "--out", "file"], "file"),
    "nothing to resume": ([*TRAIN, "--resume"], "out/checkpoint.npz: there is no such file"),
    "evaluate, no checkpoint": (["evaluate", "--checkpoint", "none.npz"], "none.npz: there is no such file"),
    "evaluate, a folder": (["evaluate", "--checkpoint", "camvid"], "camvid: this folder has no best.npz"),
    "evaluate, cut off": (["evaluate", "--checkpoint", "cut.npz"], "cut.npz: not a minifcn checkpoint, or damaged"),
    "evaluate, a pickle": (["evaluate", "--checkpoint", "pickle.npz"], "pickle.npz: not a minifcn checkpoint"),
    "evaluate, pickle inside": (["evaluate", "--checkpoint", "object.npz"], "object.npz: about.npy holds pickled"),
    "evaluate, foreign": (["evaluate", "--checkpoint", "foreign.npz"], "foreign.npz: neither a checkpoint of minifcn"),
    "evaluate, confusion as JPEG": (
        ["evaluate", "--checkpoint", "best.npz", "--confusion", "c.csv", "c.jpg"],
        "--confusion must end in .csv, for the numbers, or .png, for a picture, but is c.jpg",
    ),
    "evaluate, confusion in no folder": (
        ["evaluate", "--checkpoint", "best.npz", "--confusion", "none/c.csv"],
        "--confusion: there is no folder none",
    ),
    "evaluate, split": (["evaluate", "--checkpoint", "best.npz", "--split", "x"], "'x'"),
    "predict, no photo": (PREDICT, "photo.jpg: no such file"),
    "predict, empty": (["predict", "empty.jpg", "--checkpoint", "best.npz", "--out", "o.png"], "empty.jpg"),
    "predict, text": (["predict", "text.jpg", "--checkpoint", "best.npz", "--out", "o.png"], "text.jpg"),
    "predict, foreign": ([*PREDICT, "--checkpoint", "foreign.npz"], "foreign.npz: neither a checkpoint of minifcn"),
    "predict to JPEG": (
        ["predict", "a.jpg", "--checkpoint", "best.npz", "--out", "o.jpg"],
        "--out must end in .png or be a folder, but is o.jpg",
    ),
    "predict onto the photo": (
        ["predict", "a.png", "--checkpoint", "best.npz", "--out", "a.png"],
        "would replace the photograph itself",
    ),
    "two photos, one file": (
        ["predict", "a.jpg", "b.jpg", "--checkpoint", "best.npz", "--out", "o.png"],
        "--out must be a folder for 2 photos",
    ),
    "predict to nothing": (["predict", "a.jpg", "--checkpoint", "best.npz"], "no result was asked for; give at least"),
    "predict a folder without images": (
        ["predict", "camvid", "--checkpoint", "best.npz", "--out", "o"],
        "camvid: there is no image in this folder; name another one, or an image",
    ),
    "predict a folder whose images lie deeper": (
        ["predict", "deep", "--checkpoint", "best.npz", "--out", "o"],
        "deep: there is no image in this folder; those in folders below it are 'deep/**/*.PNG' 'deep/**/*.jpg'",
    ),
    "predict what no name matches": (
        ["predict", "*.tiff", "--checkpoint", "best.npz", "--out", "o"],
        "*.tiff: no image has a name of this pattern",
    ),
    "probabilities to a picture": ([*PREDICT, "--probabilities", "o.png"], "--probabilities must end in .npz or be"),
    "shares to a folder": ([*PREDICT, "--shares", "camvid"], "--shares must end in .csv, but is camvid"),
    "shares in no folder": ([*PREDICT, "--shares", "none/s.csv"], "--shares: there is no folder none"),
    "overlap without tiles": ([*PREDICT, "--overlap", "64"], "--overlap is of tiles; give --tile too"),
    "tiles that do not move on": (
        [*PREDICT, "--tile", "64", "--overlap", "48"],
        "overlap by 48 are 16 apart, but the network's stride is 32: choose a tile of at least 80",
    ),
    "predict with a run's folder that has none": (
        ["predict", "a.jpg", "--checkpoint", "camvid", "--out", "o"],
        "camvid: this folder has no best.npz",
    ),
    "predict onto the photo, through a link": (
        ["predict", "a.png", "--checkpoint", "best.npz", "--out", "here/a.png"],
        "would replace the photograph itself",
    ),
    "predict onto the photo, in capitals": (
        ["predict", "a.png", "--checkpoint", "best.npz", "--out", "./A.PNG"],
        "would replace the photograph itself",
    ),
    "label onto the photo": (
        ["predict", "a.png", "--checkpoint", "best.npz", "--out", "o", "--label", "."],
        "--label a.png would replace the photograph itself",
    ),
    "predict onto the checkpoint": (
        ["predict", "a.jpg", "--checkpoint", "x.png", "--out", "x.png"],
        "would replace the checkpoint itself",
    ),
    "out and label are one file": (
        ["predict", "a.jpg", "--checkpoint", "best.npz", "--out", "o.png", "--label", "./o.png"],
        "--label o.png is a file of --out as well",
    ),
    "out and label are one folder": (
        ["predict", "a.jpg", "b.jpg", "--checkpoint", "best.npz", "--out", "o", "--label", "camvid/../o"],
        "is a file of --out as well",
    ),
    "out and label are one folder, through a link": (
        ["predict", "a.jpg", "--checkpoint", "best.npz", "--out", ".", "--label", "here"],
        "is a file of --out as well",
    ),
    "out and label are one file, in capitals": (
        ["predict", "a.jpg", "--checkpoint", "best.npz", "--out", "o.png", "--label", "O.png"],
        "is a file of --out as well",
    ),
    "a file in a folder of results": (
        ["predict", "a.jpg", "--checkpoint", "best.npz", "--out", "o", "--label", "o/a.png"],
        "is a file of --out as well",
    ),
    "predict into a file": (
        ["predict", "a.jpg", "--checkpoint", "best.npz", "--out", "file"],
        "--out must end in .png or be a folder, but file is a file",
    ),
    "longer side zero": ([*PREDICT, "--longer-side", "0"], "--longer-side"),
    "longer side and size": (
        [*PREDICT, "--longer-side", "9", "--size", "9x9"],
        "not allowed with",
    ),
    "out empty": (["train", "--out", ""], "--out: is empty"),
    "out below a file": ([*TRAIN, "--out", "file/out"], "--out must be a folder, but file is a file"),
    "predict below a file": (
        ["predict", "a.jpg", "--checkpoint", "best.npz", "--out", "o", "--label", "file/o"],
        "--label must be a folder, but file is a file",
    ),
    "bench into a folder": (["bench", "--out", "folder.md"], "--out must be a file, but folder.md is a folder"),
    "resume a folder without a run": (["train", "--resume", "--out", "camvid"], "camvid/checkpoint.npz: there is no"),
    "resume a damaged run": (["train", "--resume", "--out", "cut"], "cut/checkpoint.npz: not a minifcn checkpoint"),
    "resume and overwrite": ([*TRAIN, "--resume", "--overwrite"], "choose one of the two"),
    "summary, width zero": (["summary", "--width", "0"], "--width must be a number above 0"),
    "summary, unknown model": (["summary", "fcn9s"], "did you mean 'fcn8s'"),
    "alpha of 2": ([*PREDICT, "--alpha", "2"], "--alpha"),
}


NUMBERS = {
    "train --out out": {
        "--lr": ["nan", "inf", "0", "-1", "1e999", "1_0", "१", "", "0x10", "1,5"],
        "--seed": ["-1", "1.5", "1e9", "٣", "99999999999999999999", "nan"],
        "--epochs": ["0", "-1", "1e9", "１", " 5"],
        "--batch-size": ["0", "-8", "inf"],
        "--images": ["0", "-3", "1.0"],
        "--size": ["0x0", "-1x5", "32x", "３2x32", "99999x1", "1e3x1"],
        "--crop": ["0x32"],
        "--scale": ["nan,nan", "0,1", "1", "1,inf"],
        "--dropout": ["1", "-0.1", "nan"],
        "--width": ["nan", "-1", "1e9"],
        "--momentum": ["1", "nan"],
        "--weight-decay": ["-1", "inf"],
        "--checkpoint-every": ["nan", "inf", "-1"],
    },
    "predict a.png --checkpoint best.npz --out o": {
        "--alpha": ["nan", "-0.1", "1.1"],
        "--size": ["0x0"],
        "--longer-side": ["0", "1e9", "20000"],
        "--tile": ["0", "-1", "512x512", "20000"],
        "--overlap": ["-1", "1.5"],
        "--scales": ["0", "1,", "nan", "0.75;1", "100", ",".join(17 * "1")],
    },
    "evaluate --checkpoint best.npz": {"--images": ["0", "1e9"], "--batch-size": ["0", "nan"], "--size": ["0x5"]},
    "summary": {"--width": ["nan", "0"], "--classes": ["0", "1000000000"], "--size": ["0x0"]},
    "bench": {"--rounds": ["0", "nan", "-1"]},
    "gradcheck": {"--seed": ["-1", "nan"], "--order": ["3"]},
}
WRONG_NUMBERS = [
    ([*command.split(), f"{option}={value}"], option)
    for command, options in NUMBERS.items()
    for option, values in options.items()
    for value in values
]


@pytest.mark.parametrize(("arguments", "option"), WRONG_NUMBERS, ids=lambda value: str(value))
def test_a_wrong_number_is_one_line_that_names_its_option(workspace, capsys, arguments, option):
    small_runs.assert_refused(arguments, option, workspace, capsys)


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_nothing_is_written(workspace, capsys, arguments, message):
    small_runs.assert_refused(arguments, message, workspace, capsys)


def test_a_folder_that_cannot_be_written_to_is_refused_before_any_work(workspace, capsys, monkeypatch):
    """For root, under whom tests may run, every folder can be written to."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr("minifcn.cli.train.open_data", None)
    small_runs.assert_refused(TRAIN, "--out: there is no permission to write in .", workspace, capsys)
    arguments = ["predict", "a.jpg", "--checkpoint", "best.npz", "--out", "o/a.png"]
    small_runs.assert_refused(arguments, "--out: there is no permission to write in .", workspace, capsys)


def test_an_out_that_is_a_link_to_nothing_is_refused(workspace, capsys):
    (workspace / "link").symlink_to("nowhere")
    message = "--out: link is a link to what does not exist"
    small_runs.assert_refused([*TRAIN, "--out", "link"], message, workspace, capsys)


def test_cuda_without_a_gpu_says_why(workspace, capsys):
    if not cuda_problem():
        pytest.skip("this machine has a GPU")
    assert main([*TRAIN, "--device", "cuda"]) == 2
    assert cuda_problem() in capsys.readouterr().err
    assert not Path("out").exists()


def test_classes_of_another_data_set_are_refused(workspace, capsys, camvid_root):
    assert main(["evaluate", "--checkpoint", "best.npz", "--data", f"camvid:{camvid_root}"]) == 2
    assert "was trained on" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_there_and_short(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*command.split(), "-h"])
    assert stop.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) < 90


def test_a_reader_who_leaves_is_no_error(workspace):
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "-c", "import sys; from minifcn.cli import main; sys.exit(main(sys.argv[1:]))"]
    arguments = ["evaluate", "--checkpoint", "best.npz", "--images", "1", "--device", "cpu"]
    with os.fdopen(write_end, "w") as nobody:
        result = subprocess.run([*command, *arguments], stdout=nobody, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 141
    assert result.stderr == ""
