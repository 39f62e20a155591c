"""A stand-in for CuPy with as much of it as minifcn.backend asks for; it hides NumPy arrays and computes nothing."""

import contextlib
from types import ModuleType, SimpleNamespace

import numpy as np


class DeviceArray:
    """An array on GPU `device.id`: not a NumPy array, and none comes out of it except by `asnumpy`."""

    def __init__(self, hidden, gpu=0):
        self._hidden, self.device = hidden, SimpleNamespace(id=gpu)

    shape = property(lambda self: self._hidden.shape)
    strides = property(lambda self: self._hidden.strides)
    dtype = property(lambda self: self._hidden.dtype)
    ndim = property(lambda self: self._hidden.ndim)

    def transpose(self, axes):
        return DeviceArray(self._hidden.transpose(axes), self.device.id)


class CUDARuntimeError(RuntimeError):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class CuPy(ModuleType):
    """A module with what minifcn.backend asks of CuPy, on a machine with `gpus` GPUs, or where counting them fails."""

    ndarray = DeviceArray

    def __init__(self, gpus=1, failure=None, driver=13000, arange=np.arange):
        super().__init__("cupy")
        self.current_gpu = 0
        self.arange = arange

        def count():
            if failure:
                raise failure
            return gpus

        runtime = SimpleNamespace(
            getDeviceCount=count,
            driverGetVersion=lambda: driver,
            runtimeGetVersion=lambda: 13000,
            CUDARuntimeError=CUDARuntimeError,
        )
        self.cuda = ModuleType("cupy.cuda")
        self.cuda.runtime, self.cuda.Device = runtime, self._on

    @contextlib.contextmanager
    def _on(self, gpu):
        self.current_gpu = gpu
        yield
        self.current_gpu = 0

    def asarray(self, x):
        host = x._hidden if isinstance(x, DeviceArray) else x
        return DeviceArray(np.array(host, order="C"), self.current_gpu)  # as CuPy: a transposed view loses its layout

    def asnumpy(self, x):
        return np.array(x._hidden, order="C")
