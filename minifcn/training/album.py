"""The pictures that a run leaves in its folder, drawn anew as it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from minifcn import pictures
from minifcn.data import DataLoader
from minifcn.data.images import colours
from minifcn.models import FCN
from minifcn.pictures.colours import visible
from minifcn.text import shortened
from minifcn.training import build
from minifcn.training.abandoned import abandoned_if
from minifcn.training.config import Config
from minifcn.training.evaluate import predict
from minifcn.training.log import Epoch
from minifcn.training.validation import Validation

PICTURES = ("curves.png", "iou.png", "predictions.png", "best_and_worst.png", "confusion.png")
_Row = tuple[np.ndarray, np.ndarray, np.ndarray]  # image, label, prediction
_PANEL_ROWS = 4
_EXTREMES = 3  # of the best and of the worst images
_LONGEST_NAME = 48  # characters of an image's


class Album:
    """Draws the pictures of a run; one that fails costs no training.

    Parameters
    ----------
    folder : path of an existing folder
    config : Config
    model : FCN
        The one that is trained.
    loader : DataLoader
        Of the validation split.
    say : function of a message
        Is told of a picture that could not be drawn.
    stopping : function, optional
        Says if the run is to stop: no picture is begun then, and one that is being drawn is left.

    Attributes
    ----------
    failed : dict of str to str
        The pictures that could not be drawn, and why.
    """

    def __init__(
        self,
        folder: Path,
        config: Config,
        model: FCN,
        loader: DataLoader,
        say: Callable[[str], None],
        stopping: Callable[[], bool] = lambda: False,
    ):
        self.folder, self.config, self.model, self.loader, self.say = folder, config, model, loader, say
        self.stopping = stopping
        self.failed: dict[str, str] = {}

    def draw_logs(self, rows: list[Epoch], ious: Mapping[int, np.ndarray]) -> None:
        """Draw what every epoch changes: curves.png and iou.png."""
        self._draw("curves.png", lambda path: pictures.save_curves(path, rows))
        if ious:
            names, palette = self.config.class_names, visible(np.array(self.config.palette, np.uint8))
            self._draw("iou.png", lambda path: pictures.save_ious(path, ious, names, palette))

    def draw_best(self, found: Validation) -> None:
        """Draw what the best model so far, which is the model now, made of the validation split."""
        self._draw("predictions.png", lambda path: self._save_predictions(path, found))
        self._draw("best_and_worst.png", lambda path: self._save_best_and_worst(path, found))
        counts, names = found.matrix.matrix, self.config.class_names
        self._draw("confusion.png", lambda path: pictures.save_confusion(path, counts, names))

    def _draw(self, name: str, save: Callable[[Path], None]) -> None:
        if self.stopping():  # a run that goes on draws it
            return
        try:
            with abandoned_if(self.stopping):
                save(self.folder / name)
        except Exception as error:  # a plotting library has more ways to fail than can be listed
            reason = str(error) or type(error).__name__
            if self.failed.get(name) != reason:  # once is enough
                self.say(f"{self.folder / name} could not be drawn ({reason}); training goes on")
            self.failed[name] = reason
        else:
            self.failed.pop(name, None)

    def _save_predictions(self, path: Path, found: Validation) -> None:
        rows, _ = self._predicted(shown(found.occurs, _PANEL_ROWS))
        self._save_panel(path, rows, None)

    def _save_best_and_worst(self, path: Path, found: Validation) -> None:
        ranked = ranking(found.image_iou)
        ends = ranked if len(ranked) <= 2 * _EXTREMES else [*ranked[:_EXTREMES], *ranked[-_EXTREMES:]]
        rows, names = self._predicted(ends)
        titles = [
            f"rank {ranked.index(index) + 1} of {len(ranked)}, mean IoU {found.image_iou[index]:.3f}: "
            + shortened(name, _LONGEST_NAME)
            for index, name in zip(ends, names, strict=True)
        ]
        self._save_panel(path, rows, titles)

    def _predicted(self, indices: list[int]) -> tuple[list[_Row], list[str]]:
        """Give image, label and prediction of some images of the split, and their names."""
        dataset, transform, rows, names = self.loader.dataset, build.resizing(self.config), [], []
        for index in indices:
            sample = transform(dataset[index], np.random.default_rng(0))
            found = predict(self.model, sample.image, self.loader.normalize)
            rows.append((colours(sample.image), sample.label, found))
            names.append(sample.name)
        return rows, names

    def _save_panel(self, path: Path, rows: list[_Row], titles: list[str] | None) -> None:
        config, palette = self.config, visible(np.array(self.config.palette, np.uint8))
        pictures.save_panel(path, rows, config.class_names, palette, config.ignore_index, titles)


def shown(occurs: np.ndarray, count: int) -> list[int]:
    """Choose images that show as many classes as so few can, and that are spread over the split.

    Parameters
    ----------
    occurs : bool array (N, num_classes)
        Which classes the label of each image has.
    count : int

    Returns
    -------
    list of int
        At most `count` indices, in their order. One after the other, each is an image with the most classes that those
        before lack; of several such images, the one that is farthest from them.

    Examples
    --------
    >>> shown(np.array([[1, 0, 0], [1, 1, 0], [1, 1, 0], [0, 0, 1]], bool), 2)
    [1, 3]
    """
    chosen: list[int] = []
    lacking = np.ones(occurs.shape[1], bool)
    places = np.arange(len(occurs))
    for _ in range(min(count, len(occurs))):
        gain = (occurs & lacking).sum(axis=1)
        distance = np.min([abs(places - place) for place in [*chosen, -1, len(occurs)]], axis=0)
        order = np.lexsort((places, -distance, -gain))
        best = next(int(index) for index in order if index not in chosen)
        chosen.append(best)
        lacking &= ~occurs[best]
    return sorted(chosen)


def ranking(image_iou: np.ndarray) -> list[int]:
    """Give the images from the best to the worst, without those that have no pixel that counts.

    >>> ranking(np.array([0.2, np.nan, 0.9]))
    [2, 0]
    """
    return [int(index) for index in np.argsort(-image_iou, kind="stable") if not np.isnan(image_iou[index])]
