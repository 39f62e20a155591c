"""What is seen of the simulator where no script runs: predictions and streams, as pictures side by side."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping

import numpy as np

from minifcn import Tensor, no_grad
from minifcn.explain.simulator.maps import SCORED, Maps
from minifcn.models import FCN8s

ABOVE, BELOW = (200, 90, 0), (0, 90, 170)  # the colours of scores, as in pictures.js


def streams(net: FCN8s, x: np.ndarray, maps: Maps) -> Maps:
    """Compute what each of the three score maps adds to the scores of every pixel of the image.

    Parameters
    ----------
    net : FCN8s
        Its path from scores to the image is linear, so the streams add up to its scores.
    x : array (3, H, W)
    maps : dict of str to array (C, h, w)
        As `maps_of` gives them.

    Returns
    -------
    dict of str to array (C, H, W)
        By the names of the score layers.
    """
    found = {}
    for one in SCORED:
        alone = {name: Tensor(maps[name][None] * (name == one)) for name in SCORED}
        with no_grad():
            score = net.fuse("score_pool4", alone["score_pool4"], net.upscore2(alone["score_fr"]))
            score = net.fuse("score_pool3", alone["score_pool3"], net.upscore_pool4(score))
            found[one] = net.crop("score", net.upscore8(score), like=Tensor(x[None])).data[0]
    return found


def coloured(score: np.ndarray, largest: float) -> np.ndarray:
    """Draw scores as the page does: orange above 0, blue below, and white at 0.

    >>> coloured(np.array([[0.0, 2.0, -1.0]]), largest=2.0).tolist()
    [[[255, 255, 255], [200, 90, 0], [128, 172, 212]]]
    """
    full = np.where(score[..., None] > 0, ABOVE, BELOW)
    part = np.minimum(1, np.abs(score[..., None]) / (largest or 1))
    return np.rint(255 + (full - 255) * part).astype(np.uint8)


def side_by_side(pictures: Mapping[str, np.ndarray]) -> str:
    """Show pictures (H, W, 3), each under what it is called.

    >>> side_by_side({"a & b": np.zeros((2, 2, 3), np.uint8)}).count("<figcaption>a &amp; b</figcaption><img ")
    1
    """
    return '<div class="images">' + "".join(_figure(*one) for one in pictures.items()) + "</div>"


def _figure(about: str, picture: np.ndarray) -> str:
    from PIL import Image

    memory = io.BytesIO()
    Image.fromarray(picture).save(memory, "png")
    source, about = base64.b64encode(memory.getvalue()).decode(), html.escape(about, quote=True)
    image = f'<img src="data:image/png;base64,{source}" alt="{about}" style="width: 100%; image-rendering: pixelated">'
    return f"<figure><figcaption>{about}</figcaption>{image}</figure>"
