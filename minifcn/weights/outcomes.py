"""What became of arrays that went from one place to another, and the table that says so."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from minifcn.text import printable, shortened

Shape = tuple[int, ...]
COPIED, RESHAPED, TRANSPOSED, BY_CLASS, EXTENDED = "copied", "reshaped", "transposed", "by class", "extended"
ADDED, FIRST_VALUE, LEFT, UNUSED = "added", "first value", "left", "unused"
TAKEN = (COPIED, RESHAPED, TRANSPOSED, BY_CLASS, EXTENDED)
OTHER_SHAPE = "other shape"
_LONGEST_NAME = 80  # of a foreign array, in characters


@dataclass(frozen=True)
class Move:
    """What became of one array.

    Parameters
    ----------
    name : str
    there, here : tuple of int or None
        Its shape where it came from, and where it is now; None where there is none.
    outcome : "copied" | "reshaped" | "transposed" | "by class" | "extended" | "added" | "first value" | ...
        Transposed: its axes are in another order now. By class: the classes that both have under one name were copied.
        Extended: it has filters for more channels.
        Added: to another array. First value: the parameter keeps it. "left": it could be taken, but is of no use.
        "unused": there is nothing that it could be.
    why : str
        Empty if the outcome says it all.
    """

    name: str
    there: Shape | None
    here: Shape | None
    outcome: str
    why: str = ""


def table(moves: Sequence[Move]) -> str:
    """Write a table in which neighbours with the same fate share a line.

    >>> print(table([Move("fc6.weight", (8, 18), (8, 2, 3, 3), "reshaped"), Move("mean", (3,), None, "unused", "why")]))
    reshaped  fc6   (8, 18) there, (8, 2, 3, 3) here
    unused    mean  why
    >>> kept = [Move(name, (8,), (8,), "copied") for name in ("a.bias", "b.bias", "c.bias", "d.weight", "d.bias")]
    >>> print(table([*kept, *(Move(f"{layer}.weight", (8,), (8,), "left", "why") for layer in "abc")]))
    copied  a.bias ... c.bias, d          4 layers, 40 parameters
    left    a.weight, b.weight, c.weight  why
    """
    whole = Counter(_layer(move.name) for move in moves)
    alike = groupby(moves, lambda move: (move.outcome, move.why))
    rows = [(outcome, *_described(list(same), whole)) for (outcome, _), same in alike]
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{a:<{first}}  {b:<{second}}  {c}".rstrip() for a, b, c in rows)


def gathered(moves: Iterable[Move]) -> tuple[Move, ...]:
    """Put moves with one fate together: of weights and biases in turn, each would have a line of the table.

    >>> moves = [Move(name, (1,), (1,), outcome) for name, outcome in zip("abc", ["copied", "left", "copied"])]
    >>> [move.name for move in gathered(moves)]
    ['a', 'c', 'b']
    """
    moves = list(moves)
    order = [*dict.fromkeys((move.outcome, move.why) for move in moves)]
    return tuple(sorted(moves, key=lambda move: order.index((move.outcome, move.why))))


def _described(moves: Sequence[Move], whole: Mapping[str, int]) -> tuple[str, str]:
    """Name some arrays with one fate, by layers where these are whole, and say what there is to say."""
    inside = Counter(_layer(move.name) for move in moves)
    parted = {layer for layer in inside if inside[layer] < whole[layer]}
    given = dict.fromkeys(move.name if _layer(move.name) in parted else _layer(move.name) for move in moves)
    names, first = [shortened(printable(name), _LONGEST_NAME) for name in given], moves[0]
    # From one name to another are whole layers alone, or weights, or biases: what lies between may have another fate.
    kinds = [name.rpartition(".")[2] if _layer(name) in parted else "" for name in given]
    runs = [[name for name, _ in run] for _, run in groupby(zip(names, kinds, strict=True), lambda pair: pair[1])]
    listed = ", ".join(", ".join(run) if len(names) <= 3 or len(run) < 3 else f"{run[0]} ... {run[-1]}" for run in runs)
    if first.outcome == COPIED:
        count = sum(math.prod(move.here or ()) for move in moves)
        return listed, f"{len(inside)} layers, {count:,} parameters" if len(inside) > 1 else f"{count:,} parameters"
    if first.outcome in (RESHAPED, TRANSPOSED) or first.why == OTHER_SHAPE:
        shapes = f"{first.there} there, {first.here} here"
        shapes += f": {first.why}" if first.why and first.why != OTHER_SHAPE else ""
        return listed, shapes if len(names) == 1 else f"{shortened(printable(first.name), _LONGEST_NAME)} is {shapes}"
    return listed, first.why


def _layer(name: str) -> str:
    return name.rpartition(".")[0] or name
