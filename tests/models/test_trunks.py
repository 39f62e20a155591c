"""Trunks of one's own: a class with a declaration, and every network, table, offset and checkpoint knows it."""

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, models, nn, training
from minifcn.cli import arguments, main
from minifcn.errors import UserError
from minifcn.models.backbones import BACKBONES
from minifcn.models.geometry import Geometry, GeometryError, Trace
from minifcn.models.summary import rows, table
from minifcn.training import Config, build, checkpoint


class ThreeLayers(models.Trunk):
    """A convolution, a pool and a convolution."""

    scored = {"conv2": 2}

    def stages(self):
        # 3 x H x W
        yield {"conv1": self.conv(16, 3, padding=1), "pool1": self.pool(2)}  # 16 x H/2 x W/2
        yield {"conv2": self.conv(32, 3, padding=1)}  # 32 x H/2 x W/2


class Branches(nn.Module):
    """A 1x1 and a 3x3 convolution beside each other, as in GoogLeNet."""

    def __init__(self, trunk, channels):
        inputs, each = trunk.inputs, trunk.scaled(channels) // 2
        trunk.inputs = 2 * each
        self.one = nn.Conv2d(inputs, each, 1, relu=True, rng=trunk.rng)
        self.three = nn.Conv2d(inputs, each, 3, padding=1, relu=True, rng=trunk.rng)

    def forward(self, x):
        return F.concatenate([self.one(x), self.three(x)])


class Pools(models.Trunk):
    """What FCN-16s and FCN-8s ask for, with groups, a normalisation, branches, dropout and a variant of its own."""

    scored = {"pool3": 8, "pool4": 16, "fc6": 32}
    fc6_kernels = {"paper": (5,), "aligned": (1,)}

    def stages(self):
        paper = self.variant == "paper"
        yield {
            "conv1": self.conv(16, 3, padding=100 if paper else 1),
            "norm1": nn.LocalResponseNorm(5),
            "conv2": self.conv(16, 3, padding=1, groups=2),
            "pool3": self.pool(8),
        }
        yield {"conv4": self.conv(16, 1), "branches": Branches(self, 32), "pool4": self.pool(2)}
        yield {"pool5": self.pool(2)}
        yield {"fc6": self.conv(64, self.fc6_kernel), "drop6": self.drop()}


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setitem(BACKBONES, "three", ThreeLayers)
    monkeypatch.setitem(BACKBONES, "pools", Pools)


def with_scores(model):
    rng = np.random.default_rng(1)
    for name, parameter in model.named_parameters():
        if name.startswith("score"):
            parameter.data[...] = rng.normal(size=parameter.shape)
    return model


def images(height, width):
    return Tensor(np.random.default_rng(0).normal(size=(2, 3, height, width)).astype("float32"))


EVERY = [
    ("fcn32s", ThreeLayers, "aligned"),
    *((name, Pools, variant) for name in models.NETWORKS for variant in ("aligned", "paper")),
]
every = pytest.mark.parametrize(("name", "backbone", "variant"), EVERY)


@every
@pytest.mark.parametrize("size", [(1, 1), (33, 2), (40, 70)], ids=str)
def test_a_network_on_it_scores_every_pixel_of_an_image_of_any_size(name, backbone, variant, size):
    model = with_scores(models.create(name, num_classes=4, backbone=backbone, variant=variant)).eval()
    scores = model(images(*size))
    assert scores.shape == (2, 4, *size)
    assert scores.data.any()


@every
def test_every_parameter_has_a_name_without_a_prefix_and_learns(name, backbone, variant):
    model = with_scores(models.create(name, num_classes=4, backbone=backbone, variant=variant))
    F.softmax_cross_entropy(model(images(40, 70)), np.zeros((2, 40, 70), int)).backward()
    names = [name for name, _ in model.named_parameters()]
    assert names[:3] == ["conv1.weight", "conv1.bias", "conv2.weight"]
    assert "branches.three.weight" in names or backbone is ThreeLayers
    for key, parameter in model.named_parameters():
        assert (parameter.grad is None) == (variant == "paper" and key.startswith("upscore")), key


@pytest.mark.parametrize(("name", "offsets"), [("fcn32s", [0]), ("fcn16s", [0, 0]), ("fcn8s", [0, 0, 0])])
def test_aligned_maps_need_no_crop(name, offsets):
    assert list(models.create(name, num_classes=2, backbone=Pools).crop_offsets.values()) == offsets


def test_padding_of_the_papers_kind_is_cropped_where_the_maps_say():
    model = models.FCN8s(2, backbone=Pools, variant="paper")
    assert list(model.crop_offsets) == ["score_pool4", "score_pool3", "score"]
    assert model.crop_offsets["score"] > 0


def test_the_table_lists_its_layers_with_strides_and_fields():
    model = models.FCN32s(2, backbone=ThreeLayers)
    assert [row.name for row in rows(model, (32, 32))] == ["conv1", "pool1", "conv2", "score_fr", "upscore"]
    assert [row.behind.receptive_field for row in rows(model, (32, 32))][:3] == [3, 4, 8]
    assert "32x16x16" in table(model, (32, 32))


@pytest.mark.parametrize("backbone", [ThreeLayers, Pools, *BACKBONES.values()])
def test_the_strides_that_are_declared_are_those_of_the_maps(backbone):
    network = models.FCN32s(2, backbone=backbone, width=0.1)
    maps = network.maps(Geometry((1, 3, 64, 64), Trace(running=[network])))
    assert {name: 1 / map_.coordinates.scale for name, map_ in maps.items()} == backbone.scored


@pytest.mark.parametrize("variant", ["aligned", "paper"])
def test_recompute_gives_the_same_gradients_bit_for_bit(variant):
    gradients = []
    for recompute in (False, True):
        model = with_scores(models.FCN8s(3, backbone=Pools, variant=variant, recompute=recompute))
        F.softmax_cross_entropy(model(images(40, 70)), np.zeros((2, 40, 70), int)).backward()
        gradients.append({name: p.grad.data for name, p in model.named_parameters() if p.grad is not None})
    for name, gradient in gradients[0].items():
        np.testing.assert_array_equal(gradients[1][name], gradient, err_msg=name)


def test_a_layer_that_is_replaced_is_the_one_that_runs():
    model = with_scores(models.FCN32s(2, backbone=ThreeLayers)).eval()
    before = model(images(16, 16)).data
    model.conv2 = nn.Conv2d(16, 32, 3, padding=1, rng=np.random.default_rng(7))
    assert not np.array_equal(model(images(16, 16)).data, before)


CLASSES = {"class_names": ("a", "b", "c"), "palette": ((0, 0, 0), (9, 9, 9), (5, 5, 5))}


@pytest.mark.usefixtures("registered")
class TestByName:
    @pytest.mark.parametrize("backbone", ["three", "pools"])
    def test_shapes_are_known_before_a_network_is_built(self, backbone):
        config = Config(model="fcn32s", backbone=backbone, width=0.5, **CLASSES)
        state = build.build_model(config).state_dict()
        assert build.parameter_shapes(config) == {name: array.shape for name, array in state.items()}

    def test_a_checkpoint_comes_back_with_its_backbone(self, tmp_path):
        config = Config(model="fcn32s", backbone="three", width=0.5, **CLASSES)
        model = with_scores(build.build_model(config))
        checkpoint.save(tmp_path / "best.npz", checkpoint.Checkpoint(config, model.state_dict()))
        state = checkpoint.load(tmp_path / "best.npz")
        again = training.load_model(state.config, state.model)
        np.testing.assert_array_equal(again.eval()(images(9, 9)).data, model.eval()(images(9, 9)).data)

    def test_a_checkpoint_of_another_backbone_does_not_fit(self):
        state = build.build_model(Config(model="fcn32s", backbone="three", **CLASSES)).state_dict()
        with pytest.raises(UserError, match="does not fit a fcn32s as it is configured"):
            training.load_model(Config(model="fcn32s", **CLASSES), state)

    def test_the_command_line_shows_and_trains_it(self, tmp_path, capsys):
        assert main(["summary", "fcn32s", "--backbone", "three", "--classes", "2"]) == 0
        assert "conv2" in capsys.readouterr().out
        network, run = ["--model", "fcn32s", "--backbone", "three"], ["--images", "2", "--epochs", "1"]
        assert main(["train", *network, *run, "--size", "32x32", "--device", "cpu", "--out", str(tmp_path)]) == 0
        assert checkpoint.load(tmp_path / "best.npz").config.backbone == "three"
        assert main(["evaluate", "--checkpoint", str(tmp_path / "best.npz"), "--images", "2", "--device", "cpu"]) == 0


def test_an_unknown_backbone_is_a_message_and_no_traceback(capsys):
    assert main(["summary", "fcn8s", "--backbone", "resnet"]) == 2
    assert f"backbone must be one of {', '.join(models.BACKBONES)}" in capsys.readouterr().err


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_help_names_every_trunk(backbone):
    assert backbone in arguments.BACKBONE


def trunk(declared, given):
    """Declare a trunk whose convolutions are tuples of arguments and pools are None."""

    class Own(models.Trunk):
        scored = declared

        def layer(self, arguments):
            if arguments is None:
                return self.pool(2)
            return self.conv(*arguments) if isinstance(arguments, tuple) else arguments

        def stages(self):
            if not isinstance(given, list):
                return given
            return [
                {name: self.layer(layer) for name, layer in stage.items()} if isinstance(stage, dict) else stage
                for stage in given
            ]

    return Own


THREE = [{"conv1": (4, 3, 1, 1), "pool1": None}, {"conv2": (8, 3, 1, 1)}]


class WrongStride(ThreeLayers):
    scored = {"conv2": 4}


class NoSuchLayer(ThreeLayers):
    scored = {"conv3": 2}


REFUSED = {
    "no pools for FCN-16s": (
        "fcn16s",
        ThreeLayers,
        "FCN16s: needs maps of stride 16, and a coarsest one of stride 32, but the backbone ThreeLayers has conv2 of",
    ),
    "no pools for FCN-8s": ("fcn8s", ThreeLayers, "FCN8s: needs maps of stride 16 and 8, and a coarsest"),
    "a wrong stride": ("fcn32s", WrongStride, "backbone WrongStride says that conv2 has stride 4, but it has 2"),
    "no such layer": ("fcn32s", NoSuchLayer, "NoSuchLayer: scored names conv3, but no layer in stages"),
    "nothing to score": ("fcn32s", models.Trunk, "FCN32s: the backbone Trunk says of no map that it can be scored"),
    "a trunk that was made": (
        "fcn32s",
        ThreeLayers("aligned", 1, 0, None, np.random.default_rng(0)),
        "backbone must be",
    ),
    "a stride of rows only": ("fcn32s", trunk({"conv2": 2}, [{"conv2": (8, 3, (2, 1), 1)}]), r"but it has \(2, 1\)"),
    "begins inside the image": (
        "fcn32s",
        trunk({"conv2": 2}, [{"conv2": (8, 7, 2, 0)}]),
        r"u \+ 2, .* kernel = stride \+ 2",
    ),
    "a map inside a stage": ("fcn32s", trunk({"conv1": 1}, THREE), "conv1 has stride 1, but it has 2, counted from"),
    "the coarsest map first": ("fcn32s", trunk({"conv2": 2, "conv1": 1}, THREE), "and the coarsest map the last, got"),
    "no stride": ("fcn32s", trunk({"conv2": 0}, THREE), "must be at least 1, and the coarsest map the last, got"),
    "a list of maps": ("fcn32s", trunk(["conv2"], THREE), r"must have a dict of maps and their strides .* \['conv2'\]"),
    "half a stride": ("fcn32s", trunk({"conv2": 2.0}, THREE), "must have a dict of maps and their strides in scored"),
    "no stages": (
        "fcn32s",
        trunk({"conv2": 2}, None),
        r"Own.stages\(\) must yield one dict after the other, but gives N",
    ),
    "one stage": (
        "fcn32s",
        trunk({"conv2": 2}, {}),
        r"Own.stages\(\) must yield one dict after the other, but gives a",
    ),
    "a stage of pairs": ("fcn32s", trunk({"conv2": 2}, [[]]), "Own: stage 0 must be a dict of layers by name"),
    "a function": ("fcn32s", trunk({"conv2": 1}, [{"conv2": np.tanh}]), "must have Modules by their .* got a ufunc as"),
    "a layer without a name": ("fcn32s", trunk({"": 1}, [{"": (8, 1)}]), "stage 0 must have Modules by their names"),
    "no channels": ("fcn32s", trunk({"conv2": 1}, [{"conv2": (0, 1)}]), "Own: channels must be at least 1, got 0"),
    "half a channel": (
        "fcn32s",
        trunk({"conv2": 1}, [{"conv2": (0.5, 1)}]),
        "Own: channels must be a whole number, got",
    ),
    "a name for two layers": (
        "fcn32s",
        trunk({"a": 1}, [{"a": (8, 1)}, {"a": (8, 1)}]),
        "layer a, but the network has",
    ),
    "a list": ("fcn32s", ["vgg16"], "or a subclass of models.Trunk, got"),
}


@pytest.mark.parametrize(("name", "backbone", "message"), REFUSED.values(), ids=REFUSED)
def test_a_trunk_that_cannot_be_right_is_refused(name, backbone, message):
    with pytest.raises((TypeError, ValueError, GeometryError), match=message):
        models.create(name, num_classes=2, backbone=backbone)


@pytest.mark.parametrize(
    "name", ["trunk", "maps", "features", "channels", "crop_offsets", "skips", "training", "score_fr", "upscore"]
)
def test_a_layer_of_the_trunk_takes_no_name_that_the_network_has(name):
    with pytest.raises(ValueError, match=f"backbone Own has a layer {name}, but the network has something else"):
        models.FCN32s(2, backbone=trunk({"conv2": 2}, [{name: (4, 1), "pool1": None}, {"conv2": (8, 1)}]))


@pytest.mark.parametrize("variant", ["aligned", "paper"])
@pytest.mark.parametrize("stride", [1, 2, 3, 4, 5])
def test_a_map_of_any_stride_is_upsampled_to_lie_over_the_image(stride, variant):
    stages = [{"conv1": (4, 1), "pool1": nn.MaxPool2d(stride, ceil_mode=True)}, {"conv2": (8, 1)}]
    model = with_scores(models.FCN32s(2, backbone=trunk({"conv2": stride}, stages), variant=variant))
    assert model(images(4 * stride, 5 * stride)).shape == (2, 2, 4 * stride, 5 * stride)
    assert model.crop_offsets["score"] == (0 if variant == "aligned" else stride // 2)


@pytest.mark.parametrize(("window", "stride", "upsampling"), [((3, 2, 1), 2, 3), ((4, 2, 1), 2, 4), ((2, 3, 0), 3, 6)])
def test_a_map_of_odd_windows_is_upsampled_by_an_odd_kernel_and_one_of_even_by_an_even(window, stride, upsampling):
    model = with_scores(models.FCN32s(2, backbone=trunk({"conv2": stride}, [{"conv2": (8, *window)}])))
    assert model(images(12, 18)).shape == (2, 2, 12, 18)
    assert (model.upscore.window.kernel[0], model.crop_offsets) == (upsampling, {"score": 0})


def test_scores_take_as_many_channels_as_their_maps_have():
    backbone = trunk({"conv1": 1, "pool1": 2, "mixed": 2}, [])
    backbone.stages = lambda self: [{"conv1": self.conv(4, 1)}, {"pool1": self.pool(2)}, {"mixed": nn.Conv2d(4, 7, 1)}]
    assert models.FCN32s(2, backbone=backbone).channels == {"conv1": 4, "pool1": 4, "mixed": 7}


def test_recompute_leaves_out_a_stage_with_dropout_anywhere_inside():
    backbone = trunk({"conv1": 1}, [])
    backbone.stages = lambda self: iter([{"conv1": nn.Sequential(self.conv(4, 1), self.drop())}])
    model = with_scores(models.FCN32s(2, backbone=backbone, recompute=True))
    F.softmax_cross_entropy(model(images(8, 8)), np.zeros((2, 8, 8), int)).backward()
    assert model.conv1[0].weight.grad is not None


def test_fc6_has_the_kernels_that_the_trunk_says():
    with pytest.raises(
        ValueError, match="fc6_kernel must be 5 in the paper variant, or 1 in the aligned variant, got 7"
    ):
        models.FCN8s(2, backbone=Pools, fc6_kernel=7)
    with pytest.raises(ValueError, match="fc6_kernel must be left out, as the backbone has no fc6, got 7"):
        models.FCN32s(2, backbone=ThreeLayers, fc6_kernel=7)
