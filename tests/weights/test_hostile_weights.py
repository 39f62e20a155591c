"""Weights of any bytes are read as numbers, or refused in one line that names the file, in little time and memory.

Each file is small and is damaged 2,000 times. A failure prints the seed, and leaves the file in the folder of the test.
"""

import io
import os
import struct
import time
import tracemalloc
import zipfile

import h5py
import limits
import numpy as np
import pytest
import scipy.io
import weight_files as files
from safetensors.numpy import save

from minifcn.errors import UserError
from minifcn.weights import read

try:
    import resource
except ImportError:  # on Windows
    resource = None

CASES = int(os.environ.get("DAMAGED_WEIGHTS", "2000"))  # of each format
LIES = [struct.pack(form, value) for form in ("<I", "<Q", ">I") for value in (0, 1, 2**16, 2**30, 2**31, 2**32 - 1)]
LIES += [struct.pack("<Q", value) for value in (2**40, 2**62, 2**63, 2**64 - 1)]
LIES += [b"\xff" * 9 + b"\x01", b"\xff\xff\xff\xff\x0f", b"99999999", b"R", b"cos\nsystem\n", b"\x93"]


def npz(arrays, write=np.savez):
    file = io.BytesIO()
    write(file, **arrays)
    return file.getvalue()


def mat(arrays, compressed=False):
    params = np.zeros((1, len(arrays)), [("name", "O"), ("value", "O")])
    for i, (name, array) in enumerate(arrays.items()):
        params[0, i] = name, array
    file = io.BytesIO()
    scipy.io.savemat(file, {"params": params, "meta": {"classes": ["sky"]}}, do_compression=compressed)
    return file.getvalue()


def hdf5(arrays):
    file = io.BytesIO()
    with h5py.File(file, "w") as out:
        out.attrs["backend"] = b"tensorflow"
        for name, array in arrays.items():
            out[f"block1/{name}:0"] = array
    return file.getvalue()


def keras_archive(arrays):
    """An archive of arrays, of which two are those of a layer."""
    weight, bias, *others = arrays.values()
    placed = {"layers/conv2d/vars/0": weight, "layers/conv2d/vars/1": bias, "optimizer/vars/0": others[0]}
    return files.keras_archive(placed, [("InputLayer", "input_layer"), ("Conv2D", "block1_conv1")])


def caffe(arrays, write=files.caffemodel, kind="Convolution", blob=files.blob):
    return write({name: (kind, [blob(array)]) for name, array in arrays.items()})


FORMATS = {
    "torch.save (zip)": lambda arrays: files.torch_files(arrays)[0],
    "torch.save (legacy)": lambda arrays: files.torch_files(arrays)[1],
    "torch.save (legacy), pickled later": lambda arrays: files.torch_files(arrays, version=5)[1],
    "torch.save (zip), pickled later": lambda arrays: files.torch_files(arrays, version=5)[0],
    "safetensors": save,
    "npz": npz,
    "npz, compressed": lambda arrays: npz(arrays, np.savez_compressed),
    "caffemodel": lambda arrays: caffe(arrays) + files.data_layer("nyud_layers", "{'tops': ['hha', 'label']}"),
    "caffemodel V1": lambda arrays: caffe(arrays, files.caffemodel_v1, 4, files.legacy_blob),
    "MAT-file 5": mat,
    "MAT-file 5, compressed": lambda arrays: mat(arrays, compressed=True),
    "HDF5": hdf5,
    "Keras archive": keras_archive,
}


def damaged(content, rng):
    """Cut off, with bits flipped, with a size that lies, or with a stretch of random bytes or of other bytes of it."""
    kind, changed = rng.integers(5), bytearray(content)
    at = int(rng.integers(len(content)))
    if kind == 0:
        return content[:at]
    if kind == 1:
        for place in rng.integers(len(content), size=rng.integers(1, 4)):
            changed[place] ^= 1 << rng.integers(8)
        return bytes(changed)
    stretch = LIES[rng.integers(len(LIES))] if kind == 2 else rng.bytes(int(rng.integers(1, 40)))
    if kind == 4:
        other = int(rng.integers(len(content)))
        stretch = content[other : other + int(rng.integers(1, 200))]
    return bytes(changed[:at] + stretch + changed[at + len(stretch) :])[: len(content)]


def damaged_within(content, rng):
    """The same to a member of a zip archive, with a check sum that is right."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(file, "w") as out:
        chosen = rng.choice([info.filename for info in archive.infolist() if info.file_size])
        for info in archive.infolist():
            part = archive.read(info)
            out.writestr(info, damaged(part, rng) if info.filename == chosen else part)
    return file.getvalue()


def memory_of_the_process():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 if resource else 0


@pytest.mark.parametrize("name", FORMATS)
def test_two_thousand_damaged_files_are_read_as_numbers_or_refused_by_name(tmp_path, rng, monkeypatch, name):
    called, refused = [], []
    monkeypatch.setattr(os, "system", called.append)
    content, path = FORMATS[name](files.some_arrays(rng)), tmp_path / "weights"
    path.write_bytes(content)
    assert read(path).container == name.split(",")[0].removesuffix(" V1")
    before, start = memory_of_the_process(), time.process_time()
    for case in range(CASES):
        traced = case % 8 < 2  # which takes three times as long
        if traced:
            tracemalloc.start()
        within = case % 2 and zipfile.is_zipfile(io.BytesIO(content))
        path.unlink()  # a new file is written several times as fast as an old one anew
        path.write_bytes(damaged_within(content, rng) if within else damaged(content, rng))
        try:
            for array in read(path).arrays.values():
                array.tobytes()
                assert array.nbytes <= limits.TIMES * len(content)
        except UserError as error:
            refused.append(str(error))
        if traced:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < limits.TIMES * len(content) + limits.SLACK, case
    assert all(message.startswith(f"{path}: ") for message in refused)
    assert CASES / 4 < len(refused) < CASES  # a number changed is a number
    assert memory_of_the_process() - before < 100_000_000
    assert time.process_time() - start < 60
    assert called == []
