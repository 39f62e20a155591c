"""Everything a run needs to continue, in one .npz file: a plain zip of arrays that executes nothing when it is read.

The member "about" holds a JSON text (format, configuration, position, state of the random numbers); the members
"model/...", "optimizer/..." and "gradients/..." hold the arrays. They are stored uncompressed, so none can unpack to
more than the file's own size.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from minifcn.errors import UserError
from minifcn.files import atomic_write
from minifcn.models import FCN
from minifcn.npz import expect_numbers, read_array
from minifcn.optim import Optimizer
from minifcn.text import counted
from minifcn.training.config import Config

FORMAT = "minifcn checkpoint 1"
_ABOUT_LIMIT = 1 << 20  # characters
_HOLDER = "a checkpoint"
_DTYPES = tuple(map(np.dtype, ("float32", "float64", "int64")))
_PARTS = ("model", "optimizer", "gradients")  # of a checkpoint, that hold arrays


@dataclass
class Position:
    """Where a run stands between two steps.

    Parameters
    ----------
    epoch : int
        Complete epochs.
    batch : int
        Batches of the epoch after those.
    iteration : int
        Steps since training began: one for each batch, or for as many as accumulate.
    loss_sum : float
        Of the epoch's batches so far.
    best_mean_iou : float
        Of all validations so far; -1 before the first.
    """

    epoch: int = 0
    batch: int = 0
    iteration: int = 0
    loss_sum: float = 0.0
    best_mean_iou: float = -1.0

    @classmethod
    def from_dict(cls, values: Any) -> Position:
        """Check and take a position that was read from a file."""
        names = [field.name for field in dataclasses.fields(cls)]
        if not isinstance(values, dict) or not set(values) <= set(names):
            raise UserError(f"damaged (its position has {', '.join(names)}, but this one is {values})")
        position = cls(**values)
        if not all(type(n) is int and 0 <= n < 2**63 for n in (position.epoch, position.batch, position.iteration)):
            raise UserError(f"its position is {position}; epoch, batch and iteration are whole numbers from 0 up")
        if not all(type(value) in (int, float) for value in (position.loss_sum, position.best_mean_iou)):
            raise UserError(f"its position is {position}; the loss and the mean IoU are numbers")
        position.loss_sum, best = float(position.loss_sum), float(position.best_mean_iou)
        if not math.isfinite(position.loss_sum) or not (math.isnan(best) or -1 <= best <= 1):
            raise UserError(f"its position is {position}; the loss is finite, and a mean IoU at most 1")
        position.best_mean_iou = best
        return position

    def check(self, config: Config, batches: int, path: Path) -> None:
        """Refuse to continue here, as `path` says, a run that has so many batches in an epoch."""
        epochs = config.epochs
        if self.batch > batches or self.iteration != (self.epoch * batches + self.batch) // config.accumulate:
            raise UserError(
                f"{path}: stands at iteration {self.iteration}, with {self.epoch} epochs and {self.batch} batches "
                f"behind it, but an epoch has {batches} batches now; the data set has changed since"
            )
        if epochs < self.epoch + (self.batch > 0):
            behind = f"{self.epoch} epochs" + (f" and {self.batch} batches" if self.batch else "")
            raise UserError(f"--epochs is {epochs}, but {path} has {behind} behind it; ask for more, or leave it out")


@dataclass(repr=False)
class Checkpoint:
    """The state of a run between two steps.

    Parameters
    ----------
    config : Config
    model, optimizer : dict of str to array
        Their `state_dict()`; the optimizer's is empty in best.npz.
    position : Position
    random : dict
        `bit_generator.state` of the Generator that draws the dropout masks.
    gradients : dict of str to array
        The sums of a step that is not complete; see `Accumulation`.
    """

    config: Config
    model: dict[str, np.ndarray]
    optimizer: dict[str, np.ndarray] = field(default_factory=dict)
    position: Position = field(default_factory=Position)
    random: dict[str, Any] = field(default_factory=dict)
    gradients: dict[str, np.ndarray] = field(default_factory=dict)

    def __repr__(self) -> str:
        config, weights = self.config, sum(array.size for array in self.model.values())
        network = f"{config.model} on {config.backbone}, width {config.width:g}, {config.num_classes} classes"
        about = f"{counted(weights, 'number')} in {counted(len(self.model), 'array')}"
        optimizer = "with" if self.optimizer else "without"
        return f"Checkpoint({network}: {about}, {optimizer} the optimizer's; epoch {self.position.epoch})"

    def into(self, model: FCN, optimizer: Optimizer, path: Path) -> None:
        """Give the state to a model and its optimizer; UserError, naming the path, if it does not fit them."""
        try:
            model.load_state_dict(self.model)
            optimizer.load_state_dict(self.optimizer)
            model.dropout_rng.bit_generator.state = self.random
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise UserError(f"{path}: does not fit a {self.config.model} as it is configured ({error})") from error


def save(path: str | os.PathLike, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the file is replaced when the new one is complete.

    Parameters
    ----------
    path : path ending in .npz, in an existing folder
    checkpoint : Checkpoint

    Raises
    ------
    UserError
        If an array is not float32, float64 or int64, or not finite: `load` would refuse it. Nothing is written then.
    """
    about = {
        "format": FORMAT,
        "config": checkpoint.config.to_dict(),
        "position": dataclasses.asdict(checkpoint.position),
        "random": checkpoint.random,
    }
    arrays = {"about": np.array(json.dumps(about))}
    for part in _PARTS:
        for name, array in getattr(checkpoint, part).items():
            arrays[f"{part}/{name}"] = expect_numbers(np.asarray(array), f"{path}: {part}/{name}", _DTYPES, _HOLDER)
    with atomic_write(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def file_of(path: str | os.PathLike) -> Path:
    """Give the file that a path stands for: the folder of a run stands for its best.npz, any other path for itself.

    Raises
    ------
    UserError
        If it is a folder without best.npz.

    Examples
    --------
    >>> file_of("runs/shapes/checkpoint.npz").name
    'checkpoint.npz'
    """
    path = Path(path)
    if not path.is_dir():
        return path
    best, latest = path / "best.npz", path / "checkpoint.npz"
    if not best.exists():
        # of a staged training that of the last stage
        stage = max(path.glob("*/best.npz"), key=lambda file: file.stat().st_mtime, default=None)
        named = f"the folder of a run, such as {stage.parent}," if stage else "the folder of a run,"
        fix = f"wait for it, or name {latest}" if latest.exists() else f"name {named} or a file"
        raise UserError(f"{path}: this folder has no best.npz, which a run writes after its first epoch; {fix}")
    return best


def load(path: str | os.PathLike) -> Checkpoint:
    """Read a checkpoint, trusting nothing in it: it takes no more memory than the file is large.

    Parameters
    ----------
    path : path of a file that `save` wrote, or of the folder of a run, which stands for its best.npz

    Returns
    -------
    Checkpoint
        Its arrays are float32, float64 or int64, and finite.

    Raises
    ------
    UserError
        If the file is missing, damaged, holds pickled objects, or is not a checkpoint; the message names the file.
    """
    path = file_of(path)
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "is a device"
        raise UserError(f"{path}: {f'{found}, not a file' if path.exists() else 'there is no such file'}")
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            return _read(archive, os.fstat(file.fileno()).st_size)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except zipfile.BadZipFile as error:
        raise UserError(f"{path}: not a minifcn checkpoint, or damaged ({error})") from error
    except OSError as error:
        if error.filename:
            raise  # the disk's own, such as "Permission denied"
        raise UserError(f"{path}: damaged, or the disk is ({error})") from error
    except Exception as error:  # whatever zipfile, json and the rules of a Config stumble over in foreign bytes
        raise UserError(f"{path}: damaged ({str(error) or type(error).__name__})") from error


def _read(archive: zipfile.ZipFile, file_size: int) -> Checkpoint:
    members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    if len(members) < len(archive.infolist()):
        raise UserError("it has two parts of one name; it is no minifcn checkpoint")
    if sum(info.file_size for info in archive.infolist()) > file_size:
        raise UserError("its parts claim to be larger than the file; it is no minifcn checkpoint")
    if "about" not in members:
        raise UserError("not a minifcn checkpoint (it has no part named about)")
    about = _about(archive, members.pop("about"))
    states: dict[str, dict[str, np.ndarray]] = {part: {} for part in _PARTS}
    for name, info in members.items():
        part, _, key = name.partition("/")
        if part not in states:
            raise UserError(f"not a minifcn checkpoint (it has a part named {name!r})")
        states[part][key] = expect_numbers(_array(archive, info), info.filename, _DTYPES, _HOLDER)
    config, position = Config.from_dict(about["config"]), Position.from_dict(about["position"])
    return Checkpoint(config, position=position, random=about["random"], **states)


def _about(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> dict[str, Any]:
    text = _array(archive, info)
    if text.dtype.kind != "U" or text.size != 1 or text.nbytes > 4 * _ABOUT_LIMIT:
        raise UserError("not a minifcn checkpoint (its part named about is no text)")
    about = json.loads(text.item())
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        found = about.get("format") if isinstance(about, dict) else None
        raise UserError(f"not a checkpoint of this version (format {found!r}, expected {FORMAT!r})")
    return about


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise UserError(f"{info.filename} is compressed; minifcn stores its checkpoints uncompressed")
    return read_array(archive, info)
