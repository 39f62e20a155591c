"""One file of weights, of whatever format, recognised by its first bytes."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minifcn.errors import UserError
from minifcn.text import shortened
from minifcn.weights import caffemodel, keras_archive, keras_file, matlab, npz_file, safetensors_file, torch_file
from minifcn.weights.refused import reason

_READERS = (torch_file, npz_file, safetensors_file, matlab, keras_archive, keras_file, caffemodel)
_HEAD = 4096  # bytes


@dataclass(frozen=True, repr=False)
class Source:
    """What a file of weights holds, as it holds it: nothing is renamed, transposed or scaled.

    Parameters
    ----------
    path : Path
    container : str
        What the file was recognised as: "torch.save (zip)", "torch.save (legacy)", "safetensors", "npz", "caffemodel",
        "MAT-file 5", "HDF5" or "Keras archive".
    arrays : dict of str to array
        By the file's own names, in its layout and order; half precision (float16, bfloat16) is widened to float32. They
        may be views of the file, and are not to be written to.
    about : dict
        What the file says of itself: metadata, the names and types of layers.
    sha256 : str
        Of the whole file.
    """

    path: Path
    container: str
    arrays: dict[str, np.ndarray]
    about: dict[str, Any]
    sha256: str

    def __repr__(self) -> str:
        return f"Source({self.path}: {self.container}, {len(self.arrays)} arrays)"


def read(path: str | Path) -> Source:
    """Read a file of weights, trusting nothing in it: no code of it runs, and no size in it is believed.

    Parameters
    ----------
    path : path
        The ending of its name does not matter.

    Returns
    -------
    Source

    Raises
    ------
    UserError
        Naming the file, and the array where it is one's fault, if it is missing, damaged, of another kind, or of a kind
        that needs foreign code to run; the message says how to get a file that can be read.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "vgg16_from_caffe.npz"
    >>> np.savez(path, **{"conv1_1/W": np.zeros((64, 3, 3, 3), "float16"), "conv1_1/b": np.zeros(64, "float32")})
    >>> source = read(path)
    >>> source.container, {name: (array.shape, str(array.dtype)) for name, array in source.arrays.items()}
    ('npz', {'conv1_1/W': ((64, 3, 3, 3), 'float32'), 'conv1_1/b': ((64,), 'float32')})
    """
    path = Path(path)
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "is a device"
        raise UserError(f"{path}: {f'{found}, not a file' if path.exists() else 'there is no such file'}")
    try:
        container, arrays, about = _reader(path).read(path)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except OSError as error:
        if error.filename:
            raise  # the disk's own, such as "Permission denied"
        raise UserError(f"{path}: damaged, or the disk is ({error})") from error
    except Exception as error:  # whatever the readers and the libraries under them stumble over in foreign bytes
        reason = shortened(str(error), 200) or type(error).__name__
        raise UserError(f"{path}: damaged ({reason}); download it again") from error
    if not arrays:
        raise UserError(f"{path}: a file of the kind {container}, but without any weights")
    with open(path, "rb") as file:
        return Source(path, container, arrays, about, hashlib.file_digest(file, "sha256").hexdigest())


def _reader(path: Path) -> Any:
    with open(path, "rb") as file:
        head = file.read(_HEAD)
        file.seek(max(0, path.stat().st_size - _HEAD))
        tail = file.read(_HEAD)
    members: list[str] = []
    if head.startswith(b"PK"):
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
    for reader in _READERS:
        if reader.recognises(head, members):
            return reader
    raise UserError(reason(head, tail, members))
