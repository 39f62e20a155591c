"""One list of the operators of a Tensor: what type checkers read is what there is."""

import ast
import inspect
from pathlib import Path

import minifcn.functional
from minifcn import Tensor
from minifcn.functional.operators import METHODS

SIGNATURES = Path(minifcn.functional.__file__).with_name("signatures.pyi")


def described():
    """The methods of the stub, each with the names of its arguments."""
    (operators,) = (node for node in ast.parse(SIGNATURES.read_text()).body if isinstance(node, ast.ClassDef))
    for node in operators.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node.args
        else:
            yield node.targets[0].id, None


def test_the_type_checkers_list_is_that_of_the_methods():
    assert sorted(name for name, _ in described()) == sorted(METHODS)


def test_each_takes_as_many_arguments_as_it_says():
    for name, args in described():
        if args is not None:
            parameters = inspect.signature(getattr(Tensor, name)).parameters.values()
            positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
            several = any(p.kind is p.VAR_POSITIONAL for p in parameters)
            if name not in PASSED_ON:
                assert (len(args.args), args.vararg is not None) == (len(positional), several), name
                assert len(args.defaults) == sum(p.default is not p.empty for p in positional), name


# Operations and their like take (*inputs, **settings).
PASSED_ON = {"__add__", "__sub__", "__mul__", "__truediv__"}
