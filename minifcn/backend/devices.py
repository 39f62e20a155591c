"""Names of devices, and what there is to ask of one."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from minifcn.backend.problem import cuda_problem
from minifcn.errors import UserError

_DEVICE = re.compile(r"auto|cpu|cuda(?::(0|[1-9][0-9]*))?")
PRECISIONS = {"float32": 4, "tf32": 7}  # names in CuPy's enumeration of what cuBLAS computes in


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
        hint = "; to change the number type, write .astype(dtype)" if isinstance(device, type | np.dtype) else ""
        raise UserError(f"device must be auto, cpu, cuda or cuda:N (N = 0, 1, ...), got {device!r}{hint}")
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


def use_device(device: str, precision: str = "float32") -> str:
    """Make a device the one that this thread computes on.

    Parameters
    ----------
    device : str
        As in `resolve_device`.
    precision : {"float32", "tf32"}
        What a GPU multiplies float32 matrices in. "tf32" rounds the factors to 10 bits, for speed.

    Returns
    -------
    str
        ``"cpu"`` or ``"cuda:N"``.

    Raises
    ------
    UserError
        If the device cannot be used, or not in this precision.

    Examples
    --------
    >>> use_device("cpu")
    'cpu'
    """
    if precision not in PRECISIONS:
        raise UserError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    device = resolve_device(device)
    if device == "cpu":
        if precision != "float32":
            raise UserError(f"precision {precision!r} is for GPUs, but the device is cpu; leave it out")
        return device
    import cupy

    gpu(device).use()
    cupy._core.set_compute_type(np.float32, PRECISIONS[precision])  # CUPY_TF32 counts at the first product only
    return device


def wait_for(device: str) -> None:
    """Wait until a device has computed all that it was asked to; the CPU always has.

    Examples
    --------
    >>> wait_for("cpu")
    """
    if device != "cpu":
        gpu(device).synchronize()


def device_memory(device: str) -> dict[str, int]:
    """Count the bytes of a device's memory.

    Parameters
    ----------
    device : str
        As in `resolve_device`.

    Returns
    -------
    dict of int
        Of a GPU: "used" by arrays, "held" by CuPy for them (it gives nothing back by itself, so this is also the most
        that was used), "free" and "total". Of the CPU, nothing.

    Examples
    --------
    >>> device_memory("cpu")
    {}
    """
    device = resolve_device(device)
    if device == "cpu":
        return {}
    import cupy

    with gpu(device):
        pool, (free, total) = cupy.get_default_memory_pool(), cupy.cuda.runtime.memGetInfo()
        return {"used": pool.used_bytes(), "held": pool.total_bytes(), "free": free, "total": total}


def device_name(device: str) -> str:
    """Describe a GPU in a few words, with the versions of its driver and of CuPy; "" for the CPU.

    Examples
    --------
    >>> device_name("cpu")
    ''
    """
    device = resolve_device(device)
    if device == "cpu":
        return ""
    from cupy import __version__
    from cupy.cuda import runtime

    name, driver = runtime.getDeviceProperties(gpu(device).id)["name"].decode(), runtime.driverGetVersion()
    gigabytes = device_memory(device)["total"] / 2**30
    return f"{name}, {gigabytes:.0f} GiB, CUDA {driver // 1000}.{driver % 1000 // 10}, CuPy {__version__}"


def gpu(device: str) -> Any:
    """Give CuPy's object for "cuda:N"; as a context, it is the GPU to compute on."""
    import cupy

    return cupy.cuda.Device(int(device.removeprefix("cuda:")))
