"""Label files: every way to store an index gives that index, and whatever may have changed it is refused."""

import struct

import numpy as np
import png_files
import pytest
from PIL import Image
from png_files import GREY, GREY_ALPHA, PALETTE, RGB, RGBA

from minifcn.data.images import read_image
from minifcn.data.labels import read_colour_label, read_index_label
from minifcn.errors import UserError

VALUE = None  # in a pixel: the channels that hold the index
COLOURS = np.array([(0, 0, 0), (128, 0, 0), (0, 128, 192)], np.uint8)


def write(path, rows, bits, kind, **options):
    path.write_bytes(png_files.png(rows, bits, kind, **options))
    return path


def refused(message, read, *arguments):
    """Assert that this raises a one-line UserError with this text in it."""
    with pytest.raises(UserError, match=message) as caught:
        read(*arguments)
    assert "\n" not in str(caught.value)


class TestIndices:
    @pytest.mark.parametrize("kind", [GREY, PALETTE], ids=["grey", "palette"])
    @pytest.mark.parametrize("bits", [1, 2, 4, 8])
    def test_every_index_of_every_bit_depth(self, tmp_path, bits, kind):
        rows = np.arange(2**bits).reshape(2, -1).tolist()
        label = read_index_label(write(tmp_path / "a.png", rows, bits, kind))
        assert label.dtype == np.uint8
        assert label.tolist() == rows

    def test_of_16_bits(self, tmp_path):
        rows = np.arange(256).reshape(4, 64).tolist()
        assert read_index_label(write(tmp_path / "a.png", rows, 16, GREY)).tolist() == rows

    @pytest.mark.parametrize("index", [256, 300, 65535])
    def test_of_16_bits_beyond_255_are_refused(self, tmp_path, index):
        path = write(tmp_path / "a.png", [[1, 2], [3, index]], 16, GREY)
        refused(rf"a\.png: the index {index} at row 1, column 1 is beyond 255", read_index_label, path)

    @pytest.mark.parametrize(
        ("kind", "pixel"),
        [
            pytest.param(RGB, 3 * [VALUE], id="three-equal-channels"),
            pytest.param(RGBA, [VALUE, VALUE, VALUE, 255], id="with-alpha"),
            pytest.param(GREY_ALPHA, [VALUE, 255], id="grey-with-alpha"),
        ],
    )
    def test_of_more_channels_that_say_the_same(self, tmp_path, kind, pixel):
        rows = [[0, 1, 2], [17, 254, 255]]
        values = [[value if channel is VALUE else channel for value in row for channel in pixel] for row in rows]
        path = write(tmp_path / "a.png", values, 8, kind)
        assert read_index_label(path).tolist() == rows

    def test_a_palette_with_transparency_changes_no_index(self, tmp_path):
        path = write(tmp_path / "a.png", [[0, 1, 2]], 8, PALETTE, extra=[(b"tRNS", b"\0")])
        assert read_index_label(path).tolist() == [[0, 1, 2]]

    @pytest.mark.parametrize("wide", [1, 3, 7, 8, 9, 31])
    @pytest.mark.parametrize("bits", [1, 2, 4])
    def test_rows_that_end_inside_a_byte(self, tmp_path, rng, bits, wide):
        rows = rng.integers(0, 2**bits, (5, wide)).tolist()
        assert read_index_label(write(tmp_path / "a.png", rows, bits, GREY)).tolist() == rows


class TestRefusals:
    @pytest.mark.parametrize(
        ("suffix", "options"),
        [("JPEG", {"quality": 100}), ("WEBP", {"quality": 90}), ("WEBP", {"lossless": True}), ("GIF", {}), ("BMP", {})],
    )
    @pytest.mark.parametrize("colours", [False, True], ids=["index", "colour"])
    def test_of_a_format_that_is_not_png(self, tmp_path, suffix, options, colours):
        path = tmp_path / "a.png"
        Image.fromarray(np.zeros((4, 4), np.uint8)).convert("RGB").save(path, suffix, **options)
        reader = (read_colour_label, path, COLOURS) if colours else (read_index_label, path)
        refused(rf"a\.png: a label is a PNG file, .* but this is a {suffix} file; save the label as PNG", *reader)

    @pytest.mark.parametrize(
        ("rows", "bits", "kind", "message"),
        [
            pytest.param([[1, 1, 2]], 8, RGB, "mode 'RGB' of 8 bits; save the class indices", id="colours"),
            pytest.param([[300, 300, 300]], 16, RGB, "mode 'RGB' of 16 bits", id="colours-of-16-bits"),
            pytest.param([[3, 65535]], 16, GREY_ALPHA, "of 16 bits", id="grey-of-16-bits-with-alpha"),
            pytest.param([[1, 255, 1, 0]], 8, GREY_ALPHA, "alpha channel that is not 255 everywhere", id="transparent"),
            pytest.param([[1, 1, 1, 254]], 8, RGBA, "alpha channel that is not 255 everywhere", id="half-transparent"),
        ],
    )
    def test_of_pixels_that_are_no_indices(self, tmp_path, rows, bits, kind, message):
        refused(message, read_index_label, write(tmp_path / "a.png", rows, bits, kind))

    def test_of_an_animation(self, tmp_path):
        frames = [Image.fromarray(np.full((2, 2), value, np.uint8)) for value in (1, 2)]
        frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
        refused("a label is one picture, but this file is an animation of 2", read_index_label, tmp_path / "a.png")

    @pytest.mark.parametrize("orientation", [3, 6])
    def test_of_an_orientation_that_labels_do_not_have(self, tmp_path, orientation):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(np.zeros((2, 3), np.uint8)).save(tmp_path / "a.png", exif=exif)
        refused(rf"has an EXIF orientation \({orientation}\); save it without", read_index_label, tmp_path / "a.png")

    def test_of_colours_of_16_bits(self, tmp_path):
        path = write(tmp_path / "a.png", [[128 * 257, 0, 0]], 16, RGB)
        refused("needs class colours .* mode 'RGB' of 16 bits", read_colour_label, path, COLOURS)

    def test_of_transparent_colours(self, tmp_path):
        path = write(tmp_path / "a.png", [[128, 0, 0, 0]], 8, RGBA)
        refused("alpha channel that is not 255", read_colour_label, path, COLOURS)

    def test_of_a_wrong_checksum(self, tmp_path):
        path = write(tmp_path / "a.png", [[0, 1, 2]], 8, GREY)
        content = bytearray(path.read_bytes())
        content[content.index(b"IEND") - 8] ^= 1  # in the checksum of the pixels
        path.write_bytes(content)
        refused(r"a\.png: not a readable image", read_index_label, path)


class TestImagesOf16Bits:
    """Pillow cuts them to 8 bits and says nothing."""

    @pytest.mark.parametrize(
        ("kind", "channels"), [(GREY, 1), (RGB, 3), (GREY_ALPHA, 2), (RGBA, 4)], ids=["L", "RGB", "LA", "RGBA"]
    )
    def test_a_png(self, tmp_path, kind, channels):
        path = write(tmp_path / "a.png", [[0x1234] * channels], 16, kind)
        refused(r"a\.png: images need 8 bits a channel, but this one has 16", read_image, path)

    @pytest.mark.parametrize("largest", [256, 1023, 65535])
    @pytest.mark.parametrize("magic", [b"P3", b"P6"], ids=["plain", "raw"])
    def test_a_ppm(self, tmp_path, magic, largest):
        pixels = b"7 7 7" if magic == b"P3" else b"\0\7" * 3
        (tmp_path / "a.ppm").write_bytes(magic + b" 1 1 %d\n" % largest + pixels)
        refused("images need 8 bits a channel", read_image, tmp_path / "a.ppm")

    def test_a_tiff(self, tmp_path):
        # A little-endian file of one pixel, three channels of 16 bits: 8 bytes of header, a table, and the values.
        short, long = 3, 4
        width, height, bits, strip = (256, short, 1, 1), (257, short, 1, 1), (258, short, 3, 200), (273, long, 1, 210)
        plain, colours, channels = (259, short, 1, 1), (262, short, 1, 2), (277, short, 1, 3)
        tags = [width, height, bits, plain, colours, strip, channels, (278, short, 1, 1), (279, long, 1, 6)]
        table = b"".join(struct.pack("<HHII", *tag) for tag in tags)
        content = b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + table + b"\0\0\0\0"
        content = content.ljust(200, b"\0") + struct.pack("<HHH", 16, 16, 16)
        (tmp_path / "a.tiff").write_bytes(content.ljust(210, b"\0") + b"\x12\x34" * 3)
        refused("images need 8 bits a channel, but this one has 16", read_image, tmp_path / "a.tiff")

    def test_a_grey_ppm(self, tmp_path):
        (tmp_path / "a.pgm").write_bytes(b"P5 1 1 65535\n\0\7")
        refused("images need 8 bits a channel, but this one has 16", read_image, tmp_path / "a.pgm")

    def test_numbers_with_a_point(self, tmp_path):
        Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(tmp_path / "a.tiff")
        refused("images need 8 bits a channel, but this one has 32", read_image, tmp_path / "a.tiff")

    @pytest.mark.parametrize("bits", [1, 2, 4, 8])
    def test_fewer_are_spread_over_0_to_255(self, tmp_path, bits):
        path = write(tmp_path / "a.png", [[0, 2**bits - 1]], bits, GREY)
        assert read_image(path).tolist() == [[[0, 0, 0], [255, 255, 255]]]
