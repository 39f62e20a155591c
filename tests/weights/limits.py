"""What reading a file may cost: memory in proportion to its size, and seconds."""

import contextlib
import time
import tracemalloc

TIMES = 20  # the size of the file: a compressed one may unpack to 16 times its size
SLACK = 3_000_000  # bytes
SECONDS = 20


@contextlib.contextmanager
def of(path):
    """Hold what happens within to the limits of a file."""
    start = time.process_time()
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < TIMES * path.stat().st_size + SLACK
    assert time.process_time() - start < SECONDS
