# %% [markdown]
# # 13. Training on patches is sampling the loss
#
# Before fully convolutional networks, segmentation was often learned from *patches*: cut a small square out of the
# image, let a network name the class of the pixel in its middle, go on with the next square. After this notebook you
# can show that a fully convolutional network, trained on whole images, does just that, only cheaper; that leaving out
# terms of its loss is training on a sample of the patches; and what that costs and brings.
#
# You need: convolutions and strides (notebook 2), gradients (notebook 1) and, for the words "receptive field", notebook
# 14, part 2.

# %%
import matplotlib.pyplot as plt
import numpy as np

import minifcn as mf
import minifcn.functional as F
from minifcn import data, nn, optim

plt.style.use("minifcn.explain.figures")  # legible on light and on dark pages
plt.rcParams.update({"font.size": 11, "figure.constrained_layout.use": True})

# %% [markdown]
# ## A small network without padding
#
# Two convolutions, a pool between them, and a 1x1 convolution that gives four scores. Its receptive field grows like
# this: 3 pixels after `conv1`, 4 after `pool`, where the stride becomes 2, and $4 + 2 \cdot 2 = 8$ after `conv2`.


# %%
class SmallNet(nn.Module):
    def __init__(self, padding=0):
        rng = np.random.default_rng(0)
        self.conv1 = nn.Conv2d(3, 8, 3, padding=padding, relu=True, rng=rng)
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=padding, relu=True, rng=rng)
        self.score = nn.Conv2d(16, 4, 1, rng=rng)

    def forward(self, x):
        return self.score(self.conv2(self.pool(self.conv1(x))))


field, stride = 8, 2
net = SmallNet().astype("float64")

# %% [markdown]
# **Predict** before you run the next cell: which shape do the scores of one 8x8 patch have? And those of an image of
# 40x40 pixels?

# %%
shapes = data.Shapes(24, size=40, num_classes=4)
normalize = data.Normalize()
images = np.array([normalize(shapes[i].image) for i in range(24)], dtype="float64")
labels = np.array([shapes[i].label for i in range(24)])
assert images.shape == (24, 3, 40, 40)

image = mf.Tensor(images[:1])
scores = net(image)
# ask: shape of the scores of a patch
assert net(mf.Tensor(images[:1, :, :8, :8])).shape == (1, 4, 1, 1)
# ask: shape of the scores of the image
assert scores.shape == (1, 4, 17, 17)

# %% [markdown]
# A patch gives one score for each class: the network *is* a classifier of patches. The image gives 17x17 of them.
#
# ## Every score is the score of a patch
#
# The cell in row $i$ and column $j$ sees the 8x8 patch that begins at row $2i$, column $2j$. We cut out all 289 patches
# and pass them through the network as a batch of small images.


# %%
def patches_of(image):
    """Cut all patches of the grid out of an image (3, H, W): (patches, 3, 8, 8), row by row."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (field, field), axis=(1, 2))
    on_grid = windows[:, ::stride, ::stride]  # (3, rows, columns, 8, 8)
    return on_grid.transpose(1, 2, 0, 3, 4).reshape(-1, 3, field, field)


patches = patches_of(images[0])
assert patches.shape == (289, 3, 8, 8)

of_patches = net(mf.Tensor(patches)).data.reshape(17, 17, 4).transpose(2, 0, 1)
np.testing.assert_allclose(of_patches, scores.data[0], atol=1e-12)

# %% tags=["fold"]
fig, axes = plt.subplots(1, 2, figsize=(7, 3.6))
axes[0].imshow(shapes[0].image, extent=(0, 40, 40, 0))
cells = [(2, 3, "#0072B2"), (2, 4, "#E69F00"), (12, 9, "#D55E00")]
for row, column, colour in cells:
    box = plt.Rectangle((stride * column, stride * row), field, field, fill=False, edgecolor=colour, linewidth=3)
    axes[0].add_patch(box)
axes[0].set(title="image: patches of 8x8", xlabel="column", ylabel="row")
axes[1].imshow(scores.data[0].max(axis=0), cmap="cividis", extent=(0, 17, 17, 0))
for row, column, colour in cells:
    axes[1].add_patch(plt.Rectangle((column, row), 1, 1, fill=False, edgecolor=colour, linewidth=3))
axes[1].set(title="largest scores: 17x17 cells", xlabel="column", xticks=range(0, 18, 4), yticks=range(0, 18, 4))
_ = fig.suptitle("Each cell has a patch; neighbours share all but 2 columns")

# %% [markdown]
# ## The gradient of a sum is the sum of the gradients
#
# The label of a cell is the class of the pixel in the middle of its patch. The loss of the image is the sum of the
# cells' losses. So its gradient, with respect to any weight, is the sum of the gradients of the patches.
#
# That can be checked: on the one hand one image with 289 loss terms, on the other hand a batch of 289 patches with one
# loss term each.


# %%
def cell_labels(label):
    middle = field // 2
    return label[..., middle : middle + 2 * 17 : stride, middle : middle + 2 * 17 : stride]


def gradients(images, labels):
    """The gradients of the summed loss with respect to all weights, as one vector."""
    loss = F.softmax_cross_entropy(net(mf.Tensor(images)), labels, reduction="sum")
    return np.concatenate([g.data.ravel() for g in mf.grad(loss, list(net.parameters()))])


truth = cell_labels(labels)
assert truth.shape == (24, 17, 17)

whole = gradients(images[:1], truth[:1])
one_by_one = gradients(patches, truth[0].reshape(289, 1, 1))
assert whole.size == 3 * 8 * 9 + 8 + 8 * 16 * 9 + 16 + 16 * 4 + 4 == 1460
np.testing.assert_allclose(whole, one_by_one, rtol=1e-9, atol=1e-9)

# %% [markdown]
# All 1460 numbers agree. One step of training on the whole image *is* one step on all its patches as a minibatch.
#
# ## Dropping terms of the loss is sampling patches
#
# Patchwise training draws patches at random. The same can be had from the whole image: compute all the scores, but let
# only some of them into the loss. minifcn leaves out the pixels with the label `ignore_index`, 255.
#
# **Predict**: we keep 20 cells at random. Is the gradient of the image, with 269 terms dropped, the gradient of the 20
# patches *exactly*, or only on average?

# %%
rng = np.random.default_rng(1)
kept = rng.choice(289, size=20, replace=False)

some = np.full(289, 255)
some[kept] = truth[0].ravel()[kept]
from_image = gradients(images[:1], some.reshape(1, 17, 17))
from_patches = gradients(patches[kept], truth[0].reshape(289, 1, 1)[kept])
# ask: they agree: exactly* | only on average
np.testing.assert_allclose(from_image, from_patches, rtol=1e-9, atol=1e-9)

# %% [markdown]
# Exactly. A dropped term sends the gradient 0 back from its cell, as if the patch were not there. The paper puts it so:
# the sampling is a mask between the output and the loss.
#
# ## What padding changes
#
# With padding, a patch has zeros around it, where the image has its neighbours. Then a patch by itself is not what the
# cell sees.
#
# **Predict**: we cut 12x12 pixels out of the image, 4 more than the field, and pass them through a network with
# padding. Which of the 6x6 cells agree with those of the whole image?

# %%
padded = SmallNet(padding=1).astype("float64")
in_image = padded(image).data[0]
assert in_image.shape == (4, 20, 20)
alone = padded(mf.Tensor(images[:1, :, 16:28, 16:28])).data[0]
assert alone.shape == (4, 6, 6)

agree = np.isclose(alone, in_image[:, 8:14, 8:14]).all(axis=0)
print(agree.astype(int))
assert agree[2:4, 2:4].all()
# ask: cells that agree, of 36
assert agree.sum() == 4

# %% [markdown]
# Only the four cells in the middle agree: their fields do not reach the padding. The paper's networks pad the image, so
# for them the equality holds with patches that are cut out of each layer with their surroundings, not for patches that
# are passed through the network as images of their own.
#
# ## What it costs
#
# We count multiplications: the pixels of each convolution's output times the size of its weight.
#
# **Predict**: the 289 patches together have 289 · 64 = 18496 pixels, the image 1600. How many times more work are they?


# %%
def work(rows):
    """Multiplications of the network without padding for a square image with so many rows."""
    after_conv1 = rows - 2
    after_conv2 = after_conv1 // 2 - 2
    return after_conv1**2 * (3 * 8 * 9) + after_conv2**2 * (8 * 16 * 9 + 16 * 4)


ratio = 289 * work(8) / work(40)
print(f"image {work(40):,}, all patches {289 * work(8):,}: {ratio:.1f} times as many")
assert work(8) == 36 * 216 + 1 * 1216
# ask: times as much work
assert 3.9 < ratio < 4.0

# %% [markdown]
# About 4 times, and not 11.6: `conv2` is computed just once for each cell in both, and only `conv1` is repeated in the
# patches' overlaps. For a large field the ratio grows. An FCN's field is 404 pixels with a stride of 32, and an image
# of 500x500 gives 16x16 cells; with the padding of 100, conv1_1 computes 698x698 pixels, and for a patch of 404 pixels
# 402x402.

# %%
first_layer = 16**2 * 402**2 / 698**2
assert 84 < first_layer < 86
last_layer = 16**2 * 1**2 / 16**2
assert last_layer == 1

# %% [markdown]
# In the first layer that is 85 times the work, falling to 1 in the last one.
#
# Sampling turns this around. Who keeps a share $p$ of the cells pays only for that share with patches, but pays always
# for the whole image with the fully convolutional network.

# %%
p = np.linspace(0, 1, 101)

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(6.5, 3.5))
ax.plot(p, p * ratio, color="#D55E00", linewidth=2.5)
ax.axhline(1, color="#0072B2", linewidth=2.5)
ax.plot(1 / ratio, 1, "o", color="grey", markersize=9)
ax.text(0.6, 2.7, "patches", color="#D55E00", ha="right")
ax.text(0.97, 1.1, "whole image", color="#0072B2", ha="right")
ax.text(1 / ratio + 0.02, 0.72, f"equal at p = {1 / ratio:.2f}")
ax.set(xlabel="share p of the cells in the loss", ylabel="work / work of an image", xlim=(0, 1), ylim=(0, 4.2))
_ = ax.set_title("Patches are cheaper only where few are kept")

# %% [markdown]
# The paper's authors timed this with AlexNet: 1.2 ms for the patch of one cell, 22 ms for an image of 10x10 cells. The
# shares are equal at $22 / (100 \cdot 1.2)$:

# %%
assert round(22 / (100 * 1.2), 2) == 0.18

# %% [markdown]
# ## What sampling could bring
#
# Neighbouring cells see nearly the same. A batch of 289 cells of *one* image is less varied than 289 cells drawn from
# *four*. So the gradient of four images, with a quarter of the cells each, should be nearer to the gradient of the
# whole data set. Our target is the mean over all cells of all 24 images.
#
# **Predict** the order: which is nearest to the target, and which is farthest? All cells of one image; half of the
# cells of two; a quarter of the cells of four; all cells of four.

# %%
target = gradients(images, truth) / truth.size


def distance(number, share):
    """How far the gradient of some images with a share of their cells is from the target, relative to it."""
    distances = []
    for _ in range(40):
        chosen = rng.choice(24, size=number, replace=False)
        kept = rng.random((number, 17, 17)) < share
        g = gradients(images[chosen], np.where(kept, truth[chosen], 255)) / kept.sum()
        distances.append(((g - target) ** 2).sum() / (target**2).sum())
    return np.sqrt(np.mean(distances))


settings = [(1, 1.0), (2, 0.5), (4, 0.25), (4, 1.0)]
distances = [distance(*setting) for setting in settings]
for (number, share), far in zip(settings, distances, strict=True):
    print(f"{number} images, {share:.0%} of the cells: {far:.2f}")
# ask: nearest to the target: all of one | half of two | a quarter of four | all of four*
assert distances[0] > distances[1] > distances[2] > distances[3]

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(6.5, 3.4))
names = [f"{number} image{'s' * (number > 1)}\np = {share:g}" for number, share in settings]
bars = ax.bar(names, distances, color=["#0072B2", "#56B4E9", "#009E73", "lightgrey"])
ax.bar_label(bars, fmt="%.2f")
ax.set(ylabel="distance from the full gradient", ylim=(0, 1.2 * max(distances)))
_ = ax.set_title("As many cells from more images: a better gradient")

# %% [markdown]
# So a sample of cells from more images is a better sample. But it is not free: four images, of which a quarter of the
# cells counts, cost four times as much as one image in full, and if one pays for four images, all their cells (grey)
# are better still.
#
# ## Does it train faster?
#
# The better gradient could pay in training: perhaps fewer steps are needed. The paper tried $p$ = 1, 1/2 and 1/4, with
# 1/p times as many images per step (its figure 5). We do the same with the small network: 2, 4 or 8 images of 40x40 per
# step, of which all, half or a quarter of the cells count, three runs each, and the loss on 24 images that are not
# trained on.
#
# **Predict**: with $p = 1/4$ a step costs four times as much. Does the loss fall four times as fast per step?

# %%
more = data.Shapes(424, size=40, num_classes=4)
many = np.array([normalize(more[i].image) for i in range(424)], dtype="float32")
many_truth = cell_labels(np.array([more[i].label for i in range(424)]))
STEPS, EVERY = 150, 10


def train(p, seed):
    """Train on 2/p images a step, a share p of their cells; the loss on the last 24 images every 10 steps."""
    small, rng = SmallNet(), np.random.default_rng(seed)
    optimizer = optim.SGD(small.parameters(), lr=0.01, momentum=0.9)
    curve = []
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            with mf.no_grad():
                curve.append(F.softmax_cross_entropy(small(mf.Tensor(many[400:])), many_truth[400:]).item())
        chosen = rng.choice(400, size=round(2 / p), replace=False)
        kept = rng.random((len(chosen), 17, 17)) < p
        optimizer.zero_grad()
        F.softmax_cross_entropy(small(mf.Tensor(many[chosen])), np.where(kept, many_truth[chosen], 255)).backward()
        optimizer.step()
    return curve


shares_kept = (1, 1 / 2, 1 / 4)
curves = {p: np.mean([train(p, seed) for seed in range(3)], axis=0) for p in shares_kept}
goal = 0.9
steps_to_goal = {p: EVERY * int(np.argmax(curve < goal)) for p, curve in curves.items()}
work_to_goal = {p: steps * 2 / p for p, steps in steps_to_goal.items()}  # images that pass the network
print("steps:", steps_to_goal, "  images:", work_to_goal)
assert max(steps_to_goal.values()) < 2 * min(steps_to_goal.values())
later = {p: np.mean(curve[5:]) for p, curve in curves.items()}  # the loss from step 50 on
assert later[1 / 4] < later[1] < later[1 / 4] + 0.1
for lower in (0.95, 0.85):  # another goal changes nothing
    steps = {p: EVERY * int(np.argmax(curve < lower)) for p, curve in curves.items()}
    assert 2 * steps[1] < 4 * steps[1 / 2]
    assert 2 * steps[1] < 8 * steps[1 / 4]
# ask: in work the goal is reached first with p of: 1* | 1/2 | 1/4
assert work_to_goal[1] < work_to_goal[1 / 2] < work_to_goal[1 / 4]

# %% tags=["fold"]
fig, axes = plt.subplots(1, 2, figsize=(7, 3.3), sharey=True)
for (p, curve), colour, marker in zip(curves.items(), ("#0072B2", "#E69F00", "#D55E00"), "os^", strict=True):
    steps = EVERY * np.arange(len(curve))
    axes[0].plot(steps, curve, marker + "-", color=colour, markersize=4, label=f"p = {p:g}")
    axes[1].plot(steps * 2 / p, curve, marker + "-", color=colour, markersize=4, label=f"p = {p:g}")
axes[0].set(xlabel="steps", ylabel="loss on other images", ylim=(0.6, 1.4))
axes[1].set(xlabel="images that passed the network", xlim=(0, 320))
axes[0].legend()
_ = fig.suptitle("Per step the curves lie close together; by work, sampling is behind")

# %% [markdown]
# No. Per step the curves lie close together; the most varied cells are a little ahead, nowhere near four times. Per
# work, sampling is clearly behind. The paper found the same: the number of steps did not change noticeably, and each
# took longer. FCN trains on whole images.
#
# ## The grid leaves patches out
#
# One more difference: the cells lie on a grid. A patch that begins at row 1 is none of ours.
#
# **Predict**: how many different 8x8 patches does an image of 40x40 have? How many shifts of the grid reach all of
# them?

# %%
all_patches = {(top, left) for top in range(40 - 8 + 1) for left in range(40 - 8 + 1)}
on_grid = {(2 * i, 2 * j) for i in range(17) for j in range(17)}
# ask: patches of the image
assert len(all_patches) == 33 * 33
assert len(on_grid) == 289

reached, shifts = set(), 0
for down, right in np.ndindex(stride, stride):
    shifted = images[:1, :, down:, right:]  # the image moved up and left
    shifts += 1
    _, _, rows, columns = net(mf.Tensor(shifted)).shape
    reached |= {(down + 2 * i, right + 2 * j) for i in range(rows) for j in range(columns)}
# ask: shifts that reach all of them
assert shifts == 4
assert reached == all_patches

# %% [markdown]
# Four shifts, by 0 or 1 pixel in each direction. Shifting the images at random by less than the stride makes every
# patch possible.
#
# ## Questions
#
# 1. Change `reduction="sum"` to `"mean"` in `gradients`. Which asserts still hold? Which number divides the loss?
# 2. Is the mean of the gradients over many random masks the gradient of the whole image? By which factor do you have to
#    multiply? Test it with a loop around the cell with `kept`.
# 3. Two patches that overlap share most of `conv1`. At which stride would they share nothing, and what is the ratio of
#    the work then? Use the formula of `work`.
# 4. Instead of drawing cells at random, you could keep those with the largest loss. Is the gradient still that of
#    patches? Is it still, on average, that of the whole image? Compute `distance` for this choice.
# 5. `distance` draws images without replacement from 24. What does it give for 24 images and $p$ = 1, and why?
#
# ## What to read next
#
# - `minifcn/functional/loss.py`: `ignore_index`, and the four ways to reduce.
# - The paper, section 3.4 ("Patchwise training is loss sampling"), its footnote 2 (shifts), section 4.3 and figure 5.
