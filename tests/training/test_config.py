"""Every setting has a rule, and a wrong value is named."""

import json

import pytest

from minifcn.errors import UserError
from minifcn.training import Config


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", 0),
        ("width", -0.5),
        ("width", float("nan")),
        ("width", "wide"),
        ("variant", "fast"),
        ("dropout", 1.0),
        ("recipe", ""),
        ("at_once", 1),
        ("upsampling", "bilinear"),
        ("size", (0, 32)),
        ("size", (32,)),
        ("longer_side", 0),
        ("longer_side", 16385),
        ("crop", (32, 10**6)),
        ("scale", (2.0, 1.0)),
        ("scale", (0.0, 1.0)),
        ("images", 0),
        ("epochs", 0),
        ("batch_size", 0),
        ("batch_size", 2.5),
        ("iterations", 0),
        ("accumulate", 0),
        ("accumulate", 10**7),
        ("optimizer", "rmsprop"),
        ("lr", -0.1),
        ("lr", 0),
        ("lr", float("inf")),
        ("lr", 1e308),
        ("momentum", 1),
        ("weight_decay", -1e-4),
        ("bias_rates", "twice"),
        ("reduction", "sum"),
        ("seed", -1),
        ("dtype", "float16"),
        ("recompute", 1),
        ("ignore_index", 256),
        ("std", (1.0, 0.0, 1.0)),
        ("std", (1.0, 1e-300, 1.0)),
        ("std", (1.0, 1e300, 1.0)),
        ("mean", (0.0, 0.0, 1e39)),
        ("mean", (0.0, 0.0, 10**400)),
        ("channel_order", "gbr"),
        ("palette", ((0, 0, 256),)),
    ],
)
def test_a_value_outside_its_rule_is_refused_by_its_option(name, value):
    option = "--" + name.replace("_", "-")
    with pytest.raises(UserError, match=f"^{option} must be .*, but is "):
        Config(**{name: value})


def test_images_are_brought_to_a_size_or_to_a_longer_side():
    with pytest.raises(UserError, match=r"--size is \(32, 48\) and --longer-side 64; give one of the two"):
        Config(size=(32, 48), longer_side=64)


def test_every_class_has_a_colour():
    with pytest.raises(UserError, match="0 colours for 1 class names"):
        Config(class_names=("sky",))


def test_a_run_of_before_there_were_recipes_had_none_of_their_settings():
    settings = Config().to_dict()
    for name in ("recipe", "at_once", "upsampling", "iterations", "accumulate", "bias_rates", "reduction"):
        del settings[name]
    assert Config.from_dict(settings) == Config()


def test_the_settings_survive_json():
    config = Config(size=(360, 480), scale=(0.5, 2.0), class_names=("sky",), palette=((1, 2, 3),), lr=0.1)
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config
