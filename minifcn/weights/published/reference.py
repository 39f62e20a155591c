"""The reference implementation's networks of other data than PASCAL VOC: what their images are, and their many parts.

NYUDv2, SIFT Flow and PASCAL-Context have means of their own, which no shape tells. And three kinds of these networks
have layers with further names: two heads, semantic and geometric (score_fr_sem, score_fr_geo); two streams, of colours
and of HHA (conv1_1color, conv1_1hha); and a first layer on colours and depth (conv1_1_bgrd).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from minifcn.data.normalize import (
    HHA_MEAN,
    LOG_DEPTH_MEAN,
    NYUD_MEAN,
    PASCAL_CONTEXT_MEAN,
    SIFT_FLOW_MEAN,
    Preprocessing,
)

if TYPE_CHECKING:
    from minifcn.weights.source import Source

_PART = re.compile(r"(?<=\d_)bgrd$|_(sem|geo)$|(?<=[\dr])(color|hha)$")
_MEANS = {
    "nyud": ("NYUDv2", NYUD_MEAN),
    "siftflow": ("SIFT Flow", SIFT_FLOW_MEAN),
    "pascalcontext": ("PASCAL-Context", PASCAL_CONTEXT_MEAN),
}
_BEHIND = {"color-d": LOG_DEPTH_MEAN, "color-hha": HHA_MEAN}
_FILE = re.compile(r"(nyud|siftflow|pascalcontext)-fcn(?:32|16|8)s(?:-(color-hha|color-d|color|hha))?(?![a-z])")
_MODULE = re.compile(r"(nyud|siftflow|pascalcontext)_layers")  # of the data layer, as a network of Caffe names it
_TOPS = re.compile(r"""["']tops["']\s*:\s*\[([^]]*)\]""")  # and what that layer gives


class Trained(NamedTuple):
    """On what a network was trained.

    Parameters
    ----------
    data : str
        As ``--data`` calls it: "nyud", "siftflow" or "pascalcontext".
    inputs : str
        One of `data.nyud.INPUTS`.
    by : str
        What tells.
    """

    data: str
    inputs: str
    by: str

    def __str__(self) -> str:
        inputs = f" ({self.inputs})" if self.data == "nyud" else ""
        return f"{_MEANS[self.data][0]}{inputs}"

    @property
    def preprocessing(self) -> Preprocessing:
        """What the reference's data layer makes of an image; the channels of HHA are no colours, and keep their order.

        >>> Trained("nyud", "hha", "its name").preprocessing[:3]
        ((132.431, 94.076, 118.477), (1.0, 1.0, 1.0), 'rgb')
        """
        hha = self.inputs == "hha"
        seen = Preprocessing(
            HHA_MEAN if hha else _MEANS[self.data][1],
            (1.0, 1.0, 1.0),
            "rgb" if hha else "bgr",
            f"only minus the mean of {self}",
        )
        return with_what_is_behind(seen, self.inputs)


def with_what_is_behind(colours: Preprocessing, inputs: str) -> Preprocessing:
    """Add the mean of what stands behind the colours.

    >>> with_what_is_behind(Preprocessing((1, 2, 3), (1, 1, 1), "bgr", ""), "color-d").mean
    (1, 2, 3, 7.844)
    """
    behind = _BEHIND.get(inputs, ())
    return colours._replace(mean=colours.mean + behind, std=colours.std + (1.0,) * len(behind))


def trained_on(source: Source, layers: set[str]) -> Trained | None:
    """Tell on which of these data a network was trained; None if it is none of them, or nothing tells.

    Its layers tell what it is given, whoever trained it; the rest its data layer, or the name of the file.
    """
    parts = {match[0].strip("_") for layer in layers if (match := _PART.search(layer))}
    inputs = "color-d" if "bgrd" in parts else "color-hha" if {"color", "hha"} & parts else ""
    data = "nyud" if inputs else "siftflow" if {"sem", "geo"} & parts else ""
    if found := _of_data_layer(source) or _of_file(source):
        return found._replace(inputs=inputs or found.inputs)
    return Trained(data, inputs or "color", "the names of its layers") if data else None


def without_part(layer: str) -> str:
    """Give the name that a layer has in a network of one part.

    >>> [without_part(name) for name in ("conv1_1_bgrd", "score_frhha", "upscore8_sem", "score_fr")]
    ['conv1_1', 'score_fr', 'upscore8', 'score_fr']
    """
    return _PART.sub("", layer).removesuffix("_")


def _of_data_layer(source: Source) -> Trained | None:
    layers = source.about.get("python", ()) if source.container == "caffemodel" else ()
    for module, text in layers:
        if match := _MODULE.fullmatch(module):
            listed = _TOPS.search(text)
            tops = {*re.findall(r"\w+", listed[1])} if listed else set()
            inputs = "hha" if "hha" in tops and "color" not in tops else "color"
            return Trained(match[1], inputs, "its data layer")
    return None


def _of_file(source: Source) -> Trained | None:
    match = _FILE.match(source.path.name)
    return Trained(match[1], match[2] or "color", "the name of the file") if match else None
