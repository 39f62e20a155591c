"""FCN-32s, 16s and 8s: sizes, names, numbers of parameters, and how their parts work together."""

import tracemalloc

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, grad, models, nn
from minifcn.errors import UserError
from minifcn.models.summary import count_parameters, table

NARROW = 1 / 64
every_network = pytest.mark.parametrize("name", models.NETWORKS)
both_variants = pytest.mark.parametrize("variant", ["aligned", "paper"])


def narrow(name, num_classes=2, **options):
    return models.create(name, num_classes=num_classes, width=NARROW, **options)


def images(rng, height, width, batch=1):
    return Tensor(rng.normal(size=(batch, 3, height, width)).astype("float32"))


def with_random_scores(model, rng):
    """Give the score layers, which start at zero, weights that show something."""
    for name, parameter in model.named_parameters():
        if name.startswith("score"):
            parameter.data[...] = rng.normal(size=parameter.shape)
    return model


@pytest.fixture
def without_memory(monkeypatch):
    """First weights that only have a shape: a network of full width then takes no half gigabyte."""

    def first_weight(outputs, inputs, kernel, rng=None, dtype="float32"):
        return np.broadcast_to(np.zeros((), dtype), (outputs, inputs, *kernel))

    monkeypatch.setattr(nn.init, "he_normal", first_weight)


LEARNED = {  # by the paper's nets, for so many classes
    21: {"fcn32s": 134_346_581, "fcn16s": 134_357_354, "fcn8s": 134_362_751},
    11: {"fcn32s": 134_305_611, "fcn16s": 134_311_254, "fcn8s": 134_314_081},
    60: {"fcn32s": 134_506_364, "fcn16s": 134_537_144, "fcn8s": 134_552_564},
}
CONVOLUTIONS = (
    *("conv1_1", "conv1_2"),
    *("conv2_1", "conv2_2"),
    *("conv3_1", "conv3_2", "conv3_3"),
    *("conv4_1", "conv4_2", "conv4_3"),
    *("conv5_1", "conv5_2", "conv5_3"),
    *("fc6", "fc7"),
)
BEHIND = {  # the trunk
    "fcn32s": "score_fr.weight score_fr.bias upscore.weight",
    "fcn16s": "score_fr.weight score_fr.bias upscore2.weight score_pool4.weight score_pool4.bias upscore16.weight",
    "fcn8s": "score_fr.weight score_fr.bias upscore2.weight score_pool4.weight score_pool4.bias upscore_pool4.weight "
    "score_pool3.weight score_pool3.bias upscore8.weight",
}


class TestParameters:
    @pytest.mark.parametrize(
        ("name", "classes", "learned"),
        [(name, classes, learned) for classes, nets in LEARNED.items() for name, learned in nets.items()],
    )
    def test_the_papers_nets_learn_134_million(self, name, classes, learned, without_memory):
        assert count_parameters(models.create(name, num_classes=classes, variant="paper"))[0] == learned

    @pytest.mark.parametrize(
        ("name", "fixed"), [("fcn32s", 1_806_336), ("fcn16s", 7_056 + 451_584), ("fcn8s", 2 * 7_056 + 112_896)]
    )
    def test_the_papers_nets_hold_their_upsampling_fixed(self, name, fixed, without_memory):
        assert count_parameters(models.create(name, variant="paper"))[1] == fixed

    def test_the_aligned_net_learns_its_upsampling(self, without_memory):
        """fc6 sees 1x1 instead of 7x7 pixels: 48 x 512 x 4096 weights less."""
        learned, fixed = count_parameters(models.FCN8s(21))
        assert (learned, fixed) == (134_362_751 - 48 * 512 * 4096 + 2 * 7_056 + 112_896, 0)

    @pytest.mark.parametrize(("name", "scores"), BEHIND.items())
    def test_have_caffes_names_in_caffes_order(self, name, scores):
        trunk = [f"{layer}.{kind}" for layer in CONVOLUTIONS for kind in ("weight", "bias")]
        assert [name for name, _ in narrow(name).named_parameters()] == trunk + scores.split()

    def test_channels_are_vgg16s(self, without_memory):
        model = models.FCN8s(21, variant="paper")
        shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
        assert shapes["conv1_1.weight"] == (64, 3, 3, 3)
        assert [shapes[f"conv{stage}_1.weight"][0] for stage in range(1, 6)] == [64, 128, 256, 512, 512]
        assert shapes["fc6.weight"] == (4096, 512, 7, 7)
        assert shapes["fc7.weight"] == (4096, 4096, 1, 1)
        assert shapes["score_pool3.weight"] == (21, 256, 1, 1)

    def test_width_scales_every_layer_of_the_trunk_and_none_of_the_scores(self):
        shapes = {name: parameter.shape for name, parameter in models.FCN8s(5, width=1 / 16).named_parameters()}
        assert [shapes[f"conv{stage}_1.weight"][0] for stage in range(1, 6)] == [4, 8, 16, 32, 32]
        assert shapes["fc7.weight"] == (256, 256, 1, 1)
        assert shapes["score_fr.weight"] == (5, 256, 1, 1)

    @both_variants
    def test_scores_start_at_zero_and_upsampling_bilinear(self, variant):
        model = narrow("fcn8s", variant=variant)
        assert not any(layer.weight.data.any() for layer in (model.score_fr, model.score_pool4, model.score_pool3))
        np.testing.assert_array_equal(model.upscore8.weight.data, nn.init.bilinear(2, 2, 16))

    def test_the_generator_decides_the_first_weights(self):
        first, same, other = (narrow("fcn8s", rng=np.random.default_rng(seed)).state_dict() for seed in (3, 3, 4))
        assert all(np.array_equal(first[name], same[name]) for name in first)
        assert not np.array_equal(first["conv1_1.weight"], other["conv1_1.weight"])


@every_network
@both_variants
class TestOutput:
    @pytest.mark.parametrize("size", [(1, 1), (1, 40), (33, 2), (31, 65), (64, 64)], ids=str)
    def test_has_a_score_for_each_class_and_pixel_of_an_image_of_any_size(self, name, variant, size, rng):
        model = narrow(name, 3, variant=variant).eval()
        assert model(images(rng, *size, batch=2)).shape == (2, 3, *size)

    def test_of_a_new_network_is_zero_everywhere(self, name, variant, rng):
        """So the first loss is log C, and no class is preferred."""
        scores = narrow(name, 21, variant=variant).eval()(images(rng, 20, 30))
        assert not scores.data.any()
        assert F.softmax_cross_entropy(scores, np.zeros((1, 20, 30), int)).item() == pytest.approx(np.log(21))

    def test_images_of_a_batch_do_not_see_each_other(self, name, variant, rng):
        model, x = with_random_scores(narrow(name, variant=variant), rng).eval(), images(rng, 37, 45, batch=2)
        together = model(x).data
        for i in range(2):
            alone = model(Tensor(x.data[i : i + 1])).data
            np.testing.assert_allclose(together[i], alone[0], rtol=0, atol=1e-5 * abs(together).max())

    def test_dropout_acts_in_training_only(self, name, variant, rng):
        model, x = with_random_scores(narrow(name, variant=variant), rng), images(rng, 40, 40)
        assert not np.array_equal(model(x).data, model(x).data)
        model.eval()
        np.testing.assert_array_equal(model(x).data, model(x).data)

    def test_dropout_masks_come_from_the_networks_own_generator(self, name, variant, rng):
        one, other = (with_random_scores(narrow(name, variant=variant), np.random.default_rng(1)) for _ in range(2))
        x = images(rng, 40, 40)
        np.testing.assert_array_equal(one(x).data, other(x).data)
        assert one.drop6.rng is one.drop7.rng is one.dropout_rng

    def test_every_parameter_that_is_learned_gets_a_gradient_and_no_other(self, name, variant, rng):
        model = with_random_scores(narrow(name, variant=variant), rng).eval()
        (model(images(rng, 40, 50)) ** 2).sum().backward()
        for key, parameter in model.named_parameters():
            fixed = variant == "paper" and key.startswith("upscore")
            assert (parameter.grad is None) == fixed, key
            assert fixed or parameter.grad.shape == parameter.shape

    def test_fixed_or_not_the_gradient_passes_the_upsampling(self, name, variant, rng):
        model = with_random_scores(narrow(name, variant=variant), rng).eval()
        x = images(rng, 40, 50)
        x.requires_grad = True
        scores = model(x)
        (gradient,) = grad(scores, x, Tensor(np.ones(scores.shape, "float32")))
        assert gradient.data.any()


@every_network
@pytest.mark.parametrize("options", [{}, {"variant": "paper"}, {"fc6_kernel": 7}], ids=str)
def test_what_an_image_shows_is_scored_where_it_is(name, options, rng):
    """Shifted by the coarsest stride, an image gives the same scores, shifted: nothing is cropped one pixel off."""
    model = with_random_scores(narrow(name, **options), rng).eval()
    wide = images(rng, 32, 1024).data
    there = model(Tensor(wide[..., 32:-32])).data
    here = model(Tensor(wide)).data[..., 32:-32]
    inside = (..., slice(416, 960 - 416))  # a receptive field of 404 from the edges
    np.testing.assert_allclose(there[inside], here[inside], rtol=0, atol=1e-5 * abs(here).max())


def test_a_mirrored_network_scores_a_mirrored_image_mirrored(rng):
    """Aligned maps have no handedness: it shows a crop or a padding that is off by one."""
    model = with_random_scores(narrow("fcn8s"), rng).eval()
    x = images(rng, 64, 96)
    plain = model(x).data
    for _, parameter in model.named_parameters():
        if parameter.ndim == 4:
            parameter.data[...] = parameter.data[..., ::-1].copy()
    np.testing.assert_allclose(
        model(Tensor(x.data[..., ::-1].copy())).data[..., ::-1], plain, atol=1e-5 * abs(plain).max()
    )


@both_variants
class TestAtOnce:
    @pytest.mark.parametrize(("skip", "factor"), [("score_pool4", 0.01), ("score_pool3", 0.0001)])
    def test_scales_what_a_skip_sees(self, variant, skip, factor, rng):
        at_once, plain = (narrow("fcn8s", variant=variant, at_once=flag).eval() for flag in (True, False))
        weight = rng.normal(size=getattr(plain, skip).weight.shape)
        getattr(at_once, skip).weight.data[...] = weight
        getattr(plain, skip).weight.data[...] = weight * factor
        x = images(rng, 40, 50)
        expected = plain(x).data
        assert expected.any()
        np.testing.assert_allclose(at_once(x).data, expected, rtol=0, atol=1e-5 * abs(expected).max())

    def test_leaves_the_coarsest_stream_alone(self, variant, rng):
        at_once, plain = (narrow("fcn8s", variant=variant, at_once=flag).eval() for flag in (True, False))
        at_once.score_fr.weight.data[...] = plain.score_fr.weight.data[...] = rng.normal(
            size=plain.score_fr.weight.shape
        )
        x = images(rng, 40, 50)
        np.testing.assert_array_equal(at_once(x).data, plain(x).data)


@both_variants
class TestRecompute:
    """Stages that keep only their input: the same numbers in less memory."""

    @staticmethod
    def trained(variant, recompute, x, labels):
        """A network after forward and backward, and its scores."""
        model = with_random_scores(narrow("fcn8s", variant=variant, recompute=recompute), np.random.default_rng(1))
        scores = model(x)
        F.softmax_cross_entropy(scores, labels).backward()
        return model, scores

    @pytest.mark.parametrize("batch", [1, 2])
    def test_scores_and_all_gradients_are_the_same_bit_for_bit(self, variant, batch, rng):
        image, labels = images(rng, 40, 50, batch).data, rng.integers(0, 2, (batch, 40, 50))
        x, again = (Tensor(image, requires_grad=True) for _ in range(2))
        expected, expected_scores = self.trained(variant, False, x, labels)
        found, scores = self.trained(variant, True, again, labels)
        np.testing.assert_array_equal(scores.data, expected_scores.data)
        np.testing.assert_array_equal(again.grad.data, x.grad.data)
        for (name, one), other in zip(found.named_parameters(), expected.parameters(), strict=True):
            assert (one.grad is None) == (other.grad is None)
            if one.grad is not None:
                np.testing.assert_array_equal(one.grad.data, other.grad.data, err_msg=name)

    def test_dropout_draws_its_masks_once(self, variant, rng):
        x, labels = images(rng, 40, 40), np.zeros((1, 40, 40), int)
        plain, recomputed = (self.trained(variant, flag, x, labels)[0] for flag in (False, True))
        assert recomputed.dropout_rng.random() == plain.dropout_rng.random()

    def test_forward_keeps_less_than_a_third(self, variant, rng):
        """Kept are the maxima of a stage, and not one or two maps with four times their pixels; of the head all."""
        x, kept = images(rng, 100, 100), {}
        for recompute in (False, True):
            model = models.FCN8s(2, variant=variant, width=1 / 4, recompute=recompute)
            model(x)  # takes its scratch memory
            tracemalloc.start()
            scores = model(x)
            kept[recompute], _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert scores.requires_grad
        assert kept[True] < kept[False] / 3

    def test_geometry_does_not_depend_on_it(self, variant):
        plain, recomputed = (narrow("fcn8s", variant=variant, recompute=flag) for flag in (False, True))
        assert recomputed.crop_offsets == plain.crop_offsets
        assert table(recomputed, (50, 70)) == table(plain, (50, 70))


class TestOptions:
    def test_a_7x7_fc6_of_the_aligned_variant_keeps_its_map(self, rng):
        model = narrow("fcn8s", fc6_kernel=7)
        assert (model.fc6.window.kernel, model.fc6.window.padding) == ((7, 7), (3, 3))
        assert set(model.crop_offsets.values()) == {0}
        assert model.eval()(images(rng, 33, 41)).shape == (1, 2, 33, 41)

    def test_create_makes_each_network_by_name(self):
        made = [type(narrow(name)) for name in ("fcn32s", "fcn16s", "fcn8s")]
        assert made == [models.FCN32s, models.FCN16s, models.FCN8s]

    def test_an_unknown_name_suggests_a_known_one(self):
        with pytest.raises(
            UserError, match="unknown model 'fcn8': choose one of fcn32s, fcn16s, fcn8s; did you mean 'fcn8s'"
        ):
            models.create("fcn8")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"variant": "caffe"}, 'variant must be "aligned" or "paper", got \'caffe\''),
            ({"backbone": "resnet"}, "backbone must be .*, got 'resnet'"),
            ({"num_classes": 0}, "num_classes must be at least 1, got 0"),
            ({"width": 0}, "width must be above 0, got 0"),
        ],
        ids=str,
    )
    def test_unknown_settings_are_refused(self, options, message):
        with pytest.raises(ValueError, match=message):
            models.FCN8s(**{"width": NARROW} | options)

    def test_float64_stays_float64(self, rng):
        model = narrow("fcn8s").astype("float64").eval()
        assert model(Tensor(rng.normal(size=(1, 3, 20, 20)))).dtype == "float64"

    def test_an_image_of_another_precision_is_refused(self, rng):
        with pytest.raises(TypeError, match="the operands are float64 and float32"):
            narrow("fcn8s")(Tensor(rng.normal(size=(1, 3, 20, 20))))
