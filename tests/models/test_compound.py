"""Two heads on one trunk, two streams that are averaged, a fourth channel: against the networks they are made of."""

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, models
from minifcn.errors import UserError
from minifcn.models import FCN8s, FCN16s, FCN32s, LateFusion, TwoHeads, summary
from minifcn.models.compound import Compound

WIDTH = 1 / 32
HEADS = {FCN32s: ("score_fr",), FCN16s: ("score_fr", "score_pool4"), FCN8s: ("score_fr", "score_pool4", "score_pool3")}


def filled(net, rng):
    """The network in float64 and evaluation mode, with scores that are not 0."""
    net = net.astype("float64").eval()
    for name, parameter in net.named_parameters():
        if "score" in name and "up" not in name:
            parameter.data[...] = rng.standard_normal(parameter.shape)
    return net


def images(rng, channels=3, size=(37, 50)):
    return Tensor(rng.standard_normal((2, channels, *size)))


def head_of(net, suffix):
    """What an FCN of this head's classes has as its state."""
    rest = {"_sem", "_geo"} - {suffix}
    layers = {n: a for n, a in net.state_dict().items() if not any(other in n for other in rest)}
    return {name.replace(suffix, ""): array for name, array in layers.items()}


@pytest.mark.parametrize("variant", ["paper", "aligned"])
@pytest.mark.parametrize("network", HEADS)
class TestTwoHeads:
    def test_each_head_is_the_network_of_its_classes(self, network, variant, rng):
        net, x = filled(TwoHeads(network, 5, 3, variant=variant, width=WIDTH, rng=rng), rng), images(rng)
        for scores, suffix, classes in zip(net.both(x), ("_sem", "_geo"), (5, 3), strict=True):
            alone = network(classes, variant=variant, width=WIDTH).astype("float64").eval()
            alone.load_state_dict(head_of(net, suffix))
            np.testing.assert_array_equal(scores.data, alone(x).data)

    def test_the_trunk_learns_from_both(self, network, variant, rng):
        """Its gradient is the sum of those that the networks of each head's classes would have."""
        net, x = filled(TwoHeads(network, 5, 3, variant=variant, width=WIDTH, rng=rng), rng), images(rng)
        labels = [rng.integers(0, n, (2, 37, 50)) for n in (5, 3)]
        both = [F.softmax_cross_entropy(s, y, reduction="batch") for s, y in zip(net.both(x), labels, strict=True)]
        (both[0] + both[1]).backward()
        total = 0
        for suffix, classes, y in zip(("_sem", "_geo"), (5, 3), labels, strict=True):
            alone = network(classes, variant=variant, width=WIDTH).astype("float64").eval()
            alone.load_state_dict(head_of(net, suffix))
            F.softmax_cross_entropy(alone(x), y, reduction="batch").backward()
            total = total + alone.conv1_1.weight.grad.data
            own = dict(net.named_parameters())[f"score_fr{suffix}.weight"]
            np.testing.assert_allclose(own.grad.data, alone.score_fr.weight.grad.data, rtol=1e-9)
        found = dict(net.named_parameters())["conv1_1.weight"].grad.data
        np.testing.assert_allclose(found, total, rtol=1e-7, atol=1e-9 * abs(total).max())

    def test_the_layers_have_the_names_of_the_reference(self, network, variant):
        net = TwoHeads(network, 33, 3, variant=variant, width=WIDTH)
        names = [name.removesuffix(".weight") for name, _ in net.named_parameters() if name.endswith(".weight")]
        scores = [f"{score}_{head}" for head in ("sem", "geo") for score in HEADS[network]]
        assert sorted(name for name in names if name.startswith("score")) == sorted(scores)
        assert names[:2] == ["conv1_1", "conv1_2"]
        assert names.count("fc7") == 1
        assert all(name.endswith(("_sem", "_geo")) for name in names if name.startswith("up"))


def test_two_heads_cost_the_second_scores_alone():
    sizes = [sum(p.data.size for p in net.parameters()) for net in (FCN32s(33), TwoHeads(FCN32s, 33, 3))]
    assert sizes[1] - sizes[0] == 4097 * 3 + 3 * 3 * 64 * 64


class TestLateFusion:
    @pytest.mark.parametrize("variant", ["paper", "aligned"])
    def test_it_is_the_mean_of_its_two_networks(self, variant, rng):
        """Upsampling is linear, so it does not matter that the reference averages before it."""
        net, x = filled(LateFusion(FCN32s, 4, variant=variant, width=WIDTH, rng=rng), rng), images(rng, 6)
        scores = []
        for stream, seen in (("color", x[:, :3]), ("hha", x[:, 3:])):
            alone = FCN32s(4, variant=variant, width=WIDTH).astype("float64").eval()
            state = net.state_dict()
            alone.load_state_dict(
                {n: state.get(n.replace(".", f"{stream}."), state.get(n)) for n in alone.state_dict()}
            )
            scores.append(alone(seen).data)
        np.testing.assert_allclose(net(x).data, (scores[0] + scores[1]) / 2, rtol=1e-9, atol=1e-12)

    def test_the_layers_have_the_names_of_the_reference(self):
        names = {name.removesuffix(".weight") for name, _ in LateFusion(FCN32s, 4, width=WIDTH).named_parameters()}
        assert {"conv1_1color", "conv5_3hha", "fc6color", "fc7hha", "score_frcolor", "score_frhha", "upscore"} <= names
        assert {"conv1_1", "upscorecolor", "upscorehha"}.isdisjoint(names)

    def test_the_streams_begin_with_weights_of_their_own(self):
        state = LateFusion(FCN32s, 4, width=WIDTH).state_dict()
        assert not np.array_equal(state["conv1_1color.weight"], state["conv1_1hha.weight"])

    def test_both_streams_draw_their_dropout_from_one_generator(self):
        """It is what a checkpoint remembers, so that a run goes on to the last bit."""
        net = LateFusion(FCN32s, 4, width=WIDTH)
        assert {id(net.hha.drop6.rng), id(net.color.drop7.rng)} == {id(net.dropout_rng)}

    def test_it_is_there_for_fcn_32s_alone(self):
        with pytest.raises(UserError, match="fused in fcn32s alone"):
            models.create("fcn8s", streams=2)

    def test_images_of_three_channels_are_refused(self, rng):
        with pytest.raises(
            ValueError, match=r"x must be images \(N, 6, H, W\) of at least one pixel, got shape \(2, 3"
        ):
            LateFusion(FCN32s, 4, width=WIDTH).astype("float64")(images(rng))


class TestFourChannels:
    def test_they_are_one_more_filter_each(self, rng):
        net, plain = (FCN8s(5, variant="paper", width=WIDTH, in_channels=n) for n in (4, 3))
        assert net.conv1_1.weight.shape == (2, 4, 3, 3)
        assert net.crop_offsets == plain.crop_offsets

    def test_depth_of_zeros_changes_nothing(self, rng):
        net, plain = (filled(FCN8s(5, width=WIDTH, in_channels=n), rng) for n in (4, 3))
        state = net.state_dict()
        plain.load_state_dict(state | {"conv1_1.weight": state["conv1_1.weight"][:, :3]})
        x = images(rng, 4)
        x.data[:, 3] = 0
        np.testing.assert_allclose(net(x).data, plain(x[:, :3]).data, rtol=1e-9, atol=1e-12)

    def test_others_are_refused(self, rng):
        with pytest.raises(ValueError, match=r"x must be images \(N, 4, H, W\)"):
            FCN8s(5, width=WIDTH, in_channels=4)(images(rng))


MADE = {
    "two heads": (lambda: TwoHeads(FCN16s, 5, 3, variant="paper", width=WIDTH), {"score_pool4": 5, "score": 27}),
    "two streams": (lambda: LateFusion(FCN32s, 5, variant="paper", width=WIDTH), {"score": 19}),
    "four channels": (lambda: FCN32s(5, variant="paper", width=WIDTH, in_channels=4), {"score": 19}),
}


@pytest.mark.parametrize(("make", "offsets"), MADE.values(), ids=MADE)
def test_the_summary_has_every_layer(make, offsets):
    """And counts as many parameters as its rows do; the crop offsets are the reference's."""
    net = make()
    rows = {row.name: row for row in summary.rows(net, (64, 64))}
    layers = {name.rpartition(".")[0] for name, _ in net.named_parameters()}
    assert layers <= rows.keys()
    assert models.alignment.crop_offsets(net) == net.crop_offsets == offsets


@pytest.mark.parametrize("make", [make for make, _ in MADE.values()], ids=MADE)
def test_a_state_goes_from_one_to_another(make):
    first, second = make(), make()
    for parameter in first.parameters():
        parameter.data += 1
    second.load_state_dict(first.state_dict())
    assert all((a == b).all() for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True))


@pytest.mark.parametrize("options", [{"geometric_classes": 3}, {"streams": 2}])
def test_the_lecture_has_no_such_network(options):
    with pytest.raises(UserError, match="the lecture has no network of two"):
        models.create("fcn32s", variant="lecture", **options)


def test_two_streams_with_two_heads_are_refused():
    with pytest.raises(UserError, match="has no second head"):
        models.create("fcn32s", geometric_classes=3, streams=2)


def test_one_that_names_no_layers_is_told_what_it_lacks():
    class Pair(Compound):
        def __init__(self):
            first = FCN32s(3, width=1 / 64)
            super().__init__(first)
            self.first = first

    with pytest.raises(TypeError, match=r"Pair has no named_here\(part, layer\); a Compound must define it"):
        Pair().state_dict()
