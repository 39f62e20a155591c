"""Predictions come back at the size of the photograph; void does not count."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import numpy as np
import pytest

from minifcn import models, nn
from minifcn.autograd import Tensor
from minifcn.data import Batch, DataLoader, Dataset, Normalize, Sample
from minifcn.explain import diagnose_network
from minifcn.metrics import ConfusionMatrix
from minifcn.training import evaluate, predict


class Brightness(nn.Module):
    """Scores of three classes: dark, bright, and one that never wins."""

    def forward(self, x):
        value = x.data.mean(axis=1, keepdims=True)
        return Tensor(np.concatenate([-value, value, -9 - abs(value)], axis=1))


def normalize(image):
    return (image.astype("float32") - 128).transpose(2, 0, 1)


HALVES = np.repeat(np.where(np.arange(40) < 20, 0, 255).astype("uint8")[None, :, None], 24, axis=0).repeat(3, axis=2)


@pytest.mark.parametrize("size", [None, (24, 40), (12, 20), (48, 80), (7, 90)])
def test_a_prediction_has_the_size_of_the_image_whatever_the_network_sees(size):
    label = predict(Brightness(), HALVES, normalize, size=size)
    assert label.dtype == np.uint8
    np.testing.assert_array_equal(label, HALVES[..., 0] == 255)


def test_predict_leaves_the_model_in_the_mode_it_was_in():
    model = Brightness()
    predict(model, HALVES, normalize)
    assert model.training
    predict(model.eval(), HALVES, normalize)
    assert not model.training


def test_evaluate_counts_every_pixel_that_is_not_void():
    label = (HALVES[..., 0] == 255).astype("uint8")
    label[:4] = 255
    label[4] = 0
    batch = Batch(normalize(HALVES)[None], label[None], ("halves",), ((24, 40),))
    matrix, loss = evaluate(Brightness(), [batch, batch])
    np.testing.assert_array_equal(matrix.matrix, 2 * np.array([[20 * 20, 20, 0], [0, 19 * 20, 0], [0, 0, 0]]))
    # The 20 wrong pixels of 800 cost 255, the right ones nothing.
    assert loss == pytest.approx(20 * 254 / 800, rel=1e-2)


class TestModes:
    """Every module comes back in the mode it was in, whatever happens."""

    class Failing(Brightness):
        def __init__(self):
            self.frozen, self.drop = nn.Dropout(0.5).eval(), nn.Dropout(0.5)

        def forward(self, x):
            assert not any(module.training for _, module in self.named_modules())
            raise KeyboardInterrupt

    @pytest.mark.parametrize(
        "use",
        [
            lambda model: predict(model, HALVES, normalize),
            lambda model: evaluate(model, [batch_of(HALVES)]),
            lambda model: diagnose_network(model, Tensor(normalize(HALVES)[None])),
        ],
        ids=["predict", "evaluate", "diagnose_network"],
    )
    @pytest.mark.parametrize("fails", [False, True], ids=["done", "failed"])
    def test_stay_as_they_were(self, use, fails):
        model = self.Failing()
        model.relu = nn.ReLU().eval()
        if not fails:
            model.forward = lambda x: Brightness.forward(model, x)
        before = [module.training for _, module in model.named_modules()]
        assert set(before) == {False, True}
        with pytest.raises(KeyboardInterrupt) if fails else nullcontext():
            use(model)
        assert [module.training for _, module in model.named_modules()] == before


class Photos(Dataset):
    """Noise in the given sizes, with noise as labels."""

    class_names, palette = ("a", "b", "c"), np.eye(3, dtype=np.uint8) * 255

    def __init__(self, *sizes):
        self.sizes = sizes

    def __len__(self):
        return len(self.sizes)

    def __getitem__(self, index):
        rng, size = np.random.default_rng(index), self.sizes[index]
        image, label = rng.integers(0, 256, (*size, 3), dtype=np.uint8), rng.integers(0, 3, size, dtype=np.uint8)
        return Sample(image, label, str(index))


MIXED = Photos((70, 90), (130, 150), (70, 90), (40, 150), (130, 150), (33, 31))
ALIKE = Photos(*[(48, 64)] * 6)


@pytest.fixture(scope="module", params=["aligned", "paper"])
def noisy(request):
    """A network whose every number counts: biases too, so that a map over padding is not zero."""
    rng = np.random.default_rng(0)
    net = models.FCN8s(3, width=1 / 32, variant=request.param)
    for name, parameter in net.named_parameters():
        if name.startswith("score") or name.endswith("bias"):
            parameter.data[...] = rng.normal(size=parameter.shape) / 4
    return net


class TestAnImageIsScoredAsIfAlone:
    @pytest.mark.parametrize("photos", [MIXED, ALIKE], ids=["mixed sizes", "one size"])
    @pytest.mark.parametrize("pad", [False, True], ids=["", "padded"])
    @pytest.mark.parametrize("batch_size", [2, 3, 6])
    def test_whatever_shares_its_batch(self, noisy, photos, pad, batch_size):
        expected, expected_loss = evaluate(noisy, DataLoader(photos, 1).epoch(0))
        matrix, loss = evaluate(noisy, DataLoader(photos, batch_size, pad=pad).epoch(0))
        np.testing.assert_array_equal(matrix.matrix, expected.matrix)
        assert loss == pytest.approx(expected_loss, rel=1e-14)  # only the order of the images differs

    def test_by_predict_as_well(self, noisy):
        matrix, _ = evaluate(noisy, DataLoader(MIXED, 6, pad=True).epoch(0))
        alone = ConfusionMatrix(3)
        for sample in (MIXED[i] for i in range(len(MIXED))):
            alone.update(sample.label, predict(noisy, sample.image, Normalize()))
        np.testing.assert_array_equal(matrix.matrix, alone.matrix)

    def test_in_batches_of_one_size_that_a_network_is_given_directly(self, noisy):
        with nn.evaluating(noisy):
            for batch in DataLoader(MIXED, 6).epoch(0):
                scores = noisy(Tensor(batch.images)).data
                for i, name in enumerate(batch.names):
                    alone = noisy(Tensor(Normalize()(MIXED[int(name)].image)[None])).data[0]
                    np.testing.assert_allclose(scores[i], alone, rtol=0, atol=1e-5 * abs(alone).max())

    def test_while_padding_would_change_scores(self, noisy):
        (batch,) = DataLoader(MIXED, 6, pad=True).epoch(0)
        with nn.evaluating(noisy):
            padded = noisy(Tensor(batch.images)).data[0, :, :70, :90]
            alone = noisy(Tensor(batch.images[:1, :, :70, :90])).data[0]
        assert abs(padded - alone).max() > 1e-2 * abs(alone).max()

    def test_the_loss_is_the_mean_over_the_images_that_have_a_label(self, noisy):
        batch = next(DataLoader(ALIKE, 2).epoch(0))
        losses = [
            evaluate(noisy, [Batch(batch.images[i : i + 1], batch.labels[i : i + 1], ("",), ((48, 64),))])[1]
            for i in range(2)
        ]
        assert evaluate(noisy, [batch])[1] == pytest.approx(np.mean(losses), rel=1e-14)
        batch.labels[1] = 255
        assert evaluate(noisy, [batch])[1] == losses[0]
        batch.labels[0] = 255
        assert np.isnan(evaluate(noisy, [batch])[1])

    def test_sizes_that_do_not_belong_to_the_images_are_refused(self, noisy):
        batch = next(DataLoader(ALIKE, 2).epoch(0))
        with pytest.raises(ValueError, match="shorter"):
            evaluate(noisy, [Batch(batch.images, batch.labels, batch.names, batch.sizes[:1])])


@pytest.mark.parametrize(("classes", "dtype"), [(255, "uint8"), (256, "uint8"), (257, "uint16"), (300, "uint16")])
@pytest.mark.parametrize("size", [None, (3, 5)], ids=["", "resized"])
def test_the_last_of_many_classes_is_not_cut_to_a_byte(classes, dtype, size):
    class Last(nn.Module):
        def forward(self, x):
            scores = np.zeros((1, classes, *x.shape[2:]), "float32")
            scores[:, -1] = 1
            return Tensor(scores)

    label = predict(Last(), HALVES, normalize, size=size)
    assert label.dtype == dtype
    assert (label == classes - 1).all()


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (HALVES / 255, r"float64 \(24, 40, 3\)"),
        (HALVES[..., 0], r"uint8 \(24, 40\)"),
        (HALVES.transpose(2, 0, 1), r"uint8 \(3, 24, 40\)"),
        (np.zeros((24, 40, 4), np.uint8), r"uint8 \(24, 40, 4\)"),
        (HALVES.tolist(), "a list"),
        (Tensor(HALVES), "a Tensor"),
    ],
    ids=["floating", "grey", "channels first", "alpha", "list", "tensor"],
)
def test_predict_takes_an_image_as_it_is_read(image, found):
    with pytest.raises(ValueError, match=rf"^predict: image must be a uint8 array \(H, W, 3\), got {found}; data.read"):
        predict(Brightness(), image, normalize)


@pytest.mark.parametrize("size", [(0, 3), (3,), "32x32", (3.5, 2), (2, 3, 4), 0], ids=str)
def test_predict_refuses_an_impossible_size(size):
    with pytest.raises(
        ValueError, match=r"^predict: size must be a whole number of at least 1, or a pair of them, got"
    ):
        predict(Brightness(), HALVES, normalize, size=size)


@pytest.mark.parametrize(
    ("batches", "fix"),
    [
        (next(DataLoader(ALIKE, 2).epoch(0)), r"a Batch; pass \[batch\]"),
        (ALIKE, "a Photos; call evaluate_dataset"),
        (2, r"a int; pass loader.epoch\(0\)"),
    ],
    ids=["batch", "data set", "number"],
)
def test_evaluate_takes_the_batches_of_an_epoch(batches, fix):
    with pytest.raises(TypeError, match=f"^evaluate: batches must be an iterable of Batch, got {fix}"):
        evaluate(Brightness(), batches)


def batch_of(image):
    """A batch of one image whose label is 0."""
    return Batch(normalize(image)[None], np.zeros((1, *image.shape[:2]), np.uint8), ("image",), (image.shape[:2],))


def test_predictions_in_several_threads_are_those_of_one():
    """Of a model in training mode, as it is made: dropout stays off until the last thread is done."""
    net = models.FCN8s(3, width=1 / 32, rng=np.random.default_rng(0))
    for name, parameter in net.named_parameters():
        if name.startswith("score"):
            parameter.data[...] = np.random.default_rng(1).normal(size=parameter.shape)
    images = [MIXED[i].image for i in range(len(MIXED))] * 3
    expected = [predict(net, image, Normalize()) for image in images]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda image: predict(net, image, Normalize()), images))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert all(module.training for _, module in net.named_modules())


class ScoresAsAnArray(Brightness):
    def forward(self, x):
        return super().forward(x).data


class NoClasses(Brightness):
    def forward(self, x):
        return super().forward(x)[:, :0]


class MoreClassesEachTime(Brightness):
    classes = 3

    def forward(self, x):
        self.classes += 1
        return Tensor(np.zeros((1, self.classes, *x.shape[2:]), "float32"))


def test_evaluate_refuses_a_network_whose_number_of_classes_changes():
    batch = batch_of(HALVES)
    with pytest.raises(ValueError, match=r"^evaluate: the model gave scores of 4 classes, but of 5 in batch 1"):
        evaluate(MoreClassesEachTime(), [batch, batch])


@pytest.mark.parametrize("dtype", [complex, object, bool])
def test_images_that_are_no_real_numbers_are_refused(dtype):
    with pytest.raises(TypeError, match=r"^network_input: images must be an array \(N, 3, H, W\) of real numbers, got"):
        predict(Brightness(), HALVES, lambda image: normalize(image).astype(dtype))


class ScoresTwice(Brightness):
    def forward(self, x):
        return super().forward(x), x


@pytest.mark.parametrize(
    ("model", "found"),
    [(ScoresAsAnArray(), "a ndarray"), (ScoresTwice(), "a tuple"), (NoClasses(), r"shape \(1, 0, 24, 40\)")],
    ids=["array", "tuple", "no classes"],
)
def test_what_is_no_map_of_scores_is_refused(model, found):
    with pytest.raises(TypeError, match=f"^predict: the model must turn images .* into a Tensor .*, got {found}$"):
        predict(model, HALVES, normalize)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: (b.images, b.labels), "batch 0 is a tuple, not a Batch; data.DataLoader"),
        (lambda b: Batch(b.images, b.labels[:1], b.names, b.sizes), "batch 0 has 2 images, 1 labels and 2 sizes"),
        (lambda b: Batch(b.images, b.labels, b.names, ((4, 6), (5, 6))), r"batch 0 has an image of size \(5, 6\), but"),
        (
            lambda b: Batch(b.images, b.labels, b.names, ((4, 6), (-1, 6))),
            r"batch 0 has an image of size \(-1, 6\), but",
        ),
        (
            lambda b: Batch(b.images[0], b.labels, b.names, b.sizes),
            r"batch 0: images must be an array \(N, C, H, W\), got float32 \(3, 4, 6\)",
        ),
        (
            lambda b: Batch(b.images, b.labels.tolist(), b.names, b.sizes),
            r"batch 0: labels must be an array \(N, H, W\), got a list",
        ),
    ],
    ids=["tuple", "a label is missing", "larger than its image", "negative", "one image", "a list"],
)
def test_batches_whose_parts_do_not_belong_together_are_refused(change, message):
    batch = Batch(np.zeros((2, 3, 4, 6), "float32"), np.zeros((2, 4, 6), "uint8"), ("a", "b"), ((4, 6), (4, 6)))
    with pytest.raises((TypeError, ValueError), match=f"^evaluate: {message}"):
        evaluate(Brightness(), [change(batch)])


def test_evaluate_counts_the_classes_and_takes_the_dtype_of_the_network(noisy):
    expected, expected_loss = evaluate(noisy, DataLoader(ALIKE, 2).epoch(0))
    wide = models.FCN8s(3, width=1 / 32, variant="paper" if noisy.paper else "aligned").astype("float64")
    wide.load_state_dict(noisy.state_dict())
    matrix, loss = evaluate(wide, DataLoader(ALIKE, 2).epoch(0))
    assert matrix.matrix.shape == (3, 3)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    assert abs(matrix.matrix - expected.matrix).sum() < 10  # near ties


def test_evaluate_and_predict_find_the_device_of_the_network(gpu):
    net = models.FCN32s(3, width=1 / 64).to(gpu)
    _, loss = evaluate(net, DataLoader(ALIKE, 2).epoch(0))
    assert loss == pytest.approx(np.log(3))
    assert predict(net, HALVES, Normalize()).shape == HALVES.shape[:2]


def test_evaluate_refuses_an_epoch_that_is_used_up():
    epoch = DataLoader(ALIKE, 2).epoch(0)
    list(epoch)
    with pytest.raises(ValueError, match=r"^evaluate: batches holds no image; .* pass loader.epoch\(0\)"):
        evaluate(Brightness(), epoch)


def test_evaluate_does_not_take_a_number_of_classes_for_the_ignore_index():
    with pytest.raises(TypeError, match="positional"):
        evaluate(Brightness(), [batch_of(HALVES)], 3)
