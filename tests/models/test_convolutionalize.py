"""A classifier and its fully convolutional form: the same scores at every crop, shared weights, and what is refused."""

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, models, nn
from minifcn.models.geometry import GeometryError
from minifcn.nn import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential

TOLERANCE = {"float32": 1e-5, "float64": 1e-9}


def random_classifier(seed):
    """Layers without padding that take crops of a random size, and that size: (classifier, (height, width))."""
    rng = np.random.default_rng(seed)
    size = crop = tuple(int(n) for n in rng.integers(18, 30, 2))
    channels, layers = int(rng.integers(1, 4)), []
    for _ in range(rng.integers(1, 4)):
        made, kernel = int(rng.integers(2, 6)), tuple(int(k) for k in rng.integers(1, 5, 2))
        conv = Conv2d(channels, made, kernel, stride=int(rng.integers(1, 3)), relu=bool(rng.integers(2)), rng=rng)
        pool = MaxPool2d(int(rng.integers(1, 3))) if rng.integers(2) else nn.AvgPool2d(2, stride=1)
        try:
            size = pool.window.output_size(conv.window.output_size(size))
        except ValueError:  # nothing would be left of the map
            break
        channels, layers = made, [*layers, conv, pool, nn.LocalResponseNorm(3), nn.Dropout(0.5, rng=rng)]
    hidden = int(rng.integers(2, 20))
    layers += [Flatten(), Linear(channels * size[0] * size[1], hidden, rng=rng), ReLU()]
    layers += [Linear(hidden, hidden, bias=False, relu=True, rng=rng), Linear(hidden, 4, rng=rng)]
    classifier = Sequential(*layers).eval()
    for parameter in classifier.parameters():
        parameter.data += 0.1 * rng.normal(size=parameter.shape).astype("float32")
    return classifier, crop


def image(rng, channels, size, dtype="float64"):
    return Tensor(rng.normal(size=(1, channels, *size)).astype(dtype))


def small(rng, **first):
    """Of crops of 24x24."""
    return Sequential(
        Conv2d(3, 8, 5, relu=True, rng=rng, **first), MaxPool2d(2), Flatten(), Linear(800, 6, rng=rng)
    ).eval()


class OneLineAfterTheOther(nn.Module):
    """A classifier of one's own, as one writes it: layers as attributes, and functions between them."""

    def __init__(self, rng):
        self.conv1, self.conv2 = Conv2d(3, 4, 3, rng=rng), Conv2d(4, 4, 3, rng=rng)
        self.flatten = Flatten()
        self.fc1, self.fc2 = Linear(4 * 4 * 4, 10, rng=rng), Linear(10, 3, rng=rng)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.relu(self.conv2(x)) + x[:, :, 1:-1, 1:-1]
        return F.softmax(self.fc2(F.relu(self.fc1(self.flatten(x)))))


class TestScores:
    @pytest.mark.parametrize("dtype", TOLERANCE)
    @pytest.mark.parametrize("seed", range(20))
    def test_they_are_those_of_the_classifier_on_every_crop(self, seed, dtype, rng):
        classifier, crop = random_classifier(seed)
        classifier = classifier.astype(dtype)
        net = models.convolutionalize(classifier, crop)
        size = tuple(n + int(more) for n, more in zip(crop, rng.integers(0, 20, 2), strict=True))
        x = image(rng, classifier[0].in_channels, size, dtype)
        expected, found = models.slide(classifier, x, net.grid).data, net(x).data
        rows, columns = net.grid.crops(x.shape[2:])
        assert net.grid.exact
        assert expected.shape == (1, 4, rows, columns)
        found = found[:, :, :rows, :columns]
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype] * abs(expected).max())

    def test_of_a_forward_of_ones_own(self, rng):
        classifier = OneLineAfterTheOther(rng).astype("float64")
        net, x = models.convolutionalize(classifier, 14), image(rng, 3, (21, 30))
        assert type(net) is OneLineAfterTheOther
        np.testing.assert_allclose(net(x).data, models.slide(classifier, x, net.grid).data, atol=1e-9)

    def test_of_a_classifier_without_convolutions(self, rng):
        classifier = Sequential(Flatten(), Linear(3 * 4 * 5, 2, rng=rng)).astype("float64")
        net, x = models.convolutionalize(classifier, (4, 5)), image(rng, 3, (6, 9))
        assert net(x).shape == (1, 2, 3, 5)
        np.testing.assert_allclose(net(x).data, models.slide(classifier, x, net.grid).data, atol=1e-9)

    def test_behind_an_average_of_the_whole_map(self, rng):
        """Its stride is not used on a crop; so there is a score at every step of the map, not at every seventh."""
        layers = Conv2d(3, 8, 2, stride=2, relu=True, rng=rng), nn.AvgPool2d(7), Flatten(), Linear(8, 5, rng=rng)
        classifier = Sequential(*layers).astype("float64")
        net, x = models.convolutionalize(classifier, 14), image(rng, 3, (20, 17))
        assert net.grid.stride == (2, 2)
        assert classifier[1].window.stride == (7, 7)
        np.testing.assert_allclose(net(x).data, models.slide(classifier, x, net.grid).data, atol=1e-9)

    @pytest.mark.parametrize("pool", [MaxPool2d(2), nn.AvgPool2d(2)], ids=["max", "mean"])
    def test_behind_one_pool_that_stands_in_several_places(self, pool, rng):
        """It has one place on the crop in the last of them only, and so its stride stays, as a function's does."""
        convs = Conv2d(3, 4, 3, relu=True, rng=rng), Conv2d(4, 5, 3, rng=rng)
        layers = convs[0], pool, convs[1], pool, Flatten(), Linear(5, 3, rng=rng)  # 10 -> 8 -> 4 -> 2 -> 1
        classifier = Sequential(*layers).astype("float64")
        net, x = models.convolutionalize(classifier, 10), image(rng, 3, (22, 31))
        expected = models.slide(classifier, x, net.grid).data
        assert (net.grid.stride, net(x).shape) == ((4, 4), expected.shape)
        np.testing.assert_allclose(net(x).data, expected, atol=1e-9)

    @pytest.mark.parametrize("first", ["average", "scale", "slice"])
    @pytest.mark.parametrize("channels", [1, 2, 4])
    def test_of_images_whose_channels_only_the_last_layer_says(self, channels, first, rng):
        class Own(nn.Module):
            def __init__(self):
                self.pool, self.flatten = nn.AvgPool2d(2), Flatten()
                self.fc = Linear(channels * 4 * 4, 3, rng=rng)

            def forward(self, x):
                x = {
                    "average": self.pool,
                    "scale": lambda x: x[:, :, ::2, ::2] / 255,
                    "slice": lambda x: x[..., ::2, 1::2],
                }[first](x)
                return self.fc(self.flatten(x))

        classifier, x = Own().astype("float64"), image(rng, channels, (12, 14))
        net = models.convolutionalize(classifier, 8)
        np.testing.assert_allclose(net(x).data, models.slide(classifier, x, net.grid).data, atol=1e-9)

    def test_gradients_pass(self, rng):
        """Those of the whole image are the sum of those of all crops: paper section 3.4."""
        classifier = small(rng).astype("float64")
        net, x = models.convolutionalize(classifier, 24), image(rng, 3, (32, 28))
        (net(x) ** 2).sum().backward()
        for i, j in np.ndindex(net.grid.crops(x.shape[2:])):
            (classifier(x[:, :, *net.grid.crop(i, j)]) ** 2).sum().backward()
        for whole, sliding in zip(net.parameters(), classifier.parameters(), strict=True):
            assert whole.grad.data.size == sliding.grad.data.size
            np.testing.assert_allclose(whole.grad.data.ravel(), sliding.grad.data.ravel(), rtol=1e-9, atol=1e-9)


class TestPadding:
    """A crop alone is surrounded by zeros, in the image it is not: then the grid is not exact, and says so."""

    def test_the_image_that_is_one_crop_has_the_classifiers_scores(self, rng):
        classifier = small(rng, padding=2).astype("float64")
        classifier[3] = Linear(8 * 12 * 12, 6, rng=rng).astype("float64")
        net, x = models.convolutionalize(classifier, 24), image(rng, 3, (24, 24))
        assert not net.grid.exact
        np.testing.assert_allclose(net(x).data[:, :, 0, 0], classifier(x).data, atol=1e-9)

    def test_other_crops_differ_at_their_border_only(self, rng):
        """With a last layer that does not look at the border, the crops agree again."""
        classifier = small(rng, padding=2).astype("float64")
        weight = rng.normal(size=(6, 8, 12, 12))
        classifier[3] = Linear(8 * 12 * 12, 6).astype("float64")
        net, x = models.convolutionalize(classifier, 24), image(rng, 3, (40, 40))
        for inner, agree in ((slice(0, 12), False), (slice(1, 11), True)):
            classifier[3].weight.data[...] = 0
            net[3].weight.data[:, :, inner, inner] = weight[:, :, inner, inner]
            difference = abs(net(x).data - models.slide(classifier, x, net.grid).data).max()
            assert (difference < 1e-9) == agree

    def test_a_pool_that_hangs_over_the_edge_is_not_exact(self, rng):
        layers = Conv2d(3, 2, 1, rng=rng), MaxPool2d(2, ceil_mode=True), Flatten(), Linear(2 * 9, 2, rng=rng)
        assert not models.convolutionalize(Sequential(*layers), 5).grid.exact
        assert models.convolutionalize(Sequential(*layers), 6).grid.exact


class TestWeights:
    @pytest.mark.parametrize("order", ["C", "F"])
    def test_they_are_shared(self, order, rng):
        """In whatever order a matrix lies in memory: to read one axis as three needs no copy."""
        classifier = small(rng)
        classifier[3].weight.data = np.asarray(classifier[3].weight.data, order=order)
        net = models.convolutionalize(classifier, 24)
        for one, other in zip(classifier.parameters(), net.parameters(), strict=True):
            assert one is not other
            assert np.shares_memory(one.data, other.data)

    def test_or_copied_in_the_order_in_which_a_convolution_reads_them(self, rng):
        classifier = small(rng)
        net = models.convolutionalize(classifier, 24, share=False)
        x = image(rng, 3, (40, 40), "float32")
        np.testing.assert_allclose(net(x).data, models.convolutionalize(classifier, 24)(x).data, atol=1e-5)
        for one, other in zip(classifier.parameters(), net.parameters(), strict=True):
            assert not np.shares_memory(one.data, other.data)
        assert net[3].weight.data.transpose(0, 2, 3, 1).flags.c_contiguous

    def test_they_have_the_same_names(self, rng):
        classifier = small(rng)
        assert list(models.convolutionalize(classifier, 24).state_dict()) == list(classifier.state_dict())

    def test_the_classifier_stays_as_it_is(self, rng):
        classifier = small(rng)
        text, state = repr(classifier), classifier.state_dict()
        models.convolutionalize(classifier, 24).astype("float64").train()
        assert repr(classifier) == text
        assert classifier.dtype == "float32"
        assert not any(module.training for _, module in classifier.named_modules())
        for name, value in classifier.state_dict().items():
            np.testing.assert_array_equal(value, state[name])

    def test_a_layer_that_stands_in_two_places_is_one_layer(self, rng):
        again = Linear(6, 6, rng=rng)
        classifier = Sequential(*small(rng), again, again)
        net = models.convolutionalize(classifier, 24)
        assert net[4] is net[5]
        assert len(list(net.parameters())) == len(list(classifier.parameters()))

    def test_fixed_ones_stay_fixed(self, rng):
        classifier = small(rng)
        classifier[3].weight.requires_grad = False
        assert [p.requires_grad for p in models.convolutionalize(classifier, 24).parameters()] == [1, 1, 0, 1]


class TestGrid:
    def test_the_paper_s_ten_by_ten(self):
        """Of AlexNet on 500x500, nine by nine are whole crops; the tenth hangs over the edge of the image."""
        grid = models.CropGrid((227, 227), (32, 32), exact=False)
        assert grid.crops((500, 500)) == (9, 9)
        assert grid.crop(9, 9)[0].stop == 515

    @pytest.mark.parametrize("seed", range(5))
    def test_the_centre_of_a_crop_is_where_the_coordinate_maps_say(self, seed):
        """But for rows at the end of a crop that a stride passes over, of which the classifier sees nothing."""
        classifier, crop = random_classifier(seed)
        net = models.convolutionalize(classifier, crop)
        scores = models.geometry.trace(net, crop).output
        for axis in (0, 1):
            back, field = scores.moved[axis].inverse(), scores.field_sizes[axis][0]
            for i in range(3):
                place = net.grid.crop(i, i)[axis].start + (field - 1) / 2
                assert back.scale * i + back.shift == place

    def test_an_image_smaller_than_a_crop_has_none(self):
        assert models.CropGrid((24, 24), (2, 2), exact=True).crops((23, 100)) == (0, 39)


class Reshapes(nn.Module):
    def __init__(self, rng):
        self.conv, self.fc = Conv2d(3, 2, 3, rng=rng), Linear(2 * 4 * 4, 3, rng=rng)

    def forward(self, x):
        x = self.conv(x)
        return self.fc(x.reshape(len(x), -1))


class Averages(Reshapes):
    def forward(self, x):
        return self.fc(self.conv(x).mean(axis=(2, 3)))


class Multiplies(Reshapes):
    def forward(self, x):
        return F.linear(self.conv(x), self.fc.weight)


class Gives(Reshapes):
    def forward(self, x):
        return [self.conv(x)]


class TestRefused:
    @pytest.mark.parametrize("kind", [Reshapes, Averages, Multiplies])
    def test_a_forward_with_one_size_built_in(self, kind, rng):
        with pytest.raises(GeometryError, match=rf"convolutionalize: {kind.__name__}: .*nn\.Flatten\(\) and nn\.Lin"):
            models.convolutionalize(kind(rng), 6)

    def test_what_gives_no_scores(self, rng):
        with pytest.raises(GeometryError, match="of Gives must give one Tensor of scores, but gives a list"):
            models.convolutionalize(Gives(rng), 6)

    def test_another_crop_size_than_that_of_the_weights(self, rng):
        with pytest.raises(GeometryError, match=r"3 \(Linear\): Linear: in_features is 800, but a map of 8 .*14x14"):
            models.convolutionalize(small(rng), 32)

    def test_a_network_that_is_fully_convolutional_already(self, rng):
        with pytest.raises(GeometryError, match="of a crop of 24x24 the classifier makes 20x20 answers, not one"):
            models.convolutionalize(Sequential(Conv2d(3, 2, 5, rng=rng)), 24)
        with pytest.raises(ValueError, match="it is fully convolutional already"):
            models.convolutionalize(models.convolutionalize(small(rng), 24), 24)

    def test_upsampling(self, rng):
        up = nn.ConvTranspose2d(3, 3, 2, stride=2, rng=rng)
        with pytest.raises(GeometryError, match="upsamples its maps"):
            models.convolutionalize(Sequential(up, Flatten(), Linear(3 * 8 * 8, 2)), 4)

    def test_no_crop_size(self, rng):
        with pytest.raises(TypeError, match=r"does not say how large its images are; pass crop_size=\(height, width\)"):
            models.convolutionalize(small(rng))

    def test_a_share_that_is_no_flag(self, rng):
        with pytest.raises(TypeError, match="convolutionalize: share must be True or False, got 2"):
            models.convolutionalize(small(rng), 24, share=2)

    def test_what_is_no_module(self):
        with pytest.raises(TypeError, match="classifier must be a Module, got a function"):
            models.convolutionalize(lambda x: x, 24)

    def test_a_matrix_read_as_two_kernels(self, rng):
        layer = Linear(16, 16, rng=rng)

        class Twice(nn.Module):
            def __init__(self):
                self.conv, self.layer = Conv2d(3, 4, 3, rng=rng), layer

            def forward(self, x):
                return self.layer(self.layer(self.conv(x)))

        with pytest.raises(GeometryError, match="layer is used on maps of two shapes"):
            models.convolutionalize(Twice(), 4)

    def test_sliding_over_an_image_smaller_than_a_crop(self, rng):
        with pytest.raises(ValueError, match="an image of 10x30 is smaller than the crop of 24x24"):
            models.slide(small(rng), image(rng, 3, (10, 30)), models.CropGrid((24, 24), (2, 2), exact=True))
