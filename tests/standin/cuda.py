"""cupy.cuda: one device, whose work is done as soon as it is asked for; waiting for it is counted."""

from __future__ import annotations

import time
from types import ModuleType

from standin.events import record

MEMORY = (1 << 36, 1 << 37)  # free and all, in bytes


class CUDARuntimeError(RuntimeError):
    """Stands in for cupy.cuda.runtime.CUDARuntimeError."""

    def __init__(self, status: int):
        super().__init__(f"CUDA error {status}")
        self.status = status


class Device:
    """Stands in for cupy.cuda.Device; there is only number 0."""

    compute_capability = "90"
    mem_info = MEMORY

    def __init__(self, id: int | None = None):
        self.id = id or 0

    def use(self) -> None:
        """Compute on this device from now on."""
        if self.id:
            raise CUDARuntimeError(101)  # cudaErrorInvalidDevice

    def synchronize(self) -> None:
        """Wait for the device."""
        record("sync", "Device.synchronize")

    def __enter__(self):
        self.use()
        return self

    def __exit__(self, *exception):
        pass

    def __eq__(self, other):
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self):
        return hash(self.id)

    def __int__(self):
        return self.id

    def __repr__(self):
        return f"<CUDA Device {self.id}>"


class Event:
    """Stands in for cupy.cuda.Event: remembers the time."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self.seconds = 0.0

    def record(self, stream=None) -> None:
        """Note when the work so far is done."""
        self.seconds = time.perf_counter()

    def synchronize(self) -> None:
        """Wait for that work."""
        record("sync", "Event.synchronize")


class Stream:
    """Stands in for cupy.cuda.Stream: all streams are one here."""

    null: Stream
    ptr = 0

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        pass

    def use(self) -> Stream:
        """Queue work here from now on."""
        return self

    def record(self, event: Event | None = None) -> Event:
        """Record an event, a new one if none is given."""
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """Let this stream, not the host, wait."""

    def synchronize(self) -> None:
        """Wait for the stream."""
        record("sync", "Stream.synchronize")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass


Stream.null = Stream()


class MemoryPool:
    """Stands in for cupy.cuda.MemoryPool; memory is NumPy's, so it holds none."""

    def used_bytes(self) -> int:
        """Bytes of the arrays that live."""
        return 0

    def total_bytes(self) -> int:
        """Bytes taken from the device."""
        return 0

    def free_all_blocks(self, stream=None) -> None:
        """Give back what no array uses."""

    def set_limit(self, size=None, fraction=None) -> None:
        """Bound the bytes taken from the device."""


runtime = ModuleType("cupy.cuda.runtime")
runtime.__dict__.update(
    CUDARuntimeError=CUDARuntimeError,
    getDeviceCount=lambda: 1,
    driverGetVersion=lambda: 13000,
    runtimeGetVersion=lambda: 13000,
    memGetInfo=lambda: MEMORY,
    deviceSynchronize=lambda: record("sync", "deviceSynchronize"),
    getDeviceProperties=lambda device: {"name": b"stand-in"},
)
cuda = {
    "Device": Device,
    "Event": Event,
    "Stream": Stream,
    "MemoryPool": MemoryPool,
    "runtime": runtime,
    "is_available": lambda: True,
    "get_current_stream": lambda device_id=-1: Stream.null,
    "get_elapsed_time": lambda start, end: 1000 * (end.seconds - start.seconds),
}
