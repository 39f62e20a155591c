# %% [markdown]
# # 7. The loss: softmax cross-entropy of every pixel
#
# A segmentation network gives each pixel a score for each class. The loss is one number that says how badly the scores
# fit the labels. After this notebook you can compute it by hand, without overflow; you know its gradient, which is
# short; and you know what ignored pixels, class weights and the choice of mean or sum do to it.
#
# You need: `Tensor` and `backward` from notebook 1, logarithms and exponentials.

# %%
import matplotlib.pyplot as plt
import numpy as np

import minifcn as mf
import minifcn.functional as F
from minifcn import models

plt.style.use("minifcn.explain.figures")  # legible on light and on dark pages
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
rng = np.random.default_rng(0)

# %% [markdown]
# ## 7.1 From scores to probabilities
#
# Take one pixel and $C = 3$ classes. The network gives scores $s_0, s_1, s_2$: any numbers, the larger the more it
# believes in the class. The softmax makes probabilities of them, positive numbers that add up to 1:
#
# $$p_c = \frac{e^{s_c}}{\sum_j e^{s_j}}$$
#
# **Predict**: for the scores 2, 1, 0, is the first probability twice the second? What happens to the probabilities if
# 5 is added to all scores?


# %%
def naive_softmax(s):
    return np.exp(s) / np.exp(s).sum()


s = np.array([2.0, 1.0, 0.0])
p = naive_softmax(s)
print(p.round(3))
np.testing.assert_allclose(p.sum(), 1)
# ask: the first probability is how many times the second
np.testing.assert_allclose(p[0] / p[1], np.e)
# ask: with 5 added the probabilities: change | stay*
np.testing.assert_allclose(naive_softmax(s + 5), p)

# %% [markdown]
# It is $e \approx 2.72$ times the second: a *difference* of 1 between scores is a *factor* of $e$ between
# probabilities. Only differences count, so adding 5 everywhere changes nothing.
#
# ## 7.2 Without overflow
#
# **Predict**: the probabilities for the scores 1000, 1000 and 0. What will `naive_softmax` give? ($e^{1000}$ has 435
# digits; the largest float64 has 309.)

# %%
big = np.array([1000.0, 1000.0, 0.0])
assert np.ceil(1000 / np.log(10)) == 435  # digits
with np.errstate(over="ignore", invalid="ignore"):  # NumPy would warn
    print(naive_softmax(big))
    # ask: naive_softmax gives for the two large scores: 0.5 | infinity | nan*
    assert np.isnan(naive_softmax(big)[:2]).all()

# %% [markdown]
# `inf / inf` is not a number. The cure follows from 7.1: as only differences count, subtract the largest score
# first. Then every exponent is at most 0, and nothing overflows.


# %%
def softmax(s):
    e = np.exp(s - s.max())
    return e / e.sum()


print(softmax(big))
# ask: the true probabilities
np.testing.assert_array_equal(softmax(big), [0.5, 0.5, 0])
np.testing.assert_allclose(softmax(s), p)
np.testing.assert_array_equal(F.softmax(mf.Tensor(big), axis=0).data, softmax(big))

# %% [markdown]
# The loss will need $\log p_c$.
#
# **Predict**: what is $\log p_2$ for these scores, about? And what does `np.log(softmax(big))` say?

# %%
with np.errstate(divide="ignore"):
    print(np.log(softmax(big)))
    # ask: np.log(softmax(big))[2] is: -1000.7 | minus infinity* | nan
    assert np.log(softmax(big))[2] == -np.inf

# %% [markdown]
# It is about -1000.7, a harmless number. But $p_2 = e^{-1000.7}$ is too small for a float64, so it was rounded to 0,
# and the logarithm of 0 is minus infinity. So do not compute $p$ at all. With $m$ the largest score,
#
# $$\log p_c = (s_c - m) - \log \sum_j e^{s_j - m}.$$
#
# The sum contains $e^{m - m} = 1$, so its logarithm is never that of 0. This is the "log-sum-exp trick".


# %%
def log_softmax(s):
    shifted = s - s.max()
    return shifted - np.log(np.exp(shifted).sum())


print(log_softmax(big))
np.testing.assert_allclose(log_softmax(big)[2], -1000 - np.log(2))
np.testing.assert_allclose(F.log_softmax(mf.Tensor(big), axis=0).data, log_softmax(big))

# %% [markdown]
# ## 7.3 The loss of one pixel
#
# The label of the pixel is a class $t$. The cross-entropy is $-\log p_t$: it looks only at the probability that the
# network gives to the *right* class.
#
# **Predict**: how large is it for $p_t = 1$? For 0.5? And for 0.001?

# %%
chances = np.array([1, 0.5, 0.1, 0.001])
print((-np.log(chances) + 0.0).round(2))
# ask: the loss for p = 1, 0.5, 0.1 and 0.001
np.testing.assert_allclose(-np.log(chances), [0, 0.693, 2.303, 6.908], atol=1e-3)
assert -np.log(0.001) > 9 * -np.log(0.5)

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
chance = np.linspace(0.0005, 1, 1000)
ax.plot(chance, -np.log(chance), color=BLUE)
ax.plot(chances, -np.log(chances), "o", color=VERMILLION)
for x in chances:
    side = {"ha": "right", "xytext": (-6, 6)} if x == 1 else {"ha": "left", "xytext": (8, 6)}
    ax.annotate(f"p = {x:g}: {abs(np.log(x)):.2f}", (x, -np.log(x)), textcoords="offset points", fontsize=10, **side)
ax.set(xlabel="probability of the right class", ylabel="loss of the pixel", ylim=(-0.3, 8))
_ = ax.set_title("To be sure and wrong is what costs most", fontsize=12)

# %% [markdown]
# ## 7.4 The loss of every pixel
#
# Now a map: scores of shape (N, C, H, W) and labels of shape (N, H, W). Every pixel is by itself, as in 7.3. The
# classes are axis 1, so the scores of the pixel in row $i$ and column $j$ of image $n$ are `scores[n, :, i, j]`.

# %%
N, C, H, W = 1, 3, 3, 4
scores = rng.normal(scale=2, size=(N, C, H, W))
labels = np.array([[[0, 0, 1, 1], [0, 2, 2, 1], [2, 2, 2, 1]]])

for i, j in np.ndindex(H, W):
    scores[0, labels[0, i, j], i, j] += 3  # as if by a network that has learned a little

losses = np.zeros((N, H, W))
for n, i, j in np.ndindex(N, H, W):
    losses[n, i, j] = -log_softmax(scores[n, :, i, j])[labels[n, i, j]]

by_library = F.softmax_cross_entropy(mf.Tensor(scores), labels, reduction="none")
np.testing.assert_allclose(by_library.data, losses)

# %%
prediction = scores.argmax(axis=1)
wrong = prediction != labels
assert losses[wrong].min() > np.log(2)  # the right class is not the likeliest, so its probability is below 1/2
assert losses[wrong].mean() > losses[~wrong].mean()

# %% tags=["fold"]
fig, axes = plt.subplots(1, 3, figsize=(7, 2.5), layout="constrained")
panels = [("label", labels[0]), ("class with the largest score", prediction[0]), ("loss", losses[0])]
for ax, (title, values) in zip(axes, panels, strict=True):
    ax.imshow(values, cmap="Greys", vmin=0, vmax=1.7 * values.max())
    for (i, j), value in np.ndenumerate(values):
        ax.text(j, i, f"{value:.2f}" if title == "loss" else value, ha="center", va="center", color="black")
    ax.set(xlabel="column", xticks=range(W), yticks=range(H))
    ax.set_title(title, fontsize=10)
axes[0].set_ylabel("row")
_ = fig.suptitle("The loss is large where the largest score belongs to a wrong class", fontsize=12)

# %% [markdown]
# The loss of the whole map is the mean over its pixels:

# %%
mean = F.softmax_cross_entropy(mf.Tensor(scores), labels).item()
np.testing.assert_allclose(mean, losses.mean())

# %% [markdown]
# ## 7.5 Pixels that do not count
#
# Labels of real images have places that nobody could decide, such as the outlines of objects in PASCAL VOC. They have
# the label 255, `ignore_index`, also called void.
#
# **Predict**: two of the 12 pixels become 255. Is the sum of the others then divided by 12 or by 10?

# %%
labels[0, 0, 3] = labels[0, 1, 3] = 255
counted = labels != 255
assert counted.sum() == 10

x = mf.Tensor(scores, requires_grad=True)
loss = F.softmax_cross_entropy(x, labels)
loss.backward()
# ask: divided by: 10* | 12
np.testing.assert_allclose(loss.item(), losses[counted].sum() / 10)

# %% [markdown]
# By 10: the mean over the pixels that count. So an ignored pixel has no influence at all, neither on the loss nor,
# through the gradient, on the network.

# %%
other = scores.copy()
other[:, :, 0:2, 3] = 99 * rng.normal(size=(N, C, 2))  # whatever the network says there
np.testing.assert_allclose(F.softmax_cross_entropy(mf.Tensor(other), labels).item(), loss.item())
assert (x.grad.data[:, :, 0:2, 3] == 0).all()
assert (x.grad.data[:, :, 2, 3] != 0).all()

# %% [markdown]
# **Predict**: and if *no* pixel counts? A mean of nothing is 0/0.

# %%
nothing = F.softmax_cross_entropy(mf.Tensor(scores), np.full_like(labels, 255))
# ask: the loss
assert nothing.item() == 0

# %% [markdown]
# It is defined as 0, so that one image without labels does not fill a network with NaN.
#
# ## 7.6 The gradient: softmax minus one-hot
#
# How does the loss of a pixel change with its scores? From 7.2, with the label $t$,
# $\;-\log p_t = -s_t + \log \sum_j e^{s_j}$. The derivative of the second term with respect to $s_c$ is
# $e^{s_c} / \sum_j e^{s_j} = p_c$; the first gives $-1$ if $c = t$. So
#
# $$\frac{\partial (-\log p_t)}{\partial s_c} = p_c - [c = t],$$
#
# the probabilities, minus 1 at the right class (a vector with a single 1 is called one-hot).
#
# **Predict**: for $p = (0.7, 0.2, 0.1)$ and the label 1, what is the gradient? What is the sum of its entries?

# %%
p = np.array([0.7, 0.2, 0.1])
onehot = np.array([0.0, 1.0, 0.0])
pixel = mf.Tensor(np.log(p)[None], requires_grad=True)  # the softmax of log p is p
F.softmax_cross_entropy(pixel, np.array([1])).backward()
print(pixel.grad.data[0].round(3))
np.testing.assert_allclose(pixel.grad.data[0], p - onehot)
# ask: the gradient
np.testing.assert_allclose(pixel.grad.data[0], [0.7, -0.8, 0.1])
# ask: its sum
np.testing.assert_allclose(pixel.grad.data.sum(), 0, atol=1e-15)
assert (np.sign(p - onehot) == [1, -1, 1]).all()

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.bar(np.arange(3) - 0.2, p, width=0.4, color=BLUE, label="probability p")
bars = ax.bar(np.arange(3) + 0.2, p - onehot, width=0.4, color=ORANGE, label="gradient p - onehot")
ax.bar_label(bars, fmt="%.1f", fontsize=10)
ax.axhline(0, color="grey", linewidth=0.8)
ax.set(xlabel="class", xticks=range(3), xticklabels=["0", "1 (the label)", "2"], ylim=(-1, 1))
ax.set_title("A step against the gradient lifts the right score and lowers the others", fontsize=12)
_ = ax.legend(fontsize=10)

# %% [markdown]
# A step against the gradient raises the score of the right class by as much as it lowers all others together. A pixel
# with $p_t$ near 1 has a gradient near 0: it is done, and leaves the work to the others.
#
# For the mean of 7.5 each pixel's gradient is divided by the number of pixels that count:

# %%
expected = np.zeros_like(scores)
for n, i, j in np.argwhere(counted):
    expected[n, :, i, j] = (softmax(scores[n, :, i, j]) - np.eye(C)[labels[n, i, j]]) / counted.sum()
np.testing.assert_allclose(x.grad.data, expected, atol=1e-15)

report = mf.gradcheck(lambda s: F.softmax_cross_entropy(s, labels), [scores])  # finite differences; see notebook 8
assert report.ok

# %% [markdown]
# ## 7.7 Class weights
#
# In many data sets one class fills most of the pixels. A weight $w_c$ for each class makes rare classes count more:
# each pixel's loss is multiplied by the weight of its label.
#
# **Predict**: ten pixels, nine of class 0 with a loss of 0.1, one of class 1 with a loss of 2. The mean is 0.29. With
# the weights $w = (1, 9)$, is it 1.89 or 1.05?

# %%
label10 = np.array([0] * 9 + [1])
p_right = np.exp(-np.where(label10 == 0, 0.1, 2.0))
p10 = np.where(np.arange(2) == label10[:, None], p_right[:, None], 1 - p_right[:, None])
scores10 = mf.Tensor(np.log(p10))

plain = F.softmax_cross_entropy(scores10, label10).item()
weighted = F.softmax_cross_entropy(scores10, label10, weight=np.array([1.0, 9.0])).item()
# ask: the weighted mean
assert round(weighted, 2) == 1.05
print(f"{plain:.2f} {weighted:.2f}")
np.testing.assert_allclose(plain, (9 * 0.1 + 2) / 10)
np.testing.assert_allclose(weighted, (9 * 1 * 0.1 + 1 * 9 * 2) / (9 * 1 + 1 * 9))

# %% [markdown]
# 1.05: the sum is divided by the sum of the *weights* of the pixels, here 18, and not by their number. So it stays a
# mean: if all losses are equal, the result is that loss, whatever the weights. Here both classes have the same say,
# $(0.1 + 2)/2$. The paper found balancing the classes unnecessary, with about three quarters background.

# %%
same = mf.Tensor(np.zeros((10, 2)))
for weight in ([1.0, 1.0], [1.0, 9.0], [5.0, 0.1]):
    np.testing.assert_allclose(F.softmax_cross_entropy(same, label10, weight=np.array(weight)).item(), np.log(2))

# %% [markdown]
# ## 7.8 What the loss should be at the start
#
# The score layers of the paper's networks start with zero weights.
#
# **Predict**: which loss does FCN-32s have before its first step, with 21 classes? Does it depend on the image or on
# the labels?

# %%
model = models.create("fcn32s", num_classes=21, width=1 / 16, rng=np.random.default_rng(0)).eval()
start = []
for _ in range(3):
    image = mf.Tensor(rng.normal(size=(1, 3, 64, 64)).astype("float32"))
    start.append(F.softmax_cross_entropy(model(image), rng.integers(0, 21, size=(1, 64, 64))).item())
print(start, np.log(21))
# ask: the loss
assert round(np.mean(start), 2) == 3.04
np.testing.assert_allclose(start, np.log(21), rtol=1e-6)

# %% [markdown]
# All scores are 0, so every class has the probability $1/21$, and the loss is $-\log(1/21) = \ln 21 \approx 3.04$ for
# every image. Remember it: a training that starts far from $\ln C$ starts with a mistake, and a loss that stays there
# has learned nothing.

# %%
for classes in (2, 11, 21):
    print(f"C = {classes:>2}: ln C = {np.log(classes):.4f}")
assert round(np.log(21), 4) == 3.0445

# %% [markdown]
# ## 7.9 Mean or sum
#
# Instead of the mean one can take the sum over all pixels. The direction of the gradient is the same, its length is
# not.
#
# **Predict**: the published FCN-32s was trained with the sum, a learning rate of $10^{-10}$ and a momentum of 0.99.
# Leave the momentum aside for now. Which learning rate is that for the mean, on images of 500x375 pixels?

# %%
x_mean, x_sum = mf.Tensor(scores, requires_grad=True), mf.Tensor(scores, requires_grad=True)
F.softmax_cross_entropy(x_mean, labels).backward()
F.softmax_cross_entropy(x_sum, labels, reduction="sum").backward()
np.testing.assert_allclose(x_sum.grad.data, counted.sum() * x_mean.grad.data, atol=1e-15)

rate_for_the_mean = 1e-10 * 500 * 375
print(rate_for_the_mean)
# ask: the learning rate
np.testing.assert_allclose(rate_for_the_mean, 1.875e-5)

# %% [markdown]
# The gradient of the sum is as many times longer as there are pixels that count, so the rate is $10^{-10} \cdot
# 187500$, about $1.9 \cdot 10^{-5}$: not as tiny as it looked.
#
# And there is the **momentum** of 0.99. Gradient descent with momentum $m$ moves the weights not by the gradient but by
# a velocity, $v \leftarrow m v + g$ and $w \leftarrow w - \eta v$: each gradient goes on acting, $m$ times as much in
# every later step. **Predict**: how far does one gradient of size 1 move a weight in the long run, with the rate $\eta$
# and $m = 0.99$?

# %%
eta, m = rate_for_the_mean, 0.99
moved = velocity = 0.0
for step in range(5000):
    velocity = m * velocity + (step == 0)  # one gradient, in the first step
    moved += eta * velocity
times = moved / eta
# ask: times the rate
assert round(times, 1) == 100
np.testing.assert_allclose(times, 1 / (1 - m))
np.testing.assert_allclose(moved, 1.875e-3)

# %% [markdown]
# $1 + m + m^2 + \dots = 1/(1 - m) = 100$ times the rate. So the published FCN-32s learns with $1.9 \cdot 10^{-3}$ in
# the long run, seven orders of magnitude more than $10^{-10}$. A learning rate means nothing without the loss and the
# momentum it belongs to.
#
# ## Questions
#
# 1. Which scores have you to give three classes so that their probabilities are 0.5, 0.25 and 0.25? Is there only one
#    answer? Check with `softmax`.
# 2. Subtracting the largest score avoids overflow. Could the small exponentials that become 0 spoil the result? Compare
#    `log_softmax` of (0, -800) with what you expect.
# 3. In 7.5 an image of two has no counted pixels. What does the mean over a *batch* of both give: the mean of the two
#    means, or something else? Build it with N = 2.
# 4. A network gives every pixel a probability of 0.9 for background, and 75 % of the pixels are background; the rest of
#    the probability goes to 20 classes evenly. Is its loss above or below $\ln 21$?
# 5. What does a class weight of 0 do, and how does it differ from the label 255? Compare losses and gradients in 7.7.
#
# ## What to read next
#
# - `minifcn/functional/loss.py`: the operation and its gradient; `minifcn/compute/cross_entropy.py`: the arrays.
# - The paper (Long, Shelhamer and Darrell 2015), section 3.4 on losses over whole images, and section 4.
# - Notebook 8: how to make sure that a gradient such as that of 7.6 is right.
