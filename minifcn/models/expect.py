"""What a network refuses: settings and images that cannot be right, in its own name and in words of images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minifcn.check import as_whole, number
from minifcn.errors import UserError
from minifcn.models.geometry import Geometry
from minifcn.models.trunk import Trunk


def expect_maps(kind: str, skips: tuple[int, ...], trunk: type[Trunk]) -> None:
    """Refuse a trunk without maps of the strides that a network fuses."""
    offered = trunk.scored
    if not offered:
        raise UserError(f"{kind}: the backbone {trunk.__name__} says of no map that it can be scored; see Trunk.scored")
    if not isinstance(offered, dict) or not all(
        isinstance(name, str) and as_whole(n) is not None for name, n in offered.items()
    ):
        raise TypeError(
            f"{kind}: the backbone {trunk.__name__} must have a dict of maps and their strides in scored, such as "
            f"{{'pool4': 16, 'fc7': 32}}, got {offered!r}"
        )
    if max(offered.values()) > offered[next(reversed(offered))] or min(offered.values()) < 1:
        raise ValueError(
            f"{kind}: the strides in scored of the backbone {trunk.__name__} must be at least 1, and the coarsest map "
            f"the last, got {offered}"
        )
    if skips and (set(skips) - set(offered.values()) or offered[next(reversed(offered))] != 32):
        found = ", ".join(f"{name} of stride {stride}" for name, stride in offered.items())
        raise UserError(
            f"{kind}: needs maps of stride {' and '.join(map(str, skips))}, and a coarsest one of stride 32, but the "
            f"backbone {trunk.__name__} has {found}; FCN32s takes any"
        )


def expect_free(kind: str, trunk: Trunk, name: str, free: bool) -> None:
    """Refuse a layer of the trunk under a name that something else in the network has."""
    if not free:
        raise ValueError(
            f"{kind}: the backbone {type(trunk).__name__} has a layer {name}, but the network has something else of "
            "this name, or the trunk another layer; choose another name"
        )


def expect_strides(kind: str, trunk: Trunk, maps: Mapping[str, Geometry]) -> None:
    """Refuse a trunk whose maps have other strides than it says; they would be upsampled by the wrong factor."""
    for name, stride in trunk.scored.items():
        rows, columns = (1 / axis.scale for axis in maps[name].moved)
        if (rows, columns) != (stride, stride):
            found = rows if rows == columns else f"({rows}, {columns})"
            raise ValueError(
                f"{kind}: scored of the backbone {type(trunk).__name__} says that {name} has stride {stride}, but it "
                f"has {found}, counted from the image to the end of the stage with this layer"
            )


def expect_width(kind: str, width: Any) -> None:
    """Refuse a factor for the numbers of channels that leaves none."""
    if not number(width, f"{kind}: width") > 0:
        raise ValueError(
            f"{kind}: width must be above 0, got {width}; 1 is the published network, 0.25 has a quarter of its "
            "channels"
        )


def expect_fc6(kind: str, asked: Any, variant: str, kernels: dict[str, tuple[int, ...]]) -> None:
    """Refuse a kernel size that fc6 cannot have."""
    if asked is None or asked in kernels.get(variant, ()):
        return
    in_all = set.intersection(*map(set, kernels.values())) if kernels else set()
    rest = [f"{size} in the {name} variant" for name, sizes in kernels.items() for size in sizes if size not in in_all]
    rule = ", or ".join([*map(str, in_all), *rest]) or "left out, as the backbone has no fc6"
    raise ValueError(f"{kind}: fc6_kernel must be {rule}, got {asked!r}")


def expect_images(kind: str, x, dtype, channels: int = 3) -> None:
    """Refuse what is no batch of normalised images of so many channels, in words of images."""
    if not hasattr(x, "shape") or not hasattr(x, "dtype"):
        fix = "; pass Tensor(batch.images)" if hasattr(x, "images") else ""
        raise TypeError(f"{kind}: x must be a Tensor of images (N, 3, H, W), got a {type(x).__name__}{fix}")
    if len(x.shape) != 4 or x.shape[1] != channels or 0 in x.shape[2:]:
        what, fix = ("colour images", _fix(x.shape)) if channels == 3 else ("images", "")
        raise ValueError(
            f"{kind}: x must be {what} (N, {channels}, H, W) of at least one pixel, got shape {x.shape}{fix}"
        )
    if x.dtype.kind != "f":
        raise TypeError(
            f"{kind}: x must be normalised images in floating-point, got {x.dtype}; see data.Normalize, or convert "
            "them with x.astype('float32')"
        )
    if x.dtype != dtype:
        raise TypeError(
            f"{kind}: the operands are {x.dtype} and {dtype} (x and the weights); convert the images with "
            f"x.astype('{dtype}'), or the network with .astype('{x.dtype}')"
        )


def _fix(shape: tuple[int, ...]) -> str:
    """Say how a shape becomes (N, 3, H, W), where that can be guessed."""
    match shape:
        case (3, _, _):
            return "; for one image pass x[None]"
        case (_, _, 3):
            return "; for one image whose channels are last pass x.transpose(2, 0, 1)[None]"
        case (_, 3, _, _):
            return ""
        case (_, _, _, 3):
            return "; its channels are last: pass x.transpose(0, 3, 1, 2)"
        case (_, 1, _, _):
            return "; a grey image needs its channel three times"
        case (_, 4, _, _):
            return "; without the fourth channel it is x[:, :3]"
    return ""
