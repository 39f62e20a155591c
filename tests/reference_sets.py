"""NYUDv2, SIFT Flow and PASCAL-Context, small, in the folders and files that the reference implementation reads."""

import numpy as np
import scipy.io
from PIL import Image

SCENES = "spatial_envelope_256x256_static_8outdoorcategories"
CONTEXT_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor", "bag", "bed", "bench"),
    *("book", "building", "cabinet", "ceiling", "clothes", "computer", "cup", "door", "fence", "floor", "flower"),
    *("food", "grass", "ground", "keyboard", "light", "mountain", "mouse", "curtain", "platform", "sign", "plate"),
    *("road", "rock", "shelves", "sidewalk", "sky", "snow", "bedcloth", "track", "tree", "truck", "wall", "water"),
    *("window", "wood"),
)
# As labels.txt has them: more classes, in another order, some with spaces or other names.
ALL_CONTEXT_CLASSES = ("accordion", "air conditioner", *reversed(CONTEXT_CLASSES), "antenna")
OTHER_NAMES = {"diningtable": "table", "bedcloth": "bedclothes", "clothes": "cloth", "tvmonitor": "tv monitor"}


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _image(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, quality=95)


def _mat(path, **variables):
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, variables, do_compression=True)


def nyud(root, rng, size=(24, 32), splits=None):
    """NYUDv2 as in nyud.tar.gz; gives the labels by number, 0 for void and 1..40."""
    labels = {}
    for split, numbers in (splits or {"train": (5001, 5002), "val": (5003,), "test": (5004, 5005)}).items():
        _write(root / f"{split}.txt", "".join(f"{number}\n" for number in numbers))
        for number in numbers:
            labels[number] = rng.integers(0, 41, (1, size[1])).repeat(size[0], axis=0).astype(np.uint8)
            _mat(root / "segmentation" / f"img_{number}.mat", segmentation=labels[number])
            _image(root / f"data/images/img_{number}.png", rng.integers(0, 256, (*size, 3), np.uint8))
            _image(root / f"data/hha/img_{number}.png", rng.integers(0, 256, (*size, 3), np.uint8))
            _image(root / f"data/depth/img_{number}.png", rng.integers(700, 9000, size).astype(np.uint16))
    return labels


def siftflow(root, rng, size=(32, 32), splits=None):
    """SIFT Flow; gives semantic (0 for void, 1..33) and geometric labels (-1 for void, 1..3) by name."""
    labels = {}
    splits = splits or {"trainval": ("coast_art294", "street_urb1"), "test": ("forest_for7",)}
    for split, names in splits.items():
        _write(root / f"{split}.txt", "".join(f"{name}\n" for name in names))
        for name in names:
            semantic = rng.integers(0, 34, (size[0], 1)).repeat(size[1], axis=1).astype(np.uint8)
            geometric = rng.choice([-1, 1, 2, 3], (size[0], 1)).repeat(size[1], axis=1).astype(float)
            labels[name] = semantic, geometric
            names_ = np.array([["sky", "tree"]], object)  # the published files list names beside the map
            _mat(root / "SemanticLabels" / SCENES / f"{name}.mat", S=semantic, names=names_)
            _mat(root / "GeoLabels" / SCENES / f"{name}.mat", S=geometric, names=names_)
            _image(root / "Images" / SCENES / f"{name}.jpg", rng.integers(0, 256, (*size, 3), np.uint8))
    return labels


def pascal_context(root, rng, size=(24, 32), splits=None):
    """VOC2010 and pascal-context/; gives the labels by name, as labels.txt numbers them."""
    labels, context = {}, root / "pascal-context"
    every = [OTHER_NAMES.get(name, name) for name in ALL_CONTEXT_CLASSES]
    _write(context / "labels.txt", "".join(f"{n}: {name}\n" for n, name in enumerate(every, 1)))
    _write(context / "59_labels.txt", "".join(f"{n}: {name}\n" for n, name in enumerate(CONTEXT_CLASSES, 1)))
    for split, names in (splits or {"train": ("2008_000002", "2008_000003"), "val": ("2008_000007",)}).items():
        _write(root / f"VOC2010/ImageSets/Main/{split}.txt", "".join(f"{name}\n" for name in names))
        _write(root / f"VOC2010/ImageSets/Main/cat_{split}.txt", "".join(f"{name} -1\n" for name in names))
        for name in names:
            labels[name] = rng.integers(1, len(every) + 1, (1, size[1])).repeat(size[0], axis=0).astype(np.uint16)
            _mat(context / "trainval" / f"{name}.mat", LabelMap=labels[name])
            _image(root / f"VOC2010/JPEGImages/{name}.jpg", rng.integers(0, 256, (*size, 3), np.uint8))
    return labels


def voc(root, rng, size=(24, 32), names=("a", "b", "c")):
    """VOCdevkit with VOC2012, the last image of which is for validation."""
    year = root / "VOC2012"
    for split, some in (("train", names[:-1]), ("val", names[-1:])):
        _write(year / f"ImageSets/Segmentation/{split}.txt", "".join(f"{name}\n" for name in some))
    for name in names:
        _image(year / f"JPEGImages/{name}.jpg", rng.integers(0, 256, (*size, 3), np.uint8))
        _image(
            year / f"SegmentationClass/{name}.png",
            rng.integers(0, 21, (1, size[1])).repeat(size[0], 0).astype(np.uint8),
        )


def camvid(root, rng, size=(24, 32), names=("a", "b", "c")):
    """CamVid in the layout of Kaggle, with 32 classes, the last of which is Void."""
    palette = np.array([(8 * number, 255 - number, 3 * number) for number in range(32)], np.uint8)
    rows = [f"class{n}, {r}, {g}, {b}" for n, (r, g, b) in enumerate(palette[:-1].tolist())]
    _write(root / "class_dict.csv", "\n".join(["name, r, g, b", *rows, "Void, 248, 224, 93", ""]))
    for number, name in enumerate(names):
        split = "val" if number + 1 == len(names) else "train"
        _image(root / split / f"{name}.png", rng.integers(0, 256, (*size, 3), np.uint8))
        _image(
            root / f"{split}_labels" / f"{name}_L.png", palette[rng.integers(0, 32, (1, size[1])).repeat(size[0], 0)]
        )
