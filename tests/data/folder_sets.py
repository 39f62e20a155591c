"""Folders of images and masks of a few pixels: as people and their tools leave them, and with one fault each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from minifcn.data.voc import voc_palette

IMAGE = np.arange(8 * 12 * 3, dtype=np.uint8).reshape(8, 12, 3)
MASK = np.array([[0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]] * 8, np.uint8)
COLOURS = np.array([(0, 0, 0), (128, 64, 128), (0, 0, 142)], np.uint8)
NAMES = "background\nroad\ncar\n"


def save(array, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, np.uint8)).save(path, **options)


def save_palette(array, path):
    """Save class indices with VOC's palette, as labelme does: what is -1 there is 255 in the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(array, np.uint8))
    image.putpalette(voc_palette(256).tobytes())
    image.save(path)


def save_turned(array, path, orientation):
    """Save an image with a mark that it is to be shown turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(array, path, exif=exif)


def photos(root, names="abcdef", images="images", masks="masks", suffix="", mask=MASK):
    """Images, no two of which are alike, and masks in two folders."""
    for number, name in enumerate(names):
        save(np.roll(IMAGE, 7 * number), root / images / f"{name}.jpg")
        save(mask, root / masks / f"{name}{suffix}.png")
    return root


def labelme(root, version=5):
    """What labelme2voc.py writes; version 4 calls the folders otherwise."""
    arrays, pngs = {4: ("SegmentationClass", "SegmentationClassPNG"), 5: ("SegmentationClassNpy", "SegmentationClass")}[
        version
    ]
    for name in ("2011_000003", "2011_000006", "2011_000025"):
        save(IMAGE, root / "JPEGImages" / f"{name}.jpg")
        label = np.where(MASK == 2, -1, 15 * MASK.astype(np.int32))
        save_palette(label & 255, root / pngs / f"{name}.png")
        (root / arrays).mkdir(exist_ok=True)
        np.save(root / arrays / f"{name}.npy", label)
        save(IMAGE, root / "SegmentationClassVisualization" / f"{name}.jpg")
    names = ["_background_", *(f"class of the line {line}" for line in range(2, 16)), "person", "tv/monitor"]
    (root / "class_names.txt").write_text("\n".join(names))
    return root


def keras_segmentation(root):
    """The folders of the sample set of keras-segmentation: class indices in three equal channels."""
    for split, names in (("train", ["0001TP_006690", "0001TP_006720", "0001TP_006750"]), ("test", ["0016E5_07959"])):
        for name in names:
            save(IMAGE, root / f"images_prepped_{split}" / f"{name}.png")
            save(np.repeat(MASK[..., None], 3, axis=2), root / f"annotations_prepped_{split}" / f"{name}.png")
    return root


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a folder that is sound otherwise.

    Parameters
    ----------
    make : callable of (root, name)
        Damages the pair of that name, or the folder.
    file : str
        The end of the path that the sentence names; {} is the name of the pair.
    says : str
        What the sentence also has: the rule, or the fix.
    alone : bool
        Whether nothing else can be found out about a folder with it.
    """

    make: Callable[[Path, str], None]
    file: str
    says: str
    alone: bool = False


def _mask(array, **options):
    return lambda root, name: save(array, root / "masks" / f"{name}.png", **options)


def _image(array):
    return lambda root, name: save(array, root / "images" / f"{name}.jpg")


def _write(place, content):
    def write(root, name):
        (root / place.format(name)).write_bytes(content)

    return write


def _add(place, content, first=b""):
    """Add lines to a text that may have been written already, or else begin it."""

    def add(root, name):
        path = root / place
        path.write_bytes((path.read_bytes() if path.exists() else first) + content)

    return add


def _cut(place, length):
    def cut(root, name):
        path = root / place.format(name)
        path.write_bytes(path.read_bytes()[:length])

    return cut


def _move(place, to):
    def move(root, name):
        (root / to.format(name)).parent.mkdir(exist_ok=True)
        (root / place.format(name)).rename(root / to.format(name))

    return move


def _link(place):
    """Put a link to nothing in the place of a file."""

    def link(root, name):
        (root / place.format(name)).unlink(missing_ok=True)
        (root / place.format(name)).symlink_to(root / "moved" / name)

    return link


def _wrong_bit(root, name):
    path = root / "masks" / f"{name}.png"
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 9] ^= 1
    path.write_bytes(content)


def _with(value):
    mask = MASK.copy()
    mask[1, 2] = value
    return mask


def _smoothed():
    grey = 255 * (MASK == 1).astype(int)
    grey[0, :4] = 40, 90, 130, 200
    return grey


def _only_json(root, name):
    for mask in (root / "masks").iterdir():
        (root / "images" / f"{mask.stem}.json").write_text("{}")
        mask.unlink()


FAULTS = {
    "image without a mask": Fault(_move("masks/{}.png", "spare/{}.png"), "images/{}.jpg", "or remove the image"),
    "mask without an image": Fault(_move("images/{}.jpg", "spare/{}.jpg"), "masks/{}.png", "add the image or remove"),
    "two masks": Fault(
        lambda root, name: save(MASK, root / "masks" / f"{name}_label.png"), "images/{}.jpg", "leave one in masks/"
    ),
    "two images of one name": Fault(
        lambda root, name: save(IMAGE, root / "images" / f"{name}.png"), "images/{}.png", "rename one of the two"
    ),
    "names that differ in capitals": Fault(
        lambda root, name: save(IMAGE, root / "images" / f"{name.upper()}.jpg"), ".jpg", "on some disks they are one"
    ),
    "image that a phone saved as HEIC": Fault(
        _move("images/{}.jpg", "images/{}.HEIC"), "images/{}.HEIC", "save it as JPEG"
    ),
    "mask that is a link to nothing": Fault(_link("masks/{}.png"), "masks/{}.png", "mend the link, or remove it"),
    "list that is a link to nothing": Fault(_link("class_dict.csv"), "class_dict.csv", "mend the link, or remove it"),
    "split that is a link to nothing": Fault(_link("trainval.txt"), "trainval.txt", "mend the link, or remove it"),
    "list without a class": Fault(_write("labels.txt", b""), "labels.txt", "write one name a line, or remove the file"),
    "row that lacks a number": Fault(
        _add("classes.csv", b"car,200,0\n", b"name,r,g,b\nbackground,0,0,0\n"), "classes.csv", "line 3: a row reads"
    ),
    "empty mask file": Fault(_write("masks/{}.png", b""), "masks/{}.png", "copy or download it again"),
    "cut mask": Fault(_cut("masks/{}.png", 50), "masks/{}.png", "copy or download it again"),
    "mask with a wrong checksum": Fault(_wrong_bit, "masks/{}.png", "copy or download it again"),
    "mask saved as JPEG": Fault(
        lambda root, name: save(MASK, root / "masks" / f"{name}.png", format="JPEG"), "masks/{}.png", "as PNG"
    ),
    "mask with transparent pixels": Fault(
        _mask(np.dstack([MASK] * 3 + [MASK])), "masks/{}.png", "save the label without alpha"
    ),
    "mask with an animation": Fault(
        _mask(MASK, save_all=True, append_images=[Image.fromarray(MASK.T.copy().reshape(8, 12))]),
        "masks/{}.png",
        "save one",
    ),
    "value beyond the classes": Fault(_mask(_with(7)), "masks/{}.png", "it holds the value 7, but there are 3 classes"),
    "index beyond 255": Fault(
        lambda root, name: Image.fromarray(_with(0).astype(np.uint16) + 300).save(root / "masks" / f"{name}.png"),
        "masks/{}.png",
        "save the label with 8 bits",
    ),
    "smoothed edges": Fault(_mask(_smoothed()), "masks/{}.png", "resize with nearest neighbour"),
    "photograph as a mask": Fault(
        lambda root, name: save(np.random.default_rng(0).integers(0, 256, (40, 40, 3)), root / "masks" / f"{name}.png"),
        "masks/{}.png",
        "save the mask that belongs there",
    ),
    "classes in two files that differ": Fault(
        _write("class_names.txt", b"background\nroad\ntree\n"), "class_names.txt", "remove the one that is wrong"
    ),
    "class twice": Fault(_add("labels.txt", b"road\nroad\n", b"background\n"), "labels.txt", "line 3: 'road'"),
    "table called a list": Fault(
        _add("labels.txt", b"car,1,1,1\n", b"background,0,0,0\n"), "labels.txt", "name the file classes.csv"
    ),
    "two classes that do not count": Fault(
        _add("labels.txt", b"void\nunknown\n", b"background\n"), "labels.txt", "both stand for what does not count"
    ),
    "colour out of range": Fault(
        _add("classes.csv", b"road,1,2,300\n", b"name,r,g,b\nbackground,0,0,0\n"),
        "classes.csv",
        "but 300 is not within 0..255; correct the row",
    ),
    "list of an image that is not there": Fault(
        _add("train.txt", b"nobody\n", b"a\nb\n"), "train.txt", "line 3: there is no image with a mask"
    ),
    "image in two lists": Fault(
        lambda root, name: [_add(f"{split}.txt", b"c\n")(root, "") for split in ("train", "val")],
        "val.txt",
        "an image is in one split, once",
    ),
    "list of validation alone": Fault(_write("val.txt", b"a\n"), "", "name the images to train on in train.txt", True),
    "empty list": Fault(_write("test.txt", b"\n"), "test.txt", "the list names no images"),
    "no folder of masks": Fault(_move("masks", "other"), "", "no masks/: draw them in labelme, or add masks", True),
    "no folder of images": Fault(_move("images", "other"), "", "no folder of images beside it", True),
    ".json files that are not labelme's": Fault(_only_json, "", "no .json file of labelme has the name", True),
    "two folders of images": Fault(
        lambda root, name: photos(root, "a", images="JPEGImages"),
        "",
        "JPEGImages/ and images/ both look like the images",
    ),
    "two folders of masks": Fault(
        lambda root, name: photos(root, "a", masks="labels"), "", "labels/ and masks/ both look like the masks"
    ),
    "images divided, masks not": Fault(
        lambda root, name: [(root / "images").rename(root / "train"), (root / "train").rename(root / "images_train")],
        "",
        "divide both folders alike",
        True,
    ),
    "names of another kind": Fault(
        lambda root, name: [path.rename(path.with_name(f"m{path.name}")) for path in (root / "masks").iterdir()],
        "masks",
        "name masks as their images",
        True,
    ),
    "one class alone": Fault(
        lambda root, name: [save(0 * MASK, path) for path in (root / "masks").iterdir()], "", "look whether", True
    ),
}
# On opening an image, and not before.
IMAGE_FAULTS = {
    "cut image": Fault(_cut("images/{}.jpg", 200), "images/{}.jpg", "copy or download it again"),
    "image that is a link to nothing": Fault(_link("images/{}.jpg"), "images/{}.jpg", "mend the link, or remove it"),
    "image that Git LFS has not fetched": Fault(
        _write("images/{}.jpg", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        "images/{}.jpg",
        "run git lfs pull",
    ),
    "web page called an image": Fault(
        _write("images/{}.jpg", b"\n<!DOCTYPE html><html>404</html>"), "images/{}.jpg", "it is a web page"
    ),
    "empty image": Fault(_write("images/{}.jpg", b""), "images/{}.jpg", "copy or download it again"),
    "mask of another size": Fault(_mask(MASK[:6]), "masks/{}.png", "scale the label with nearest neighbour"),
    "mask turned": Fault(_mask(MASK.T), "masks/{}.png", "turned by 90 degrees"),
    "image upside down by its EXIF data": Fault(
        lambda root, name: save_turned(IMAGE, root / "images" / f"{name}.jpg", 3), "images/{}.jpg", "save the image"
    ),
}
