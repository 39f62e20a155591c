"""A data set is measured at the size of its labels, whatever size the network sees."""

import io

import numpy as np
import pytest
import test_tiles
from PIL import Image

from minifcn import models
from minifcn.autograd import Tensor
from minifcn.data import DataLoader, Dataset, Normalize, Sample, Shapes
from minifcn.errors import UserError
from minifcn.nn import evaluating
from minifcn.training import evaluate, evaluate_dataset


class Photos(Dataset):
    """Noise in several sizes; the last image has nothing but void."""

    class_names, palette = ("a", "b", "c"), np.eye(3, dtype=np.uint8) * 255
    sizes = ((30, 41), (64, 48), (1, 1), (9, 9))

    def __len__(self):
        return len(self.sizes)

    def __getitem__(self, index):
        rng, size = np.random.default_rng(index), self.sizes[index]
        label = rng.choice([0, 1, 2, 255], size).astype(np.uint8)
        label[0, 0] = 1
        label = label if index < 3 else np.full(size, 255, np.uint8)
        return Sample(rng.integers(0, 256, (*size, 3), dtype=np.uint8), label, str(index))


@pytest.fixture(scope="module")
def net():
    return test_tiles.noisy(models.FCN8s)


def test_scores_are_brought_to_the_size_of_each_label(net):
    """A plain loop over the images: resize, score, resize each class, compare."""
    counts, losses = np.zeros((3, 3), int), []
    for sample in (Photos()[i] for i in range(3)):
        seen = np.asarray(Image.fromarray(sample.image).resize((40, 32), Image.Resampling.BILINEAR))
        with evaluating(net):
            scores = net(Tensor(Normalize()(seen)[None])).data[0]
        height, width = sample.label.shape
        planes = [Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR) for plane in scores]
        scores = np.stack([np.asarray(plane) for plane in planes]).astype("float64")
        counted = sample.label != 255
        np.add.at(counts, (sample.label[counted], scores.argmax(axis=0)[counted]), 1)
        log_softmax = scores - np.log(np.exp(scores).sum(axis=0))
        true = np.take_along_axis(log_softmax, np.minimum(sample.label, 2)[None].astype(int), axis=0)[0]
        losses.append(-true[counted].mean())
    matrix, loss = evaluate_dataset(net, Photos(), size=(32, 40))
    assert abs(matrix.matrix - counts).sum() <= 4  # near ties
    assert loss == pytest.approx(np.mean(losses), rel=1e-5)


def test_the_size_may_depend_on_that_of_the_image(net):
    asked = []
    matrix, loss = evaluate_dataset(net, Photos(), size=lambda size: asked.append(size) or (32, 40))
    expected, expected_loss = evaluate_dataset(net, Photos(), size=(32, 40))
    np.testing.assert_array_equal(matrix.matrix, expected.matrix)
    assert loss == expected_loss
    assert asked == [sample.label.shape for sample in (Photos()[i] for i in range(len(Photos())))]


def test_of_images_as_they_are_it_measures_what_evaluate_does(net):
    expected, expected_loss = evaluate(net, DataLoader(Photos(), 1).epoch(0))
    matrix, loss = evaluate_dataset(net, Photos())
    np.testing.assert_array_equal(matrix.matrix, expected.matrix)
    assert loss == pytest.approx(expected_loss, rel=1e-6)


def test_a_set_without_a_pixel_that_counts_has_no_loss(net):
    class Void(Photos):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return super().__getitem__(3)

    matrix, loss = evaluate_dataset(net, Void())
    assert not matrix.matrix.any()
    assert np.isnan(loss)


def test_it_shows_how_far_it_has_come(net, monkeypatch):
    monkeypatch.setattr("minifcn.progress._SECONDS_BETWEEN_LINES", 0)
    stream = io.StringIO()
    evaluate_dataset(net, Photos(), stream=stream)
    assert [line.split()[:2] for line in stream.getvalue().splitlines()][-1] == ["evaluation", "4/4"]


def test_what_is_no_data_set_is_refused(net):
    with pytest.raises(TypeError, match=r"^evaluate_dataset: dataset must be a data.Dataset, got"):
        evaluate_dataset(net, DataLoader(Photos(), 1))


def test_a_network_of_other_classes_is_refused(net):
    with pytest.raises(ValueError, match=r"^evaluate_dataset: dataset has 5 classes, but the model gave scores of 3$"):
        evaluate_dataset(net, Shapes(1, num_classes=5))


def test_a_sample_with_a_label_out_of_range_is_refused_by_its_name(net):
    class Wrong(Photos):
        def __getitem__(self, index):
            return Sample(np.zeros((4, 4, 3), np.uint8), np.full((4, 4), 7, np.uint8), "wrong")

    with pytest.raises(UserError, match=r"^wrong: label value 7"):
        evaluate_dataset(net, Wrong())


def test_it_runs_on_a_gpu(net, gpu):
    cpu = evaluate_dataset(net, Photos(), size=(32, 40))
    other = test_tiles.noisy(models.FCN8s).to(gpu)
    for found in (evaluate_dataset(other, Photos(), size=(32, 40)), evaluate_dataset(other, Photos())):
        assert found[0].matrix.sum() == cpu[0].matrix.sum()
    assert evaluate_dataset(other, Photos(), size=(32, 40))[1] == pytest.approx(cpu[1], rel=1e-4)
