"""The epoch of a course: training, validation and pictures, with the network of whoever is timed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from minifcn.benchmark.work import TRAINED, VALIDATED, Work
from minifcn.data import DataLoader, Normalize, RandomMirror, Shapes
from minifcn.metrics import ConfusionMatrix
from minifcn.pictures import save_curves, save_panel

PICTURES = 4  # images in the panel


def epoch(
    work: Work, step: Callable[[np.ndarray, np.ndarray], float], scores: Callable[[np.ndarray], np.ndarray]
) -> Callable[[], np.ndarray]:
    """Give a function that trains on the generated shapes for one epoch, and then looks at what has been learned.

    Parameters
    ----------
    work : Work
        Its shape is that of a batch.
    step : function of images (N, 3, H, W) and labels (N, H, W)
        Learns from them, and gives the loss.
    scores : function of images
        Gives scores (N, C, H, W).

    Returns
    -------
    function that gives the mean loss, an array without axes
        Mirrored and normalised batches; the confusion matrix of the validation split, image by image; a panel of
        predictions and the curves, as PNGs.

    Examples
    --------
    >>> work = Work("course", "epoch", (32, 3, 16, 16), 3)
    >>> zeros = lambda images: np.zeros((len(images), 3, 16, 16), "float32")
    >>> epoch(work, lambda images, labels: 1.0, zeros)()
    array(1.)
    """
    batch, _, height, width = work.shape
    shapes, unseen = (
        Shapes(length, (height, width), work.outputs, seed) for seed, length in enumerate((TRAINED, VALIDATED))
    )
    train = DataLoader(shapes, batch, shuffle=True, transform=RandomMirror(), normalize=Normalize())
    valid = DataLoader(unseen, 1, normalize=Normalize())

    def timed() -> np.ndarray:
        loss = float(np.mean([step(batch.images, batch.labels) for batch in train.epoch(0)]))
        matrix = ConfusionMatrix(work.outputs)
        rows = []
        for number, one in enumerate(valid.epoch(0)):
            prediction = scores(one.images).argmax(axis=1)
            matrix.update(one.labels, prediction)
            if number < PICTURES:
                rows.append((unseen[number].image, unseen[number].label, prediction[0]))
        measures = {"valid_acc": matrix.pixel_accuracy, "valid_acc_cls": matrix.mean_accuracy}
        measures |= {"valid_mean_iu": matrix.mean_iou, "valid_fwavacc": matrix.frequency_weighted_iou}
        log = [{"epoch": 1, "train_loss": loss, "valid_loss": loss, **measures}]
        with tempfile.TemporaryDirectory() as folder:
            save_panel(Path(folder, "predictions.png"), rows, unseen.class_names, unseen.palette)
            save_curves(Path(folder, "curves.png"), log)
        return np.array(loss)

    return timed
