# %% [markdown]
# # 14. Upper bounds and receptive fields
#
# A fully convolutional network computes its scores on a coarse grid, and each score sees only a part of the image.
# After this notebook you can compute how good a result a coarse grid makes easy, and say what that bounds and what not;
# compute the receptive field of a layer in three lines and check it with a gradient; and build two images that a
# network cannot tell apart, however long it is trained.
#
# You need: strides and kernels (notebook 2), FCN-32s, 16s and 8s (notebook 9), mean IoU (notebook 11), and what a
# gradient is (notebook 1).

# %%
import matplotlib.pyplot as plt
import numpy as np

import minifcn as mf
from minifcn import data, metrics, models, nn, training

plt.style.use("minifcn.explain.figures")  # legible on light and on dark pages
plt.rcParams.update({"font.size": 11, "figure.constrained_layout.use": True})

# %% [markdown]
# ## Part 1. How good can a coarse grid be?
#
# FCN-32s has one score for each 32x32 pixels. Suppose that an oracle fills the grid with the truth: how good is the
# result at full size? The paper calls that an upper bound, and no network is needed to compute it. Take the *truth*,
# reduce it by a factor $f$, enlarge it again, and measure the mean IoU. (What exactly it bounds comes below.)
#
# We reduce like this: cut the label into blocks of $f$ x $f$ pixels, and find the share of each class in each block.


# %%
def shares_of(label, factor, num_classes):
    """Reduce a label (H, W) to the share of every class in every block: (H / factor, W / factor, C)."""
    height, width = label.shape
    onehot = label[:, :, None] == np.arange(num_classes)
    return onehot.reshape(height // factor, factor, width // factor, factor, num_classes).mean(axis=(1, 3))


label = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 1]])
shares = shares_of(label, 2, num_classes=2)
np.testing.assert_array_equal(shares[:, :, 1], [[0.75, 0], [0, 0.75]])

# %% [markdown]
# And we enlarge in two ways.
#
# - *Blocks*: the whole block gets its most frequent class.
# - *Bilinear*: the shares are interpolated as an FCN's scores are, by a transposed convolution with a bilinear kernel,
#   and every pixel gets the class with the largest result.


# %%
def enlarge_blocks(shares, factor):
    return shares.argmax(axis=2).repeat(factor, axis=0).repeat(factor, axis=1)


def enlarge_bilinear(shares, factor):
    classes = shares.shape[2]
    upsample = nn.ConvTranspose2d(classes, classes, 2 * factor, stride=factor, padding=factor // 2)
    maps = mf.Tensor(shares.transpose(2, 0, 1)[None].astype("float32"))
    return upsample(maps).data[0].argmax(axis=0)


np.testing.assert_array_equal(enlarge_blocks(shares, 2), [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]])

# %% [markdown]
# **Predict** before you run the next cells: the discs, squares and stars below are roughly 100 to 200 pixels wide.
# Which mean IoU is left at a factor of 32? Which of the two ways is better?

# %%
shapes = data.Shapes(20, size=256, num_classes=8)
samples = [shapes[i] for i in range(len(shapes))]

# %% tags=["fold"]
fig, axes = plt.subplots(2, 4, figsize=(7, 3.9))
palette = shapes.palette
axes[0, 0].imshow(samples[3].image)
axes[0, 0].set_title("image", fontsize=10)
axes[1, 0].imshow(palette[samples[3].label])
axes[1, 0].set_title("truth", fontsize=10)
for column, factor in enumerate((8, 16, 32), start=1):
    shares = shares_of(samples[3].label, factor, 8)
    axes[0, column].imshow(palette[enlarge_blocks(shares, factor)])
    axes[0, column].set_title(f"factor {factor}, blocks", fontsize=10)
    axes[1, column].imshow(palette[enlarge_bilinear(shares, factor)])
    axes[1, column].set_title(f"factor {factor}, bilinear", fontsize=10)
for ax in axes.ravel():
    ax.set(xticks=[], yticks=[])
_ = fig.suptitle("What is left of the truth on coarse grids")

# %%
factors = [4, 8, 16, 32, 64]


def bounds(samples, enlarge, num_classes=8):
    """The mean IoU of the truth that was reduced and enlarged, for each factor."""
    results = []
    for factor in factors:
        confusion = metrics.ConfusionMatrix(num_classes)
        for sample in samples:
            shares = shares_of(sample.label, factor, num_classes)
            confusion.update(sample.label, enlarge(shares, factor))
        results.append(confusion.mean_iou)
    return np.array(results)


blocks, bilinear = bounds(samples, enlarge_blocks), bounds(samples, enlarge_bilinear)
paper = np.array([98.5, 96.4, 92.8, 86.1, 73.3]) / 100  # on PASCAL VOC, from the paper's appendix
for factor, a, b, c in zip(factors, blocks, bilinear, paper, strict=True):
    print(f"factor {factor:2}: blocks {a:.3f}   bilinear {b:.3f}   paper, other data {c:.3f}")

assert (np.diff(blocks) < 0).all()
assert (np.diff(bilinear) < 0).all()
assert (np.diff(bilinear, 2) < 0).all()  # slowly at first, then faster
# ask: better are: blocks | bilinear*
assert (bilinear > blocks).all()
# ask: mean IoU that bilinear leaves at a factor of 32
assert 0.8 < bilinear[factors.index(32)] < 0.95

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(6.5, 3.8))
ax.semilogx(factors, bilinear, "o-", base=2, color="#0072B2", linewidth=2.5, markersize=8)
ax.semilogx(factors, blocks, "s-", base=2, color="#E69F00", linewidth=2.5, markersize=8)
ax.semilogx(factors, paper, "^--", base=2, color="grey", linewidth=2, markersize=8)
ax.text(4.1, 0.80, "bilinear", color="#0072B2", fontsize=12)
ax.text(4.1, 0.73, "blocks", color="#B07800", fontsize=12)
ax.text(4.1, 0.66, "paper, PASCAL VOC", color="grey", fontsize=12)
ax.set_xticks(factors, [str(factor) for factor in factors])
_ = ax.set(xlabel="factor", ylabel="mean IoU", ylim=(0.5, 1.02), title="The finer the grid, the higher the bound")

# %% [markdown]
# The bound falls slowly at first. Bilinear interpolation of *shares* is better than blocks, since a share of 3/4 also
# tells where in the block the edge must be. So a coarse map of numbers knows more about the edges than a coarse map of
# classes.
#
# **What bounds what.** Blocks bound the pixel accuracy of every prediction whose blocks have one class each. The
# bilinear curve bounds only this oracle, whose scores are the true shares: nobody forbids a network other numbers than
# shares, or kernels other than hats. Both happen in notebook 9, where an FCN-32s with learned kernels goes beyond its
# curve. So read the curve as what a grid makes easy, not as what it forbids.
#
# Compare the paper: its FCN-32s reaches a mean IoU of 59.4 % and its FCN-8s one of 62.7 % on PASCAL VOC, where the
# curve is at 86.1 % and 96.4 % for factors of 32 and 8. The grid explains a part of what is missing, and the smaller
# one:

# %%
missing = {name: 1 - reached for name, reached in (("FCN-32s", 0.594), ("FCN-8s", 0.627))}
by_grid = {"FCN-32s": 1 - paper[factors.index(32)], "FCN-8s": 1 - paper[factors.index(8)]}
for name in missing:
    print(f"{name}: {missing[name]:.3f} is missing to 1, {by_grid[name]:.3f} already by shares on the grid")
    assert by_grid[name] < missing[name] / 2

# %% [markdown]
# ### Where, or which?
#
# The rest may be errors of *place* (the outline is wrong) or of *class* (it is found, and called something else). The
# paper does not separate them, but for a network that one has, two oracles do. One corrects the class of every pixel
# that the network calls an object and that is one. The other corrects the place: it takes the true outline of each
# class, and gives it the class that the network gives to most of it. The network is the trained FCN-8s of minifcn, with
# pictures that it has never seen.
#
# **Predict**: which of the two oracles helps it more?

# %%
network, unseen = models.pretrained("shapes-fcn8s"), data.open_dataset("shapes", "test")


def class_given(label, predicted):
    return np.where((predicted > 0) & (label > 0), label, predicted)


def place_given(label, predicted):
    result = np.zeros_like(label)
    for c in np.unique(label[label > 0]):
        votes = np.bincount(predicted[(label == c) & (predicted > 0)], minlength=2)
        result[label == c] = votes.argmax()
    return result


oracles = {"network": lambda label, predicted: predicted, "class given": class_given, "place given": place_given}
confusions = {name: metrics.ConfusionMatrix(6) for name in oracles}
for i in range(40):
    sample = unseen[i]
    predicted = training.predict(network, sample.image, network.normalize)
    for name, oracle in oracles.items():
        confusions[name].update(sample.label, oracle(sample.label, predicted))
reached = {name: confusion.mean_iou for name, confusion in confusions.items()}
print({name: round(float(value), 3) for name, value in reached.items()})
assert 0.93 < reached["network"] < reached["class given"]
# ask: more helps: the class | the place*
assert reached["place given"] - reached["network"] > 3 * (reached["class given"] - reached["network"])

# %% [markdown]
# The place. This network knows its six classes; what it gets wrong are outlines. On photographs with 21 classes it may
# well be the other way round: measure it, with your network and your images, before you decide what to improve.

# %% [markdown]
# ### What counts is the factor relative to the object
#
# **Predict**: the same kind of pictures, but with half the pixels in each direction. At a factor of 16, will the bound
# be the one that the large pictures had at 16, or at 32?

# %%
half_size = data.Shapes(20, size=128, num_classes=8)
bilinear_half = bounds([half_size[i] for i in range(20)], enlarge_bilinear)

for factor in (8, 16):
    small, large = bilinear_half[factors.index(factor)], bilinear[factors.index(2 * factor)]
    print(f"128 pixels, factor {factor}: {small:.3f}     256 pixels, factor {2 * factor}: {large:.3f}")
    # ask: it is the one at: 16 | 32*
    assert abs(small - large) < 0.03
    assert abs(small - bilinear[factors.index(factor)]) > 2 * abs(small - large)

# %% [markdown]
# At 32. A grid is coarse or fine only compared with the objects. How does it go with one object?
#
# We put one square of $s$ x $s$ pixels at every place of an image relative to the grid, and look at the IoU of its
# class, over all places together.

# %%
f = 8
sides = np.arange(1, 41)
object_iou = []
for side in sides:
    confusion = metrics.ConfusionMatrix(2)
    for top, left in np.ndindex(f, f):
        label = np.zeros((64, 64), int)
        label[8 + top : 8 + top + side, 8 + left : 8 + left + side] = 1
        confusion.update(label, enlarge_blocks(shares_of(label, f, 2), f))
    object_iou.append(confusion.iou[1])
object_iou = np.array(object_iou)

assert (object_iou[sides <= 5] == 0).all()  # never half of a block, so never found
assert (object_iou[sides > 5] > 0).all()
assert 0.8 < object_iou[sides == 5 * f] < 0.85

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(6.5, 3.6))
ax.plot(sides / f, object_iou, "o-", color="#009E73", linewidth=2, markersize=5)
ax.set(xlabel="side of the object / factor", ylabel="IoU of the object", ylim=(-0.03, 1))
ax.set_title("Objects of less than half a cell's area are lost")
ax.grid(alpha=0.4)

# %% [markdown]
# An object with less than half the area of a cell never wins a cell: its IoU is 0. Five cells wide, it still loses
# more than 15 % at its edges.
#
# ## Part 2. How much does a score see?
#
# The *receptive field* of a number is the square of image pixels that it depends on. It grows with every layer. Let
# $R$ be the field and $S$ the stride of a layer's output, in image pixels; at the start both are 1. A layer with kernel
# size $k$ and stride $s$ does
#
# $$R \leftarrow R + (k - 1) \, S, \qquad S \leftarrow s \, S$$
#
# because it joins $k$ neighbours that lie $S$ apart.
#
# **Predict**: a 3x3 convolution, another one, then a 2x2 pool with stride 2: what are $R$ and $S$?

# %%
field, stride = 1, 1
for kernel, step in [(3, 1), (3, 1), (2, 2)]:
    field, stride = field + (kernel - 1) * stride, step * stride
# ask: R and S
assert (field, stride) == (6, 2)

# %% [markdown]
# The trunk of an FCN is VGG16: five stages of two or three 3x3 convolutions, with a pool behind each; then fc6, a
# convolution of 7x7.

# %%
field, stride = 1, 1
found = {}
for stage, convolutions in enumerate([2, 2, 3, 3, 3], start=1):
    for kernel, step in [(3, 1)] * convolutions + [(2, 2)]:
        field, stride = field + (kernel - 1) * stride, step * stride
    found[f"pool{stage}"] = field, stride
found["fc6"] = field + (7 - 1) * stride, stride
print(found)
assert found["pool3"] == (44, 8)
assert found["pool4"] == (100, 16)
assert found["pool5"] == (212, 32)
assert found["fc6"] == (404, 32)  # table 1 of the paper

# %% [markdown]
# minifcn's `summary` gets the same from the network itself, by sending sizes instead of an image through it:

# %%
small = models.FCN32s(21, variant="paper", width=1 / 16)  # a sixteenth of the channels changes no field
print(models.summary.table(small, (500, 500)))
rows = {row.name: row.behind for row in models.summary.rows(small, (500, 500))}
for name, (field, stride) in found.items():
    assert rows[name].receptive_field == field
    assert 1 / rows[name].coordinates.scale == stride

# %% [markdown]
# ### Seen with a gradient
#
# If a number does not depend on a pixel, its derivative with respect to that pixel is 0. So the gradient of *one* score
# with respect to the *image* shows what the score sees. We take an FCN with a sixteenth of the channels, and a cell in
# the middle of the maps of pool3, pool4 and fc7. A pool passes the gradient to the largest pixel only, so we add up the
# gradients of several random images.
#
# (In float32 a fast convolution may leave tiny numbers where a 0 belongs: see notebook 17. Hence float64.)
#
# **Predict**: does a score look at all pixels of its field alike?

# %%
model = models.FCN8s(8, width=1 / 16, fc6_kernel=7, rng=np.random.default_rng(1)).astype("float64").eval()
rng = np.random.default_rng(0)
seen = {"pool3": 0, "pool4": 0, "fc7": 0}
for _ in range(3):
    image = mf.Tensor(rng.standard_normal((1, 3, 512, 512)), requires_grad=True)
    for name, features in zip(seen, model.features(image), strict=True):
        cell = features.shape[2] // 2  # in the middle: row and column 256 / S
        score = features[0, :, cell, cell].sum()
        (gradient,) = mf.grad(score, image, create_graph=True)  # keeps the graph for the next score
        seen[name] = seen[name] + abs(gradient.data[0]).sum(axis=0)

# %%
field_of = {"pool3": found["pool3"], "pool4": found["pool4"], "fc7": found["fc6"]}
box_of = {}
for name, (field, stride) in field_of.items():
    centre = (512 // stride // 2 + 0.5) * stride - 0.5  # of the cell, in pixels
    first, last = int(centre - (field - 1) / 2), int(centre + (field - 1) / 2)
    box_of[name] = first, last
    rows = np.flatnonzero(seen[name].any(axis=1))
    print(f"{name}: by the formula rows {first} to {last}, by the gradient rows {rows[0]} to {rows[-1]}")
    assert last - first + 1 == field
    assert first <= rows[0]  # nothing is seen outside the field
    assert rows[-1] <= last
    assert rows[-1] - rows[0] + 1 > 0.95 * field  # and nearly all of it is used

first, last = box_of["fc7"]
quarter = (last - first + 1) // 4
everywhere, middle = (slice(first, last + 1),) * 2, (slice(first + quarter, last + 1 - quarter),) * 2
# ask: all alike: yes | no*
assert seen["fc7"][middle].mean() > 2 * seen["fc7"][everywhere].mean()

# %% tags=["fold"]
fig, axes = plt.subplots(1, 3, figsize=(7, 2.9), sharey=True)
for ax, name in zip(axes, seen, strict=True):
    picture = seen[name] / seen[name].max()
    shown = ax.imshow(np.log10(picture + 1e-5), cmap="cividis", vmin=-5, vmax=0)
    first, last = box_of[name]
    box = plt.Rectangle((first - 0.5, first - 0.5), last - first + 1, last - first + 1)
    box.set(fill=False, edgecolor="white", linewidth=2)
    ax.add_patch(box)
    ax.set(title=f"{name}: {field_of[name][0]} pixels", xlabel="column", xticks=[0, 256], yticks=[0, 256])
axes[0].set_ylabel("row")
bar = fig.colorbar(shown, ax=axes, shrink=0.8, ticks=[-5, -3, -1])
bar.ax.set_yticklabels(["$10^{-5}$", "$10^{-3}$", "$10^{-1}$"])
bar.set_label("|gradient|", fontsize=10)
_ = fig.suptitle("The gradient fills the field (white), most of it in the middle")

# %% [markdown]
# Nothing lies outside the field. Inside, the middle counts most: many paths lead from there to the score, and few from
# the edge. How much of the gradient comes from the inner half of the field, which is a quarter of its area?

# %%
for name, (first, last) in box_of.items():
    quarter = (last - first + 1) // 4
    inner = seen[name][first + quarter : last + 1 - quarter, first + quarter : last + 1 - quarter]
    share = inner.sum() / seen[name].sum()
    print(f"{name}: {share:.0%} of the gradient in the inner quarter of the area")
    assert share > 0.5

# %% [markdown]
# This is a network that has not been trained. Still, remember it: the field by the formula is what a score *can* see,
# not what it mostly uses.
#
# ## Part 3. Where an FCN fails
#
# Small objects are lost on a coarse grid (part 1). Large ones have another problem. Here are a disc and a square, plain
# and large.
#
# **Predict**: can a score of pool3, with its field of 44 pixels, tell them apart? One of pool4, with 100? One of fc7?

# %%
y, x = np.mgrid[:512, :512] - 255.5
large_disc = (np.sqrt(x**2 + y**2) < 150).astype(float)
large_square = (np.maximum(abs(x), abs(y)) < 140).astype(float)

with mf.no_grad():
    of_disc = model.features(mf.Tensor(np.repeat(large_disc[None, None], 3, axis=1)))
    of_square = model.features(mf.Tensor(np.repeat(large_square[None, None], 3, axis=1)))

differ = {}
for name, a, b in zip(seen, of_disc, of_square, strict=True):
    differ[name] = abs(a.data - b.data)[0].max(axis=0)  # (rows, columns) of the grid
    middle = differ[name].shape[0] // 2
    print(f"{name}: difference in the middle {differ[name][middle, middle]:.1e}, at most {differ[name].max():.1e}")

# ask: pool3 can tell them apart: yes | no*
assert differ["pool3"][32, 32] == 0
# ask: pool4: yes | no*
assert differ["pool4"][16, 16] == 0
# ask: fc7: yes* | no
assert differ["fc7"][8, 8] > 0

# %% tags=["fold"]
fig, axes = plt.subplots(1, 4, figsize=(7, 2.5))
axes[0].imshow(large_disc + large_square, cmap="Greys", vmin=0, vmax=3)
axes[0].set_title("disc, square", fontsize=10)
for ax, (name, difference) in zip(axes[1:], differ.items(), strict=True):
    stride = field_of[name][1]
    blind = (difference == 0).repeat(stride, axis=0).repeat(stride, axis=1)
    ax.imshow(large_disc + large_square, cmap="Greys", vmin=0, vmax=3)
    ax.imshow(np.where(blind, 1.0, np.nan), cmap=plt.matplotlib.colors.ListedColormap(["#E69F00"]), alpha=0.75)
    ax.set_title(f"{name}: {blind.mean():.0%} blind", fontsize=10)
for ax in axes:
    ax.set(xticks=[], yticks=[])
_ = fig.suptitle("Where the cells cannot tell a disc from a square (orange)")

# %% [markdown]
# The scores of pool3 and pool4 in the middle are *equal*, bit for bit, because their fields see nothing but the inside
# of the object. Equal scores give equal predictions, whatever the weights are. No training can change that: only the
# edges tell, and they are out of sight. fc7 sees farther, and tells them apart. Images with objects larger than its 404
# pixels would fool it, too.
#
# So a network with one size of field has objects that are too large for it, and objects that are too small. The authors
# of DeconvNet (Noh and others, 2015) begin their paper with this criticism of FCN. Skip connections help with what is
# small; they do not enlarge the field.
#
# ## Questions
#
# 1. Which bound has a factor of 1? Add 1 to `factors` and see. (What must `enlarge_bilinear` do then?)
# 2. Blocks of the most frequent class give the best possible pixel accuracy among all predictions made of blocks. Why?
#    Do they give the best mean IoU, too? Think of rare classes.
# 3. Replace pool5 by a pool with kernel 2 and stride 1. What does the kernel of fc6 have to be, so that the network
#    sees as far as before? Change the loop of part 2.
# 4. In part 3, how large must the disc be at least, so that even fc7's middle cell cannot tell it from the square?
#    Compute it, then change `large_disc` and `large_square` (and, if need be, the size of the image).
# 5. The prediction of a *pixel* by FCN-8s is interpolated from several cells. Is its field that of fc7, 404 pixels, or
#    larger? Compare with the last line of `models.summary.table(models.FCN8s(21, width=1 / 16, fc6_kernel=7), (512,
#    512))`. Why are there two numbers? (Without `fc6_kernel=7` fc6 is 1x1, and the field of fc7 is only 212.)
#
# ## What to read next
#
# - `minifcn/models/geometry.py`: receptive fields and offsets from the network's own `forward`.
# - `minifcn/metrics.py`: the confusion matrix.
# - The FCN paper, section 3 (receptive fields, strides) and its appendix A (upper bounds).
# - H. Noh, S. Hong and B. Han 2015, "Learning Deconvolution Network for Semantic Segmentation", introduction.
