"""What the benchmarks time."""

import pytest

from minifcn.benchmark import GROUPS, Work, choose
from minifcn.errors import UserError


def test_a_layer_has_the_sizes_that_it_has_in_vgg16():
    work = Work("conv4_1-input-500")
    assert (work.is_layer, work.way, work.channels, work.outputs, work.size) == (True, "input", 256, 512, 63)


def test_the_first_layer_sees_an_image():
    assert Work("conv1_1-forward-224").channels == 3


def test_a_network_by_name():
    work = Work("fcn16s-paper-w4-b2-step-100")
    assert (work.network, work.variant, work.width, work.batch, work.way, work.size) == (
        "fcn16s",
        "paper",
        0.25,
        2,
        "step",
        100,
    )


def test_vgg16_has_15_billion_multiply_adds():
    """Its convolutions, for an image of 224x224: a number in every lecture."""
    total = sum(Work(name).multiply_adds for name in GROUPS["layers-224"] if "forward" in name)
    assert total == pytest.approx(15.35e9, rel=0.001)


def test_a_step_has_three_times_the_multiply_adds():
    step, forward = Work("fcn32s-w8-b2-step-64"), Work("fcn32s-w8-forward-64")
    assert step.multiply_adds == 3 * 2 * forward.multiply_adds


def test_names_groups_and_patterns_each_once():
    names = [work.name for work in choose(["conv1_?-weight-224", "narrow", "fcn8s-w8-b4-step-128", "conv1_2-weight-7"])]
    assert names == [
        "conv1_1-weight-224",
        "conv1_2-weight-224",
        "fcn8s-w8-b4-forward-128",
        "fcn8s-w8-b4-step-128",
        "conv1_2-weight-7",
    ]


@pytest.mark.parametrize("name", ["", "fcn4s-step-9", "fcn8s-step-0", "conv6_1-forward-9", "conv1_3-forward-9", "x*"])
def test_what_does_not_exist_is_refused(name):
    with pytest.raises(UserError, match="no such work; give a group"):
        choose([name])
