"""The computer: the array module and the device, its cores and its scratch memory. NumPy on the host, CuPy on a GPU.

Array code asks the array, ``xp = array_module(x)``, and then reads the same for both. There is no global mode, so
a CPU reference and a GPU run meet in one process. CuPy is imported only when a CUDA device is asked for.
"""

from minifcn.backend.arrays import array_module, device_of, fused, to_device, to_host
from minifcn.backend.blas import one_blas_thread, short_lock
from minifcn.backend.caches import cache_kind
from minifcn.backend.devices import device_memory, device_name, resolve_device, use_device, wait_for
from minifcn.backend.kept import kept
from minifcn.backend.launch import has_kernels
from minifcn.backend.memory import is_plain, memory_of
from minifcn.backend.nan import rectify
from minifcn.backend.pieces import joined, on_vectors, piecewise
from minifcn.backend.problem import cuda_problem
from minifcn.backend.promotion import alike, as_array, is_array
from minifcn.backend.threads import product, share, thread_count
from minifcn.backend.unpacked import products, sum_of_products
from minifcn.backend.workspace import release_workspace

__all__ = [
    "alike",
    "array_module",
    "as_array",
    "cache_kind",
    "cuda_problem",
    "device_memory",
    "device_name",
    "device_of",
    "fused",
    "has_kernels",
    "is_array",
    "is_plain",
    "joined",
    "kept",
    "memory_of",
    "on_vectors",
    "one_blas_thread",
    "piecewise",
    "product",
    "products",
    "rectify",
    "release_workspace",
    "resolve_device",
    "share",
    "short_lock",
    "sum_of_products",
    "thread_count",
    "to_device",
    "to_host",
    "use_device",
    "wait_for",
]
