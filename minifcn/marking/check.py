"""Compare an answer with what is right, and recognise the mistakes that are often made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from numbers import Number, Rational
from typing import Any

import numpy as np

from minifcn.autograd import Tensor
from minifcn.marking.hints import DIGITS, EMPTY, EXACT, RETURN, TENSOR, WHOLE

LONGEST = 40  # numbers of an array that are shown
LONGEST_REPR = 60  # characters of anything else
KINDS: dict[str, tuple[Any, str]] = {
    "whole": ((int, np.integer), WHOLE),
    "exact": (Rational, EXACT),
}  # the types that will do, and a hint


class NotYet(AssertionError):
    """An answer that is not right yet: what was found, and a hint if the mistake is a known one.

    Examples
    --------
    >>> raise NotYet("conv_output_size(5, 3) should be 3, but is 2", "how often does a 3 fit into a 3?")
    Traceback (most recent call last):
    minifcn.marking.check.NotYet: conv_output_size(5, 3) should be 3, but is 2
    Hint: how often does a 3 fit into a 3?
    """

    def __init__(self, found: str, hint: str = "") -> None:
        super().__init__(found + (f"\nHint: {hint}" if hint else ""))
        self.found, self.hint = found, hint


def check(
    call: str,
    got: Any,
    expected: Any,
    *,
    mistakes: Mapping[str, Any] | None = None,
    tolerance: float = 1e-6,
    kind: str = "",
) -> None:
    """Compare an answer with the right one; recognise those that known mistakes lead to.

    Parameters
    ----------
    call : str
        What was computed, as the student would write it: "conv_output_size(5, 3)".
    got : number, array, or tuple of them
        What the student's function returned. For a tuple anything that can be unpacked into as many values will do,
        and for an array anything that NumPy makes one of; where a masked array is masked, it counts as NaN.
    expected : the same
        What it should have returned.
    mistakes : mapping of str to what a mistake returns, optional
        For each mistake, the hint that leads out of it. The first one that agrees with `got` is given.
    tolerance : float, default 1e-6
        How far a number may be off, absolutely and relatively.
    kind : "whole" or "exact", optional
        Whole numbers are asked for, which can count and index, so 3.0 will not do; or exact ones, whole or Fractions.

    Raises
    ------
    NotYet
        If the two differ: in their kind, their shape or a number; or the numbers are not of the kind that is asked for.

    Examples
    --------
    >>> check("conv_output_size(5, 3)", 3, expected=3)
    >>> check("conv_output_size(5, 3)", 5 - 3, expected=3, mistakes={"how often does a 3 fit into a 3?": 2})
    Traceback (most recent call last):
    minifcn.marking.check.NotYet: conv_output_size(5, 3) should be 3, but is 2
    Hint: how often does a 3 fit into a 3?
    """
    if isinstance(expected, tuple):
        _check_tuple(call, got, expected, mistakes or {}, tolerance, kind)
        return
    if _agree(got, expected, tolerance):
        _check_kind(call, got, kind)
        return
    hint = next((hint for hint, wrong in (mistakes or {}).items() if _agree(got, wrong, tolerance)), "")
    if got is None:
        raise NotYet(f"{call} returned None", hint or RETURN)
    raise NotYet(_difference(call, got, expected, tolerance), hint or _hint_for_any(got, expected))


def parts(value: Any, count: int) -> tuple | None:
    """Unpack what should be `count` values; None if it cannot be.

    A tuple, a list, an array of one axis or what a generator yields; but no set, which has no order.

    Examples
    --------
    >>> parts([1, np.zeros(2)], 2), parts(np.zeros((2, 3)), 2), parts({1, 2}, 2)
    ((1, array([0., 0.])), None, None)
    """
    if isinstance(value, np.ndarray):
        unpacked = tuple(value) if value.ndim == 1 else ()
    elif isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping, Set, Tensor)):
        unpacked = tuple(value)
    else:
        unpacked = ()
    return unpacked if len(unpacked) == count else None


def _check_tuple(
    call: str, got: Any, expected: tuple, mistakes: Mapping[str, Any], tolerance: float, kind: str
) -> None:
    """Check part by part; a mistake that concerns one part has None for the others."""
    unpacked = parts(got, len(expected))
    if unpacked is None:
        hint = RETURN if got is None else ""
        raise NotYet(f"{call} should return {len(expected)} values, but returned {_kind(got)}", hint)
    for number, (part, right) in enumerate(zip(unpacked, expected, strict=True)):
        if part is None and right is not None:
            raise NotYet(f"{call}[{number}] is None")
        wrong = {hint: values[number] for hint, values in mistakes.items() if values[number] is not None}
        check(f"{call}[{number}]", part, right, mistakes=wrong, tolerance=tolerance, kind=kind)


def _check_kind(call: str, got: Any, kind: str) -> None:
    """Refuse right numbers of a type that cannot be used for what they are there for."""
    if kind:
        wanted, hint = KINDS[kind]
        for value in np.asarray(got, object).flat:
            if isinstance(value, bool) or not isinstance(value, wanted):
                raise NotYet(f"{call} has the right value, but of the type {type(value).__name__}", hint)


def _hint_for_any(got: Any, expected: Any) -> str:
    """Help with what is no answer to any exercise."""
    if isinstance(got, Tensor):
        return TENSOR
    numbers, right = _numbers(got), _numbers(expected)
    if numbers is None or right is None:
        return ""
    if numbers.size == 0 < right.size:
        return EMPTY
    largest = np.abs(right).max(initial=0)
    nearly = numbers.shape == right.shape and largest > 0 and np.allclose(numbers, right, 0, 1e-5 * largest)
    return DIGITS if nearly else ""


def _agree(got: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(expected, (str, bool, type(None))) or got is None:
        return type(got) is type(expected) and got == expected
    numbers, right = _numbers(got), _numbers(expected)
    if numbers is None or right is None or numbers.shape != right.shape:
        return False
    return np.allclose(numbers, right, tolerance, tolerance, equal_nan=True)


def _numbers(value: Any) -> np.ndarray | None:
    """Make an array of real numbers, Fractions among them, NaN where it is masked; None if it is something else."""
    if isinstance(value, Tensor):
        return None
    try:
        array = value if isinstance(value, np.ma.MaskedArray) else np.asarray(value)
        if array.dtype.kind not in "biufO" or (array.dtype == object and not _all_numbers(array)):
            return None
        return np.ma.filled(array.astype(float), np.nan)
    except (TypeError, ValueError, OverflowError):
        return None


def _all_numbers(array: np.ndarray) -> bool:
    return all(isinstance(v, Number) and not isinstance(v, complex) for v in array.flat)


def _difference(call: str, got: Any, expected: Any, tolerance: float) -> str:
    """Say how they differ: by their kind, their shape, or the first number that does."""
    numbers, right = _numbers(got), _numbers(expected)
    if numbers is None or right is None:
        wanted = _kind(expected) if right is None or right.ndim == 0 else f"an array of shape {right.shape}"
        return f"{call} should be {wanted}, but is {_kind(got)}"
    if numbers.shape != right.shape:
        return f"{call} should have shape {right.shape}, but has {numbers.shape}"
    if right.ndim == 0:
        decimal = isinstance(got, (float, np.floating)) or isinstance(expected, float)
        both = _digits(float(right), float(numbers)) if decimal else f"{expected}, but is {got}"
        return f"{call} should be {both}"
    off = ~np.isclose(numbers, right, tolerance, tolerance, equal_nan=True)
    first = tuple(int(k) for k in np.argwhere(off)[0])
    place = ", ".join(map(str, first))
    text = f"{call}[{place}] should be {_digits(right[first], numbers[first])}"
    text += f" ({off.sum()} of {off.size} numbers are off)"
    with np.printoptions(suppress=True):  # 1000 instead of 1.e+03
        return text if right.size > LONGEST else f"{text}\nshould be\n{right}\nbut is\n{numbers}"


def _digits(right: float, number: float) -> str:
    """Set two numbers with as many digits as it takes to tell them apart."""
    digits = next((d for d in (6, 12) if f"{right:.{d}g}" != f"{number:.{d}g}"), 17)
    return f"{right:.{digits}g}, but is {number:.{digits}g}"


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if value is None:
        return "None"
    kind, text = type(value).__name__, repr(value)
    if len(text) <= LONGEST_REPR and "\n" not in text:
        return f"{text} ({kind})"
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
