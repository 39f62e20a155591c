"""A process beside the ranks of a machine: it says which of them was killed, which nobody else can, and ends the rest.

    python job_watch.py FOLDER SIZE ALL_HERE ADVICE RANK:PROCESS ...

A rank that ends by itself has left a file in the folder. The file runs alone, so that it starts at once.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
from contextlib import suppress

PATIENCE = 3.0  # seconds that a launcher has to end the other ranks


def main(folder: str, size: str, all_here: str, advice: str, *processes: str) -> None:
    """Wait for the first rank that ends."""
    ranks, numbers = {}, dict(text.split(":") for text in processes)
    with suppress(PermissionError):
        os.nice(-10)  # to be there before the launcher has ended the others too
    poll, ended = select.poll(), []
    for rank, process in numbers.items():
        try:
            descriptor = os.pidfd_open(int(process))
        except ProcessLookupError:  # before this one was there
            ended.append(rank)
        else:
            ranks[descriptor] = rank
            poll.register(descriptor, select.POLLIN)
    ended = ended or [ranks[descriptor] for descriptor, _ in poll.poll()]
    gone = [rank for rank in ended if not os.path.exists(f"/proc/{numbers[rank]}")]
    ended = gone if len(gone) == 1 else ended  # the launcher has taken note of it, and of the others not yet
    by_itself = bool(os.listdir(folder))
    shutil.rmtree(folder, ignore_errors=True)
    if by_itself:
        return
    if all_here == "1" or len(ended) < len(numbers):  # else those of another machine may have been first
        print(
            f"minifcn: rank {' or '.join(sorted(ended))} of {size} was killed, as by kill -9 or for want of "
            f"memory, and the others end with it{advice and '; '}{advice}",
            file=sys.stderr,
            flush=True,
        )
    for descriptor, rank in ranks.items():
        if rank not in ended:
            one = select.poll()
            one.register(descriptor, select.POLLIN)
            if not one.poll(1000 * PATIENCE):
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
