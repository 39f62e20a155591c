"""The page of the flight simulator: what it computes with, its script, and what is seen where no script runs."""

from __future__ import annotations

import functools
import html
import json
import os
import uuid
from importlib.resources import files
from typing import Any

import numpy as np

from minifcn import Tensor, data, metrics, models, no_grad
from minifcn.compute.window import Pair
from minifcn.explain.laboratory.laboratory import script as laboratory_script
from minifcn.explain.page import whole_page
from minifcn.explain.simulator import still
from minifcn.explain.simulator.coarser import side_by_side
from minifcn.explain.simulator.maps import SCORED, Maps, page_data
from minifcn.explain.simulator.network import in_the_papers_geometry, maps_of
from minifcn.files import atomic_write
from minifcn.models import FCN8s

# In the order of reading: the mathematics, then what shows it.
MATHEMATICS = ("numbers", "streams", "coarser", "fields")
SHOWING = ("state", "pictures", "pixel", "ruler", "stamps", "page")
SMALLEST, LARGEST = 16, 128  # sides of an image, in pixels
TITLE = "The flight simulator: one image through FCN-8s"


class FlightSimulator:
    """One image through a trained FCN-8s: every map on one ruler, and crops to be dragged, computed in the browser.

    The network is the trained one of the package in the paper's geometry: padding 100, a 7x7 fc6 whose middle is the
    trained 1x1 one, and so crops at 5, 9 and 31. A click on a pixel shows what it sees in each map, and the three
    streams that add up there. Beside it are an FCN-32s and an FCN-16s on the same trunk, with score layers of their own
    and bilinear upsampling. A notebook shows the page; it asks the network for nothing.

    Parameters
    ----------
    sample : Sample, optional
        An image of 16 to 128 pixels a side with its label, of the classes that the network knows; a generated picture
        that it was not trained on unless given.

    Attributes
    ----------
    net : FCN8s
        In float64.
    nets : dict of str to FCN
        FCN-32s, FCN-16s and FCN-8s, which is `net`, by name.

    Raises
    ------
    ValueError
        If the image is too small or too large, or a label is no class of the network.

    Examples
    --------
    >>> simulator = FlightSimulator()
    >>> simulator
    FlightSimulator(shapes-7-14, 96x96, crops 5, 9, 31, mean IoU 0.947)
    >>> simulator.net.crop_offsets
    {'score_pool4': 5, 'score_pool3': 9, 'score': 31}
    """

    def __init__(self, sample: data.Sample | None = None) -> None:
        trained = models.pretrained("shapes-fcn8s")
        assert isinstance(trained, FCN8s)
        sample = data.Shapes(15, size=96, seed=7)[14] if sample is None else sample
        _expect(sample, trained.num_classes)
        self.net, self._sample = in_the_papers_geometry(trained), sample
        self.nets = side_by_side(self.net)
        self._class_names, self._palette = trained.class_names, trained.palette
        self._x = trained.normalize(sample.image).astype(np.float64)
        self._predicted = self.predict()
        self._mean_iou = self.mean_iou()

    def __repr__(self) -> str:
        height, width = self._sample.label.shape
        crops = ", ".join(map(str, self.net.crop_offsets.values()))
        return f"FlightSimulator({self._sample.name}, {height}x{width}, crops {crops}, mean IoU {self._mean_iou:.3f})"

    def _repr_html_(self) -> str:
        return self._fragment(f"minifcn-{uuid.uuid4().hex[:12]}", alone=False)

    def predict(self, **crops: int | Pair) -> np.ndarray:
        """Predict the class of each pixel, with crops other than those of the network if some are given.

        Parameters
        ----------
        **crops : int, or (top, left)
            By the names in `net.crop_offsets`.

        Returns
        -------
        array (H, W) of int

        Raises
        ------
        ValueError
            If there is no such crop, or it leaves the map that it cuts.
        """
        derived = dict(self.net.crop_offsets)
        if unknown := sorted(crops.keys() - derived.keys()):
            raise ValueError(f"FlightSimulator: there is no crop {unknown[0]!r}; name one of {', '.join(derived)}")
        try:
            self.net.crop_offsets.update(crops)
            with no_grad():
                return self.net(Tensor(self._x[None])).data[0].argmax(axis=0)
        finally:
            self.net.crop_offsets.update(derived)

    def mean_iou(self, **crops: int | Pair) -> float:
        """Give the mean IoU of this image, with crops other than those of the network if some are given.

        Parameters
        ----------
        **crops : int, or (top, left)
            As in `predict`.

        Returns
        -------
        float

        Examples
        --------
        >>> simulator = FlightSimulator()
        >>> round(simulator.mean_iou(), 3), round(simulator.mean_iou(score=19), 3)
        (0.947, 0.402)
        """
        return self._iou_of(self.predict(**crops))

    def mean_ious(self) -> dict[str, float]:
        """Give the mean IoU of this image by each of the three networks.

        Returns
        -------
        dict of str to float

        Examples
        --------
        >>> {name: round(iou, 3) for name, iou in FlightSimulator().mean_ious().items()}
        {'FCN-32s': 0.547, 'FCN-16s': 0.841, 'FCN-8s': 0.947}
        """
        with no_grad():
            scores = {name: net(Tensor(self._x[None])).data[0] for name, net in self.nets.items()}
        return {name: self._iou_of(score.argmax(axis=0)) for name, score in scores.items()}

    def _iou_of(self, predicted: np.ndarray) -> float:
        confusion = metrics.ConfusionMatrix(self.net.num_classes)
        confusion.update(self._sample.label, predicted)
        return confusion.mean_iou

    def save_html(self, path: str | os.PathLike) -> None:
        """Save a page that any browser shows, without a network.

        Parameters
        ----------
        path : path of the HTML file
        """
        with atomic_write(path) as file:
            file.write(whole_page(TITLE, self._fragment("simulator", alone=True)))

    def _fragment(self, name: str, alone: bool) -> str:
        content = self._content()
        values = {
            "ID": name,
            "ALONE": " alone" if alone else "",
            "ABOUT": html.escape(repr(self), quote=True),
            "TABINDEX": "" if alone else ' tabindex="0"',
            "PICTURE": self._still(),
            "STYLE": _text("simulator.css"),
            "SCRIPT": script(*MATHEMATICS, *SHOWING),
            "DATA": json.dumps(content, separators=(",", ":")).replace("<", "\\u003c"),
        }
        page = _text("simulator.html")
        for key, value in values.items():
            page = page.replace(f"@{key}@", value)
        return page

    @functools.cached_property
    def _maps(self) -> Maps:
        return maps_of(self.net, self._x)

    def _content(self) -> dict[str, Any]:
        """Give all that the script is given."""
        label = self._sample.label.astype(np.uint8)
        content = page_data(self.nets, self._sample.image, label, self._maps)
        return content | {"classes": self._class_names, "palette": np.asarray(self._palette).tolist()}

    def _still(self) -> str:
        """Draw what is seen where no script runs: the predictions, and how three streams make a score."""
        colours = np.concatenate([self._palette, np.full((256 - len(self._palette), 3), 128)]).astype(np.uint8)
        maps = self._maps
        given = {32: maps["fc7"], 16: maps["pool4"], 8: maps["pool3"]}
        pictures = {"image": self._sample.image, "label": colours[self._sample.label]}
        for name, net in self.nets.items():
            with no_grad():
                score = net(Tensor(self._x[None]), {stride: Tensor(map_[None]) for stride, map_ in given.items()})
            predicted = score.data[0].argmax(axis=0)
            pictures[f"{name}: mean IoU {self._iou_of(predicted):.3f}"] = colours[predicted]
        added = still.streams(self.net, self._x, maps)
        total = np.sum(list(added.values()), axis=0)
        shown = int(self._predicted[tuple(n // 2 for n in self._predicted.shape)])  # what wins in the middle
        largest = max(abs(stream[shown]).max() for stream in [*added.values(), total])
        parts = {f"{name}, from {SCORED[name]}": still.coloured(one[shown], largest) for name, one in added.items()}
        parts["their sum, the score"] = still.coloured(total[shown], largest)
        about = (
            f"What the three streams of FCN-8s add to the score of {self._class_names[shown]}: orange is above 0, blue "
            "below, white 0. Where scripts run, the crops can be dragged, and every pixel asked."
        )
        return f"{still.side_by_side(pictures)}\n<p>{about}</p>\n{still.side_by_side(parts)}"


def script(*names: str) -> str:
    """Give files of the page's script as one text, with what the laboratory has of the same.

    >>> script("streams").splitlines()[-1]
    '}'
    """
    return "\n".join([laboratory_script("element", "shown", "remembering"), *(_text(f"{name}.js") for name in names)])


def _text(name: str) -> str:
    return (files("minifcn.explain.simulator") / name).read_text("utf-8")


def _expect(sample: data.Sample, classes: int) -> None:
    """Refuse an image that the page cannot show, and labels that the network does not know."""
    sides = sample.label.shape
    if sample.image.shape[2:] != (3,) or sample.image.dtype != np.uint8:
        raise ValueError(
            f"FlightSimulator: the image must have three colours of uint8, got {sample.image.dtype} of "
            f"{sample.image.shape}; take image[..., :3]"
        )
    if not all(SMALLEST <= side <= LARGEST for side in sides):
        raise ValueError(
            f"FlightSimulator: the image must have {SMALLEST} to {LARGEST} pixels a side, got {sides}; cut a piece out "
            "of it"
        )
    counted = sample.label[sample.label != sample.ignore_index]
    if counted.size and int(counted.max()) >= classes:
        raise ValueError(
            f"FlightSimulator: the network knows the classes 0 to {classes - 1}, but the label has "
            f"{int(counted.max())}; take a picture of data.Shapes"
        )
