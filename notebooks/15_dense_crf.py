# %% [markdown]
# # 15. A fully connected CRF gives a prediction its edges back
#
# The scores of a coarse network are smooth, and its predictions have blurred edges. A *conditional random
# field* (CRF) corrects a prediction with a simple idea: pixels that are near and look alike probably belong to the same
# class. After this notebook you can write such a model down as an energy, minimise it by mean field in three lines of
# NumPy, and say what its parameters do, and where it fails.
#
# You need: softmax and cross-entropy (notebook 7), mean IoU (notebook 11), probabilities. FCN itself uses no CRF;
# DeepLab, a network that came soon after it, put one behind its scores.
#
# | letter | meaning |
# |---|---|
# | $i, j$ | pixels, counted from 0 to $N - 1$ |
# | $x_i$ | the class of pixel $i$, one of $L$ |
# | $U_{il}$ | *unary* cost of class $l$ at pixel $i$: minus the logarithm of the network's probability |
# | $k_{ij}$ | how much pixels $i$ and $j$ want the same class, at least 0; a matrix $K$ with zeros on the diagonal |
# | $Q_{il}$ | our belief that pixel $i$ has class $l$ |

# %%
import functools
import itertools

import matplotlib.pyplot as plt
import numpy as np

import minifcn as mf
import minifcn.functional as F
from minifcn import data, metrics, models, optim

plt.style.use("minifcn.explain.figures")  # legible on light and on dark pages
plt.rcParams.update({"font.size": 11, "figure.constrained_layout.use": True})

# %% [markdown]
# ## Six pixels
#
# Six pixels in a row, three dark and three light, and two classes, 0 and 1. The network thinks that the dark ones are
# of class 0 and the light ones of class 1, but it is wrong about the second pixel, and not sure of the fifth.

# %%
grey = np.array([0.2, 0.2, 0.2, 0.8, 0.8, 0.8])
probability_of_1 = np.array([0.1, 0.6, 0.1, 0.9, 0.5, 0.9])
probability = np.stack([1 - probability_of_1, probability_of_1], axis=1)  # (N, L)
U = -np.log(probability)

# %% [markdown]
# Pixels that are near and look alike get a large $k_{ij}$, by a Gaussian of the distance of their positions and of
# their grey values. Every pixel is compared with every other one: hence *fully connected*, or *dense*.

# %%
position = np.arange(6)
K = np.exp(-((position[:, None] - position) ** 2) / (2 * 2.0**2) - (grey[:, None] - grey) ** 2 / (2 * 0.2**2))
np.fill_diagonal(K, 0)
assert (K == K.T).all()

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(5, 4))
ax.imshow(K, cmap="Greys", vmin=0, vmax=1.6)
for i, j in np.ndindex(6, 6):
    ax.text(j, i, f"{K[i, j]:.2f}", ha="center", va="center", fontsize=10, color="black")
_ = ax.set(xlabel="pixel j", ylabel="pixel i", title="Dark pixels (0 to 2) hold together, and light ones")

# %% [markdown]
# ## The energy of a labelling
#
# A labelling $x$ gives each pixel a class. It costs the unary costs, and $k_{ij}$ for every pair of pixels with
# different classes (this all-or-nothing rule is the *Potts model*):
#
# $$E(x) = \sum_i U_{i x_i} + \sum_{i < j} k_{ij} \, [x_i \ne x_j]$$


# %%
def energy(x, U, K):
    different = x[:, None] != x
    return U[np.arange(len(x)), x].sum() + (K * different).sum() / 2  # each pair stands in K twice


by_network = U.argmin(axis=1)
np.testing.assert_array_equal(by_network, [0, 1, 0, 1, 0, 1])
wanted = np.array([0, 0, 0, 1, 1, 1])

# %% [markdown]
# **Predict** before you run the next cell: six pixels and two classes give 64 labellings. Which one has the least
# energy?

# %%
labellings = [np.array(x) for x in itertools.product([0, 1], repeat=6)]
energies = [energy(x, U, K) for x in labellings]
best = labellings[np.argmin(energies)]
print(f"network {energy(by_network, U, K):.2f}, best {min(energies):.2f}: {best}")
assert len(labellings) == 64
# ask: the six classes
np.testing.assert_array_equal(best, [0, 0, 0, 1, 1, 1])
np.testing.assert_array_equal(best, wanted)

# %% [markdown]
# The mistake is corrected, and the edge stays where the image has it. But trying all labellings is hopeless for an
# image.
#
# ## Mean field
#
# Instead of one labelling we look for a belief $Q$: independent probabilities for each pixel. Each pixel asks all
# others what they believe. Class $l$ costs it $U_{il}$, and $k_{ij}$ times the belief of pixel $j$ in any *other*
# class:
#
# $$Q_{il} \propto \exp \Big( - U_{il} - \sum_j k_{ij} \, (1 - Q_{jl}) \Big)$$
#
# The part $\sum_j k_{ij}$ is the same for all classes, so a softmax over the classes does not see it. What is left:
# $Q \leftarrow \mathrm{softmax}(K Q - U)$, again and again.


# %%
def softmax(a):
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


np.testing.assert_allclose(softmax(-U), F.softmax(mf.Tensor(-U), axis=1).data)  # as in minifcn
np.testing.assert_allclose(softmax(-U), probability)

Q = softmax(-U)
long_form = softmax(-U - K @ (1 - Q))
np.testing.assert_allclose(softmax(K @ Q - U), long_form)

# %% [markdown]
# **Predict**: which pixel changes its mind in the first step, 1 or 4? How sure is it in the end?

# %%
beliefs = [Q]
for _ in range(10):
    beliefs.append(softmax(K @ beliefs[-1] - U))
np.testing.assert_array_equal(beliefs[-1].argmax(axis=1), best)

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(6.5, 3.5))
for pixel, colour, marker in [(0, "#0072B2", "o"), (1, "#D55E00", "s"), (3, "grey", "v"), (4, "#009E73", "^")]:
    curve = [belief[pixel, 1] for belief in beliefs]
    ax.plot(curve, marker=marker, color=colour, linewidth=2.5, label=f"pixel {pixel}")
ax.axhline(0.5, color="grey", linestyle=":")
ax.set(xlabel="step", ylabel="belief in class 1", ylim=(0, 1), title="Pixels 1 and 4 follow those that look like them")
_ = ax.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.2), frameon=False)

# %%
# ask: the one that changes its mind: pixel 1* | pixel 4
assert beliefs[0][1, 1] > 0.5 > beliefs[1][1, 1]  # pixel 1 changes at once
assert beliefs[1][4, 1] > 0.5  # pixel 4 makes up its mind
print(beliefs[-1][:, 1].round(2))
assert beliefs[-1][1, 1] < 0.3

# %% [markdown]
# ## What falls
#
# The energy defines a probability of labellings, $P(x) = e^{-E(x)} / Z$. Mean field looks for the independent beliefs
# $Q$ nearest to it: it minimises $\mathrm{KL}(Q \| P) = \sum_x Q(x) \log (Q(x) / P(x))$, which is 0 only if both agree.
# Up to the constant $\log Z$ that is a number that can be computed, the *free energy*: the mean energy of a labelling
# drawn from $Q$, minus the entropy of $Q$. One pixel after the other, each with the formula above, it can only fall.
# All pixels at once, as we do it, it mostly falls, but nothing forces it to. So we look.


# %%
def free_energy(Q, U, K):
    agree = (Q * (K @ Q)).sum()  # sum over pairs of k times the probability of the same class, each pair twice
    mean_energy = (Q * U).sum() + (K.sum() - agree) / 2
    entropy = -(Q * np.log(Q + 1e-300)).sum()
    return mean_energy - entropy


curve = [free_energy(belief, U, K) for belief in beliefs]
assert (np.diff(curve) <= 1e-12).all()

one_after_another = [free_energy(beliefs[0], U, K)]
Q = beliefs[0].copy()
for pixel in list(range(6)) * 3:
    Q[pixel] = softmax(K[[pixel]] @ Q - U[[pixel]])
    one_after_another.append(free_energy(Q, U, K))
assert (np.diff(one_after_another) <= 1e-12).all()

# The mean energy is what it says: the energies of all labellings, weighted with their probabilities.
chances = [Q[np.arange(6), x].prod() for x in labellings]
mean_energy = np.dot(chances, energies)
np.testing.assert_allclose(mean_energy + (Q * np.log(Q)).sum(), free_energy(Q, U, K))

# And KL(Q || P), summed over the 64 labellings, is the free energy plus log Z.
Z = np.exp(-np.array(energies)).sum()
P = np.exp(-np.array(energies)) / Z
kl = np.dot(chances, np.log(chances) - np.log(P))
np.testing.assert_allclose(kl, free_energy(Q, U, K) + np.log(Z))
assert kl > 0

# %% [markdown]
# ## An image
#
# Now a real coarse prediction. An FCN-16s with bilinear upsampling learns for 150 steps to tell objects from
# background, as in notebook 9, and predicts an image that it has never seen.

# %%
SIZE = 64
train = data.Shapes(400, size=SIZE, num_classes=6, seed=0)
loader = data.DataLoader(train, batch_size=8, shuffle=True)
network = models.FCN16s(2, width=1 / 16, dropout=0.0)
optimizer = optim.Adam([p for name, p in network.named_parameters() if not name.startswith("upscore")], lr=0.003)
for epoch in range(3):
    for batch in loader.epoch(epoch):
        objects = np.minimum(batch.labels, 1)  # any shape is an object
        optimizer.zero_grad()
        F.softmax_cross_entropy(network(mf.Tensor(batch.images)), objects).backward()
        optimizer.step()

unseen, normalize = data.Shapes(12, size=SIZE, num_classes=6, seed=1), data.Normalize()


def predicted(i):
    """The image, its label and the unary costs (N, 2) of the network's probabilities."""
    with mf.no_grad():
        scores = network.eval()(mf.Tensor(normalize(unseen[i].image)[None]))
    return unseen[i].image, np.minimum(unseen[i].label, 1), -F.log_softmax(scores).data[0].reshape(2, -1).T


image, label, U = predicted(4)
assert U.shape == (64 * 64, 2)

# %% [markdown]
# The kernel of Krähenbühl and Koltun has two parts. The first connects pixels that are near (within about
# $\sigma_\alpha$ pixels) *and* of similar colour (within about $\sigma_\beta$ of 255 levels). The second connects
# pixels that are very near, whatever their colour, which removes single wrong pixels. With positions $p$ and colours
# $I$:
#
# $$k_{ij} = w_1 \, \mathrm{normalised} \exp \Big( -\frac{|p_i - p_j|^2}{2 \sigma_\alpha^2}
# - \frac{|I_i - I_j|^2}{2 \sigma_\beta^2} \Big)
# + w_2 \, \mathrm{normalised} \exp \Big( -\frac{|p_i - p_j|^2}{2 \sigma_\gamma^2} \Big)$$
#
# Normalised means divided by $\sqrt{n_i n_j}$, with $n_i$ the sum of row $i$. Without it a pixel in a large flat area
# has hundreds of friends, who together outvote any network in the first step. With it the friends of a pixel weigh
# about $w_1 + w_2$ together, however many they are. We write out the whole matrix, by brute force.


# %%
def squared_distances(a):
    """Of all pairs of rows of a (N, D): (N, N)."""
    squares = (a**2).sum(axis=1)
    return np.maximum(squares[:, None] + squares - 2 * a @ a.T, 0)


def normalised(K):
    np.fill_diagonal(K, 0)
    scale = 1 / np.sqrt(K.sum(axis=1) + 1e-9)
    return K * scale[:, None] * scale


pixels = np.argwhere(np.ones((SIZE, SIZE))).astype("float32")  # (N, 2): row and column
near = squared_distances(pixels)


@functools.cache  # the same for every image
def by_place(gamma):
    return normalised(np.exp(-near / (2 * gamma**2)))


def kernel(image, w1=5, w2=1, alpha=8, beta=30, gamma=2):
    alike = squared_distances(image.reshape(-1, 3).astype("float32"))
    by_colour = normalised(np.exp(-near / (2 * alpha**2) - alike / (2 * beta**2)))
    return w1 * by_colour + w2 * by_place(gamma)


K = kernel(image)
friends = K.sum(axis=1)
assert K.shape == (4096, 4096)
assert 4 < np.median(friends) < 7  # about w1 + w2

# %% [markdown]
# **Predict**: the network's prediction has a mean IoU between 0.6 and 0.8. What will it be after ten steps? Is it there
# after the first?


# %%
def mean_iou(Q, label):
    confusion = metrics.ConfusionMatrix(2)
    confusion.update(label.ravel(), Q.argmax(axis=1))
    return confusion.mean_iou


def infer(U, K, steps=10):
    beliefs = [softmax(-U)]
    for _ in range(steps):
        beliefs.append(softmax(K @ beliefs[-1] - U))
    return beliefs


beliefs = infer(U, K)
curve = [mean_iou(Q, label) for Q in beliefs]
print("mean IoU, step by step:", np.round(curve, 3))
assert 0.6 < curve[0] < 0.8
# ask: mean IoU after ten steps
assert 0.85 < curve[-1] < 1
assert curve[-1] > curve[0] + 0.1
# ask: after the first step: it is there | there is more to come*
assert curve[-1] > curve[1] + 0.05

gains = []
for i in range(6):
    image_i, label_i, U_i = predicted(i)
    Q = infer(U_i, kernel(image_i))
    gains.append(mean_iou(Q[-1], label_i) - mean_iou(Q[0], label_i))
print("gain on six images:", np.round(gains, 3))
assert min(gains) > 0

# %% tags=["fold"]
fig, axes = plt.subplots(1, 5, figsize=(7, 1.9))
views = [(image, "image"), (label, "truth")]
views += [
    (beliefs[n].argmax(axis=1).reshape(SIZE, SIZE), title)
    for n, title in ((0, "network"), (2, "2 steps"), (10, "10 steps"))
]
for ax, (view, title) in zip(axes, views, strict=True):
    ax.imshow(view, cmap="cividis")
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=11)
_ = fig.suptitle("The edges come back from the image")

# %% [markdown]
# These images are easy: objects differ clearly in colour from what is around them. On PASCAL VOC, DeepLab's authors
# report gains of 3 to 5 points of mean IoU.
#
# Energy and free energy, step by step:

# %%
energies = np.array([energy(Q.argmax(axis=1), U, K) for Q in beliefs])
free = np.array([free_energy(Q, U, K) for Q in beliefs])
assert (np.diff(free) < 0).all()
assert energies[-1] < energies[0]
assert free[1] - free[-1] > 0.1 * (free[0] - free[-1])  # the first step is not all,
assert np.argmin(np.diff(free)) < 2  # but the largest fall is one of the first two

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(6.5, 3.4))
ax.plot(energies, "o-", color="#0072B2", linewidth=2.5, label="energy of the most probable classes")
ax.plot(free, "s-", color="#E69F00", linewidth=2.5, label="free energy of Q")
ax.set(xlabel="step", ylabel="energy", title="The free energy falls in every step, most of all in the first ones")
_ = ax.legend(frameon=False)

# %% [markdown]
# ## What the parameters do
#
# **Predict**: what happens with a very small $\sigma_\beta$, so that only pixels of exactly the same colour hold
# together? And with a very large one, so that colour does not matter?

# %%
betas = [1, 3, 10, 30, 100, 500]
results = {beta: infer(U, kernel(image, beta=beta))[-1] for beta in betas}
ious = [mean_iou(Q, label) for Q in results.values()]
print(dict(zip(betas, np.round(ious, 3).tolist(), strict=True)))
best = betas[int(np.argmax(ious))]
assert best in (10, 30, 100)
# ask: with a very small one the result is: the best | not the best*
assert ious[0] < max(ious) - 0.02
# ask: with a very large one the edges come: from the image | from the network alone, smoothed*
assert ious[-1] < max(ious) - 0.05
assert ious[-1] < curve[0] + 0.03  # no better than without the CRF

# %% tags=["fold"]
fig, axes = plt.subplot_mosaic("aaa;bcd", figsize=(7, 5.2), height_ratios=[3, 2])
ax = axes["a"]
ax.semilogx(betas, ious, "o-", color="#0072B2", linewidth=2.5, markersize=8, label="with the CRF")
ax.axhline(curve[0], color="grey", linestyle="--", linewidth=2, label="without")
ax.set_xticks(betas, [str(beta) for beta in betas])
ax.minorticks_off()
ax.set(xlabel=r"$\sigma_\beta$, in levels of colour", ylabel="mean IoU", ylim=(0, 1.05))
ax.set_title("Too little or too much trust in colour")
ax.legend(frameon=False, loc="lower left")
for name, beta in zip("bcd", (1, best, 500), strict=True):
    axes[name].imshow(results[beta].argmax(axis=1).reshape(SIZE, SIZE), cmap="cividis")
    axes[name].set(xticks=[], yticks=[])
    axes[name].set_title(rf"$\sigma_\beta$ = {beta}", fontsize=11)

# %% [markdown]
# With a small $\sigma_\beta$ hardly any two pixels are alike, because of the noise in the image, and colour tells
# little. With a large one everything within reach is connected, across the edges too, and what is left is smoothing.
# The parameters must fit the images; DeepLab's authors searched for them on a validation set.
#
# ## What brute force costs
#
# The matrix has $N^2$ entries. For 500x500 pixels in float32 that would be

# %%
gigabytes = (500 * 500) ** 2 * 4 / 1e9
assert gigabytes == 250

# %% [markdown]
# gigabytes. Krähenbühl and Koltun's contribution is that $K Q$ is a blur in a space of five dimensions, position and
# colour, which can be computed in a time that grows with $N$ instead of $N^2$.
#
# ## Questions
#
# 1. Give `kernel` the setting `w1=0`. Which errors of the prediction are corrected then, and which are not?
# 2. In the example of six pixels, by how much must the network be surer of its mistake (0.6) before the CRF believes
#    it? Change `probability_of_1`, and look at `best`.
# 3. Multiply `U` by 10. What does that say about how a CRF should treat a network that is too sure of itself?
# 4. Let the image show something that contradicts the label: a shape in two colours. Paint a stripe into
#    `image`. What does the CRF do with it, and which parameters would prevent that?
# 5. A step is a product with a matrix, and a softmax. Both have gradients. Which parameters could be learned with the
#    network, if the ten steps were its last layers? (Zheng and others 2015 did it: "Conditional Random Fields as
#    Recurrent Neural Networks".)
#
# ## What to read next
#
# - P. Krähenbühl and V. Koltun 2011, "Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials".
# - L.-C. Chen and others, the DeepLab papers, for a CRF behind a fully convolutional network.
# - `minifcn/metrics.py`, and notebook 14 for how good a coarse prediction can be without one.
