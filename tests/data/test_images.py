"""Reading image and label files: what is read, and what is refused with one clear line."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from minifcn.data import images
from minifcn.data.images import read_image
from minifcn.data.jpeg import count_scans
from minifcn.data.labels import read_colour_label, read_index_label
from minifcn.errors import UserError

PALETTE = np.array([(0, 0, 0), (128, 0, 0), (0, 128, 192)], np.uint8)


def save(array, path, **options):
    Image.fromarray(np.asarray(array, np.uint8)).save(path, **options)
    return path


@pytest.fixture
def photograph(rng):
    return rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)


def test_an_image_is_read_as_rgb(tmp_path, photograph):
    np.testing.assert_array_equal(read_image(save(photograph, tmp_path / "a.png")), photograph)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "CMYK"])
def test_every_8_bit_mode_becomes_rgb(tmp_path, photograph, mode):
    path = tmp_path / "a.tiff"
    Image.fromarray(photograph).convert(mode).save(path)
    image = read_image(path)
    assert (image.shape, image.dtype) == ((30, 40, 3), np.uint8)


@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_its_exif_orientation_says(tmp_path, photograph, name, orientation):
    # Where the first row and the first column of the stored pixels belong, as the EXIF standard has it.
    upright = {
        1: photograph,  # top, left
        2: photograph[:, ::-1],  # top, right
        3: photograph[::-1, ::-1],  # bottom, right
        4: photograph[::-1],  # bottom, left
        5: photograph.transpose(1, 0, 2),  # left, top
        6: np.rot90(photograph, -1),  # right, top
        7: np.rot90(photograph, 2).transpose(1, 0, 2),  # right, bottom
        8: np.rot90(photograph),  # left, bottom
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(photograph, tmp_path / name, exif=exif)
    np.testing.assert_array_equal(read_image(path), upright)


def test_pixels_can_be_had_as_they_are_stored(tmp_path, photograph):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(photograph, tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(path, upright=False), photograph)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_can_be_had_as_it_is_stored_too(tmp_path, photograph, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(photograph, tmp_path / "a.tiff", exif=exif)
    np.testing.assert_array_equal(read_image(path, upright=False), photograph)


def test_damaged_exif_data_do_not_spoil_a_sound_image(tmp_path, photograph):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(photograph, tmp_path / "a.webp", exif=exif, lossless=True)
    path.write_bytes(path.read_bytes().replace(b"MM\0*", b"MM\0?").replace(b"II*\0", b"II?\0"))
    np.testing.assert_array_equal(read_image(path), photograph)


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_truncated_image_is_refused(tmp_path, photograph, name):
    path = save(photograph, tmp_path / name)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match=rf"{name}: not a readable image .* may be truncated"):
        read_image(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", r"the file is empty \(0 bytes\)", id="empty"),
        pytest.param(b"not an image", "not a readable image", id="text"),
        pytest.param(None, "no such file", id="missing"),
        pytest.param("folder", "it is a folder, not an image", id="folder"),
        pytest.param("pipe", "it is a pipe or a device, not an image", id="pipe"),
        pytest.param("loop", "no such file", id="link-to-itself"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path, content, message):
    path = tmp_path / "a.png"
    if content == "folder":
        path.mkdir()
    elif content == "pipe":
        os.mkfifo(path)
    elif content == "loop":
        path.symlink_to(path)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=f"a.png: {message}"):
        read_image(path)


def test_a_name_that_is_too_long_for_any_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_image(tmp_path / (300 * "a" + ".png"))


def test_a_name_with_line_feeds_is_told_in_one_line(tmp_path):
    with pytest.raises(UserError) as caught:
        read_image(tmp_path / "a\nb\x1b[31m.png")
    assert str(caught.value) == rf"{tmp_path}/a\nb\x1b[31m.png: no such file"


def test_a_file_without_permission_is_told_so(tmp_path, photograph, monkeypatch):
    path = save(photograph, tmp_path / "a.png")

    def forbidden(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", forbidden)  # the superuser, who may run this, reads any file
    with pytest.raises(UserError, match=r"a\.png: no permission to read the file; change it with chmod"):
        read_image(path)


def test_a_file_larger_than_any_image_of_the_limit_is_refused_unread(tmp_path, monkeypatch):
    path = save(np.zeros((30, 40, 3)), tmp_path / "a.png")
    monkeypatch.setattr(images, "MAX_MEGAPIXELS", 1e-6)
    with pytest.raises(UserError, match=r"a\.png: the file has \d+ bytes"):
        read_image(path)


def test_an_unusual_format_is_refused_whatever_its_name(tmp_path, photograph):
    save(photograph, tmp_path / "a.png", format="SGI")
    with pytest.raises(UserError, match="not a readable image"):
        read_image(tmp_path / "a.png")


def test_a_too_large_image_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    path = save(np.zeros((1001, 1000, 3)), tmp_path / "a.png")
    monkeypatch.setattr(images, "MAX_MEGAPIXELS", 1)
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("the image was decoded"))
    with pytest.raises(UserError, match=r"a\.png: the image is 1000 x 1001, more than 1 megapixels"):
        read_image(path)


@pytest.mark.parametrize("size", [(1, 65536), (65536, 1)])
def test_an_image_with_a_side_longer_than_a_jpeg_has_is_refused(tmp_path, size):
    path = save(np.zeros((*size, 3)), tmp_path / "a.png")
    with pytest.raises(UserError, match=r"a\.png: the image is \d+ x \d+, but a side has at most 65535"):
        read_image(path)


def progressive(scans):
    """A JPEG file with so many scans, each over the whole image."""
    memory = io.BytesIO()
    Image.new("L", (64, 64), 90).save(memory, "JPEG", progressive=True)
    content = memory.getvalue()
    last = content.rindex(b"\xff\xda")
    return content[:last] + (scans - count_scans(content) + 1) * content[last:-2] + content[-2:]


def test_a_jpeg_file_of_so_many_scans_that_it_takes_hours_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    path.write_bytes(progressive(100))
    assert read_image(path).shape == (64, 64, 3)
    path.write_bytes(progressive(101))
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("the image was decoded"))
    with pytest.raises(UserError, match=r"a\.jpg: the JPEG file has 101 scans, more than 100"):
        read_image(path)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}], ids=str)
def test_only_the_scans_of_the_image_are_counted(photograph, options):
    """Neither those of a small picture in its EXIF data, nor what a camera puts behind the image, such as a video."""
    memory, marks = io.BytesIO(), 200 * b"\xff\xda"
    Image.fromarray(photograph).save(memory, "JPEG", exif=b"Exif\0\0" + marks, comment=marks, **options)
    assert count_scans(memory.getvalue() + marks) in ((6, 10) if "progressive" in options else (1,))


@pytest.mark.parametrize("content", [b"", b"\xff", b"\xff\xd8\xff\xda", b"\xff\xd8\xff\xda\0", bytes(300)])
def test_scans_of_what_is_no_jpeg_file_are_counted_all_the_same(content):
    assert count_scans(content) <= 1


@pytest.mark.parametrize("limit", [5000, 500], ids=["warning", "error"])
def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch, limit):
    path = save(np.zeros((100, 60, 3)), tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(UserError, match=r"a\.png: the image has more than 80 megapixels"):
        read_image(path)


def test_a_16_bit_image_is_refused(tmp_path):
    path = tmp_path / "depth.png"
    Image.fromarray(np.full((4, 4), 40000, np.uint16)).save(path)
    with pytest.raises(UserError, match=r"depth\.png: images need 8 bits a channel"):
        read_image(path)


@pytest.mark.parametrize("palette", [False, True], ids=["greyscale", "palette"])
def test_an_index_label_keeps_its_indices(tmp_path, palette):
    label = np.array([[0, 1, 2], [11, 254, 255]], np.uint8)
    image = Image.fromarray(label)
    if palette:
        image.putpalette(list(range(256)) * 3)
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_index_label(tmp_path / "a.png"), label)


def test_colours_where_indices_are_expected_are_refused(tmp_path):
    path = save(np.full((4, 4, 3), (0, 0, 1)), tmp_path / "a.png")
    with pytest.raises(UserError, match=r"a\.png: a label needs one 8-bit class index a pixel .* mode 'RGB'"):
        read_index_label(path)


def test_a_colour_label_becomes_indices(tmp_path):
    label = np.array([[0, 1, 2], [2, 1, 1]], np.uint8)
    np.testing.assert_array_equal(read_colour_label(save(PALETTE[label], tmp_path / "a.png"), PALETTE), label)


@pytest.mark.parametrize("colour", [(1, 2, 3), (0, 0, 1), (255, 255, 255)])
def test_an_unknown_colour_is_named_with_its_pixel(tmp_path, colour):
    colours = np.zeros((4, 5, 3))
    colours[2, 3] = colour
    path = save(colours, tmp_path / "a.png")
    with pytest.raises(UserError) as caught:
        read_colour_label(path, PALETTE)
    assert f"{path}: the colour {colour} at row 2, column 3 is not in class_dict.csv" in str(caught.value)


def test_indices_where_colours_are_expected_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"needs class colours .* mode 'L'"):
        read_colour_label(save(np.zeros((4, 4)), tmp_path / "a.png"), PALETTE)


def test_a_colour_label_of_many_rows_is_read_to_its_end(tmp_path):
    label = np.arange(200 * 3).reshape(200, 3) % 3
    colours = PALETTE[label]
    Image.fromarray(colours).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_colour_label(tmp_path / "a.png", PALETTE), label)
    colours[150, 2] = 1, 2, 3
    Image.fromarray(colours).save(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"the colour \(1, 2, 3\) at row 150, column 2 is not in class_dict\.csv"):
        read_colour_label(tmp_path / "a.png", PALETTE)
