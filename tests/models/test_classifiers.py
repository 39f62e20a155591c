"""The classifiers that FCNs are made of: layers, sizes, names, and what of them an FCN takes over."""

import numpy as np
import pytest

from minifcn import Tensor, models, nn, no_grad
from minifcn.data import ShapeCrops
from minifcn.models.geometry import GeometryError
from minifcn.models.summary import count_parameters
from minifcn.nn import Conv2d, Linear
from minifcn.training import published
from minifcn.training.transplant import transplant

CROPS = {"vgg16": 224, "alexnet": 227, "googlenet": 224}
every_classifier = pytest.mark.parametrize("name", CROPS)


def narrow(name, num_classes=5, **options):
    return models.classifier(name, num_classes, width=1 / 64, **options).eval()


def images(rng, size, batch=1, dtype="float32"):
    return Tensor(rng.normal(size=(batch, 3, size, size)).astype(dtype))


class Pools(models.Trunk):
    """A trunk of one's own that has a classifier."""

    scored = {"fc3": 4}
    crop_size = 22

    def stages(self):
        yield {"conv1": self.conv(8, 3), "pool1": self.pool(2)}
        yield {"conv2": self.conv(8, 3), "pool2": self.pool(2)}
        yield {"fc3": self.conv(32, 4), "drop3": self.drop()}


class TestLayers:
    @pytest.mark.parametrize(
        ("name", "learned"), [("vgg16", 138_357_544), ("alexnet", 60_965_224), ("googlenet", 6_998_552)]
    )
    def test_the_published_ones_learn_so_many_numbers(self, name, learned):
        with nn.init.shapes_only():
            assert count_parameters(models.classifier(name))[0] == learned

    def test_what_sees_the_whole_crop_is_fully_connected(self):
        net = narrow("vgg16")
        assert [name for name, layer in net.named_children() if isinstance(layer, Linear)] == ["fc6", "fc7", "fc8"]
        assert net.fc6.weight.shape == (64, 8 * 7 * 7)

    def test_googlenet_averages_its_last_map(self):
        net = narrow("googlenet")
        assert net.layers[-4:] == ("pool5_7x7_s1", "pool5_drop_7x7_s1", "flatten", "loss3_classifier")
        assert net.pool5_7x7_s1.window.kernel == (7, 7)

    @every_classifier
    def test_it_takes_crops_of_its_size(self, name, rng):
        net = narrow(name)
        assert net.crop_size == CROPS[name]
        assert len(net.mean) == 3
        assert net(images(rng, CROPS[name], 2)).shape == (2, 5)

    def test_another_crop_size_comes_with_another_fc6(self, rng):
        net = narrow("vgg16", crop_size=64, fc6_kernel=2)
        assert net(images(rng, 64)).shape == (1, 5)

    def test_it_is_drawn_from_the_generator(self):
        one, other = (narrow("vgg16", rng=np.random.default_rng(seed)).state_dict() for seed in (1, 1))
        assert all((one[name] == other[name]).all() for name in one)

    def test_of_a_trunk_of_ones_own(self, rng):
        net = models.classifier(Pools, 3, rng=rng).eval()
        assert net.layers == ("conv1", "pool1", "conv2", "pool2", "flatten", "fc3", "drop3", "fc8")
        assert net(images(rng, 22)).shape == (1, 3)

    @pytest.mark.parametrize("kind", ["groups", "a pool", "inside a Sequential"])
    def test_what_comes_before_a_layer_of_maps_stays_a_convolution(self, kind, rng):
        """However small the maps are: only behind the last of these are they vectors."""

        class Mixed(Pools):
            def stages(self):
                yield from super().stages()
                made = {
                    "groups": lambda: self.conv(32, 1, groups=2),
                    "a pool": lambda: nn.MaxPool2d(1),
                    "inside a Sequential": lambda: nn.Sequential(self.conv(32, 1), self.drop()),
                }
                yield {"mixed": made[kind](), "fc4": self.conv(8, 1)}

        classifier = models.classifier(Mixed, 5).astype("float64").eval()
        assert classifier.layers == (
            "conv1",
            "pool1",
            "conv2",
            "pool2",
            "fc3",
            "drop3",
            "mixed",
            "flatten",
            "fc4",
            "fc8",
        )
        net, x = models.convolutionalize(classifier), images(rng, 30, dtype="float64")
        np.testing.assert_allclose(net(x).data, models.slide(classifier, x, net.grid).data, atol=1e-9)


class TestConvolutional:
    @every_classifier
    def test_one_crop_has_the_same_scores(self, name, rng):
        classifier = narrow(name, rng=rng).astype("float64")
        net, x = models.convolutionalize(classifier), images(rng, CROPS[name], dtype="float64")
        assert isinstance(net, models.Classifier)
        assert net.grid == models.CropGrid((CROPS[name],) * 2, (32, 32), exact=False)
        np.testing.assert_allclose(net(x).data[:, :, 0, 0], classifier(x).data, rtol=0, atol=1e-9)

    @every_classifier
    def test_it_takes_larger_images_too(self, name, rng):
        net = models.convolutionalize(narrow(name, rng=rng))
        rows, columns = net.grid.crops((300, 260))
        found = net(Tensor(np.zeros((1, 3, 300, 260), "float32"))).shape
        assert found[2] >= rows == 3
        assert found[3] >= columns == 2

    def test_alexnet_makes_the_papers_ten_by_ten(self):
        net = models.convolutionalize(narrow("alexnet"))
        assert models.geometry.trace(net, (500, 500)).output.shape == (1, 5, 10, 10)

    def test_of_a_trunk_of_ones_own_all_crops_have_the_same_scores(self, rng):
        classifier = models.classifier(Pools, 3, rng=rng).astype("float64").eval()
        net, x = models.convolutionalize(classifier), images(rng, 39, dtype="float64")
        assert net.grid.exact
        rows, columns = net.grid.crops((39, 39))
        found = net(x).data[:, :, :rows, :columns]
        np.testing.assert_allclose(found, models.slide(classifier, x, net.grid).data, rtol=0, atol=1e-9)

    def test_the_layers_are_those_of_the_trunk(self):
        """So fc6 is the convolution that the paper's FCN has."""
        net = models.convolutionalize(narrow("vgg16"))
        fcn = models.FCN32s(5, variant="paper", width=1 / 64)
        assert isinstance(net.fc6, Conv2d)
        assert net.fc6.weight.shape == fcn.fc6.weight.shape
        assert net.fc6.relu


class TestIntoAnFCN:
    def test_the_papers_takes_all_but_the_scores(self):
        classifier, fcn = (
            narrow("vgg16", 5, rng=np.random.default_rng(3)),
            models.FCN8s(21, variant="paper", width=1 / 64),
        )
        moved = transplant(fcn, classifier.state_dict())
        assert moved.names("reshaped") == ["fc6.weight", "fc7.weight"]
        assert moved.names("unused") == ["fc8.weight", "fc8.bias"]
        assert all(name.startswith(("score", "upscore")) for name in moved.names("first value"))
        convolutional = models.convolutionalize(classifier).state_dict()
        for name in ("conv1_1.weight", "fc6.weight", "fc7.weight", "fc7.bias"):
            np.testing.assert_array_equal(fcn.state_dict()[name], convolutional[name])

    @every_classifier
    def test_every_trunk_takes_its_classifiers_convolutions(self, name):
        fcn = models.FCN32s(21, backbone=name, variant="paper", width=1 / 64)
        moved = transplant(fcn, narrow(name).state_dict())
        assert all(name.startswith(("score", "upscore")) for name in moved.names("first value"))
        assert len(moved.names("unused")) == 2


class TestRefused:
    def test_images_of_another_size(self, rng):
        with pytest.raises(ValueError, match=r"x must be crops of 224x224, got 64x64; models\.convolutionalize"):
            narrow("vgg16")(images(rng, 64))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"num_classes": 0}, "classifier: num_classes must be at least 1, got 0"),
            ({"width": 0}, "classifier: width must be above 0, got 0"),
            ({"fc6_kernel": 0}, "classifier: fc6_kernel must be at least 1, got 0"),
            ({"crop_size": -3}, "classifier: crop_size of VGG16 must be at least 1, got -3"),
            ({"dropout": 1}, r"classifier: dropout must be a probability in \[0, 1\), got 1"),
        ],
    )
    def test_settings_that_cannot_be(self, options, message):
        with pytest.raises(ValueError, match=message):
            models.classifier("vgg16", **{"width": 1 / 64} | options)

    def test_a_crop_size_that_does_not_fit_fc6(self):
        with pytest.raises(GeometryError, match=r"a kernel of 7x7 .*does not fit on a map of 2x2.*fc6_kernel"):
            narrow("vgg16", crop_size=64)
        with pytest.raises(GeometryError, match=r"makes 2x2 answers of a crop of 256x256, not one.*fc6_kernel"):
            narrow("vgg16", crop_size=256)

    def test_a_trunk_without_crop_size(self):
        class Endless(models.Trunk):
            scored = {"conv1": 1}

            def stages(self):
                yield {"conv1": self.conv(4, 3)}

        with pytest.raises(ValueError, match="classifier: crop_size of Endless must be at least 1, got 0"):
            models.classifier(Endless)

    def test_an_unknown_name(self):
        with pytest.raises(ValueError, match=r"classifier: backbone must be one of .*vgg16.*, got 'vgg61'"):
            models.classifier("vgg61")


class TestPretrained:
    """The classifier of shapes that is in the package."""

    net = models.pretrained("shapes-classifier")

    def test_it_knows_what_it_was_trained_on(self):
        crops = ShapeCrops(1)
        assert self.net.class_names == crops.class_names
        assert (self.net.palette == crops.palette).all()
        assert (self.net.crop_size, self.net.num_classes, self.net.training) == (64, 6, False)

    def test_its_file_is_small(self):
        assert models.trained.file_of("shapes-classifier").stat().st_size < 300_000

    def test_it_is_right_about_new_crops(self):
        crops = ShapeCrops(100, size=64, seed=7)
        images = np.stack([self.net.normalize(crop.image) for crop in crops])
        with no_grad():
            found = self.net(Tensor(images)).data.argmax(axis=1)
        assert (found == [crops.kind(i) for i in range(100)]).mean() > 0.95

    def test_its_convolutional_form_knows_what_it_knows(self):
        whole = models.convolutionalize(self.net)
        assert whole.class_names == self.net.class_names
        assert not whole.training

    def test_it_shows_where_shapes_are(self):
        """In the fully convolutional form, of nine crops side by side."""
        whole, right = models.convolutionalize(self.net), []
        for seed in range(100, 110):
            crops = ShapeCrops(9, size=64, seed=seed)
            mosaic = np.block([[[crops[3 * i + j].image] for j in range(3)] for i in range(3)])
            with no_grad():
                scores = whole(Tensor(whole.normalize(mosaic)[None])).data
            found = scores[0, :, ::2, ::2].argmax(axis=0)
            right.append(found.ravel() == [crops.kind(i) for i in range(9)])
        assert np.mean(right) > 0.85

    def test_an_fcn_takes_its_weights(self):
        moved = transplant(models.FCN8s(6, width=0.055), self.net.state_dict())
        assert len(moved.names("copied")) == 2 * 13 + 2  # conv1_1 to conv5_3, and the biases of fc6 and fc7
        assert moved.names("reshaped") == ["fc7.weight"]

    def test_a_network_begins_with_its_file(self):
        """As minifcn train --init does: all but fc6, which sees 2x2 pixels there and one here."""
        found = published.open_weights(models.trained.file_of("shapes-classifier"))
        assert (found.config.backbone, found.config.variant, found.config.width) == ("vgg16", "aligned", 0.055)
        assert not found.config.class_names
        moved = transplant(models.FCN32s(6, width=0.055), found.model)
        assert moved.names("first value") == ["fc6.weight", "score_fr.weight", "score_fr.bias", "upscore.weight"]
