"""What was drawn in labelme: a .json file beside each photograph, with outlines that are made into a label here."""

from __future__ import annotations

import base64
import io
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from minifcn.data.classes import IGNORED
from minifcn.data.folders import Report, refuse
from minifcn.data.images import MAX_MEGAPIXELS, MAX_SIDE
from minifcn.data.paths import no_file, no_permission
from minifcn.errors import UserError

MAX_MEGABYTES = 64  # labelme may put the photograph itself into the file
BACKGROUND = ("background", "_background_")  # the second is labelme's
# The points each kind has, and more in those that end with a plus.
_POINTS = {"polygon": "3+", "rectangle": "2", "oriented_rectangle": "4", "circle": "2", "linestrip": "2+", "line": "2"}
_POINTS |= {"point": "1", "mask": "2"}
_LINE_WIDTH, _POINT_RADIUS = 10, 5  # pixels, as labelme draws them


class Outline(NamedTuple):
    """One thing that was drawn.

    Parameters
    ----------
    name : str
        Of its class.
    kind : str
        "polygon", "rectangle", "oriented_rectangle", "circle", "line", "linestrip", "point" or "mask".
    points : list of (x, y)
        In pixels of the upright photograph.
    mask : bool array (H, W) or None
        Of a "mask": its pixels within the rectangle of the two points.
    """

    name: str
    kind: str
    points: list[tuple[float, float]]
    mask: np.ndarray | None = None


class Annotation(NamedTuple):
    """What a .json file of labelme holds.

    Parameters
    ----------
    photograph : str
        The name of the image file.
    size : (int, int)
        Height and width of the upright photograph.
    outlines : list of Outline
        What was drawn later lies over what was drawn before.
    """

    photograph: str
    size: tuple[int, int]
    outlines: list[Outline]


def read_annotation(path: str | os.PathLike[str], report: Report = refuse) -> Annotation:
    """Read a .json file of labelme.

    Parameters
    ----------
    path : str or path
        At most `MAX_MEGABYTES`.
    report : callable
        What is told each outline that is wrong; it is left out then.

    Returns
    -------
    Annotation

    Raises
    ------
    UserError
        If the file is missing, damaged, or none of labelme's; the message names the file and the outline.

    Examples
    --------
    >>> import tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "cup.json")
    >>> outline = {"label": "cup", "shape_type": "polygon", "points": [[0, 0], [4, 0], [0, 4]]}
    >>> about = {"imagePath": "cup.jpg", "imageHeight": 5, "imageWidth": 6, "shapes": [outline]}
    >>> _ = Path(path).write_text(json.dumps(about))
    >>> annotation = read_annotation(path)
    >>> annotation.photograph, annotation.size, annotation.outlines[0].name
    ('cup.jpg', (5, 6), 'cup')
    >>> draw_label(annotation, ["background", "cup"])
    array([[1, 1, 1, 1, 1, 0],
           [1, 1, 1, 1, 0, 0],
           [1, 1, 1, 0, 0, 0],
           [1, 1, 0, 0, 0, 0],
           [1, 0, 0, 0, 0, 0]], dtype=uint8)
    """
    if why := no_file(path, "a file of labelme's"):
        raise UserError(why)
    try:
        if os.path.getsize(path) > MAX_MEGABYTES * 1_000_000:
            raise UserError(
                f"{path}: an annotation has at most {MAX_MEGABYTES} MB; save it in labelme without the image data"
            )
        about = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except UserError:
        raise
    except OSError as error:
        raise UserError(no_permission(path, error)) from None
    except (ValueError, RecursionError) as error:
        line = f" in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UserError(f"{path}: no file of labelme's, or damaged{line}; save it again in labelme") from None
    try:
        return _annotation(about, lambda fault: report(f"{path}: {fault}; draw it again in labelme"))
    except ValueError as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path}: {error}; save it again in labelme") from None


def draw_label(
    annotation: Annotation, class_names: Sequence[str], ignore_index: int = 255, background: int = 0
) -> np.ndarray:
    """Fill the outlines of an annotation, one over the other, with the indices of their classes.

    Parameters
    ----------
    annotation : Annotation
    class_names : sequence of str
    ignore_index : int
        What outlines are filled with that are named `__ignore__`, void ... and are no class.
    background : int
        The class where nothing was drawn.

    Returns
    -------
    uint8 array (H, W)
        As labelme's own export: an outline's edge belongs to it.

    Raises
    ------
    UserError
        If an outline is of no class in the list.
    """
    height, width = annotation.size
    label = Image.new("L", (width, height), background)
    draw = ImageDraw.Draw(label)
    index_of = {name: index for index, name in enumerate(class_names)}
    if unknown := unknown_names(annotation, class_names):
        raise UserError(f"an outline is named {unknown[0]!r}, but the classes are {', '.join(class_names)}; rename it")
    for outline in annotation.outlines:
        implied = ignore_index if outline.name.lower() in IGNORED else background
        _fill(label, draw, outline, index_of.get(outline.name, implied))
    return np.array(label)


def unknown_names(annotation: Annotation, class_names: Sequence[str]) -> list[str]:
    """List the names of outlines that are no class, and neither background nor what does not count.

    >>> unknown_names(Annotation("a.jpg", (1, 1), [Outline(name, "point", [(0, 0)]) for name in "abb"]), ["a"])
    ['b']
    """
    names = dict.fromkeys(outline.name for outline in annotation.outlines)
    return [name for name in names if name not in class_names and name.lower() not in (*IGNORED, *BACKGROUND)]


def _fill(label: Image.Image, draw: ImageDraw.ImageDraw, outline: Outline, index: int) -> None:
    points = outline.points
    if outline.kind == "mask" and outline.mask is not None:
        left, top = (int(value) for value in points[0])
        label.paste(index, (left, top), Image.fromarray(outline.mask))
    elif outline.kind == "circle":
        (x, y), edge = points
        radius = math.dist((x, y), edge)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=index, fill=index)
    elif outline.kind == "rectangle":
        (left, right), (top, bottom) = (sorted(values) for values in zip(*points, strict=True))
        draw.rectangle((left, top, right, bottom), outline=index, fill=index)
    elif outline.kind in ("line", "linestrip"):
        draw.line(points, fill=index, width=_LINE_WIDTH)
    elif outline.kind == "point":
        ((x, y),) = points
        box = (x - _POINT_RADIUS, y - _POINT_RADIUS, x + _POINT_RADIUS, y + _POINT_RADIUS)
        draw.ellipse(box, outline=index, fill=index)
    else:
        draw.polygon(points, outline=index, fill=index)


def _annotation(about: Any, report: Report) -> Annotation:
    """Check what a file holds; a ValueError says what it lacks, and `report` is told each outline that is wrong."""
    if not isinstance(about, dict) or not isinstance(about.get("shapes"), list):
        raise ValueError("it has no list of shapes")
    size = about.get("imageHeight"), about.get("imageWidth")
    if not all(isinstance(side, int) and 1 <= side <= MAX_SIDE for side in size):
        raise ValueError(f"imageHeight and imageWidth are whole numbers from 1 up, found {size[0]!r} and {size[1]!r}")
    height, width = (int(side) for side in size if side)
    if height * width > MAX_MEGAPIXELS * 1_000_000:
        raise ValueError(f"it is of {width} x {height} pixels; at most {MAX_MEGAPIXELS} megapixels can be read")
    photograph = about.get("imagePath")
    if not isinstance(photograph, str) or not photograph:
        raise ValueError("it has no imagePath")
    outlines = []
    for number, shape in enumerate(about["shapes"], 1):
        try:
            outlines.append(_outline(shape, f"shape {number}", width, height))
        except ValueError as error:
            report(str(error))
    return Annotation(photograph.replace("\\", "/").rpartition("/")[2], (height, width), outlines)


def _outline(shape: Any, place: str, width: int, height: int) -> Outline:
    if not isinstance(shape, dict):
        raise ValueError(f"{place} is a label with points, found {str(shape)[:40]}")
    if shape.get("label") in (None, "") or str(shape["label"]).isspace():
        raise ValueError(f"{place} has no label")
    if not isinstance(shape["label"], str):
        raise ValueError(f'{place}: a label is a text such as "mug", found {str(shape["label"])[:40]}')
    name, kind = shape["label"].strip(), shape.get("shape_type") or "polygon"
    place = f"{place}, a {name!r}"
    if not name.isprintable():
        raise ValueError(f"{place}: a label is printable text")
    if not isinstance(kind, str) or kind not in _POINTS:
        raise ValueError(f"{place}: its shape_type is {kind!r}, known are: {', '.join(_POINTS)}")
    given = shape.get("points") or []
    if not isinstance(given, list):
        raise ValueError(f"{place}: its points are a list of [x, y], found {str(given)[:40]}")
    points = [_point(point, place) for point in given]
    wanted = int(_POINTS[kind].rstrip("+"))
    if len(points) != wanted and not (_POINTS[kind].endswith("+") and len(points) > wanted):
        raise ValueError(f"{place}: a {kind} has {wanted} points{' at least' * _POINTS[kind].endswith('+')}")
    _check_inside(points, kind, width, height, place)
    return Outline(name, kind, points, _mask(shape.get("mask"), points, place) if kind == "mask" else None)


def _point(point: Any, place: str) -> tuple[float, float]:
    numbers = isinstance(point, list) and len(point) == 2 and all(isinstance(value, int | float) for value in point)
    if not numbers or not all(abs(value) <= 10 * MAX_SIDE for value in point):  # false for nan too
        raise ValueError(f"{place}: a point is [x, y] in pixels, found {str(point)[:40]}")
    return float(point[0]), float(point[1])


def _check_inside(points: Sequence[tuple[float, float]], kind: str, width: int, height: int, place: str) -> None:
    """Raise a ValueError if nothing of an outline lies on the photograph, or a point lies very far from it."""
    around = math.dist(*points) if kind == "circle" else _LINE_WIDTH  # that much of the outline may be beside a point
    for values, side in zip(zip(*points[: 1 if kind == "circle" else None], strict=True), (width, height), strict=True):
        if max(values) + around < 0 or min(values) - around > side:
            raise ValueError(f"{place}: it lies beside the photograph of {width} x {height}")
    for x, y in points:
        if not (-width <= x <= 2 * width and -height <= y <= 2 * height):
            raise ValueError(f"{place}: the point ({x:g}, {y:g}) lies far from the photograph of {width} x {height}")


def _mask(text: Any, points: list[tuple[float, float]], place: str) -> np.ndarray:
    """The pixels of a mask that labelme's AI or brush made: a PNG in base64, of the size of its rectangle."""
    (left, top), (right, bottom) = points
    size = int(right) - int(left) + 1, int(bottom) - int(top) + 1
    if size[0] * size[1] > MAX_MEGAPIXELS * 1_000_000:
        raise ValueError(f"{place}: its mask is {size[0]} x {size[1]}; at most {MAX_MEGAPIXELS} megapixels can be read")
    try:
        image = Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=["PNG"])
        pixels = np.array(image.convert("L")) > 0 if image.size == size else None
    # A damaged file makes Pillow raise almost anything: OSError, SyntaxError, struct.error ...
    except Exception:
        raise ValueError(f"{place}: its mask cannot be read: it is no PNG image, or damaged") from None
    if pixels is None:
        found = f"{image.size[0]} x {image.size[1]}"
        raise ValueError(f"{place}: its mask is {found}, but its rectangle {size[0]} x {size[1]}")
    return pixels
