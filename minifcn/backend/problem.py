"""Why a GPU cannot be used, in one sentence."""

from __future__ import annotations

import functools
import os

import numpy as np


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
    >>> problem = cuda_problem()
    >>> problem == "" or problem.endswith(".")
    True
    """
    return _import_problem() or _driver_problem() or _compute_problem()


def _import_problem() -> str:
    names = _cupy_wheels()
    wheels = ", ".join(names)
    only_one = "remove every CuPy wheel and install exactly one"
    try:
        import cupy

        _ = cupy.cuda.runtime  # absent when only an empty folder is left
        return "" if len(names) < 2 else f"CuPy is installed more than once ({wheels}), file over file; {only_one}."
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


@functools.cache  # 15 ms, and 150 beside a hundred packages
def _cupy_wheels() -> list[str]:
    from importlib.metadata import distributions  # which `import minifcn` need not pay for

    names = {distribution.name for distribution in distributions() if distribution.name}
    return sorted(name for name in names if name == "cupy" or name.startswith(("cupy-cuda", "cupy-rocm")))
