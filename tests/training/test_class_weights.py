"""Class weights of a split small enough to be counted by hand, and a training whose loss has them."""

import dataclasses

import numpy as np
import pytest
from training.test_trainer import CONFIG, SHAPES, make_trainer

import minifcn.functional as F
from minifcn import Tensor, models
from minifcn.data import DataLoader, Dataset, Sample
from minifcn.errors import UserError
from minifcn.metrics import ConfusionMatrix
from minifcn.training import Config, Trainer, build, build_model, build_optimizer, evaluate, weigh_classes
from minifcn.training.class_weights import balanced, count_labels, median_frequency, read_weights
from minifcn.training.validation import check_counted, validate


class Toy(Dataset):
    """Three images of 2x4 pixels: a road everywhere, a wall in two of them, a pole in one, a cat in none."""

    class_names = ("road", "wall", "pole", "cat")
    palette = np.zeros((4, 3), np.uint8)
    labels = (
        [[0, 0, 0, 0], [0, 0, 0, 255]],  # 7 road
        [[0, 0, 1, 1], [0, 0, 1, 1]],  # 4 road, 4 wall
        [[0, 1, 1, 2], [255, 255, 255, 255]],  # 1 road, 2 wall, 1 pole
    )

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        label = np.array(self.labels[index], np.uint8)
        return Sample(np.zeros((*label.shape, 3), np.uint8), label, str(index))


def config_of(dataset, **settings):
    colours = tuple(map(tuple, dataset.palette.tolist()))
    return Config(class_names=dataset.class_names, palette=colours, batch_size=2, **settings)


TOY = config_of(Toy())


def test_pixels_images_and_pixels_around_are_counted_without_those_ignored():
    counts = count_labels(DataLoader(Toy(), 2).epoch(0), 4)
    assert counts.pixels.tolist() == [12, 6, 1, 0]
    assert counts.images.tolist() == [3, 2, 1, 0]
    assert counts.around.tolist() == [19, 12, 4, 0]


def test_a_label_that_is_no_class_is_refused():
    """As where the data set ignores another label than the configuration says."""
    with pytest.raises(UserError, match=r"label 255 is neither a class 0..3 nor ignore_index 11; give"):
        count_labels(DataLoader(Toy(), 2).epoch(0), 4, ignore_index=11)


def test_balanced_gives_each_class_that_occurs_the_same_share():
    """As sklearn.utils.class_weight.compute_class_weight("balanced", ...): 19 pixels of 3 classes."""
    weights = weigh_classes(dataclasses.replace(TOY, class_weights="balanced"), Toy())[0].loss_weights
    assert weights == pytest.approx((19 / (3 * 12), 19 / (3 * 6), 19 / (3 * 1), 0))


def test_median_divides_the_median_frequency_by_that_of_the_class():
    """Frequencies 12/19, 6/12 and 1/4, in the images where the class occurs; the median is 1/2."""
    weights = weigh_classes(dataclasses.replace(TOY, class_weights="median"), Toy())[0].loss_weights
    assert weights == pytest.approx((0.5 * 19 / 12, 1, 2, 0))


@pytest.mark.parametrize("rule", [balanced, median_frequency])
def test_labels_in_which_nothing_counts_have_weights_of_0(rule):
    nothing = count_labels([], 3)
    assert rule(nothing).tolist() == [0, 0, 0]


def test_the_table_says_what_is_common_what_is_rare_and_what_is_missing():
    table = weigh_classes(dataclasses.replace(TOY, class_weights="median"), Toy())[1]
    assert table.splitlines() == [
        "class  pixels  images  weight",
        "road    63.2%       3    0.79",
        "wall    31.6%       2    1.00",
        "pole     5.3%       1    2.00",
        "cat      0.0%       0       0",
        "weight 0: not in the training images, so it cannot be learned",
    ]


@pytest.mark.parametrize(("roads", "said"), [(499, False), (501, True)])
def test_a_class_that_would_steer_the_steps_by_few_pixels_is_named(roads, said):
    class Steep(Toy):
        labels = ([[0] * roads + [2]],)

    table = weigh_classes(dataclasses.replace(TOY, class_weights="balanced"), Steep())[1]
    assert (f"a pixel of pole weighs {roads} times one of road" in table) == said


def test_without_weights_nothing_is_read_and_nothing_said():
    class Unreadable(Toy):
        def __getitem__(self, index):
            raise AssertionError("an image was read")

    assert weigh_classes(TOY, Unreadable()) == (TOY, "")
    known = dataclasses.replace(TOY, class_weights="median", loss_weights=(1.0, 2.0, 3.0, 0.0))
    config, table = weigh_classes(known, Unreadable())
    assert config == known
    assert table.splitlines()[3] == "pole     3.00"


def test_labels_are_counted_as_they_are_resized_and_never_augmented():
    settings = {"class_weights": "balanced", "size": (1, 2), "scale": (0.5, 2.0), "crop": (1, 1), "mirror": True}
    seen = [sample.label for sample in (build.resizing(Config(size=(1, 2)))(Toy()[i], None) for i in range(3))]
    expected = np.bincount(np.concatenate([label[label != 255] for label in seen]), minlength=4)
    weights = np.array(weigh_classes(dataclasses.replace(TOY, **settings), Toy())[0].loss_weights)
    np.testing.assert_allclose(weights[expected > 0], expected.sum() / (expected > 0).sum() / expected[expected > 0])
    np.testing.assert_array_equal(weights > 0, expected > 0)


def test_a_split_in_which_every_pixel_is_ignored_is_refused():
    class Void(Toy):
        labels = ([[255, 255]],)

    with pytest.raises(UserError, match="every pixel of the training labels is to be ignored"):
        weigh_classes(dataclasses.replace(TOY, class_weights="balanced"), Void())


# A file of weights

NAMES = ("road", "wall", "traffic light, red")
FILES = {
    "as documented": 'class,weight\nroad,1\nwall,2.5\n"traffic light, red",0\n',
    "in another order and without a heading": "wall,2.5\r\nroad,1\r\ntraffic light, red,0\r\n",
    "of a spreadsheet elsewhere": "\ufeffName;Weight\nroad;1.0\nwall;25e-1\ntraffic light, red;0\n",
    "with tabs, spaces and empty lines": "road\t1\n\n wall \t 2.5 \ntraffic light, red\t0",
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_a_file_gives_the_weights_by_name(tmp_path, text):
    (tmp_path / "w.csv").write_text(text, "utf-8")
    assert read_weights(tmp_path / "w.csv", NAMES) == (1.0, 2.5, 0.0)


WRONG = {
    "an unknown class": ("road,1\nwal,2\n", "line 2: there is no class 'wal'; the classes are .*did you mean 'wall'"),
    "a missing class": ("road,1\n", "has no weight for wall, traffic light, red"),
    "a class twice": ("road,1\nroad,2\n", "line 2: 'road' has a weight already"),
    "a negative weight": ("road,-1\n", "a weight is a number from 0 up, such as 0.5, but found '-1'"),
    "inf": ("road,inf\n", "but found 'inf'"),
    "nan": ("road,nan\n", "but found 'nan'"),
    "too large": ("road,1e999\n", "but found '1e999'"),
    "more than float32 holds": ("road,1\nwall,1e39\n", "line 2: a weight is 0, or from 1e-30 to 1e30, but found 1e39"),
    "0 in float32": ("road,1e-60\n", "line 1: a weight is 0, or from 1e-30 to 1e30, but found 1e-60"),
    "a word": ("road,much\n", "but found 'much'"),
    "nothing but a name": ("road\n", "line 1: a line reads class,weight, such as .*,0.5, but it is 'road'"),
    "two lines": ("road,-1\nwall,2\nwal,2\n", r"line 1: a weight .* found '-1' \(1 more line is wrong: 3\)"),
    "four lines": ("road\nwal,2\nwall,x\nroad,1\nroad,2\n", r"line 1: .* \(3 more lines are wrong: 2, 3, 5\)"),
    "only zeros": ("road,0\nwall,0\ntraffic light, red,0\n", "all weights are 0"),
    "an empty file": ("", "has no weight for road, wall, traffic"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_a_file_that_cannot_be_right_is_refused_by_line(tmp_path, text, message):
    (tmp_path / "w.csv").write_text(text)
    with pytest.raises(UserError, match=message) as error:
        read_weights(tmp_path / "w.csv", NAMES)
    assert str(error.value).startswith(str(tmp_path / "w.csv"))


def test_a_file_that_is_not_there_is_refused_with_the_nearest_rule(tmp_path):
    with pytest.raises(UserError, match=r"--class-weights balancd: there is no such file.*did you mean 'balanced'"):
        read_weights("balancd", NAMES)


def test_a_binary_file_is_refused(tmp_path):
    (tmp_path / "w.csv").write_bytes(b"\x00\xff\xfe\x81" * 9)
    with pytest.raises(UserError, match=r"w\.csv"):
        read_weights(tmp_path / "w.csv", NAMES)


# Training with them


def weighted_loss(scores, label, weights):
    """The definition, pixel by pixel."""
    total = divisor = 0.0
    for (n, i, j), c in np.ndenumerate(label):
        if c != 255:
            s = scores[n, :, i, j]
            total += weights[c] * (np.log(np.exp(s - s.max()).sum()) + s.max() - s[c])
            divisor += weights[c]
    return total / divisor


def test_a_step_descends_the_weighted_loss(tmp_path):
    weights = (0.2, 1.0, 3.0, 0.5, 2.0, 0.0)
    trainer = make_trainer(tmp_path, dtype="float64", class_weights="by hand", loss_weights=weights, dropout=0.0)
    twin = build_model(trainer.config)
    batch = next(trainer.train_loader.epoch(0))
    trainer.model.train()
    loss = trainer.step(batch)
    scores = twin(Tensor(batch.images.astype("float64")))
    assert float(loss) == pytest.approx(weighted_loss(scores.data, batch.labels, weights), rel=1e-12)
    F.softmax_cross_entropy(scores, batch.labels, np.array(weights)).backward()
    for (name, p), (_, q) in zip(trainer.model.named_parameters(), twin.named_parameters(), strict=True):
        np.testing.assert_array_equal(p.grad.data, q.grad.data, err_msg=name)


def test_equal_weights_change_no_number(tmp_path):
    states = []
    for settings in ({}, {"class_weights": "by hand", "loss_weights": (1.0,) * CONFIG.num_classes}):
        trainer = make_trainer(tmp_path, **settings)
        trainer.fit()
        states.append((trainer.model.state_dict(), [row["valid_loss"] for row in trainer.log.rows]))
    assert states[0][1] == states[1][1]
    for name in states[0][0]:
        np.testing.assert_array_equal(states[0][0][name], states[1][0][name], err_msg=name)


def test_the_validation_loss_is_the_loss_of_the_training():
    model = models.FCN32s(4, width=1 / 64).astype("float64")
    for p in model.parameters():
        p.data[...] = np.random.default_rng(p.data.size).standard_normal(p.shape) / 4
    weights, loader = (0.5, 1.0, 2.0, 7.0), DataLoader(Toy(), 2)
    _, loss = evaluate(model, loader.epoch(0), weight=weights)
    expected = [
        weighted_loss(model.eval()(Tensor(image[None].astype("float64"))).data, label[None], weights)
        for batch in loader.epoch(0)
        for image, label in zip(batch.images, batch.labels, strict=True)
    ]
    assert loss == pytest.approx(np.mean(expected), rel=1e-9)


def test_a_trainer_validates_with_its_weights(tmp_path):
    weights = (0.5, 1.0, 2.0, 7.0, 1.0, 1.0)
    trainer = make_trainer(tmp_path, class_weights="by hand", loss_weights=weights)
    trainer.model.score_fr.bias.data[...] = np.arange(CONFIG.num_classes)
    found, (_, plain) = trainer.validate()[1], evaluate(trainer.model, trainer.valid_loader.epoch(0))
    assert found == evaluate(trainer.model, trainer.valid_loader.epoch(0), weight=weights)[1] != plain


def test_an_image_of_classes_without_weight_has_no_loss_to_average():
    model = models.FCN32s(4, width=1 / 64)  # whose first scores are all 0: a loss of ln 4
    matrix, loss = evaluate(model, DataLoader(Toy(), 3).epoch(0), weight=(0, 1, 1, 1))
    assert loss == pytest.approx(np.log(4))
    assert matrix.matrix.sum() == 19  # the measures count every pixel
    assert np.isnan(evaluate(model, DataLoader(Toy(), 3).epoch(0), weight=(0, 0, 0, 1))[1])


def test_the_validation_of_a_run_leaves_such_an_image_out_as_well():
    found = validate(models.FCN32s(4, width=1 / 64), DataLoader(Toy(), 3).epoch(0), weight=(0, 1, 1, 1))
    assert found.loss == pytest.approx(np.log(4))


@pytest.mark.parametrize(
    ("weights", "loss", "message"),
    [
        ((0.0, 0.0, 0.0, 1.0), 0.7, r"no pixel of the validation split counts: .* of a class of weight 0"),
        ((1.0, 1.0, 1.0, 1.0), 0.0, r"the training loss is exactly 0, so no pixel of the training images counts: .*"),
    ],
)
def test_an_epoch_in_which_nothing_counts_is_refused_as_that(weights, loss, message):
    matrix = ConfusionMatrix(4)
    matrix.update(np.array([[0, 1, 2]]), np.array([[0, 0, 0]]))
    check_counted(matrix, (0.0, 1.0, 0.0, 0.0), 0.7)
    with pytest.raises(UserError, match=message):
        check_counted(matrix, weights, loss)


def test_a_trainer_asks_for_weights_that_are_still_to_be_counted(tmp_path):
    with pytest.raises(UserError, match=r"config.class_weights is median, but config has no loss_weights; call"):
        make_trainer(tmp_path, class_weights="median")


def test_from_python_as_from_the_command_line(tmp_path):
    config, _ = weigh_classes(dataclasses.replace(CONFIG, class_weights="median"), SHAPES)
    model = build_model(config)
    loaders = build.train_loader(config, SHAPES), build.valid_loader(config, SHAPES)
    trainer = Trainer(config, model, build_optimizer(config, model), *loaders, tmp_path)
    trainer.fit()
    assert trainer.position.epoch == 1


CONTRADICTIONS = {
    "of another number of classes": ({"class_weights": "a.csv", "loss_weights": (1.0,)}, "1 weights for 4 classes"),
    "that come from nowhere": ({"loss_weights": (1.0,) * 4}, 'class_weights is "none"'),
    "all 0": ({"class_weights": "a.csv", "loss_weights": (0.0,) * 4}, "not all of them 0"),
    "negative": ({"class_weights": "a.csv", "loss_weights": (1.0, 1.0, 1.0, -1.0)}, "numbers from 0"),
    "not finite": ({"class_weights": "a.csv", "loss_weights": (1.0, 1.0, 1.0, float("inf"))}, "numbers from 0"),
}


@pytest.mark.parametrize(("settings", "message"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_weights_that_cannot_be_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        dataclasses.replace(TOY, **settings)
