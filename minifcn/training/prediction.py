"""The scores and the class of every pixel of an image, whatever the network sees of it: all at once, or in tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from minifcn.autograd import no_grad
from minifcn.backend import to_host
from minifcn.compute.window import pair
from minifcn.nn import Module, evaluating
from minifcn.training.network import network_input, scores_of
from minifcn.training.resizing import Block, resized, resized_blocks
from minifcn.training.tiles import Tiling, tiled
from minifcn.training.views import averaged, views

Normalization = Callable[[np.ndarray], np.ndarray]


def predict(
    model: Module,
    image: np.ndarray,
    normalize: Normalization,
    *,
    size: tuple[int, ...] | None = None,
    scales: Sequence[float] = (1,),
    mirror: bool = False,
    tiling: Tiling | None = None,
) -> np.ndarray:
    """Predict the class of every pixel of one image.

    Parameters
    ----------
    model : Module
        As in `evaluate`.
    image : uint8 array (H, W, 3)
    normalize : Normalize
    size : (height, width), optional
        What the network sees; its scores are brought back to (H, W), bilinearly, before the best class is chosen.
    scales, mirror, tiling
        As in `score_blocks`.

    Returns
    -------
    uint8 array (H, W), or uint16 for more than 256 classes

    Examples
    --------
    >>> from minifcn import data, models
    >>> image = data.Shapes(1, size=(32, 48))[0].image
    >>> predict(models.FCN32s(5, width=1 / 64), image, data.Normalize()).shape
    (32, 48)
    """
    label = np.empty(0, np.uint8)
    for block in score_blocks(model, image, normalize, size=size, scales=scales, mirror=mirror, tiling=tiling):
        if not label.size:
            label = np.empty(image.shape[:2], np.min_scalar_type(len(block.scores) - 1))
        label[block.place] = to_host(block.scores.argmax(axis=0))
    return label


def score_blocks(
    model: Module,
    image: np.ndarray,
    normalize: Normalization,
    *,
    size: tuple[int, ...] | None = None,
    scales: Sequence[float] = (1,),
    mirror: bool = False,
    tiling: Tiling | None = None,
) -> Iterator[Block]:
    """Score every pixel of one image, block by block.

    All that happens between the network and the best class is linear in the scores: they are resized, averaged and
    blended, and no softmax is taken.

    Parameters
    ----------
    model : Module
        As in `evaluate`.
    image : uint8 array (H, W, 3)
    normalize : Normalize
    size : (height, width), optional
        What the network sees at scale 1; (H, W) unless given.
    scales : sequence of float
        The network sees the image at each of these scales, and its scores are averaged.
    mirror : bool
        It sees each of them in the mirror too.
    tiling : Tiling, optional
        The network sees tiles of the image, and only they take memory. Unless given, all at once.

    Yields
    ------
    Block
        Together, every pixel of (H, W) once, in rows of blocks from top to bottom and from left to right.

    Examples
    --------
    >>> from minifcn import data, models
    >>> image, net = data.Shapes(1, size=(32, 192))[0].image, models.FCN32s(5, width=1 / 64)
    >>> tiling = Tiling.of(net, tile=96, overlap=32)
    >>> [block.scores.shape for block in score_blocks(net, image, data.Normalize(), tiling=tiling)]
    [(5, 32, 64), (5, 32, 64), (5, 32, 64)]
    """
    _expect_image(image)
    whole = image.shape[0], image.shape[1]
    base = whole if size is None else pair(size, "predict: size", 1)
    seen = views(image, base, scales, mirror)
    stride = tiling.stride if tiling else (1, 1)

    def score(part: np.ndarray) -> np.ndarray:
        with evaluating(model), no_grad():
            images = network_input(normalize(part)[None], model.device, model.dtype)
            scores = scores_of("predict", model, images).data[0]
        return scores if scores.shape[1:] == part.shape[:2] else resized(to_host(scores), part.shape[:2])

    def score_part(rows: slice, columns: slice) -> np.ndarray:
        return averaged(seen, score, base, (rows, columns), stride)

    all_at_once = (Block(0, 0, score_part(slice(0, rows), slice(0, columns))) for rows, columns in [base])
    yield from resized_blocks(tiled(score_part, base, tiling) if tiling else all_at_once, base, whole)


def _expect_image(image: np.ndarray) -> None:
    kinds = {("uint8", 3), ("float32", 4), ("float32", 6)}  # the latter of data with depth
    if not isinstance(image, np.ndarray) or image.ndim != 3 or (str(image.dtype), image.shape[2]) not in kinds:
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else f"a {type(image).__name__}"
        raise ValueError(f"predict: image must be a uint8 array (H, W, 3), got {found}; data.read_image gives one")
