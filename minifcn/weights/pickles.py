"""The pickle of a PyTorch file as plain data.

A pickle is a program for a machine with a stack, and Python's own machine lets it call any function there is. This one
has only the instructions that dictionaries of tensors need, and calls what `KNOWN` names: functions of this file, which
make records of what was asked for. Any other name ends the reading.
"""

from __future__ import annotations

import mmap
import pickletools
from dataclasses import dataclass
from typing import Any, BinaryIO

from minifcn.errors import UserError
from minifcn.text import shortened

_MOST_STEPS = 200_000  # of 7 µs and up to some hundred bytes of memory each; a tensor takes about 45
_MOST_DIMENSIONS = 32
_MOST_ARGUMENTS = 8
_WAY_OUT = "with what made it, save the numbers alone: torch.save(model.state_dict(), FILE)"


@dataclass(frozen=True, eq=False)
class StorageRecord:
    """Numbers in a row that tensors look at.

    Parameters
    ----------
    dtype : str
        NumPy's name, or "bfloat16".
    key : str
        The name in the file.
    count : int
        How many numbers.
    """

    dtype: str
    key: str
    count: int


@dataclass(frozen=True, eq=False)
class TensorRecord:
    """A view of a storage, as `torch.as_strided` makes it.

    Parameters
    ----------
    storage : StorageRecord
    offset : int
        Where the first number is; counted in numbers, as the strides are.
    size, stride : tuple of int
    """

    storage: StorageRecord
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def _storage(persistent_id: Any) -> StorageRecord:
    """Make a record of what PyTorch's pickles refer to: ("storage", type, key, device, count)."""
    kind, dtype, key, _, count, *view = persistent_id
    if kind != "storage" or not isinstance(dtype, str) or not isinstance(key, str) or not _whole((count,)):
        raise UserError("one of its storages is described wrongly; it is damaged, download it again")
    if any(view):
        raise UserError("it has storages within storages, of PyTorch before 0.4; load it there and save it again")
    return StorageRecord(dtype, key, count)


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *others: Any) -> TensorRecord:
    if any(others[2:]):  # behind requires_grad and hooks: that the numbers are to be negated, or conjugated
        raise UserError("it has tensors that change the numbers below them; save clones: {name: x.clone(), ...}")
    fits = isinstance(size, tuple) and isinstance(stride, tuple) and len(size) == len(stride) <= _MOST_DIMENSIONS
    if not isinstance(storage, StorageRecord) or not fits or not _whole((offset, *size, *stride)):
        raise UserError("one of its tensors is described wrongly; it is damaged, download it again")
    return TensorRecord(storage, offset, size, stride)


def _parameter(data: Any, *_: Any) -> Any:
    return data


def _ordered_dict(items: Any = ()) -> dict:
    result: dict = {}
    for key, value in items:
        _set(result, key, value)
    if items:
        items.clear()  # a list of Python 2's pickles, which nothing else uses: no file can have it copied twice
    return result


def _nothing(*_: Any) -> None:
    """Stand for a device or a size, which are beside the point."""


_DTYPES = {
    **{"Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16", "Bool": "bool"},
    **{"Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8"},
}
KNOWN: dict[str, Any] = {
    "collections.OrderedDict": _ordered_dict,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.Size": _nothing,
    "torch.device": _nothing,
    **{f"torch.{kind}Storage": dtype for kind, dtype in _DTYPES.items()},
    **{f"torch.{dtype}": dtype for dtype in _DTYPES.values()},
}


def load(file: BinaryIO | mmap.mmap) -> tuple[Any, list[StorageRecord]]:
    """Run one pickle; the file then stands behind it.

    Parameters
    ----------
    file : binary file, or a mapped one

    Returns
    -------
    what the pickle is of
        Numbers, texts, lists, tuples, dictionaries and TensorRecords.
    list of StorageRecord
        All that it refers to.

    Raises
    ------
    UserError
        Naming it, if the pickle asks for something that is not known here.
    ValueError, LookupError, TypeError, AttributeError
        If it is damaged.

    Examples
    --------
    >>> import io, pickle, shutil
    >>> load(io.BytesIO(pickle.dumps({"epoch": 3})))
    ({'epoch': 3}, [])
    >>> load(io.BytesIO(pickle.dumps(shutil.rmtree)))
    Traceback (most recent call last):
    minifcn.errors.UserError: it asks for shutil.rmtree, ...
    """
    machine = _Machine()
    for steps, (opcode, argument, _) in enumerate(pickletools.genops(file)):  # type: ignore[arg-type] # it reads a mapped file as well
        machine.step(opcode.name, argument)
        if steps > _MOST_STEPS:
            raise UserError(f"its pickle has more than {_MOST_STEPS:,} steps; save the state dict alone")
    return machine.stack.pop(), machine.storages


def _known(name: str) -> Any:
    """Give what stands here for a function or class of that name; UserError for all but those of state dicts."""
    if name not in KNOWN:
        raise UserError(
            f"it asks for {shortened(name, 80)}, and to read it that code would have to run, which may do anything; "
            + _WAY_OUT
        )
    return KNOWN[name]


class _Machine:
    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.storages: list[StorageRecord] = []

    def step(self, name: str, argument: Any) -> None:
        stack, memo = self.stack, self.memo
        match name:
            case "PROTO" | "FRAME" | "STOP":
                pass
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINUNICODE" | "SHORT_BINUNICODE":
                stack.append(argument)
            case "BINSTRING" | "SHORT_BINSTRING":  # of Python 2
                stack.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[name]())
            case "MARK":
                self.marks.append(len(stack))
            case "TUPLE":
                stack.append(tuple(self.since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(self.pop(int(name[-1]))))
            case "APPEND" | "APPENDS":
                items = self.since_mark() if name == "APPENDS" else self.pop(1)
                _of(list, stack[-1]).extend(items)
            case "SETITEM" | "SETITEMS":
                items = self.since_mark() if name == "SETITEMS" else self.pop(2)
                for key, value in zip(items[::2], items[1::2], strict=True):
                    _set(_of(dict, stack[-1]), key, value)
            case "GLOBAL" | "STACK_GLOBAL":
                stack.append(_known(argument.replace(" ", ".") if argument else ".".join(self.pop(2))))
            case "REDUCE":
                function, arguments = self.pop(2)
                stack.append(function(*_short(arguments)))
            case "BUILD":  # attributes of an OrderedDict: versions of its modules
                self.pop(1)
                _of(dict, stack[-1])
            case "BINPERSID":
                self.storages.append(_storage(_short(stack.pop())))
                stack.append(self.storages[-1])
            case "BINPUT" | "LONG_BINPUT" | "MEMOIZE":
                memo[len(memo) if argument is None else argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case _:
                raise UserError(f"its pickle has the instruction {name}, which no state dict needs; {_WAY_OUT}")

    def pop(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise IndexError("its pickle takes more from the stack than there is")
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return values

    def since_mark(self) -> list[Any]:
        return self.pop(len(self.stack) - self.marks.pop())


def _of(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"its pickle has a {type(value).__name__} where a {kind.__name__} should be")
    return value


def _short(arguments: Any) -> tuple:
    """Refuse long tuples: one that is in the memo can be handed over as often as there are steps."""
    if len(_of(tuple, arguments)) > _MOST_ARGUMENTS:
        raise ValueError(f"its pickle calls something with more than {_MOST_ARGUMENTS} arguments")
    return arguments


def _set(dictionary: dict, key: Any, value: Any) -> None:
    if type(key) not in (str, int) or (isinstance(key, int) and not -(2**31) <= key < 2**31):
        raise UserError("it has a dictionary with other keys than names and small numbers; save the state dict alone")
    dictionary[key] = value


def _whole(values: tuple) -> bool:
    return all(type(value) is int and 0 <= value < 2**63 for value in values)
