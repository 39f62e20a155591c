"""`--accumulate` and `--reduction`: several batches make the step of one large one, and Caffe's to the last digit."""

import dataclasses

import numpy as np
import pytest
from caffe_solver import Blob, CaffeSolver
from test_trainer import CONFIG, SHAPES, make_trainer

import minifcn.functional as F
from minifcn import Tensor
from minifcn.data import DataLoader
from minifcn.errors import UserError
from minifcn.training import build, checkpoint

EXACT = {"dtype": "float64", "dropout": 0.0, "width": 1 / 64, "model": "fcn32s"}
CAFFE = {"optimizer": "caffe-sgd", "lr": 0.01, "momentum": 0.9, "weight_decay": 0.0005}


def batches(size):
    return [*DataLoader(SHAPES, size).epoch(0)]


def after(folder, size, **settings):
    """The parameters after a training on the four images, twice, in batches of this size."""
    trainer = make_trainer(folder, batch_size=size, epochs=2, **EXACT, **settings)
    for batch in 2 * batches(size):
        trainer.step(batch)
    return trainer.model.state_dict()


@pytest.mark.parametrize("reduction", ["mean", "batch"])
@pytest.mark.parametrize("optimizer", ["sgd", "caffe-sgd"])
def test_four_batches_of_one_are_one_of_four(tmp_path, optimizer, reduction):
    """The generated images have no pixel that is ignored, so the mean over four is the mean of four means."""
    settings = {"optimizer": optimizer, "lr": 1e-3 if reduction == "mean" else 1e-6, "reduction": reduction}
    expected = after(tmp_path, 4, **settings)
    found = after(tmp_path, 1, accumulate=4, **settings)
    start = build.build_model(dataclasses.replace(CONFIG, **EXACT)).state_dict()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=0, atol=1e-12 * abs(array).max(), err_msg=name)
    assert any((found[name] != start[name]).any() for name in start)


@pytest.mark.parametrize(("reduction", "lr"), [("mean", 0.01), ("batch", 1e-5)])
@pytest.mark.parametrize("bias_rates", ["doubled", "scores", "alike"])
def test_a_step_is_that_of_caffe_written_out(tmp_path, reduction, lr, bias_rates):
    """Clip, Normalize, Regularize, ComputeUpdateValue, update: in tests/caffe_solver.py."""
    settings = CAFFE | {"lr": lr, "reduction": reduction, "bias_rates": bias_rates}
    trainer = make_trainer(tmp_path, batch_size=1, accumulate=2, **EXACT, **settings)
    twin = build.build_model(trainer.config)
    names = [name for name, p in twin.named_parameters() if p.requires_grad]
    twice = {"doubled": "", "scores": "score_", "alike": "none"}[bias_rates]
    faster = [name.endswith(".bias") and name.startswith(twice) for name in names]
    parameters = [p for p in twin.parameters() if p.requires_grad]
    blobs = [Blob(p.data, 1 + fast, 1 - fast) for p, fast in zip(parameters, faster, strict=True)]
    solver = CaffeSolver(blobs, lr, momentum=0.9, weight_decay=0.0005, iter_size=2)
    seen = iter(batches(1))

    def backward(_):
        batch = next(seen)
        twin.zero_grad()
        images = Tensor(batch.images.astype("float64"))
        F.softmax_cross_entropy(twin(images), batch.labels, reduction=reduction).backward()
        return [p.grad.data for p in parameters]

    for batch in batches(1):
        trainer.step(batch)
    for _ in range(2):
        solver.step(backward)
    found = trainer.model.state_dict()
    for name, blob in zip(names, blobs, strict=True):
        np.testing.assert_allclose(found[name], blob.data, rtol=0, atol=1e-12 * abs(blob.data).max(), err_msg=name)


THREES = CAFFE | {"width": 1 / 64, "batch_size": 1, "accumulate": 3, "epochs": 3, "schedule": "poly"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing has interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    make_trainer(folder, **THREES).fit()
    return folder


class TestStepsOfThreeBatches:
    """Of four an epoch: a step goes on from one epoch to the next."""

    def test_are_counted_as_iterations(self, whole):
        trainer = make_trainer(whole, **THREES)
        trainer.restore(checkpoint.load(whole / "checkpoint.npz"))
        assert [row["iteration"] for row in trainer.log.rows] == [1, 2, 4]
        assert [row["lr"] for row in trainer.log.rows] == pytest.approx([0.01 * (k / 4) ** 0.9 for k in (4, 3, 1)])

    @pytest.mark.parametrize("batch", [1, 2, 3, 5, 8])
    def test_may_be_interrupted_at_any(self, tmp_path, whole, batch):
        trainer = make_trainer(tmp_path, **THREES)
        step, seen = trainer.step, []

        def counted_step(data):
            seen.append(data)
            trainer.stop_requested = len(seen) == batch
            return step(data)

        trainer.step = counted_step
        with pytest.raises(KeyboardInterrupt):
            trainer.fit()
        state = checkpoint.load(tmp_path / "checkpoint.npz")
        assert bool(state.gradients) == bool(batch % 3)
        again = make_trainer(tmp_path, **THREES)
        again.restore(state)
        again.fit()
        found, expected = (checkpoint.load(folder / "checkpoint.npz") for folder in (tmp_path, whole))
        assert found.position == expected.position
        for part in ("model", "optimizer"):
            for name, array in getattr(expected, part).items():
                np.testing.assert_array_equal(getattr(found, part)[name], array, err_msg=name)

    @pytest.mark.parametrize("wrong", ["missing", "none", "shape", "dtype", "unknown"])
    def test_whose_sums_do_not_fit_are_not_gone_on_with(self, tmp_path, wrong):
        trainer = make_trainer(tmp_path, **THREES)
        (first, *_) = batches(1)
        trainer.position.loss_sum, trainer.position.batch = float(trainer.step(first)), 1
        trainer.save()
        state = checkpoint.load(tmp_path / "checkpoint.npz")
        name = "score_fr.bias"
        change = {
            "missing": lambda sums: sums.pop(name),
            "none": lambda sums: sums.clear(),
            "shape": lambda sums: sums.update({name: sums[name][1:]}),
            "dtype": lambda sums: sums.update({name: sums[name].astype("float64")}),
            "unknown": lambda sums: sums.update(more=sums[name]),
        }
        change[wrong](state.gradients)
        with pytest.raises(UserError, match=r"stands 1 of 3 batches into a step, but its sum of gradients does"):
            make_trainer(tmp_path, **THREES).restore(state)

    def test_that_the_whole_run_cannot_fill_are_refused(self, tmp_path):
        with pytest.raises(UserError, match="--accumulate is 13, but the run has 12 batches in all, too few for one"):
            make_trainer(tmp_path, **THREES | {"accumulate": 13})


@pytest.mark.parametrize("weights", [(), (1.0, 2.0, 0.5, 1.0, 1.0, 3.0)], ids=["alike", "weighed"])
def test_the_loss_that_is_shown_is_the_mean_whatever_the_reduction(tmp_path, weights):
    """A batch where half of the pixels are ignored."""
    (batch, *_) = batches(2)
    batch.labels[:, :16] = CONFIG.ignore_index
    settings = {"class_weights": "by hand", "loss_weights": weights} if weights else {}
    mean, summed = (
        make_trainer(tmp_path, reduction=reduction, **EXACT, **settings).step(batch) for reduction in ("mean", "batch")
    )
    assert float(summed) == pytest.approx(float(mean), rel=1e-12)


def test_a_batch_without_a_pixel_that_counts_has_no_loss(tmp_path):
    (batch, *_) = batches(2)
    batch.labels[:] = CONFIG.ignore_index
    assert float(make_trainer(tmp_path, reduction="batch", **EXACT).step(batch)) == 0
