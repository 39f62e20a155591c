"""What a run on geometry leaves behind: layers, crops, or an error that names the layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from minifcn.autograd import Tensor
from minifcn.compute.window import Pair
from minifcn.errors import UserError
from minifcn.nn import Module

if TYPE_CHECKING:
    from minifcn.models.geometry import Geometry


class GeometryError(UserError):
    """A layer that does not fit on its input, or whose geometry is not known; the message names it."""


class Functional(Module):
    """An operation that a forward calls without a layer of its own, listed as the layer that it is.

    Parameters
    ----------
    name : str
        That of the module whose forward it is, and the function's.
    transposed : bool
        Whether it is a transposed convolution.
    weights : sequence of Tensor or array
        Its weight, if it has one.
    """

    def __init__(self, name: str, transposed: bool, weights: Sequence[Any]):
        self.name, self.transposed = name, transposed
        for weight in weights:
            self.weight = weight if isinstance(weight, Tensor) else Tensor(weight)


class Crop(NamedTuple):
    """A map that was cut to lie over another one.

    Parameters
    ----------
    name : str
        Of the score layer that is cropped.
    place : int
        How many layers come before it.
    larger, smaller : Geometry
        The map that is cut, and the one it then lies over.
    """

    name: str
    place: int
    larger: Geometry
    smaller: Geometry


@dataclass
class Trace:
    """What a run on geometry has seen, in order.

    Parameters
    ----------
    names : dict of int to str
        Dotted names of the modules, by their `id`.
    layers : list of (Module, Geometry, Geometry)
        Each layer, its input and its output.
    crops : list of Crop
    running : list of Module
        Modules whose forward is under way, the innermost last.
    output : Geometry, or what else the forward gave
    """

    names: dict[int, str] = field(default_factory=dict)
    layers: list[tuple[Module, Geometry, Geometry]] = field(default_factory=list)
    crops: list[Crop] = field(default_factory=list)
    running: list[Module] = field(default_factory=list)
    output: Any = None

    @property
    def crop_offsets(self) -> dict[str, int | Pair]:
        """Offset of every crop: (top, left), or one number where they are the same."""
        offsets = {crop.name: crop.larger.offset_to(crop.smaller) for crop in self.crops}
        return {name: top if top == left else (top, left) for name, (top, left) in offsets.items()}

    def note_call(
        self, called: str, transposed: bool, weights: Sequence[Any], before: Geometry, behind: Geometry
    ) -> None:
        """List an operation that a forward calls itself, under the names of its module and the function."""
        inside = self.names.get(id(self.running[-1]), "")
        layer = Functional(f"{inside}.{called}".lstrip("."), transposed, weights)
        self.layers.append((layer, before, behind))

    def name_of(self, module: Module) -> str:
        """Give the dotted name of a module, or its class where it has none."""
        return module.name if isinstance(module, Functional) else self.names.get(id(module)) or type(module).__name__

    def place(self) -> str:
        """Say in which module's forward the run is."""
        module = self.running[-1]
        name, kind = self.names.get(id(module)), type(module).__name__
        return f"{name} ({kind})" if name else kind

    def refusal(self, message: str) -> GeometryError:
        """Make the error that says in which module the run cannot go on, and why."""
        place = f"{self.place()}: "
        return GeometryError(place + message.removeprefix(place))  # a network with rules of its own has named itself
