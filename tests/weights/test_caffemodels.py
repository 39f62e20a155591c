"""Caffe's files, of both versions, written here byte by byte as caffe.proto says."""

import struct

import limits
import numpy as np
import pytest
import weight_files as files

from minifcn.errors import UserError
from minifcn.weights import caffemodel, read


@pytest.fixture
def weight(rng):
    return rng.standard_normal((4, 3, 2, 2)).astype("float32")


BIAS = np.arange(4, dtype="float32")


def test_layers_keep_their_names_and_blobs_are_numbered(source_of, weight):
    layers = {
        "data": ("Input", []),
        "conv1_1": ("Convolution", [files.blob(weight), files.blob(BIAS)]),
        "upscore": ("Deconvolution", [files.blob(weight)]),
    }
    source = source_of(files.caffemodel(layers))
    assert source.container == "caffemodel"
    assert list(source.arrays) == ["conv1_1/0", "conv1_1/1", "upscore/0"]
    np.testing.assert_array_equal(source.arrays["conv1_1/0"], weight, strict=True)
    np.testing.assert_array_equal(source.arrays["conv1_1/1"], BIAS, strict=True)
    assert source.about == {
        "net": "VGG_ILSVRC_16_layers",
        "layers": [("data", "Input"), ("conv1_1", "Convolution"), ("upscore", "Deconvolution")],
    }


def test_layers_of_version_1_have_four_sides_and_the_same_names_of_types(source_of, weight):
    layers = {"relu": (18, []), "n": (15, []), "p": (17, [])} | {
        "conv1": (4, [files.legacy_blob(weight), files.legacy_blob(BIAS)])
    }
    layers |= {"fc6": (14, [files.legacy_blob(weight.reshape(4, 12))]), "up": (39, [files.legacy_blob(weight)])}
    source = source_of(files.caffemodel_v1(layers))
    assert {name: array.shape for name, array in source.arrays.items()} == {
        "conv1/0": (4, 3, 2, 2),
        "conv1/1": (1, 1, 1, 4),
        "fc6/0": (1, 1, 4, 12),
        "up/0": (4, 3, 2, 2),
    }
    np.testing.assert_array_equal(source.arrays["conv1/0"], weight, strict=True)
    types = ["V1 type 18", "LRN", "Pooling", "Convolution", "InnerProduct", "Deconvolution"]
    assert source.about["layers"] == list(zip(["relu", "n", "p", "conv1", "fc6", "up"], types, strict=True))


SHAPE = files.field(7, files.field(1, b"\x02\x03"))
SIX = np.arange(6, dtype="<f4")
FORMS = {
    "unpacked": SHAPE + b"".join(b"\x2d" + number.tobytes() for number in SIX),
    "in two pieces": SHAPE + files.field(5, SIX[:2].tobytes()) + files.field(5, SIX[2:].tobytes()),
    "packed and unpacked": SHAPE + files.field(5, SIX[:5].tobytes()) + b"\x2d" + SIX[5:].tobytes(),
    "the shape behind, unpacked": files.field(5, SIX.tobytes()) + files.field(7, files.field(1, 2) + files.field(1, 3)),
    "with differences": SHAPE + files.field(5, SIX.tobytes()) + files.field(6, SIX.tobytes()),
    "with unknown fields": SHAPE + files.field(5, SIX.tobytes()) + files.field(99, b"?") + b"\xa1\x06" + bytes(8),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_of_a_blob_is_read(source_of, form):
    source = source_of(files.caffemodel({"fc6": ("InnerProduct", [form])}))
    np.testing.assert_array_equal(source.arrays["fc6/0"], SIX.reshape(2, 3), strict=True)


def test_double_precision_is_kept(source_of):
    blob = SHAPE + files.field(8, SIX.astype("<f8").tobytes())
    found = source_of(files.caffemodel({"fc6": ("InnerProduct", [blob])})).arrays["fc6/0"]
    np.testing.assert_array_equal(found, SIX.reshape(2, 3).astype("float64"), strict=True)


def test_a_network_without_a_name_or_with_its_inputs_first_is_recognised(source_of):
    layer = files.caffemodel({"fc6": ("InnerProduct", [FORMS["unpacked"]])}, net="")
    assert source_of(layer.removeprefix(files.field(1, ""))).container == "caffemodel"
    assert source_of(files.field(1, "net") + files.field(3, "data") + layer).container == "caffemodel"


LIES = {
    "a shape for other numbers": (files.blob(BIAS, (5,)), r"fc6/0: it claims shape \(5,\), but has 4 numbers"),
    "a shape of exabytes": (files.blob(BIAS, (2**62, 2**62)), "fc6/0: it claims shape"),
    "a shape of many dimensions": (files.blob(BIAS, (1,) * 100), "fc6/0: claims more than 32 dimensions"),
    "half a number": (SHAPE + files.field(5, bytes(23)), "fc6/0: "),
    "more bytes than there are": (
        SHAPE + b"\x2a\xff\xff\xff\xff\x0f",
        "fc6/0: claims 4,294,967,295 bytes where 0 are left",
    ),
    "a number that does not end": (b"\x38" + b"\xff" * 11, "fc6/0: ends within a number"),
    "a number for bytes": (files.field(7, 4), "fc6/0: has a number where bytes should be"),
    "bytes for a number": (files.field(1, b""), "fc6/0: has bytes where a number should be"),
    "a group": (b"\x2b", "fc6/0: has a field of the unknown kind 3"),
    "no numbers": (SHAPE, "fc6/0: it claims shape"),
}


@pytest.mark.parametrize(("blob", "reason"), LIES.values(), ids=LIES)
def test_a_blob_that_lies_is_refused_by_name(source_of, blob, reason):
    with pytest.raises(UserError, match=rf"weights\.bin: {reason}"):
        source_of(files.caffemodel({"fc6": ("InnerProduct", [blob])}))


def test_a_file_that_is_cut_off_is_refused(source_of, weight):
    content = files.caffemodel({"conv1_1": ("Convolution", [files.blob(weight)])})
    with pytest.raises(UserError, match=r"weights\.bin: claims 2\d\d bytes where 2\d\d are left; download it again"):
        source_of(content[:-5])


def test_a_layer_that_is_there_twice_is_refused(source_of):
    content = files.caffemodel({"fc6": ("InnerProduct", [files.blob(BIAS)])})
    with pytest.raises(UserError, match="fc6 is a layer too many, or there twice"):
        source_of(content + content)


def test_a_layer_of_countless_blobs_is_refused(source_of):
    with pytest.raises(UserError, match="fc6: a layer of more than 10,000 blobs"):
        source_of(files.caffemodel({"fc6": ("InnerProduct", [b""] * 10_001)}))


ONE = files.field(7, files.field(1, b"\x01")) + files.field(5, bytes(4))


def layer_of(*blobs, name="fc6"):
    return files.caffemodel({name: ("InnerProduct", blobs)})


COSTLY = {  # small things without end: the file, and the rule that it is refused by
    "dimensions": (layer_of(files.field(7, files.field(1, b"\x01" * 1_000_000))), "fc6/0: claims more than 32 dim"),
    "unpacked dimensions": (layer_of(files.field(7, files.field(1, 1) * 300_000)), "fc6/0: claims more than 32 dim"),
    "empty layers": (layer_of(ONE) + files.field(100, b"") * 150_000, "it has more than 10,000 layers"),
    "empty layers of V1": (layer_of(ONE) + files.field(2, b"") * 150_000, "it has more than 10,000 layers"),
    "empty pieces": (layer_of(ONE + files.field(5, b"") * 150_000), "fc6/0: the file has more than 100,000 fields"),
    "single numbers": (layer_of(ONE + b"\x2d" * 5 * 150_000), "fc6/0: the file has more than 100,000 fields"),
    "shapes": (layer_of(ONE + files.field(7, b"") * 150_000), "fc6/0: the file has more than 100,000 fields"),
    "unknown fields": (layer_of(ONE) + files.field(99, 0) * 150_000, "the file has more than 100,000 fields"),
    "fields in many blobs": (
        layer_of(*[ONE + files.field(99, 0) * 1000] * 150),
        "fc6/99: the file has more than 100,000 fields",
    ),
    "a long name of many blobs": (layer_of(*[ONE] * 500, name="n" * 1_000_000), "has a name of 1,000,000 bytes"),
}


@pytest.mark.parametrize(("content", "reason"), COSTLY.values(), ids=COSTLY)
def test_small_things_without_end_are_refused_after_so_many(tmp_path, monkeypatch, content, reason):
    read_numbers = []
    varint = caffemodel._varint
    monkeypatch.setattr(caffemodel, "_varint", lambda *where: read_numbers.append(0) or varint(*where))
    path = tmp_path / "weights.bin"
    path.write_bytes(content)
    with limits.of(path), pytest.raises(UserError, match=rf"weights\.bin: {reason}"):
        read(path)
    assert len(read_numbers) < 3 * 100_000  # a field has one or two


def test_a_blob_of_many_single_numbers_is_read(source_of):
    numbers = np.arange(20_000, dtype="<f4")
    shape = files.field(7, files.field(1, files.varint(numbers.size)))
    found = source_of(layer_of(shape + b"".join(b"\x2d" + number.tobytes() for number in numbers)))
    np.testing.assert_array_equal(found.arrays["fc6/0"], numbers, strict=True)


def test_a_name_that_is_no_text_is_refused(source_of):
    with pytest.raises(
        UserError, match=r"weights\.bin: has a name that is no text \(invalid start byte\); it is damaged"
    ):
        source_of(files.field(1, "net") + files.field(100, files.field(1, b"\xff") + files.field(7, ONE)))


def test_a_network_without_weights_is_refused(source_of):
    with pytest.raises(UserError, match="without any weights"):
        source_of(files.caffemodel({"data": ("Input", [])}))


def test_a_long_name_of_the_network_needs_two_bytes_for_its_length(source_of):
    content = files.caffemodel({"fc6": ("InnerProduct", [files.blob(BIAS)])}, net="n" * 300)
    assert source_of(content).about["net"] == "n" * 300
    assert struct.unpack_from("<H", content, 1) == (0x02AC,)
