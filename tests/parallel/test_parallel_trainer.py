"""The order of gradients, the pieces they go in, and what a rank refuses and shows: another rank does the same here."""

import numpy as np
import pytest
from parallel.test_gpus import Twin, make_trainer, steps

import minifcn.functional as F
from minifcn import Tensor
from minifcn.autograd import backward_pass
from minifcn.data import Sample
from minifcn.errors import UserError
from minifcn.training.parallel import in_order_of_completion, laid_out_as


def leaf(value):
    return Tensor(value, requires_grad=True)


class TestOrderOfCompletion:
    def test_a_gradient_comes_as_soon_as_it_is_complete(self):
        """Behind the operation that used the leaf, and not at the end, behind those that made its other input."""
        w, v, x = leaf(2.0), leaf(3.0), Tensor(5.0)
        product = x * w
        loss = F.relu(product) * v
        assert in_order_of_completion(loss) == [v, w]
        place = {tensor: number for number, (tensor, _) in enumerate(backward_pass([loss], [None]))}
        assert place[v] < place[product] < place[w]

    def test_a_leaf_that_is_used_twice_waits_for_its_first_use(self):
        w, v = leaf(2.0), leaf(3.0)
        loss = (w * v) * w
        assert in_order_of_completion(loss) in ([w, v], [v, w])
        gradients = {tensor: g.item() for tensor, g in backward_pass([loss], [None]) if tensor.is_leaf}
        assert gradients == {w: 12.0, v: 4.0}

    def test_what_needs_no_gradient_is_left_out(self):
        w, fixed = leaf(2.0), Tensor(3.0)
        assert in_order_of_completion(w * fixed) == [w]


@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (0, 3, 1, 2), (3, 2, 1, 0)])
def test_a_part_of_a_piece_is_laid_out_as_its_parameter(axes, rng):
    array = rng.standard_normal((2, 3, 4, 5)).transpose(axes)
    part = laid_out_as(array, np.zeros(array.size))
    assert (part.shape, part.strides) == (array.shape, array.strides)


def test_pieces_begin_with_the_last_layers(tmp_path):
    trainer = make_trainer(tmp_path, "cpu", Twin())
    trainer.step(next(steps(trainer)))
    names = {parameter: name for name, parameter in trainer.model.named_parameters()}
    order = [names[parameter].partition(".")[0] for parameter in trainer.accumulation.places]
    assert order[0] == "upscore8"
    assert order[-1] == "conv1_1"
    assert [*dict.fromkeys(order)].index("fc7") < [*dict.fromkeys(order)].index("conv5_1")


@pytest.mark.parametrize("early", [False, True])
def test_the_first_piece_goes_while_the_pass_goes_on_if_so_asked(tmp_path, monkeypatch, early):
    monkeypatch.setattr("minifcn.training.parallel.PIECE", 1 << 12)
    comm = Twin()
    trainer = make_trainer(tmp_path, "cpu", comm)
    first, second = steps(trainer)
    trainer.step(first)
    gradients, complete = trainer.accumulation, []
    gradients.whole[:] = np.nan
    gradients.early = early
    monkeypatch.setattr(comm, "Iallreduce", lambda _, piece: complete.append(not np.isnan(gradients.whole).any()))
    trainer.step(second)
    assert len(complete) == len(gradients.pieces) > 3
    assert complete[0] is not early
    assert complete[-1]


def test_the_progress_tells_of_all_ranks(tmp_path):
    trainer = make_trainer(tmp_path, "cpu", Twin())
    trainer.seen = 10
    assert trainer._shown().endswith(" images/s on 2 ranks")
    assert float(trainer._shown().split(", ")[1].split()[0]) > 0


def test_images_of_different_sizes_are_refused_without_padding(tmp_path):
    trainer = make_trainer(tmp_path, "cpu", Twin())
    trainer.loader.pad = False
    trainer.loader.transform = lambda sample, rng: Sample(sample.image[:-1], sample.label[:-1], sample.name)
    gather = trainer.ranks.comm.Iallgather

    def larger(own, found):
        gather(own, found)
        found[1, 1] += 1  # the height of the other rank's images

    trainer.ranks.comm.Iallgather = larger
    with pytest.raises(UserError, match="different sizes; make train_loader with pad=True"):
        trainer.train_epoch()


@pytest.mark.parametrize(
    ("who", "said"), [([1], "rank 1 of 2 was"), ([0, 1], "the job was")], ids=["another rank", "all ranks"]
)
def test_a_stop_saves_and_names_who_was_asked(tmp_path, who, said):
    trainer = make_trainer(tmp_path, "cpu", Twin())
    gather = trainer.ranks.comm.Iallgather

    def asked(own, found):
        gather(own, found)
        found[who, 4 if own.size > 1 else 0] = 1  # of a meeting, and of who was asked

    trainer.ranks.comm.Iallgather = asked
    with pytest.raises(KeyboardInterrupt, match=rf"{said} interrupted; .* at iteration 0"):
        trainer.fit()
    assert (tmp_path / "checkpoint.npz").exists()
