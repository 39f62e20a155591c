"""What a pixel of a map sees: as the gradient of that pixel says."""

import numpy as np
import pytest

from minifcn import Tensor, grad, models, nn
from minifcn.data import Shapes
from minifcn.explain import draw_receptive_fields, receptive_fields

SIZE = (40, 48)
RNG = np.random.default_rng(0)


class Trunk(nn.Module):
    """Layers whose outputs are kept by name."""

    def __init__(self, rng):
        self.conv1 = nn.Conv2d(1, 2, 3, padding=1, rng=rng)
        self.pool1 = nn.MaxPool2d(2, ceil_mode=True)
        self.conv2 = nn.Conv2d(2, 2, 5, stride=2, padding=1, rng=rng)
        self.conv3 = nn.Conv2d(2, 1, 3, dilation=2, rng=rng)

    def forward(self, x):
        for name in ("conv1", "pool1", "conv2", "conv3"):
            x = getattr(self, name)(x)
        return x


@pytest.mark.parametrize("pixel", [None, (0, 0), (39, 47), (17, 30)])
def test_pixels_outside_the_field_have_no_gradient_and_corners_of_it_can_have_one(pixel, rng):
    """A maximum hides pixels, so several images are asked."""
    model, seen = Trunk(rng), np.zeros(SIZE, bool)
    field = receptive_fields(model, SIZE, pixel)[-1]
    for _ in range(40):
        x = Tensor(rng.normal(size=(1, 1, *SIZE)), requires_grad=True)
        y = model.astype("float64")(x)
        seed = np.zeros(y.shape)
        seed[0, 0, field.pixel[0], field.pixel[1]] = 1
        (gx,) = grad(y, x, Tensor(seed))
        seen |= gx.data[0, 0] != 0
    rows, columns = np.nonzero(seen)
    expected = [
        (max(0, first), min(length, first + field.side) - 1)
        for first, length in zip((field.top, field.left), SIZE, strict=True)
    ]
    assert [(rows.min(), rows.max()), (columns.min(), columns.max())] == expected


def test_the_sizes_are_those_of_every_lecture():
    sides = {field.layer: field.side for field in receptive_fields(models.FCN8s(2, width=1 / 64), (500, 500))}
    assert {name: sides[f"pool{name}"] for name in range(1, 6)} == {1: 6, 2: 16, 3: 44, 4: 100, 5: 212}


def test_behind_an_upsampling_the_field_depends_on_the_pixel():
    """All layers are listed, those that upsample too."""
    model = models.FCN8s(2, width=1 / 64)
    fields = [receptive_fields(model, (512, 512), (256 + i, 256)) for i in range(32)]
    assert [field.layer for field in fields[0][-3:]] == ["upscore_pool4", "score_pool3", "upscore8"]
    assert {(field[-1].height, field[-1].width) for field in fields} == {(244, 244), (276, 244)}


@pytest.mark.parametrize("pixel", [(16, 16), (17, 16), (31, 0)])
def test_behind_two_upsamplings_it_is_what_the_gradient_reaches(pixel):
    model = nn.Sequential(nn.ConvTranspose2d(1, 1, 4, 2, 1), nn.ConvTranspose2d(1, 1, (4, 2), 2, (1, 0), rng=RNG))
    field = receptive_fields(model, (32, 32), pixel)[-1]
    x = Tensor(np.ones((1, 1, 32, 32)), requires_grad=True)
    y = model.astype("float64")(x)
    seed = np.zeros(y.shape)
    seed[(0, 0, *field.pixel)] = 1
    seen = grad(y, x, Tensor(seed))[0].data[0, 0] != 0
    assert seen[field.inside].all()
    assert seen.sum() == seen[field.inside].size > 0


def test_rows_and_columns_have_fields_of_their_own():
    model = nn.Sequential(nn.Conv2d(3, 4, (3, 5), (1, 2), (1, 2), rng=RNG))
    field = receptive_fields(model, (32, 32), (16, 16))[0]
    assert str(field) == "0[16, 8] sees 3x5 pixels: rows 15 to 17, columns 14 to 18"
    with pytest.raises(ValueError, match="0 has no side: it sees 3x5 pixels; use height, width"):
        _ = field.side


def test_what_lies_inside_is_cut_at_the_border_of_the_image():
    field = receptive_fields(nn.Sequential(nn.Conv2d(1, 1, 5, padding=2)), (6, 8), (0, 7))[0]
    assert (field.top, field.left, field.side) == (-2, 5, 5)
    assert field.inside == (slice(0, 3), slice(5, 8))


def test_padding_behind_a_crop_hides_the_image():
    """An endless map would go on where this one was cut and padded with zeros."""
    model = nn.Sequential(nn.Conv2d(1, 1, 3, padding=0), nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 1, padding=1))
    field = receptive_fields(model, (9, 9), (0, 0))[-1]
    assert (field.top, field.left, field.side) == (-2, -2, 5)
    assert np.ones((9, 9))[field.inside].size == 0


def test_a_pixel_between_the_stamps_of_a_small_kernel_sees_nothing():
    model = nn.Sequential(nn.ConvTranspose2d(1, 1, 1, 2), nn.Conv2d(1, 1, 1))
    seen = {str(receptive_fields(model, (5, 5), (i, i))[-1]) for i in range(5)}
    assert "1[4, 4] sees 1x1 pixels: rows 2 to 2, columns 2 to 2" in seen
    model = nn.Sequential(nn.ConvTranspose2d(1, 1, 1, 2), nn.Conv2d(1, 1, 1, stride=2, padding=1))
    field = receptive_fields(model, (5, 5), (2, 2))[-1]
    assert str(field) == "1[2, 2] sees nothing of the image"
    assert (field.side, np.ones((5, 5))[field.inside].size) == (0, 0)


def test_a_field_may_reach_beyond_the_image():
    field = receptive_fields(models.FCN32s(2, variant="paper", width=1 / 64), (64, 64), (0, 0))[0]
    assert str(field) == "conv1_1[99, 99] sees 3x3 pixels: rows -1 to 1, columns -1 to 1"


def test_the_drawing_shows_a_square_for_each_layer():
    image = Shapes(1, size=(96, 128))[0].image
    figure = draw_receptive_fields(image, models.FCN8s(2, width=1 / 64), ["pool2", "pool3", "pool4"])
    (axes,) = figure.axes
    assert [patch.get_label() for patch in axes.patches[1::2]] == ["pool2: 16x16", "pool3: 44x44", "pool4: 100x100"]
    figure.canvas.draw()


@pytest.mark.parametrize("layers", [["pool6"], ["conv1_1"] * 7])
def test_layers_that_do_not_exist_are_refused_with_those_that_do(layers):
    with pytest.raises(ValueError, match="layers must be at most 6 of conv1_1, conv1_2"):
        draw_receptive_fields(np.zeros((64, 64, 3), "uint8"), models.FCN8s(2, width=1 / 64), layers)


def test_a_pixel_outside_the_image():
    with pytest.raises(ValueError, match=r"pixel \(64, 0\) is not on an image of 64x64"):
        receptive_fields(models.FCN8s(2, width=1 / 64), (64, 64), (64, 0))


@pytest.mark.parametrize(
    ("size", "pixel", "name"),
    [
        ((0, 8), None, "size"),
        ((8,), None, "size"),
        ((8, 8), (1.5, 2), "pixel"),
        ((8, 8), (-1, 2), "pixel"),
    ],
)
def test_size_and_pixel_are_whole_numbers(size, pixel, name):
    with pytest.raises(ValueError, match=f"receptive_fields: {name} must be a whole number"):
        receptive_fields(nn.Sequential(nn.MaxPool2d(2)), size, pixel)


def test_the_drawing_shows_a_rectangle_where_rows_and_columns_differ():
    model = nn.Sequential(nn.Conv2d(3, 4, (3, 9), rng=RNG))
    figure = draw_receptive_fields(np.zeros((32, 32, 3), "uint8"), model, ["0"])
    (axes,) = figure.axes
    assert axes.patches[1].get_label() == "0: 3x9"
    assert (axes.patches[1].get_height(), axes.patches[1].get_width()) == (3, 9)
