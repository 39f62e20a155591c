"""What the benchmarks time."""

import numpy as np
import pytest

from minifcn import models
from minifcn.benchmark.work import Work, select, vgg16_layers
from minifcn.errors import UserError
from minifcn.models.summary import rows

UPSAMPLING = ("upscore2", "upscore_pool4", "upscore8")


def names(*given):
    return [work.name for work in select(given)]


def test_layers_have_the_channels_and_sizes_of_the_network():
    """Those of the aligned variant, whose ceil pooling makes 63 of 125."""
    layers = [row for row in rows(models.FCN8s(21), (500, 500)) if "Conv2d" in repr(row.layer)][:13]
    works = select(["conv*-forward-500"])
    assert [(work.outputs, *work.shape[2:]) for work in works] == [row.behind.shape[1:] for row in layers]
    assert [work.multiply_adds for work in works] == [row.multiply_adds for row in layers]


def test_vgg16_has_15_billion_multiply_adds():
    """Its convolutions, for an image of 224x224: a number in every lecture."""
    total = sum(work.multiply_adds for work in vgg16_layers(224) if work.kind == "forward map")
    assert total == pytest.approx(15.35e9, rel=0.001)


def test_a_step_computes_three_maps_of_a_layer_but_two_of_the_first_one():
    forward, step = select(["narrow-forward", "narrow-step"])
    first = rows(models.FCN8s(21, width=1 / 8), (128, 128))[0].multiply_adds
    upsampling = step.multiply_adds - 3 * forward.multiply_adds + 4 * first
    assert -0.01 < upsampling / step.multiply_adds <= 0  # fixed weights have no gradient either


def test_names_groups_and_patterns_each_once_in_their_order():
    assert names("conv1_?-weight-224", "narrow", "narrow-step") == [
        "conv1_1-weight-224",
        "conv1_2-weight-224",
        "narrow-forward",
        "narrow-step",
    ]


def test_all_layers_are_39():
    assert len(names("layers-224")) == len(names("layers-500")) == 3 * 13


@pytest.mark.parametrize(("name", "hint"), [("networs", "did you mean 'networks'?"), ("x*", "or a pattern such as")])
def test_what_does_not_exist_is_refused_with_what_does(name, hint):
    with pytest.raises(UserError, match=r"unknown work .* give a group") as refusal:
        select([name])
    assert hint in str(refusal.value)


def test_everyone_gets_the_same_arrays_channels_last():
    work = Work("small", "forward map", (2, 3, 4, 5), 6)
    x, weight, gy = work.arrays()
    assert (x.shape, weight.shape, gy.shape) == ((2, 3, 4, 5), (6, 3, 3, 3), (2, 6, 4, 5))
    for one, again in zip((x, weight, gy), work.arrays(), strict=True):
        np.testing.assert_array_equal(one, again)
        assert one.transpose(0, 2, 3, 1).flags.c_contiguous


def test_a_network_scores_something_and_its_labels_are_classes():
    model, images, labels = Work("small", "step", (2, 3, 16, 16), 4, width=1 / 64).network()
    assert model.score_fr.weight.data.any()
    assert images.shape == (2, 3, 16, 16)
    assert labels.shape == (2, 16, 16)
    assert set(np.unique(labels)) == {0, 1, 2, 3}


def test_upsampling_is_as_training_leaves_it():
    """No channel of a learned one is by itself any more; the fixed one of the paper is bilinear."""
    for variant, mixed in (("aligned", True), ("paper", False)):
        model, _, _ = Work("small", "forward", (1, 3, 16, 16), 4, variant, width=1 / 64).network()
        others = ~np.eye(4, dtype=bool)
        assert [bool(getattr(model, name).weight.data[others].any()) for name in UPSAMPLING] == [mixed] * 3
