"""The recipes against a table that was copied from the reference implementation's solvers, and what rates mean."""

import pytest

from minifcn.errors import UserError
from minifcn.training import Config, build
from minifcn.training.groups import paper_groups
from minifcn.training.rates import in_the_long_run, momentum_over, of_the_paper, on_the_mean, translated
from minifcn.training.recipes import RECIPES, find_recipe, stages

COLUMNS = ("name", "lr", "momentum", "iter_size", "normalised", "iterations", "begins")
SOLVERS = """
voc-fcn32s              1e-10   .99    1   no    100000   vgg16
voc-fcn16s              1e-12   .99    1   no    100000   voc-fcn32s
voc-fcn8s               1e-14   .99    1   no    100000   voc-fcn16s
voc-fcn8s-atonce        1e-10   .99    1   no    300000   vgg16
voc-fcn-alexnet         1e-4    .9    20   yes   100000   alexnet
nyud-fcn32s-color       1e-10   .99    1   no    100000   vgg16
nyud-fcn32s-hha         1e-10   .99    1   no    100000   vgg16
nyud-fcn32s-color-d     1e-10   .99    1   no    100000   vgg16
nyud-fcn32s-color-hha   1e-12   .99    1   no    100000   nyud-fcn32s-color and nyud-fcn32s-hha
siftflow-fcn32s         1e-10   .99    1   no    100000   vgg16
siftflow-fcn16s         1e-12   .99    1   no    100000   siftflow-fcn32s
siftflow-fcn8s          1e-12   .99    1   no    100000   siftflow-fcn16s
pascalcontext-fcn32s    1e-10   .99    1   no    400000   vgg16
pascalcontext-fcn16s    1e-12   .99    1   no    400000   pascalcontext-fcn32s
pascalcontext-fcn8s     1e-14   .99    1   no    400000   pascalcontext-fcn16s
"""
SOLVERS = [line.split(maxsplit=6) for line in SOLVERS.strip().splitlines()]
REFERENCE = [line[0] for line in SOLVERS]
COURSES = {"camvid-course": 32, "voc-course": 21}
# Blue, green, red, as net.py has them; HHA's three channels as they come.
MEANS = {
    "voc": ((104.00699, 116.66877, 122.67892), "bgr"),
    # The means of depth and HHA stand behind those of blue, green and red.
    "nyud-fcn32s-color-d": ((116.190, 97.203, 92.318, 7.844), "bgr"),
    "nyud-fcn32s-color-hha": ((116.190, 97.203, 92.318, 132.431, 94.076, 118.477), "bgr"),
    "nyud-fcn32s-color": ((116.190, 97.203, 92.318), "bgr"),
    "nyud-fcn32s-hha": ((132.431, 94.076, 118.477), "rgb"),
    "siftflow": ((114.578, 115.294, 108.353), "bgr"),
    "pascalcontext": ((104.007, 116.669, 122.679), "bgr"),
}
CLASSES = {"voc": 21, "nyud": 40, "siftflow": 33, "pascalcontext": 60}


def config_of(name):
    return Config(**RECIPES[name].settings)


def test_every_solver_and_every_course_has_a_recipe():
    assert RECIPES.keys() == {*REFERENCE, *COURSES}


@pytest.mark.parametrize(COLUMNS, SOLVERS, ids=REFERENCE)
def test_a_recipe_has_the_numbers_of_its_solver(name, lr, momentum, iter_size, normalised, iterations, begins):
    config, recipe = config_of(name), RECIPES[name]
    assert (config.lr, config.momentum, config.accumulate) == (float(lr), float(momentum), int(iter_size))
    assert config.reduction == {"yes": "mean", "no": "batch"}[normalised]
    assert config.iterations == int(iterations)
    assert (recipe.after or recipe.begins_with).lower().startswith(begins.lower())
    assert config.model == next(model for model in ("fcn16s", "fcn8s", "fcn32s") if model in name + "fcn32s")


@pytest.mark.parametrize("name", REFERENCE)
def test_all_solvers_share_the_rest(name):
    """Fixed rate, weight decay 5e-4, the published networks with fixed upsampling, one image at a time."""
    config = config_of(name)
    assert (config.schedule, config.weight_decay, config.optimizer) == ("constant", 0.0005, "caffe-sgd")
    assert (config.variant, config.width, config.dropout, config.upsampling) == ("paper", 1, 0.5, "fixed")
    assert (config.batch_size, config.size, config.mirror, config.scale) == (1, None, False, None)
    assert config.at_once == (name == "voc-fcn8s-atonce")
    assert config.bias_rates == ("scores" if name == "voc-fcn-alexnet" else "doubled")
    assert RECIPES[name].num_classes == next(count for start, count in CLASSES.items() if name.startswith(start))


@pytest.mark.parametrize("name", [name for name in REFERENCE if name.startswith((*MEANS,))])
def test_the_mean_is_that_of_the_data(name):
    mean, order = next(found for start, found in MEANS.items() if name.startswith(start))
    config = config_of(name)
    colours = config.mean[2::-1] if order == "bgr" else config.mean[:3]
    assert colours + config.mean[3:] == mean
    assert (config.std, config.channel_order) == ((1,) * len(mean), order)


@pytest.mark.parametrize(("name", "classes"), COURSES.items())
def test_a_course_trains_fcn_8s_with_adam(name, classes):
    config = config_of(name)
    assert (config.model, config.optimizer, config.lr, config.epochs) == ("fcn8s", "adam", 0.001, 100)
    assert RECIPES[name].num_classes == classes
    assert config.variant == "lecture"
    assert [side % 32 for side in config.size] == [0, 0]


INPUTS = {"nyud-fcn32s-color-d": "color-d", "nyud-fcn32s-color-hha": "color-hha", "nyud-fcn32s-hha": "hha"}


@pytest.mark.parametrize("name", REFERENCE)
def test_what_a_network_is_given_and_gives(name):
    """nyud_layers.py: `tops`; siftflow: semantic and geometric."""
    assert config_of(name).inputs == INPUTS.get(name, "color")
    assert RECIPES[name].geometric_classes == (3 if name.startswith("siftflow") else 0)


@pytest.mark.parametrize("name", REFERENCE)
def test_it_is_trained_on_the_split_of_its_net(name):
    """As net.py names them: 'trainval' and 'test', or 'train' and 'val'."""
    both = name.startswith(("nyud", "siftflow"))
    expected = ("trainval", "test") if both else ("train", "val")
    assert (config_of(name).train_split, config_of(name).val_split) == expected


def test_stages_lead_from_the_coarsest():
    assert stages("pascalcontext-fcn8s") == [f"pascalcontext-fcn{stride}s" for stride in (32, 16, 8)]


def test_a_wrong_name_is_told_the_nearest():
    with pytest.raises(UserError, match="no recipe 'voc-fcn8'; did you mean 'voc-fcn8s'"):
        find_recipe("voc-fcn8")


@pytest.mark.parametrize(("rates", "slower"), [("doubled", 0), ("scores", 15), ("alike", 18)])
def test_biases_are_doubled_all_or_those_of_the_scores_or_none(rates, slower):
    config = Config(width=1 / 64, class_names=("a", "b"), palette=((0, 0, 0), (1, 1, 1)))
    model = build.build_model(config)
    biases = {id(p) for name, p in model.named_parameters() if name.endswith("bias")}
    first, second = paper_groups(model, 0.1, 0.01, rates)
    assert sum(id(p) in biases for p in first["params"]) == slower
    assert all(id(p) in biases for p in second["params"])
    assert len(second["params"]) == len(biases) - slower


@pytest.mark.parametrize("variant", ["aligned", "paper"])
@pytest.mark.parametrize("upsampling", ["fixed", "learned", None])
def test_upsampling_is_fixed_or_learned_in_either_variant(variant, upsampling):
    classes = {"class_names": ("a", "b"), "palette": ((0, 0, 0), (1, 1, 1))}
    model = build.build_model(Config(width=1 / 64, variant=variant, upsampling=upsampling, **classes))
    learned = {layer.weight.requires_grad for layer in (model.upscore2, model.upscore_pool4, model.upscore8)}
    assert learned == {upsampling == "learned" if upsampling else variant == "aligned"}


class TestRates:
    """Of the reference, 1e-10 on a sum, and of the paper, 1e-4 on a mean: of the same order."""

    def test_of_a_sum_is_as_many_times_smaller_as_there_are_pixels(self):
        assert on_the_mean(1e-10, (375, 500)) == pytest.approx(1.9e-5, rel=0.02)

    def test_in_the_long_run_counts_what_momentum_repeats(self):
        assert in_the_long_run(1.9e-5, 0.99) == pytest.approx(1.9e-3)
        assert in_the_long_run(1e-4, 0.9) == pytest.approx(1e-3)

    def test_momentum_of_twenty_images_is_a_power(self):
        assert momentum_over(0.9, 1 / 20) == pytest.approx(0.99475, abs=5e-6)

    @pytest.mark.parametrize(("model", "rate"), [("fcn32s", 1e-4), ("fcn16s", 1e-6), ("fcn8s", 1e-8)])
    def test_of_the_paper_fall_by_100_with_each_skip(self, model, rate):
        assert of_the_paper(Config(model=model)) == pytest.approx(rate)

    @pytest.mark.parametrize(("backbone", "rate"), [("alexnet", 1e-3), ("vgg16", 1e-4), ("googlenet", 5e-5)])
    def test_of_the_paper_depend_on_the_trunk(self, backbone, rate):
        assert of_the_paper(Config(model="fcn32s", backbone=backbone)) == rate

    def test_of_a_mean_are_translated_to_a_sum(self):
        text = translated(config_of("voc-fcn-alexnet"), (100, 100))
        assert "1.0e-08  on the loss added up over the 10,000 pixels" in text
        assert "momentum 0.9 over steps of 20 images forgets as 0.99475 over single ones" in text
