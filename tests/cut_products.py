"""Products cut into small pieces, on every machine."""

from minifcn.backend import unpacked

SMALL = {"LARGEST": 600, "FEWEST_ROWS": 3, "MOST_ROWS": 20, "COLUMNS": 16, "SUMMED_ROWS": 3, "DEEPEST": 7}


def cut_products(monkeypatch) -> None:
    """Let `backend.unpacked` cut all products of more than 600 multiply-adds, whatever BLAS there is."""
    for name, value in SMALL.items():
        monkeypatch.setattr(unpacked, name, value)
    monkeypatch.setattr(unpacked, "packs_nothing", lambda: True)
    monkeypatch.setattr(unpacked, "_piece", unpacked._piece.__wrapped__)
