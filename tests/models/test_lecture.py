"""What is special about the lecture's variant; its numbers are held against PyTorch in tests/golden."""

import copy

import numpy as np
import pytest

from minifcn import Tensor, models
from minifcn.errors import UserError
from minifcn.nn import init

every_network = pytest.mark.parametrize("name", models.NETWORKS)


def lecture(name="fcn8s", width=1 / 64, **options):
    return models.create(name, num_classes=3, variant="lecture", width=width, **options)


def image(height, width):
    return Tensor(np.random.default_rng(0).normal(size=(1, 3, height, width)).astype("float32"))


@every_network
def test_is_a_network_of_that_name(name):
    assert isinstance(lecture(name), models.NETWORKS[name])


@every_network
def test_nothing_is_cropped(name):
    assert lecture(name).crop_offsets == {}


@every_network
@pytest.mark.parametrize("size", [(1, 1), (31, 64), (64, 48), (0, 32)], ids=str)
def test_sides_that_are_no_multiples_of_32_are_refused_with_some_that_are(name, size):
    net = lecture(name)
    with pytest.raises(ValueError, match=r"multiples of 32.*resize it, to \d+x\d+ for example") as error:
        net(Tensor(np.zeros((1, 3, *size), "float32")))
    fits = str(error.value).partition("resize it, to ")[2].split()[0]
    assert net(image(*map(int, fits.split("x")))).shape == (1, 3, *map(int, fits.split("x")))


def test_a_summary_that_is_refused_says_the_name_once():
    with pytest.raises(ValueError, match=r"^LectureFCN8s: the sides of an image"):
        models.summary.table(lecture(), (60, 96))


@pytest.mark.parametrize(
    ("name", "parameters"), [("fcn32s", 35_489_642), ("fcn16s", 34_152_740), ("fcn8s", 33_826_526)]
)
def test_number_of_parameters(name, parameters):
    """VGG16's 14,714,688, fc6 and fc7 of 1x1, scores, and upsampling with bias; counted by hand from the listing."""
    with init.shapes_only():
        net = models.create(name, variant="lecture")
    vgg16, fc = 14_714_688, (512 * 4096 + 4096) + (4096 * 4096 + 4096)

    def up(kernel):
        return 21 * 21 * kernel * kernel + 21

    score, conv4, conv3 = 4097 * 21, 513 * 21, 257 * 21
    heads = {"fcn32s": up(64), "fcn16s": up(4) + conv4 + up(32), "fcn8s": 2 * up(4) + conv4 + conv3 + up(16)}
    assert vgg16 + fc + score + heads[name] == parameters
    assert sum(p.data.size for p in net.parameters()) == parameters


def test_fc6_fc7_and_score_are_one_matrix():
    net = lecture(width=1 / 16).astype("float64").eval()
    x = Tensor(np.random.default_rng(1).normal(size=(1, net.channels["conv4"], 2, 3)))
    three, bias = net.score(net.fc7(net.fc6(x))), net.score(net.fc7(net.fc6(x * 0)))
    w6, w7, w = (layer.weight.data[:, :, 0, 0] for layer in (net.fc6[0], net.fc7[0], net.score))
    one = np.einsum("oc,nchw->nohw", w @ w7 @ w6, x.data)
    np.testing.assert_allclose(three.data, one + bias.data, rtol=0, atol=1e-12)


def test_a_copy_is_of_the_same_class():
    net = lecture().eval()
    assert type(copy.deepcopy(net)) is type(net)
    np.testing.assert_array_equal(copy.deepcopy(net)(image(32, 32)).data, net(image(32, 32)).data)


def test_other_seeds_give_other_weights():
    first, again, other = (lecture(rng=np.random.default_rng(seed)).score.weight.data for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_the_second_copies_in_a_state_of_fcn32s_must_be_copies():
    net = lecture("fcn32s")
    state = net.state_dict()
    doubled = state | {"fcn.0.0.weight": state["conv1.0.weight"], "fcn.8.bias": state["up_score.bias"]}
    net.load_state_dict(doubled)
    with pytest.raises(ValueError, match=r"fcn\.8\.bias and up_score\.bias must be the same array"):
        net.load_state_dict(doubled | {"fcn.8.bias": state["up_score.bias"] + 1})


def test_is_built_on_vgg16_and_scales_no_stream():
    with pytest.raises(UserError, match="built on vgg16, but backbone is 'alexnet'"):
        lecture(backbone="alexnet")
    with pytest.raises(ValueError, match="leave at_once out"):
        lecture(at_once=True)


def test_another_network_has_no_such_variant():
    class Mine(models.FCN8s):
        pass

    with pytest.raises(ValueError, match="Mine: variant must be"):
        Mine(3, variant="lecture")
