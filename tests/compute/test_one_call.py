"""A convolution followed call by call, from the public function to NumPy, as a reader with a debugger follows it."""

import sys
from dataclasses import dataclass, field

import numpy as np
import pytest

import minifcn as mf
import minifcn.functional as F

PLACES = 20  # functions on a pixel's way
FUNCTIONS = 34  # with those that check arguments, know windows or cut work up, and with helpers
RETURNS = 2  # to a room that was left


@dataclass
class Trace:
    """What a call enters on the thread that makes it.

    Every function counts once, however many strips it is called for. What stands inside a function, such as the body
    of a loop over strips, belongs to it. `minifcn.backend` is the machine, as NumPy is, and is not counted.

    Parameters
    ----------
    functions : list of (room, name)
        All that have a name.
    places : list of (room, name)
        The pixel's way: those that are handed an array or a Tensor. A helper with an underscore belongs to its file.
    entries : dict
        How often the pixel comes to a room from another one.
    """

    functions: list = field(default_factory=list)
    places: list = field(default_factory=list)
    entries: dict = field(default_factory=dict)

    def __call__(self, frame, event, _):
        room, name = frame.f_globals.get("__name__", ""), frame.f_code.co_qualname.split(".<locals>")[0]
        if event != "call" or not room.startswith("minifcn.") or room.startswith("minifcn.backend"):
            return
        if "<" in name or name == "__create_fn__":  # an expression; what `dataclass` writes
            return
        if (room, name) not in self.functions:
            self.functions.append((room, name))
        has_pixels = any(map(holds_an_array, frame.f_locals.values()))
        if has_pixels and not name.startswith("_") and (room, name) not in self.places:
            self.places.append((room, name))
            self.entries[room] = self.entries.get(room, 0) + (self.room_of_caller(frame) != room)

    @staticmethod
    def room_of_caller(frame):
        while (frame := frame.f_back) is not None:
            if (room := frame.f_globals.get("__name__", "")).startswith("minifcn."):
                return room
        return None

    def __str__(self):
        lines = (f"{'*' if f in self.places else ' '} {f[0]:40s} {f[1]}" for f in self.functions)
        return "\n".join([*lines, "* a pixel's way", str(self.entries)])


def holds_an_array(value):
    if isinstance(value, tuple | list):
        return any(map(holds_an_array, value))
    return isinstance(value, np.ndarray | mf.Tensor)


def followed(function):
    function()
    trace = Trace()
    sys.setprofile(trace)
    try:
        function()
    finally:
        sys.setprofile(None)
    return trace


CALLS = {
    "winograd": {"inputs": 64, "outputs": 64},
    "a strip": {"inputs": 64, "outputs": 21},
    "neighbouring outputs": {"inputs": 3, "outputs": 16},
    "blocks": {"inputs": 64, "outputs": 64, "stride": 2},
    "groups": {"inputs": 64, "outputs": 32, "groups": 2},
    "the definition": {"inputs": 64, "outputs": 64, "algorithm": "im2col"},
}


@pytest.mark.parametrize("name", CALLS)
def test_few_places_and_few_returns(name, rng):
    case = {"groups": 1, "stride": 1, "algorithm": None} | CALLS[name]
    x, weight, bias = (
        mf.Tensor(rng.standard_normal(shape).astype("float32"))
        for shape in [
            (1, case["inputs"], 56, 56),
            (case["outputs"], case["inputs"] // case["groups"], 3, 3),
            (case["outputs"],),
        ]
    )

    def call():
        return F.conv2d(x, weight, bias, padding=1, stride=case["stride"], groups=case["groups"], relu=True)

    if case["algorithm"]:
        with mf.algorithm(case["algorithm"]):
            trace = followed(call)
    else:
        trace = followed(call)
    assert len(trace.places) <= PLACES, f"{len(trace.places)} places\n{trace}"
    assert len(trace.functions) <= FUNCTIONS, f"{len(trace.functions)} functions\n{trace}"
    assert max(trace.entries.values()) <= 1 + RETURNS, f"too many returns\n{trace}"


def test_a_room_that_is_left_and_entered_again_is_counted():
    x = mf.Tensor(np.ones((1, 1, 2, 2)))
    trace = followed(lambda: F.pad(F.relu(F.crop(x, (0, 0), (1, 1))), (1, 0, 0, 0)))
    assert trace.entries["minifcn.functional.activation"] == 1
    assert trace.entries["minifcn.functional.shape"] >= 2
    assert {"crop", "pad", "relu"} <= {name for _, name in trace.places}
