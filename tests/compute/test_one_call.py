"""A convolution followed call by call, from the public function to NumPy, as a reader with a debugger follows it."""

import sys
from dataclasses import dataclass, field

import numpy as np
import pytest

import minifcn as mf
import minifcn.functional as F


@dataclass
class Trace:
    """What a call enters on the thread that makes it.

    Every function counts once, however many strips it is called for. What stands inside a function, such as the body
    of a loop over strips, belongs to it, and what `dataclass` writes to nobody. `minifcn.backend` is the machine, as
    NumPy is, and is counted apart.

    Parameters
    ----------
    functions, machine : list of (room, name)
    entries : dict of room to int
        How often a room is come to from another one.
    room : str
        Where the last call was.
    """

    functions: list = field(default_factory=list)
    machine: list = field(default_factory=list)
    entries: dict = field(default_factory=dict)
    room: str = ""

    def __call__(self, frame, event, _):
        room, name = frame.f_globals.get("__name__", ""), frame.f_code.co_qualname.split(".<locals>")[0]
        if event != "call" or not room.startswith("minifcn.") or "<" in name or name == "__create_fn__":
            return
        machine = room.startswith("minifcn.backend")
        functions = self.machine if machine else self.functions
        if (room, name) not in functions:
            functions.append((room, name))
        if room != self.room and not machine:
            self.entries[room] = self.entries.get(room, 0) + 1
            self.room = room

    @property
    def returns(self):
        """How often the room that is entered most is left and entered again."""
        return max(self.entries.values()) - 1

    def __str__(self):
        functions = [*self.functions, *self.machine]
        return "\n".join([*(f"{room:40s} {name}" for room, name in functions), str(self.entries)])


def followed(function):
    function()
    trace = Trace()
    sys.setprofile(trace)
    try:
        function()
    finally:
        sys.setprofile(None)
    return trace


# Channels, outputs, settings; and, for a map that is a single strip and so stays on one thread, how many functions
# there are at most, how many with those of the machine, and how many returns to one room. Of the definition the product
# is shared between threads, which enters three functions of the machine more; where BLAS packs nothing, two more cut
# the products.
CALLS = {
    "a strip": (64, 12, {}, 18, 36, 2),
    "a strip, without bias and ReLU": (64, 12, {"bias": False, "relu": False}, 17, 33, 2),
    "neighbouring outputs": (3, 16, {}, 19, 36, 2),
    "blocks": (64, 64, {"stride": 2}, 18, 34, 2),
    "winograd": (64, 64, {}, 20, 38, 2),  # one asks what was kept of the weight, one shares tiles out
    "two groups": (64, 24, {"groups": 2}, 20, 38, 2),
    "the definition": (64, 64, {"bias": False, "relu": False, "algorithm": "im2col"}, 18, 33, 2),
    "the definition, in three steps": (64, 64, {"algorithm": "im2col"}, 21, 39, 4),
}


@pytest.mark.parametrize("name", CALLS)
def test_few_functions_and_few_returns(name, rng):
    channels, outputs, settings, most, with_machine, returns = CALLS[name]
    settings = {"bias": True, "relu": True, "stride": 1, "groups": 1, "algorithm": None} | settings
    forced, has_bias = settings.pop("algorithm"), settings.pop("bias")
    shapes = (1, channels, 24, 24), (outputs, channels // settings["groups"], 3, 3), (outputs,)
    x, weight, bias = (mf.Tensor(rng.standard_normal(shape).astype("float32")) for shape in shapes)

    def call():
        return F.conv2d(x, weight, bias if has_bias else None, padding=1, **settings)

    if forced:
        with mf.algorithm(forced):
            trace = followed(call)
    else:
        trace = followed(call)
    assert len(trace.functions) <= most, f"{len(trace.functions)} functions\n{trace}"
    both = len(trace.functions) + len(trace.machine)
    assert both <= with_machine, f"{both} functions with those of the machine\n{trace}"
    assert trace.returns <= returns, f"{trace.returns} returns\n{trace}"


def test_a_room_that_is_left_and_entered_again_is_counted():
    x = mf.Tensor(np.ones((1, 1, 2, 2)))
    trace = followed(lambda: F.pad(F.relu(F.crop(x, (0, 0), (1, 1))), (1, 0, 0, 0)))
    assert trace.entries["minifcn.functional.activation"] == 1
    assert trace.entries["minifcn.functional.shape"] >= 2
    assert {"crop", "pad", "relu"} <= {name for _, name in trace.functions}
