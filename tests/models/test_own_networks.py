"""Geometry of networks of one's own: functions called in a forward, odd windows, and what is refused by its name."""

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, nn
from minifcn.autograd import operation
from minifcn.explain import alignment_table
from minifcn.models.alignment import crop_offsets
from minifcn.models.geometry import Geometry, trace
from minifcn.models.summary import rows, table

rng = np.random.default_rng(0)


@operation
def swish(x):
    """An operation of one's own."""
    return x.data / (1 + np.exp(-x.data)), lambda gy: (gy,)


@operation
def relu(x):
    """An operation of one's own that has the name of another one, and moves every pixel."""
    return x.data[..., ::-1], lambda gy: (gy[..., ::-1],)


class Calls(nn.Module):
    """A network whose forward is a function, between two convolutions."""

    def __init__(self, function):
        self.before, self.function = nn.Conv2d(3, 4, 3, padding=1, rng=rng), function
        self.behind = nn.Conv2d(4, 2, 1, rng=rng)

    def forward(self, x):
        return self.behind(self.function(self.before(x)))


class Inside(nn.Module):
    """A module without modules inside, whose forward is a function."""

    def __init__(self, function):
        self.function = function

    def forward(self, x):
        return self.function(x)


def conv_of_its_own(x):
    return F.conv2d(x, Tensor(np.ones((4, 4, 3, 3), "float32")), padding=1)


def transposed_of_its_own(x):
    weight, bias = Tensor(np.ones((4, 4, 2, 2), "float32")), Tensor(np.ones(4, "float32"))
    return F.conv_transpose2d(x, weight, bias, stride=2)


FUNCTIONS = {
    "relu": (F.relu, 3),
    "max_pool2d": (lambda x: F.max_pool2d(x, 2), 4),
    "max_pool2d rounding up": (lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True), 5),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 3, 2, 1), 5),
    "avg_pool2d without the padding": (lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), 5),
    "conv2d": (conv_of_its_own, 5),
    "conv_transpose2d": (transposed_of_its_own, 3),
    "pad": (lambda x: F.pad(x, (1, 2, 3, 4)), 3),
    "crop": (lambda x: F.crop(x, (1, 2), (5, 6)), 3),
    "softmax": (F.softmax, 3),
    "log_softmax": (lambda x: F.log_softmax(x, -3), 3),
    "dropout2d": (lambda x: F.dropout2d(x, 0.5, False), 3),
    "local_response_norm": (lambda x: F.local_response_norm(x, 3), 3),
    "arithmetic": (lambda x: (1 - x / 2) * 3 + -x + x**2 - 1, 3),
    "a number for each channel": (lambda x: x * Tensor(np.ones((4, 1, 1), "float32")), 3),
    "maps on both sides": (lambda x: np.ones((13, 12), "float32") * x + np.float32(1), 3),
    "another number type": (lambda x: x.astype("float64").to("cpu").astype("float32"), 3),
    "powers": (lambda x: 2**x + x**3 + x ** np.ones((4, 1, 1), "float32"), 3),
    "recompute": (lambda x: F.recompute(F.relu, x), 3),
    "concatenate": (lambda x: F.concatenate([x[:, :2], x[:, 2:]]), 3),
}


@pytest.mark.parametrize(("function", "field"), FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("wrap", [lambda f: f, Inside], ids=["in the forward", "in a module of its own"])
def test_functions_in_a_forward_have_the_size_that_they_have_when_it_runs(function, field, wrap):
    net = Calls(wrap(function))
    behind = rows(net, (13, 12))[-1].behind
    assert behind.shape == net(Tensor(np.ones((1, 3, 13, 12), "float32"))).shape
    assert behind.receptive_field == field


def test_modules_of_several_inputs():
    class Fuse(nn.Module):
        def __init__(self):
            self.conv = nn.Conv2d(4, 4, 5, padding=2, rng=rng)

        def forward(self, skip, x, scale):
            return skip + self.conv(x) * scale

    fuse = Fuse()
    net = Calls(lambda x: fuse(x, x, scale=2.0))
    assert rows(net, (9, 9))[-1].behind.receptive_field == 7


def test_slices_cut_and_skip():
    net = Calls(lambda x: x[..., 3::2, 1:-2])
    row = rows(net, (13, 12))[-1]
    assert row.behind.shape == net(Tensor(np.ones((1, 3, 13, 12), "float32"))).shape == (1, 2, 5, 9)
    assert [str(moved.scale) for moved in row.behind.moved] == ["1/2", "1"]
    assert [str(moved.shift) for moved in row.behind.moved] == ["-3/2", "-1"]


def test_functions_are_listed_as_the_layers_that_they_are():
    net = Calls(Inside(lambda x: F.max_pool2d(conv_of_its_own(x), 2)))
    found = {row.name: row for row in rows(net, (8, 8))}
    assert list(found) == ["before", "function.conv2d", "function.max_pool2d", "behind"]
    assert found["function.conv2d"].multiply_adds == 4 * 4 * 9 * 8 * 8
    assert "function.max_pool2d" in table(net, (8, 8))
    assert [row.name for row in rows(Calls(transposed_of_its_own), (8, 8))] == ["before", "conv_transpose2d", "behind"]


def test_dropout_draws_nothing_while_sizes_are_asked_for():
    generator = np.random.default_rng(0)
    net = nn.Sequential(nn.Conv2d(3, 2, 1, rng=rng), nn.Dropout(rng=generator), nn.Dropout2d(rng=generator))
    table(net, (8, 8))
    assert generator.random() == np.random.default_rng(0).random()


def test_neither_number_type_nor_device_of_the_weights_matters(dtype, device):
    layers = nn.Conv2d(3, 2, 3, rng=rng), nn.ReLU(), nn.MaxPool2d(2), Inside(lambda x: F.avg_pool2d(x, 2) * 2)
    net = nn.Sequential(*layers, nn.ConvTranspose2d(2, 2, 4, 2, 1, bias=True)).astype(dtype).to(device)
    behind = rows(net, (10, 14))[-1].behind
    assert behind.shape == (1, 2, 4, 6)
    assert behind.field_sizes == ((10, 10), (10, 10))


REFUSED = {
    "an operation that is not known": (swish, r"the operation 'swish' is not known"),
    "an operation with the name of one that is known": (relu, r"the operation 'relu' is not known"),
    "softmax over the rows": (lambda x: F.softmax(x, 2), r"the operation 'softmax' is not known"),
    "matrices": (lambda x: F.linear(x, Tensor(np.ones((5, 8), "float32"))), r"the operation '\w+' is not known"),
    "values": (lambda x: Tensor(np.maximum(x.data, 0)), "the values of a map are asked for"),
    "values of NumPy": (lambda x: np.asarray(x), "the values of a map are asked for"),
    "a mean": (lambda x: x.mean(axis=(2, 3)), ".mean: the values of a map are asked for"),
    "indices": (lambda x: F.max_pool2d(x, 2, return_indices=True)[0], "the values of a map are asked for"),
    "a condition": (lambda x: x if x else -x, "the values of a map are asked for"),
    "a comparison": (lambda x: x * (x == 0), "the values of a map are asked for"),
    "a row": (lambda x: x[:, :, 0], r"x\[.*\] is no map"),
    "a list as index": (lambda x: x[:, [0, 1]], r"x\[.*\] is no map"),
    "backwards": (lambda x: x[:, :, ::-1], r"x\[.*\] is no map"),
    "nothing": (lambda x: x[:, :, 8:], "nothing is left"),
    "a map of another size": (lambda x: x + np.ones((3, 3)), r"an operand of shape \(3, 3\) does not lie on a map"),
    "other channels": (lambda x: x * np.ones((3, 1, 1)), "do not fit together"),
    "a weight made of the image": (lambda x: F.conv2d(x, x), "the weight depends on the image"),
    "a kernel that does not fit": (lambda x: F.max_pool2d(x, 9), "does not fit on a map of 8x8"),
    "maps of another stride": (lambda x: x[:, :, ::2, ::2] + x[:, :, :4, :4], "not aligned: .* u/2, .* u;"),
    "some channels of concatenated maps": (
        lambda x: F.concatenate([x, F.max_pool2d(x, 3, 1, 1)])[:, :4],
        "what some channels of concatenated maps see is not known",
    ),
    "sizes that differ": (lambda x: F.concatenate([x, x[:, :, :4]]), "must agree but for axis 1"),
}


@pytest.mark.parametrize(("function", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_known_is_refused_by_the_name_of_the_module(function, message):
    with pytest.raises(ValueError, match=rf"^function \(Inside\): .*{message}"):
        rows(Calls(Inside(function)), (8, 8))


def test_a_module_without_a_forward_is_refused():
    with pytest.raises(ValueError, match=r"^1 \(Module\): Module has no forward"):
        rows(nn.Sequential(nn.Conv2d(3, 2, 1), nn.Module()), (8, 8))


class TestMapsBesideEachOther:
    """A sum of maps that are a pixel, or half of one, apart: what it sees is known, where it lies is not."""

    def test_see_what_either_sees(self):
        net = Calls(lambda x: x[:, :, 1:] - x[:, :, :-1])
        assert rows(net, (8, 8))[-1].behind.field_sizes == ((4, 4), (3, 3))

    def test_have_no_offset(self):
        net = Calls(lambda x: x + F.conv_transpose2d(x[:, :, ::2, ::2], np.ones((4, 4, 4, 4), "float32"), None, 2, 1))
        lines = table(net, (8, 8)).splitlines()
        assert [line.split()[-1] for line in lines[1:4]] == ["0", "0.5", "?"]
        assert alignment_table(net).rows[-1].cells() == ("behind", "u", "?")

    def test_are_not_cropped_at_a_derived_offset(self):
        net = Inside(lambda x: F.conv2d(x[:, :, 1:] + x[:, :, :-1], np.ones((1, 3, 2, 1))).crop_to(x, "score"))
        with pytest.raises(
            ValueError, match=r"Inside: score: no crop aligns the sum of maps that do not lie over each"
        ):
            crop_offsets(net)


class TestChannels:
    def test_of_a_layer_that_does_not_fit_are_refused_by_its_name(self):
        net = nn.Sequential(nn.Conv2d(3, 4, 3, rng=rng), nn.Conv2d(7, 2, 3, rng=rng))
        with pytest.raises(ValueError, match=r"^1 \(Conv2d\): conv2d: weight expects 7 input channels .* x has 4"):
            rows(net, (32, 32))

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    @pytest.mark.parametrize(
        "first",
        [
            lambda c: nn.Conv2d(c, 4, 3, rng=rng),
            lambda c: nn.Conv2d(c, 4 * c, 3, groups=c, rng=rng),
            lambda c: nn.ConvTranspose2d(c, 4, 3, rng=rng),
            lambda c: nn.ConvTranspose2d(c, 4 * c, 3, groups=c, rng=rng),
            lambda c: Inside(lambda x: F.conv2d(x, Tensor(np.ones((4, c, 1, 1), "float32")))),
            lambda c: Inside(lambda x: x - np.ones((c, 1, 1), "float32")),
        ],
        ids=["conv", "grouped conv", "transposed", "grouped transposed", "a function", "a mean of each channel"],
    )
    def test_of_the_image_are_those_that_the_first_layer_takes(self, channels, first):
        net = nn.Sequential(nn.MaxPool2d(2), nn.Dropout(), first(channels))
        assert rows(net, (8, 8))[0].behind.shape == (1, channels, 4, 4) or channels == 1

    def test_the_first_layer_is_the_one_that_runs_first(self):
        class Backwards(nn.Module):
            def __init__(self):
                self.second, self.first = nn.Conv2d(8, 2, 1, rng=rng), nn.Conv2d(1, 8, 1, rng=rng)

            def forward(self, x):
                return self.second(self.first(x))

        assert rows(Backwards(), (8, 8))[0].before.shape == (1, 1, 8, 8)

    def test_can_be_given(self):
        net = nn.Sequential(nn.MaxPool2d(2))
        assert rows(net, (8, 8))[0].behind.shape == (1, 3, 4, 4)
        assert rows(net, (8, 8), channels=5)[0].behind.shape == (1, 5, 4, 4)
        with pytest.raises(ValueError, match="weight expects 1 input channels"):
            table(nn.Sequential(nn.Conv2d(1, 1, 1, rng=rng)), (8, 8), channels=3)

    def test_of_maps_that_are_joined_add_up(self):
        net = Calls(lambda x: F.concatenate([x, F.relu(x), Tensor(np.ones((1, 1, 8, 8), "float32"))])[:, 3:7])
        assert rows(net, (8, 8))[-1].before.shape == (1, 4, 8, 8)


class TestWindowsThatAreNotSquare:
    net = nn.Sequential(
        nn.Conv2d(3, 4, (3, 5), (1, 2), (0, 2), rng=rng), nn.ConvTranspose2d(4, 2, (1, 4), (1, 2), (0, 1), rng=rng)
    )

    def test_have_fields_and_strides_of_two_numbers_in_the_table(self):
        lines = table(self.net, (20, 20)).splitlines()
        assert lines[1].split()[-3:] == ["1x2", "3x5", "-1,0"]
        assert lines[2].split()[-3:] == ["1", "3x7", "-1,0.5"]

    def test_have_two_tables_of_coordinates(self):
        of_rows, of_columns = (alignment_table(self.net, axis=axis) for axis in (0, 1))
        assert [str(row.total.shift) for row in of_rows.rows] == ["-1", "-1"]
        assert [str(row.total.shift) for row in of_columns.rows] == ["0", "1/2"]
        assert str(of_rows).endswith("Rows (axis=0) and columns (axis=1) move differently; this is one of them.")

    def test_have_crop_offsets_of_two_numbers(self):
        class Skip(nn.Module):
            def __init__(self):
                self.pad, self.score = nn.Conv2d(3, 2, 1, padding=(4, 6), rng=rng), nn.Conv2d(2, 2, (3, 5), rng=rng)

            def forward(self, x):
                return self.score(self.pad(x)).crop_to(x, "score")

        assert crop_offsets(Skip()) == {"score": (3, 4)}
        assert alignment_table(Skip(), axis=1).crop_offsets == {"score": 4}


def test_output_padding_adds_rows():
    net = nn.Sequential(nn.ConvTranspose2d(3, 4, 3, 2, 1, output_padding=(1, 0), rng=rng))
    assert rows(net, (32, 32))[-1].behind.shape == (1, 4, 64, 63)


@pytest.mark.parametrize("derive", [crop_offsets, alignment_table, lambda model: table(model, (8, 8))])
def test_what_is_no_network_is_refused(derive):
    with pytest.raises(TypeError, match=r"passes a Module, got str 'fcn8s'; models.create"):
        derive("fcn8s")


@pytest.mark.parametrize("size", [(0, 8), (8,), 2.5])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(ValueError, match="size must be a whole number of at least 1, or a pair of them"):
        trace(nn.Sequential(nn.MaxPool2d(2)), size)


def test_the_axis_of_the_alignment_table_is_rows_or_columns():
    with pytest.raises(ValueError, match="axis must be 0, for rows, or 1, for columns, got 2"):
        alignment_table(nn.Sequential(nn.MaxPool2d(2)), axis=2)


def test_networks_that_need_larger_images_say_so():
    net = nn.Sequential(nn.Conv2d(3, 1, 300, rng=rng))
    with pytest.raises(
        ValueError, match=r"^0 \(Conv2d\): conv2d: a kernel of 300x300 .* does not fit on a map of 224x224"
    ):
        crop_offsets(net)
    assert crop_offsets(net, size=(300, 300)) == {}


def test_a_network_without_crops_has_none():
    assert table(nn.Sequential(nn.MaxPool2d(2)), (8, 8)).endswith("crop offsets        none")


def test_a_layer_may_be_used_twice_and_modules_may_lack_a_name():
    layers = [nn.Conv2d(3, 3, 3, rng=rng)]
    net = Inside(lambda x: layers[0](layers[0](x)))
    assert [row.name for row in rows(net, (8, 8))] == ["Conv2d", "Conv2d"]
    assert isinstance(rows(net, (8, 8))[-1].behind, Geometry)
