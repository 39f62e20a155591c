"""cupy.ElementwiseKernel: a C++ compiler makes a program of the very text that a GPU would run; indices are checked."""

from __future__ import annotations

import ctypes
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from standin.array import ndarray, unwrap
from standin.events import record

COMPILER = shutil.which("g++") or shutil.which("c++")
TYPES = {
    **{
        "?": "bool",
        "b": "signed char",
        "B": "unsigned char",
        "i": "int",
        "I": "unsigned int",
        "l": "long",
        "L": "unsigned long",
    },
    **{"f": "float", "d": "double", "D": "std::complex<double>"},
}
COMPLEX = "#include <complex>"  # to read it takes a compiler ten times as long as all the rest of a kernel
HEAD = """
#include <cstddef>
static long outside;
static unsigned long __umul64hi(unsigned long a, unsigned long b) { return ((unsigned __int128)a * b) >> 64; }
template <class T> struct Raw {  // an index beyond the array is noted, and reads the first element
    T* data; long size;
    T& operator[](long i) const { if (i < 0 || i >= size) { outside = i + 1; i = 0; } return data[i]; }
};
"""


class ElementwiseKernel:
    """Stands in for cupy.ElementwiseKernel where all outputs are given: vectors, or arrays in C order.

    The elements are visited backwards, as no kernel may count on an order. IndexError where one reads or writes beyond
    a raw array, which a GPU would do.
    """

    def __init__(self, in_params: str, out_params: str, operation: str, name: str = "kernel"):
        self.name, self.operation, self.inputs = name, operation, len(in_params.split(","))
        self.parameters = [p.split() for p in f"{in_params}, {out_params}".split(",")]

    def __call__(self, *args: Any) -> Any:
        if len(args) != len(self.parameters):
            raise NotImplementedError(f"{self.name}: the stand-in wants all {len(self.parameters)} arguments")
        types, arrays, sizes = {}, [], []
        for (*raw, kind, name), x in zip(self.parameters, args, strict=True):
            hidden = np.asarray(unwrap(x, self.name), None if isinstance(x, ndarray) else kind)
            wanted = types.setdefault(kind, hidden.dtype) if len(kind) == 1 else np.dtype(kind)
            if hidden.dtype != wanted:
                raise TypeError(f"{self.name}: {name} must be {wanted}, got {hidden.dtype}")
            if not hidden.flags.c_contiguous:
                raise NotImplementedError(f"{self.name}: {name} is in no C order")
            sizes += [hidden.size] if isinstance(x, ndarray) and not raw else []
            arrays.append(hidden)
        if len(set(sizes)) != 1:
            raise ValueError(f"{self.name}: the sizes {sizes} of what is looped over differ, or there are none")
        program = _compiled(self._source({kind: dtype.char for kind, dtype in types.items()}, arrays, args))
        pointers = (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))
        lengths = (ctypes.c_long * len(arrays))(*(a.size for a in arrays))
        outside = program.run(pointers, lengths, ctypes.c_long(sizes[0]))
        if outside:
            raise IndexError(f"{self.name}: element {outside - 1} lies outside a raw array")
        record("kernel", self.name, sizes[0] > 0)
        outputs = args[self.inputs :]
        return outputs[0] if len(outputs) == 1 else outputs

    def _source(self, types: dict[str, str], arrays: list, args: tuple) -> str:
        """C++ of a loop over all elements."""
        fixed, each = [f"typedef {TYPES[char]} {kind};" for kind, char in types.items()], []
        for i, ((*raw, _, name), hidden, x) in enumerate(zip(self.parameters, arrays, args, strict=True)):
            kind = f"{'const ' * (i < self.inputs)}{TYPES[hidden.dtype.char]}"
            if raw:
                fixed.append(f"Raw<{kind}> {name}{{({kind}*)arrays[{i}], sizes[{i}]}};")
            else:
                each.append(f"{kind}& {name} = (({kind}*)arrays[{i}])[{'i' if isinstance(x, ndarray) else '0'}];")
        head = f"{COMPLEX}{HEAD}" if any(hidden.dtype.char == "D" for hidden in arrays) else HEAD
        return "\n".join(
            [head, 'extern "C" long run(void** arrays, long* sizes, long n) {', "outside = 0;", *fixed]
            + ["for (long i = n - 1; i >= 0; --i) {", *each, f"{{{self.operation}}}", "}", "return outside; }"]
        )


@functools.cache
def _compiled(source: str) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        text, library = Path(folder, "kernel.cpp"), Path(folder, "kernel.so")
        text.write_text(source)
        done = subprocess.run([COMPILER, "-O1", "-w", "-shared", "-fPIC", "-o", library, text], capture_output=True)
        if done.returncode:
            raise RuntimeError(f"the kernel does not compile:\n{done.stderr.decode()}")
        program = ctypes.CDLL(str(library))
    program.run.restype = ctypes.c_long
    return program
