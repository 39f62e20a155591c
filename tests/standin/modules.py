"""The modules: cupy and those below it have the recorded names, and each is made when it is first asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from standin import api, functions, fusion, generator, kernels
from standin.array import ndarray
from standin.cuda import MemoryPool, cuda
from standin.ufuncs import ufunc


class RecordedModule(ModuleType):
    """A module of CuPy: what is given, and those of its functions that NumPy's module has too.

    AttributeError for a name that CuPy lacks, NotImplementedError for one that the stand-in lacks.
    """

    def __init__(self, name: str, host: Any = None, **given: Any):
        super().__init__(name)
        self.__dict__.update(given, _host=host)

    def __getattr__(self, name: str) -> Any:
        entry = api.NAMES.get(self.__name__, {}).get(name)
        if entry is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} in CuPy {api.VERSION}")
        host = getattr(self._host, name, None)
        if entry["kind"] == "numpy":
            value = host
        elif isinstance(host, np.ufunc):
            value = ufunc(host)
        elif entry["kind"] == "function" and callable(host):
            value = functions.stand_in(f"{self.__name__}.{name}", entry, host)
        else:
            raise NotImplementedError(f"{self.__name__}.{name} is in CuPy, but not in the stand-in")
        setattr(self, name, value)
        return value


_lib = RecordedModule("cupy.lib", stride_tricks=RecordedModule("cupy.lib.stride_tricks", np.lib.stride_tricks))
_pool = MemoryPool()
cupy = RecordedModule(
    "cupy",
    np,
    __version__=api.VERSION,
    ElementwiseKernel=kernels.ElementwiseKernel if kernels.COMPILER else None,
    _core=SimpleNamespace(set_compute_type=lambda dtype, compute_type: None),
    array=functions.array,
    asanyarray=functions.asarray,
    asarray=functions.asarray,
    asnumpy=functions.asnumpy,
    cuda=RecordedModule("cupy.cuda", **cuda),
    fuse=fusion.fuse,
    get_array_module=functions.get_array_module,
    get_default_memory_pool=lambda: _pool,
    is_available=lambda: True,
    lib=_lib,
    linalg=RecordedModule("cupy.linalg", np.linalg),
    matmul=functions.matmul,
    ndarray=ndarray,
    put_along_axis=functions.put_along_axis,
    random=RecordedModule("cupy.random", Generator=generator.Generator, default_rng=generator.default_rng),
    ufunc=ufunc,
)
cupyx = RecordedModule("cupyx", scatter_add=lambda a, slices, value: cupy.add.at(a, slices, value))
STAND_INS = {
    module.__name__: module
    for module in (cupy, cupyx, cupy.cuda, cupy.cuda.runtime, _lib, _lib.stride_tricks, cupy.linalg, cupy.random)
}


@contextmanager
def installed() -> Iterator[ModuleType]:
    """Have `import cupy` find the stand-in inside, and whatever was there afterwards; gives the module."""
    there = {name: module for name, module in sys.modules.items() if name.split(".")[0] in ("cupy", "cupyx")}
    for name in there:
        del sys.modules[name]
    sys.modules.update(STAND_INS)
    try:
        yield cupy
    finally:
        for name in STAND_INS:
            sys.modules.pop(name, None)
        sys.modules.update(there)
