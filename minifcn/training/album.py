"""The pictures that a run leaves in its folder, drawn anew as it goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from minifcn import pictures
from minifcn.data import DataLoader
from minifcn.models import FCN
from minifcn.training import recipe
from minifcn.training.config import Config
from minifcn.training.evaluate import predict
from minifcn.training.log import Epoch

_PANEL_ROWS = 4


class Album:
    """Draws curves.png and predictions.png after every epoch; a picture that fails costs no training.

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

    Attributes
    ----------
    failed : dict of str to str
        The pictures that could not be drawn, and why.
    """

    def __init__(self, folder: Path, config: Config, model: FCN, loader: DataLoader, say: Callable[[str], None]):
        self.folder, self.config, self.model, self.loader, self.say = folder, config, model, loader, say
        self.failed: dict[str, str] = {}

    def draw(self, rows: list[Epoch]) -> None:
        """Draw what an epoch has changed; `rows` are those of the log."""
        best = not rows[-1]["valid_mean_iu"] < max(row["valid_mean_iu"] for row in rows)
        for name, draw in (("curves.png", self.draw_curves), ("predictions.png", self.draw_predictions))[: 1 + best]:
            try:
                draw(self.folder / name, rows)
            except Exception as error:  # a plotting library has more ways to fail than can be listed
                reason = str(error) or type(error).__name__
                if self.failed.get(name) != reason:  # once is enough
                    self.say(f"{self.folder / name} could not be drawn ({reason}); training goes on")
                self.failed[name] = reason
            else:
                self.failed.pop(name, None)

    def draw_curves(self, path: Path, rows: list[Epoch]) -> None:
        """Draw the log."""
        pictures.save_curves(path, rows)

    def draw_predictions(self, path: Path, rows: list[Epoch]) -> None:
        """Draw the predictions, of a model that is the best so far, for images spread over the split."""
        config, dataset = self.config, self.loader.dataset
        transform, panel = recipe.resizing(config), []
        for index in np.linspace(0, len(dataset) - 1, min(_PANEL_ROWS, len(dataset))).astype(int).tolist():
            sample = transform(dataset[index], np.random.default_rng(0))
            panel.append((sample.image, sample.label, predict(self.model, sample.image, self.loader.normalize)))
        palette = np.array(config.palette, np.uint8)
        pictures.save_panel(path, panel, config.class_names, palette, config.ignore_index)
