"""What PyTorch calls otherwise, or has and minifcn has not: the sentence that an unknown name is answered with.

docs/coming_from_pytorch.md says what is different besides names, and why. In the sentences, F is `minifcn.functional`,
mf is `minifcn` and np is NumPy.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from minifcn.text import did_you_mean

_Function = TypeVar("_Function", bound=Callable[..., Any])
_NORMALISATION = (
    "no network of the paper normalises by the batch, whose scores would depend on the other images; "
    "nn.LocalResponseNorm is that of AlexNet and GoogLeNet"
)
_TWO_CLASSES = "write two classes as two channels of scores, with F.softmax_cross_entropy(scores, labels)"
_LOSS = "write F.softmax_cross_entropy(scores, labels), with ignore_index=255 unless said"
_UPSAMPLING = "an FCN upsamples by a transposed convolution that starts bilinear: nn.ConvTranspose2d(C, C, 4, 2, 1)"
_SIGMOID = "write 1 / (1 + F.exp(-x))"
_TANH = "write 2 / (1 + F.exp(-2 * x)) - 1"
_LEAKY = "write F.relu(x) - slope * F.relu(-x)"
_SQUARES = "write ((x - y) ** 2).mean()"
_GLOBAL_MEAN = "write x.mean(axis=(2, 3), keepdims=True)"
_TENSOR_OF = "make an array with NumPy, and a Tensor of it: mf.Tensor(np.zeros((2, 3), 'float32'))"
_RANDOM = "random numbers come from a generator: mf.Tensor(np.random.default_rng(0).normal(size=(2, 3)))"
_DIMENSIONS = "minifcn has maps of rows and columns only: 2d"
_HALF = "write .astype('float16')"
_DOUBLE = "write .astype('float64')"
_SCHEDULE = "set it yourself between steps: for group in optimizer.param_groups: group['lr'] *= 0.1"
_SAVING = "write np.savez(path, **net.state_dict()), or training.checkpoint for a whole run"
_DERIVED = "is not here; optim.SGD and optim.Adam are, and a subclass of optim.Optimizer with an update() is yours"

FUNCTIONAL = {
    "cross_entropy": _LOSS,
    "nll_loss": _LOSS,
    "binary_cross_entropy": _TWO_CLASSES,
    "binary_cross_entropy_with_logits": _TWO_CLASSES,
    "mse_loss": _SQUARES,
    "cat": "it is called F.concatenate(tensors, axis=1) here, as in NumPy",
    "interpolate": _UPSAMPLING,
    "upsample": _UPSAMPLING,
    "sigmoid": _SIGMOID,
    "tanh": _TANH,
    "leaky_relu": _LEAKY,
    "batch_norm": _NORMALISATION,
    "adaptive_avg_pool2d": _GLOBAL_MEAN,
    "conv1d": _DIMENSIONS,
    "conv3d": _DIMENSIONS,
    "unfold": "it is called explain.im2col_matrix(...) here, and minifcn.compute.im2col has the code",
    "fold": "the adjoint of im2col is the transpose of explain.im2col_matrix(...)",
    "max": "it is a method: x.max(axis=1)",
    "argmax": "it is a method: x.argmax(axis=1)",
    "sum": "it is a method: x.sum(axis=1)",
    "mean": "it is a method: x.mean(axis=1)",
    "one_hot": "write np.eye(num_classes)[labels]",
}

NN = {
    "functional": "it is a room of its own: import minifcn.functional as F",
    "BatchNorm2d": _NORMALISATION,
    "GroupNorm": _NORMALISATION,
    "LayerNorm": _NORMALISATION,
    "InstanceNorm2d": _NORMALISATION,
    "CrossEntropyLoss": _LOSS,
    "NLLLoss": _LOSS,
    "BCELoss": _TWO_CLASSES,
    "BCEWithLogitsLoss": _TWO_CLASSES,
    "MSELoss": _SQUARES,
    "AdaptiveAvgPool2d": _GLOBAL_MEAN,
    "MaxUnpool2d": "call F.max_unpool2d in forward()",
    "Upsample": _UPSAMPLING,
    "UpsamplingBilinear2d": _UPSAMPLING,
    "Softmax": "call F.softmax(x, axis=1) in forward()",
    "LogSoftmax": "call F.log_softmax(x, axis=1) in forward()",
    "Sigmoid": _SIGMOID,
    "Tanh": _TANH,
    "LeakyReLU": _LEAKY,
    "ZeroPad2d": "call F.pad(x, padding) in forward()",
    "Identity": "an empty nn.Sequential() gives what it gets",
    "ModuleDict": "give each module a name with setattr(self, name, module)",
    "ParameterList": "give each parameter a name with setattr(self, name, parameter)",
    "ParameterDict": "give each parameter a name with setattr(self, name, parameter)",
    "Conv1d": _DIMENSIONS,
    "Conv3d": _DIMENSIONS,
    "utils": "norms and clipping are NumPy on p.grad.data, for p in net.parameters(), before optimizer.step()",
    "DataParallel": "a network runs on all cores, or on one GPU; several processes share a training, docs/parallel.md",
}

OPTIM = {
    "AdamW": f"it {_DERIVED}; weight_decay of optim.Adam is added to the gradient",
    "RMSprop": f"it {_DERIVED}",
    "Adagrad": f"it {_DERIVED}",
    "NAdam": f"it {_DERIVED}",
    "LBFGS": f"it {_DERIVED}",
    "lr_scheduler": _SCHEDULE,
}

TOP = {
    "tensor": "it is called mf.Tensor(data) here, which keeps an array without copying it",
    "as_tensor": "it is called mf.Tensor(data) here, which keeps an array without copying it",
    "from_numpy": "it is called mf.Tensor(array) here, which keeps an array without copying it",
    "zeros": _TENSOR_OF,
    "ones": _TENSOR_OF,
    "full": _TENSOR_OF,
    "arange": _TENSOR_OF,
    "eye": _TENSOR_OF,
    "empty": _TENSOR_OF,
    "zeros_like": _TENSOR_OF,
    "rand": _RANDOM,
    "randn": _RANDOM,
    "randint": _RANDOM,
    "manual_seed": "there is no global one; pass rng=np.random.default_rng(0) to what draws",
    "Generator": "it is NumPy's: np.random.default_rng(0)",
    "cat": "it is called F.concatenate(tensors, axis=1) here, as in NumPy",
    "concat": "it is called F.concatenate(tensors, axis=1) here, as in NumPy",
    "concatenate": "it is F.concatenate(tensors, axis=1)",
    "stack": "write F.concatenate([x[None] for x in tensors], axis=0)",
    "save": _SAVING,
    "load": "write net.load_state_dict(np.load(path)); no file is trusted, and none with pickled objects is read",
    "float16": "number types are written as in NumPy: 'float16'",
    "float32": "number types are written as in NumPy: 'float32'",
    "float64": "number types are written as in NumPy: 'float64'",
    "int64": "number types are written as in NumPy: 'int64'",
    "long": "number types are written as in NumPy: 'int64'",
    "cuda": "name the device, as in net.to('cuda'); mf.cuda_problem() says why it cannot be used",
    "device": "a device is a text: 'cpu', 'cuda', 'cuda:1'",
    "inference_mode": "write with mf.no_grad():",
    "set_grad_enabled": "write with mf.no_grad():",
    "set_num_threads": "set MINIFCN_THREADS before Python starts; by default all cores are used",
    "utils": "data sets and loaders are in minifcn.data",
    "relu": "it is F.relu(x), of minifcn.functional",
    "softmax": "it is F.softmax(x, axis=1), of minifcn.functional",
    "exp": "it is F.exp(x), of minifcn.functional",
    "log": "it is F.log(x), of minifcn.functional",
    "max": "it is a method: x.max(axis=1)",
    "argmax": "it is a method: x.argmax(axis=1)",
    "sum": "it is a method: x.sum(axis=1)",
    "mean": "it is a method: x.mean(axis=1)",
    "matmul": "write x @ y",
    "compile": "nothing is compiled; mf.algorithm(name) chooses how convolutions are computed",
    "jit": "nothing is compiled; mf.algorithm(name) chooses how convolutions are computed",
}

TENSOR = {
    "requires_grad_": "write x.requires_grad = True",
    "view": "write x.reshape(...), which shares memory where it can",
    "view_as": "write x.reshape(y.shape)",
    "reshape_as": "write x.reshape(y.shape)",
    "flatten": "write x.reshape(-1)",
    "permute": "it is called x.transpose(0, 2, 3, 1) here, as in NumPy",
    "movedim": "write x.transpose(...) with all axes in their new order",
    "swapaxes": "write x.transpose(...) with all axes in their new order",
    "t": "write x.transpose()",
    "T": "write x.transpose()",
    "mT": "write x.transpose(...) with all axes in their new order",
    "unsqueeze": "write x[None] or x[:, None]",
    "squeeze": "write x[0], or x.reshape(...)",
    "expand": "shapes broadcast by themselves",
    "contiguous": "every operation takes any layout",
    "size": "write x.shape, or x.data.size for the number of elements",
    "numel": "write x.data.size",
    "dim": "write x.ndim",
    "cuda": "write x.to('cuda')",
    "cpu": "write x.to('cpu')",
    "is_cuda": "write x.device",
    "half": _HALF,
    "double": _DOUBLE,
    "long": "write .astype('int64')",
    "int": "write .astype('int32')",
    "bool": "write .astype('bool')",
    "type": "write .astype(dtype), or x.dtype",
    "tolist": "write x.data.tolist()",
    "clone": "write x + 0 for a copy that passes the gradient, or mf.Tensor(x.data.copy())",
    "grad_fn": "x.operation is the name of what made it, and x.inputs what it was made from",
    "retain_grad": "mf.grad(output, [x]) gives the gradient of any Tensor",
    "register_hook": "mf.grad(output, [x]) gives the gradient of any Tensor",
    "exp": "write F.exp(x)",
    "log": "write F.log(x)",
    "relu": "write F.relu(x)",
    "softmax": "write F.softmax(x, axis=1)",
    "log_softmax": "write F.log_softmax(x, axis=1)",
    "sigmoid": _SIGMOID,
    "tanh": _TANH,
    "sqrt": "write x ** 0.5",
    "square": "write x ** 2",
    "abs": "write F.relu(x) + F.relu(-x)",
    "pow": "write x ** n",
    "matmul": "write x @ y",
    "mm": "write x @ y",
    "dot": "write x @ y",
    "min": "write -(-x).max(axis=1)",
    "argmin": "write (-x).argmax(axis=1)",
    "values": "x.max(axis=1) gives the values, and x.argmax(axis=1) where they are",
    "indices": "x.max(axis=1) gives the values, and x.argmax(axis=1) where they are",
    "amax": "it is called x.max(axis=1) here",
    "clamp": "write low + F.relu(x - low) for a lower bound",
    "eq": "write x == y",
    "norm": "write (x ** 2).sum() ** 0.5",
    "var": "write ((x - x.mean(axis=1, keepdims=True)) ** 2).mean(axis=1)",
    "std": "write ((x - x.mean(axis=1, keepdims=True)) ** 2).mean(axis=1) ** 0.5",
    "repeat": "write F.concatenate([x, x], axis=1)",
    "tile": "write F.concatenate([x, x], axis=1)",
    "all": "write x.data.all()",
    "any": "write x.data.any()",
}
IN_PLACE = "no operation changes a Tensor in place, as its graph would not know; make a new one, or change x.data"

MODULE = {
    "modules": "write [module for _, module in net.named_modules()]",
    "cuda": "write net.to('cuda')",
    "cpu": "write net.to('cpu')",
    "float": "write net.astype('float32')",
    "half": "write net.astype('float16')",
    "double": "write net.astype('float64')",
    "add_module": "write setattr(net, name, module)",
    "register_module": "write setattr(net, name, module)",
    "register_parameter": "write setattr(net, name, nn.Parameter(array))",
    "register_buffer": "keep an array as an attribute; it is not in state_dict()",
    "buffers": "a Module has parameters only, some of them fixed: nn.Parameter(array, requires_grad=False)",
    "get_submodule": "write dict(net.named_modules())[name]",
    "get_parameter": "write dict(net.named_parameters())[name]",
    "apply": "write for name, module in net.named_modules(): ...",
    "requires_grad_": "write for p in net.parameters(): p.requires_grad = False",
    "register_forward_hook": "explain.graph shows what is computed; write a Module that keeps what passes it",
}

ARGUMENTS = {
    "dim": "it is called axis here, as in NumPy",
    "keepdim": "it is called keepdims here, as in NumPy",
    "inplace": "no operation works in place here",
    "padding_mode": "padding is of zeros; pad the images with np.pad for another one",
    "set_to_none": "zero_grad() always sets the gradients to None",
    "num_workers": "it is called workers here: threads, not processes; 0 loads each batch when it is asked for",
    "prefetch_factor": "prefetch=2 loads two batches ahead, however many workers there are",
    "persistent_workers": "workers are threads, which take no time to start",
    "pin_memory": "the network's input is moved when it is asked for",
    "collate_fn": "samples of several sizes share a batch with pad=True",
    "sampler": "shuffle=True draws an order, which depends on seed= and the epoch",
    "generator": "seed= says what is drawn",
}


def in_room(room: str, name: str, others: Mapping[str, str], known: Iterable[str]) -> AttributeError:
    """Say that a room has no such name, and what to write for it.

    >>> in_room("minifcn.functional", "cat", FUNCTIONAL, [])
    AttributeError("minifcn.functional has no 'cat'; it is called F.concatenate(tensors, axis=1) here, as in NumPy")
    >>> in_room("minifcn.functional", "conv2", FUNCTIONAL, ["conv2d", "relu"])
    AttributeError("minifcn.functional has no 'conv2'; did you mean 'conv2d'?")
    """
    advice = f"; {others[name]}" if name in others else did_you_mean(name, known)
    return AttributeError(f"{room} has no {name!r}{advice}", name=name)


def of_object(thing: Any, name: str, others: Mapping[str, str], in_place: str = "") -> Any:
    """Raise the AttributeError of an object that has no such attribute, with what to write for it.

    Where the class has the name, a property has failed: then this is its own error, as without this function.
    """
    if hasattr(type(thing), name):
        return object.__getattribute__(thing, name)
    advice = others.get(name) or (in_place if name[:1] != "_" and name.endswith("_") else "")
    if advice:
        raise AttributeError(f"{type(thing).__name__} has no {name!r}; {advice}", name=name)
    # Python itself looks for the nearest name, when the error is shown: many are caught, as by hasattr.
    raise AttributeError(f"{type(thing).__name__!r} object has no attribute {name!r}", name=name, obj=thing)


def arguments(function: _Function) -> _Function:
    """Let a function answer an argument that PyTorch has with what to write for it.

    >>> arguments(lambda x: x)(x=1, dim=0)
    Traceback (most recent call last):
    TypeError: <lambda>: no argument is called 'dim'; it is called axis here, as in NumPy
    """

    @functools.wraps(function)
    def checked(*given: Any, **named: Any) -> Any:
        for name in named.keys() & ARGUMENTS.keys():
            called = function.__qualname__.removesuffix(".__init__")
            raise TypeError(f"{called}: no argument is called {name!r}; {ARGUMENTS[name]}")
        return function(*given, **named)

    return cast(_Function, checked)
