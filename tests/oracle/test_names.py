"""Every layer, function, rule and tool that a course takes from PyTorch is here, or is answered by what to write."""

import inspect

import numpy as np
import pytest

import minifcn as mf
import minifcn.functional as F
from minifcn import autograd, data, nn, optim

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make oracle` installs it")
TF, torch_autograd = torch.nn.functional, torch.autograd

pytestmark = pytest.mark.oracle

# What PyTorch keeps in the open for itself.
MACHINERY = {
    *("assert_int_or_pair", "boolean_dispatch", "grad", "handle_torch_function", "has_torch_function"),
    *("has_torch_function_unary", "has_torch_function_variadic", "native_channel_shuffle"),
    *("grouped_mm", "scaled_grouped_mm", "scaled_mm", "max_pool1d_with_indices", "max_pool3d_with_indices"),
    *("adaptive_max_pool1d_with_indices", "adaptive_max_pool3d_with_indices", "fractional_max_pool3d_with_indices"),
    *("argument_validation", "functional_datapipe", "guaranteed_datapipes_determinism", "non_deterministic"),
    *("runtime_validation", "runtime_validation_disabled", "DataChunk", "swap_in_optimizer_params_and_state"),
    *("NestedIOFunction", "grad_mode", "variable", "set_multithreading_enabled", "enforce_grad_layout_policy"),
    "LinearCrossEntropyOptions",
}


def functions(room):
    return [name for name in dir(room) if inspect.isroutine(getattr(room, name)) and not name.startswith("_")]


def listed(room):
    return [name for name in room.__all__ if name[0] != "_" and not inspect.ismodule(getattr(room, name))]


@pytest.mark.parametrize(
    ("theirs", "here", "every"),
    [
        (TF, F, functions(TF)),
        (torch.nn, nn, torch.nn.modules.__all__),
        (torch.nn.init, nn.init, [name for name in functions(torch.nn.init) if name[0].islower()]),
        (torch.optim, optim, listed(torch.optim)),
        (torch.utils.data, data, listed(torch.utils.data)),
        (torch_autograd, autograd, listed(torch_autograd)),
    ],
    ids=["functional", "nn", "init", "optim", "data", "autograd"],
)
def test_every_name_of_pytorch_is_here_or_answered(theirs, here, every):
    unanswered = []
    for name in {*every} - MACHINERY:
        try:
            getattr(here, name)
        except AttributeError as error:
            if "; " not in str(error) or "did you mean" in str(error):
                unanswered.append(name)
    assert len(every) > 10
    assert unanswered == []


@pytest.mark.parametrize("name", ["add", "topk", "masked_fill", "sort", "clamp", "where", "gather", "split", "add_"])
def test_a_function_of_torch_is_answered_as_the_method_is(name):
    x = mf.Tensor(np.ones(2))
    assert hasattr(torch.Tensor, name)
    with pytest.raises(AttributeError, match=f"^Tensor has no '{name}'; "):
        getattr(x, name)
    if not name.endswith("_"):
        with pytest.raises(AttributeError, match=f"^minifcn has no '{name}'; "):
            getattr(mf, name)
