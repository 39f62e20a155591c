"""The engine: what backward gives, what it records, what it lets go of, and what it refuses."""

import re
import time
import weakref
from pathlib import Path

import numpy as np
import pytest

import minifcn as mf
from minifcn import Tensor, grad, no_grad
from minifcn.autograd import operation
from minifcn.backend import to_device, to_host


def leaf(values, dtype="float64"):
    return Tensor(np.array(values, dtype), requires_grad=True)


class TestGradients:
    def test_of_a_polynomial_by_hand(self):
        """d/dx (3x³ - 2x + 1) = 9x² - 2."""
        x = leaf([1.0, 2.0])
        (3 * x**3 - 2 * x + 1).sum().backward()
        np.testing.assert_allclose(x.grad.data, [7.0, 34.0])

    def test_a_tensor_used_several_times_collects_all_contributions(self):
        x = leaf(3.0)
        y = x * x
        (y * x + y + x).backward()  # x³ + x² + x
        assert x.grad.item() == 3 * 9 + 2 * 3 + 1

    def test_a_tensor_on_both_sides_of_an_operation(self):
        """The order of the pass matters here: a + a and b + b must be finished before what they are made of."""
        a = leaf(1.0)
        b = a + a
        (b + b).backward()
        assert a.grad.item() == 4

    def test_diamonds_cost_no_more_than_their_number(self):
        """A walk over all paths would take 2^60 steps."""
        x = leaf(1.0)
        y = x
        for _ in range(60):
            y = y * 0.5 + y * 0.5
        y.backward()
        assert x.grad.item() == 1

    def test_weights_of_the_outputs_are_asked_for_and_used(self):
        x = leaf([1.0, 2.0, 3.0])
        (x * x).backward(Tensor(np.array([1.0, 0.0, -1.0])))
        np.testing.assert_array_equal(x.grad.data, [2, 0, -6])

    def test_a_second_backward_adds_to_the_gradient(self):
        x = leaf(2.0)
        (x * x).backward()
        (x * 3).backward()
        assert x.grad.item() == 7

    def test_a_leaf_is_its_own_gradient_of_one(self):
        x = leaf(5.0)
        x.backward()
        assert x.grad.item() == 1

    def test_only_leaves_get_a_grad(self):
        x = leaf(2.0)
        y = x * x
        (y * 2).backward()
        assert y.grad is None

    def test_what_needs_no_gradient_gets_none(self):
        x, constant = leaf(2.0), Tensor(np.array(3.0))
        (x * constant).backward()
        assert constant.grad is None

    def test_the_dtype_is_kept(self, dtype):
        x = leaf([1.0, 2.0], dtype)
        y = ((x * 2 - 0.5) ** 2 / 3).mean()
        y.backward()
        assert y.dtype == x.grad.dtype == dtype

    def test_gradients_are_on_the_device_of_their_tensor(self, device):
        x = Tensor(to_device(np.array([1.0, 2.0]), device), requires_grad=True)
        (x * x).sum().backward()
        assert x.grad.device == device
        np.testing.assert_array_equal(to_host(x.grad.data), [2, 4])


class TestGrad:
    def test_gives_a_gradient_for_each_input_and_touches_no_grad(self):
        x, y = leaf(2.0), leaf(3.0)
        by_x, by_y = grad(x * x * y, [x, y])
        assert (by_x.item(), by_y.item()) == (12, 4)
        assert x.grad is None
        assert y.grad is None

    def test_is_zero_for_an_input_that_was_not_used(self):
        x, unused = leaf([1.0, 2.0]), leaf(np.ones((2, 3)))
        _, by_unused = grad(x.sum(), [x, unused])
        np.testing.assert_array_equal(by_unused.data, np.zeros((2, 3)))

    def test_works_for_tensors_in_the_middle(self):
        x = leaf(2.0)
        middle = x * x
        (by_middle,) = grad(middle**3, middle)
        assert by_middle.item() == 3 * 4**2

    def test_that_stops_at_the_inputs_takes_them_as_independent(self):
        x = leaf(2.0)
        middle = x * x
        total, _ = grad(middle * x, [x, middle], create_graph=True)
        by_x, by_middle = grad(middle * x, [x, middle], stop_at_inputs=True)
        assert (total.item(), by_x.item(), by_middle.item()) == (3 * 2**2, 4, 2)
        middle.backward()  # what lies behind it was left alone
        assert x.grad.item() == 4

    def test_of_several_outputs_adds_up_with_their_weights(self):
        x = leaf([1.0, 2.0])
        (g,) = grad([x * x, x.sum()], x, [Tensor(np.array([1.0, 10.0])), Tensor(np.array(100.0))])
        np.testing.assert_array_equal(g.data, [102, 140])

    def test_of_a_gradient_of_a_gradient(self):
        """d³/dx³ x⁴ = 24 x."""
        x = leaf(2.0)
        y = x**4
        for expected in (32, 48, 48):
            (y,) = grad(y, x, create_graph=True)
            assert y.item() == expected

    def test_second_derivatives_mix(self):
        """d²/dxdy of x² y³ = 6 x y²."""
        x, y = leaf(2.0), leaf(3.0)
        (by_x,) = grad(x**2 * y**3, x, create_graph=True)
        (by_xy,) = grad(by_x, y)
        assert by_xy.item() == 6 * 2 * 9


class TestGraph:
    """What everybody may read of it."""

    def test_a_result_names_its_operation_and_its_inputs(self):
        a, b = leaf(2.0), leaf(3.0)
        y = a * b
        assert (y.operation, y.is_leaf, [x is a or x is b for x in y.inputs]) == ("multiply", False, [True, True])
        assert (a.operation, a.is_leaf, a.inputs) == ("", True, ())

    def test_what_is_not_recorded_has_none(self):
        with no_grad():
            y = leaf(2.0) * 3
        assert (y.operation, y.is_leaf, y.inputs) == ("", True, ())

    def test_a_result_was_made_after_its_inputs(self):
        a = leaf(2.0)
        y = a * 3 + 1
        assert all(x.order < y.order for x in y.inputs)
        assert a.order < y.order

    def test_a_change_is_later_than_what_was_computed_before_it(self):
        a = leaf(2.0)
        before = a * 3
        assert a.version == 0
        a.data -= 1
        after = a * 3
        assert before.order < a.version < after.order

    def test_it_is_released_with_the_backward_pass(self):
        y = leaf(2.0) * 3
        y.backward()
        assert (y.operation, y.is_leaf, y.inputs) == ("multiply", False, ())

    def test_only_the_engine_and_its_guards_read_more_than_that(self):
        """Nothing else in the package, of what is private to a Tensor."""
        private = re.compile(r"\.(?:_changes|_numbers|_inputs)\b|(?<!self)\._(?:data|backward)\b")
        root = Path(mf.__file__).parent
        readers = {path.relative_to(root).as_posix() for path in root.rglob("*.py") if private.search(path.read_text())}
        assert readers == {"autograd.py", "guards.py"}


class TestGradientsThatNobodyNeeds:
    """An entry of what backward gives may be a function: it is called for inputs that require a gradient."""

    @staticmethod
    def product(called):
        @operation
        def product(a, b):
            def backward(gy):
                return lambda: called("a", gy * b), lambda: called("b", gy * a)

            return a.data * b.data, backward

        return product

    @pytest.mark.parametrize("learned", ["a", "b", "ab"])
    def test_are_not_computed(self, learned):
        called = []
        product = self.product(lambda name, g: called.append(name) or g)
        a, b = (Tensor(np.array(value), name in learned) for name, value in [("a", 2.0), ("b", 3.0)])
        product(a, b).backward()
        assert called == list(learned)
        assert [x.grad and x.grad.item() for x in (a, b)] == [
            ("a" in learned and 3) or None,
            ("b" in learned and 2) or None,
        ]

    def test_may_be_left_out(self):
        @operation
        def times_constant(a, b):
            return a.data * b.data, lambda gy: (gy * b, None)

        a = leaf(2.0)
        times_constant(a, 3.0).backward()
        assert a.grad.item() == 3

    def test_those_that_are_needed_can_be_differentiated(self):
        product = self.product(lambda name, g: g)
        a = leaf(2.0)
        (first,) = grad(product(product(a, a), a), a, create_graph=True)
        (second,) = grad(first, a)
        assert (first.item(), second.item()) == (12, 12)

    @pytest.mark.parametrize(
        ("g", "message"), [(None, "a NoneType for input 0"), (Tensor(np.ones(2)), "a gradient of")]
    )
    def test_what_a_function_gives_is_checked_as_well(self, g, message):
        @operation
        def twice(x):
            return 2 * x.data, lambda gy: (lambda: g,)

        with pytest.raises((TypeError, ValueError), match=f"^the backward of twice gives {message}"):
            twice(leaf(1.0)).backward()

    def test_a_change_of_what_only_they_read_is_no_mistake(self):
        @operation
        def product(a, b):
            return a.data * b.data, lambda gy: (lambda: gy * b, lambda: gy * a)

        x, constant = leaf(2.0), Tensor(np.array(3.0))
        y, z = product(x, constant), product(x, leaf(3.0))
        x.data -= 1
        y.backward()
        assert x.grad.item() == 3
        with pytest.raises(RuntimeError, match="were changed after the forward pass"):
            z.backward()

    @pytest.mark.parametrize("keep", ["as a variable", "as a default", "as a keyword's default", "as a number"])
    def test_what_backward_has_computed_from_changed_data_is_refused(self, keep):
        """What the function itself keeps is not changed."""

        @operation
        def scaled(x, w):
            equal = True

            def backward(gy):
                scale, positive = w * 1, w.item() > 0
                found = {
                    "as a variable": lambda: gy * scale,
                    "as a default": lambda scale=w * 1: gy * scale,
                    "as a keyword's default": lambda *, scale=w * 1: gy * scale,
                    "as a number": lambda: gy * 3 if positive == equal else gy,
                }
                return found[keep], None

            return x.data * w.data, backward

        x, w = leaf(2.0), Tensor(np.array(3.0))
        y = scaled(x, w)
        w.data = w.data * 2
        with pytest.raises(RuntimeError, match="were changed after the forward pass"):
            y.backward()

    @pytest.mark.parametrize("misfit", [lambda: 1 / 0, lambda: None, None], ids=["an error", "none", "not a function"])
    def test_an_error_in_one_of_them_leaves_the_graph_as_it_was(self, misfit):
        """As an error in backward itself does: what went wrong can be mended, and the pass be run again."""
        gradients = [misfit]

        @operation
        def twice(x):
            return 2 * x.data, lambda gy: tuple(gradients)

        x = leaf(1.0)
        y = twice(x)
        with pytest.raises((ZeroDivisionError, TypeError)):
            y.backward()
        assert y.inputs == (x,)
        gradients[0] = lambda: Tensor(np.array(2.0))
        y.backward()
        assert x.grad.item() == 2


class TestRecording:
    def test_no_grad_records_nothing_and_ends_with_its_block(self):
        x = leaf(2.0)
        with no_grad():
            with no_grad():
                pass
            assert not (x * x).requires_grad
        assert (x * x).requires_grad

    def test_no_grad_ends_when_an_error_leaves_its_block(self):
        with pytest.raises(KeyError), no_grad():
            raise KeyError
        assert (leaf(2.0) * 2).requires_grad

    def test_constants_are_not_recorded(self):
        assert not (Tensor(np.ones(2)) * 2).requires_grad

    def test_detach_cuts_the_history_and_shares_the_data(self):
        x = leaf([1.0, 2.0])
        detached = (x * x).detach()
        assert not detached.requires_grad
        assert x.detach().data is x.data

    def test_a_gradient_is_not_recorded_unless_asked_for(self):
        x = leaf(2.0)
        (plain,) = grad(x**3, x)
        (recorded,) = grad(x**3, x, create_graph=True)
        assert (plain.requires_grad, recorded.requires_grad) == (False, True)


class TestMemory:
    def test_a_second_pass_over_a_released_graph_is_a_clear_error(self):
        x = leaf(2.0)
        y = x * x
        y.backward()
        with pytest.raises(
            RuntimeError, match=r"graph was used already.*compute the output again, or pass create_graph"
        ):
            y.backward()

    def test_a_branch_of_a_released_graph_as_well(self):
        x = leaf(2.0)
        shared = x * x
        (shared * 2).backward()
        with pytest.raises(RuntimeError, match="used already"):
            (shared * 3).backward()

    def test_create_graph_keeps_the_graph(self):
        x = leaf(2.0)
        y = x * x
        y.backward(create_graph=True)
        y.backward()
        assert x.grad.item() == 8

    def test_backward_lets_go_of_each_tensor_once_it_is_done_with_it(self):
        """When the pass arrives at the first operation, the results of all later ones must be gone."""
        alive_at_the_end = []

        @operation
        def witness(x):
            def backward(gy):
                alive_at_the_end.extend(reference for reference in later if reference() is not None)
                return (gy,)

            return x.data, backward

        y, later = witness(leaf(np.ones(3))), []
        for _ in range(10):
            y = y * 1.5
            later.append(weakref.ref(y))
        del later[-1]  # the output, which this test holds
        y.backward(Tensor(np.ones(3)))
        assert len(later) == 9
        assert alive_at_the_end == []

    def test_nothing_is_alive_after_backward_although_the_output_is(self):
        x = leaf(np.ones(3))
        middle = x * 2
        reference, output = weakref.ref(middle), (middle * middle).sum()
        del middle
        assert reference() is not None
        output.backward()
        assert reference() is None

    def test_a_graph_goes_without_help_of_the_garbage_collector(self):
        middle = leaf(np.ones(3)) * 2
        reference, output = weakref.ref(middle), (middle * middle).sum()
        del middle, output
        assert reference() is None

    def test_fifty_thousand_operations_neither_overflow_the_stack_nor_take_long(self):
        started = time.process_time()
        x = leaf(0.0)
        y = x
        for _ in range(50_000):
            y = y + x
        y.backward()
        assert x.grad.item() == 50_001
        assert time.process_time() - started < 20

    def test_a_long_graph_that_is_never_used_is_deleted_without_a_stack_overflow(self):
        y = leaf(0.0)
        for _ in range(50_000):
            y = y * 1.0
        reference = weakref.ref(y)
        del y
        assert reference() is None


class TestOperands:
    @pytest.mark.parametrize(
        ("symbol", "expected"),
        [("+", [11.0, 22.0]), ("-", [9.0, 18.0]), ("*", [10.0, 40.0]), ("/", [10.0, 10.0]), ("@", 50.0)],
    )
    @pytest.mark.parametrize("wrap", [np.array, Tensor], ids=["array", "Tensor"])
    def test_an_array_on_the_left_gives_a_tensor(self, symbol, expected, wrap):
        x = leaf([1.0, 2.0])
        y = eval("a " + symbol + " x", {"a": wrap(np.array([10.0, 20.0])), "x": x})
        assert isinstance(y, Tensor)
        assert y.requires_grad
        np.testing.assert_array_equal(y.data, expected)

    @pytest.mark.parametrize("number", [3, 3.0, np.float64(3), np.float32(3)], ids=lambda n: type(n).__name__)
    def test_numbers_take_the_dtype_of_the_tensor(self, number):
        x = leaf([1.0, 2.0], "float32")
        for y in (x + number, number * x, number - x, x / number):
            assert y.dtype == "float32"

    def test_mixing_precisions_names_both(self):
        with pytest.raises(
            TypeError, match=r"multiply: the operands are float32 and float64; convert one with .astype"
        ):
            leaf(1.0, "float32") * leaf(1.0, "float64")

    def test_mixing_devices_names_both(self, gpu):
        x, y = leaf([1.0, 2.0]), Tensor(to_device(np.ones(2), gpu))
        for a, b in ((x, y), (y, x)):
            message = f"multiply: the operands are on {a.device} and {b.device}; move one with .to(...)"
            with pytest.raises(TypeError, match=re.escape(message)):
                a * b

    def test_mixing_precisions_with_an_array_names_both(self):
        with pytest.raises(TypeError, match="add: the operands are float32 and float64"):
            leaf([1.0], "float32") + np.ones(1)

    @pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
    def test_integers_cannot_require_a_gradient(self, dtype):
        with pytest.raises(TypeError, match=f"only floating-point data can require a gradient, got {dtype}"):
            Tensor(np.zeros(3, dtype), requires_grad=True)

    def test_a_tensor_of_a_tensor_is_refused(self):
        with pytest.raises(TypeError, match="data is a Tensor already"):
            Tensor(Tensor(1.0))

    @pytest.mark.parametrize(
        ("symbol", "expected"),
        [
            ("<", [True, False, False]),
            ("<=", [True, True, False]),
            (">", [False, False, True]),
            (">=", [False, True, True]),
            ("==", [False, True, False]),
            ("!=", [True, False, True]),
        ],
    )
    @pytest.mark.parametrize("other", [2.0, np.array([2.0] * 3), Tensor([2.0] * 3)], ids=["number", "array", "Tensor"])
    def test_comparisons_give_booleans_without_history(self, symbol, expected, other):
        y = eval("x " + symbol + " other", {"x": leaf([1.0, 2.0, 3.0]), "other": other})
        assert not y.requires_grad
        np.testing.assert_array_equal(y.data, expected)

    def test_an_array_can_be_compared_with_a_tensor(self):
        np.testing.assert_array_equal((np.array([1.0, 2.0, 3.0]) < leaf([2.0] * 3)).data, [True, False, False])

    def test_tensors_can_be_keys(self):
        x, y = leaf(1.0), leaf(1.0)
        assert {x: "x", y: "y"}[y] == "y"


class TestOutputs:
    def test_several_outputs_need_weights(self):
        with pytest.raises(
            ValueError, match=r"an output of shape \(2,\) needs grad= of that shape.*\.sum\(\)\.backward"
        ):
            (leaf([1.0, 2.0]) * 2).backward()

    def test_weights_must_have_the_shape_of_the_output(self):
        with pytest.raises(ValueError, match=r"grad has shape \(3,\), but the output has \(2,\)"):
            (leaf([1.0, 2.0]) * 2).backward(Tensor(np.ones(3)))

    def test_an_output_without_history_is_refused(self):
        with no_grad():
            y = leaf(1.0) * 2
        with pytest.raises(ValueError, match=r"depends on no tensor with requires_grad=True, or was made in no_grad"):
            y.backward()

    def test_repr_shows_the_values(self):
        assert repr(leaf([1.0, 2.0])) == "Tensor([1., 2.], requires_grad=True)"

    def test_attributes_are_those_of_the_array(self, dtype):
        x = Tensor(np.zeros((2, 3), dtype))
        assert (x.shape, x.ndim, x.dtype, len(x), x.device) == ((2, 3), 2, dtype, 2, "cpu")

    def test_data_is_not_copied(self):
        array = np.zeros(3)
        assert Tensor(array).data is array
        assert Tensor(array).numpy() is array


class TestOwnOperations:
    def test_anybody_can_write_one(self):
        @operation
        def scaled(x, *, factor=1.0):
            def backward(gy):
                return (scaled(gy, factor=factor),)

            return x.data * factor, backward

        x = leaf([1.0, 2.0])
        (g,) = mf.grad(scaled(x, factor=3.0).sum(), x, create_graph=True)
        np.testing.assert_array_equal(g.data, [3, 3])

    def test_settings_may_be_given_by_position(self):
        @operation
        def scaled(x, *, factor=1.0, shift=0.0):
            return x.data * factor + shift, lambda gy: (gy * factor,)

        assert scaled(leaf(2.0), 3.0, 1.0).item() == 7
