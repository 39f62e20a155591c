"""ONNX Runtime as a contestant, for inference: what people pick who have a trained network and want its scores.

It gets minifcn's own export of the same network. Needs onnx and onnxruntime (`make oracle` installs them). Example:

    minifcn bench networks --against benchmarks/onnx_runtime.py
"""

import tempfile
from pathlib import Path

import onnxruntime

from minifcn import export
from minifcn.backend import thread_count


def prepare(work):
    """Export the network, and give its forward pass."""
    if work.kind != "forward" or work.device != "cpu":
        raise NotImplementedError("it only predicts, on the CPU")
    model, images, _ = work.network()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = thread_count()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.onnx")
        export.write_network(path, model, {})
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: images.copy(order="C")}
    return lambda: session.run(None, feed)[0]


CONTESTANTS = {"ONNX Runtime": prepare}
