"""Locks that survive a fork."""

from __future__ import annotations

import os
import threading


def short_lock():
    """Make a lock that no thread holds at the moment of a fork, so that it is free in the child.

    Nobody may hold it while code of the user runs: that could wait for a thread that waits for the lock. Only a signal
    handler can come in between, so a thread that holds it may take it again.
    """
    lock = threading.RLock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock
