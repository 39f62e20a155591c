"""The listing of the lecture, written in PyTorch as its slides have it, with fewer channels by choice."""

from torch import nn


def stage(inputs, *channels):
    layers = []
    for before, outputs in zip((inputs, *channels), channels, strict=False):
        layers += [nn.Conv2d(before, outputs, kernel_size=3, stride=1, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2, 2))


class Listing(nn.Module):
    """What the three have in common."""

    def __init__(self, num_classes, width):
        super().__init__()
        c64, c128, c256, c512, c4096 = (round(n * width) for n in (64, 128, 256, 512, 4096))
        self.conv1 = stage(3, c64, c64)
        self.conv2 = stage(c64, c128, c128)
        self.conv3 = stage(c128, c256, c256, c256)
        self.conv4 = stage(c256, c512, c512, c512)
        self.conv5 = stage(c512, c512, c512, c512)
        self.fc6 = nn.Sequential(nn.Conv2d(c512, c4096, 1), nn.Dropout2d())
        self.fc7 = nn.Sequential(nn.Conv2d(c4096, c4096, 1), nn.Dropout2d())
        self.score = nn.Conv2d(c4096, num_classes, 1)
        self.finer = c512, c256


class FCN32s(Listing):
    def __init__(self, num_classes, width):
        super().__init__(num_classes, width)
        self.up_score = nn.ConvTranspose2d(num_classes, num_classes, 64, stride=32, padding=16)
        parts = self.conv1, self.conv2, self.conv3, self.conv4, self.conv5, self.fc6, self.fc7, self.score
        self.fcn = nn.Sequential(*parts, self.up_score)

    def forward(self, x):
        return self.fcn(x)


class FCN16s(Listing):
    def __init__(self, num_classes, width):
        super().__init__(num_classes, width)
        self.up_score_conv5 = nn.ConvTranspose2d(num_classes, num_classes, 4, stride=2, padding=1)
        self.conv1x1_conv4 = nn.Conv2d(self.finer[0], num_classes, 1)
        self.up_score = nn.ConvTranspose2d(num_classes, num_classes, 32, stride=16, padding=8)

    def forward(self, x):
        conv4 = self.conv4(self.conv3(self.conv2(self.conv1(x))))
        x = self.score(self.fc7(self.fc6(self.conv5(conv4))))
        x = self.up_score_conv5(x) + self.conv1x1_conv4(conv4)
        return self.up_score(x)


class FCN8s(Listing):
    def __init__(self, num_classes, width):
        super().__init__(num_classes, width)
        self.up_score_conv5 = nn.ConvTranspose2d(num_classes, num_classes, 4, stride=2, padding=1)
        self.conv1x1_conv4 = nn.Conv2d(self.finer[0], num_classes, 1)
        self.up_score_conv4_5 = nn.ConvTranspose2d(num_classes, num_classes, 4, stride=2, padding=1)
        self.conv1x1_conv3 = nn.Conv2d(self.finer[1], num_classes, 1)
        self.up_score = nn.ConvTranspose2d(num_classes, num_classes, 16, stride=8, padding=4)

    def forward(self, x):
        conv3 = self.conv3(self.conv2(self.conv1(x)))
        conv4 = self.conv4(conv3)
        x = self.score(self.fc7(self.fc6(self.conv5(conv4))))
        x = self.up_score_conv5(x) + self.conv1x1_conv4(conv4)
        x = self.up_score_conv4_5(x) + self.conv1x1_conv3(conv3)
        return self.up_score(x)


NETWORKS = {"fcn32s": FCN32s, "fcn16s": FCN16s, "fcn8s": FCN8s}


def network(name, num_classes, width):
    """In float64, for evaluation."""
    return NETWORKS[name](num_classes, width).double().eval()
