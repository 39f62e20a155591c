"""A Parameter: a Tensor that a Module learns."""

from __future__ import annotations

from typing import Any, NoReturn

from minifcn import check
from minifcn.autograd import Tensor


class Parameter(Tensor):
    """A Tensor that a Module learns, or, with ``requires_grad=False``, holds fixed.

    >>> import numpy as np
    >>> Parameter(np.zeros(2)).requires_grad
    True
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True):
        if isinstance(data, Tensor):
            raise TypeError("Parameter: data is a Tensor; pass its array: Parameter(tensor.data)")
        super().__init__(data, check.flag(requires_grad, "Parameter: requires_grad"))
        if self.dtype.kind != "f":
            raise TypeError(
                f"Parameter: data must be floating-point to be learned, got {self.dtype}; "
                "convert it first, for example with array.astype('float32')"
            )

    def _changed_in_place(self, other: Any) -> NoReturn:
        raise TypeError(
            "a Parameter is not changed by += or -=, which would put a new Tensor in its place that nothing learns: "
            "change its array, as in weight.data -= 0.1, or write weight = weight - 0.1 for a Tensor beside it"
        )

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ifloordiv__ = __ipow__ = __imatmul__ = _changed_in_place
