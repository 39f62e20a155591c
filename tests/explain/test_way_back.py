"""The stepper goes back as minifcn does, and a wrong way back is noticed by its difference quotients."""

import itertools
import re

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.explain import Stepper, cross_entropy_steps
from minifcn.explain.stepper.gradients import MISTAKES

SETTINGS = [
    {"stride": s, "padding": p, "dilation": d} for s, p, d in itertools.product([1, (3, 2)], [0, (1, 0)], [1, (2, 1)])
]


def gradients(stepper, name):
    """The numbers of a gradient in the order of the steps."""
    return [step.gradient.value for step in stepper.steps if step.gradient.name == name]


def verdicts(stepper):
    return {step.gradient.verdict for step in stepper.steps}


def leaf(array):
    return Tensor(np.array(array, float), requires_grad=True)


class TestTheRightWay:
    @pytest.mark.parametrize("settings", SETTINGS, ids=str)
    def test_convolution(self, rng, settings):
        x, weight, bias = leaf(rng.normal(size=(1, 2, 5, 6))), leaf(rng.normal(size=(3, 2, 3, 2))), leaf(np.zeros(3))
        y = F.conv2d(x, weight, bias, **settings)
        g = rng.normal(size=y.shape)
        y.backward(Tensor(g))
        stepper = Stepper(x.data, weight.data, kind="conv", **settings).backward(g)
        for name, tensor in {"x": x, "weight": weight, "bias": bias}.items():
            np.testing.assert_allclose(gradients(stepper, name), tensor.grad.data.ravel(), rtol=1e-12, atol=1e-13)
        assert verdicts(stepper) == {"right"}

    @pytest.mark.parametrize("extra", [0, (1, 0)])
    @pytest.mark.parametrize("settings", SETTINGS[4:], ids=str)
    def test_transposed_convolution(self, rng, settings, extra):
        x, weight, bias = leaf(rng.normal(size=(1, 2, 3, 2))), leaf(rng.normal(size=(2, 3, 3, 2))), leaf(np.zeros(3))
        y = F.conv_transpose2d(x, weight, bias, output_padding=extra, **settings)
        g = rng.normal(size=y.shape)
        y.backward(Tensor(g))
        stepper = Stepper(x.data, weight.data, output_padding=extra, **settings).backward(g)
        for name, tensor in {"x": x, "weight": weight, "bias": bias}.items():
            np.testing.assert_allclose(gradients(stepper, name), tensor.grad.data.ravel(), rtol=1e-12, atol=1e-13)
        assert verdicts(stepper) == {"right"}

    @pytest.mark.parametrize("ceil_mode", [False, True])
    @pytest.mark.parametrize("settings", SETTINGS, ids=str)
    def test_max_pool_with_ties(self, rng, settings, ceil_mode):
        x = leaf(rng.integers(0, 4, (1, 2, 6, 5)))
        y = F.max_pool2d(x, (3, 2), ceil_mode=ceil_mode, **settings)
        g = rng.normal(size=y.shape)
        y.backward(Tensor(g))
        stepper = Stepper(x.data, (3, 2), kind="max-pool", ceil_mode=ceil_mode, **settings).backward(g)
        np.testing.assert_allclose(gradients(stepper, "x"), x.grad.data.ravel(), rtol=1e-12, atol=1e-13)
        assert "wrong" not in verdicts(stepper)
        assert "kink" in verdicts(stepper)

    def test_cross_entropy(self, rng):
        scores, labels = leaf(rng.normal(size=(1, 3, 2, 4))), rng.choice([0, 1, 2, 255], (2, 4))
        F.softmax_cross_entropy(scores, labels[None]).backward()
        stepper = Stepper(scores.data, labels, kind="cross-entropy").backward()
        np.testing.assert_allclose(gradients(stepper, "x"), scores.grad.data.ravel(), rtol=1e-12, atol=1e-15)
        assert verdicts(stepper) == {"right"}


X, W = np.arange(1, 10).reshape(3, 3), np.arange(1, 10).reshape(3, 3)
SCORES, LABELS = np.arange(12).reshape(3, 2, 2) % 5, [[0, 255], [1, 2]]
SHOWS = {  # of each kind numbers in which all its mistakes can be seen
    "conv": Stepper(X, W, 2, 1, kind="conv"),
    "conv-transpose": Stepper(X, W, 2, 1),
    "max-pool": Stepper([[9, 1, 1], [1, 9, 1], [1, 1, 9]], 2, 1, kind="max-pool"),
    "cross-entropy": Stepper(SCORES, LABELS, kind="cross-entropy"),
}
EVERY_MISTAKE = [(kind, mistake) for kind, stepper in SHOWS.items() for mistake in MISTAKES[kind]]


@pytest.mark.parametrize(("kind", "mistake"), EVERY_MISTAKE)
def test_a_wrong_way_back_is_noticed(kind, mistake):
    assert "wrong" in verdicts(SHOWS[kind].backward(mistake=mistake))
    assert "wrong" not in verdicts(SHOWS[kind].backward())


def test_a_kernel_that_is_the_same_when_turned_hides_that_it_was_turned():
    assert verdicts(Stepper(X, np.ones((3, 3)), 2, 1, kind="conv").backward(mistake="no-flip")) == {"right"}


def test_what_is_wrong_is_lit_in_its_table():
    *_, shown, _, weight, _, _, _ = SHOWS["conv"].backward(mistake="no-flip")._scene.grids(0)
    assert (shown.title, weight.title) == ("dx", "dweight")
    assert shown.wrong.any()
    assert not weight.wrong.any()


def test_a_step_reads_what_it_adds_up():
    stepper = SHOWS["conv"].backward([[-2, 3], [1, -1]])
    assert stepper.steps[4].sentence == (
        "5 of 19: dx[1,1] = (-2)·9 + 3·7 + 1·3 + (-1)·1 = 5; the difference quotient is 5 too"
    )
    x, w, g, dx, quotients, *_ = stepper._scene.grids(5)
    assert not x.touched.any()
    assert np.argwhere(w.touched).tolist() == [[0, 0], [0, 2], [2, 0], [2, 2]]
    assert g.touched.all()
    assert np.argwhere(dx.active).tolist() == np.argwhere(quotients.active).tolist() == [[1, 1]]
    assert stepper._scene.origin(4) == ([0, 1, 2, 3], "dx[1,1] = (-2)·9 + 3·7 + 1·3 + (-1)·1 = 5")


def test_at_a_tie_any_of_the_equal_numbers_may_have_the_gradient_but_not_all():
    stepper = Stepper([[7, 7]], (1, 2), kind="max-pool")
    first, second = stepper.backward([[1]]).steps
    assert first.sentence.endswith("a kink, as equal numbers are the largest: any number from 0 to 1 will do")
    assert (first.gradient.value, second.gradient.value) == (1, 0)
    first, second = stepper.backward([[1]], "every-tie").steps
    assert first.sentence.endswith("but when all of the equal numbers move together, the slope is another one: wrong")
    assert verdicts(stepper.backward([[1]], "average")) == {"kink"}  # half and half is allowed


def test_the_losses_are_those_of_the_library(rng):
    scores, labels = rng.normal(size=(3, 2, 4)), rng.choice([0, 1, 2, 255], (2, 4))
    steps = cross_entropy_steps(scores, labels)
    expected = F.softmax_cross_entropy(Tensor(scores[None]), labels[None], reduction="none").data[0]
    np.testing.assert_allclose(steps[-1].output, expected, rtol=1e-12)


def test_a_way_back_is_shown_as_any_stepper_is(tmp_path):
    stepper = SHOWS["max-pool"].backward(mistake="overwrite")
    stepper.save_png(tmp_path / "a.png", 2)
    page = stepper._repr_html_()
    fallback = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    assert all(step.sentence in fallback for step in stepper.steps)
    assert "<caption>gradient dx</caption>" in fallback
    assert repr(stepper) == (
        "Stepper(max-pool backward, g 2x2 -> dx 3x3, kernel 2x2, stride 1x1, padding 0x0, 9 steps)"
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Stepper(X, 2, kind="im2col").backward(), "no way back to step through for im2col"),
        (lambda: SHOWS["conv"].backward().backward(), "no way back to step through for conv backward"),
        (lambda: SHOWS["conv"].backward(mistake="every-tie"), "mistake must be one of no-flip, .* got 'every-tie'"),
        (lambda: SHOWS["conv"].backward([[1]]), r"grad must have the shape of the result, \(2, 2\), got \(1, 1\)"),
        (
            lambda: Stepper(np.ones((1, 1501)), [[1]], (1, 1501), kind="conv").backward(),
            "more than 1500 numbers to read",
        ),
        (lambda: Stepper(SCORES, [[0, 3], [1, 2]], kind="cross-entropy"), r"label 3 is neither a class 0..2 nor 255"),
        (lambda: Stepper(SCORES, [[0.5]], kind="cross-entropy"), r"labels must be integers of shape \(2, 2\)"),
        (lambda: Stepper(SCORES, LABELS, 2, kind="cross-entropy"), "belong to a window, and cross-entropy has none"),
    ],
)
def test_mistakes_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
