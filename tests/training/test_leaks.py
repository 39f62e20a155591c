"""The stand-in is strict enough: leaks planted in a training step, which a CPU does not mind, are found."""

import inspect
import textwrap

import numpy as np
import pytest
import standin
from training.test_devices import make_trainer

import minifcn.functional as F
from minifcn.compute import activation, cross_entropy
from minifcn.training import Trainer, objective

# Where, and what is written instead of what.
LEAKS = {
    "a NumPy constant": (objective, "network_input", "copy=False))", "copy=False) * np.ones((3, 1, 1), 'float32'))"),
    "float(loss)": (Trainer, "step", "return mean", "float(loss.data); return mean"),
    "a loss that is printed": (Trainer, "step", "return mean", "f'{loss.data:.3f}'; return mean"),
    "a mask that is written to": (
        activation,
        "where_positive",
        "return on_vectors(_where_positive, g, y)",
        "result = g.copy(); result[y <= 0] -= g[y <= 0]; return result",
    ),
    "np.add.at": (
        cross_entropy,
        "gradient",
        "difference[xp.arange(len(difference)), labels[part]] -= w[part]",
        "np.add.at(difference, (xp.arange(len(difference)), labels[part]), -w[part])",
    ),
    "a list that is uploaded": (cross_entropy, "losses", "* w[part]", "* xp.asarray([1.0], w.dtype) * w[part]"),
    "label 255 as an index": (F, "softmax_cross_entropy", "classes = xp.where(ignored, 0, labels)", "classes = labels"),
}


@pytest.fixture
def plant(monkeypatch):
    """A function that rewrites a line of another one."""

    def rewrite(owner, name, old, new):
        original = inspect.unwrap(getattr(owner, name))
        source = textwrap.dedent(inspect.getsource(original))
        assert source.count(old) == 1
        namespace = original.__globals__ | {"np": np}
        exec(compile(source.replace(old, new), inspect.getfile(original), "exec"), namespace)
        monkeypatch.setattr(owner, name, namespace[name])

    return rewrite


def step(folder, device):
    """Take a step as a GPU should, with a label that does not count."""
    trainer = make_trainer(folder, device)
    (batch, *_) = trainer.train_loader.epoch(0)
    batch.labels[0, 0, 0] = 255
    trainer.model.train()
    with standin.forbid("sync", "d2h", "atomic"), standin.count() as events:
        trainer.step(batch)
    assert events["h2d"] <= 2  # the images and the labels


def test_without_a_leak_nothing_is_found(tmp_path, stand_in):
    step(tmp_path, stand_in)


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_is_found(leak, plant, tmp_path, stand_in):
    plant(*LEAKS[leak])
    with pytest.raises((standin.ForbiddenEvent, TypeError, IndexError, AssertionError)):
        step(tmp_path, stand_in)


@pytest.mark.parametrize("leak", [name for name in LEAKS if name != "label 255 as an index"])
def test_the_cpu_does_not_mind(leak, plant, tmp_path):
    plant(*LEAKS[leak])
    step(tmp_path, "cpu")
