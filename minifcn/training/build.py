"""From the settings of a run to its network, optimizer, data sets and loaders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minifcn import models
from minifcn.data import DataLoader, Dataset, Normalize, transforms
from minifcn.data.transforms import Transform
from minifcn.errors import UserError
from minifcn.models import FCN
from minifcn.nn import ConvTranspose2d, Module, init
from minifcn.optim import SGD, Adam, CaffeSGD, Optimizer
from minifcn.training.config import Config
from minifcn.training.freeze import freeze
from minifcn.training.groups import paper_groups


def build_model(config: Config, device: str = "cpu") -> FCN:
    """Build the configured network on the device, its first weights drawn from the seed; what is to be frozen is.

    Examples
    --------
    >>> config = Config(model="fcn32s", width=1 / 64, class_names=("a", "b"), palette=((0, 0, 0), (9, 9, 9)))
    >>> net = build_model(config)
    >>> type(net).__name__, net.score_fr.weight.shape
    ('FCN32s', (2, 64, 1, 1))
    """
    model = _placed_model(config, device)
    freeze(model, config.freeze)
    return model


def _placed_model(config: Config, device: str) -> FCN:
    return _new_model(config).astype(config.dtype).to(device)


def _new_model(config: Config) -> FCN:
    model = models.create(
        config.model,
        num_classes=config.num_classes,
        geometric_classes=len(config.geometric_names),
        backbone=config.backbone,
        variant=config.variant,
        width=config.width,
        dropout=config.dropout,
        at_once=config.at_once,
        rng=np.random.default_rng(config.seed),
        recompute=config.recompute,
        **inputs_of(config),
    )
    if config.upsampling is not None:
        for _, layer in model.named_modules():
            if isinstance(layer, ConvTranspose2d):
                layer.weight.requires_grad = config.upsampling == "learned"
    return model


def inputs_of(config: Config) -> dict[str, Any]:
    """Give what `models.create` has to know of the inputs of a network.

    >>> inputs_of(Config())
    {'in_channels': 3}
    """
    return {"streams": 2} if config.inputs == "color-hha" else {"in_channels": config.channels}


def load_model(
    config: Config, state: Mapping[str, np.ndarray], device: str = "cpu", *, name: str = "the checkpoint"
) -> FCN:
    """Build the configured network with the parameters of a checkpoint.

    Parameters
    ----------
    config : Config
    state : mapping of name to array
    device : str
    name : str
        What the message calls the state if it does not fit, such as the path of its file.

    Returns
    -------
    FCN

    Raises
    ------
    UserError
        If names, shapes or dtypes do not fit; this is found out before a network is built.

    Examples
    --------
    >>> config = Config(model="fcn32s", width=1 / 64, class_names=("a", "b"), palette=((0, 0, 0), (9, 9, 9)))
    >>> state = build_model(config).state_dict()
    >>> load_model(config, state).score_fr.weight.shape
    (2, 64, 1, 1)
    """
    check_fits(config, state, name=name)
    model = _placed_model(config, device)  # what is frozen matters to a training alone
    model.load_state_dict(state)
    return model


def check_fits(
    config: Config,
    state: Mapping[str, np.ndarray],
    optimizer: Mapping[str, np.ndarray] | None = None,
    *,
    name: str = "the checkpoint",
) -> None:
    """Hold a state against the configured network without building it; UserError, naming the state, if it differs.

    A small file can claim a large network: nothing of its size is made before this.
    """
    try:
        misfit = _misfit(config, state) or _wrong_dtype(config, {**state, **(optimizer or {})})
    except UserError as error:  # the configuration itself
        raise UserError(f"{name}: {error}") from error
    if misfit:
        raise UserError(f"{name}: does not fit a {config.model} as it is configured ({misfit})")


def check_model(config: Config, model: FCN) -> None:
    """Refuse a network that is not of the configured classes and dtype, and class weights that are not known yet."""
    fix = "build the model with `build_model(config)`"
    if model.num_classes != config.num_classes:
        raise UserError(
            f"Trainer: model has {model.num_classes} classes, but config {config.num_classes} (class_names); {fix}"
        )
    if config.class_weights != "none" and not config.loss_weights:
        raise UserError(
            f"Trainer: config.class_weights is {config.class_weights}, but config has no loss_weights; call "
            "config, table = training.weigh_classes(config, dataset) first"
        )
    for name, parameter in model.named_parameters():
        if parameter.dtype != config.dtype:
            raise UserError(f"Trainer: {name} is {parameter.dtype}, but config.dtype is {config.dtype}; {fix}")


def check_whole(images: int, expected: int) -> None:
    """Refuse a batch that was cut by the sizes of its images: the position in an epoch counts whole ones."""
    if images < expected:
        raise UserError(
            "Trainer: the images of a training batch have different sizes; make train_loader with pad=True, or "
            "give them one size with data.Resize or data.RandomCrop"
        )


def parameter_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """Give the shape of every parameter of the configured network, without the memory that it would take.

    Examples
    --------
    >>> config = Config(model="fcn32s", width=4, class_names=("a", "b"), palette=((0, 0, 0), (9, 9, 9)))
    >>> parameter_shapes(config)["fc7.weight"]
    (16384, 16384, 1, 1)
    """
    if not config.num_classes:
        raise UserError("the configuration has no classes")
    with init.shapes_only():
        return {name: parameter.shape for name, parameter in _new_model(config).named_parameters()}


def _misfit(config: Config, state: Mapping[str, np.ndarray]) -> str:
    shapes = parameter_shapes(config)
    missing, unknown = sorted(shapes.keys() - state.keys()), sorted(state.keys() - shapes.keys())
    if missing or unknown:
        return f"missing {_some(missing)}, unknown {_some(unknown)}"
    for name, shape in shapes.items():
        if state[name].shape != shape:
            return f"{name} has shape {state[name].shape}, expected {shape}"
    return ""


def _wrong_dtype(config: Config, arrays: Mapping[str, np.ndarray]) -> str:
    for name, array in arrays.items():
        if array.dtype.kind == "f" and array.dtype != config.dtype:
            return f"{name} is {array.dtype}, the run {config.dtype}"
    return ""


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") or "nothing"


def build_optimizer(config: Config, model: Module) -> Optimizer:
    """Build SGD, PyTorch's or Caffe's, with the paper's parameter groups, or Adam with one learning rate for all.

    Examples
    --------
    >>> config = Config(model="fcn32s", width=1 / 64, class_names=("a", "b"), palette=((0, 0, 0), (9, 9, 9)))
    >>> type(build_optimizer(config, build_model(config))).__name__
    'Adam'
    """
    if config.optimizer in ("sgd", "caffe-sgd"):
        groups = paper_groups(model, config.lr, config.weight_decay, config.bias_rates)
        return (SGD if config.optimizer == "sgd" else CaffeSGD)(groups, config.lr, momentum=config.momentum)
    learned = [p for p in model.parameters() if p.requires_grad]
    return Adam(learned, lr=config.lr, weight_decay=config.weight_decay)


def train_loader(config: Config, dataset: Dataset, workers: int = 1) -> DataLoader:
    """Build the loader of the training images: resized, scaled, mirrored and cropped as configured, shuffled.

    Images that are of different sizes after that are padded to the largest of their batch; see `data.DataLoader`. The
    number of its `workers` is no setting of a run: it changes no number.
    """
    steps: list[Transform] = [resizing(config)]
    if config.scale:
        steps.append(transforms.RandomScale(*config.scale))
    if config.mirror:
        steps.append(transforms.RandomMirror())
    if config.crop:
        steps.append(transforms.RandomCrop(config.crop))
    return _loader(config, dataset, steps, workers, shuffle=True, pad=True)


def valid_loader(config: Config, dataset: Dataset, workers: int = 1) -> DataLoader:
    """Build the loader of the images for evaluation: resized if so configured, and in their order."""
    return _loader(config, dataset, [resizing(config)], workers)


def resizing(config: Config) -> transforms.Compose:
    """Give what happens to every image before the network sees it: it is resized, if so configured."""
    steps: list[Transform] = [transforms.Resize(config.size)] if config.size else []
    steps += [transforms.ResizeLongerSide(config.longer_side)] if config.longer_side else []
    return transforms.Compose(steps)


def normalizing(config: Config) -> Normalize:
    """Give what makes network input of an image: the preprocessing that the configuration remembers."""
    return Normalize(config.mean, config.std, config.channel_order)


def network_size(config: Config, size: tuple[int, int]) -> tuple[int, int]:
    """Give the size to which `resizing` brings an image of this size.

    >>> network_size(Config(longer_side=256), (1200, 1600))
    (192, 256)
    """
    longer = config.longer_side
    return config.size or (transforms.with_longer_side(size, longer) if longer else size)


def _loader(
    config: Config, dataset: Dataset, steps: list[Transform], workers: int, *, shuffle: bool = False, pad: bool = False
) -> DataLoader:
    return DataLoader(
        dataset,
        config.batch_size,
        transform=transforms.Compose(steps),
        normalize=normalizing(config),
        shuffle=shuffle,
        seed=config.seed,
        pad=pad,
        workers=workers,
    )
