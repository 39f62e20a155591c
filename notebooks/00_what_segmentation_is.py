# %% [markdown]
# # 0. What segmentation is
#
# Semantic segmentation gives every pixel of an image a class: this pixel is road, that one is tree. After this notebook
# you know what such a result looks like in memory, how it differs from instance segmentation, and how one measures
# whether it is good. You will also see why the most obvious measure, the share of pixels that are right, can mislead.
#
# You need: Python and NumPy arrays. Nothing about neural networks.

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch

from minifcn import data, explain, metrics, models, pictures, training

plt.style.use("minifcn.explain.figures")  # legible on light and on dark pages
plt.rcParams.update({"font.size": 11, "figure.constrained_layout.use": True})

# %% [markdown]
# ## What it looks like
#
# An image, its **label map** (the truth, in colours), and over the image what a network calls each pixel: the small
# FCN-8s that comes with minifcn, which has never seen this picture. The notebooks that follow take this network apart.

# %%
network = models.pretrained("shapes-fcn8s")
seen = data.open_dataset("shapes", "test")[8]
predicted = training.predict(network, seen.image, network.normalize)
right = (predicted == seen.label).mean()
assert right > 0.95

# %% tags=["fold"]
figure, axes = plt.subplots(1, 3, figsize=(7, 2.9))
views = [
    (seen.image, "image"),
    (network.palette[seen.label], "label map, in colours"),
    (pictures.overlay(seen.image, predicted, network.palette, alpha=0.7, bare=0), f"prediction: {right:.1%} right"),
]
for ax, (view, title) in zip(axes, views, strict=True):
    ax.imshow(view)
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=11)
present = sorted(set(seen.label.ravel().tolist()))
swatches = [Patch(color=network.palette[c] / 255, label=network.class_names[c]) for c in present]
_ = figure.legend(handles=swatches, ncols=6, loc="outside lower center", fontsize=10)

# %% [markdown]
# ## An image and its label map
#
# `data.Shapes` draws pictures of discs, squares and triangles, so nothing has to be downloaded. One item of it is a
# sample: an image, and its **label map**, which says for each pixel what it shows.
#
# **Predict** before you run the next cell: the image is 96 pixels high and 128 wide, in colour. What shape has the
# array of the image, and what shape has the label map?

# %%
shapes = data.Shapes(20, size=(96, 128), num_classes=4)
sample = shapes[9]
# ask: shape of the image
assert sample.image.shape == (96, 128, 3)  # red, green and blue
# ask: shape of the label map
assert sample.label.shape == (96, 128)  # one number
assert sample.label.dtype == np.uint8
shapes.class_names

# %% [markdown]
# One small whole number for each pixel: 0 is background, 1 disc, 2 square, 3 triangle. A label map is no picture. To
# look at it, each number gets a colour from a table, the **palette**, which has one row (red, green, blue) per class.

# %%
palette = shapes.palette
assert palette.shape == (4, 3)

coloured = palette[sample.label]  # NumPy looks up all pixels at once
assert coloured.shape == (96, 128, 3)
np.testing.assert_array_equal(coloured, pictures.colour(sample.label, palette))

# %% tags=["fold"]
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(7, 2.9))
left.imshow(sample.image)
left.set_title("image", fontsize=11)
middle.imshow(coloured)
middle.set_title("label map in colours", fontsize=11)
right.imshow(pictures.overlay(sample.image, sample.label, palette, alpha=0.7))
right.set_title("one over the other", fontsize=11)
swatches = [Patch(color=palette[c] / 255, label=f"{c} {name}") for c, name in enumerate(shapes.class_names)]
figure.legend(handles=swatches, ncols=4, loc="outside lower center", fontsize=10)
for ax in (left, middle, right):
    ax.set(xticks=[0, 64, 127], yticks=[0, 48, 95], xlabel="column")
left.set_ylabel("row")
assert len(swatches) == shapes.num_classes == 4

# %% [markdown]
# The axes count columns to the right and rows downward, as arrays do: `label[row, column]`.
#
# ## The numbers are names
#
# The class 2 is not "more" than class 1, nor between 1 and 3. So one must never compute with class numbers. Suppose a
# label map is made half as wide by averaging neighbours, as one does with photographs. **Predict**: which class appears
# between a disc (1) and a triangle (3)?

# %%
row = np.array([1, 1, 1, 3, 3, 3])
averaged = row.reshape(3, 2).mean(axis=1)
picked = row[::2]
# ask: the class that appears (0 background, 1 disc, 2 square, 3 triangle): 0 | 1 | 2* | 3
assert averaged.tolist() == [1, 2, 3]  # a square that was never there
assert picked.tolist() == [1, 1, 3]

# %% [markdown]
# Label maps are therefore resized by *picking* a pixel (nearest neighbour), never by averaging.
#
# ## Semantic and instance segmentation
#
# Four questions about one image, from the easiest to the hardest:
#
# | task | answer |
# |---|---|
# | classification | this image shows cars and a sign |
# | detection | a box around each object |
# | **semantic segmentation** | the class of each pixel |
# | instance segmentation | the class of each pixel, *and* which object it belongs to |
#
# The next picture is a street in 4x8 pixels: two cars (class 1), one of them hiding a part of the other, and a sign
# (class 2). **Predict**: how many different numbers are in its semantic map, and how many in its instance map? Count
# the background too.

# %%
instance = np.array(
    [
        [0, 1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 2, 2, 0, 3, 3],
        [0, 1, 1, 2, 2, 0, 3, 3],
        [0, 0, 0, 2, 2, 0, 0, 0],
    ]
)
class_of_object = np.array([0, 1, 1, 2])  # object 0 is the background, 1 and 2 are cars, 3 is a sign
semantic = class_of_object[instance]
# ask: numbers in the semantic map
assert len(np.unique(semantic)) == 3
# ask: numbers in the instance map
assert len(np.unique(instance)) == 4


# %% tags=["fold"]
def draw(ax, classes, title, frames=()):
    """Draw a small map of classes in colours with its numbers; 0 and 255 are left white."""
    named = np.where(classes % 255, classes - 1, -1)
    explain.draw_numbers(ax, classes, title, colour=named, shade=classes > 0, frames=frames, labels=("column", "row"))


figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.6))
draw(left, semantic, "semantic: both cars are class 1")
draw(right, instance, "instance: each object has its number")

# %% [markdown]
# The semantic map follows from the instance map by looking up. The way back is lost: where two cars touch, the
# semantic map does not say where one ends. It could as well be one car:

# %%
one_car = np.where(instance == 2, 1, instance)
assert not np.array_equal(one_car, instance)
np.testing.assert_array_equal(class_of_object[one_car], semantic)

# %% [markdown]
# The paper of this library, and everything in the notebooks that follow, is about semantic segmentation.
#
# ## Void: pixels that do not count
#
# Who paints label maps by hand cannot tell the class of every pixel. At the border of an object a pixel shows a bit of
# both sides; some things belong to no class of the list. Such pixels get a number of their own, by convention 255,
# called **void** or the ignore label. PASCAL VOC, the data set of the paper, has 20 classes of objects, the background
# 0, and a void border round each object.
#
# We can draw such a border ourselves. A pixel is at a border if its neighbour on the right or below has another class;
# both of the two become void. **Predict**: roughly which share of the picture above becomes void?

# %%
label = sample.label
across, down = label[:, 1:] != label[:, :-1], label[1:] != label[:-1]

void = label.copy()
void[:, 1:][across] = void[:, :-1][across] = 255
void[1:][down] = void[:-1][down] = 255
assert (void[void != 255] == label[void != 255]).all()  # all other pixels are as they were
# ask: share that becomes void, between 0 and 1
assert 0.05 < (void == 255).mean() < 0.15

# %% tags=["fold"]
figure, ax = plt.subplots(figsize=(4.4, 3.3))
ax.imshow(pictures.colour(void, palette))
ax.set(xlabel="column", ylabel="row")
ax.set_title(f"void, in pale yellow: {(void == 255).mean():.0%} of the pixels", fontsize=11)
assert (pictures.colour(void, palette)[void == 255] == pictures.VOID_COLOUR).all()

# %% [markdown]
# Void pixels are left out twice: when a network learns, and when its result is scored. 255 is not a class. A network
# for this data gives four scores per pixel, one for each class, and none for void.
#
# ## Scoring a prediction by hand
#
# Below are a truth and a prediction of 4x6 pixels, with the classes 0, 1 and 2 and one void pixel. The first measure is
# **pixel accuracy**: of the pixels that count, which share is right?

# %%
truth = np.array(
    [
        [0, 0, 0, 0, 0, 255],
        [0, 1, 1, 0, 0, 0],
        [0, 1, 1, 0, 2, 2],
        [0, 0, 0, 0, 2, 2],
    ]
)
prediction = np.array(
    [
        [0, 0, 0, 0, 0, 1],
        [0, 0, 1, 1, 0, 0],
        [0, 0, 1, 1, 2, 2],
        [0, 0, 0, 0, 0, 2],
    ]
)
# %% tags=["fold"]
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3))
draw(left, truth, "truth (255 is void)")
draw(right, prediction, "prediction")

# %% [markdown]
# **Predict**: count the wrong pixels by eye. What is the pixel accuracy? (How many pixels count?)

# %%
counts = truth != 255
wrong = counts & (prediction != truth)
# ask: pixels that count
assert counts.sum() == 23
# ask: pixels that are wrong
assert wrong.sum() == 5
pixel_accuracy = (prediction == truth)[counts].mean()
# ask: pixel accuracy
np.testing.assert_allclose(pixel_accuracy, 18 / 23)
round(float(pixel_accuracy), 3)

# %% tags=["fold"]
figure, ax = plt.subplots(figsize=(3.5, 2.6))
draw(ax, prediction, "wrong pixels in frames", [(i, j, 1, 1) for i, j in np.argwhere(wrong)])

# %% [markdown]
# The prediction 1 in the void corner is not counted as wrong: there is no truth to compare it with.
#
# ## Intersection over union
#
# The second measure looks at one class at a time. Take the set of pixels that *are* class $c$ and the set of pixels
# that *were called* class $c$. The **IoU** of the class is the size of their intersection divided by the size of their
# union. It is 1 only if both sets are equal, and 0 if they do not meet.
#
# **Predict**: what is the IoU of class 1? It has four pixels; two of them were found.

# %%
iou = []
for c in range(3):
    is_c, called_c = (truth == c) & counts, (prediction == c) & counts
    intersection, union = (is_c & called_c).sum(), (is_c | called_c).sum()
    iou.append(intersection / union)

# ask: IoU of class 1
np.testing.assert_allclose(iou[1], 2 / 6)
np.testing.assert_allclose(iou, [13 / 18, 2 / 6, 3 / 4])
mean_iou = np.mean(iou)
round(float(mean_iou), 3)

# %% [markdown]
# Class 1 gets 1/3, not 1/2: what was found wrongly counts against it as well as what was missed. A shift by one pixel
# has cost a square of 2x2 pixels two thirds of its score.
#
# **Mean IoU** is the mean over the classes. The paper writes "mean IU". Every class has the same say, however few
# pixels it has.
#
# ## One table for all: the confusion matrix
#
# Count the pairs: $n_{ij}$ is the number of pixels of class $i$ that were called $j$. Everything can be read from this
# table. The diagonal is what is right, a row is all of one class, a column all that was called so:
#
# $$\text{pixel accuracy} = \frac{\sum_i n_{ii}}{\sum_{i} t_i} \qquad
# \text{IoU}_i = \frac{n_{ii}}{t_i + \sum_j n_{ji} - n_{ii}} \qquad t_i = \sum_j n_{ij}$$
#
# **Predict** the row of class 1: four pixels, and how many of them were called 0, 1 and 2?

# %%
n = np.zeros((3, 3), int)
for i, j in zip(truth[counts], prediction[counts], strict=True):
    n[i, j] += 1
# ask: row of class 1
assert n[1].tolist() == [2, 2, 0]

confusion = metrics.ConfusionMatrix(3, ignore_index=255)
confusion.update(truth, prediction)
np.testing.assert_array_equal(confusion.matrix, n)
np.testing.assert_allclose(confusion.pixel_accuracy, pixel_accuracy)
np.testing.assert_allclose(confusion.iou, iou)
np.testing.assert_allclose(confusion.mean_iou, mean_iou)
n

# %% [markdown]
# ## Why accuracy misleads
#
# Most pixels of most images show something large and easy: road, sky, background. We put a small picture with shapes in
# the middle of a large empty one, and score a "network" that has learned nothing and always says background.
#
# **Predict**: the shapes cover few of the pixels. What is the pixel accuracy of this network, and what is its mean IoU
# over the two classes background (0) and shape (1)?


# %%
def scene(size):
    """A label map of size x size pixels: a 32x32 picture of shapes in the middle, background around it."""
    small = data.Shapes(1, size=32)[0].label > 0
    label = np.zeros((size, size), int)
    start = size // 2 - 16
    label[start : start + 32, start : start + 32] = small
    return label


def score(label, prediction):
    confusion = metrics.ConfusionMatrix(2)
    confusion.update(label, prediction)
    return confusion


label = scene(128)
blind = score(label, np.zeros_like(label))
# ask: pixel accuracy
assert blind.pixel_accuracy > 0.95
# ask: mean IoU
assert blind.mean_iou < 0.5
assert blind.iou[1] == 0
print(f"pixel accuracy {blind.pixel_accuracy:.3f}, mean IoU {blind.mean_iou:.3f}, IoU of the shapes {blind.iou[1]:.3f}")

# %% [markdown]
# By pixel accuracy the blind network is nearly perfect. Mean IoU gives it less than a half, and the IoU of the shapes
# is 0.
#
# Now a prediction that has found the shapes, but some pixels too far to the right. **Predict**: which of the two
# measures will drop faster with the shift?

# %%
sizes = np.array([32, 48, 64, 96, 128, 192, 256])
share, blind_accuracy, blind_iou = [], [], []
for size in sizes:
    label = scene(size)
    share.append(label.mean())
    result = score(label, np.zeros_like(label))
    blind_accuracy.append(result.pixel_accuracy)
    blind_iou.append(result.mean_iou)
np.testing.assert_allclose(blind_accuracy, 1 - np.array(share))  # right wherever there is background
np.testing.assert_allclose(blind_iou, (1 - np.array(share)) / 2)  # background alone has an IoU, the shapes have 0

label, shifts = scene(128), np.arange(0, 17, 2)
moved = [score(label, np.roll(label, shift, axis=1)) for shift in shifts]
assert min(result.pixel_accuracy for result in moved) > 0.9
# ask: faster drops: pixel accuracy | the IoU of the shapes*
assert moved[-1].iou[1] < 0.5

# %% tags=["fold"]
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.4), sharey=True)
left.plot(share, blind_accuracy, "o-", color="#0072B2", label="pixel accuracy")
left.plot(share, blind_iou, "s--", color="#D55E00", label="mean IoU")
left.set(xlabel="share of the pixels that show a shape", ylabel="score", ylim=(0, 1.05), xscale="log")
left.set_title("Everything called background", fontsize=11)
right.plot(shifts, [result.pixel_accuracy for result in moved], "o-", color="#0072B2", label="pixel accuracy")
right.plot(shifts, [result.iou[1] for result in moved], "^:", color="#009E73", label="IoU of the shapes")
right.set(xlabel="shift of the prediction, in pixels")
right.set_title("Found, but beside the place", fontsize=11)
for ax in (left, right):
    ax.legend(loc="lower left", fontsize=10)
left.set_xticks([0.01, 0.1], labels=["1 %", "10 %"])
assert share[-1] < 0.01 < 0.1 < share[0]

# %% [markdown]
# On the left, the rarer the shapes, the better accuracy likes a network that ignores them. On the right, accuracy
# hardly sees that the shapes are beside their place, because the background around them is still right. This is why
# results are compared by mean IoU.
#
# ## Over a data set: add the counts, not the scores
#
# A data set has many images. The paper adds the counts $n_{ij}$ of all images and computes the measures once. The mean
# of the scores of single images is another number. Take two images: on the first the prediction is perfect, on the
# second it missed an object of one pixel. **Predict**: which of the two numbers is hurt more?

# %%
large, tiny = np.zeros((10, 10), int), np.zeros((10, 10), int)
large[2:8, 2:8] = 1
tiny[0, 0] = 1

total = metrics.ConfusionMatrix(2)
total.update(large, large)  # perfect
total.update(tiny, np.zeros_like(tiny))  # the one pixel was missed

mean_of_images = (score(large, large).iou[1] + score(tiny, np.zeros_like(tiny)).iou[1]) / 2
# ask: hurt more is: the mean of the images' scores* | the score of the added counts
assert mean_of_images == (1 + 0) / 2
np.testing.assert_allclose(total.iou[1], 36 / 37)

# %% [markdown]
# Averaged over images, the one pixel costs half of the score; in the sum of the counts, it is one of 37. Neither is
# wrong, but numbers can be compared only if they were computed in the same way. Here it is always the sum of the
# counts.
#
# ## Questions
#
# 1. In `prediction`, put a 1 into another pixel of the background. Which of the three IoUs change, and in which
#    direction? Predict, then change the array and print `iou` before the first assert about it.
# 2. Can the IoU of a class be larger than the share of its pixels that were found, $n_{ii} / t_i$? Try to find a
#    `prediction` with that property, or an argument that there is none.
# 3. A class occurs in no truth, but the prediction has one pixel of it. What is its IoU, and does it count in the mean?
#    And if it occurs in neither? Use `metrics.ConfusionMatrix(4)` for the arrays `truth` and `prediction`, look at
#    `.iou`, then put one 3 into `prediction`.
# 4. What happens to all measures if a network is allowed to answer "void" where it is unsure? Change
#    `truth != 255` to leave out the pixels where `prediction` is 255 too, and invent a network that profits. Why does
#    `ConfusionMatrix` refuse such predictions?
# 5. A shape of n x n pixels is predicted one pixel too far to the right. Write down its IoU as a formula in n. From
#    which n on is it above 0.9? Check it with `score`.
#
# ## What to read next
#
# - `minifcn/metrics.py`: the confusion matrix and all measures of the paper.
# - `minifcn/data/dataset.py`: what a sample and a data set are; `minifcn/data/shapes.py`: how the shapes are drawn.
# - `minifcn/pictures/`: colours, overlays, and label maps as PNG files with a palette.
# - The paper, section 5, defines the measures. Notebook 1 begins with how a network learns.
