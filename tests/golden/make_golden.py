"""Freeze what PyTorch computes for every case of tests/torch_cases.py: python tests/golden/make_golden.py"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from torch_cases import cases, inputs, theirs

FILE = Path(__file__).with_name("operations.npz")


def main():
    rng, arrays = np.random.default_rng(2015), {}
    for name, case in cases().items():
        values = inputs(case, rng)
        cotangent, results = theirs(case, values, rng)
        for part, group in (("input", values), ("cotangent", [cotangent]), ("result", results)):
            arrays |= {f"{name}/{part} {i}": array for i, array in enumerate(group)}
    np.savez_compressed(FILE, **arrays)


if __name__ == "__main__":
    main()
