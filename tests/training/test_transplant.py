"""Weights of one network in another: what fits is copied bit for bit, what does not is said, nothing is half done."""

import numpy as np
import pytest

import minifcn as mf
from minifcn import models, nn
from minifcn.errors import UserError
from minifcn.training import transplant
from minifcn.weights.outcomes import Move

WIDTH = 1 / 64


def network(name, classes=3, seed=0, **options):
    """A network all of whose parameters were drawn: no two agree by chance, as bilinear kernels and zeros would."""
    rng = np.random.default_rng(seed)
    model = models.create(name, num_classes=classes, width=options.pop("width", WIDTH), **options)
    for parameter in model.parameters():
        parameter.data[...] = rng.standard_normal(parameter.shape)
    return model


def layers(names):
    return list(dict.fromkeys(name.rpartition(".")[0] for name in names))


STAGES = {  # section 4.3: each net begins as the one before it
    "32s to 16s": ("fcn32s", "fcn16s", ["upscore2", "score_pool4", "upscore16"], ["upscore"]),
    "16s to 8s": ("fcn16s", "fcn8s", ["upscore_pool4", "score_pool3", "upscore8"], ["upscore16"]),
    "8s to itself": ("fcn8s", "fcn8s", [], []),
}


@pytest.mark.parametrize(("first", "second", "new", "left"), STAGES.values(), ids=STAGES)
@pytest.mark.parametrize("variant", ["aligned", "paper"])
def test_each_stage_of_the_paper_begins_as_the_one_before(first, second, new, left, variant):
    coarse, fine = network(first, seed=1, variant=variant), network(second, seed=2, variant=variant)
    there, before = coarse.state_dict(), fine.state_dict()
    result = transplant(fine, there)
    assert layers(result.names("first value")) == new
    assert layers(result.names("unused")) == left
    for name, array in fine.state_dict().items():
        expected = before if layers([name])[0] in new else there
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


def test_the_whole_chain_keeps_the_trunk():
    first = network("fcn32s", seed=1)
    trunk = {name: array for name, array in first.state_dict().items() if name.startswith(("conv", "fc"))}
    state = first.state_dict()
    for name in ("fcn16s", "fcn8s"):
        following = network(name, seed=2)
        transplant(following, state)
        state = following.state_dict()
    for name, array in trunk.items():
        np.testing.assert_array_equal(state[name], array, err_msg=name)


def test_the_state_is_not_changed_and_not_shared():
    there, here = network("fcn32s", seed=1), network("fcn32s", seed=2)
    state = there.state_dict()
    transplant(here, state)
    here.conv1_1.weight.data[...] = 7
    for name, array in there.state_dict().items():
        np.testing.assert_array_equal(state[name], array, err_msg=name)


@pytest.mark.parametrize(("there", "here"), [("float64", "float32"), ("float32", "float64")])
def test_numbers_become_those_of_the_network(there, here):
    source, target = network("fcn32s", seed=1).astype(there), network("fcn32s", seed=2).astype(here)
    transplant(target, source.state_dict())
    assert {parameter.dtype.name for parameter in target.parameters()} == {here}
    np.testing.assert_array_equal(target.fc7.weight.data, source.fc7.weight.data.astype(here))


# Other classes


def test_other_classes_without_names_keep_the_first_scores():
    there, here = network("fcn8s", 4, seed=1), network("fcn8s", 3, seed=2)
    before = here.state_dict()
    result = transplant(here, there.state_dict())
    scored = ["score_fr", "upscore2", "score_pool4", "upscore_pool4", "score_pool3", "upscore8"]
    assert layers(result.names("first value")) == scored
    for name in result.names("first value"):
        np.testing.assert_array_equal(here.state_dict()[name], before[name], err_msg=name)
    np.testing.assert_array_equal(here.fc7.weight.data, there.fc7.weight.data)


def test_classes_with_one_name_are_copied_wherever_they_stand():
    there, here = network("fcn16s", 3, seed=1), network("fcn16s", 4, seed=2)
    before, state = here.state_dict(), there.state_dict()
    result = transplant(here, state, classes=("sky", "car", "dog", "road"), state_classes=("road", "tree", "sky"))
    after = here.state_dict()
    for name in ("score_fr.weight", "score_fr.bias", "score_pool4.weight"):
        np.testing.assert_array_equal(after[name][[0, 3]], state[name][[2, 0]], err_msg=name)
        np.testing.assert_array_equal(after[name][[1, 2]], before[name][[1, 2]], err_msg=name)
    for name in ("upscore2.weight", "upscore16.weight"):
        for i in range(4):
            for j in range(4):
                at = {0: 2, 3: 0}
                expected = state[name][at[i], at[j]] if i in at and j in at else before[name][i, j]
                np.testing.assert_array_equal(after[name][i, j], expected, err_msg=f"{name} {i} {j}")
    assert layers(result.names("by class")) == ["score_fr", "upscore2", "score_pool4", "upscore16"]
    assert "2 of 3: sky, road; the other 2 as at first" in str(result)


def test_as_many_classes_of_other_names_are_other_classes():
    there, here = network("fcn32s", 2, seed=1), network("fcn32s", 2, seed=2)
    before = here.score_fr.weight.data.copy()
    result = transplant(here, there.state_dict(), classes=("cat", "dog"), state_classes=("road", "sky"))
    np.testing.assert_array_equal(here.score_fr.weight.data, before)
    assert "none of its classes is here" in str(result)


def test_the_same_classes_in_the_same_order_are_copied_as_they_are():
    there, here = network("fcn32s", 2, seed=1), network("fcn32s", 2, seed=2)
    result = transplant(here, there.state_dict(), classes=("road", "sky"), state_classes=["road", "sky"])
    assert result.names("copied") == list(there.state_dict())


def test_a_layer_of_the_trunk_never_counts_classes():
    """With as many channels as classes, shapes alone could not tell."""
    classes = tuple("abcdefgh")
    there, here = network("fcn32s", 8, seed=1), network("fcn32s", 8, seed=2)
    assert there.conv4_1.weight.shape[0] == 8
    transplant(here, there.state_dict(), classes=classes, state_classes=classes[::-1])
    np.testing.assert_array_equal(here.conv4_1.weight.data, there.conv4_1.weight.data)
    np.testing.assert_array_equal(here.score_fr.weight.data, there.score_fr.weight.data[::-1])


# Other shapes


def test_a_classifier_gives_its_matrices_to_the_convolutions():
    """Section 4.1: fc6 of VGG16 is a convolution over its whole 7x7 input; Caffe keeps older ones as (1, 1, O, I)."""
    here = network("fcn32s", seed=2, variant="paper")
    state = network("fcn32s", seed=1, variant="paper").state_dict()
    expected = {name: array.copy() for name, array in state.items()}
    state["fc6.weight"] = state["fc6.weight"].reshape(64, -1)
    state["fc7.weight"] = state["fc7.weight"].reshape(1, 1, 64, 64)
    state["fc7.bias"] = state["fc7.bias"].reshape(1, 1, 1, 64)
    state |= {"fc8.weight": np.zeros((1000, 64)), "fc8.bias": np.zeros(1000)}
    result = transplant(here, state)
    assert result.names("reshaped") == ["fc6.weight", "fc7.weight", "fc7.bias"]
    assert result.names("unused") == ["fc8.weight", "fc8.bias"]
    for name, array in here.state_dict().items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


@pytest.mark.parametrize("shape", [(1, 27), (1, 1, 1, 27)])
def test_a_matrix_of_one_row_is_a_kernel_of_one_output(shape):
    here = network("fcn32s", seed=2)
    result = transplant(here, here.state_dict() | {"conv1_1.weight": np.arange(27.0).reshape(shape)})
    assert result.names("reshaped") == ["conv1_1.weight"]
    np.testing.assert_array_equal(here.conv1_1.weight.data, np.arange(27).reshape(1, 3, 3, 3))


@pytest.mark.parametrize("shape", [(3, 1, 3, 3), (1, 9, 3, 1), (27, 1), (9, 3), (27,), (3, 3, 3)])
def test_as_many_numbers_in_a_shape_of_another_meaning_are_not_copied(shape):
    here = network("fcn32s", seed=2)
    before = here.conv1_1.weight.data.copy()
    assert before.shape == (1, 3, 3, 3)
    result = transplant(here, here.state_dict() | {"conv1_1.weight": np.zeros(shape)})
    assert result.names("first value") == ["conv1_1.weight"]
    np.testing.assert_array_equal(here.conv1_1.weight.data, before)


def test_another_width_takes_what_has_the_same_shape():
    there, here = network("fcn32s", seed=1), network("fcn32s", seed=2, width=1 / 60)
    before = here.state_dict()
    result = transplant(here, there.state_dict())
    np.testing.assert_array_equal(here.conv3_3.weight.data, there.conv3_3.weight.data)
    np.testing.assert_array_equal(here.conv4_1.weight.data, before["conv4_1.weight"])
    assert "conv4_1.weight is (8, 4, 3, 3) there, (9, 4, 3, 3) here" in str(result)


REFUSED = {
    "another width": ({"width": 1 / 16}, {}, "conv1_1.weight is (1, 3, 3, 3) there, but (4, 3, 3, 3) here"),
    "other names": ({}, {"body.0": np.zeros(3)}, "no weight in it is called as one here: it has body.0"),
    "another trunk": (
        {"backbone": "alexnet"},
        {},
        "little of what was learned fits: conv1.weight, with which the network sees the image, is not in it, and what "
        "is behind it (fc7.weight) was learned on another one's maps",
    ),
    "the last layers alone": (
        {},
        {"conv1_1.weight": np.zeros((9, 3, 3, 3)), "fc7.weight": np.zeros((64, 64, 1, 1))},
        "conv1_1.weight, with which the network sees the image, is (9, 3, 3, 3) there, but (1, 3, 3, 3) here",
    ),
    "nothing": ({}, {}, "no weight in it is called as one here: it has nothing"),
    "scores alone": ({}, {"score_fr.weight": np.zeros((3, 64, 1, 1))}, "no weight in it is called as one here"),
    "inf": ({}, {"conv1_1.weight": np.full((1, 3, 3, 3), np.inf)}, "conv1_1.weight holds inf or nan"),
    "texts": ({}, {"conv1_1.weight": np.full((1, 3, 3, 3), "a")}, "conv1_1.weight must hold real numbers"),
    "what float32 cannot hold": ({}, {"conv1_1.weight": np.full((1, 3, 3, 3), 1e300)}, "float32 cannot hold"),
    "a ragged list": ({}, {"conv1_1.weight": [[1], [1, 2]]}, "conv1_1.weight is no array"),
}


@pytest.mark.parametrize(("options", "state", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_a_start_is_refused_and_changes_nothing(options, state, message):
    here = network("fcn32s", seed=2, **options)
    before = here.state_dict()
    with pytest.raises(UserError) as error:
        transplant(here, network("fcn32s", seed=1).state_dict() if options else state)
    assert message in str(error.value)
    for name, array in here.state_dict().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


def test_a_path_is_no_state():
    with pytest.raises(UserError, match="state must be a mapping of names to arrays, but is a str"):
        transplant(network("fcn32s"), "best.npz")


def test_any_module_and_any_arrays_will_do():
    """The state of another library's module holds tensors, or lists; a module without a trunk has no class axes."""
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU())
    transplant(model, {"0.weight": mf.Tensor(np.full((2, 1, 1, 1), 3.0)), "0.bias": [1, 2]})
    np.testing.assert_array_equal(model(mf.Tensor(np.ones((1, 1, 1, 1), "float32"))).data.ravel(), [4, 5])


# The table


def test_what_a_line_names_from_one_to_another_has_no_line_of_its_own():
    """The weights of fc6 and fc7 were transposed on their way from another file, and their biases were not."""
    net = network("fcn32s")
    done = transplant(net, net.state_dict())
    earlier = [Move(name, (1, 1), (1, 1), "transposed") for name in ("fc6.weight", "fc7.weight")]
    names = [line[12:].split("  ")[0] for line in str(done.after(earlier)).splitlines()]
    assert names == ["conv1_1 ... conv5_3, fc6.bias, fc7.bias, score_fr, upscore", "fc6.weight, fc7.weight"]


def test_the_table_has_a_line_for_neighbours_with_one_fate():
    text = str(transplant(network("fcn16s", 5), network("fcn32s", 3).state_dict()))
    assert [line.split()[0] for line in text.splitlines()] == ["copied", "first", "first", "unused"]
    assert "conv1_1 ... fc7" in text
    assert "15 layers" in text
    assert "score_fr" in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_layer_of_which_only_a_part_has_a_fate_is_called_by_that_part():
    state = network("fcn32s").state_dict()
    del state["fc6.bias"]
    names = [line[13:].split("  ")[0] for line in str(transplant(network("fcn32s"), state)).splitlines()]
    assert names == ["conv1_1 ... conv5_3, fc6.weight", "fc6.bias", "fc7, score_fr, upscore"]
