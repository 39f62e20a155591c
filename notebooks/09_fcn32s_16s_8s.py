# %% [markdown]
# # 9. FCN-32s, FCN-16s and FCN-8s
#
# The paper has three networks. They share one trunk and differ in how they come back to the size of the image: in one
# step of 32, or in several steps with *skips* that add finer scores on the way. Afterwards you can follow the size of
# every map, write the forward pass of FCN-16s by hand, say what the skips cost, and see in a small experiment what they
# bring.
#
# You need convolution and pooling, the transposed convolution (notebook 5) and bilinear upsampling.

# %%
import matplotlib.pyplot as plt
import numpy as np

import minifcn as mf
import minifcn.functional as F
from minifcn import data, explain, metrics, models, nn, optim, training

plt.style.use("minifcn.explain.figures")  # legible on light and on dark pages
plt.rcParams.update({"font.size": 10, "figure.constrained_layout.use": True})
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"

# %% [markdown]
# ## One trunk, three heads
#
# The trunk is VGG16: five stages of 3x3 convolutions, each with a pool at the end that halves the size, and then fc6
# and fc7, which once were fully connected layers and are convolutions here. `width=1/16` gives every layer a sixteenth
# of its channels, so that the networks run quickly. There are 3 classes.
#
# minifcn has two variants of each (and a third for courses, docs/lecture.md). `variant="paper"` is the paper's
# published reference code: padding 100, a 7x7 fc6, crops, and all upsampling fixed and bilinear (the paper's text
# learns the upsamplings by 2). `variant="aligned"`, the default and the one of this notebook, has padding 1 and a 1x1
# fc6, so that no crop moves anything, and its upsampling kernels *can* be learned, each mixing all classes.

# %%
CLASSES = 3
net32 = models.FCN32s(CLASSES, width=1 / 16)
net16 = models.FCN16s(CLASSES, width=1 / 16)
net8 = models.FCN8s(CLASSES, width=1 / 16)


def layer_names(net):
    return {name for name, _ in net.named_modules() if name}


shared = layer_names(net32) & layer_names(net16) & layer_names(net8)
for net in (net32, net16, net8):
    print(type(net).__name__, "has of its own:", sorted(layer_names(net) - shared))

assert {"conv1_1", "pool5", "fc6", "fc7", "score_fr"} <= shared
assert layer_names(net32) - shared == {"upscore"}
assert layer_names(net16) - shared == {"upscore2", "score_pool4", "upscore16"}
assert layer_names(net8) - shared == {"upscore2", "score_pool4", "upscore_pool4", "score_pool3", "upscore8"}

# %% [markdown]
# All three end the trunk with score_fr, a 1x1 convolution that makes one score per class out of the features of fc7.
# What follows is all that distinguishes them: `score_...` makes scores of a finer map, `upscore...` upsamples scores.
#
# ## Following the size
#
# `models.summary` runs a network on sizes instead of numbers.
#
# **Predict** before you run the next cell: for an image of 64x96 pixels, how large are pool3, pool4 and pool5?

# %%
size = 64, 96
shape = {row.name: row.behind.shape[1:] for row in models.summary.rows(net8, size)}
for name in ("pool1", "pool2", "pool3", "pool4", "pool5", "fc7", "score_fr"):
    print(f"{name:9} {shape[name]}   (channels, rows, columns)")

# ask: rows and columns of pool3
assert shape["pool3"][1:] == (64 // 8, 96 // 8)
# ask: rows and columns of pool4
assert shape["pool4"][1:] == (64 // 16, 96 // 16)
# ask: rows and columns of pool5
assert shape["pool5"][1:] == shape["score_fr"][1:] == (64 // 32, 96 // 32)
assert shape["score_fr"][0] == CLASSES

# %% [markdown]
# After five pools 2x3 pixels are left. The **stride** of this map is 32: neighbours are 32 pixels of the image apart.
# The stride of pool4 is 16, that of pool3 is 8. Here are the numbers in the names: the last upsampling of FCN-32s is by
# 32, that of FCN-8s by 8.
#
# **Predict**: FCN-32s gives $3 \cdot 64 \cdot 96$ scores. From how many numbers does it compute them?

# %%
for net, last in ((net32, "upscore"), (net16, "upscore16"), (net8, "upscore8")):
    row = next(row for row in models.summary.rows(net, size) if row.name == last)
    print(f"{type(net).__name__:7} {row.before.shape[1:]} -> {row.behind.shape[1:]}")
    assert row.behind.shape[1:] == (CLASSES, *size)
    assert np.prod(row.before.shape[1:]) == CLASSES * np.prod(size) // row.layer.window.stride[0] ** 2

before = {row.name: row.before.shape for row in models.summary.rows(net32, size)}
# ask: numbers that FCN-32s computes them from
assert np.prod(before["upscore"][1:]) == 3 * 2 * 3

# %% [markdown]
# FCN-32s has 6 scores per class, FCN-16s has 24 and FCN-8s has 96. Few numbers are left to say where a boundary runs;
# how much that costs is measured below.
#
# The whole table, if you want to see the channels, the cost and the receptive fields as well:

# %%
print(models.summary.table(net8, size))

# %% [markdown]
# And as a picture, in the manner of the paper's figure 3. Squares are maps where the stride changes, bars the layers
# between them. Below, from right to left, the scores: upsampled, and added up.

# %%
explain.figure3(net8, size)

# %% [markdown]
# ## A skip by hand
#
# A skip takes a finer map of the trunk (pool4), makes scores of it with a 1x1 convolution, and adds them to the coarse
# scores, upsampled to the same size. The idea of the paper: coarse scores see a large part of the image and can tell
# *what* there is, fine ones can tell *where* it is.
#
# To see it with numbers, we fill the score layers with random weights (why they need it comes below) and write the
# forward pass of FCN-16s in five lines. The image has 70x90 pixels, not a multiple of 32.
#
# **Predict**: pools round up here. How many rows do pool4 and the upsampled coarse scores have? Do they agree?

# %%
rng = np.random.default_rng(0)
for layer in (net16.score_fr, net16.score_pool4):
    layer.weight.data = rng.normal(0, 1, layer.weight.shape).astype("float32")
net16.eval()  # no dropout

x = mf.Tensor(rng.normal(0, 1, (1, 3, 70, 90)).astype("float32"))
_, pool4, fc7 = net16.features(x)  # pool3, pool4, fc7
coarse = net16.upscore2(net16.score_fr(fc7))
fine = net16.score_pool4(pool4)
print("coarse scores, upsampled by 2:", coarse.shape)
print("scores of pool4:              ", fine.shape)
# ask: rows of pool4
assert fine.shape[2] == 5
# ask: rows of the upsampled coarse scores
assert coarse.shape[2] == 6
assert coarse.shape[3] == fine.shape[3] == 6

# %% [markdown]
# The image has 70 rows. pool4 has $\lceil 70/16 \rceil = 5$ rows and score_fr has $\lceil 70/32 \rceil = 3$, upsampled
# 6. One row is too many, and it is the last one. So the coarse map is **cropped** before the two are added: this is
# "fuse". The sum is upsampled by 16 and cropped to the image.

# %%
fused = F.crop(coarse, (0, 0), fine.shape[2:]) + fine
upsampled = net16.upscore16(fused)
score = F.crop(upsampled, (0, 0), x.shape[2:])
print("fused", fused.shape, "-> upsampled", upsampled.shape, "-> cropped", score.shape)

assert upsampled.shape[2:] == (80, 96)
np.testing.assert_array_equal(score.data, net16(x).data)

# %% [markdown]
# The same numbers as `net16(x)`, to the last bit. Both crops start at $(0, 0)$, because in minifcn's default variant
# every map lies exactly over the image, so what is too large is cut off at its end. In the paper's variant the finer
# map is the larger one: it is cropped at 5, and the result at 27. Notebook 10 derives these.
#
# FCN-8s does it once more: `fused` is upsampled by 2 only, gets scores of pool3, and is upsampled by 8.

# %% [markdown]
# ## Zero at first
#
# In a new network the weights of all score layers are zero. **Predict**: what are the scores of the new `net8` for any
# image, and what is the loss (softmax cross-entropy) with 3 classes?

# %%
labels = rng.integers(0, CLASSES, (1, 70, 90))
score = net8.eval()(x)
loss = F.softmax_cross_entropy(score, labels)
print("scores between", score.data.min(), "and", score.data.max(), "  loss:", round(loss.item(), 4))
# ask: the scores
assert score.data.min() == score.data.max() == 0
# ask: the loss
assert round(loss.item(), 2) == 1.1
np.testing.assert_allclose(loss.item(), np.log(CLASSES), rtol=1e-6)

# %% [markdown]
# All scores are 0, each class has probability 1/3 at each pixel, and the loss is $\ln 3$. A training that starts at
# another value has a mistake before its first step.
#
# Can a layer of zeros learn at all? **Predict**: which of conv1_1, fc7, score_fr and score_pool3 get a gradient other
# than 0 in the first step?

# %%
loss.backward()
for name in ("conv1_1", "fc7", "score_fr", "score_pool4", "score_pool3"):
    gradient = getattr(net8, name).weight.grad
    print(f"{name:12} largest gradient {0.0 if gradient is None else abs(gradient.data).max():.2g}")

# ask: conv1_1 gets one: yes | no*
assert not net8.conv1_1.weight.grad.data.any()
# ask: fc7: yes | no*
assert not net8.fc7.weight.grad.data.any()
# ask: score_fr and score_pool3: yes* | no
for layer in (net8.score_fr, net8.score_pool4, net8.score_pool3):
    assert layer.weight.grad.data.any()

# %% [markdown]
# The score layers get one: the gradient of a weight is made of the layer's *input*, which is not zero. What lies below
# gets none in this first step, because it comes back *through* the weights, and they are 0. From the second step on
# everything learns:

# %%
learning = models.FCN8s(CLASSES, width=1 / 16).eval()
optimizer = optim.SGD(learning.parameters(), lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    F.softmax_cross_entropy(learning(x), labels).backward()
    optimizer.step()
assert learning.conv1_1.weight.grad.data.any()  # in the second step
assert learning.fc7.weight.grad.data.any()

# %% [markdown]
# Zeros have a second use. The paper trains FCN-32s first, then starts FCN-16s from its weights, then FCN-8s from those.
# A new skip gives 0 and adds nothing, so FCN-16s starts where FCN-32s has stopped. Let us check that.

# %%
net32.score_fr.weight.data = rng.normal(0, 1, net32.score_fr.weight.shape).astype("float32")  # as if it were trained
old = {name: value for name, value in net32.state_dict().items() if not name.startswith("upscore")}
for net in (net16, net8):
    net.load_state_dict(old, strict=False)
net16.score_pool4.weight.data[...] = 0  # as it was before we filled it

net32.eval()
before = net32(x).data
for net in (net16, net8):
    same = (before.argmax(axis=1) == net(x).data.argmax(axis=1)).mean()
    print(f"{type(net).__name__}: {same:.1%} of the pixels have the class that FCN-32s gives them")
    assert same > 0.9

# %% [markdown]
# Almost all pixels keep their class. Not all, because upsampling by 2 and then by 16 is not quite upsampling by 32: it
# cuts off the tip of the tent that a single pixel is turned into.

# %%
pixel = np.zeros((1, CLASSES, 3, 3), "float32")
pixel[0, 0, 1, 1] = 1
once = net32.upscore(mf.Tensor(pixel)).data[0, 0]
twice = net16.upscore16(net16.upscore2(mf.Tensor(pixel))).data[0, 0]
print(f"tip of the tent: {once.max():.2f} in one step, {twice.max():.2f} in two steps")
assert once.shape == twice.shape
assert twice.max() < once.max()
np.testing.assert_allclose(twice.sum(), once.sum(), rtol=1e-5)

# %% [markdown]
# ## What a skip costs
#
# A score layer on a map of $c$ channels has $c$ weights and one bias for each class. At full width pool4 has 512
# channels and pool3 has 256. **Predict**: how many parameters does FCN-8s have more than FCN-32s for 21 classes, if the
# upsampling is fixed, as in the paper's variant? How much is that of 134 million?


# %%
VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels, and 3x3 convolutions before each pool


def learned_parameters(skips, classes, width=1.0):
    """Parameters of the trunk and of the score layers; `skips` are the maps with a score layer of their own."""
    channels, total, scored = 3, 0, {}
    for stage, (full, convolutions) in enumerate(VGG16, start=1):
        for _ in range(convolutions):
            total += 3 * 3 * channels * round(full * width) + round(full * width)
            channels = round(full * width)
        scored[f"pool{stage}"] = channels
    scored["fc7"] = round(4096 * width)
    total += 7 * 7 * channels * scored["fc7"] + scored["fc7"]  # fc6
    total += scored["fc7"] ** 2 + scored["fc7"]  # fc7
    return total + sum((scored[name] + 1) * classes for name in ("fc7", *skips))


networks = {models.FCN32s: (), models.FCN16s: ("pool4",), models.FCN8s: ("pool4", "pool3")}
for network, skips in networks.items():
    narrow = network(21, variant="paper", width=1 / 16)
    assert learned_parameters(skips, 21, 1 / 16) == models.summary.count_parameters(narrow)[0]
    print(f"{network.__name__:7} {learned_parameters(skips, 21):,}")

assert learned_parameters((), 21) == 134_346_581
assert learned_parameters(("pool4",), 21) - learned_parameters((), 21) == 513 * 21
more = learned_parameters(("pool4", "pool3"), 21) - learned_parameters((), 21)
print(f"FCN-8s has {more:,} more than FCN-32s: {more / 134_346_581:.3%}")
# ask: parameters more
assert more == 513 * 21 + 257 * 21 == 16_170
# ask: percent of 134 million: 10 | 1 | 0.01*
assert 0.0001 < more / learned_parameters((), 21) < 0.00015

# %% [markdown]
# One hundredth of a percent: the maps that the skips read are there anyway. And the work? We count the multiply-adds of
# the networks at full width, without making their weights (`shapes_only`), for an image of 500x500 pixels.

# %%
work = {}
with nn.init.shapes_only():
    for network in networks:
        for row in models.summary.rows(network(21, variant="paper"), (500, 500)):
            part = "skips" if row.name in ("score_pool4", "score_pool3") else row.name[:7]
            part = part if part in ("skips", "upscore") else "trunk and score_fr"
            work[network.__name__, part] = work.get((network.__name__, part), 0) + row.multiply_adds
for (name, part), number in work.items():
    print(f"{name:7} {part:19} {number / 1e9:8.2f} billion multiply-adds")
assert work["FCN8s", "skips"] < 0.001 * work["FCN8s", "trunk and score_fr"]
assert work["FCN8s", "upscore"] > 1.2 * work["FCN32s", "upscore"]

# %% [markdown]
# The score layers of the skips are less than a thousandth of the trunk's work. The *upsampling* of FCN-8s, written out
# as here with a kernel for every pair of classes, is a fifth more than that of FCN-32s, since its maps are cropped
# later. In the aligned variant, where kernels are learned, FCN-8s even has *fewer* numbers to learn: one kernel of
# 64x64 for each pair of classes is more than two of 4x4 and one of 16x16.

# %%
aligned = [models.summary.count_parameters(network(21, width=1 / 16))[0] for network in networks]
print(dict(zip([network.__name__ for network in networks], aligned, strict=True)))
assert aligned[0] > aligned[1] > aligned[2]
assert 64**2 * 21**2 > (4**2 + 4**2 + 16**2) * 21**2

# %% [markdown]
# ## What a skip brings
#
# Now we train the three networks for 200 steps each on small generated pictures: 64x64 pixels with one kind of object,
# discs. That takes a few seconds per network. (Notebook 11 explains such a loop line by line; read on for the result.)
# The upsampling stays bilinear, as in the reference code: the optimiser does not get the weights of the `upscore`
# layers.
#
# First a yardstick. Suppose the coarse scores were the *true share* of the class in each block of 32x32, 16x16 or 8x8
# pixels, and were upsampled bilinearly. Which mean IoU is that?


# %%
def mean_iou_of(labels, predicted):
    confusion = metrics.ConfusionMatrix(2)
    confusion.update(labels, predicted)
    return confusion.mean_iou


def of_shares(labels, S):
    """Upsample the true shares of blocks of S x S pixels, and take the class with the largest."""
    images, size = labels.shape[0], labels.shape[1] // S
    onehot = np.eye(2, dtype="float32")[labels].transpose(0, 3, 1, 2)
    shares = onehot.reshape(images, 2, size, S, size, S).mean(axis=(3, 5))
    kernel = mf.Tensor(nn.init.bilinear(2, 2, 2 * S))
    return F.conv_transpose2d(mf.Tensor(shares), kernel, stride=S, padding=S // 2).data.argmax(axis=1)


SIZE = 64
test = data.Shapes(40, size=SIZE, num_classes=2, seed=1)
unseen = next(data.DataLoader(test, batch_size=40).epoch(0))
yardstick = {S: mean_iou_of(unseen.labels, of_shares(unseen.labels, S)) for S in (32, 16, 8)}
print({f"stride {S}": round(value, 3) for S, value in yardstick.items()})
assert yardstick[32] < 0.6 < 0.8 < yardstick[16] < yardstick[8]

# %% [markdown]
# **Predict**: on a 64x64 image FCN-32s has $2 \times 2$ scores per class. How well can it place a disc? How much do the
# skips bring?

# %%
STEPS = 200
train = data.Shapes(400, size=SIZE, num_classes=2, seed=0)  # other pictures than those of the test
loader = data.DataLoader(train, batch_size=8, shuffle=True)


def train_network(network, learn_upsampling=False):
    net = network(2, width=1 / 16, dropout=0.0)
    learned = [p for name, p in net.named_parameters() if learn_upsampling or not name.startswith("upscore")]
    optimizer = optim.Adam(learned, lr=0.003)
    history = []
    for epoch in range(STEPS // len(loader)):
        for batch in loader.epoch(epoch):
            loss = F.softmax_cross_entropy(net(mf.Tensor(batch.images)), batch.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history.append(loss.item())
    np.testing.assert_allclose(history[0], np.log(2), rtol=1e-5)
    with mf.no_grad():
        return net.eval(), net(mf.Tensor(unseen.images)).data.argmax(axis=1)


trained, predictions, mean_iou = {}, {}, {}
for network, S in zip(networks, (32, 16, 8), strict=True):
    name = network.__name__
    trained[name], predictions[name] = train_network(network)
    mean_iou[name] = mean_iou_of(unseen.labels, predictions[name])
    print(f"{name:7} mean IoU {mean_iou[name]:.3f}    true shares at stride {S}: {yardstick[S]:.3f}")
    assert abs(mean_iou[name] - yardstick[S]) < 0.08

# ask: mean IoU of FCN-32s
assert 0.45 < mean_iou["FCN32s"] < 0.6
# ask: mean IoU of FCN-8s
assert 0.8 < mean_iou["FCN8s"] < 1
assert mean_iou["FCN32s"] + 0.2 < mean_iou["FCN16s"] < mean_iou["FCN8s"] - 0.04
first, second = mean_iou["FCN16s"] - mean_iou["FCN32s"], mean_iou["FCN8s"] - mean_iou["FCN16s"]
assert first > 2 * second

# %% [markdown]
# Each network sees the same pictures in the same order. The mean IoU (overlap of prediction and truth, 1 is perfect) is
# far higher with skips: the first brings most, the second less. All three come within 0.08 of what the true shares give
# at their stride. Here it is the coarse grid that keeps FCN-32s down: a disc is about as wide as one of its cells.
#
# Is that a *bound*? No. It is what shares give with bilinear kernels. Nobody forbids a network other numbers than
# shares, or other kernels. **Predict**: what happens to FCN-32s if its 64x64 kernels are learned, too?

# %%
learned32, predicted = train_network(models.FCN32s, learn_upsampling=True)
learned_iou = mean_iou_of(unseen.labels, predicted)
print(f"FCN32s with learned kernels: mean IoU {learned_iou:.3f}, true shares with bilinear ones: {yardstick[32]:.3f}")
# ask: compared with true shares and bilinear kernels its mean IoU is: lower | higher*
assert learned_iou > yardstick[32] + 0.05
predictions = {"FCN32s, learned kernels": predicted} | predictions

# %% [markdown]
# It goes beyond. A kernel of 64x64 numbers for each pair of classes can draw shapes by itself, which a hat cannot. Look
# at four predictions for three pictures that none of the networks was trained on.

# %%
chosen = 2, 5, 11
rows = np.flatnonzero(unseen.labels[5].any(axis=1))  # of the only disc in this picture
assert 24 < rows[-1] - rows[0] + 1 < 40  # about 32, a cell of FCN-32s

coarse, boxed = (predictions[name][5] == 1 for name in ("FCN32s", "FCN32s, learned kernels"))
disc, square = unseen.labels[5] == 1, np.zeros((SIZE, SIZE), bool)
square[16:48, 16:48] = True
assert coarse[disc].mean() < 1 / 3  # with bilinear kernels it marks another place
assert (boxed & square).sum() / (boxed | square).sum() > 0.75  # learned ones make it nearly this square,
assert (boxed & disc).sum() / (boxed | disc).sum() < 0.75  # not the disc

# %% tags=["fold"]
fig, panels = plt.subplots(3, 5, figsize=(7, 4.6))
for row, index in zip(panels, chosen, strict=True):
    row[0].imshow(test[index].image)
    for panel, predicted in zip(row[1:], predictions.values(), strict=True):
        panel.imshow(predicted[index], cmap="Greys", vmin=0, vmax=2.5)
        panel.contour(unseen.labels[index], [0.5], colors=VERMILLION, linewidths=1.5)
for panel, title in zip(panels[0], ("image", *predictions), strict=True):
    panel.set_title(title.replace(", ", ",\n"), fontsize=9)
for panel in panels.flat:
    panel.set(xticks=[], yticks=[])
_ = fig.suptitle("Grey: predicted as disc. Line: the truth. With skips the boundaries come nearer")

# %% [markdown]
# FCN-32s with bilinear kernels marks parts about as large as its cells, each a quarter of the image, and they need not
# lie where a disc is. With learned kernels many edges are straight and sharp: of the one disc in the second picture it
# makes nearly a **rectangle**. A hat falls to 0 at its edge, a learned kernel need not. So the score jumps where a
# stamp ends, and stamps end at rows and columns 16 and 48, all four of them alike. That can be seen in the score, which
# is otherwise smooth:

# %%
jumps = {}
for name, net in (("learned", learned32), ("bilinear", trained["FCN32s"])):
    with mf.no_grad():
        score = net(mf.Tensor(unseen.images)).data
    disc = score[:, 1] - score[:, 0]
    for axis, direction in ((1, "rows"), (2, "columns")):
        step = abs(np.diff(disc, axis=axis)).mean(axis=(0, 3 - axis))  # from one to the next
        jumps[name, direction] = step[[15, 47]].mean() / np.delete(step, [15, 47]).mean()
print({key: round(float(value), 1) for key, value in jumps.items()})
for direction in ("rows", "columns"):
    assert jumps["learned", direction] > 2  # the steps at 16 and 48 are larger than elsewhere
    assert jumps["bilinear", direction] < 1.5

# %% [markdown]
# FCN-8s comes near the outline, but does not follow it everywhere. To put it in numbers, split the pixels in two
# groups: those within 4 pixels of a boundary of the label, and the rest. **Predict**: which group profits more from the
# skips?

# %%
labels = mf.Tensor(unseen.labels[:, None].astype("float32"))
largest = F.max_pool2d(labels, 9, stride=1, padding=4).data  # of the 9x9 labels around each pixel
smallest = -F.max_pool2d(-labels, 9, stride=1, padding=4).data
near = (largest != smallest)[:, 0]

wrong = {name: predictions[name] != unseen.labels for name in trained}
near_error = [errors[near].mean() for errors in wrong.values()]
far_error = [errors[~near].mean() for errors in wrong.values()]
print(f"{near.mean():.0%} of the pixels are near a boundary")
for name, a, b in zip(wrong, near_error, far_error, strict=True):
    print(f"{name:7} wrong near a boundary: {a:.1%}   elsewhere: {b:.1%}")
# ask: more profit those: near a boundary* | elsewhere
assert near_error[0] - near_error[2] > far_error[0] - far_error[2] + 0.05
assert near_error[2] < near_error[0] / 2
assert far_error[2] < far_error[0] / 4
assert near_error[2] > 2 * far_error[2]

# %% tags=["fold"]
fig, axes = plt.subplots(figsize=(6, 3.2))
axes.bar(np.arange(3) - 0.18, near_error, 0.36, color=VERMILLION, label="within 4 pixels of a boundary")
axes.bar(np.arange(3) + 0.18, far_error, 0.36, color=BLUE, label="elsewhere")
axes.set_xticks(range(3), wrong)
axes.set_ylabel("share of wrong pixels")
axes.set_title("What FCN-8s still gets wrong lies at the boundaries")
_ = axes.legend()

# %% [markdown]
# Both errors are much smaller with skips. In shares of the pixels the boundaries gain most, and there FCN-8s still
# makes most of its mistakes.
#
# ## What each stream contributes
#
# From the score layers on, FCN-8s consists of upsampling and sums only, and these are linear. So we can send the scores
# of each map alone through the rest of the trained network; the three results add up to its output. We look at the
# score of the disc minus the score of the background: positive means disc.
#
# **Predict**: which of the three maps draws the outline?

# %%
net = trained["FCN8s"]
index = chosen[0]
pool3, pool4, fc7 = net.features(mf.Tensor(unseen.images[index : index + 1]))
streams = {
    "score_fr": net.upscore8(net.upscore_pool4(net.upscore2(net.score_fr(fc7)))).data[0],
    "score_pool4": net.upscore8(net.upscore_pool4(net.score_pool4(pool4))).data[0],
    "score_pool3": net.upscore8(net.score_pool3(pool3)).data[0],
}
total = sum(streams.values())
spread = {name: (scores[1] - scores[0]).std() for name, scores in streams.items()}
print({name: round(float(value), 1) for name, value in spread.items()})
# ask: the outline is drawn by: score_fr | score_pool4 | score_pool3*
assert spread["score_pool3"] > 2 * max(spread["score_fr"], spread["score_pool4"])
np.testing.assert_allclose(total, net(mf.Tensor(unseen.images[index : index + 1])).data[0], atol=1e-4)

# %% tags=["fold"]
fig, panels = plt.subplots(1, 4, figsize=(7, 2.5))
limit = abs(total[1] - total[0]).max()
for panel, (name, scores) in zip(panels, {**streams, "their sum": total}.items(), strict=True):
    picture = panel.imshow(scores[1] - scores[0], cmap="cividis", vmin=-limit, vmax=limit)
    panel.contour(unseen.labels[index], [0.5], colors="white", linewidths=1.2)
    panel.set(title=name, xticks=[], yticks=[])
fig.colorbar(picture, ax=panels, label="disc - background", shrink=0.75)
_ = fig.suptitle("In this network the finest map draws the outline")

# %% [markdown]
# The scores of pool3 vary more than twice as much across the picture as those of the other two: here the finest map
# does most of the work. The task asks for little else: there is one kind of object, its colour differs from the
# background, and pool3 sees 44 pixels, more than half the picture. With more classes and larger pictures one expects
# more of the coarse scores.
#
# To try that, we take a network that was trained for longer, on five kinds of objects. In one picture we leave its
# coarse scores alone, and in 40 pictures we leave them out.
#
# **Predict**: in the picture, how does the mean IoU of its first stream alone compare with that of all three: is it
# more or less than half?

# %%
simulator = explain.FlightSimulator()
whole = simulator.mean_iou()
for skip in (simulator.net.score_pool4, simulator.net.score_pool3):
    skip.weight.data, skip.bias.data = 0 * skip.weight.data, 0 * skip.bias.data
print(f"all three: {whole:.3f}, score_fr without the skips: {simulator.mean_iou():.3f}")
# ask: it is: more than half | less than half*
assert simulator.mean_iou() < whole / 2
assert (simulator.predict() > 0).mean() > 0.7  # most of the picture is called an object

# %%
network, fresh = models.pretrained("shapes-fcn8s"), data.open_dataset("shapes", "test")


def over_pictures():
    confusion = metrics.ConfusionMatrix(6)
    for i in range(40):
        confusion.update(fresh[i].label, training.predict(network, fresh[i].image, network.normalize))
    return confusion.mean_iou


with_coarse, coarse = over_pictures(), network.score_fr
coarse.weight.data, coarse.bias.data = 0 * coarse.weight.data, 0 * coarse.bias.data
without_coarse = over_pictures()
print(f"40 pictures: all three {with_coarse:.3f}, without score_fr {without_coarse:.3f}")
assert without_coarse < with_coarse - 0.08

# %% [markdown]
# Less than half: alone, the coarse stream calls most of the picture an object. But without it the other two lose, over
# many pictures: here the coarse scores are needed, too.
#
# ### In the flight simulator
#
# Here is this network as a page, with the picture in which the two were measured: every map lies over the image. Click
# a pixel, or move it with the arrow keys; the table has its three streams class by class. (Its crops at 5, 9 and 31 are
# the subject of notebook 10.)
#
# Beside it stand an FCN-32s and an FCN-16s with the same trunk. Only their score layers were trained, each to do
# without the finer maps, and both do better than the coarse stream alone.

# %%
page = explain.FlightSimulator()
for name, iou in page.mean_ious().items():
    print(f"{name}: mean IoU {iou:.3f}")
coarse, middle, fine = page.mean_ious().values()
assert simulator.mean_iou() < coarse < middle < fine
page

# %% [markdown]
# ## Questions
#
# 1. From how many scores per class do the three networks make their output for an image of 500x500 pixels? (Change
#    `size`; asserts that count on multiples of 32 then fail. Why?)
# 2. Design an FCN-4s. Which map does it score, how many parameters does that cost at full width and 21 classes
#    (`learned_parameters`), and by how much does it upsample in the end?
# 3. Change `STEPS` to 400. Which of the three networks then go beyond what the true shares give at their stride,
#    although their upsampling is bilinear? Which numbers other than shares can a score layer have chosen?
# 4. Train with `num_classes=4` (in `train`, `test`, the network and the confusion matrix). Do the streams share the
#    work in another way? Look at the score of one class minus the mean of the others.
# 5. The paper adds the scores of a skip. It also tried the maximum of both instead of the sum, and gave it up. What is
#    the gradient of a maximum with respect to the stream that is smaller, and why could that be a problem?
#
# ## What to read next
#
# `minifcn/models/fcn.py`: the three `forward` methods are the five lines of this notebook. `minifcn/models/vgg16.py`:
# the trunk. Paper: section 4.2 and figure 3. Then notebook 10: where the crops of the paper come from.
