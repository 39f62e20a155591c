"""Shapes: pictures of discs, squares, triangles ... that are drawn when they are asked for.

Nothing to download, and the labels are exact. A form is a function that tells for each point how far outside it lies;
colour, texture, size, place and rotation are random, so only the form gives the class away.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Sequence

import numpy as np

from minifcn.check import as_whole
from minifcn.data.dataset import Dataset, Sample, position
from minifcn.errors import UserError

# f(u, v) <= 0 inside a form of radius 1 around the origin; near the edge, |f| is the distance to it.
Form = Callable[[np.ndarray, np.ndarray], np.ndarray]
_REACH = 1.2  # no form has a point farther from the origin


def _disc(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.sqrt(u * u + v * v) - 0.92


def _square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(u), np.abs(v)) - 0.8


def _triangle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum.reduce(_along_normals(u, v, 3)) - 0.55


def _ring(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.abs(np.sqrt(u * u + v * v) - 0.7) - 0.28


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    long, short = np.maximum(np.abs(u), np.abs(v)), np.minimum(np.abs(u), np.abs(v))
    return np.maximum(long - 1.0, short - 0.36)


def _star(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    # A pentagram is the set of points that lie beyond at most one of its five lines.
    return np.sort(_along_normals(u, v, 5), axis=0)[-2] - 0.37


def _crescent(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(np.sqrt(u * u + v * v) - 1.0, 0.75 - np.sqrt((u - 0.5) ** 2 + v * v))


def _along_normals(u: np.ndarray, v: np.ndarray, count: int) -> np.ndarray:
    """The coordinate of each point along `count` directions evenly around the circle."""
    angles = [2 * math.pi * k / count for k in range(count)]
    return np.stack([math.cos(angle) * u + math.sin(angle) * v for angle in angles])


# Name, colour in label pictures, form.
_CLASSES: tuple[tuple[str, tuple[int, int, int], Form | None], ...] = (
    ("background", (40, 42, 54), None),
    ("disc", (230, 85, 80), _disc),
    ("square", (75, 145, 235), _square),
    ("triangle", (250, 200, 70), _triangle),
    ("ring", (90, 195, 125), _ring),
    ("cross", (180, 115, 225), _cross),
    ("star", (250, 145, 60), _star),
    ("crescent", (95, 210, 225), _crescent),
)


class Shapes(Dataset):
    """A generated data set: several textured shapes on a background, some covering others.

    Sample i depends on the arguments and on i alone, so it is the same in every run.

    Parameters
    ----------
    length : int
        How many pictures.
    size : (height, width), or int for a square
        In pixels, at least 16. Radii are 25 to 38 % of the shorter side.
    num_classes : int, 2..8
        Background, disc, square, triangle, ring, cross, star, crescent; the first `num_classes` of them.
    seed : int
        Another seed gives other pictures.

    Raises
    ------
    UserError
        If an argument is out of range.

    Examples
    --------
    >>> shapes = Shapes(10)
    >>> shapes.class_names
    ('background', 'disc', 'square', 'triangle', 'ring', 'cross')
    >>> sample = shapes[3]
    >>> sample.image.shape, sample.label.shape, sample.name
    ((96, 96, 3), (96, 96), 'shapes-0-3')
    """

    def __init__(self, length: int, size: int | tuple[int, int] = (96, 96), num_classes: int = 6, seed: int = 0):
        height, width = size if isinstance(size, Sequence) and len(size) == 2 else (size, size)
        for name, value, low, high in (
            ("length", length, 1, math.inf),
            ("size", height, 16, math.inf),
            ("size", width, 16, math.inf),
            ("num_classes", num_classes, 2, len(_CLASSES)),
            ("seed", seed, 0, math.inf),
        ):
            if as_whole(value) is None:
                raise UserError(f"Shapes: {name} is a whole number, got {value!r}")
            if not low <= value <= high:
                upper = f" and at most {high}" if high < math.inf else ""
                raise UserError(f"Shapes: {name} is at least {low}{upper}, got {value}")
        self.length = length
        self.size = int(height), int(width)
        self.seed = seed
        names, palette, self._forms = zip(*_CLASSES[:num_classes], strict=True)
        self.class_names = names
        self.palette = np.array(palette, np.uint8)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        index = position(index, self.length)
        rng = np.random.default_rng([self.seed, index])
        picture = _Picture(self.size, rng)
        for y, x, radius in _places(self.size, rng):
            kind = int(rng.integers(1, self.num_classes))
            picture.draw(kind, self._forms[kind], y, x, radius)
        return Sample(picture.finished(), picture.label, f"shapes-{self.seed}-{index}")


class ShapeCrops(Shapes):
    """Pictures with one shape in the middle, or with none there: what a classifier of shapes learns from.

    As `Shapes`, but each picture has a class. Where the class is background, a shape may be seen beside the middle.

    Examples
    --------
    >>> crops = ShapeCrops(4, size=64, seed=5)
    >>> [crops.class_names[crops.kind(i)] for i in range(4)]
    ['ring', 'background', 'ring', 'cross']
    """

    def kind(self, index: int) -> int:
        """Give the class of a picture."""
        return int(self._rng(position(index, self.length)).integers(self.num_classes))

    def __getitem__(self, index: int) -> Sample:
        index = position(index, self.length)
        rng = self._rng(index)
        kind, shorter = int(rng.integers(self.num_classes)), min(self.size)
        picture = _Picture(self.size, rng)
        radius, from_middle = shorter * rng.uniform(0.25, 0.38), rng.uniform(-0.15, 0.15, 2)
        if not kind:  # beyond the middle, and sometimes beyond the edge
            from_middle[rng.integers(2)] = rng.choice((-1, 1)) * rng.uniform(0.45, 0.9)
        y, x = (length / 2 + shorter * part for length, part in zip(self.size, from_middle, strict=True))
        shown = kind or int(rng.integers(1, self.num_classes))
        picture.draw(shown, self._forms[shown], y, x, radius)
        return Sample(picture.finished(), picture.label, f"crop-{self.seed}-{index}")

    def _rng(self, index: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, index])


def _places(size: tuple[int, int], rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """Centres and radii of the shapes, from large to small.

    Shapes may overlap, but none hides another: two centres are farther apart than 0.75 (r₁ + r₂), which is at
    least 1.5 min(r₁, r₂); so what is drawn later never reaches the centre of what was there before.
    """
    height, width = size
    shorter = min(size)
    places: list[tuple[float, float, float]] = []
    for _ in range(round(12 * height * width / shorter**2)):
        radius = shorter * rng.uniform(0.25, 0.38)
        y, x = (rng.uniform(0.75 * radius, length - 0.75 * radius) for length in size)
        if all(math.dist((y, x), other[:2]) > 0.75 * (radius + other[2]) for other in places):
            places.append((y, x, radius))
    return sorted(places, key=lambda place: -place[2])


class _Picture:
    """The image and the label while they are drawn, shape by shape."""

    def __init__(self, size: tuple[int, int], rng: np.random.Generator):
        self.rng = rng
        self.y, self.x = np.mgrid[: size[0], : size[1]].astype(np.float32)
        self.label = np.zeros(size, np.uint8)
        dark = rng.random() < 0.5
        self.values = (0.65, 1.0) if dark else (0.3, 0.7)  # of the shapes: they stand out from the background
        grounds = (0.15, 0.35) if dark else (0.8, 0.95)
        first, second = (_colour(rng.random(), rng.uniform(0.05, 0.35), rng.uniform(*grounds)) for _ in range(2))
        self.image = _blend(first, second, self._texture(self.y, self.x, 2))

    def draw(self, kind: int, form: Form, y: float, x: float, radius: float) -> None:
        """Paint one shape over what is there, turned at random, in two colours of one hue."""
        angle, hue = self.rng.uniform(0, 2 * math.pi), self.rng.random()
        saturation, value = self.rng.uniform(0.5, 0.95), self.rng.uniform(*self.values)
        first, second = _colour(hue, saturation, value), _colour(hue + 0.06, 0.6 * saturation, 0.75 * value)

        near = _span(y, _REACH * radius), _span(x, _REACH * radius)
        down, right = (self.y[near] - y) / radius, (self.x[near] - x) / radius
        u = math.cos(angle) * right + math.sin(angle) * down
        v = math.cos(angle) * down - math.sin(angle) * right
        inside = form(u, v) <= 0
        texture = self._texture(radius * u[inside], radius * v[inside], 3)
        self.image[near][inside] = _blend(first, second, texture)
        self.label[near][inside] = kind

    def finished(self) -> np.ndarray:
        """The image as uint8, with the noise of a camera."""
        noisy = self.image + 0.03 * self.rng.standard_normal(self.image.shape, np.float32)
        return (255 * noisy.clip(0, 1) + 0.5).astype(np.uint8)

    def _texture(self, u: np.ndarray, v: np.ndarray, finest: float) -> np.ndarray:
        """A pattern with values in 0..1 over points in pixels: plain, slope, stripes, checks or speckle."""
        pattern, step = self.rng.integers(5), 2 * math.pi / self.rng.uniform(2 * finest, 6 * finest)
        if pattern == 0:
            return np.zeros_like(u)
        if pattern == 1:
            return (0.5 + 0.01 * (u + v)).clip(0, 1)
        if pattern == 2:
            return 0.5 + 0.5 * np.sin(step * u)
        if pattern == 3:
            return (np.sin(step * u) * np.sin(step * v) > 0).astype(np.float32)
        return self.rng.random(u.shape, np.float32)


def _span(centre: float, reach: float) -> slice:
    """The pixels within `reach` of a coordinate."""
    return slice(max(0, math.ceil(centre - reach)), math.floor(centre + reach) + 1)


def _blend(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    return first + (second - first) * share[..., None]


def _colour(hue: float, saturation: float, value: float) -> np.ndarray:
    return np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value), np.float32)
