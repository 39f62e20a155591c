"""Files of weights, byte by byte, as other programs write them: what no library that is at hand writes."""

import io
import json
import struct
import zipfile

import numpy as np

# Pickles, as torch.save writes them.
_STORAGES = {
    **{"float32": "Float", "float64": "Double", "float16": "Half", "int64": "Long", "int32": "Int", "uint8": "Byte"},
}


def text(value):
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def whole(value):
    return b"\x8a\x08" + struct.pack("<q", value)


def tuple_of(*items):
    return b"(" + b"".join(items) + b"t"


def name_of(module, name):
    return b"c" + f"{module}\n{name}\n".encode()


def dictionary(items):
    return b"}(" + b"".join(text(name) + value for name, value in items.items()) + b"u"


def pickled(value, version=2):
    """A pickle of a value, or what already is one; from version 4 on, its size stands before it."""
    if value.startswith(b"\x80"):
        return value
    size = b"\x95" + struct.pack("<Q", len(value) + 1) if version >= 4 else b""
    return b"\x80" + bytes([version]) + size + value + b"."


def called(module, name, *arguments):
    return name_of(module, name) + tuple_of(*arguments) + b"R"


def ordered(items):
    return called("collections", "OrderedDict") + b"(" + dictionary(items)[2:]


def storage(key, dtype, count, *view):
    return (
        tuple_of(text("storage"), name_of("torch", f"{dtype}Storage"), text(key), text("cpu"), whole(count), *view)
        + b"Q"
    )


def tensor(stored, size, stride, offset=0):
    shape = (tuple_of(*map(whole, numbers)) for numbers in (size, stride))
    return called("torch._utils", "_rebuild_tensor_v2", stored, whole(offset), *shape, b"\x89", ordered({}))


def tensor_of(array, key, *view):
    strides = [step // array.itemsize for step in array.strides]
    return tensor(storage(key, _STORAGES[str(array.dtype)], array.size, *view), array.shape, strides)


def torch_zip(saved, storages, **members):
    """A file of torch.save since PyTorch 1.6, of a pickled object and the bytes of its storages."""
    parts = {"data.pkl": pickled(saved), "version": b"3\n", "byteorder": b"little"} | {
        f"data/{key}": raw for key, raw in storages.items()
    }
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for name, content in (parts | members).items():
            archive.writestr(f"archive/{name}", content)
    return memory.getvalue()


def torch_legacy(saved, storages, version=2):
    """A file of torch.save before PyTorch 1.6, of a pickled object and the arrays in its storages."""
    magic = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
    computer = dictionary({"protocol_version": whole(1001), "little_endian": b"\x88"})
    keys = b"](" + b"".join(map(text, storages)) + b"e"
    head = b"".join(pickled(value, version) for value in (magic, b"M\xe9\x03", computer, saved, keys))
    return head + b"".join(struct.pack("<q", array.size) + array.tobytes() for array in storages.values())


def torch_files(arrays, version=2):
    """A state dict in both containers."""
    named = list(enumerate(arrays.items()))
    keys = {str(key): array for key, (_, array) in named}
    in_zip = ordered({name: tensor_of(array, str(key)) for key, (name, array) in named})
    legacy = ordered({name: tensor_of(array, str(key), b"N") for key, (name, array) in named})
    zipped = torch_zip(pickled(in_zip, version), {key: array.tobytes() for key, array in keys.items()})
    return zipped, torch_legacy(legacy, keys, version)


# The wire format of protocol buffers, as Caffe writes it.
def varint(value):
    head, rest = value & 127, value >> 7
    return bytes([head | 128]) + varint(rest) if rest else bytes([head])


def field(number, value):
    """A field of a message: a whole number, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def blob(array, shape=None):
    """A BlobProto with a shape."""
    sides = b"".join(map(varint, array.shape if shape is None else shape))
    return field(7, field(1, sides)) + field(5, array.astype("<f4").tobytes())


def legacy_blob(array):
    """A BlobProto of before 2014, with four sides."""
    sides = (1,) * (4 - array.ndim) + array.shape
    return b"".join(field(i + 1, side) for i, side in enumerate(sides)) + field(5, array.astype("<f4").tobytes())


def caffemodel(layers, net="VGG_ILSVRC_16_layers"):
    """A NetParameter of layers: name to type and blobs."""
    every = [
        field(
            100,
            field(1, name) + field(2, kind) + field(3, "below") + field(4, name) + b"".join(field(7, b) for b in blobs),
        )
        for name, (kind, blobs) in layers.items()
    ]
    return field(1, net) + b"".join(every)


def data_layer(module, settings):
    """The field of a layer in Python that gives images, which may stand behind all others of a file."""
    python = field(1, module) + field(2, "SegDataLayer") + field(3, settings)
    return field(100, field(1, "data") + field(2, "Python") + field(130, python))


def caffemodel_v1(layers, net="CaffeNet"):
    """A NetParameter of V1 layers: name to the number of its type, and blobs."""
    every = [
        field(2, field(2, "below") + field(4, name) + field(5, kind) + b"".join(field(6, b) for b in blobs))
        for name, (kind, blobs) in layers.items()
    ]
    return field(1, net) + b"".join(every)


def keras_archive(arrays, layers, config=b""):
    """A .keras file of arrays under their places, and of the kinds and names of layers, or with such a config.json."""
    import h5py

    model = {"class_name": "Functional", "config": {"layers": [layer_of_keras(*layer) for layer in layers]}}
    weights, archived = io.BytesIO(), io.BytesIO()
    with h5py.File(weights, "w") as file:
        for place, array in arrays.items():
            file[place] = array
    with zipfile.ZipFile(archived, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", config or json.dumps(model))
        archive.writestr("model.weights.h5", weights.getvalue())
    return archived.getvalue()


def layer_of_keras(kind, name):
    return {"module": "keras.layers", "class_name": kind, "config": {"name": name}, "name": name}


def some_arrays(rng):
    """A layer of weights and biases, and a counter."""
    weight = rng.standard_normal((4, 3, 2, 2)).astype("float32")
    return {"conv1.weight": weight, "conv1.bias": np.arange(4, dtype="float32"), "steps": np.array(7)}
