"""A loader that is looped over, a batch that unpacks, and what they look like as text."""

import numpy as np
import pytest

from minifcn import data, models, nn, training
from minifcn.data import DataLoader, Shapes


def loader(length=5, **settings):
    return DataLoader(Shapes(length, size=16), batch_size=2, **{"shuffle": True, "seed": 3} | settings)


def names(batches):
    return [batch.names for batch in batches]


class TestLoops:
    @pytest.mark.parametrize("prefetch", [0, 2])
    def test_each_is_the_next_epoch(self, prefetch):
        looped, numbered = loader(prefetch=prefetch), loader(prefetch=prefetch)
        found = [names(looped) for _ in range(3)]
        assert found == [names(numbered.epoch(n)) for n in range(3)]
        assert found[0] != found[1] != found[2]

    def test_one_that_is_left_early_was_an_epoch(self):
        looped = loader()
        for _ in looped:
            break
        assert names(looped) == names(loader().epoch(1))

    def test_two_at_once_are_two_epochs(self):
        looped = loader()
        pairs = [(a.names, b.names) for a, b in zip(looped, looped, strict=True)]
        assert [list(each) for each in zip(*pairs, strict=True)] == [names(loader().epoch(n)) for n in (0, 1)]

    def test_those_over_an_epoch_by_number_do_not_count(self):
        looped = loader()
        names(looped.epoch(7))
        assert names(looped) == names(loader().epoch(0))

    def test_have_as_many_batches_as_the_length_says(self):
        looped = loader()
        assert len(list(looped)) == len(looped) == 3

    def test_the_transform_draws_anew_in_each(self):
        looped = loader(1, transform=data.RandomCrop((8, 8)))
        first, second = next(iter(looped)).images, next(iter(looped)).images
        assert not np.array_equal(first, second)
        np.testing.assert_array_equal(second, next(loader(1, transform=data.RandomCrop((8, 8))).epoch(1)).images)

    def test_evaluate_takes_the_loader_itself(self):
        net = models.FCN32s(6, width=1 / 64)
        matrix, _ = training.evaluate(net, loader())
        again, _ = training.evaluate(net, loader().epoch(0))
        np.testing.assert_array_equal(matrix.matrix, again.matrix)


def test_a_batch_unpacks_into_images_and_labels():
    for batch in loader():
        images, labels = batch
        assert images is batch.images
        assert labels is batch.labels
        assert len(batch) == len(images)


@pytest.mark.parametrize("index", [0, "image"])
def test_a_batch_with_brackets_is_told_how_to_take_it_apart(index):
    (batch,) = loader(1)
    with pytest.raises(TypeError, match=r"there is no batch\[.*\]; write images, labels = batch"):
        batch[index]


def test_a_batch_that_is_given_to_a_network_is_told_what_to_give(rng):
    (batch,) = loader(1)
    with pytest.raises(TypeError, match=r"got a Batch; pass Tensor\(batch.images\)$"):
        models.FCN32s(6, width=1 / 64)(batch)
    with pytest.raises(TypeError, match="write images, labels = batch, and pass Tensor"):
        nn.Conv2d(3, 4, 3, rng=rng)(batch)


class TestText:
    def test_of_a_data_set_is_its_length_and_classes(self):
        assert repr(Shapes(1, num_classes=2)) == "Shapes(1 sample, 2 classes: background, disc)"
        assert repr(Shapes(1200)) == "Shapes(1,200 samples, 6 classes: background, disc, square, ...)"

    def test_of_a_data_set_that_is_not_finished_has_no_classes(self):
        class Empty(data.Dataset):
            def __len__(self):
                return 0

            def __getitem__(self, index):
                raise IndexError

        assert repr(Empty()) == "Empty(0 samples)"

    def test_of_a_loader_has_the_settings_that_are_chosen(self):
        made_of = "Shapes(2 samples, 6 classes: background, disc, square, ...), batch_size=2"
        assert repr(loader(2, shuffle=False, seed=0)) == f"DataLoader({made_of})  # 1 batch an epoch"
        assert repr(loader(2, pad=True)) == f"DataLoader({made_of}, seed=3, shuffle=True, pad=True)  # 1 batch an epoch"

    def test_of_a_batch_and_a_sample_has_shapes_and_no_numbers(self):
        (batch,) = loader(1)
        assert repr(batch) == (
            "Batch(images float32 (1, 3, 16, 16), labels uint8 (1, 16, 16), names=('shapes-0-0',), sizes=((16, 16),))"
        )
        sample = "Sample(image uint8 (16, 16, 3), label uint8 (16, 16), name='shapes-0-0', ignore_index=255)"
        assert repr(Shapes(1, size=16)[0]) == sample
