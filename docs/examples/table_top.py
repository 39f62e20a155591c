"""Photographs of mugs and books on a table, for those who want to try before they have taken their own.

python docs/examples/table_top.py

makes a folder photos/ with twelve, drawn on as labelme would save it, and a folder new/ with three that nobody has
drawn on. As a phone does, it stores what was taken upright lying on its side, with an EXIF orientation.
"""

import json
import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE = 1600, 1200  # pixels
ORIENTATION = 274  # the EXIF tag


def take(folder, count, rng, drawn, size=SIZE, first=1):
    """Take `count` photographs; with `drawn`, leave the .json file of labelme beside each."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        upright = number % 3 == 1
        photograph, outlines = table_top(size[::-1] if upright else size, rng)
        name = f"IMG_{number:04d}.JPG"
        exif = Image.Exif()
        if upright:
            exif[ORIENTATION] = 6
            photograph = photograph.transpose(Image.Transpose.ROTATE_90)
        photograph.save(folder / name, quality=88, exif=exif)
        if drawn:
            width, height = size[::-1] if upright else size
            about = {"version": "6.3.1", "flags": {}, "shapes": outlines, "imagePath": name, "imageData": None}
            about |= {"imageHeight": height, "imageWidth": width}
            (folder / name).with_suffix(".json").write_text(json.dumps(about, indent=2))


def table_top(size, rng):
    """A table with one or two books, and on it or on them one or two mugs; and the outline of each."""
    width, height = size
    unit = max(size) / 1600
    table = Image.fromarray(grain(width, height, rng.uniform((110, 70, 30), (190, 140, 90)), rng))
    draw, outlines = ImageDraw.Draw(table), []
    for _ in range(rng.integers(1, 3)):
        corners = rectangle(rng.uniform(0.2, 0.8, 2) * size, unit * rng.uniform(150, 330), rng)
        draw.polygon(corners, fill=colour(rng, (20, 20, 90), (90, 110, 220)))
        draw.line([corners[0], corners[3]], fill=(240, 240, 235), width=max(1, round(10 * unit)))
        outlines.append(outline("book", corners))
    for _ in range(rng.integers(1, 3)):
        (x, y), radius = rng.uniform(0.15, 0.85, 2) * size, unit * rng.uniform(90, 190)
        rim = colour(rng, (150, 20, 10), (240, 90, 70))
        for r, fill in ((radius, rim), (0.8 * radius, tuple(part // 3 for part in rim))):  # the rim, and the coffee
            draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)
        angles = np.linspace(0, 2 * math.pi, 18, endpoint=False)
        outlines.append(outline("mug", [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles]))
    sharp = np.asarray(table.filter(ImageFilter.GaussianBlur(1.5 * unit)), float)
    light = np.linspace(0.8, 1.15, width)[:, None]  # a window at the right
    noise = rng.normal(0, 6, (height, width, 3))
    return Image.fromarray((sharp * light + noise).clip(0, 255).astype(np.uint8)), outlines


def grain(width, height, base, rng):
    """The grain of wood: noise at three scales."""
    pattern = np.zeros((height, width))
    for scale in (8, 32, 128):
        coarse = rng.normal(size=(height // scale + 2, width // scale + 2)).astype(np.float32)
        pattern += np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    return (base + 14 * pattern[..., None] * (1, 0.8, 0.6)).clip(0, 255).astype(np.uint8)


def rectangle(centre, half, rng):
    """The corners of a rectangle turned by any angle."""
    angle, other = rng.uniform(0, math.pi), half * rng.uniform(0.6, 0.9)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    corners = [(-half, -other), (half, -other), (half, other), (-half, other)]
    return [tuple(centre + turn @ corner) for corner in corners]


def colour(rng, low, high):
    """A colour between two."""
    return tuple(int(part) for part in rng.uniform(low, high))


def outline(label, points):
    """An outline as labelme saves it."""
    points = [[round(float(x), 2), round(float(y), 2)] for x, y in points]
    return {"label": label, "points": points, "group_id": None, "shape_type": "polygon", "flags": {}}


if __name__ == "__main__":
    take("photos", 12, np.random.default_rng(0), drawn=True)
    take("new", 3, np.random.default_rng(1), drawn=False, first=101)
