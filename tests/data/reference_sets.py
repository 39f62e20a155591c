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
