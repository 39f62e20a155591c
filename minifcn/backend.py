"""The array module and the device: NumPy on the host, CuPy on a GPU.

Array code asks the array, ``xp = array_module(x)``, and then reads the same for both. There is no global mode, so
a CPU reference and a GPU run meet in one process. CuPy is imported only when a CUDA device is asked for.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from types import ModuleType
from typing import Any

import numpy as np

from minifcn.errors import UserError

_DEVICE = re.compile(r"auto|cpu|cuda(?::(0|[1-9][0-9]*))?")


def array_module(x: Any) -> ModuleType:
    """Give the module whose functions work on an array.

    Parameters
    ----------
    x : array of NumPy or CuPy, any shape and dtype; or a number or list, which counts as NumPy's

    Returns
    -------
    module
        `numpy`, or `cupy` for an array on a GPU.

    Raises
    ------
    TypeError
        If `x` is an array of anything else, such as a Tensor.

    Examples
    --------
    >>> x = np.array([1.0, 4.0])
    >>> xp = array_module(x)
    >>> xp.sqrt(x)
    array([1., 2.])
    """
    if isinstance(x, np.ndarray | np.generic):
        return np
    cupy = sys.modules.get("cupy")  # whoever holds a CuPy array has imported it
    if isinstance(x, getattr(cupy, "ndarray", ())):
        return cupy  # type: ignore[return-value]
    if hasattr(x, "dtype"):
        raise TypeError(
            f"array_module: x must be an array of NumPy or CuPy, got {type(x).__name__}; "
            "for a Tensor pass its .data, for others numpy.asarray(x)"
        )
    return np


def device_of(x: Any) -> str:
    """Say where an array lives.

    Parameters
    ----------
    x : array of NumPy or CuPy

    Returns
    -------
    str
        ``"cpu"``, or ``"cuda:N"`` with the number of the GPU.

    Examples
    --------
    >>> device_of(np.zeros(3))
    'cpu'
    """
    return "cpu" if array_module(x) is np else f"cuda:{x.device.id}"


def to_device(x: Any, device: str) -> Any:
    """Give the array on another device, laid out in memory as before.

    Parameters
    ----------
    x : array of NumPy or CuPy, any shape and dtype
    device : str
        As in `resolve_device`.

    Returns
    -------
    array
        `x` itself where it is there already, otherwise a copy.

    Raises
    ------
    UserError
        If the device cannot be used.

    Examples
    --------
    >>> to_device(np.arange(3), "cpu")
    array([0, 1, 2])
    """
    device = resolve_device(device)
    if device == "cpu":
        return to_host(x)
    if device_of(x) == device:
        return x
    import cupy

    with cupy.cuda.Device(int(device.removeprefix("cuda:"))):
        return _keeping_layout(cupy.asarray, x if hasattr(x, "strides") else np.asarray(x))


def to_host(x: Any) -> np.ndarray:
    """Give the array on the host, laid out in memory as before; this waits for the GPU.

    Parameters
    ----------
    x : array of NumPy or CuPy, any shape and dtype

    Returns
    -------
    numpy.ndarray
        `x` itself where it is NumPy's already, otherwise a copy.

    Examples
    --------
    >>> to_host(np.arange(3))
    array([0, 1, 2])
    """
    xp = array_module(x)
    return np.asarray(x) if xp is np else _keeping_layout(xp.asnumpy, x)


def _keeping_layout(copy: Any, x: Any) -> Any:
    # CuPy's transfers make C order of a channels-last array; with its axes in memory order there is nothing to reorder.
    axes = sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis]))
    return copy(x.transpose(axes)).transpose(np.argsort(axes).tolist())


def resolve_device(device: str) -> str:
    """Turn the name of a device into one that can be used here; never falls back from CUDA by itself.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "cuda:0", "cuda:1", ...}
        "auto" is the first GPU where CuPy can compute, otherwise the CPU; "cuda" is "cuda:0".

    Returns
    -------
    str
        ``"cpu"`` or ``"cuda:N"``.

    Raises
    ------
    UserError
        If the name is none of these, or the device cannot be used; the message says why.

    Examples
    --------
    >>> resolve_device("cpu")
    'cpu'
    >>> resolve_device("gpu")
    Traceback (most recent call last):
    minifcn.errors.UserError: device must be auto, cpu, cuda or cuda:N (N = 0, 1, ...), got 'gpu'
    """
    match = _DEVICE.fullmatch(device) if isinstance(device, str) else None
    if match is None:
        raise UserError(f"device must be auto, cpu, cuda or cuda:N (N = 0, 1, ...), got {device!r}")
    if device == "cpu":
        return "cpu"
    problem = cuda_problem()
    if device == "auto":
        return "cpu" if problem else "cuda:0"
    if problem:
        raise UserError(f"device {device!r} cannot be used, choose cpu or auto: {problem}")
    import cupy

    number, count = int(match[1] or 0), cupy.cuda.runtime.getDeviceCount()
    if number >= count:
        raise UserError(f"device {device!r} does not exist: the GPUs here are cuda:0 to cuda:{count - 1}")
    return f"cuda:{number}"


@functools.cache
def cuda_problem() -> str:
    """Say why CuPy cannot compute here, if it cannot; looked up once per process.

    Returns
    -------
    str
        Empty when a kernel and a matrix product on the first GPU gave the right result; otherwise one sentence:
        what is missing and what to do.

    Examples
    --------
    >>> device = "cpu" if cuda_problem() else "cuda:0"
    >>> device == resolve_device("auto")
    True
    """
    return _import_problem() or _driver_problem() or _compute_problem()


def _import_problem() -> str:
    wheels = ", ".join(_cupy_wheels())
    only_one = "remove every CuPy wheel and install exactly one"
    try:
        import cupy

        _ = cupy.cuda.runtime  # absent when only an empty folder is left
        return ""
    except ModuleNotFoundError as error:
        if error.name == "cupy" and not wheels:
            return "CuPy is not installed; install the wheel for your driver, for example `pip install cupy-cuda13x`."
        reason = "its files are gone" if error.name == "cupy" else str(error)
    except Exception as error:
        reason = _reason(error.__cause__ or error)  # CuPy wraps the cause in a page of advice
    return f"CuPy is installed ({wheels or 'by no wheel'}) but does not load: {reason}; {only_one}."


def _driver_problem() -> str:
    from cupy.cuda import runtime

    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        driver, built_for = runtime.driverGetVersion(), runtime.runtimeGetVersion()
        if driver == 0:
            return "No NVIDIA driver was found on this machine; install one, or use a machine with an NVIDIA GPU."
        if error.status == 35:  # cudaErrorInsufficientDriver
            return (
                f"The NVIDIA driver is too old: it supports CUDA {driver // 1000}.{driver % 1000 // 10}, and this "
                f"CuPy needs CUDA {built_for // 1000}; update the driver, or install CuPy's wheel for CUDA "
                f"{driver // 1000}."
            )
        if error.status != 100:  # cudaErrorNoDevice
            return f"The NVIDIA driver failed to start: {error}; `nvidia-smi` or a reboot may tell more."
        count = 0
    if count > 0:
        return ""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    hint = "check `nvidia-smi`" if hidden is None else f"CUDA_VISIBLE_DEVICES={hidden!r} may hide it, unset it"
    return f"The NVIDIA driver sees no GPU; {hint}."


def _compute_problem() -> str:
    """Run a kernel and a matrix product: that finds a missing NVRTC or cuBLAS, which no version number shows."""
    import cupy

    try:
        a = cupy.arange(4, dtype=np.float32).reshape(2, 2)
        total = (a @ a).sum().item()
    except Exception as error:
        wheel = next(iter(_cupy_wheels()), "cupy-cuda13x")
        return (
            f"CuPy sees a GPU but cannot compute on it: {type(error).__name__}: {_reason(error)}; if a CUDA library is "
            f"missing, `pip install '{wheel}[ctk]'` brings it."
        )
    return "" if total == 22 else f"The GPU computed {total} instead of 22 in a self-test; do not trust its results."


def _reason(error: BaseException) -> str:
    """Give the first line of a message that has words in it."""
    lines = (line.strip().rstrip(".") for line in str(error).splitlines())
    return next((line for line in lines if any(map(str.isalnum, line))), "no further message")


def _cupy_wheels() -> list[str]:
    from importlib.metadata import distributions  # 15 ms, which `import minifcn` need not pay

    names = {distribution.name for distribution in distributions() if distribution.name}
    return sorted(name for name in names if name == "cupy" or name.startswith(("cupy-cuda", "cupy-rocm")))
