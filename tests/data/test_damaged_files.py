"""Files with bytes flipped, cut, swapped and repeated: read, or refused in one line that names the file.

The generator's seed is printed when a case fails, and its number; the damaged file is left in the folder of the test.
"""

import io
import os
import warnings
import zlib

import numpy as np
import png_files
import pytest
from PIL import Image
from png_files import GREY, PALETTE, RGB

from minifcn.data import VOCSegmentation
from minifcn.data.classes import IGNORED, read_class_names, read_class_table
from minifcn.data.images import read_image
from minifcn.data.labels import read_colour_label, read_index_label
from minifcn.errors import UserError

CASES = int(os.environ.get("DAMAGED_FILES", "50"))  # of each file and reader, 2000 in all
COLOURS = np.array([(0, 0, 0), (128, 0, 0), (0, 128, 192)], np.uint8)
TABLE = "name,r,g,b\nSky,128,128,128\nVoid,0,0,0\nRoad,128,64,128\n"
NAMES = "__ignore__\n_background_\ntraffic light\nvoid\n"
LIST = "2007_000032\n/JPEGImages/a.jpg /SegmentationClassAug/a.png\nmy b.jpg\n"


def photograph(suffix, mode="RGB", **options):
    values = np.random.default_rng(0).integers(0, 256, (13, 17, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(values).convert(mode).save(
        file, suffix, **options, **({} if suffix in "GIF PPM" else {"exif": exif})
    )
    return file.getvalue()


def label(bits, kind):
    values = np.random.default_rng(1).integers(0, min(2**bits, 256), (11, 19))
    return png_files.png(values.tolist(), bits, kind)


IMAGES = {
    "png": photograph("PNG"),
    "png-palette": photograph("PNG", "P"),
    "jpeg": photograph("JPEG"),
    "jpeg-progressive": photograph("JPEG", progressive=True),
    "cmyk": photograph("JPEG", "CMYK"),
    "tiff": photograph("TIFF"),
    "tiff-lzw": photograph("TIFF", compression="tiff_lzw"),
    "gif": photograph("GIF", "P"),
    "webp": photograph("WEBP", lossless=True),
    "bmp": photograph("BMP"),
    "ppm": photograph("PPM"),
}
DEPTHS = [("grey", GREY, (1, 2, 4, 8, 16)), ("palette", PALETTE, (1, 2, 4, 8))]
LABELS = {f"{name}-{bits}": label(bits, kind) for name, kind, depths in DEPTHS for bits in depths}
COLOUR_LABEL = png_files.png(COLOURS[np.arange(30).reshape(5, 6) % 3].reshape(5, -1).tolist(), 8, RGB)


def damaged(content, rng):
    """The bytes with one to three faults of a random kind."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        if len(content) < 4:
            break
        start, end = sorted(rng.integers(0, len(content), 2).tolist())
        kind = rng.integers(7)
        if kind == 0:
            content[start] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            content[start] = int(rng.choice([0, 1, 127, 128, 255]))
        elif kind == 2:
            del content[end:]
        elif kind == 3:
            del content[start : start + int(rng.integers(1, 9))]
        elif kind == 4:
            content[start:end] = content[start:end][::-1]
        elif kind == 5:
            content[end:end] = content[start : start + 40]
        else:
            content[start : start + 4] = rng.bytes(4)
    return bytes(content)


def damaged_chunks(content, rng):
    """A PNG with faults inside its chunks, or chunks in another order; all its checksums are right."""
    chunks = png_files.to_chunks(content)
    at = int(rng.integers(len(chunks)))
    kind = rng.integers(4)
    if kind == 0:
        chunks.insert(int(rng.integers(len(chunks))), chunks.pop(at))
    elif kind == 1:
        chunks.insert(at, chunks[int(rng.integers(len(chunks)))])
    elif chunks[at][0] == b"IDAT" and kind == 2:
        chunks[at] = b"IDAT", zlib.compress(damaged(zlib.decompress(chunks[at][1]), rng))
    else:
        chunks[at] = chunks[at][0], damaged(chunks[at][1], rng)
    return png_files.from_chunks(chunks)


def read_all(path, content, damage, read, rng):
    """What is read from each damaged file, if anything is."""
    for number in range(CASES):
        path.write_bytes(damage(content, rng))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow's, as in the commands
                found = read(path)
        except Exception as error:
            one_line = isinstance(error, UserError) and str(path.parent) in str(error) and "\n" not in str(error)
            if not one_line:
                pytest.fail(f"case {number}: {error!r} is no refusal in one line that names the file")
        else:
            yield found


@pytest.mark.parametrize("name", IMAGES)
def test_images(tmp_path, name, rng):
    for image in read_all(tmp_path / "a.png", IMAGES[name], damaged, read_image, rng):
        assert (image.dtype, image.ndim, image.shape[2]) == (np.uint8, 3, 3)
        assert image.size > 0


@pytest.mark.parametrize("name", ["png", "png-palette"])
def test_images_whose_checksums_are_right(tmp_path, name, rng):
    for image in read_all(tmp_path / "a.png", IMAGES[name], damaged_chunks, read_image, rng):
        assert (image.dtype, image.ndim, image.shape[2]) == (np.uint8, 3, 3)


@pytest.mark.parametrize("name", LABELS)
def test_a_damaged_label_never_has_other_classes(tmp_path, name, rng):
    (tmp_path / "sound.png").write_bytes(LABELS[name])
    expected = read_index_label(tmp_path / "sound.png")
    for found in read_all(tmp_path / "a.png", LABELS[name], damaged, read_index_label, rng):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", LABELS)
def test_labels_whose_checksums_are_right(tmp_path, name, rng):
    for found in read_all(tmp_path / "a.png", LABELS[name], damaged_chunks, read_index_label, rng):
        assert (found.dtype, found.ndim) == (np.uint8, 2)


@pytest.mark.parametrize("damage", [damaged, damaged_chunks])
def test_labels_of_colours(tmp_path, damage, rng):
    for found in read_all(tmp_path / "a.png", COLOUR_LABEL, damage, lambda path: read_colour_label(path, COLOURS), rng):
        assert found.max() < len(COLOURS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_class_tables(tmp_path, encoding, rng):
    path = tmp_path / "class_dict.csv"
    for names, palette, ignored in read_all(path, TABLE.encode(encoding), damaged, read_class_table, rng):
        assert 2 <= len(names) == len(palette) == len({tuple(colour) for colour in palette.tolist()})
        assert all(name and name.isprintable() for name in names)
        assert ignored == 255 or names[ignored].lower() in IGNORED


def test_class_lists(tmp_path, rng):
    for names, ignored in read_all(tmp_path / "classes.txt", NAMES.encode(), damaged, read_class_names, rng):
        assert 2 <= len(names) == len(set(names))
        assert all(name and name.isprintable() for name in names)
        assert ignored == 255 or names[ignored].lower() in IGNORED


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lists(tmp_path, encoding, rng, monkeypatch):
    folder = tmp_path / "VOC2012"
    (folder / "ImageSets" / "Segmentation").mkdir(parents=True)
    monkeypatch.setattr("minifcn.data.voc.check_pairs", lambda pairs, *_: pairs)  # as if every file were there
    path = folder / "ImageSets" / "Segmentation" / "train.txt"
    read = lambda _: VOCSegmentation(tmp_path, 2012, "train").pairs  # noqa: E731
    for pairs in read_all(path, LIST.encode(encoding), damaged, read, rng):
        for image, annotation in pairs:
            assert image.resolve().is_relative_to(folder / "JPEGImages")
            assert annotation.resolve().is_relative_to(folder)


@pytest.mark.parametrize("size", [(9_000, 8_000), (60_000, 60_000), (2**31 - 1, 1), (0, 5), (5, 0)])
@pytest.mark.parametrize("read", [read_image, read_index_label])
def test_a_size_that_the_file_does_not_hold(tmp_path, size, read):
    (tmp_path / "a.png").write_bytes(png_files.png([[1, 2]], 8, GREY, size=size))
    with pytest.raises(UserError, match=r"a\.png: "):
        read(tmp_path / "a.png")


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_text_that_grows_when_it_is_unpacked(tmp_path, kind):
    packed = zlib.compress(bytes(100_000_000))
    text = {b"zTXt": b"a\0\0", b"iTXt": b"a\0\1\0\0\0", b"iCCP": b"a\0\0"}[kind] + packed
    (tmp_path / "a.png").write_bytes(png_files.png([[1, 2]], 8, GREY, extra=[(kind, text)]))
    with pytest.raises(UserError, match=r"a\.png: not a readable image"):
        read_index_label(tmp_path / "a.png")
