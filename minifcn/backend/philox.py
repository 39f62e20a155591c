"""Philox, a cipher that counts: random words of which each depends on a key and on its own number alone.

Word j is what becomes of the counter j under the key, without the words before it. So a kernel of a GPU computes the
word of its own element, with the bits that NumPy's Philox has for the host, and nothing is uploaded (Salmon, Moraes,
Dror and Shaw 2011, "Parallel Random Numbers: As Easy as 1, 2, 3": Philox4x64-10). Here it stands twice: `words` on the
host, and `WORD` in a kernel.
"""

from __future__ import annotations

import numpy as np


def words(key: int, count: int, first: int = 0) -> np.ndarray:
    """Give 32-bit words under a key, from one on: NumPy's 64-bit ones, of which each is two, the lower half first.

    >>> words(1, 3).tolist() == words(1, 5).tolist()[:3], words(2, 1) == words(1, 1)
    (True, array([False]))
    >>> words(1, 5, first=11).tolist() == words(1, 16).tolist()[11:]
    True
    """
    generator, (block, at) = np.random.Philox(key=key), divmod(first, 8)
    generator.advance(block)
    pairs = generator.random_raw(-(-(at + count) // 2))
    return pairs.astype("<u8", copy=False).view("<u4")[at : at + count]


KEY = "uint64 key0, uint64 key1"  # inputs of a kernel
# The text computes `word` from its number j. NumPy's first counter is 1, and each has four words of 64 bits.
WORD = """
    unsigned long long a = j / 8 + 1, b = 0, c = 0, d = 0, k0 = key0, k1 = key1;
    for (int round = 0; round < 10; ++round) {
      unsigned long long high = __umul64hi(0xD2E7470EE14C6C93ULL, a), low = 0xD2E7470EE14C6C93ULL * a;
      a = __umul64hi(0xCA5A826395121157ULL, c) ^ b ^ k0; b = 0xCA5A826395121157ULL * c;
      c = high ^ d ^ k1; d = low;
      k0 += 0x9E3779B97F4A7C15ULL; k1 += 0xBB67AE8584CAA73BULL;
    }
    unsigned long long words[4] = {a, b, c, d};
    unsigned int word = words[j / 2 % 4] >> 32 * (j % 2);
"""


def halves(key: int) -> tuple[np.uint64, np.uint64]:
    """Give the numbers for `KEY`: the lower and the upper 64 bits.

    >>> halves(5 << 64 | 7) == (7, 5)
    True
    """
    return np.uint64(key & (1 << 64) - 1), np.uint64(key >> 64)
