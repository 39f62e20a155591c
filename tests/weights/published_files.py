"""Files of weights as everybody publishes them: the right names, layouts and proportions of shapes, made-up values."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from weight_files import blob, caffemodel, caffemodel_v1, keras_archive, legacy_blob, torch_files

from minifcn import models

CONVS = [f"conv{stage}_{n}" for stage, count in enumerate((2, 2, 3, 3, 3), 1) for n in range(1, count + 1)]
FEATURES = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]


@dataclass
class Source:
    """What `minifcn.weights.read` gives."""

    arrays: dict[str, np.ndarray]
    path: Path = Path("file")
    container: str = "npz"
    about: dict[str, Any] = field(default_factory=dict)
    sha256: str = "0" * 64


def drawn(shapes, seed=0, dtype="float32"):
    """Numbers of the size that weights have, so that scores stay finite and no two arrays are alike."""
    rng = np.random.default_rng(seed)
    return {
        name: (rng.standard_normal(shape) / np.sqrt(max(1, np.prod(shape[1:])))).astype(dtype)
        for name, shape in shapes.items()
    }


def state_of(name, classes=21, seed=0, dtype="float32", **options):
    """The state of a network in the paper's variant, all of it drawn, the bilinear kernels too."""
    options = {"variant": "paper", "width": 1 / 64, **options}
    model = models.create(name, num_classes=classes, **options)
    return drawn({key: p.shape for key, p in model.named_parameters()}, seed, dtype)


def vgg16(width=1 / 64, classes=10, seed=0, dtype="float32"):
    """A classifier: the trunk, and fc8 as a matrix."""
    state = state_of("fcn32s", classes, seed, dtype, width=width)
    state = {name: array for name, array in state.items() if not name.startswith(("score", "upscore"))}
    return state | drawn({"fc8.weight": (classes, len(state["fc7.bias"])), "fc8.bias": (classes,)}, seed + 1, dtype)


def of_googlenet(state):
    """The names that Caffe has, of a GoogLeNet's state."""
    caffe = {"conv1_7x7_s2": "conv1/7x7_s2", "conv2_3x3_reduce": "conv2/3x3_reduce", "conv2_3x3": "conv2/3x3"}
    renamed = {}
    for (layer, part), array in split(state):
        name = caffe.get(layer, layer.replace(".conv", "/").replace(".pool_proj", "/pool_proj"))
        renamed[f"{name}.{part}"] = array
    return renamed


def matrix(array):
    return array.reshape(len(array), -1)


def as_torchvision(state):
    heads = {"fc6": "classifier.0", "fc7": "classifier.3", "fc8": "classifier.6"}
    layers = dict(zip(CONVS, (f"features.{n}" for n in FEATURES), strict=True)) | heads
    return {
        f"{layers[layer]}.{part}": matrix(array) if layer in heads and part == "weight" else array
        for (layer, part), array in split(state)
    }


def as_timm(state):
    heads = {"fc6": "pre_logits.fc1", "fc7": "pre_logits.fc2", "fc8": "head.fc"}
    layers = dict(zip(CONVS, (f"features.{n}" for n in FEATURES), strict=True)) | heads
    return {f"{layers[layer]}.{part}": array for (layer, part), array in split(state)}


def as_caffemodel(state):
    return {f"{layer}/{int(part == 'bias')}": array for (layer, part), array in split(state)}


def as_older_caffemodel(state):
    """Of four axes each: matrices (1, 1, O, I), biases (1, 1, 1, O)."""
    arrays = {name: array if array.ndim == 4 else array.reshape(1, 1, 1, -1) for name, array in state.items()}
    arrays |= {
        f"{layer}.weight": matrix(state[f"{layer}.weight"])[None, None]
        for layer in ("fc6", "fc7", "fc8")
        if f"{layer}.weight" in state
    }
    return as_caffemodel(arrays)


def as_chainer(state):
    return {f"{layer}/{'W' if part == 'weight' else 'b'}": array for (layer, part), array in split(state)}


def as_matconvnet(state, ends=("_filter", "_bias")):
    weight, bias = ends
    return {
        layer + (weight if part == "weight" else bias): array.transpose(2, 3, 1, 0)
        if part == "weight"
        else array[:, None]
        for (layer, part), array in split(state)
    }


def as_keras(state):
    heads = {"fc6": "fc1", "fc7": "fc2", "fc8": "predictions"}
    arrays = {}
    for (layer, part), array in split(state):
        name = heads.get(layer) or f"block{layer[4]}_conv{layer[6]}"
        if part == "weight" and array.ndim == 4:
            array = array.transpose(2, 3, 1, 0)
        if part == "weight" and layer in heads:
            array = array.reshape(-1, array.shape[-1]) if array.ndim == 4 else array.T
        arrays[f"{name}/{name}_{'W' if part == 'weight' else 'b'}_1:0"] = array
    return arrays


def split(state):
    for name, array in state.items():
        layer, _, part = name.rpartition(".")
        yield (layer, part), array


# A network whose predictions are known without computing it


def red_finder(classes=21, **options):
    """An FCN-8s of the paper that sees class 1 where red is above its mean, and class 0, the first of equals, if not.

    One channel carries max(0, R - mean) through the trunk to pool3, whose score is that of class 1. All else is 0.
    """
    options = {"variant": "paper", "width": 1 / 64, **options}
    model = models.create("fcn8s", num_classes=classes, **options)
    state = {name: np.zeros(p.shape, "float32") for name, p in model.named_parameters()}
    state["conv1_1.weight"][0, 2, 1, 1] = 1  # of B, G, R
    for layer in CONVS[1:7]:
        state[f"{layer}.weight"][0, 0, 1, 1] = 1
    state["score_pool3.weight"][1, 0] = 1
    upsampling = {name: array for name, array in model.state_dict().items() if name.startswith("upscore")}
    return state | upsampling


def for_rgb(state):
    """The same network, for images of R, G, B."""
    return state | {"conv1_1.weight": state["conv1_1.weight"][:, ::-1].copy()}


# Files


def save_caffemodel(path, state, version=2, net="VGG_ILSVRC_16_layers"):
    layers = {}
    for (layer, part), array in split(state):
        layers.setdefault(layer, {})[part] = array
    kind = {True: ("Deconvolution", 39), False: ("Convolution", 4)}
    write, make, number = (caffemodel, blob, 0) if version == 2 else (caffemodel_v1, legacy_blob, 1)
    path.write_bytes(
        write(
            {
                name: (
                    kind[name.startswith("upscore")][number],
                    [make(parts[p]) for p in ("weight", "bias") if p in parts],
                )
                for name, parts in layers.items()
            },
            net,
        )
    )


def save_chainer(path, state):
    np.savez(path, **as_chainer(state))


def save_pth(path, arrays):
    path.write_bytes(torch_files({name: np.ascontiguousarray(array) for name, array in arrays.items()})[0])


def save_matconvnet(path, state, ends=("_filter", "_bias"), mean=(122.67892, 116.66877, 104.00699)):
    from scipy.io import savemat

    arrays = as_matconvnet(state, ends)
    params = np.zeros((1, len(arrays)), [("name", object), ("value", object)])
    for column, (name, array) in enumerate(arrays.items()):
        params[0, column] = (name, array)
    meta = {"normalization": {"averageImage": np.array(mean, "float32").reshape(1, 1, 3)}}
    savemat(path, {"params": params, "layers": np.zeros((0, 0)), "meta": meta}, do_compression=False)


def save_keras(path, state):
    import h5py

    with h5py.File(path, "w") as file:
        for name, array in as_keras(state).items():
            file[name] = array


def save_keras_model(path, state):
    """A whole model, with what Adam keeps of each weight: .keras if the path ends so, and else .h5."""
    import h5py

    arrays = {
        name.split("/")[0] + "/" + {"W": "kernel", "b": "bias"}[name[-5]]: a for name, a in as_keras(state).items()
    }
    if path.suffix == ".keras":
        path.write_bytes(keras_archive(*as_keras_archive(arrays)))
        return
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[f"model_weights/{name.split('/')[0]}/{name}"] = array
            for kept in ("momentum", "velocity"):
                file[f"optimizer_weights/adam/{name.replace('/', '_')}_{kept}"] = array
                file[f"optimizer_weights/training/Adam/{name}/{kept[0]}:0"] = array  # as Keras 2 names it
            file[f"optimizer_weights/{name}"] = array  # as nobody does


def as_keras_archive(arrays):
    """Give arrays their places in an archive, and the layers of the model."""
    placed, layers = {}, [("InputLayer", "input_layer")]
    for number, name in enumerate(dict.fromkeys(name.split("/")[0] for name in arrays)):
        kind, first = ("Conv2D", 0) if name.startswith("block") else ("Dense", len(CONVS))
        place = f"layers/{kind.lower()}" + (f"_{number - first}" if number > first else "")
        layers += [(kind, name), ("Dropout", f"drop_{name}")]
        for index, part in enumerate(("kernel", "bias")):
            placed[f"{place}/vars/{index}"] = placed[f"optimizer/vars/{len(placed)}"] = arrays[f"{name}/{part}"]
    return placed, layers


def save_all(folder, width=1 / 32):
    """The files that the page on weights names, of small width, and a VOCdevkit."""
    classifier, fcn = vgg16(width), state_of("fcn8s", width=width)
    save_caffemodel(folder / "VGG_ILSVRC_16_layers.caffemodel", classifier, version=1)
    save_caffemodel(folder / "fcn8s-heavy-pascal.caffemodel", fcn)
    for name in ("fcn32s", "fcn8s"):
        heads = state_of(name, 33, geometric_classes=3, width=width)
        save_caffemodel(folder / f"siftflow-{name}-heavy.caffemodel", heads)
    streams = state_of("fcn32s", 40, streams=2, width=width)
    save_caffemodel(folder / "nyud-fcn32s-color-hha-heavy.caffemodel", streams)
    save_chainer(folder / "vgg16_from_caffe.npz", classifier)
    save_pth(folder / "my_vgg16.pth", as_torchvision(classifier))
    save_pth(folder / "lecture_fcn8s.pth", state_of("fcn8s", variant="lecture", width=width))
    save_keras(folder / "vgg16_weights_tf_dim_ordering_tf_kernels.h5", classifier)
    save_matconvnet(folder / "pascal-fcn8s-dag.mat", for_rgb(fcn))
    red = np.full((24, 40, 3), (255, 0, 0), np.uint8)
    save_voc(folder / "VOCdevkit", [(red, np.ones((24, 40), np.uint8))], ("train", "val", "seg11valid"))


def save_voc(folder, samples, splits):
    """A VOCdevkit whose splits have all samples: images and labels."""
    year = folder / "VOC2012"
    for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (year / name).mkdir(parents=True)
    names = [f"2007_{number:06}" for number in range(1, len(samples) + 1)]
    for name, (image, label) in zip(names, samples, strict=True):
        Image.fromarray(image).save(year / "JPEGImages" / f"{name}.png")
        Image.fromarray(label).save(year / "SegmentationClass" / f"{name}.png")
    for split in splits:
        (year / "ImageSets/Segmentation" / f"{split}.txt").write_text("\n".join(names) + "\n")
