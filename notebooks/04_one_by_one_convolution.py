# %% [markdown]
# # 4. The 1x1 convolution, and a classifier that becomes fully convolutional
#
# A classifier gives one answer for a whole image of a fixed size. After this notebook you can turn it, without changing
# one weight, into a network that takes images of any size and answers at every place. This step gave the paper its
# name. You will also have counted how much work it saves.
#
# You need: convolution as $y = W A x$ from notebook 2, pooling from notebook 3.
#
# | letter | meaning |
# |---|---|
# | $x$, $y$ | input and output |
# | $C$, $O$ | number of channels of the input and of the output |
# | $W$ | the weight, read as a matrix with a row for each output channel |
# | $b$ | bias: one number per output channel, added to all its pixels |

# %%
import matplotlib.pyplot as plt
import numpy as np

import minifcn as mf
import minifcn.functional as F
from minifcn import data, explain, models, nn, optim

plt.style.use("minifcn.explain.figures")  # legible on light and on dark pages
plt.rcParams.update({"font.size": 11, "figure.constrained_layout.use": True})

# %% [markdown]
# ## A kernel of one pixel
#
# A 1x1 kernel sees one pixel at a time, but all its channels. **Predict** before you run the next cell: a 1x1
# convolution takes 3 channels to 2. What is the shape of its weight, and how many numbers does it learn together with
# the bias?

# %%
rng = np.random.default_rng(0)
x = rng.integers(0, 5, (3, 2, 4)).astype(float)  # 3 channels of 2x4 pixels
W = np.array([[1.0, 0, -1], [0, 2, 1]])
b = np.array([10.0, 20])

weight = W.reshape(2, 3, 1, 1)  # (O, C, KH, KW)
# ask: shape of the weight
assert weight.shape == (2, 3, 1, 1)
# ask: numbers that it learns
assert weight.size + b.size == 8

y = F.conv2d(mf.Tensor(x[None]), mf.Tensor(weight), mf.Tensor(b)).data[0]
assert y.shape == (2, 2, 4)

# %% [markdown]
# The three channels of one pixel are a vector of 3 numbers. The 1x1 convolution multiplies this vector by $W$, at every
# pixel by the same $W$.
#
# **Predict**: at row 0, column 2 that vector is (2, 3, 2). What are the two numbers of $y$ there?

# %%
assert x[:, 0, 2].tolist() == [2, 3, 2]
# ask: the two numbers
assert y[:, 0, 2].tolist() == [2 - 2 + 10, 2 * 3 + 2 + 20]
for i, j in np.ndindex(2, 4):
    np.testing.assert_allclose(y[:, i, j], W @ x[:, i, j] + b)

# %% tags=["fold"]
figure, axes = plt.subplots(1, 5, figsize=(7, 1.9), sharey=True)
figure.suptitle("The framed numbers of y are made of the framed numbers of x", fontsize=12)
names = [f"x, channel {c}" for c in range(3)] + [f"y, channel {o}" for o in range(2)]
for ax, channel, name in zip(axes, [*x, *y], names, strict=True):
    explain.draw_numbers(ax, channel, name, frames=[(0, 2, 1, 1)], labels=("column", ""))
_ = axes[0].set_ylabel("row")

# %% [markdown]
# So the whole map is one matrix product: write the pixels as columns, and multiply by $W$.
#
# In notebook 2 the columns were windows, gathered by the matrix $A$. **Predict**: what is $A$ when each window is one
# pixel?

# %%
np.testing.assert_allclose(W @ x.reshape(3, 8) + b[:, None], y.reshape(2, 8))
# ask: A is: zero | the identity* | a permutation
np.testing.assert_array_equal(explain.im2col_matrix((3, 2, 4), kernel_size=1), np.eye(24))

# %% [markdown]
# $A$ is the identity: nothing needs to be gathered. A 1x1 convolution is the same small fully connected layer, applied
# to every pixel. The paper's networks use it at the end of the trunk: the **score layer** turns the 4096 channels of
# each pixel into one score per class. For the 21 classes of PASCAL VOC it learns this many numbers:

# %%
score_layer = nn.Conv2d(4096, 21, 1)
numbers = sum(parameter.data.size for parameter in score_layer.parameters())
assert numbers == (4096 + 1) * 21 == 86_037

# %% [markdown]
# ## A small classifier
#
# Now a classifier, built as classifiers were when the paper was written: convolution, pooling, and then **fully
# connected layers**, which take all numbers as one long vector. It looks at patches of 24x24 pixels and says what is in
# the middle: nothing (0), a disc (1) or a cross (2). We draw the patches ourselves. "Nothing" includes objects beside
# the middle.

# %%
NOTHING, DISC, CROSS = range(3)


def paint(image, kind, row, column):
    """Paint a disc or a cross of radius 8 with its centre at (row, column)."""
    rows, columns = np.indices(image.shape)
    down, right = abs(rows - row), abs(columns - column)
    if kind == DISC:
        image[down**2 + right**2 <= 8**2] = 1
    else:
        image[(np.minimum(down, right) <= 2) & (np.maximum(down, right) <= 8)] = 1


def random_patches(count):
    patches = 0.15 * rng.standard_normal((count, 1, 24, 24))  # noise
    kinds = rng.integers(0, 3, count)
    for patch, kind in zip(patches, kinds, strict=True):
        row, column = rng.integers(10, 15, 2)  # near the middle
        if kind == NOTHING:
            while max(abs(row - 12), abs(column - 12)) < 4:  # beside the middle
                row, column = rng.integers(0, 25, 2)
        paint(patch[0], kind or rng.integers(1, 3), row, column)
    return patches.astype("float32"), kinds


patches, kinds = random_patches(6)

# %% tags=["fold"]
figure, axes = plt.subplots(1, 6, figsize=(7, 1.9))
for ax, patch, kind in zip(axes, patches, kinds, strict=True):
    ax.imshow(patch[0], cmap="Greys")
    ax.set(xticks=[0, 23], yticks=[0, 23], xlabel="column")
    ax.set_title(("nothing", "disc", "cross")[kind], fontsize=11)
axes[0].set_ylabel("row")
assert set(kinds) <= {NOTHING, DISC, CROSS}

# %% [markdown]
# The layers: a 5x5 convolution to 8 channels, a pool, a fully connected layer to 32 numbers, and one to 3 scores.
# **Predict** the size of the map after the convolution and after the pool, and the length of the vector.


# %%
def random_parameter(outputs, inputs):
    return nn.Parameter((rng.standard_normal((outputs, inputs)) * np.sqrt(2 / inputs)).astype("float32"))


conv = nn.Conv2d(1, 8, 5, relu=True, rng=rng)
weight1, bias1 = random_parameter(32, 8 * 10 * 10), nn.Parameter(np.zeros(32, "float32"))
weight2, bias2 = random_parameter(3, 32), nn.Parameter(np.zeros(3, "float32"))


def classify(x):
    x = F.max_pool2d(conv(x), 2)  # (N, 8, 10, 10)
    x = x.reshape(x.shape[0], 8 * 10 * 10)  # the map becomes one long vector
    x = F.relu(F.linear(x, weight1, bias1))
    return F.linear(x, weight2, bias2)  # (N, 3)


images = mf.Tensor(patches)
# ask: length of the vector
assert weight1.shape[1] == 800
# ask: shape after the convolution, of 6 images
assert conv(images).shape == (6, 8, 20, 20)
# ask: shape after the pool
assert F.max_pool2d(conv(images), 2).shape == (6, 8, 10, 10)
assert classify(images).shape == (6, 3)

# %% [markdown]
# We train it on new patches in every step. (How training works in detail is not needed here: the optimiser makes the
# loss smaller, as in notebook 1.)

# %%
optimizer = optim.Adam([*conv.parameters(), weight1, bias1, weight2, bias2], lr=2e-3)
for _ in range(250):
    patches, kinds = random_patches(32)
    optimizer.zero_grad()
    F.softmax_cross_entropy(classify(mf.Tensor(patches)), kinds).backward()
    optimizer.step()

patches, kinds = random_patches(300)
accuracy = (classify(mf.Tensor(patches)).data.argmax(axis=1) == kinds).mean()
assert accuracy > 0.98

# %% [markdown]
# It classifies patches that it has not seen. But it takes 24x24 pixels and nothing else. **Predict**: which layer
# refuses an image of 64x96 pixels, the convolution, the pool or the fully connected one?

# %%
scene = (0.15 * rng.standard_normal((64, 96))).astype("float32")
paint(scene, DISC, 22, 28)
paint(scene, CROSS, 42, 70)
scene = mf.Tensor(scene[None, None])

assert F.max_pool2d(conv(scene), 2).shape == (1, 8, 30, 46)  # no complaint
try:
    classify(scene)
except ValueError as error:
    message = str(error)
# ask: it is refused by: the convolution | the pool | the fully connected layer*
assert "reshape" in message
message

# %% [markdown]
# The convolution and the pool accept it. The fully connected layer does not: its weight has 800 columns, so the map
# must become a vector of 800 numbers, and this map has more.
#
# ## A fully connected layer is a convolution
#
# A row of its weight holds 800 numbers, one for each number of an 8x10x10 map: a weighted sum over the whole map. That
# is what a convolution does at *one* place, if its kernel is as large as the map. So we give the same numbers another
# shape: (32, 800) becomes (32, 8, 10, 10).
#
# **Predict** the shape of the output of this convolution on an 8x10x10 map.

# %%
kernel1 = weight1.reshape(32, 8, 10, 10)

pooled = F.max_pool2d(conv(mf.Tensor(patches)), 2)
as_convolution = F.conv2d(pooled, kernel1, bias1)
as_fully_connected = F.linear(pooled.reshape(300, 800), weight1, bias1)
# ask: shape of the output, of 300 images
assert as_convolution.shape == (300, 32, 1, 1)
np.testing.assert_allclose(as_convolution.data[:, :, 0, 0], as_fully_connected.data, atol=1e-4)

# %% [markdown]
# A map of 1x1 pixels with the same numbers. (Both lay out the map in the same order: channel, row, column. If a library
# flattens in another order, the weight must be transposed first.)
#
# The next fully connected layer takes those 32 numbers, the channels of one pixel. **Predict**: which kernel size has
# it as a convolution?

# %%
kernel2 = weight2.reshape(3, 32, 1, 1)
# ask: kernel size
assert kernel2.shape[2:] == (1, 1)


def fully_convolutional(x):
    x = F.max_pool2d(conv(x), 2)
    x = F.relu(F.conv2d(x, kernel1, bias1))
    return F.conv2d(x, kernel2, bias2)  # (N, 3, OH, OW)


scores = fully_convolutional(mf.Tensor(patches))
assert scores.shape == (300, 3, 1, 1)
np.testing.assert_allclose(scores.data[:, :, 0, 0], classify(mf.Tensor(patches)).data, atol=1e-4)

# %% [markdown]
# Same weights, same scores. No training was needed. This is how the paper starts: VGG16, trained to classify
# photographs, has three such layers. Its fc6 becomes a 7x7 convolution from 512 to 4096 channels, its fc7 a 1x1
# convolution. The third, fc8, gives the scores of the 1000 classes of ImageNet; it would become a 1x1 convolution too,
# but the paper discards it and puts a new score layer for its own 21 classes in its place.
#
# ## Any size goes in
#
# The new network has no size built in. **Predict** the size of its output for the 64x96 scene: 5x5 convolution, pool,
# 10x10 convolution.

# %%
maps = fully_convolutional(scene)
assert (64 - 4) // 2 - 9 == 21
assert (96 - 4) // 2 - 9 == 37
# ask: shape of the output
assert maps.shape == (1, 3, 21, 37)

# %% [markdown]
# ## What one output pixel means
#
# The output has 21x37 pixels with 3 scores each. What does pixel $(i, j)$ say? It is the answer of the classifier for
# one patch of the scene. The pool makes two steps in the image out of one step in the map, so the patch begins at row
# $2i$, column $2j$. **Predict**: how exactly do the two agree? Padding would disturb that; this network has none.

# %%
for i, j in ((0, 0), (5, 8), (15, 29), (20, 36)):
    patch = scene.data[:, :, 2 * i : 2 * i + 24, 2 * j : 2 * j + 24]
    # ask: they agree: in the class alone | but for rounding* | only in the middle of the scene
    np.testing.assert_allclose(maps.data[0, :, i, j], classify(mf.Tensor(patch)).data[0], atol=1e-4)

# %% [markdown]
# The same numbers, except for rounding. The classifier has been applied to 21 x 37 = 777 patches in one go.
#
# ## Heat maps: the place is kept
#
# Nobody told the network *where* things are. It was trained on whole patches with one class each. Yet its output is a
# map: softmax turns the three scores of each pixel into probabilities. **Predict**: around which pixel $(i, j)$ of the
# map will the probability of "disc" be large? The disc is at row 22, column 28. Remember that pixel $(i, j)$ speaks
# about the patch whose *middle* is at row $2i + 12$, column $2j + 12$.

# %%
probability = F.softmax(maps, axis=1).data[0]
# ask: i and j
assert ((22 - 12) // 2, (28 - 12) // 2) == (5, 8)
assert probability[DISC, 5, 8] > 0.5

# %% tags=["fold"]
figure, axes = plt.subplots(1, 3, figsize=(7, 2.6), sharey=True)
axes[0].imshow(scene.data[0, 0], cmap="Greys")
axes[0].set_title("scene, 64x96", fontsize=11)
for ax, kind, name in ((axes[1], DISC, "disc"), (axes[2], CROSS, "cross")):
    edges = (12 - 1, 12 + 2 * 36 + 1, 12 + 2 * 20 + 1, 12 - 1)  # where the patches have their middles
    picture = ax.imshow(probability[kind], cmap="cividis", vmin=0, vmax=1, extent=edges)
    ax.set_title(f"{name}: bright where it is", fontsize=11)
    column, row = (28, 22) if kind == DISC else (70, 42)
    ax.plot(column, row, "o", color="#D55E00", markersize=22, markeredgewidth=2, fillstyle="none")
for ax in axes:
    ax.set(xlim=(-0.5, 95.5), ylim=(63.5, -0.5), xlabel="column")
axes[0].set_ylabel("row")
figure.colorbar(picture, ax=axes[2], label="probability", shrink=0.7)
assert probability.shape == (3, 21, 37)

# %%
for kind, centre in ((DISC, (22, 28)), (CROSS, (42, 70))):
    spot = np.argwhere(probability[kind] > 0.5)
    assert abs(2 * spot.mean(axis=0) + 12 - centre).max() < 2  # its middle
    assert np.ptp(2 * spot, axis=0).max() < 16  # one spot, no wider than the shape

# %% [markdown]
# The circles are drawn around the true centres. The middle of each bright spot is less than two pixels from them. The
# paper calls such an output a heat map. It is coarse: one number for every second pixel here, for every 32nd in VGG16;
# and along the edge of the image there is none at all. The next notebooks bring it back to the size of the image.
#
# ## A trained classifier, and six classes
#
# Now a real network: VGG16, with few channels, trained to say which of five shapes is in the middle of a picture of
# 64x64 pixels, or that none is. It comes with minifcn. `models.convolutionalize` takes all steps of this notebook at
# once. **Predict**: VGG16 has five pools, each of which halves the map. Which kernel size has fc6, the first of its
# fully connected layers, as a convolution? And fc7, the second?

# %%
classifier = models.pretrained("shapes-classifier")
network = models.convolutionalize(classifier)

assert 64 // 2**5 == 2
# ask: kernel of fc6: 1x1 | 2x2* | 7x7
assert classifier.fc6.weight.shape == (225, 28 * 2 * 2)
assert network.fc6.weight.shape == (225, 28, 2, 2)
# ask: kernel of fc7: 1x1* | 2x2 | 7x7
assert network.fc7.weight.shape == (225, 225, 1, 1)
assert network.grid.stride == (32, 32)

# %% [markdown]
# Five pools make a map of 2x2 of the 64x64 pixels; so fc6 is a 2x2 convolution, and fc7, behind it, a 1x1 one.
#
# Twelve pictures side by side are an image of 192x256 pixels. The classifier never saw one of this size, and we do not
# tell the network where a picture begins. **Predict** the size of the map of scores. Which of its pixels speak about
# exactly one picture?

# %%
pictures = data.ShapeCrops(12, size=64, seed=27)
kinds = np.array([pictures.kind(i) for i in range(12)]).reshape(3, 4)
rows = [np.concatenate([pictures[i].image for i in range(4 * row, 4 * row + 4)], axis=1) for row in range(3)]
image = np.concatenate(rows)
x = mf.Tensor(network.normalize(image)[None])

maps = network(x)
# ask: shape of the scores
assert maps.shape == (1, 6, (192 - 64) // 32 + 1, (256 - 64) // 32 + 1) == (1, 6, 5, 7)
assert network.grid.crop(2, 4) == (slice(64, 128), slice(128, 192))  # row 1, column 2 of the pictures

probability = F.softmax(maps).data[0]
found = probability.argmax(axis=0)[::2, ::2]
np.testing.assert_array_equal(found, kinds)
bright = np.take_along_axis(probability[:, ::2, ::2], kinds[None], axis=0)  # that of the right class
assert bright.min() > 0.5

# %% tags=["fold"]
figure, axes = plt.subplots(2, 3, figsize=(7, 4.2), sharex=True, sharey=True)
axes[0, 0].imshow(image)
axes[0, 0].set_title("twelve pictures", fontsize=11)
for kind, ax in zip(range(1, 6), axes.flat[1:], strict=True):
    edges = (32 - 16, 32 + 6 * 32 + 16, 32 + 4 * 32 + 16, 32 - 16)  # the crops have their middles 32 pixels apart
    picture = ax.imshow(probability[kind], cmap="cividis", vmin=0, vmax=1, extent=edges)
    ax.set_title(classifier.class_names[kind], fontsize=11)
    for row, column in np.argwhere(kinds == kind):
        ring = {"color": "#D55E00", "markersize": 17, "markeredgewidth": 2, "fillstyle": "none"}
        ax.plot(64 * column + 32, 64 * row + 32, "o", **ring)
for ax in axes.flat:
    ax.set(xlim=(-0.5, 255.5), ylim=(191.5, -0.5))
for ax in axes[1]:
    ax.set_xlabel("column")
for ax in axes[:, 0]:
    ax.set_ylabel("row")
_ = figure.colorbar(picture, ax=axes, label="probability", shrink=0.6)

# %% [markdown]
# The circles mark the pictures with the shape in the title, and there the map is bright: the pixels with even row and
# even column speak about one picture each. Those between them speak about halves and corners of several, which the
# classifier was never asked about.
#
# **Predict**: is `maps` at those pixels exactly what the classifier says about the pictures alone? This network pads
# every convolution.

# %%
alone = models.slide(classifier, x, network.grid)
assert not network.grid.exact
# ask: exactly the same: yes | no*
assert abs(alone.data - maps.data)[:, :, ::2, ::2].max() > 0.1
np.testing.assert_array_equal(alone.data[0].argmax(axis=0)[::2, ::2], found)

# %% [markdown]
# No. At the edge of a picture alone a padded convolution sees zeros, and in the image it sees the next picture. Here
# the classes agree, because the classifier was trained on both. Trained on pictures alone it knows all but one of a
# hundred of them, but finds only half of them in an image; see the page "From a classifier to an FCN" of the
# documentation.
#
# ## What it costs
#
# One could have cut out the 777 patches and classified each. Neighbouring patches overlap, so the same pixels would be
# convolved again and again. We count multiplications: each output number of a convolution takes C · KH · KW of them.
#
# **Predict**: how many times as much work are 777 separate patches? Guess, then read on.


# %%
def multiplications(height, width):
    """Of the convolution, the 10x10 layer and the 1x1 layer, on an image of this size."""
    rows, columns = height - 4, width - 4
    out_rows, out_columns = rows // 2 - 9, columns // 2 - 9
    return np.array(
        [
            8 * rows * columns * (1 * 5 * 5),
            32 * out_rows * out_columns * (8 * 10 * 10),
            3 * out_rows * out_columns * (32 * 1 * 1),
        ]
    )


one_by_one, at_once = 777 * multiplications(24, 24), multiplications(64, 96)
assert one_by_one[1:].tolist() == at_once[1:].tolist()
assert 55 < one_by_one[0] / at_once[0] < 57
# ask: times as much work
assert 3.8 < one_by_one.sum() / at_once.sum() < 4
print("one by one", one_by_one, "at once", at_once)

# %% [markdown]
# The convolution is computed 56 times too often; the layers behind it work once per place in both cases, and nothing is
# saved there. In all it is a factor of about 4, because in this little network the last layers do most of the work.
#
# The paper gives an example of a real network: AlexNet on a 500x500 image, which makes a 10x10 grid of answers. We
# count its layers: sizes after each layer, numbers of channels, kernels (some work in two groups, which halves their
# inputs).


# %%
def alexnet(n):
    """Multiplications of AlexNet, layer by layer, on n x n pixels, and the size of its last map."""
    conv1 = (n - 11) // 4 + 1
    pool1 = -(-(conv1 - 3) // 2) + 1  # pools of 3x3 with stride 2 that round up
    pool2 = -(-(pool1 - 3) // 2) + 1
    pool5 = -(-(pool2 - 3) // 2) + 1
    last = pool5 - 5  # fc6 is a 6x6 convolution
    work = {
        "conv1": conv1**2 * 96 * 3 * 11 * 11,
        "conv2": pool1**2 * 256 * 48 * 5 * 5,
        "conv3": pool2**2 * 384 * 256 * 3 * 3,
        "conv4": pool2**2 * 384 * 192 * 3 * 3,
        "conv5": pool2**2 * 256 * 192 * 3 * 3,
        "fc6": last**2 * 4096 * 256 * 6 * 6,
        "fc7": last**2 * 4096 * 4096,
        "score": last**2 * 1000 * 4096,
    }
    return work, last


crop, size_of_crop = alexnet(227)
image, size_of_image = alexnet(500)
assert (size_of_crop, size_of_image) == (1, 10)

factor = 100 * sum(crop.values()) / sum(image.values())
assert 7 < factor < 9
assert all(100 * crop[name] == image[name] for name in ("fc6", "fc7", "score"))

# %% tags=["fold"]
figure, ax = plt.subplots(figsize=(7, 3.4))
places = np.arange(len(crop))
ax.bar(places - 0.2, [100 * work / 1e9 for work in crop.values()], 0.4, color="#D55E00", label="100 crops")
ax.bar(places + 0.2, [work / 1e9 for work in image.values()], 0.4, color="#0072B2", hatch="//", label="whole image")
ax.set_xticks(places, crop)
ax.set(xlabel="layer of AlexNet", ylabel="multiplications, billions")
ax.set_title(f"One pass over the whole image does {factor:.1f} times less work", fontsize=11)
_ = ax.legend()

# %% [markdown]
# The paper measured 1.2 ms for a crop of 227x227 and 22 ms for the whole image. **Predict** from these: how much faster
# is the whole image in time?

# %%
faster = 100 * 1.2 / 22
faster_backward = 100 * 2.4 / 37  # the same measurement for the backward pass
# ask: times faster
assert 5 < faster < faster_backward < factor

# %% [markdown]
# More than five times faster, somewhat less than the count: time is not only multiplications. The backward pass saves
# as well, so training on whole images costs less than training on patches.
#
# ## Questions
#
# 1. A fully connected layer takes a map of 256x6x6 to 4096 numbers. What is the kernel of the convolution? What is the
#    size of its output on a map of 256x15x15? Find the two numbers in `alexnet(500)`.
# 2. Move the disc in `scene` by one pixel, then by two. How does the heat map move in each case? Think of the stride
#    first, then change the line with `paint(scene, DISC, 22, 28)` and compare `maps`.
# 3. In `random_patches`, change `< 4` into `< 8`, so that the classifier never learns from objects *nearly* in the
#    middle. Its accuracy on such patches stays high. What becomes of the heat maps, and why do the patches not tell?
# 4. Give `conv` a `padding=2`, and adapt the 10x10 layer. Are the scores at a place in the middle of a large image
#    still those of the patch alone? At what places do they differ, and why?
# 5. How does the factor of savings in `multiplications` behave for larger and larger images? Derive its limit on paper,
#    and check it with `multiplications(10_000, 10_000)`.
#
# ## What to read next
#
# - `minifcn/models/vgg16.py`: fc6 and fc7 as convolutions. `minifcn/models/fcn.py`: the score layers, all of them 1x1.
# - `minifcn/functional/shape.py`, `linear`; `minifcn/compute/convolution.py`, where a 1x1 kernel gathers nothing.
# - The paper, section 3.1: adapting classifiers for dense prediction. Section 4.1 does it with real networks.
