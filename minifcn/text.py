"""Text for people, as any room may write it: tables, numbers with their units, and what a wrong name may have meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence


def in_columns(rows: Iterable[Sequence[str]]) -> str:
    """Write rows of cells as lines whose columns stand under each other, the first flush left, the others right.

    >>> print(in_columns([("layer", "stride"), ("conv1_1", "1")]))
    layer    stride
    conv1_1       1
    """
    rows = list(rows)
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = []
    for head, *cells in rows:
        lines.append("  ".join([head.ljust(first), *map(str.rjust, cells, others)]).rstrip())
    return "\n".join(lines)


def in_bytes(count: float) -> str:
    """Write a number of bytes with its unit.

    >>> in_bytes(24_576)
    '24.0 KiB'
    """
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.2f} GiB"


def counted(number: int, one: str, several: str = "") -> str:
    """Write a number with its noun.

    >>> counted(1, "sample"), counted(1792, "parameter"), counted(3, "batch", "batches")
    ('1 sample', '1,792 parameters', '3 batches')
    """
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def counted_of(number: int, of: int, one: str) -> str:
    """Write how many of some things are meant.

    >>> counted_of(1, 5, "label"), counted_of(5, 5, "label"), counted_of(1, 1, "label")
    ('1 of 5 labels', '5 of 5 labels', 'the only label')
    """
    return f"the only {one}" if number == of == 1 else f"{number} of {counted(of, one)}"


def in_short(names: Sequence[str], most: int = 5) -> str:
    """List names, the first ones of many.

    >>> in_short(["sky", "road"]), in_short(["a", "b", "c"], most=1)
    ('sky, road', 'a and 2 more')
    """
    if len(names) <= most + 1:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def did_you_mean(name: object, known: Iterable[str], written: Callable[[str], str] = str) -> str:
    """End a message about an unknown name with the nearest known one, as that is written, or with nothing.

    >>> did_you_mean("fcn8", ["fcn32s", "fcn16s", "fcn8s"]), did_you_mean("unet", ["fcn8s"])
    ("; did you mean 'fcn8s'?", '')
    """
    import difflib  # rarely needed

    close = difflib.get_close_matches(str(name), [*known], 1)
    return f"; did you mean {written(close[0])!r}?" if close else ""


def printable(text: str) -> str:
    """Put a question mark for each character that could steer a terminal: foreign files may have such names.

    >>> printable("a\\x1b[31m.png")
    'a?[31m.png'
    """
    return "".join(c if c.isprintable() or ord(c) >= 0xD800 else "?" for c in text)


def shortened(text: str, most: int) -> str:
    """Leave out the middle of a text of more than so many characters: names often differ at their ends.

    >>> shortened("building_on_the_left_3", 15)
    'building...ft_3'
    """
    if len(text) <= most:
        return text
    end = (most - 3) // 3
    return f"{text[: most - 3 - end]}...{text[-end:]}"
