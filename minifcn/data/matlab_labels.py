"""Labels in MATLAB's .mat files, as some data sets have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minifcn import matlab
from minifcn.data.paths import no_file, no_permission
from minifcn.errors import UserError
from minifcn.text import in_short

_MOST = 1 << 26  # bytes: a label of 8 megapixels, in double precision


def read_matlab_label(path: Path, name: str) -> np.ndarray:
    """Read a map of whole numbers.

    Parameters
    ----------
    path : Path
        Of a .mat file of level 5, as MATLAB writes unless it is asked for level 7.3.
    name : str
        Of the variable.

    Returns
    -------
    int32 array (H, W)

    Raises
    ------
    UserError
        If the file is damaged, or has no such map.

    Examples
    --------
    >>> read_matlab_label(Path("nowhere.mat"), "S")
    Traceback (most recent call last):
    minifcn.errors.UserError: nowhere.mat: no such file
    """
    if why := no_file(path, "a MATLAB file"):
        raise UserError(why)
    try:
        with open(path, "rb") as file:
            head = file.read(len(matlab.BEGIN))
    except OSError as error:
        raise UserError(no_permission(path, error)) from None
    if head != matlab.BEGIN:
        raise UserError(f"{path}: not a MATLAB file of level 5; in MATLAB save it again: save(FILE, '-v7', ...)")
    try:
        variables = matlab.variables(path, _MOST)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except Exception:  # whatever struct, zlib and NumPy stumble over in damaged bytes
        raise UserError(f"{path}: damaged; download it again") from None
    label = variables.get(name)
    if not isinstance(label, np.ndarray) or label.ndim != 2 or not label.size:
        found = f"is {label.shape}" if isinstance(label, np.ndarray) else "is not in it, or is none"
        has = in_short([*map(str, variables)]) or "nothing"
        raise UserError(f"{path}: its variable {name} must be a map (H, W), but {found}; it has {has}")
    if not ((np.rint(label) == label) & (label >= -65535) & (label <= 65535)).all():
        raise UserError(f"{path}: {name} must hold whole numbers of -65535..65535, which say the class of each pixel")
    return label.astype(np.int32, order="C")


def from_zero(label: np.ndarray, count: int, void: tuple[int, ...], source: str) -> np.ndarray:
    """Turn classes that are counted from 1 into indices, and what stands for none into 255.

    Parameters
    ----------
    label : integer array (H, W)
    count : int
        Of the classes, at most 254.
    void : tuple of int
        What stands for no class.
    source : str
        Where the label comes from, for the message.

    Returns
    -------
    uint8 array (H, W)

    Examples
    --------
    >>> from_zero(np.array([[0, 1, 3]]), 3, (0,), "a.mat").tolist()
    [[255, 0, 2]]
    >>> from_zero(np.array([[0, 1, 4]]), 3, (0,), "a.mat")
    Traceback (most recent call last):
    minifcn.errors.UserError: a.mat: value 4 at row 0, column 2 is out of range; allowed are 1..3 and 0 (no class)
    """
    none = np.isin(label, void)
    wrong = ((label < 1) | (label > count)) & ~none
    if wrong.any():
        row, column = np.argwhere(wrong)[0].tolist()
        raise UserError(
            f"{source}: value {label[row, column]} at row {row}, column {column} is out of range; allowed are "
            f"1..{count} and {' and '.join(map(str, void))} (no class)"
        )
    return np.where(none, 255, label - 1).astype(np.uint8)
