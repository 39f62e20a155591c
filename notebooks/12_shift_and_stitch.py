# %% [markdown]
# # 12. Shift-and-stitch, and the filter with holes
#
# A network with strides gives a coarse output. Upsampling is one cure; the paper discusses another, older one, which
# computes every missing output exactly: shift the input, run the network again, and stitch the results. Afterwards you
# can do that, get the same numbers from a single run with *dilated* filters, prove that they agree, and say what each
# costs and why the paper uses neither.
#
# You need convolution, pooling and the coordinate maps (notebook 10 is enough).

# %%
import matplotlib.pyplot as plt
import numpy as np

import minifcn as mf
import minifcn.functional as F
from minifcn import models

plt.style.use("minifcn.explain.figures")  # legible on light and on dark pages
plt.rcParams.update({"font.size": 10, "figure.constrained_layout.use": True})
BLUE, ORANGE, VERMILLION = "#0072B2", "#E69F00", "#D55E00"

# %% [markdown]
# ## One layer, in one dimension
#
# A pool with kernel 2 and stride 2 takes the maximum of pixels 0 and 1, then of 2 and 3, and so on. The pair (1, 2) is
# never looked at.
#
# **Predict** before you run the next cell: how can one get the maxima of the pairs (1, 2), (3, 4), ... with the *same*
# pool?

# %%
x = np.array([3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3])


def pool(x):
    """Maximum of pairs, stride 2, of a one-dimensional x."""
    return F.max_pool2d(mf.Tensor(x.reshape(1, 1, 1, -1)), (1, 2)).data.ravel()


even = pool(x)  # pairs (0, 1), (2, 3), ...
odd = pool(x[1:])  # pairs (1, 2), (3, 4), ...
print("x:   ", x)
print("even:", even)
print("odd: ", odd)
np.testing.assert_array_equal(even, [3, 4, 9, 6, 5])
# ask: the pool is given: x from its second pixel on* | x turned round | x with a stride of 1
np.testing.assert_array_equal(odd, [4, 5, 9, 6])

# %% [markdown]
# One drops the first pixel: the window starts one pixel later. Now put the two results in turn, like a zip: this is
# **stitching**. The result is the pool with stride 1, every pair once.

# %%
stitched = np.empty(len(even) + len(odd))
stitched[0::2], stitched[1::2] = even, odd
stride_1 = F.max_pool2d(mf.Tensor(x.reshape(1, 1, 1, -1)), (1, 2), stride=1).data.ravel()
print("stitched:", stitched)
print("stride 1:", stride_1)
np.testing.assert_array_equal(stitched, stride_1)

# %% [markdown]
# For one layer that is a detour: setting the stride to 1 does the same at once. But in a network something follows the
# pool.
#
# ## A small network
#
# Convolution 3x3, pool 2x2 with stride 2, convolution 3x3, pool 2x2 with stride 2, convolution 3x3: two classes at
# stride 4. No layer pads, to keep the sizes plain. The weights are random; nothing here depends on them.

# %%
rng = np.random.default_rng(0)
weights = [mf.Tensor(rng.normal(0, 0.3, shape)) for shape in ((4, 1, 3, 3), (6, 4, 3, 3), (2, 6, 3, 3))]
FACTOR = 4  # the product of the strides


def network(x):
    """Scores at stride 4."""
    x = F.relu(F.conv2d(x, weights[0]))
    x = F.max_pool2d(x, 2, stride=2)
    x = F.relu(F.conv2d(x, weights[1]))
    x = F.max_pool2d(x, 2, stride=2)
    return F.conv2d(x, weights[2])


image = rng.normal(0, 1, (1, 1, 41, 41))
coarse = network(mf.Tensor(image)).data
print("image", image.shape, "-> scores", coarse.shape)
assert coarse.shape == (1, 2, 6, 6)

# %% [markdown]
# A score depends on a window of the image, its receptive field. Going back from one output pixel: 3 rows before the
# last convolution, $2 \cdot 3 = 6$ before the pool, 8 before the second convolution, 16 before the first pool, 18 in
# the image.
#
# So the network is a function of 18x18 pixels, and the 6x6 scores are this function at 36 places, 4 pixels apart.
# **Predict**: at how many places would it fit into the image, if one may place it at every pixel?

# %%
SEEN = 18
one = network(mf.Tensor(image[:, :, :SEEN, :SEEN]))
assert one.shape == (1, 2, 1, 1)

places = 41 - SEEN + 1
print("places per side:", places)
# ask: places in one direction
assert places == 24 == FACTOR * coarse.shape[2]

# %% [markdown]
# 24x24 places, 16 times as many. We compute all of them in the most stupid way: cut out every window and run the
# network on it. This is the truth that both methods have to meet, the **dense** scores.

# %%
dense = np.empty((1, 2, places, places))
for i in range(places):
    for j in range(places):
        window = image[:, :, i : i + SEEN, j : j + SEEN]
        dense[:, :, i, j] = network(mf.Tensor(window)).data[:, :, 0, 0]

np.testing.assert_allclose(dense[:, :, ::FACTOR, ::FACTOR], coarse, atol=1e-12)
print("every fourth row and column of the dense scores is the coarse output")

# %% [markdown]
# ## Shift and stitch
#
# Shift the image by 0, 1, 2, 3 pixels up and by 0, 1, 2, 3 to the left (drop the first rows and columns), run the
# network on each of the 16 images, and put the results together. (The paper shifts right and down and pads; the result
# differs only in which pixel comes first.)
#
# **Predict**: where does the output of the image shifted by $(a, b)$ belong in the dense scores?

# %%
stitched = np.full((1, 2, places, places), np.nan)
for a in range(FACTOR):
    for b in range(FACTOR):
        scores = network(mf.Tensor(image[:, :, a:, b:])).data
        stitched[:, :, a::FACTOR, b::FACTOR] = scores

# ask: its row i belongs in row: i + a | 4 i + a* | 4 a + i
np.testing.assert_allclose(stitched, dense, atol=1e-12)
print(f"largest difference to the dense scores: {abs(stitched - dense).max():.0e}")

# %% [markdown]
# Row $i$ of that output starts at row $4i + a$ of the image, so it belongs in the rows $a, a + 4, a + 8, \dots$ All 576
# places are filled once, and the numbers are those of the windows. In the figure the pixels are coloured by what
# decides to which run they belong: (row mod 4, column mod 4), the row in red and the column in blue.

# %%
row, column = np.indices((places, places))
run = FACTOR * (row % FACTOR) + column % FACTOR
run_colour = np.stack([1 - 0.2 * (row % FACTOR), 0 * row + 0.85, 1 - 0.2 * (column % FACTOR)], axis=-1)
assert len(np.unique(run_colour.reshape(-1, 3), axis=0)) == len(np.unique(run)) == FACTOR**2
for number in range(FACTOR**2):  # the pixels of a colour are the output of one run
    a, b = divmod(number, FACTOR)
    scores = network(mf.Tensor(image[:, :, a:, b:])).data[0, 0]
    np.testing.assert_array_equal(stitched[0, 0][run == number], scores.ravel())

# %% tags=["fold"]
fig, panels = plt.subplots(1, 3, figsize=(7, 2.9))
for panel, scores in zip(panels, (coarse, stitched), strict=False):
    panel.imshow(scores[0, 0], cmap="cividis", vmin=dense[0, 0].min(), vmax=dense[0, 0].max())
panels[0].set_title("one run: 6x6")
panels[1].set_title("16 runs: 24x24")
panels[2].imshow(run_colour[:8, :8])
for i, j in np.ndindex(8, 8):
    panels[2].text(j, i, FACTOR * (i % FACTOR) + j % FACTOR, ha="center", va="center", fontsize=9, color="black")
panels[2].set(title="which run gives a pixel")
for panel in panels:
    panel.set(xticks=[], yticks=[])
_ = fig.suptitle("Pixels of one colour, (row mod 4, column mod 4), come from one run")

# %% [markdown]
# ## One run instead of sixteen
#
# The 16 runs repeat much work. Can one run give the dense scores? Start as with the single pool: set its stride to 1.
# Then its output has all pixels, also those that the strided pool dropped. But the next convolution now sees neighbours
# that used to be two pixels apart:
#
# | map behind the pool | | | | | | |
# |---|---|---|---|---|---|---|
# | stride 2 gives the pixels | 0 | | 2 | | 4 | |
# | stride 1 gives the pixels | 0 | 1 | 2 | 3 | 4 | 5 |
#
# A 3x3 filter that used to meet 0, 2, 4 would meet 0, 1, 2.
#
# **Predict**: how must a 3x3 filter change, so that it meets 0, 2, 4 again? How many rows and columns does it have
# then?

# %%
wide = np.zeros((5, 5))
wide[::2, ::2] = np.arange(1.0, 10).reshape(3, 3)
# ask: rows and columns of the filter then
assert wide.shape == (5, 5)
# ask: between its numbers it gets: copies | zeros* | means
assert np.count_nonzero(wide) == 9
print(wide)

# %% [markdown]
# It gets *holes*: zeros between its weights. The paper calls this the à trous algorithm (French for "with holes"). For
# a filter $f$ and a stride $s$ that was removed before it:
#
# $$f'_{ij} = f_{i/s,\,j/s} \text{ if } s \text{ divides } i \text{ and } j, \text{ and } 0 \text{ otherwise.}$$


# %%
def with_holes(weight, s):
    """A weight (O, C, K, K) with s - 1 zeros between its entries."""
    outputs, channels, K, _ = weight.shape
    wide = np.zeros((outputs, channels, s * (K - 1) + 1, s * (K - 1) + 1))
    wide[:, :, ::s, ::s] = weight
    return wide


example = np.arange(1.0, 10).reshape(1, 1, 3, 3)
np.testing.assert_array_equal(with_holes(example, 2)[0, 0], wide)

# %% [markdown]
# Multiplying by these zeros is a waste. A **dilated** convolution leaves them out: with dilation $D$ it reads the
# pixels $0, D, 2D$ directly. `conv2d` has it as an argument.

# %%
y_holes = F.conv2d(mf.Tensor(image), mf.Tensor(with_holes(weights[0].data, 2))).data
y_dilated = F.conv2d(mf.Tensor(image), weights[0], dilation=2).data
np.testing.assert_allclose(y_holes, y_dilated, atol=1e-12)
print("a filter with holes and a dilated filter give the same map:", y_dilated.shape)

# %% [markdown]
# Now the whole network, layer by layer. Each removed stride dilates *everything* behind it, pools as well.
# **Predict** the five dilations:
#
# | layer | stride before | stride now | dilation |
# |---|---|---|---|
# | convolution 1 | 1 | 1 | ? |
# | pool 1 | 2 | 1 | ? |
# | convolution 2 | 1 | 1 | ? |
# | pool 2 | 2 | 1 | ? |
# | convolution 3 | 1 | 1 | ? |


# %%
def dilated_network(x, dilations=(1, 1, 2, 2, 4)):
    """The same weights, all strides 1."""
    d = dilations
    x = F.relu(F.conv2d(x, weights[0], dilation=d[0]))
    x = F.max_pool2d(x, 2, stride=1, dilation=d[1])
    x = F.relu(F.conv2d(x, weights[1], dilation=d[2]))
    x = F.max_pool2d(x, 2, stride=1, dilation=d[3])
    return F.conv2d(x, weights[2], dilation=d[4])


dilated = dilated_network(mf.Tensor(image)).data
# ask: the five dilations
assert dilated_network.__defaults__[0] == (1, 1, 2, 2, 4)
np.testing.assert_allclose(dilated, dense, atol=1e-12)
np.testing.assert_allclose(dilated, stitched, atol=1e-12)
print("dilated:", dilated.shape, "  largest difference to stitched:", abs(dilated - stitched).max())

# %% [markdown]
# The same 576 numbers for each class, from one run. The dilations are 1, 1, 2, 2, 4: the product of all strides that
# were removed *before* the layer. A frequent mistake is to forget the pools:

# %%
wrong = dilated_network(mf.Tensor(image), dilations=(1, 1, 2, 1, 4)).data  # pool 2 is not dilated
print("shape with pool 2 not dilated:", wrong.shape, " instead of", dense.shape)
difference = abs(wrong[:, :, :places, :places] - dense).max()
assert wrong.shape == (1, 2, 25, 25)
assert difference > 0.1

# %% [markdown]
# On one image with one set of weights this may be luck. So we take other random images, sizes and weights:

# %%
for seed in range(5):
    rng = np.random.default_rng(seed)
    for weight in weights:
        weight.data = rng.normal(0, 0.3, weight.shape)
    rows, columns = rng.integers(1, 6, 2) * FACTOR + SEEN - 1  # sizes at which every shift gives equally many outputs
    x = rng.normal(0, 1, (2, 1, rows, columns))
    y = np.empty((2, 2, rows - SEEN + 1, columns - SEEN + 1))
    for a in range(FACTOR):
        for b in range(FACTOR):
            y[:, :, a::FACTOR, b::FACTOR] = network(mf.Tensor(x[:, :, a:, b:])).data
    np.testing.assert_allclose(dilated_network(mf.Tensor(x)).data, y, atol=1e-12)
    print(f"image {rows}x{columns}: equal")

# %% [markdown]
# Why it must be so: in the dilated network, take of each map only the pixels whose row is $a$ modulo 4 (modulo 2 after
# the first pool) and whose column is $b$. A dilated filter never mixes different remainders, so these pixels alone form
# a complete computation: the strided network on the image shifted by $(a, b)$.
#
# ## Dense or upsampled?
#
# Upsampling, as an FCN does it, also makes 24x24 scores of 6x6: it *interpolates* between them. **Predict**: does it
# give the dense scores?

# %%
row = 8  # row 2 of the coarse scores
exact = dense[0, 0, row]
upsampled = np.interp(np.arange(21), np.arange(0, 24, FACTOR), coarse[0, 0, row // FACTOR])
np.testing.assert_allclose(exact[:21:FACTOR], upsampled[::FACTOR], atol=1e-12)
# ask: the dense scores: yes | only at the coarse scores*
assert abs(exact[:21] - upsampled).max() > 0.1

# %% tags=["fold"]
fig, axes = plt.subplots(figsize=(6.5, 3.2))
axes.plot(exact, "s-", color=BLUE, markersize=4, label="dense (24 scores)")
axes.plot(upsampled, "--", color=ORANGE, linewidth=2, label="coarse, upsampled")
big = {"color": VERMILLION, "markersize": 8, "zorder": 3}
axes.plot(np.arange(0, 24, FACTOR), coarse[0, 0, row // FACTOR], "o", label="coarse (6 scores)", **big)
axes.set(xlabel="place of the window (column)", ylabel="score of class 0")
axes.set_title("Both agree at the coarse scores; between them one computes, one interpolates")
axes.title.set_fontsize(9.5)
_ = axes.legend()

# %% [markdown]
# They agree where the coarse network has looked, and nowhere else in general. Shift-and-stitch adds information. But
# all 576 windows are 18x18 pixels large, and nothing has become *finer* inside them: no filter sees more than before. A
# skip is another thing: it uses features that were computed at a finer stride, from smaller windows.
#
# ## What it costs
#
# We count multiply-adds: an output pixel of a convolution with $C$ input channels needs $C K^2$ of them for each output
# channel.


# %%
def multiply_adds(n, strides, dilations):
    """Multiply-adds of the three convolutions for an n x n image."""
    total = 0
    for layer, weight in enumerate(weights):
        n = n - 2 * dilations[2 * layer]  # a 3x3 convolution
        total += weight.data.size * n * n
        if layer < 2:
            n = (n - dilations[2 * layer + 1] - 1) // strides[layer] + 1  # a 2x2 pool
    return total, n


N = 256 + SEEN - 1
strided, n = multiply_adds(N, (2, 2), (1, 1, 1, 1, 1))
stitch = sum(multiply_adds(N - shift, (2, 2), (1, 1, 1, 1, 1))[0] for shift in range(FACTOR) for _ in range(FACTOR))
trous, m = multiply_adds(N, (1, 1), (1, 1, 2, 2, 4))
windows = m * m * multiply_adds(SEEN, (2, 2), (1, 1, 1, 1, 1))[0]
cost = {"one coarse run": strided, "dilated": trous, "shift-and-stitch": stitch, "every window alone": windows}
for name, number in cost.items():
    print(f"{name:20} {number / 1e6:10.1f} million   {number / strided:7.1f} times the coarse run")

assert (n, m) == (64, 256)
sizes = [weight.data.size for weight in weights]  # an output pixel of each convolution, over all its channels
assert strided == np.dot(sizes, [271**2, 133**2, 64**2])
assert trous == np.dot(sizes, [271**2, 266**2, 256**2])  # about 1, 4 and 16 times the pixels
assert strided < trous < stitch < windows
assert 15 < stitch / strided < 16.5

# %% tags=["fold"]
fig, axes = plt.subplots(figsize=(6.5, 2.6))
axes.barh(list(cost), [number / strided for number in cost.values()], color=[BLUE, ORANGE, ORANGE, "0.6"])
for level, number in enumerate(cost.values()):
    axes.text(1.1 * number / strided, level, f"{number / strided:.1f}", va="center")
axes.set(xscale="log", xlim=(0.8, 500), xlabel="multiply-adds, in coarse runs")
axes.set_title("Same dense scores at very different cost")
axes.invert_yaxis()

# %% [markdown]
# Shift-and-stitch costs nearly $f^2 = 16$ coarse runs. The dilated network costs far less: a layer behind strides of
# product $s$ runs on about $s^2$ times as many pixels, that is 1, 4 and 16 for the three convolutions, and not 16 for
# all of them. It gives the same numbers, so for dense scores it is the better choice.
#
# And for the real trunk? FCN-32s has $f = 32$, so shift-and-stitch needs 1024 runs. Without strides, a layer that had
# stride $s$ runs on $s^2$ times as many pixels.
#
# **Predict**: by what factor does the cost of FCN-32s grow (here with a quarter of its channels)? By about 10, 100 or
# 1000?

# %%
net = models.FCN32s(21, variant="paper", width=1 / 4)
normal = without_strides = 0
for row in models.summary.rows(net, (500, 500)):
    if row.name != "upscore":  # not needed any more
        stride = int(1 / row.before.coordinates.scale)
        normal += row.multiply_adds
        without_strides += row.multiply_adds * stride**2
print(f"without strides: {without_strides / normal:.0f} times the multiply-adds")
# ask: times the cost, about: 10 | 100* | 1000
assert 50 < without_strides / normal < 300

# %% [markdown]
# Two powers of ten. The paper found that shift-and-stitch brings less for its cost than skips do, and does not use it.
# Later networks take a middle way: they remove only the last one or two of the five strides and dilate what follows, so
# that the output has stride 16 or 8.
#
# ## Questions
#
# 1. Which dilations does a network with strides 2, 2, 2 need? Which one has the layer behind the third pool? (Extend
#    `network` and `dilated_network` by a layer and check.)
# 2. Set all strides to 1 and leave all dilations at 1. How large is the window that a score depends on now, in place of
#    18? What do the filters see that they did not see before?
# 3. An image of 42 rows: how many rows do the four shifted runs have? What has to change in the stitching?
# 4. Remove only the second stride: which dilations do you need, what is the stride of the output, and what does it
#    cost? (`multiply_adds` with `strides=(2, 1)`.)
# 5. Why does the argument with remainders fail if a layer pads its input with zeros? Think of the run that is shifted
#    by 2, and of what lies beside its first row, there and in the dilated network. (Give the second convolution
#    `padding=1` in `network` and `padding=2` in `dilated_network`, and compare `stitched` and `dilated` alone, with
#    `places = 28`.)
#
# ## What to read next
#
# `minifcn/functional/conv.py` (`dilation` in `conv2d`) and `minifcn/compute/im2col.py`, where a dilated window
# is only another step through memory. Paper: section 3.2.
