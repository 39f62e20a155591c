"""Everything a run needs to continue, in one .npz file: a plain zip of arrays that executes nothing when it is read.

The member "about" holds a JSON text (format, configuration, position, state of the random numbers); the members
"model/..." and "optimizer/..." hold the arrays. They are stored uncompressed, so none can unpack to more than the
file's own size.
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
from minifcn.training.config import Config

FORMAT = "minifcn checkpoint 1"
_ABOUT_LIMIT = 1 << 20  # characters
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


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
        Steps since training began.
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
        position = cls(**values)
        if not all(isinstance(n, int) and 0 <= n < 2**63 for n in (position.epoch, position.batch, position.iteration)):
            raise UserError(f"its position is {position}; epoch, batch and iteration are whole numbers from 0 up")
        position.loss_sum, position.best_mean_iou = float(position.loss_sum), float(position.best_mean_iou)
        return position


@dataclass
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
    """

    config: Config
    model: dict[str, np.ndarray]
    optimizer: dict[str, np.ndarray] = field(default_factory=dict)
    position: Position = field(default_factory=Position)
    random: dict[str, Any] = field(default_factory=dict)


def save(path: str | os.PathLike, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the file is replaced when the new one is complete.

    Parameters
    ----------
    path : path ending in .npz, in an existing folder
    checkpoint : Checkpoint
    """
    about = {
        "format": FORMAT,
        "config": checkpoint.config.to_dict(),
        "position": dataclasses.asdict(checkpoint.position),
        "random": checkpoint.random,
    }
    arrays = {"about": np.array(json.dumps(about))}
    arrays |= {f"model/{name}": array for name, array in checkpoint.model.items()}
    arrays |= {f"optimizer/{name}": array for name, array in checkpoint.optimizer.items()}
    with atomic_write(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)


def load(path: str | os.PathLike) -> Checkpoint:
    """Read a checkpoint, trusting nothing in it.

    Parameters
    ----------
    path : path of a file that `save` wrote

    Returns
    -------
    Checkpoint

    Raises
    ------
    UserError
        If the file is missing, damaged, holds pickled objects, or is not a checkpoint.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive, path)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except zipfile.BadZipFile as error:
        raise UserError(f"{path}: not a minifcn checkpoint, or damaged ({error})") from error
    except (ValueError, TypeError, EOFError, KeyError, NotImplementedError, RuntimeError, RecursionError) as error:
        raise UserError(f"{path}: damaged ({error or type(error).__name__})") from error


def _read(archive: zipfile.ZipFile, path: Path) -> Checkpoint:
    members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    if sum(info.file_size for info in archive.infolist()) > path.stat().st_size:
        raise UserError("its parts claim to be larger than the file; it is no minifcn checkpoint")
    if "about" not in members:
        raise UserError("not a minifcn checkpoint (it has no part named about)")
    text = _array(archive, members.pop("about"))
    if text.dtype.kind != "U" or text.size != 1 or text.nbytes > 4 * _ABOUT_LIMIT:
        raise UserError("not a minifcn checkpoint (its part named about is no text)")
    about = json.loads(text.item())
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        found = about.get("format") if isinstance(about, dict) else None
        raise UserError(f"not a checkpoint of this version (format {found!r}, expected {FORMAT!r})")
    states: dict[str, dict[str, np.ndarray]] = {"model": {}, "optimizer": {}}
    for name, info in members.items():
        part, _, key = name.partition("/")
        if part not in states:
            raise UserError(f"not a minifcn checkpoint (it has a part named {name!r})")
        states[part][key] = _array(archive, info)
    config, position = Config.from_dict(about["config"]), Position.from_dict(about["position"])
    return Checkpoint(config, states["model"], states["optimizer"], position, about["random"])


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """Read one array after its header has been held against its size, so that no header can ask for more memory."""
    if info.compress_type != zipfile.ZIP_STORED:
        raise UserError(f"{info.filename} is compressed; minifcn stores its checkpoints uncompressed")
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version not in _HEADERS:
            raise UserError(f"{info.filename} has .npy version {version}; expected (1, 0) or (2, 0)")
        shape, _, dtype = _HEADERS[version](member)
        if dtype.hasobject:
            raise UserError(f"{info.filename} holds pickled Python objects, which are never loaded")
        claimed = member.tell() + math.prod(shape) * dtype.itemsize
        if claimed != info.file_size:
            raise UserError(f"{info.filename} claims shape {shape}: {claimed} bytes, but has {info.file_size}")
    with archive.open(info) as member:
        return np.lib.format.read_array(member, allow_pickle=False)
