# %% [markdown]
# # 6. Bilinear kernels: upsampling that is interpolation
#
# The previous notebook showed how a transposed convolution stamps a kernel. This one shows which kernel to stamp. After
# it you can write down the bilinear kernel for any stride, say whether it keeps a flat map flat, and where, which
# padding belongs to it, and when it pays to learn a kernel instead.
#
# You need: notebook 5 (stamps, stride, cropping).

# %%
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import minifcn as mf
import minifcn.functional as F
from minifcn import data, explain, nn, optim

plt.style.use("minifcn.explain.figures")  # legible on light and on dark pages
BLUE, ORANGE, GREEN, VERMILLION, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9"
rng = np.random.default_rng(0)

# %% [markdown]
# ## 6.1 A hat over every pixel
#
# Start in one dimension. Pixels with values $x_0, x_1, \dots$ sit at the places $0, 1, \dots$ Linear interpolation
# draws a straight line from each to the next: at a place $t$ between 0 and 1 it has the value
# $(1 - t)\, x_0 + t\, x_1$.
#
# Look at the same formula from the side of one pixel. Its share in the value is 1 where it sits, falls along a straight
# line, and is 0 at its neighbour and beyond. That is a **hat**: $\mathrm{hat}(t) = \max(0, 1 - |t|)$, where $t$ is the
# distance to the pixel.
#
# **Predict**: if every pixel puts a hat of its own height over its place, and you add up all hats, what do you get?


# %%
def hat(t):
    return np.maximum(0, 1 - np.abs(t))


x = np.array([1.0, 3.0, 2.0, 2.0, 0.5])
t = np.linspace(0, 4, 401)
hats = [x[n] * hat(t - n) for n in range(5)]
# ask: the sum is: a staircase | straight lines from pixel to pixel* | a smooth curve
np.testing.assert_allclose(sum(hats), np.interp(t, np.arange(5), x))
assert np.allclose(sum(hats)[::100], x)

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
for n, values in enumerate(hats):
    ax.plot(t, values, color=SKY, label="hat of one pixel" if n == 0 else None)
ax.plot(t, sum(hats), color=BLUE, linewidth=2.5, label="sum of the hats")
ax.plot(range(5), x, "o", color="grey", label="pixels x")
ax.set(xlabel="place t, in pixels of x", ylabel="value", xticks=range(5))
ax.set_title("The sum of the hats joins the pixels by straight lines", fontsize=12)
_ = ax.legend(fontsize=10)

# %% [markdown]
# The sum of the hats is the interpolation. And putting a multiple of one shape at every pixel and adding up is what a
# transposed convolution does: the hat is the stamp.
#
# ## 6.2 From the hat to a kernel
#
# Upsample by $S$: between two pixels of $x$ lie $S$ pixels of the result, so a hat reaches $S$ pixels of the result to
# either side: a kernel of $K = 2S$ pixels. Its centre is in the middle, at $(K - 1)/2$, between two pixels if $K$ is
# even. So place $k$ of the kernel has the distance $(k - (K-1)/2) / S$ from the centre, in pixels of $x$.
#
# **Predict** the four numbers for $S = 2$.

# %%
S = 2
K = 2 * S
distance = (np.arange(K) - (K - 1) / 2) / S
profile = hat(distance)
print("distances:", distance)
print("profile:  ", profile)
np.testing.assert_array_equal(distance, [-0.75, -0.25, 0.25, 0.75])
# ask: the four numbers
np.testing.assert_array_equal(profile, [0.25, 0.75, 0.75, 0.25])

# %% [markdown]
# ## 6.3 Two dimensions: rows times columns
#
# An image is interpolated along the columns and then along the rows. The share of a pixel is then the product of its
# share in each direction: $w_{kl} = \mathrm{profile}_k \cdot \mathrm{profile}_l$.
#
# **Predict**: what is the largest of the 16 numbers, what is the smallest, and what is the sum of all?

# %%
kernel = np.outer(profile, profile)
print(kernel)
# ask: the largest
assert kernel.max() == 0.75 * 0.75 == 9 / 16
# ask: the smallest
assert kernel.min() == 0.25 * 0.25 == 1 / 16
# ask: the sum
assert kernel.sum() == 4 == S**2
np.testing.assert_array_equal(kernel, nn.init.bilinear_kernel(4))

# %% [markdown]
# `nn.init.bilinear_kernel` makes the same. The sum is $S^2$ because one pixel of $x$ has to fill $S^2$ pixels of the
# result. The figure shows $S = 2$ with its numbers, and $S = 16$ without.

# %% tags=["fold"]
fig, axes = plt.subplots(1, 2, figsize=(7, 3.5), layout="constrained")
axes[0].imshow(kernel, cmap="Greys", vmin=0, vmax=1.2)
for (k, l), value in np.ndenumerate(kernel):
    axes[0].text(l, k, f"{value * 16:g}/16", ha="center", va="center", fontsize=10, color="black")
axes[0].set(title="S = 2, K = 4", xlabel="column of the kernel", ylabel="row of the kernel")
axes[0].set(xticks=range(4), yticks=range(4))
shown = axes[1].imshow(nn.init.bilinear_kernel(32), cmap="cividis", vmin=0, vmax=1)
axes[1].set(title="S = 16, K = 32", xlabel="column of the kernel")
fig.colorbar(shown, ax=axes[1], shrink=0.8)
fig.suptitle("A bilinear kernel is a hat over the rows times a hat over the columns", fontsize=12)
assert nn.init.bilinear_kernel(32).sum() == 16**2

# %% [markdown]
# ## 6.4 Does a flat map stay flat?
#
# Upsample a map of ones. If the stamps really take an average of the pixels around, ones must come out.
#
# **Predict**: do they, everywhere?


# %%
def upsample(x, S):
    """Bilinear upsampling of one map (H, W) by an even S."""
    kernel = nn.init.bilinear_kernel(2 * S)
    x, weight = mf.Tensor(x[None, None]), mf.Tensor(kernel[None, None])
    return F.conv_transpose2d(x, weight, stride=S, padding=S // 2).data[0, 0]


ones = upsample(np.ones((4, 4)), 2)
print(ones)
assert ones.shape == (8, 8)
np.testing.assert_allclose(ones[1:-1, 1:-1], 1)
# ask: ones come out: everywhere | inside, but not at the border* | nowhere
np.testing.assert_allclose(ones[0, 1:-1], 0.75)
assert ones[0, 0] == 0.75**2

# %% [markdown]
# Inside they do: the shares of all pixels at one place add up to 1. That is called a partition of unity, and it is the
# condition of notebook 5 against checkerboards: the four quarters of the kernel have the same sum, 1.
#
# At the border they do not. A pixel there lies between the last pixel of $x$ and a neighbour that does not exist, and
# nobody gives the neighbour's share.

# %%
for a in range(2):
    for b in range(2):
        assert kernel[a::2, b::2].sum() == 1

# %% [markdown]
# ### In the laboratory
#
# Look at it pixel by pixel: pick one at the border of the result, then one inside, and compare what they are made of.

# %%
explain.Laboratory(np.ones((3, 3)), kernel, stride=2, padding=1)

# %% [markdown]
# ### In a real network
#
# How much is that in a real network? FCN-32s upsamples scores by $S = 32$ in one step. In minifcn's default variant
# ("aligned": padding 1, and $P = 16$ in the upsampling), an image of 224x224 pixels has scores of 7x7. (In the
# reference code of the paper, which pads by 100, they are 8x8, and the crop at 19 cuts most of the faded border off:
# question 3.)
#
# **Predict**: what is left of a score of 1 in the corner of the image? And in which part of the image is something
# missing: 1 %, 5 %, 25 %?

# %%
share = upsample(np.ones((7, 7)), 32)
below = (share < 1).mean()
print(f"corner {share[0, 0]:.3f}, middle of an edge {share[0, 112]:.3f}, below 1: {below:.1%} of the pixels")
assert share.shape == (224, 224)
# ask: what is left in the corner
assert round(share[0, 0], 3) == 0.266
assert round(share[0, 112], 3) == 0.516
assert share[112, 112] == 1
# ask: percent of the image in which something is missing: 1 | 5 | 25*
assert round(100 * below, 1) == 26.5

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(5.6, 4.4), layout="constrained")
shown = ax.imshow(share, cmap="cividis", vmin=0, vmax=1)
outline = ax.contour(share, levels=[0.5, 0.75, 0.99], colors="black", linewidths=1)
ax.clabel(outline, fontsize=10)
fig.colorbar(shown, label="what is left of a score of 1")
ax.set(xlabel="column", ylabel="row")
_ = ax.set_title("FCN-32s on 224x224: scores fade towards the border", fontsize=12)

# %% [markdown]
# Does it matter? All classes of a pixel are multiplied by the same positive number. So the *largest* score stays the
# largest, and the predicted class is the same. But the probabilities come closer together, and so does a sum with the
# scores of a skip, in which the faded scores count less.

# %%
scores = rng.normal(size=(3, 7, 7))
faded = np.stack([upsample(score, 32) for score in scores])
repaired = faded / share
np.testing.assert_array_equal(faded.argmax(axis=0), repaired.argmax(axis=0))


def probabilities(scores):
    return F.softmax(mf.Tensor(scores[None])).data[0]


corner = probabilities(faded)[:, 0, 0].max(), probabilities(repaired)[:, 0, 0].max()
print(f"largest probability in the corner: {corner[0]:.2f}, with the border repaired {corner[1]:.2f}")
assert corner[0] < corner[1]

# %% [markdown]
# ## 6.5 Each channel by itself
#
# A map of scores has a channel for each class, and the weight of a transposed convolution has a kernel for each *pair*
# of channels: its shape is (C, C, K, K). Interpolation must not mix classes.
#
# **Predict**: for 3 classes, how many of the nine kernels are zero?

# %%
weight = nn.init.bilinear(3, 3, 4)
assert weight.shape == (3, 3, 4, 4)
used = np.abs(weight).sum(axis=(2, 3)) > 0
# ask: kernels that are zero
assert (~used).sum() == 6
print(used.astype(int))
np.testing.assert_array_equal(used, np.eye(3, dtype=bool))
for c in range(3):
    np.testing.assert_array_equal(weight[c, c], nn.init.bilinear_kernel(4))

# %% [markdown]
# Six of nine: only the diagonal is used. What if the kernel stood in all nine places? Then every output channel would
# get the *sum* of all channels, and all classes would have the same score.

# %%
scores = mf.Tensor(rng.normal(size=(1, 3, 5, 5)))
everywhere = mf.Tensor(np.broadcast_to(nn.init.bilinear_kernel(4), (3, 3, 4, 4)).copy())
mixed = F.conv_transpose2d(scores, everywhere, stride=2, padding=1).data[0]
np.testing.assert_allclose(mixed[0], mixed[1], atol=1e-12)
np.testing.assert_allclose(mixed[0], mixed[2], atol=1e-12)
np.testing.assert_allclose(mixed[0], upsample(scores.data[0].sum(axis=0), 2), atol=1e-12)

# %% [markdown]
# ## 6.6 Resizing in image libraries
#
# Image libraries resize with bilinear interpolation too. Their rule looks different: go to every pixel of the *result*,
# find the place in the small image that it shows, and interpolate there. Pixels are little squares; the centre of pixel
# $a$ is at $a + 1/2$, so in the small image its place is $(a + 1/2)/S - 1/2$. Beyond the centre of the last pixel its
# value is kept.
#
# **Predict**: does this gather the same numbers that the stamps scatter?


# %%
def resize(x, S):
    """Interpolate along each row, then along each column; np.interp keeps the last value beyond the end."""
    height, width = x.shape
    rows, columns = np.arange(height), np.arange(width)
    row_place = (np.arange(height * S) + 0.5) / S - 0.5
    column_place = (np.arange(width * S) + 0.5) / S - 0.5
    wide = np.array([np.interp(column_place, columns, row) for row in x])
    return np.array([np.interp(row_place, rows, column) for column in wide.T]).T


S = 4
x = rng.normal(size=(5, 6))
by_stamps, by_resizing = upsample(x, S), resize(x, S)
assert by_stamps.shape == by_resizing.shape == (20, 24)
inside = (slice(S // 2, -S // 2), slice(S // 2, -S // 2))
# ask: the same numbers: everywhere | inside* | nowhere
np.testing.assert_allclose(by_stamps[inside], by_resizing[inside], atol=1e-14)
assert np.abs(by_stamps - by_resizing).max() > 0.1  # at the border

pillow = Image.fromarray(x.astype("float32")).resize((24, 20), Image.Resampling.BILINEAR)
np.testing.assert_allclose(np.asarray(pillow), by_resizing, atol=1e-5)

# %% [markdown]
# Inside, yes, to the last digits (and Pillow agrees). At the border the stamps give too little, as in 6.4. Divide by
# what came of a map of ones, and the border is right as well:

# %%
np.testing.assert_allclose(by_stamps / upsample(np.ones_like(x), S), by_resizing, atol=1e-14)

# %% [markdown]
# ## 6.7 Which padding shifts nothing
#
# A pixel of $x$ stands for $S$ pixels of the result: pixel $i$ for those from $iS$ to $iS + S - 1$. Their centre is at
# $iS + (S-1)/2$. Its stamp begins at $iS - P$ and is $K$ long, so its centre is at $iS - P + (K-1)/2$. Both are equal
# when
#
# $$P = (K - S) / 2.$$
#
# **Predict**: which $P$ is that for $K = 2S$? Is the size of the result then exactly $S$ times the size of $x$?

# %%
for S in (2, 4, 8, 16, 32):
    K, P = 2 * S, S // 2
    # ask: the size is S times that of x: always* | only for S = 2 | never
    assert (K - S) / 2 == P
    for n in (1, 7, 10):
        assert (n - 1) * S + K - 2 * P == n * S

# %% [markdown]
# $P = S/2$, and yes: the size $(n-1)S + K - 2P$ is $nS$ exactly when $K - 2P = S$. Once the result has the right size
# *and* the same is cropped on both sides, nothing is shifted. If you get the right size in another way, it may be. Here
# is an edge, upsampled by 8: once with $P = 4$, and once with $P = 0$ and everything too much cut off at the end.

# %%
S = 8
edge = np.repeat([[0.0, 0, 0, 1, 1, 1]], 3, axis=0)
aligned = upsample(edge, S)
kernel = mf.Tensor(nn.init.bilinear_kernel(2 * S)[None, None])
whole = F.conv_transpose2d(mf.Tensor(edge[None, None]), kernel, stride=S).data[0, 0]
shifted = whole[: 3 * S, : 6 * S]
assert aligned.shape == shifted.shape == (24, 48)
np.testing.assert_allclose(aligned[12, 23:25].mean(), 0.5)  # half way between pixels 23 and 24
np.testing.assert_allclose(shifted[16, 27:29].mean(), 0.5)  # 4 pixels later
np.testing.assert_allclose(shifted[4:, 4:], aligned[:-4, :-4])

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
ax.step(
    np.arange(49) - 0.5, np.repeat(edge[1], S).tolist() + [1], where="post", color="grey", label="x, each pixel 8 wide"
)
ax.plot(aligned[12], "o-", color=BLUE, markersize=3.5, label="P = 4: the edge stays")
ax.plot(shifted[12], "s-", color=VERMILLION, markersize=3.5, label="P = 0, cut at the end: moved by 4")
ax.set(xlabel="column of the result", ylabel="value in row 12", xticks=range(0, 49, 8))
ax.set_title("Cropping S/2 on both sides keeps an edge at its place", fontsize=12)
_ = ax.legend(fontsize=10, loc="upper left")

# %% [markdown]
# (The blue curve falls at the right end: that is the border of 6.4.)
#
# A shift of 4 pixels is easily overlooked in a picture, and every label would be compared with the wrong score. So
# $K = 2S$ is no magic: it is the width of the hat. $P = (K - S)/2$ is what keeps things at their place.
#
# ## 6.8 Does it pay to learn the kernel?
#
# The kernels could be learned. `variant="paper"` is the paper's published reference code: padding 100, a 7x7 fc6,
# crops, and all upsampling fixed and bilinear (the paper's text learns the upsamplings by 2). Notebooks 9 and 10 take
# it apart; of the kernels its authors report no significant difference. Why can learning buy so little? Try it where
# the answer can be seen: make labels small, and learn the kernel that best makes them large again.
#
# Below, the label of each picture is turned into one map for each class (1 where the class is, 0 elsewhere), and
# averaged over 4x4 pixels. A transposed convolution with $S = 4$, $K = 8$ that starts from *random* weights learns to
# undo the averaging, by squared error.
#
# **Predict**: what will the learned kernel look like?


# %%
def one_map_per_class(seed, pictures=20):
    shapes = data.Shapes(pictures, size=64, seed=seed)
    label = np.stack([shapes[i].label for i in range(pictures)])
    classes = np.arange(shapes.num_classes)
    return label, (label[:, None] == classes[:, None, None]).astype("float32")


S = 4
_, large = one_map_per_class(seed=0)
large = mf.Tensor(large.reshape(-1, 1, 64, 64))  # every class of every picture is an example
small = F.avg_pool2d(large, S)

learned = nn.ConvTranspose2d(1, 1, 2 * S, stride=S, padding=S // 2, rng=np.random.default_rng(0))
optimiser = optim.Adam(learned.parameters(), lr=0.03)
losses = []
for _ in range(300):
    difference = learned(small) - large
    loss = (difference * difference).mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    losses.append(loss.item())
print(f"squared error: {losses[0]:.4f} before, {losses[-1]:.4f} after learning")
assert losses[-1] < losses[0] / 20

# %%
bilinear = nn.init.bilinear_kernel(2 * S)
found = learned.weight.data[0, 0]
likeness = np.corrcoef(found.ravel(), bilinear.ravel())[0, 1]
print(f"correlation with the bilinear kernel: {likeness:.3f}")
# ask: the learned kernel looks like: noise | a hat* | a flat square
assert likeness > 0.95
steepest = [abs(np.diff(kernel.sum(axis=0))).max() for kernel in (found, bilinear)]
assert steepest[0] > 1.5 * steepest[1]  # and it is steeper
assert abs(found.sum() / S**2 - 1) < 0.05  # a flat map stays nearly flat

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
ax.plot(found.sum(axis=0) / S, "s-", color=ORANGE, label="learned from random weights")
ax.plot(bilinear.sum(axis=0) / S, "o-", color=BLUE, label="bilinear")
ax.axhline(0, color="grey", linewidth=0.8)
ax.set(xlabel="column of the kernel", ylabel="sum over the rows, divided by S")
ax.set_title("What is learned is a hat as well, a steeper one", fontsize=12)
_ = ax.legend(fontsize=10)

# %% [markdown]
# A hat again, found from nothing but examples; it is somewhat steeper. Now label new pictures: the class of a pixel is
# the one with the largest upsampled map.
#
# **Predict**: does the learned kernel label more pixels rightly than the bilinear one?

# %%
label, large = one_map_per_class(seed=1)
small = F.avg_pool2d(mf.Tensor(large.reshape(-1, 1, 64, 64)), S)
fixed = nn.ConvTranspose2d(1, 1, 2 * S, stride=S, padding=S // 2, fixed=True)

accuracy, squared = {}, {}
for name, layer in {"bilinear, fixed": fixed, "learned": learned}.items():
    maps = layer(small).data.reshape(large.shape)
    accuracy[name], squared[name] = (maps.argmax(axis=1) == label).mean(), ((maps - large) ** 2).mean()
    print(f"{name:<18}{accuracy[name]:.1%} of the pixels right, squared error {squared[name]:.4f}")
assert accuracy["bilinear, fixed"] > 0.95
# ask: more pixels: yes | no*
assert accuracy["learned"] < accuracy["bilinear, fixed"] + 0.005
assert squared["learned"] < squared["bilinear, fixed"]

# %% [markdown]
# The learned kernel has the smaller squared error, for which it was trained, but labels no more pixels rightly. This is
# a small experiment, and no proof: the scores are ideal, one kernel serves all classes, and an object is many times as
# wide as $S = 4$ pixels. There the kernel has only $K^2$ numbers, the same for all pictures, and the hat is already
# close to the best of them.
#
# It is not always so. In notebook 9 the objects are as small as one cell of the grid, $S = 32$, and FCN-32s learns a
# kernel of 64x64 numbers for every *pair* of classes: there learning brings a lot, and the result goes beyond what
# ideal scores reach with bilinear kernels.
#
# A fixed layer still passes gradients on; only its own weight is left alone.

# %%
x = mf.Tensor(np.ones((1, 1, 3, 3), "float32"), requires_grad=True)
fixed(x).sum().backward()
assert fixed.weight.grad is None
np.testing.assert_allclose(x.grad.data[0, 0, 1, 1], S**2)  # a pixel inside gives S² in all

# %% [markdown]
# ## Questions
#
# 1. Write down the profile for $S = 3$ and $K = 2S - 1 = 5$ by hand, then print `nn.init.bilinear_kernel(5)`. Where is
#    its centre? Which $P$ keeps things at their place?
# 2. For $K = 3$, $S = 2$ the formula of 6.7 gives $P = 1/2$. What does that mean? Replace `2 * S` in `upsample` by
#    `2 * S - 1`, keep the size right with `output_padding`, and upsample a ramp: by how much is it shifted?
# 3. The paper's FCN-32s adds 100 zeros around the image. 224x224 pixels then have scores of 8x8; they are upsampled
#    with $P = 0$ to 288x288, and rows 19 to 242 are kept. What is left of a score of 1 in the corner now? (6.4)
# 4. Upsample by 2 and again by 2, with bilinear kernels. Is it the same as once by 4? Compare a map of one pixel.
# 5. In 6.8, replace the 4x4 average by taking one pixel of four (`large.data[:, :, ::4, ::4]`). Where is the centre of
#    the learned kernel now, and why?
#
# ## What to read next
#
# - `minifcn/nn/init.py`: `bilinear_kernel` and `bilinear`; `ConvTranspose2d` in `minifcn/nn/layers.py`.
# - The paper (Long, Shelhamer and Darrell 2015), section 3.3, and section 4.3 for what is fixed and what is learned.
# - Notebook 7: what the upsampled scores are compared with.
