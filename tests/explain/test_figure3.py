"""The drawing of a network: every size, crop and name in it is that of a run of the network."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from minifcn import Tensor, explain, models, nn, no_grad

KINDS = {"32s": models.FCN32s, "16s": models.FCN16s, "8s": models.FCN8s}
SVG = "{http://www.w3.org/2000/svg}"


def texts(figure):
    return [node.text for node in ElementTree.fromstring(figure.drawing).iter(f"{SVG}text")]


def maps(net, size):
    """The shapes of all outputs of layers, measured on an image."""
    found = {}
    for name, layer in net.named_modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.MaxPool2d):

            class Noted(type(layer)):
                def forward(self, x, name=name):
                    y = super().forward(x)
                    found[name] = "×".join(map(str, y.shape[1:]))
                    return y

            layer.__class__ = Noted
    with no_grad():
        found["score"] = "×".join(map(str, net(Tensor(np.zeros((1, 3, *size), "float32"))).shape[1:]))
    return found


@pytest.mark.parametrize("variant", ["aligned", "paper"])
@pytest.mark.parametrize("kind", KINDS)
def test_sizes_are_those_of_a_run_on_an_image(kind, variant, rng):
    size = tuple(int(n) for n in rng.integers(1, 150, 2))
    net = KINDS[kind](4, variant=variant, width=1 / 64).eval()
    drawn, measured = texts(explain.figure3(net, size)), maps(net, size)
    named = [name for name in measured if name.startswith(("pool", "score"))]
    assert len(named) == 5 + 1 + len(net.skips) + 1
    for name in named:
        assert drawn[drawn.index(name) + 1] == measured[name], (name, size)
    for name in (name for name in measured if name.startswith("upscore")):
        place = next(n for n, text in enumerate(drawn) if text.startswith(f"{name}, ×"))
        assert drawn[place + 1] == measured[name]


@pytest.mark.parametrize("kind", KINDS)
def test_crops_are_those_of_the_paper(kind):
    drawn = texts(explain.figure3(KINDS[kind](4, variant="paper", width=1 / 64), (500, 375)))
    crops = [int(text.rsplit(" ", 1)[1]) for text in drawn if re.search(r" from \d+$", text)]
    assert crops == {"32s": [19], "16s": [5, 27], "8s": [5, 9, 31]}[kind]


def test_upsamplings_multiply_to_the_stride():
    for kind, net in KINDS.items():
        drawn = texts(explain.figure3(net(4, width=1 / 64)))
        factors = [int(text.split("×")[1]) for text in drawn if ", ×" in text]
        assert np.prod(factors) == 32, kind
        assert factors[-1] == int(kind.removesuffix("s"))


def test_the_map_that_is_cut_is_named():
    paper = texts(explain.figure3(models.FCN8s(4, variant="paper", width=1 / 64), (500, 375)))
    assert paper[paper.index("score_pool3 from 9") + 1] == "88×72 to 70×54"
    aligned = texts(explain.figure3(models.FCN8s(4, width=1 / 64), (500, 375)))
    assert aligned[aligned.index("upscore_pool4 from 0") + 1] == "64×48 to 63×47"


@pytest.mark.parametrize("backbone", ["alexnet", "googlenet"])
def test_other_trunks_are_drawn_too(backbone):
    net = models.FCN32s(4, backbone=backbone, width=1 / 16)
    drawn = texts(explain.figure3(net))
    assert drawn[drawn.index("score") + 1] == "4×224×224"
    assert drawn[drawn.index("score_fr") + 1] == maps(net, (224, 224))["score_fr"]


def test_nothing_is_drawn_outside_the_picture():
    for net in (models.FCN8s(4, width=1 / 64), models.FCN8s(4, backbone="googlenet", width=1 / 16)):
        root = ElementTree.fromstring(explain.figure3(net, (1000, 1000)).drawing)
        width = float(root.get("width"))
        for box in root.iter(f"{SVG}rect"):
            assert float(box.get("x")) >= 0
            assert float(box.get("x")) + float(box.get("width")) <= width


def test_a_saved_one_has_colours_of_its_own(tmp_path):
    figure = explain.figure3(models.FCN16s(4, width=1 / 64))
    figure.save(tmp_path / "fcn.svg")
    saved = (tmp_path / "fcn.svg").read_text("utf-8")
    assert "prefers-color-scheme: dark" in saved
    assert "prefers-color-scheme" not in figure._repr_html_()
    assert ElementTree.fromstring(saved).tag == f"{SVG}svg"
    with pytest.raises(ValueError, match=r"path must end in \.svg, got 'fcn.png'"):
        figure.save("fcn.png")


@pytest.mark.parametrize("model", [nn.Conv2d(3, 4, 3), models.FCN8s(4, variant="lecture", width=1 / 64)])
def test_others_are_refused(model):
    with pytest.raises(ValueError, match="figure3: model must be an FCN32s, FCN16s or FCN8s"):
        explain.figure3(model)
