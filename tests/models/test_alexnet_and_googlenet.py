"""FCN on AlexNet and GoogLeNet: the paper's numbers, images of any size, and whatever else VGG16 can."""

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, models, nn, training
from minifcn.cli import main
from minifcn.models.coordinates import IDENTITY, CoordinateMap, bilinear_between
from minifcn.models.geometry import Geometry, Trace
from minifcn.models.googlenet import INCEPTIONS
from minifcn.models.summary import count_parameters, rows, table
from minifcn.training import Config, build, checkpoint, transplant

TRUNKS = ("alexnet", "googlenet")
CLASSES = {"class_names": ("a", "b", "c"), "palette": ((0, 0, 0), (9, 9, 9), (5, 5, 5))}

every_network = pytest.mark.parametrize("name", models.NETWORKS)
every_trunk = pytest.mark.parametrize("backbone", TRUNKS)
both_variants = pytest.mark.parametrize("variant", ["aligned", "paper"])


def narrow(name, backbone, **options):
    return models.create(name, **{"num_classes": 3, "backbone": backbone, "width": 1 / 32} | options)


def full(name="fcn32s", **options):
    with nn.init.shapes_only():
        return models.create(name, **options)


def with_random_weights(model, rng):
    """A network all of whose weights, those of the scores too, show something; few ReLUs are dead."""
    for name, parameter in model.named_parameters():
        if not name.startswith("upscore"):
            parameter.data[...] += 0.05 * rng.normal(size=parameter.shape) + 0.1 * name.endswith("bias")
    return model


def images(rng, height, width, batch=1):
    return Tensor(rng.normal(size=(batch, 3, height, width)).astype("float32"))


class TestParameters:
    @pytest.mark.parametrize(
        ("backbone", "learned", "fixed"),
        [("alexnet", 56_954_261, 1_750_329), ("vgg16", 134_346_581, 1_806_336), ("googlenet", 5_995_077, 1_750_329)],
    )
    def test_of_the_papers_three_nets_for_21_classes(self, backbone, learned, fixed):
        """57M, 134M and 6M in table 1, which leaves out the fixed upsampling."""
        assert count_parameters(full(backbone=backbone, variant="paper")) == (learned, fixed)

    def test_alexnet_has_caffes_names_and_shapes(self):
        shapes = {name: p.shape for name, p in full(backbone="alexnet", variant="paper").named_parameters()}
        assert {name: shape for name, shape in shapes.items() if name.endswith("weight")} == {
            "conv1.weight": (96, 3, 11, 11),
            "conv2.weight": (256, 48, 5, 5),
            "conv3.weight": (384, 256, 3, 3),
            "conv4.weight": (384, 192, 3, 3),
            "conv5.weight": (256, 192, 3, 3),
            "fc6.weight": (4096, 256, 6, 6),
            "fc7.weight": (4096, 4096, 1, 1),
            "score_fr.weight": (21, 4096, 1, 1),
            "upscore.weight": (21, 21, 63, 63),
        }

    def test_alexnet_pools_before_it_normalises(self):
        trunk = full(backbone="alexnet").trunk
        layers = [name for stage in trunk.layers for name in stage]
        assert " ".join(layers) == ("conv1 pool1 norm1 conv2 pool2 norm2 conv3 conv4 conv5 pool5 fc6 drop6 fc7 drop7")

    def test_names_of_googlenet_are_caffes_with_what_python_allows(self):
        """inception_3a/3x3_reduce is inception_3a.conv3x3_reduce, and conv1/7x7_s2 is conv1_7x7_s2."""
        names = [name for name, _ in full(backbone="googlenet", variant="paper").named_parameters()]
        trunk = [name.removesuffix(".weight") for name in names if name.endswith("weight")][:-2]
        branches = ("conv1x1", "conv3x3_reduce", "conv3x3", "conv5x5_reduce", "conv5x5", "pool_proj")
        assert trunk == [
            *("conv1_7x7_s2", "conv2_3x3_reduce", "conv2_3x3"),
            *(f"inception_{number}.{branch}" for number in INCEPTIONS for branch in branches),
        ]

    @pytest.mark.parametrize(
        ("inception", "channels"),
        [*zip(INCEPTIONS, (256, 480, 512, 512, 512, 528, 832, 832, 1024), strict=True)],
    )
    def test_an_inception_gives_the_channels_of_the_published_table(self, inception, channels):
        net = full(backbone="googlenet")
        block = getattr(net, f"inception_{inception}")
        branches = block.conv1x1, block.conv3x3, block.conv5x5, block.pool_proj
        assert sum(branch.out_channels for branch in branches) == channels

    @every_trunk
    @pytest.mark.parametrize("width", [0.01, 0.125, 0.3, 1.5])
    def test_any_width_keeps_numbers_of_channels_that_groups_divide(self, backbone, width):
        for _, layer in full(backbone=backbone, width=width).named_modules():
            if isinstance(layer, nn.Conv2d):
                assert layer.in_channels % layer.groups == layer.out_channels % layer.groups == 0


class TestGeometry:
    @pytest.mark.parametrize(
        ("backbone", "name", "offsets"),
        [
            ("alexnet", "fcn32s", {"score": 18}),
            ("alexnet", "fcn16s", {"score_pool4": 5, "score": 18}),
            ("alexnet", "fcn8s", {"score_pool4": 5, "score_pool3": 10, "score": 18}),
            ("googlenet", "fcn32s", {"score": 98}),
            ("googlenet", "fcn16s", {"score_pool4": 0, "score": 98}),
            ("googlenet", "fcn8s", {"score_pool4": 0, "score_pool3": 0, "score": 98}),
        ],
    )
    def test_crop_offsets_of_the_papers_variant(self, backbone, name, offsets):
        """18 is the released network's; the others follow from the same coordinate maps."""
        assert narrow(name, backbone, variant="paper").crop_offsets == offsets

    @every_network
    @pytest.mark.parametrize(
        ("backbone", "options"), [("alexnet", {}), ("alexnet", {"fc6_kernel": 6}), ("googlenet", {})]
    )
    def test_maps_of_the_aligned_variant_lie_exactly_over_the_image(self, backbone, options, name):
        assert set(narrow(name, backbone, **options).crop_offsets.values()) == {0}

    def test_a_padding_of_3_would_crop_1_and_refuse_small_images(self):
        """Which is why GoogLeNet has the padding of the reference's other nets in the paper's variant."""

        class Unpadded(models.BACKBONES["googlenet"]):
            def stages(self):
                first, *rest = super().stages()
                first["conv1_7x7_s2"].window = type(first["conv1_7x7_s2"].window).of(7, 2, 3)
                yield from (first, *rest)

        net = models.FCN32s(2, backbone=Unpadded, variant="paper", width=1 / 32)
        assert net.crop_offsets == {"score": 1}
        assert [n for n in range(1, 301) if not can_score(net, n, n)] == [*range(1, 31)]

    @pytest.mark.parametrize(
        ("backbone", "layer", "field"),
        [("alexnet", "pool5", 195), ("alexnet", "fc6", 355), ("vgg16", "fc6", 404), ("googlenet", "score_fr", 715)],
    )
    def test_receptive_fields_are_those_of_table_1(self, backbone, layer, field):
        """But for GoogLeNet's 907."""
        seen = {row.name: row.behind for row in rows(narrow("fcn32s", backbone, variant="paper"), (224, 224))}
        assert (seen[layer].receptive_field, 1 / seen[layer].coordinates.scale) == (field, 32)

    @both_variants
    def test_the_summary_says_where_907_comes_from(self, variant):
        text = table(narrow("fcn8s", "googlenet", variant=variant), (64, 64))
        assert "receptive field     715 of the scored map; the classifier's 907 = 715 + 6·32 with pool5_7x7_s1" in text

    def test_907_is_what_the_average_pool_would_see(self):
        net = narrow("fcn32s", "googlenet")
        scored = net.maps(Geometry((1, 3, 224, 224), Trace(running=[net])))["inception_5b"]
        assert F.avg_pool2d(scored, net.trunk.left_out["pool5_7x7_s1"], 1).receptive_field == 907

    @pytest.mark.parametrize("backbone", ["alexnet", "vgg16"])
    def test_the_summary_has_nothing_to_say_of_trunks_that_leave_out_nothing(self, backbone):
        assert "receptive field  " not in table(narrow("fcn32s", backbone), (64, 64))

    def test_an_unpadded_caffenet_gives_the_papers_grid_of_10x10(self):
        """Section 3.1: a 500x500 image."""
        size = 500
        for window, rounds_up in ((nn.Conv2d(3, 1, 11, 4).window, False), *[(nn.MaxPool2d(3, 2).window, True)] * 3):
            (size, _) = window.output_size((size, size), rounds_up)
        (size, _) = nn.Conv2d(1, 1, 6).window.output_size((size, size))
        assert size == 10

    @pytest.mark.parametrize(("kernel", "expected"), [(2, (64, 16)), (3, (63, 31))])
    def test_the_windows_below_decide_the_kernel_of_the_upsampling(self, kernel, expected):
        """Five windows of 2x2 pixels are centred between pixels, and padded ones of 3x3 on pixels."""
        place = IDENTITY
        for _ in range(5):
            place = CoordinateMap.of(nn.MaxPool2d(kernel, 2, padding=kernel // 3).window).compose(place)
        kernel_size, begin = bilinear_between(32, (place, place), (IDENTITY, IDENTITY))
        assert (kernel_size, *begin) == (*expected, expected[1])


def can_score(net, height, width):
    """Whether an image of this size passes; without receptive fields, which take most of the time."""
    try:
        scores = net(Geometry((1, 3, height, width), Trace(), endless=()))
    except ValueError:
        return False
    assert scores.shape[2:] == (height, width)
    return True


SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 63, 64, 65)


# Strides are 32 in all, so beyond the smallest images a size repeats the one that is 32 less: every one of 1 to 192,
# and of the larger ones some of each remainder.
HEIGHTS_AND_WIDTHS = [(n, 193 - n) for n in range(1, 97)] + [(n, 793 - n) for n in range(193, 397, 11)]


class TestSizes:
    @every_network
    @both_variants
    @pytest.mark.parametrize("backbone", models.BACKBONES)
    def test_every_net_scores_images_of_1_to_600_pixels(self, backbone, variant, name):
        net = narrow(name, backbone, variant=variant)
        assert [size for size in HEIGHTS_AND_WIDTHS if not can_score(net, *size)] == []

    @every_network
    @pytest.mark.parametrize(("backbone", "options"), [("alexnet", {"fc6_kernel": 6}), ("vgg16", {"fc6_kernel": 7})])
    def test_also_with_the_large_fc6_of_the_aligned_variant(self, backbone, options, name):
        net = narrow(name, backbone, **options)
        assert [size for size in HEIGHTS_AND_WIDTHS if not can_score(net, *size)] == []

    @every_network
    @both_variants
    @every_trunk
    def test_some_are_run(self, backbone, variant, name, rng):
        net = with_random_weights(narrow(name, backbone, variant=variant), rng).eval()
        for height, width in zip(SIZES, reversed(SIZES), strict=True):
            scores = net(images(rng, height, width))
            assert scores.shape == (1, 3, height, width)
            assert np.isfinite(scores.data).all()
            assert scores.data.any()

    @every_network
    @every_trunk
    def test_every_pixel_of_an_aligned_net_is_reached_by_a_score(self, backbone, name):
        """Scores of 1 everywhere, upsampled: nothing is left at 0 at the edges."""
        net = narrow(name, backbone)
        for score in ("score_fr", "score_pool4", "score_pool3"):
            if hasattr(net, score):
                getattr(net, score).bias.data[...] = 1
        for n in (1, 4, 9, 12, 27, 32, 33, 100):
            assert net.eval()(Tensor(np.zeros((1, 3, n, n), "float32"))).data.min() > 0


@every_network
@every_trunk
@both_variants
def test_what_an_image_shows_is_scored_where_it_is(name, backbone, variant, rng):
    """Shifted by the coarsest stride, an image gives the same scores, shifted."""
    net = with_random_weights(narrow(name, backbone, variant=variant), rng).eval()
    wide = images(rng, 32, 1696).data
    there = net(Tensor(wide[..., 32:-32])).data
    here = net(Tensor(wide)).data[..., 32:-32]
    inside = (..., slice(768, 1632 - 768))  # a receptive field of 747 from the edges
    np.testing.assert_allclose(there[inside], here[inside], rtol=0, atol=1e-5 * abs(here).max())


@every_network
@every_trunk
def test_a_mirrored_aligned_net_scores_a_mirrored_image_mirrored(name, backbone, rng):
    """With an odd number of windows on every map, 32·n + 1 pixels lie symmetrically below them."""
    net = with_random_weights(narrow(name, backbone), rng).eval()
    x = images(rng, 65, 97)
    plain = net(x).data
    for _, parameter in net.named_parameters():
        if parameter.ndim == 4:
            parameter.data[...] = parameter.data[..., ::-1].copy()
    mirrored = net(Tensor(x.data[..., ::-1].copy())).data[..., ::-1]
    np.testing.assert_allclose(mirrored, plain, atol=1e-5 * abs(plain).max())


class TestTraining:
    @every_trunk
    @both_variants
    def test_recompute_gives_the_same_gradients_bit_for_bit(self, backbone, variant):
        gradients = []
        for recompute in (False, True):
            rng = np.random.default_rng(1)
            net = with_random_weights(narrow("fcn8s", backbone, variant=variant, recompute=recompute), rng)
            F.softmax_cross_entropy(net(images(rng, 40, 70, batch=2)), np.zeros((2, 40, 70), int)).backward()
            gradients.append({name: p.grad.data for name, p in net.named_parameters() if p.grad is not None})
        assert gradients[0].keys() == gradients[1].keys()
        for name, gradient in gradients[0].items():
            np.testing.assert_array_equal(gradients[1][name], gradient, err_msg=name)

    @every_trunk
    def test_dropout_stands_where_the_classifier_has_it(self, backbone):
        net = narrow("fcn32s", backbone, dropout=0.25)
        drops = {name: layer.p for name, layer in net.named_modules() if isinstance(layer, nn.Dropout)}
        names = {"alexnet": ["drop6", "drop7"], "googlenet": ["pool5_drop_7x7_s1"]}[backbone]
        assert drops == dict.fromkeys(names, 0.25)

    @every_trunk
    def test_a_finer_net_starts_from_a_coarser_one(self, backbone, rng):
        coarse, fine = with_random_weights(narrow("fcn32s", backbone), rng), narrow("fcn16s", backbone)
        done = transplant(fine, coarse.state_dict())
        assert done.names("first value") == [
            "upscore2.weight",
            "score_pool4.weight",
            "score_pool4.bias",
            "upscore16.weight",
        ]
        np.testing.assert_array_equal(fine.score_fr.weight.data, coarse.score_fr.weight.data)

    @every_trunk
    def test_a_checkpoint_comes_back(self, backbone, rng, tmp_path):
        config = Config(model="fcn8s", backbone=backbone, width=1 / 32, **CLASSES)
        net = with_random_weights(build.build_model(config), rng)
        assert build.parameter_shapes(config) == {name: p.shape for name, p in net.named_parameters()}
        checkpoint.save(tmp_path / "best.npz", checkpoint.Checkpoint(config, net.state_dict()))
        state = checkpoint.load(tmp_path / "best.npz")
        again, x = training.load_model(state.config, state.model), images(rng, 20, 30)
        np.testing.assert_array_equal(again.eval()(x).data, net.eval()(x).data)

    @pytest.mark.parametrize(
        ("backbone", "frozen"), [("alexnet", "conv[1-2]"), ("googlenet", "conv*,inception_3*")], ids=TRUNKS
    )
    def test_the_command_line_trains_and_freezes_it(self, backbone, frozen, tmp_path, capsys):
        network = ["--model", "fcn8s", "--backbone", backbone, "--width", "0.03125", "--freeze", frozen]
        run = ["--images", "2", "--epochs", "1", "--size", "32x32", "--device", "cpu", "--out", str(tmp_path)]
        assert main(["train", *network, *run]) == 0
        state = checkpoint.load(tmp_path / "best.npz")
        assert state.config.backbone == backbone
        first = build.build_model(state.config).state_dict()
        same = {name for name, value in state.model.items() if np.array_equal(value, first[name])}
        held = {name for name in first if name.startswith(("conv1", "conv2", "inception_3"))}
        assert {name for name in held if name.endswith("weight")} <= same
        assert "score_fr.bias" not in same

    @every_trunk
    def test_the_same_on_a_gpu(self, backbone, gpu, rng):
        net = with_random_weights(narrow("fcn8s", backbone).astype("float64"), rng).eval()
        x = rng.normal(size=(1, 3, 37, 45))
        expected = net(Tensor(x)).data
        scores = net.to(gpu)(Tensor(x).to(gpu)).numpy()
        np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-10 * abs(expected).max())
