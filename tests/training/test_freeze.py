"""Frozen layers stay bit for bit what they were, are saved like all others, and cost no gradient."""

import dataclasses

import numpy as np
import pytest
from training.test_trainer import CONFIG, SHAPES, make_trainer

import minifcn.functional as F
from minifcn import models
from minifcn.errors import UserError
from minifcn.training import build, build_model, build_optimizer, checkpoint, freeze, load_model, paper_groups
from minifcn.training.evaluate import network_input

NARROW = {"num_classes": 3, "width": 1 / 64}

PATTERNS = {
    "a layer": ("conv1_1", ["conv1_1.weight", "conv1_1.bias"]),
    "a parameter": ("conv1_1.bias", ["conv1_1.bias"]),
    "a family": ("conv1_*", ["conv1_1.weight", "conv1_1.bias", "conv1_2.weight", "conv1_2.bias"]),
    "a range of digits": ("conv[12]_1.weight", ["conv1_1.weight", "conv2_1.weight"]),
    "one letter": ("fc?.bias", ["fc6.bias", "fc7.bias"]),
    "the ends of names": ("fc7.*s", ["fc7.bias"]),
}


@pytest.mark.parametrize(("pattern", "expected"), PATTERNS.values(), ids=PATTERNS)
def test_a_pattern_names_layers_or_parameters(pattern, expected):
    model = models.FCN32s(**NARROW)
    assert freeze(model, [pattern]) == expected
    assert [name for name, p in model.named_parameters() if not p.requires_grad] == expected


def test_capitals_are_other_letters():
    with pytest.raises(UserError, match="--freeze CONV1_1 matches no layer"):
        freeze(models.FCN32s(**NARROW), ["CONV1_1"])


REFUSED = {
    "nothing of this name": (["conv1_1", "conv9*"], r"--freeze conv9\* matches no layer.*conv1_1, conv1_2, .* upscore"),
    "everything": (["*"], r"--freeze \* leaves nothing to be learned"),
    "everything by and by": (["conv*", "fc*", "*score*"], "leaves nothing to be learned"),
}


@pytest.mark.parametrize(("patterns", "message"), REFUSED.values(), ids=REFUSED)
def test_what_would_freeze_nothing_or_all_is_refused_and_changes_nothing(patterns, message):
    model = models.FCN32s(**NARROW)
    with pytest.raises(UserError, match=message):
        freeze(model, patterns)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_everything_but_what_is_fixed_anyway_is_everything():
    """The upsampling of the paper's variant is never learned."""
    with pytest.raises(UserError, match="leaves nothing to be learned"):
        freeze(models.FCN32s(variant="paper", **NARROW), ["conv*", "fc*", "score*"])


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_training_leaves_them_bit_for_bit_and_saves_them(tmp_path, optimizer):
    trainer = make_trainer(tmp_path, optimizer=optimizer, weight_decay=0.1, freeze=("conv[1-3]_*", "fc6.bias"))
    before = trainer.model.state_dict()
    trainer.fit()
    for name in ("best.npz", "checkpoint.npz"):
        after = checkpoint.load(tmp_path / name).model
        assert after.keys() == before.keys()
        same = {name for name in before if np.array_equal(before[name], after[name])}
        frozen = {name for name in before if name.startswith(("conv1_", "conv2_", "conv3_"))} | {"fc6.bias"}
        assert same == frozen


def test_what_is_not_frozen_takes_the_steps_that_it_would_take_alone(tmp_path):
    """In the first step the gradients of the others are those without freezing, bit for bit."""
    batch = next(build.train_loader(CONFIG, SHAPES).epoch(0))
    states = []
    for patterns in ((), ("conv[1-4]_*",)):
        trainer = make_trainer(tmp_path, freeze=patterns)
        trainer.step(batch)
        states.append(trainer.model.state_dict())
    for name in states[0]:
        if not name.startswith(("conv1", "conv2", "conv3", "conv4")):
            np.testing.assert_array_equal(states[0][name], states[1][name], err_msg=name)


def test_the_paper_groups_leave_them_out():
    model = models.FCN32s(**NARROW)
    freeze(model, ["conv*", "fc7.bias"])
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    weights, biases = ([names[id(p)] for p in group["params"]] for group in paper_groups(model, 0.1, 0.01))
    assert weights == ["fc6.weight", "fc7.weight", "score_fr.weight", "upscore.weight"]
    assert biases == ["fc6.bias", "score_fr.bias"]


def test_sgd_learns_scores_alone(tmp_path):
    """One of the paper's groups may be left without a parameter."""
    trainer = make_trainer(tmp_path, optimizer="sgd", freeze=("*.bias",))
    trainer.fit()
    assert trainer.position.epoch == 1


@pytest.mark.parametrize("recompute", [False, True])
def test_below_the_first_learned_layer_nothing_is_recorded(recompute):
    """No gradient flows there, so nothing is kept for it: the map that goes into conv5_1 has no history."""
    model = build_model(dataclasses.replace(CONFIG, freeze=("conv[1-4]_*",), recompute=recompute))
    seen = []
    inner = model.conv5_1.forward
    model.conv5_1.forward = lambda x: (seen.append(x), inner(x))[1]
    batch = next(build.train_loader(CONFIG, SHAPES).epoch(0))
    scores = model.train()(network_input(batch.images, "cpu", "float32"))
    F.softmax_cross_entropy(scores, batch.labels).backward()
    assert [x.requires_grad for x in seen] == [False] * len(seen)
    assert all(x.is_leaf for x in seen)
    assert all((p.grad is None) == (not p.requires_grad) for p in model.parameters())


def test_a_run_is_continued_with_the_same_layers_frozen(tmp_path):
    for name, epochs in (("whole", 2), ("parts", 1)):
        (tmp_path / name).mkdir()
        make_trainer(tmp_path / name, epochs=epochs, freeze=("conv*",)).fit()
    state = checkpoint.load(tmp_path / "parts" / "checkpoint.npz")
    assert state.config.freeze == ("conv*",)
    config = dataclasses.replace(state.config, epochs=2)
    model = build_model(config)
    trainer = make_trainer(tmp_path / "parts", epochs=2, freeze=config.freeze)
    assert len(build_optimizer(config, model).learned) == len(trainer.optimizer.learned) < len(list(model.parameters()))
    trainer.restore(state)
    trainer.fit()
    whole, parts = (checkpoint.load(tmp_path / name / "checkpoint.npz") for name in ("whole", "parts"))
    for name in whole.model:
        np.testing.assert_array_equal(whole.model[name], parts.model[name], err_msg=name)


def test_a_network_to_predict_with_asks_nothing_of_the_patterns(tmp_path):
    """They may be of a training in another version, or of a file that somebody wrote."""
    make_trainer(tmp_path).fit()
    state = checkpoint.load(tmp_path / "best.npz")
    config = dataclasses.replace(state.config, freeze=("*",))
    assert all(parameter.requires_grad for parameter in load_model(config, state.model).parameters())


def test_a_checkpoint_of_another_selection_is_refused(tmp_path):
    make_trainer(tmp_path, freeze=("conv*",)).fit()
    state = checkpoint.load(tmp_path / "checkpoint.npz")
    with pytest.raises(UserError, match="does not fit"):
        make_trainer(tmp_path, epochs=2).restore(state)
