"""Files that people have and that are not read: what each is, and how to get one that is."""

from __future__ import annotations

import re
from collections.abc import Sequence

_OTHER = "take the same weights as .caffemodel, .pth, .safetensors, .npz or .h5"
_SAVEZ = "if you trust it, load it elsewhere and write its arrays with numpy.savez(FILE, **arrays)"

_CHECKPOINT = (
    "a TensorFlow checkpoint; write its arrays with numpy.savez(FILE, **{name: reader.get_tensor(name) for name in "
    "reader.get_variable_to_shape_map()}), where reader = tf.train.load_checkpoint(CHECKPOINT)"
)

# How a file begins, and what to say of it.
_BEGINNINGS = {
    rb"\x93NUMPY.{3,5}\{'descr': '\|?O'": "a .npy file of a pickled Python object, which may run any code when it is "
    f"loaded; {_OTHER}, or, {_SAVEZ}",
    rb"\x93NUMPY": "one array, without a name; write all arrays of the network with numpy.savez(FILE, **arrays)",
    rb"\x80[\x02-\x05]": f"a Python pickle, which may run any code when it is loaded; {_OTHER}, or, {_SAVEZ}",
    rb"MATLAB 7\.3": "a MATLAB file of version 7.3; load it in MATLAB and save it again with save(FILE, '-v6', ...)",
    rb"\x08\x01\x12": "a TensorFlow SavedModel; write its arrays with numpy.savez(FILE, **{variable.name: "
    "variable.numpy() for variable in model.variables})",
    rb"\x08[\x02-\x1f][\x12\x1a\x22\x2a\x32\x3a\x42]": "an ONNX model; write its arrays with numpy.savez(FILE, "
    "**{array.name: onnx.numpy_helper.to_array(array) for array in onnx.load(MODEL).graph.initializer})",
    rb"model_checkpoint_path": _CHECKPOINT,
    rb".{257}ustar": "a tar archive, such as PyTorch before 0.2 wrote; load it with PyTorch and save it again: "
    "torch.save(model.state_dict(), FILE); of another kind, unpack it",
    rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!": "a packed file; unpack it, and give the file of weights in it",
    rb"version https://git-lfs": "a pointer of Git LFS, not the file itself; fetch that with git lfs pull",
    rb"\s*<(?i:!doctype|html|\?xml)": "a web page, not a file of weights; download it with a browser and look",
    rb"(\s|#[^\n]*\n)*(name|layers?|input)\s*[:{]": "the description of a network, without its numbers; take the "
    ".caffemodel that belongs to it",
}
_TENSORFLOW_TABLE = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"  # the end of an .index file, and of checkpoints before 2017


def reason(head: bytes, tail: bytes, members: Sequence[str]) -> str:
    """Say what a file is that no reader takes, and the way out.

    Parameters
    ----------
    head, tail : bytes
        Its first and last.
    members : sequence of str
        Of a zip archive.

    Examples
    --------
    >>> reason(b"<!DOCTYPE html>...", b"", [])
    'a web page, not a file of weights; download it with a browser and look'
    """
    if not head:
        return "the file is empty; download it again"
    if head.startswith(b"PK"):
        return "a zip archive without arrays; unzip it, and give the file of weights in it"
    if tail.endswith(_TENSORFLOW_TABLE):
        return _CHECKPOINT
    for beginning, sentence in _BEGINNINGS.items():
        if re.match(beginning, head, re.DOTALL):
            return sentence
    return f"not recognised as a file of weights by its first bytes, {head[:8]!r}; {_OTHER}"
