"""A name or an argument that PyTorch has and minifcn has not is answered with what to write for it."""

import copy
import importlib
import math
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

import minifcn as mf
import minifcn.functional as F
from minifcn import Tensor, autograd, data, explain, models, nn, optim, training
from minifcn import named_otherwise as names
from minifcn.errors import UserError
from minifcn.named_otherwise import advice as sentences

ROOMS = {"mf": mf, "F": F, "nn": nn, "optim": optim, "np": np, "data": data, "explain": explain, "training": training}
ROOMS["models"] = models
PLACES = {
    "minifcn.functional": (F, names.FUNCTIONAL),
    "minifcn.nn": (nn, names.NN),
    "minifcn.nn.init": (nn.init, names.INIT),
    "minifcn.optim": (optim, names.OPTIM),
    "minifcn.data": (data, names.DATA),
    "minifcn.data.transforms": (data.transforms, names.TRANSFORMS),
    "minifcn.models": (models, names.MODELS),
    "minifcn.autograd": (autograd, names.AUTOGRAD),
    "minifcn": (mf, names.TOP),
    "Tensor": (Tensor([1.0]), names.TENSOR),
    "Sequential": (nn.Sequential(), names.MODULE),
}
EVERY = [(place, name) for place, (_, table) in PLACES.items() for name in table]


@pytest.mark.parametrize(("place", "name"), EVERY, ids=[".".join(pair) for pair in EVERY])
def test_a_name_is_answered_with_its_sentence(place, name):
    thing, table = PLACES[place]
    assert not hasattr(thing, name)
    with pytest.raises(AttributeError) as caught:
        getattr(thing, name)
    assert str(caught.value) == f"{place} has no {name!r}; {table[name]}"


def functions_called():
    """Names that F has, as a method or in another room, with the advice there: x.exp, torch.relu, nn.LogSoftmax."""
    known = {name.replace("_", ""): name for name in F.__all__}
    for place in ("minifcn", "minifcn.nn", "Tensor"):
        for name, advice in PLACES[place][1].items():
            if name.lower().replace("_", "") in known:
                yield pytest.param(known[name.lower().replace("_", "")], advice, id=f"{place}.{name}")


@pytest.mark.parametrize(("function", "advice"), [*functions_called()])
def test_where_there_is_a_function_the_advice_is_to_call_it(function, advice):
    """A formula in its place is from before there was one."""
    assert re.search(rf"\bF\.{function}\b", advice)


SENTENCES = sorted({text for _, table in PLACES.values() for text in table.values()} | set(names.ARGUMENTS.values()))


@pytest.mark.parametrize("sentence", SENTENCES)
def test_what_a_sentence_names_is_there(sentence):
    for room, name in re.findall(
        r"(?<![.\w])(mf|F|nn|optim|np|data|explain|models|training)\.([A-Za-z_]\w*)", sentence
    ):
        assert hasattr(ROOMS[room], name), name
    for module in re.findall(r"minifcn(?:\.\w+)+", sentence):
        importlib.import_module(module)
    for method in re.findall(r"\bx\.(\w+)", sentence):
        assert hasattr(Tensor, method)
    for method in re.findall(r"\bnet\.(\w+)", sentence):
        assert hasattr(nn.Module, method)


X, Y = np.array([[0.3, -1.2], [2.0, 0.5]]), np.array([[1.0, 2.0], [-1.0, 4.0]])
COMPUTED = {
    "SIGMOID": lambda x, y: 1 / (1 + np.exp(-x)),
    "TANH": lambda x, y: np.tanh(x),
    "LEAKY": lambda x, y: np.where(x > 0, x, 0.1 * x),
    "SQUARES": lambda x, y: np.mean((x - y) ** 2),
    "ABSOLUTE": lambda x, y: np.mean(abs(x - y)),
    "ELU": lambda x, y: np.where(x > 0, x, np.exp(x) - 1),
    "SILU": lambda x, y: x / (1 + np.exp(-x)),
    "SOFTPLUS": lambda x, y: np.log1p(np.exp(x)),
    "LOG_SIGMOID": lambda x, y: -np.log1p(np.exp(-x)),
    "UP_TO_6": lambda x, y: np.clip(x, 0, 6),
    "UP_TO_1": lambda x, y: np.clip(x, -1, 1),
}


@pytest.mark.parametrize("name", COMPUTED)
@pytest.mark.parametrize("scale", [1, 10])
def test_a_formula_is_that_of_the_function(name, scale):
    formula = getattr(sentences, name).removeprefix("write ").partition(",")[0]
    x = scale * X
    found = eval(formula, {"F": F, "x": Tensor(x), "y": Tensor(Y), "slope": 0.1})
    np.testing.assert_allclose(found.data, COMPUTED[name](x, Y), rtol=1e-12, atol=1e-15)


def test_the_formula_for_gelu_is_as_near_as_it_says():
    x = np.linspace(-9, 9, 2001)
    exact = x * np.array([(1 + math.erf(value / 2**0.5)) / 2 for value in x])
    formula, _, near = sentences.GELU.removeprefix("write ").partition(", which is within ")
    found = eval(formula, {"F": F, "x": Tensor(x)}).data
    assert abs(found - exact).max() < float(near.split()[0])


KEEP = (X > 0).astype(float)
BY_METHODS = {
    "sqrt": lambda x: np.sqrt(abs(x)),
    "rsqrt": lambda x: abs(x) ** -0.5,
    "log1p": lambda x: np.log1p(abs(x)),
    "expm1": np.expm1,
    "neg": np.negative,
    "reciprocal": np.reciprocal,
    "abs": np.abs,
    "min": lambda x: x.min(axis=1),
    "amin": lambda x: x.min(axis=1),
    "argmin": lambda x: x.argmin(axis=1),
    "norm": np.linalg.norm,
    "var": lambda x: x.var(axis=1),
    "std": lambda x: x.std(axis=1),
    "repeat": lambda x: np.tile(x, (1, 2)),
    "repeat_interleave": lambda x: x.repeat(2, axis=1),
    "clamp": lambda x: np.maximum(x, 0.2),
    "clamp_max": lambda x: np.minimum(x, 0.4),
    "maximum": lambda x: np.maximum(x, Y),
    "minimum": lambda x: np.minimum(x, Y),
    "mul": lambda x: x * Y,
    "mm": lambda x: x @ Y,
    "lt": lambda x: x < Y,
    "ge": lambda x: x >= Y,
    "masked_fill": lambda x: np.where(KEEP, x, 7),
    "where": lambda x: np.where(KEEP, x, Y),
    "masked_select": lambda x: x[KEEP > 0],
    "index_select": lambda x: x[:, [1, 0]],
    "topk": lambda x: x.argmax(axis=1)[:, None],
    "gather": lambda x: np.take_along_axis(x, np.array([[1], [0]]), axis=1),
    "logsumexp": lambda x: np.log(np.exp(x).sum(axis=1)),
    "sort": lambda x: np.sort(x),
    "cumsum": lambda x: np.cumsum(x),
}
POSITIVE = ("sqrt", "rsqrt", "log1p")
GIVEN = {"low": 0.2, "high": 0.4, "value": 7, "k": 1, "n": 2, "times": 2, "keep": KEEP, "mask": KEEP, "indices": [1, 0]}


@pytest.mark.parametrize("name", BY_METHODS)
def test_what_is_written_for_a_method_gives_the_same(name):
    """The formula ends at " for ", " with " or ", "; a comma inside of brackets is none."""
    x = Tensor(abs(X) if name in POSITIVE else X)
    given = {"F": F, "np": np, "x": x, "y": Tensor(Y), **GIVEN}
    if name == "masked_select":
        given["mask"] = KEEP > 0
    if name == "gather":
        given["indices"] = np.array([[1], [0]])
    if name == "logsumexp":
        given["m"] = X.max(axis=1, keepdims=True)
    text = names.TENSOR[name].removeprefix("write ")
    found = eval(re.split(r" for |, with |, or |, through ", text)[0], given)
    np.testing.assert_allclose(getattr(found, "data", found), BY_METHODS[name](X), rtol=1e-12)


PAGE = (Path(__file__).parents[1] / "docs" / "coming_from_pytorch.md").read_text("utf-8")
THINGS = {
    "torch": (mf, names.TOP),
    "x": (Tensor([1.0]), names.TENSOR),
    **{
        room: (ROOMS[room], table)
        for room, table in (("F", names.FUNCTIONAL), ("nn", names.NN), ("optim", names.OPTIM))
    },
}


class TestThePage:
    @pytest.mark.parametrize(("left", "right"), re.findall(r"^\| (`.*?) \| (.*?) \|$", PAGE, flags=re.MULTILINE))
    def test_has_rows_that_are_true(self, left, right):
        """What stands on the left is known by an error or has the same name, and on the right is what there is."""
        for thing, name in re.findall(r"(?<![.\w])(torch|x|F|nn|optim)\.(\w+)", left):
            assert name in THINGS[thing][1] or hasattr(THINGS[thing][0], name), name
        for room, name in re.findall(r"(?<![.\w])(mf|F|nn|optim|np)\.(\w+)", right):
            assert hasattr(ROOMS[room], name), name
        for method in re.findall(r"(?<![.\w])x\.(\w+)", right):
            assert hasattr(Tensor, method), method


class TestAttributeErrors:
    @pytest.mark.parametrize("thing", [mf, F, nn, optim], ids=["minifcn", "functional", "nn", "optim"])
    def test_of_rooms_suggest_what_is_near(self, thing):
        near = {mf: "Tensr", F: "conv2", nn: "Conv2D", optim: "Adams"}[thing]
        with pytest.raises(AttributeError, match=f"^{thing.__name__} has no '{near}'; did you mean '.*'[?]$"):
            getattr(thing, near)

    @pytest.mark.parametrize("thing", [Tensor([1.0]), nn.ReLU()], ids=["Tensor", "Module"])
    def test_of_objects_are_pythons_own_and_say_where_to_look_for_what_is_near(self, thing):
        with pytest.raises(
            AttributeError, match=f"^'{type(thing).__name__}' object has no attribute 'shap'$"
        ) as caught:
            thing.shap  # noqa: B018
        assert (caught.value.name, caught.value.obj) == ("shap", thing)

    @pytest.mark.parametrize("name", ["add_", "zero_", "relu_"])
    def test_of_what_works_in_place_say_that_nothing_does(self, name):
        with pytest.raises(AttributeError, match=f"^Tensor has no '{name}'; no operation changes a Tensor in place"):
            getattr(Tensor([1.0]), name)

    def test_inside_a_property_are_not_hidden(self):
        class Net(nn.Module):
            @property
            def size(self):
                return self.missing

        with pytest.raises(AttributeError, match="'Net' object has no attribute 'missing'"):
            Net().size  # noqa: B018

    def test_leave_copies_and_pickles_alone(self):
        net = nn.Sequential(nn.Conv2d(1, 1, 1))
        for copied in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), copy.copy(net)):
            assert repr(copied) == repr(net)


class TestArguments:
    @pytest.mark.parametrize("name", ["softmax", "log_softmax"])
    def test_dim_is_axis(self, name):
        with pytest.raises(
            TypeError, match=f"^{name}: no argument is called 'dim'; it is called axis here, as in NumPy"
        ):
            getattr(F, name)(Tensor([[1.0, 2.0]]), dim=1)

    def test_dim_is_axis_where_tensors_are_joined(self):
        with pytest.raises(TypeError, match=r"^concatenate: no argument is called 'dim'; it is called axis here"):
            F.concatenate([Tensor([[1.0]])], dim=1)

    def test_an_unknown_one_is_answered_with_those_that_there_are(self):
        with pytest.raises(TypeError, match=r"^relu: no argument is called 'inplace'; there are x$"):
            F.relu(Tensor([1.0]), inplace=True)

    @pytest.mark.parametrize("thing", [Tensor([1.0]), nn.Conv2d(1, 1, 1)], ids=["tensor", "network"])
    @pytest.mark.parametrize("dtype", [np.float64, np.dtype("float32")])
    def test_a_number_type_is_no_device(self, thing, dtype):
        with pytest.raises(UserError, match=r"device must be .*; to change the number type, write \.astype\(dtype\)"):
            thing.to(dtype)

    def test_nothing_works_in_place(self):
        with pytest.raises(
            TypeError, match=r"^ReLU: no argument is called 'inplace'; no operation works in place here"
        ):
            nn.ReLU(inplace=True)
        with pytest.raises(TypeError, match=r"^Dropout: no argument is called 'inplace'; no operation works in place"):
            nn.Dropout(0.5, inplace=True)

    @pytest.mark.parametrize(
        ("call", "name"),
        [
            (lambda: models.FCN8s(pretrained=True), "pretrained"),
            (lambda: models.FCN8s(21, weights="DEFAULT"), "weights"),
            (lambda: nn.Conv2d(3, 8, 3, device="cuda"), "device"),
            (lambda: nn.MaxPool2d(2, return_indices=True), "return_indices"),
            (lambda: optim.SGD([], lr=0.1, nesterov=True), "nesterov"),
            (lambda: optim.Adam([], amsgrad=True), "amsgrad"),
            (lambda: optim.SGD([nn.Parameter(np.ones(2))], lr=0.1).step(closure=None), "closure"),
            (lambda: Tensor([1.0]).backward(retain_graph=True), "retain_graph"),
            (lambda: mf.grad([], [], allow_unused=True), "allow_unused"),
            (lambda: F.softmax_cross_entropy(1, 2, label_smoothing=0.1), "label_smoothing"),
            (lambda: nn.ReLU().to("cpu", non_blocking=True), "non_blocking"),
            (lambda: data.VOCSegmentation(".", 2012, image_set="train"), "image_set"),
            (lambda: data.DataLoader(data.Shapes(1), 1, worker_init_fn=None), "worker_init_fn"),
        ],
    )
    def test_of_pytorch_say_what_to_write(self, call, name):
        with pytest.raises(TypeError, match=re.escape(f": no argument is called {name!r}; {names.ARGUMENTS[name]}")):
            call()

    @pytest.mark.parametrize("layer", [nn.Conv2d, nn.ConvTranspose2d])
    def test_padding_is_of_zeros(self, layer):
        with pytest.raises(TypeError, match=rf"^{layer.__name__}: no argument is called 'padding_mode'; padding is of"):
            layer(3, 8, 3, padding=1, padding_mode="reflect")

    @pytest.mark.parametrize("name", ["num_workers", "pin_memory", "collate_fn", "sampler", "generator"])
    def test_of_a_loader_say_what_does_it_here(self, name):
        message = re.escape(f"DataLoader: no argument is called {name!r}; {names.ARGUMENTS[name]}")
        with pytest.raises(TypeError, match=message):
            data.DataLoader(data.Shapes(1), 1, **{name: 2})

    def test_an_input_given_by_its_name_has_its_gradient(self):
        x = Tensor([[1.0, 2.0]], requires_grad=True)
        y = F.softmax(x=x, axis=1)
        (y * y).sum().backward()
        found, x.grad = x.grad, None
        (F.softmax(x) ** 2).sum().backward()
        np.testing.assert_array_equal(found.data, x.grad.data)

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda x: F.relu(x, True), "relu: there are 2 arguments, but it takes no more than x"),
            (lambda x: F.softmax(x, 1, 2), "softmax: there are 3 arguments, but it takes no more than x, axis"),
            (lambda x: F.softmax(x, 1, axis=0), "softmax: axis is given twice, by its place and by its name"),
            (lambda x: F.exp(x, x=x), "exp: x is given twice, by its place and by its name"),
        ],
        ids=["inplace by its place", "one too many", "a setting twice", "an input twice"],
    )
    def test_none_is_left_out_in_silence(self, call, message):
        with pytest.raises(TypeError, match=f"^{message}$"):
            call(Tensor([[1.0, 2.0]]))


@pytest.mark.parametrize("name", ["optimizer", "network"])
def test_gradients_are_set_to_none_without_saying_so(name):
    net = nn.Conv2d(1, 1, 1)
    thing = {"optimizer": optim.SGD(net.parameters(), lr=0.1), "network": net}[name]
    with pytest.raises(TypeError, match=r"no argument is called 'set_to_none'; zero_grad\(\) always sets"):
        thing.zero_grad(set_to_none=True)
