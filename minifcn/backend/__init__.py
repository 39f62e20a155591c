"""The array module and the device: NumPy on the host, CuPy on a GPU.

Array code asks the array, ``xp = array_module(x)``, and then reads the same for both. There is no global mode, so
a CPU reference and a GPU run meet in one process. CuPy is imported only when a CUDA device is asked for.
"""

from minifcn.backend.arrays import array_module, device_of, fused, to_device, to_host
from minifcn.backend.devices import device_memory, device_name, resolve_device, use_device, wait_for
from minifcn.backend.memory import is_plain, memory_of
from minifcn.backend.problem import cuda_problem
from minifcn.backend.promotion import alike, as_array, is_array

__all__ = [
    "alike",
    "array_module",
    "as_array",
    "cuda_problem",
    "device_memory",
    "device_name",
    "device_of",
    "fused",
    "is_array",
    "is_plain",
    "memory_of",
    "resolve_device",
    "to_device",
    "to_host",
    "use_device",
    "wait_for",
]
