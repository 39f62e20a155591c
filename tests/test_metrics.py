"""The confusion matrix and everything that is read off it."""

import numpy as np
import pytest
import standin

from minifcn import Tensor
from minifcn.backend import to_device
from minifcn.metrics import ConfusionMatrix

LABELS = np.array([0, 0, 0, 1, 1, 255, 2, 2])
PREDICTIONS = np.array([0, 0, 1, 1, 0, 2, 2, 3])  # class 3 is predicted but never true, class 4 is neither
NAN = float("nan")


@pytest.fixture
def confusion():
    matrix = ConfusionMatrix(5)
    matrix.update(LABELS, PREDICTIONS)
    return matrix


def test_rows_are_the_truth_and_columns_the_predictions(confusion):
    expected = [[2, 1, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert confusion.matrix.dtype == np.int64
    assert confusion.matrix.tolist() == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pixel_accuracy", 4 / 7),
        ("class_accuracy", [2 / 3, 1 / 2, 1 / 2, NAN, NAN]),
        ("mean_accuracy", 5 / 9),
        ("iou", [1 / 2, 1 / 3, 1 / 2, 0, NAN]),
        ("mean_iou", 1 / 3),
        ("frequency_weighted_iou", 0.4523809523809524),  # (3 · 1/2 + 2 · 1/3 + 2 · 1/2) / 7
    ],
)
def test_measures_of_the_paper(confusion, name, expected):
    np.testing.assert_allclose(getattr(confusion, name), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "average", "expected"),
    [
        ("precision", None, [2 / 3, 1 / 2, 1, 0, NAN]),
        ("precision", "macro", (2 / 3 + 1 / 2 + 1) / 4),
        ("precision", "weighted", (3 * 2 / 3 + 2 * 1 / 2 + 2 * 1) / 7),
        ("recall", None, [2 / 3, 1 / 2, 1 / 2, 0, NAN]),
        ("recall", "macro", (2 / 3 + 1 / 2 + 1 / 2) / 4),
        ("recall", "weighted", 4 / 7),
        ("f1", None, [2 / 3, 1 / 2, 2 / 3, 0, NAN]),
        ("f1", "macro", (2 / 3 + 1 / 2 + 2 / 3) / 4),
        ("f1", "weighted", (3 * 2 / 3 + 2 * 1 / 2 + 2 * 2 / 3) / 7),
    ],
)
def test_precision_recall_and_f1_are_those_of_scikit_learn_with_zero_division_0(confusion, name, average, expected):
    np.testing.assert_allclose(getattr(confusion, name)(average), expected, rtol=1e-12)


def test_a_class_that_is_never_predicted_has_precision_0():
    confusion = ConfusionMatrix(2)
    confusion.update(np.array([0, 1]), np.array([0, 0]))
    assert confusion.precision(None).tolist() == [0.5, 0.0]
    assert confusion.precision("macro") == 0.25


def test_measures_agree_with_counting_class_by_class(rng):
    labels, predictions = rng.integers(0, 6, (2, 200))
    labels[labels == 2] = 255
    labels[labels == 4], predictions[predictions == 4] = 255, 0
    confusion = ConfusionMatrix(6)
    confusion.update(labels, predictions)

    iou, accuracy, precision, frequency = {}, {}, {}, {}
    for kind in range(6):
        truth, predicted = labels == kind, (predictions == kind) & (labels != 255)
        if (truth | predicted).any():
            iou[kind] = (truth & predicted).sum() / (truth | predicted).sum()
            precision[kind] = (truth & predicted).sum() / max(1, predicted.sum())
            frequency[kind] = truth.sum() / (labels != 255).sum()
        if truth.any():
            accuracy[kind] = (truth & predicted).sum() / truth.sum()
    assert list(iou) == [0, 1, 2, 3, 5]
    assert list(accuracy) == [0, 1, 3, 5]
    assert confusion.mean_iou == pytest.approx(np.mean(list(iou.values())))
    assert confusion.mean_accuracy == pytest.approx(np.mean(list(accuracy.values())))
    assert confusion.frequency_weighted_iou == pytest.approx(sum(frequency[kind] * iou[kind] for kind in iou))
    assert confusion.precision("macro") == pytest.approx(np.mean(list(precision.values())))
    assert confusion.precision() == pytest.approx(sum(frequency[kind] * precision[kind] for kind in precision))


def test_an_unknown_average_is_refused(confusion):
    with pytest.raises(ValueError, match='"weighted", "macro" or None, got \'micro\''):
        confusion.precision("micro")


def test_without_a_counted_pixel_every_measure_is_nan():
    confusion = ConfusionMatrix(2)
    confusion.update(np.full((2, 2), 255), np.zeros((2, 2), int))
    assert all(np.isnan(value) for value in confusion.measures().values())


@pytest.mark.parametrize("labels_dtype", [np.uint8, np.int64])
@pytest.mark.parametrize("predictions_dtype", [np.uint8, np.int32, np.int64])
def test_counts_do_not_depend_on_the_integer_type(confusion, labels_dtype, predictions_dtype):
    other = ConfusionMatrix(5)
    other.update(LABELS.astype(labels_dtype), PREDICTIONS.astype(predictions_dtype))
    np.testing.assert_array_equal(other.matrix, confusion.matrix)


def test_counts_agree_with_counting_one_by_one(rng):
    labels, predictions = rng.integers(0, 4, (2, 3, 5, 7))
    labels[0, 0] = 9
    expected = np.zeros((4, 4), int)
    for label, prediction in zip(labels.flat, predictions.flat, strict=True):
        if label != 9:
            expected[label, prediction] += 1
    confusion = ConfusionMatrix(4, ignore_index=9)
    confusion.update(labels, predictions)
    np.testing.assert_array_equal(confusion.matrix, expected)


def test_an_ignore_index_among_the_classes_is_ignored():
    confusion = ConfusionMatrix(3, ignore_index=1)
    confusion.update(np.array([0, 1, 2]), np.array([0, 0, 1]))
    assert confusion.matrix.tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_merging_equals_updating_with_both(confusion):
    first, second = ConfusionMatrix(5), ConfusionMatrix(5)
    first.update(LABELS[:3], PREDICTIONS[:3])
    second.update(LABELS[3:], PREDICTIONS[3:])
    first.merge(second)
    np.testing.assert_array_equal(first.matrix, confusion.matrix)


def test_matrices_of_other_sizes_are_not_merged(confusion):
    with pytest.raises(ValueError, match="cannot merge 3 classes into 5"):
        confusion.merge(ConfusionMatrix(3))


@pytest.mark.parametrize(
    ("labels", "predictions", "error", "message"),
    [
        pytest.param([0, 1], [0, 1, 1], ValueError, r"shape \(2,\) and predictions \(3,\)", id="shapes"),
        pytest.param([0, 3], [0, 1], ValueError, r"labels contain 3, .* 0\.\.2", id="label-too-large"),
        pytest.param([0, -1], [0, 1], ValueError, "labels contain -1", id="label-negative"),
        pytest.param([0, 1], [0, 3], ValueError, "predictions contain 3", id="prediction-too-large"),
        pytest.param([0, 1], [0, 255], ValueError, "predictions contain 255", id="prediction-is-ignore-index"),
        pytest.param([0, 1], [0.0, 1.0], TypeError, "predictions are class indices", id="scores"),
        pytest.param([True, False], [0, 1], TypeError, "labels are class indices, .* dtype is bool", id="booleans"),
        pytest.param([2**63 + 7], [0], ValueError, "labels contain 9223372036854775815, which", id="beyond-int64"),
    ],
)
def test_wrong_input_is_named_and_counts_nothing(labels, predictions, error, message):
    confusion = ConfusionMatrix(3)
    with pytest.raises(error, match=message):
        confusion.update(np.array(labels), np.array(predictions))
    assert confusion.matrix.sum() == 0


def test_a_prediction_at_an_ignored_pixel_may_be_anything():
    confusion = ConfusionMatrix(3)
    confusion.update(np.array([255]), np.array([77]))
    assert confusion.matrix.sum() == 0


def test_the_table_is_aligned(confusion):
    lines = str(confusion).splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "pixel accuracy",
        "mean accuracy",
        "mean IoU",
        "frequency-weighted IoU",
        "precision (weighted)",
        "recall (weighted)",
        "F1 (weighted)",
    ]
    assert len(set(map(len, lines))) == 1
    assert lines[2].endswith("0.3333")


def test_lists_tensors_and_arrays_count_alike(confusion):
    for convert in (np.ndarray.tolist, Tensor, lambda a: a.reshape(2, 1, 4)):
        other = ConfusionMatrix(5)
        other.update(convert(LABELS), convert(PREDICTIONS))
        np.testing.assert_array_equal(other.matrix, confusion.matrix)


@pytest.mark.parametrize("shape", [(0,), (0, 4, 4), (2, 0, 4)], ids=str)
def test_images_without_pixels_change_nothing(confusion, shape):
    before = confusion.matrix.copy()
    confusion.update(np.zeros(shape, "uint8"), np.zeros(shape, int))
    np.testing.assert_array_equal(confusion.matrix, before)


@pytest.mark.parametrize("ignore_index", [-1, 300, np.uint8(255), np.int64(-1)], ids=repr)
def test_an_ignore_index_that_the_labels_cannot_have_ignores_nothing_else(ignore_index):
    """Of -1 a uint8 would have 255, and of 300 44."""
    labels = np.array([0, 44, 255 if ignore_index != 255 else 44], "uint8")
    confusion = ConfusionMatrix(256, ignore_index)
    confusion.update(labels, labels)
    assert confusion.matrix.sum() == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((0,), "num_classes must be a whole number of at least 1, got 0"),
        ((-3,), "num_classes must be a whole number of at least 1, got -3"),
        (("3",), "num_classes must be a whole number of at least 1, got '3'"),
        ((3.0,), r"num_classes must be a whole number of at least 1, got 3\.0"),
        ((3, None), "ignore_index must be a whole number, got None"),
        ((3, 255.0), r"ignore_index must be a whole number, got 255\.0"),
    ],
    ids=repr,
)
def test_settings_that_are_no_whole_numbers_are_refused(settings, message):
    with pytest.raises(ValueError, match=f"ConfusionMatrix: {message}"):
        ConfusionMatrix(*settings)


def test_labels_and_predictions_in_two_places_are_refused(gpu):
    labels = to_device(LABELS, gpu)
    for arguments in ((labels, PREDICTIONS), (LABELS, Tensor(labels))):
        with pytest.raises(TypeError, match=r"labels are on (cpu|cuda:0) and predictions on .*; pass minifcn.to_host"):
            ConfusionMatrix(5).update(*arguments)


@pytest.mark.parametrize("ignore_index", [255, 0, -1])
@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_a_gpu_counts_by_itself(gpu, rng, ignore_index, dtype):
    labels, predictions = rng.integers(0, 5, (2, 3, 20, 30)).astype(dtype)
    labels[0, :5] = max(ignore_index, 0)
    here, there = (ConfusionMatrix(5, ignore_index) for _ in range(2))
    here.update(labels, predictions)
    there.update(to_device(labels, gpu), Tensor(to_device(predictions, gpu)))
    np.testing.assert_array_equal(there.matrix, here.matrix)


def test_only_the_counts_come_to_the_host(stand_in):
    labels, predictions = to_device(LABELS, stand_in), to_device(PREDICTIONS, stand_in)
    with standin.forbid("h2d"), standin.count() as events:
        ConfusionMatrix(5).update(labels, predictions)
    assert events["d2h"] == 1


@pytest.mark.parametrize(("labels", "predictions"), [([0, 7], [0, 0]), ([0, 1], [0, 5]), ([0, 1], [-1, 0])])
def test_a_gpu_says_what_is_no_class_as_the_host_does(gpu, labels, predictions):
    arrays, messages = [np.array(labels), np.array(predictions)], []
    for device in ("cpu", gpu):
        matrix = ConfusionMatrix(5)
        with pytest.raises(ValueError, match=r"contain .*, which is no class 0\.\.4") as error:
            matrix.update(*(to_device(a, device) for a in arrays))
        messages.append(str(error.value))
        assert not matrix.matrix.any()
    assert messages[0] == messages[1]


def test_what_is_no_confusion_matrix_is_not_merged(confusion):
    with pytest.raises(TypeError, match="only another ConfusionMatrix can be merged, got ndarray"):
        confusion.merge(confusion.matrix)
