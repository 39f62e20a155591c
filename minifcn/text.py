"""Text for people: columns that stand under each other, and numbers with their units."""

from __future__ import annotations


def aligned(cells: tuple[str, ...], widths: list[int]) -> str:
    """Join cells to a line, the first one flush left and the others flush right."""
    first, *others = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join([first.strip().ljust(widths[0]), *others])


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
