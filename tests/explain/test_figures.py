"""Figures of the notebooks, and pictures whose paper was taken off, are read on light and on dark pages."""

import io
import runpy
from pathlib import Path

import matplotlib as mpl
import matplotlib.style
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from minifcn.explain.figure import new_figure

ROOT = Path(__file__).parents[2]
STYLE = ROOT / "minifcn" / "explain" / "figures.mplstyle"
PAGES = {"white": "#ffffff", "the site in the dark": "#131416", "JupyterLab in the dark": "#111111"}


def luminance(colour):
    """As of the Web Content Accessibility Guidelines."""
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_what_is_written_has_a_contrast_of_four_to_one(page):
    style = mpl.rc_params_from_file(STYLE, use_default_template=False)
    inks = {key: value for key, value in style.items() if key.endswith("color") and value != "none"}
    assert {"text.color", "axes.labelcolor", "xtick.color", "ytick.color", "axes.edgecolor"} <= inks.keys()
    for key, ink in inks.items():
        light, dark = sorted((luminance(ink), luminance(page)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4, key


def test_a_figure_has_no_paper(style_of_notebooks):
    from PIL import Image

    figure = new_figure(figsize=(2, 2))
    figure.subplots().plot([0, 1], label="a line")
    figure.axes[0].legend()
    pixels = np.asarray(Image.open(io.BytesIO(figure._repr_png_())).convert("RGBA"))
    assert (pixels[..., 3] == 0).mean() > 0.8
    assert not (pixels == 255).all(axis=2).any()  # no white, also in the legend


@pytest.fixture
def style_of_notebooks():
    with mpl.style.context("minifcn.explain.figures"):
        yield


def test_taking_the_paper_off_keeps_pictures_and_fields_and_makes_writing_grey():
    without_paper = runpy.run_path(str(ROOT / "docs" / "images" / "without_paper.py"))["without_paper"]
    sheet = np.full((120, 120, 3), 255, np.uint8)
    sheet[20:70, 20:70] = (40, 42, 54)
    sheet[30:35, 30:35] = 255  # white in a picture is no paper
    sheet[90:102, 10:22] = (128, 128, 128)  # a field of a legend
    sheet[95:97, 30:60] = 0  # and what is written beside it
    made = without_paper(sheet)
    assert (made[20:70, 20:70, :3] == sheet[20:70, 20:70]).all()
    assert (made[90:102, 10:22] == (128, 128, 128, 255)).all()
    assert (made[95:97, 30:60] == (117, 117, 117, 255)).all()
    assert (made[..., 3] == 0).sum() == 120 * 120 - 50 * 50 - 12 * 12 - 2 * 30
