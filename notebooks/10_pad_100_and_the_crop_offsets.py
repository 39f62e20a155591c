# %% [markdown]
# # 10. Pad 100 and the crop offsets 19; 5, 27; 5, 9, 31
#
# `variant="paper"` is the paper's published reference code: padding 100, a 7x7 fc6, crops, and all upsampling fixed
# and bilinear (the paper's text learns the upsamplings by 2). So it pads the image by 100 pixels on every side, and
# later it crops its maps: at 19 (FCN-32s), at 5 and 27 (FCN-16s), at 5, 9 and 31 (FCN-8s). These six numbers look like
# magic. Afterwards you can derive each of them with fractions on a sheet of paper, say what goes wrong with another
# number, and build a network in which all offsets are 0.
#
# You need convolution and pooling sizes, the transposed convolution (notebook 5) and the three networks (notebook 9).

# %%
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np

import minifcn as mf
import minifcn.functional as F
from minifcn import data, explain, metrics, models, nn

plt.style.use("minifcn.explain.figures")  # legible on light and on dark pages
plt.rcParams.update({"font.size": 10, "figure.constrained_layout.use": True})
BLUE, ORANGE, GREEN, VERMILLION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "0.6"

# %% [markdown]
# ## Why pad at all
#
# A layer with kernel size $K$, stride $S$ and padding $P$ turns $n$ rows into $(n + 2P - K) / S + 1$ rows. A
# convolution rounds the division down, a pool of the reference networks rounds it up. The trunk has 13 convolutions
# with $K = 3$, which keep the size if $P = 1$, and five pools with $K = S = 2$. Then comes fc6, a convolution with
# $K = 7$ and no padding. Columns behave as rows do, so rows are enough.
#
# **Predict** before you run the next cell: with $P = 1$ everywhere, how many rows must an image have at least, so that
# fc6 has one row to give?


# %%
def pool5_rows(n, pad):
    """Rows of pool5 for an image of n rows, if conv1_1 has padding `pad`."""
    n = n + 2 * pad - 2  # conv1_1; the other convolutions keep the size
    for _ in range(5):
        n = -(-n // 2)  # a pool, rounded up
    return n


smallest = next(n for n in range(1, 1000) if pool5_rows(n, pad=1) >= 7)
print("smallest image without extra padding:", smallest, "rows")
# ask: rows of the smallest image
assert smallest == 193

# %% [markdown]
# Seven rows of pool5 are more than $6 \cdot 32 = 192$ rows of the image. A smaller image has no output at all, and a
# larger one loses a border: fc6 gives six rows fewer than pool5 has.
#
# Padding the image makes room. **Predict**: how much padding does an image of a single pixel need? Is it 100?

# %%
enough = next(pad for pad in range(1, 200) if pool5_rows(1, pad) >= 7)
print("padding with which an image of 1 row works:", enough)
# ask: padding that is enough for one pixel
assert enough == 97
assert pool5_rows(1, pad=100) == 7

# %% [markdown]
# Any padding from 97 on would do, and 100 is one of them: with it, fc6 has something to see for an image of any size.
# It has a price, though: the maps no longer begin where the image begins, and somebody has to say where they do.
#
# ## Where does a pixel of a map lie?
#
# Output $j$ of a layer looks at the input rows $Sj - P$ to $Sj - P + K - 1$. The centre of this window is
# $u = Sj - P + (K - 1)/2$. Solved for $j$:
#
# $$j = \frac{u}{S} + \frac{P - (K - 1)/2}{S}.$$
#
# This is a **coordinate map** $u \mapsto a u + b$ with two fractions: it says on which output row $j$ the input row $u$
# is centred. (A fractional $j$ lies between two rows.)


# %%
def layer_map(K, S=1, P=0):
    """(a, b) of a convolution or a pool."""
    return Fraction(1, S), (P - Fraction(K - 1, 2)) / S


for name, K, S, P in (("3x3 convolution, P = 1", 3, 1, 1), ("2x2 pool", 2, 2, 0), ("7x7 convolution, P = 0", 7, 1, 0)):
    a, b = layer_map(K, S, P)
    print(f"{name:24} j = {a} u + ({b})")

assert layer_map(3, 1, 1) == (1, 0)
assert layer_map(2, 2) == (Fraction(1, 2), Fraction(-1, 4))
assert layer_map(7) == (1, -3)

# %% [markdown]
# The 3x3 convolution with padding moves nothing. The pool halves, and its row 0 is centred between the input rows 0 and
# 1, hence the quarter. The 7x7 convolution without padding drops three rows.
#
# The formula can be tested on numbers. Take a ramp, $x_u = u$: every row holds its own position. A layer that takes the
# *mean* of its window must then give the centre of the window, $u = (j - b)/a$.
#
# **Predict**: what does a mean over $K = 5$ rows with $S = 3$ give on the ramp 0, 1, 2, ..., for $j = 0, 1, 2$?

# %%
K, S = 5, 3
ramp = mf.Tensor(np.arange(20.0).reshape(1, 1, 20, 1))
mean = mf.Tensor(np.full((1, 1, K, 1), 1 / K))
y = F.conv2d(ramp, mean, stride=(S, 1)).data.ravel()

a, b = layer_map(K, S)
centres = [float((j - b) / a) for j in range(len(y))]
print("measured: ", y.round(6))
print("predicted:", centres)
# ask: the first three values
np.testing.assert_allclose(y[:3], [2, 5, 8])
np.testing.assert_allclose(y, centres)

# %% [markdown]
# Both say 2, 5, 8, ...: the map is right.
#
# ## Through the whole trunk
#
# Two layers in a row: put $j = a_1 u + b_1$ into $a_2 j + b_2$ and you get $(a_2 a_1)\, u + (a_2 b_1 + b_2)$. This one
# line is all that is needed.


# %%
def then(first, second):
    """The map of two layers, one behind the other."""
    (a1, b1), (a2, b2) = first, second
    return a2 * a1, a2 * b1 + b2


trunk, position = {}, (Fraction(1), Fraction(0))  # position: the map from the image to where we are
for stage, convolutions in enumerate((2, 2, 3, 3, 3), start=1):
    for i in range(1, convolutions + 1):
        pad = 100 if (stage, i) == (1, 1) else 1
        position = then(position, layer_map(K=3, P=pad))
    trunk[f"pool{stage}"] = position = then(position, layer_map(K=2, S=2))
trunk["score_fr"] = then(position, layer_map(K=7))  # fc6; fc7 and score_fr are 1x1 and move nothing

for name, (a, b) in trunk.items():
    print(f"{name:9} j = {a!s:>4} u + {b!s:>6}     row 0 lies over row {float(-b / a):6.1f} of the image")

assert trunk["pool5"] == (Fraction(1, 32), Fraction(167, 64))
assert trunk["score_fr"] == (Fraction(1, 32), Fraction(-25, 64))
assert -trunk["score_fr"][1] / trunk["score_fr"][0] == Fraction("12.5")

# %% [markdown]
# Row 0 of pool5 lies 83.5 rows *above* the image. fc6 drops three rows of pool5, that is 96 rows of the image, and so
# row 0 of score_fr lies over row 12.5. It stands for 32 rows around it: -3 to 28. The padding of 100 and the 7x7 kernel
# nearly cancel.
#
# ## Up again
#
# A transposed convolution stamps its kernel: row $u$ of its input fills the rows $Su - P$ to $Su - P + K - 1$ of its
# output, centred on $Su + (K - 1)/2 - P$. That is the map of the convolution, read backwards.


# %%
def up_map(K, S, P=0):
    """(a, b) of a transposed convolution."""
    return Fraction(S), Fraction(K - 1, 2) - P


for K, S, P in ((4, 2, 0), (64, 32, 0), (3, 1, 1), (5, 3, 2)):
    assert then(layer_map(K, S, P), up_map(K, S, P)) == (1, 0)  # down and up again: nothing has moved
print("up_map is the inverse of layer_map")

# %% [markdown]
# FCN-32s upsamples score_fr with $K = 64$, $S = 32$, $P = 0$.
#
# **Predict**: on which row of the upsampled map is row 0 of the image centred?

# %%
upscore = then(trunk["score_fr"], up_map(K=64, S=32))
print("upscore: j =", upscore[0], "u +", upscore[1])
# ask: row of the upsampled map
assert upscore == (1, 19)

# %% [markdown]
# The scale is 1, as it must be: one row per row of the image. And row $u$ of the image is row $u + 19$ of the map.
# So the first 19 rows (and columns) have to go: **this is the crop offset 19**.
#
# minifcn does not store the number either. It sends coordinate maps through the network's own `forward`.

# %%
net32 = models.FCN32s(21, variant="paper", width=1 / 64)
print(models.alignment.crop_offsets(net32))
assert models.alignment.crop_offsets(net32) == {"score": 19}

# %% [markdown]
# The same as a picture, for an image of 64 rows. Every box is a pixel of a map, drawn over the rows of the image for
# which it stands.

# %%
n = 64
sizes = {"image": n, "pool3": 33, "pool4": 17, "pool5": 9, "score_fr": 3, "upscore": 128}
maps = {"image": (Fraction(1), Fraction(0)), **trunk, "upscore": upscore}
assert sizes["pool5"] == pool5_rows(n, pad=100)
assert sizes["score_fr"] == sizes["pool5"] - 6
assert sizes["upscore"] == 32 * (sizes["score_fr"] - 1) + 64

# %% tags=["fold"]
fig, axes = plt.subplots(figsize=(7, 3.4))
axes.axvspan(-0.5, n - 0.5, color="grey", alpha=0.2)
for level, (name, count) in enumerate(sizes.items()):
    a, b = (float(value) for value in maps[name])
    centre = (np.arange(count) - b) / a
    colour = {"image": GREY, "score_fr": BLUE, "upscore": VERMILLION}.get(name, GREEN)
    edge = {"edgecolor": "white", "linewidth": 0.6 if a < 1 else 0}
    axes.barh([level] * count, [1 / a] * count, 0.7, centre - 0.5 / a, color=colour, **edge)
axes.annotate("cut off: 19", (-10, 5.4), (-10, 6.2), ha="center", arrowprops={"arrowstyle": "->", "color": "grey"})
axes.set_yticks(range(len(sizes)), [f"{name} ({count})" for name, count in sizes.items()])
axes.set(xlim=(-108, 200), ylim=(6.8, -0.6))
axes.set_xlabel("row of the image")
_ = axes.set_title("Row 0 of the upsampled scores lies 19 rows above the image")

# %% [markdown]
# score_fr has three rows and covers the image. The upsampled map is 19 rows too early on one side and, here,
# $128 - 64 - 19 = 45$ rows too late on the other. The two sides differ, so "cut the same from both sides" is wrong.
#
# Does the crop always fit, for images of every size?

# %%
for n in range(1, 1500):
    rows = 32 * (pool5_rows(n, pad=100) - 6 - 1) + 64
    assert 19 + n <= rows
print("19 + n <= rows of upscore for every n up to 1499")

# %% [markdown]
# ## FCN-16s: 5 and 27
#
# FCN-16s upsamples score_fr by 2 ($K = 4$, $S = 2$) and adds scores of pool4. The two maps have the same scale, 1/16,
# but different shifts. If image row $u$ is row $u/16 + b$ of one map and row $u/16 + b'$ of the other, the crop has to
# cut $b - b'$ rows off the first one.
#
# **Predict** the sign: pool4 still has its whole padding, score_fr has lost most of it in fc6. Which one is cropped?

# %%
upscore2 = then(trunk["score_fr"], up_map(K=4, S=2))
print("pool4:    j =", trunk["pool4"][0], "u +", trunk["pool4"][1])
print("upscore2: j =", upscore2[0], "u +", upscore2[1])
offset_pool4 = trunk["pool4"][1] - upscore2[1]
print("rows to cut off pool4:", offset_pool4)
assert trunk["pool4"][0] == upscore2[0] == Fraction(1, 16)
# ask: cropped is: pool4* | the upsampled score_fr
assert offset_pool4 == 5

# %% [markdown]
# pool4 is cropped, at 5. After the crop both maps have the coordinates of upscore2, and so has their sum. It is
# upsampled by 16 and cropped to the image.

# %%
upscore16 = then(upscore2, up_map(K=32, S=16))
net16 = models.FCN16s(21, variant="paper", width=1 / 64)
print("FCN-16s:", offset_pool4, upscore16[1])
assert upscore16 == (1, 27)
assert models.alignment.crop_offsets(net16) == {"score_pool4": 5, "score": 27}

# %% [markdown]
# ## FCN-8s: 5, 9 and 31
#
# Once more: upsample the sum by 2, add scores of pool3, upsample by 8. Work the two numbers out by hand first; you need
# the shift of pool3, which is printed above.

# %%
upscore_pool4 = then(upscore2, up_map(K=4, S=2))
offset_pool3 = trunk["pool3"][1] - upscore_pool4[1]
upscore8 = then(upscore_pool4, up_map(K=16, S=8))
print("FCN-8s:", offset_pool4, offset_pool3, upscore8[1])

net8 = models.FCN8s(21, variant="paper", width=1 / 64)
assert (offset_pool4, offset_pool3, upscore8) == (5, 9, (1, 31))
assert models.alignment.crop_offsets(net8) == {"score_pool4": 5, "score_pool3": 9, "score": 31}

# %% [markdown]
# Now all three streams on the ruler, for the image of 64 rows. Each map that is added lies, after its crop, exactly
# over the one that it is added to. **Predict**: of the rows of pool3, which part is cut off at its begin, before the
# image or inside it?

# %%
streams = {  # rows, coordinate map, crop offset and rows that are kept
    "image": (64, (Fraction(1), Fraction(0)), 0, 64),
    "score_pool3": (33, trunk["pool3"], 9, 18),
    "score_pool4": (17, trunk["pool4"], 5, 8),
    "score_fr": (3, trunk["score_fr"], 0, 3),
    "upscore2": (8, upscore2, 0, 8),
    "upscore_pool4": (18, upscore_pool4, 0, 18),
    "upscore8": (152, upscore8, 31, 64),
}
for name, (rows, (a, b), offset, kept) in streams.items():
    first, last = (-Fraction(1, 2) + offset - b) / a, (kept - Fraction(1, 2) + offset - b) / a
    print(f"{name:13} {rows:3} rows, {kept:3} kept: they lie over rows {float(first):6.1f} to {float(last):6.1f}")


def kept_map(name):
    _, (a, b), offset, _ = streams[name]
    return a, b - offset


assert kept_map("score_pool4") == kept_map("upscore2")
assert kept_map("score_pool3") == kept_map("upscore_pool4")
assert kept_map("upscore8") == kept_map("image")
a, b = trunk["pool3"]
# ask: cut off is what lies: before the image* | inside it
assert (9 - Fraction(1, 2) - b) / a < 0

# %% tags=["fold"]
fig, axes = plt.subplots(figsize=(7, 3.8))
axes.axvspan(-0.5, 63.5, color="grey", alpha=0.2)
fills = [GREY, GREEN, ORANGE, BLUE, ORANGE, GREEN, VERMILLION]
for level, ((rows, (a, b), offset, kept), fill) in enumerate(zip(streams.values(), fills, strict=True)):
    centre = (np.arange(rows) - float(b)) / float(a)
    inside = (np.arange(rows) >= offset) & (np.arange(rows) < offset + kept)
    edge = {"edgecolor": "white", "linewidth": 0.6 if a < 1 else 0}
    for part, colour in ((inside, fill), (~inside, "0.8")):
        axes.barh([level] * part.sum(), [1 / float(a)] * part.sum(), 0.7, centre[part] - 0.5 / a, color=colour, **edge)
axes.set_yticks(range(len(streams)), [f"{name} ({rows})" for name, (rows, *_) in streams.items()])
axes.set(xlim=(-108, 180), ylim=(6.8, -0.6), xlabel="row of the image")
_ = axes.set_title("FCN-8s: what is added lies in the same rows; grey is cropped")

# %% [markdown]
# Before it, in the padding. Read the figure in pairs of one colour: score_pool4 is cropped to lie over upscore2,
# score_pool3 over upscore_pool4, and upscore8 over the image.
#
# The whole derivation in one table, made from the layers of the network:

# %%
print(explain.alignment_table(net8))
assert explain.alignment_table(net8).crop_offsets == models.alignment.crop_offsets(net8)

# %% [markdown]
# All six numbers are there. Which of them come from the 100?
#
# **Predict**: with a padding of 120 instead of 100, which of 5, 9 and 31 change, and to what?


# %%
def offsets_8s(pad):
    """The three crop offsets of FCN-8s, if conv1_1 has padding `pad`."""
    at = {}
    position = layer_map(K=3, P=pad)  # conv1_1; the other 3x3 convolutions move nothing
    for stage in range(1, 6):
        at[stage] = position = then(position, layer_map(K=2, S=2))
    coarse16 = then(then(position, layer_map(K=7)), up_map(K=4, S=2))
    coarse8 = then(coarse16, up_map(K=4, S=2))
    return at[4][1] - coarse16[1], at[3][1] - coarse8[1], then(coarse8, up_map(K=16, S=8))[1]


# ask: the three offsets with a padding of 120
assert offsets_8s(120) == (5, 9, 51)
for pad in (97, 100, 120):
    print(f"padding {pad:3}: {', '.join(map(str, offsets_8s(pad)))}")
    assert offsets_8s(pad) == (5, 9, pad - 69)

# %% [markdown]
# Only the last one. All maps share the padding, so it drops out of the differences 5 and 9: these come from fc6, which
# shifts the coarse stream by three rows, and from the upsampling.
#
# ## What happens if one crops elsewhere
#
# To see what the offset alone does, we leave training out. Every pixel of score_fr gets *ideal* scores: the share of
# each class among the 32x32 pixels of the true label for which it stands (rows -3 to 28 for row 0, as found above).
# Upsample, crop at any offset, take the class with the largest score, and compare with the label by the mean IoU, the
# overlap of prediction and truth (1 is perfect; notebook 11).

# %%
SIZE = 256
shapes = data.Shapes(6, size=SIZE)
labels = np.stack([shapes[i].label for i in range(len(shapes))])
classes = shapes.num_classes


def upsampled(labels, stride, first_row, count):
    """Classes after upsampling the ideal scores of count x count blocks, of which the first begins at `first_row`."""
    onehot = np.eye(classes, dtype="float32")[labels].transpose(0, 3, 1, 2)
    before, after = -first_row, stride * count + first_row - SIZE
    onehot = np.pad(onehot, ((0, 0), (0, 0), (before, after), (before, after)))
    scores = onehot.reshape(len(labels), classes, count, stride, count, stride).mean(axis=(3, 5))
    weight = mf.Tensor(nn.init.bilinear(classes, classes, 2 * stride))
    return F.conv_transpose2d(mf.Tensor(scores), weight, stride=stride).data.argmax(axis=1)


def mean_iou(predicted, offset):
    """Mean IoU of the crop at `offset`."""
    confusion = metrics.ConfusionMatrix(classes)
    confusion.update(labels, predicted[:, offset : offset + SIZE, offset : offset + SIZE])
    return confusion.mean_iou


fcn32s = upsampled(labels, stride=32, first_row=-3, count=9)
assert fcn32s.shape[1] == 320

# %% [markdown]
# The upsampled map has 320 rows, the image 256. A popular explanation says: cut half of the difference, here
# $(320 - 256)/2 = 32$.
#
# **Predict**: which offset gives the best mean IoU: 0, 19 or 32? Are the other two a little or much worse?

# %%
iou = {offset: mean_iou(fcn32s, offset) for offset in range(65)}
for offset in (0, 19, 32):
    print(f"offset {offset:2}: mean IoU {iou[offset]:.3f}")
# ask: the best offset: 0 | 19* | 32
assert max(iou, key=iou.get) == 19
assert iou[19] - iou[0] > 0.2
# ask: the others are: a little worse | much worse*
assert iou[19] - iou[32] > 0.15

# %% [markdown]
# Of all 65 offsets, 19 is the best: the search agrees with the fractions. "Half of the difference" is clearly worse,
# because the difference also contains what the pools have rounded up. It gives 19 only where they round nothing:

# %%
for n in (250, 256, 282):
    half = (32 * (pool5_rows(n, pad=100) - 7) + 64 - n) / 2
    print(f"image of {n} rows: half of the difference is {half:g}")
    assert (half == 19) == ((n + 198) % 32 == 0)  # conv1_1 gives n + 198 rows

# %%
image = 2

# %% tags=["fold"]
fig, panels = plt.subplots(1, 3, figsize=(7, 2.8))
for panel, offset in zip(panels, (0, 19, 32), strict=True):
    panel.imshow(fcn32s[image, offset : offset + SIZE, offset : offset + SIZE] > 0, cmap="Greys", vmin=0, vmax=2.5)
    panel.contour(labels[image] > 0, [0.5], colors=VERMILLION, linewidths=1.5)
    panel.set(title=f"crop at {offset}", xticks=[], yticks=[])
_ = fig.suptitle("Grey: predicted objects. Only the crop at 19 lies on the truth (line)")

# %% [markdown]
# A wrong offset is an error of *place*: the shapes are as before, but 19 pixels too low and too far right, or 13 pixels
# too high and too far left.
#
# Does a finer network suffer more? The same experiment for FCN-8s, whose last map has stride 8: its row 0
# lies over image row $-b/a = -23.5$ and stands for the rows -27 to -20.

# %%
assert -upscore_pool4[1] / upscore_pool4[0] == Fraction("-23.5")
fcn8s = upsampled(labels, stride=8, first_row=-27, count=42)
errors = np.arange(-16, 17)
iou32 = {error: mean_iou(fcn32s, 19 + error) for error in errors.tolist()}
iou8 = {error: mean_iou(fcn8s, 31 + error) for error in errors.tolist()}
assert max(iou32, key=iou32.get) == 0
assert max(iou8, key=iou8.get) == 0
assert iou8[0] - iou8[4] > 2 * (iou32[0] - iou32[4])

# %% tags=["fold"]
fig, axes = plt.subplots(figsize=(6.5, 3.4))
axes.plot(errors, list(iou8.values()), "o-", markersize=4, color=ORANGE, label="FCN-8s (0 is offset 31)")
axes.plot(errors, list(iou32.values()), "s-", markersize=4, color=BLUE, label="FCN-32s (0 is offset 19)")
axes.set(xlabel="error of the crop offset, in pixels", ylabel="mean IoU with ideal scores", xticks=errors[::4])
axes.set_title("The derived offsets are the best ones, for both networks")
_ = axes.legend(loc="lower center")

# %% [markdown]
# The peaks are where the fractions put them. Four pixels beside it, FCN-8s has lost more than twice as much as FCN-32s:
# its scores know the boundaries better, so there is more to lose.
#
# ## The same with a trained network
#
# minifcn comes with a small trained FCN-8s. It is of the variant "aligned", but its weights have the paper's sizes:
# with the padding of 100, and a 7x7 fc6 whose middle is the trained 1x1 one, it has the crops 5, 9 and 31. Move each of
# them by one row and one column of its map, and measure the mean IoU on one picture.
#
# **Predict**: which of the three costs the least?

# %%
simulator = explain.FlightSimulator()
right = simulator.mean_iou()
print(f"as derived: mean IoU {right:.3f}")
costs = {}
for name, offset in simulator.net.crop_offsets.items():
    moved = simulator.mean_iou(**{name: offset + 1})
    print(f"{name} at {offset + 1}: mean IoU {moved:.3f}")
    costs[name] = right - moved
# ask: the least costs: score_pool4 | score_pool3 | score*
assert min(costs, key=costs.get) == "score"
assert 0 < costs["score"] < costs["score_pool3"] < costs["score_pool4"]

# %% [markdown]
# The last one: it moves the result by a single pixel of the image. A row of score_pool3 is 8 pixels, and one of
# score_pool4 is 16, and then two streams that should agree add up at different places.
#
# ### In the flight simulator
#
# Here is this network as a page: drag the dashed frames, or the sliders, and watch the mean IoU. Click a pixel to see
# what it is made of: its fields in all maps, and the three streams that add up there.

# %%
simulator

# %% [markdown]
# ## A network with offset 0
#
# Without the padding of 100, and with an fc6 that moves nothing, everything becomes simple. (minifcn: the variant
# "aligned", which is the default; padding 1 and a 1x1 fc6.) The pools alone then map $u$ to $u/32 - 31/64$.
# Upsampling with stride $S$ should lead exactly back. Which kernel sizes $K$ and paddings $P$ do that?
#
# **Predict**: is it a single pair for $S = 4$, or several?

# %%
S = 4
down = then(layer_map(2, 2), layer_map(2, 2))  # two pools: stride 4
print(" K  P   shift   4 rows become")
pairs = 0
for K in range(4, 11):
    for P in range(4):
        shift, size = then(down, up_map(K, S, P))[1], S * (4 - 1) + K - 2 * P
        assert (shift == 0) == (size == 4 * S) == (K - 2 * P == S)
        pairs += shift == 0
        if shift == 0:
            print(f"{K:2} {P:2}   {shift!s:>5}   {size}")
# ask: it is: a single pair | several*
assert pairs > 1

# %% [markdown]
# Several, and all have $K - 2P = S$. The assert says more: the shift is 0 exactly when $n$ rows become $Sn$ rows. Size
# and alignment are one condition, $K - 2P = S$.
#
# Bilinear interpolation needs a kernel that reaches over $2S$ rows, so that neighbouring stamps, $S$ apart, overlap and
# add up to 1. With $K = 2S$ the condition leaves $P = S/2$. (Remember that the padding of a transposed convolution
# *crops* its result: the crop is still there, but it is inside the layer, and it is the same on both sides.)

# %%
for make in (models.FCN32s, models.FCN16s, models.FCN8s):
    aligned = models.alignment.crop_offsets(make(21, width=1 / 64))
    print(f"{make.__name__}: {aligned}")
    assert set(aligned.values()) == {0}

for S in (2, 8, 16, 32):
    bilinear = mf.Tensor(nn.init.bilinear(1, 1, 2 * S).astype("float64"))
    y = F.conv_transpose2d(mf.Tensor(np.ones((1, 1, 5, 5))), bilinear, stride=S, padding=S // 2).data[0, 0]
    assert y.shape == (5 * S, 5 * S)
    np.testing.assert_allclose(y[S:-S, S:-S], 1)  # the stamps add up to 1, but for the border

# %% [markdown]
# All offsets are 0. A crop is left for one reason only: pools that rounded up made the map a little larger than the
# image, and this surplus lies at the end.
#
# ## Questions
#
# 1. An image of 500x500 pixels: what share of the pixels of conv1_1's output has its centre outside the image? (Check
#    the size of the output with `models.summary.table(net32, (500, 500))`.)
# 2. Which offsets would FCN-32s have with a 5x5 fc6? With a 6x6 one? (Change `layer_map(K=7)` in the cell of `trunk`.
#    The asserts below it then fail; that is the point.) By how much does each row of the kernel move the offset?
# 3. $K = S$ and $P = 0$ also satisfies $K - 2P = S$. What would such an upsampling look like, with all weights 1?
#    (Change `weight` in `upsampled`, and try offsets up to 32 only, since the map is smaller. Which offset is the best
#    now, and why?)
# 4. FCN-AlexNet: conv1 ($K = 11$, $S = 4$, $P = 100$), pool ($3, 2, 0$), conv2 ($5, 1, 2$), pool ($3, 2, 0$), three 3x3
#    convolutions with $P = 1$, pool ($3, 2, 0$), fc6 ($6, 1, 0$); the numbers are ($K, S, P$). Derive the offset for an
#    upsampling by 32 with $K = 64$ and with $K = 63$. Why did the authors choose 63?
# 5. Crop the scores of pool4 at 4 instead of 5. By how many pixels of the image do the two streams disagree? Could
#    training repair that in score_pool4, a 1x1 convolution? Could it in a layer before pool4?
#
# ## What to read next
#
# `minifcn/models/coordinates.py` (the maps), `minifcn/models/geometry.py` (how they are sent through `forward`), and
# `print(models.summary.table(net8, (500, 500)))`, whose last column is the shift. Paper: sections 4.1 and 4.2 for the
# networks; the padding and the offsets are those of its reference implementation, in `net.py` of each network.
