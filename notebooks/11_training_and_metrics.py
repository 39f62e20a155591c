# %% [markdown]
# # 11. Training a network and measuring it
#
# A training loop has six lines, and most of the skill lies in knowing whether it works. Afterwards you can write the
# loop yourself, say which loss it must start at, test it on a single image before you trust it, read its curves,
# compute pixel accuracy and mean IoU by hand from a confusion matrix, and train in stages as the paper does: from a
# classifier, with momentum and weight decay, skip by skip.
#
# You need to know what a gradient is, the softmax cross-entropy, and the networks (notebook 9).

# %%
import os

import matplotlib.pyplot as plt
import numpy as np

import minifcn as mf
import minifcn.functional as F
from minifcn import data, metrics, models, optim, pictures, training

plt.style.use("minifcn.explain.figures")  # legible on light and on dark pages
plt.rcParams.update({"font.size": 10, "figure.constrained_layout.use": True})
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"

# %% [markdown]
# ## The data
#
# `data.Shapes` draws pictures when they are asked for, and knows the class of every pixel. We take three classes:
# background, disc and square. The test pictures come from another seed, so the network never sees them in training.

# %%
SIZE, CLASSES = 64, 3
train = data.Shapes(480, size=SIZE, num_classes=CLASSES, seed=0)
test = data.Shapes(40, size=SIZE, num_classes=CLASSES, seed=1)
print(train.class_names)

# %% tags=["fold"]
fig, panels = plt.subplots(2, 5, figsize=(7, 3.1))
for i, (top, bottom) in enumerate(panels.T):
    top.imshow(train[i].image)
    bottom.imshow(train[i].label, cmap="cividis", vmin=0, vmax=CLASSES - 1)
for panel in panels.flat:
    panel.set(xticks=[], yticks=[])
_ = fig.suptitle("Images and labels (dark: background, grey: disc, yellow: square)")

# %% [markdown]
# A `DataLoader` stacks pictures to batches and normalises them: minus a mean colour, divided by a standard deviation.
# Labels stay integers, the index of the class of each pixel.
#
# **Predict** before you run the next cell: the shapes of images and labels in a batch of 8.

# %%
loader = data.DataLoader(train, batch_size=8, shuffle=True)
batch = next(loader.epoch(0))
print("images", batch.images.shape, batch.images.dtype, "   labels", batch.labels.shape, batch.labels.dtype)
# ask: shape of the images
assert batch.images.shape == (8, 3, 64, 64)
# ask: shape of the labels
assert batch.labels.shape == (8, 64, 64)
assert set(np.unique(batch.labels)) <= {0, 1, 2}
assert len(loader) == 480 // 8

# %% [markdown]
# ## Where the loss starts
#
# The network gives a score for every class at every pixel; softmax makes probabilities of them. The loss of a pixel is
# $-\ln p$, where $p$ is the probability that its true class gets; the loss of the batch is the mean over all pixels.
#
# The score layers of a new FCN are zero, so all classes have the same probability.
#
# **Predict**: what is the loss of a new network with $C = 3$ classes?

# %%
net = models.FCN8s(CLASSES, width=1 / 16, dropout=0.0)
loss = F.softmax_cross_entropy(net(mf.Tensor(batch.images)), batch.labels)
print(f"loss {loss.item():.4f}    ln 3 = {np.log(3):.4f}")
# ask: the loss
assert round(loss.item(), 2) == 1.1
np.testing.assert_allclose(loss.item(), np.log(3), rtol=1e-6)

# %% [markdown]
# $\ln C$: each class has probability $1/C$, and $-\ln(1/C) = \ln C$. Look at the first loss of every training. If it is
# far above $\ln C$, the first scores are far too large; if it is below, the network has already seen something.
#
# ## One step
#
# A step has four parts: compute the loss, forget the old gradients, compute new ones, move the weights.
#
# **Predict**: what happens to the gradients if the second part is left out?

# %%
bias = net.score_fr.bias
loss.backward()
once = bias.grad.data.copy()
loss = F.softmax_cross_entropy(net(mf.Tensor(batch.images)), batch.labels)
loss.backward()  # again, without forgetting
print("once: ", once.round(4), "\ntwice:", bias.grad.data.round(4))
# ask: the gradients: stay | are twice as large* | become 0
np.testing.assert_allclose(bias.grad.data, 2 * once, rtol=1e-4, atol=1e-7)

# %% [markdown]
# Gradients add up. That is useful on purpose (a large batch in several pieces), and a mistake otherwise. Hence
# `zero_grad()`.
#
# ## First one image
#
# Before any real training, teach the network a *single* image. It should soon know it by heart. If it cannot,
# something is broken (a layer that gets no gradient, a loss with the wrong sign, a learning rate far too large or too
# small), and no amount of data would help.
#
# We try three learning rates. Adam is a form of gradient descent that scales each weight's step by the size its
# gradients usually have, so the learning rate `lr` is about the amount by which a weight changes per step.
#
# **Predict**: which of 0.00003, 0.002 and 0.1 learns the image in 70 steps, and what do the curves of the others look
# like?

# %%
image, label = batch.images[:1], batch.labels[:1]
one_image, right = {}, {}
for lr in (0.00003, 0.002, 0.1):
    net = models.FCN8s(CLASSES, width=1 / 16, dropout=0.0)
    optimizer = optim.Adam(net.parameters(), lr=lr)
    losses = []
    for _ in range(70):
        scores = net(mf.Tensor(image))
        loss = F.softmax_cross_entropy(scores, label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    one_image[lr], right[lr] = losses, (scores.data.argmax(axis=1) == label).mean()
    print(f"lr {lr:<7g} loss {losses[0]:.2f} -> {losses[-1]:.2f}   highest {max(losses):.2g}   right {right[lr]:.0%}")

# ask: the image is learned with: 0.00003 | 0.002* | 0.1
assert one_image[0.002][-1] < 0.2
assert right[0.002] > 0.9
assert one_image[0.00003][-1] > 0.4  # still on its way
assert max(np.diff(one_image[0.00003])) < 0.01  # a smooth curve
assert max(one_image[0.1]) > 1e4  # thrown far away at first ...
assert 2 * one_image[0.002][-1] < one_image[0.1][-1] < max(one_image[0.1]) / 1e4  # ... and back, but less far
for losses in one_image.values():
    np.testing.assert_allclose(losses[0], np.log(CLASSES), rtol=1e-5)

# %% tags=["fold"]
fig, axes = plt.subplots(figsize=(6.5, 3.4))
for (lr, losses), colour, marker in zip(one_image.items(), (BLUE, GREEN, VERMILLION), "os^", strict=True):
    axes.plot(losses, marker + "-", markersize=3, color=colour, label=f"lr = {lr:g}")
axes.axhline(np.log(CLASSES), color="0.6", linestyle="--")
axes.text(66, 1.3 * np.log(CLASSES), "ln 3")
axes.set(xlabel="step", ylabel="loss on the one image", yscale="log", ylim=(0.03, 30))
axes.text(25, 14, f"goes up to {max(one_image[0.1]):.0e}", color=VERMILLION)
axes.set_title("One image learned by heart: only the middle learning rate does it")
_ = axes.legend()

# %% [markdown]
# All three start at $\ln 3$. With 0.00003 the loss falls, but slowly: the curve is smooth and nearly straight. With 0.1
# the first steps throw the weights so far that the loss becomes enormous; it comes back, but the weights are spoilt.
# With 0.002 the network knows the image. So the code works, and we know a learning rate.
#
# ## The training loop
#
# Now all pictures, in a new order in every epoch (an epoch sees each picture once). Two things are new. Dropout
# switches random features off while training and must be off while testing: `train()` and `eval()`. And testing needs
# no gradients: `no_grad()` saves the memory for them.
#
# **Predict**: after the first epoch, which is lower: the mean training loss of this epoch, or the loss on the test
# pictures?

# %%
EPOCHS, LR = 3, 0.002
unseen = next(data.DataLoader(test, batch_size=len(test)).epoch(0))  # all test pictures in one batch

net = models.FCN8s(CLASSES, width=1 / 16, dropout=0.1)
optimizer = optim.Adam(net.parameters(), lr=LR)
train_loss, test_loss, test_confusion = [], [], []
for epoch in range(EPOCHS):
    net.train()
    for batch in loader.epoch(epoch):
        scores = net(mf.Tensor(batch.images))
        loss = F.softmax_cross_entropy(scores, batch.labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        train_loss.append(loss.item())

    net.eval()
    with mf.no_grad():
        scores = net(mf.Tensor(unseen.images))
        test_loss.append(F.softmax_cross_entropy(scores, unseen.labels).item())
    predicted = scores.data.argmax(axis=1)
    confusion = metrics.ConfusionMatrix(CLASSES)
    confusion.update(unseen.labels, predicted)
    test_confusion.append(confusion)
    mean_loss = np.mean(train_loss[-len(loader) :])
    print(f"epoch {epoch + 1}: training loss {mean_loss:.3f}, test loss {test_loss[-1]:.3f}")

np.testing.assert_allclose(train_loss[0], np.log(CLASSES), rtol=1e-5)
# ask: lower is: the training loss | the test loss*
assert test_loss[0] < np.mean(train_loss[: len(loader)]) - 0.1
assert test_loss[-1] < test_loss[0] < np.log(CLASSES)
assert abs(test_loss[-1] - mean_loss) < 0.1  # in the last epoch

# %% [markdown]
# After the first epoch the test loss is well below the training loss, on pictures that the network has never seen. This
# is no miracle: the mean of an epoch includes its beginning, when the network knew nothing, and dropout makes training
# harder. Later the two are close. The curve shows it.

# %%
steps = np.arange(1, len(train_loss) + 1)
smooth = [np.mean(train_loss[max(0, i - 10) : i]) for i in steps]
epoch_ends = len(loader) * np.arange(1, EPOCHS + 1)
epoch_means = np.mean(np.reshape(train_loss, (EPOCHS, -1)), axis=1)
assert (np.diff(epoch_means) < -0.03).all()  # it still falls in the last epoch,
assert epoch_means[0] - epoch_means[1] > 2 * (epoch_means[1] - epoch_means[2])  # but most of all at first

# %% tags=["fold"]
fig, axes = plt.subplots(figsize=(6.5, 3.4))
axes.plot(steps, train_loss, color="0.75", linewidth=1, label="training, single steps")
axes.plot(steps, smooth, color=BLUE, linewidth=2, label="training, mean of 10 steps")
axes.plot(epoch_ends, test_loss, "o", color=VERMILLION, markersize=7, label="test pictures")
axes.axhline(np.log(CLASSES), color="0.6", linestyle="--")
axes.text(0.8 * len(steps), np.log(CLASSES) + 0.02, "ln 3")
axes.set(xlabel="step", ylabel="loss", ylim=(0, 1.25))
axes.set_title("The loss starts at ln 3 and falls, quickly at first")
_ = axes.legend(loc="lower left")

# %% [markdown]
# Single steps jump up and down, because some batches are harder than others; only the mean tells whether it still
# falls. It does, so a longer training would help.
#
# ## Counting what is right
#
# The loss is what training uses; people want to know how many pixels are right. Everything is read off the **confusion
# matrix** $n_{ij}$: the number of pixels of class $i$ that were predicted as class $j$. We fill one by hand, for a
# small label and prediction. The label 255 means: nobody knows, do not count.

# %%
truth = np.array([[0, 0, 0, 1], [0, 0, 1, 1], [2, 2, 255, 1]])
guess = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 2, 2, 0]])

n = np.zeros((3, 3), int)
for t, g in zip(truth.ravel(), guess.ravel(), strict=True):
    if t != 255:
        n[t, g] += 1
print(n)

counted = metrics.ConfusionMatrix(3, ignore_index=255)
counted.update(truth, guess)
np.testing.assert_array_equal(counted.matrix, n)
assert n.sum() == 11  # of 12 pixels

# %% [markdown]
# The diagonal holds what is right. The row of a class is its truth, the column what was called so.
#
# - **pixel accuracy**: the share of pixels that are right, $\sum_i n_{ii} \,/\, \sum_{ij} n_{ij}$;
# - **IoU** of class $i$, intersection over union: of all pixels that are $i$ *or* were called $i$, the share that is
#   both, $n_{ii} \,/\, (\sum_j n_{ij} + \sum_j n_{ji} - n_{ii})$;
# - **mean IoU**: its mean over the classes.
#
# **Predict**: compute them on paper from the printed matrix before you run the cell.

# %%
right_pixels = np.diag(n)
truth_pixels, guess_pixels = n.sum(axis=1), n.sum(axis=0)
iou = right_pixels / (truth_pixels + guess_pixels - right_pixels)
print("pixel accuracy:", right_pixels.sum(), "/", n.sum())
print(
    "IoU:           ",
    [f"{a}/{b}" for a, b in zip(right_pixels, truth_pixels + guess_pixels - right_pixels, strict=True)],
)
print("mean IoU:      ", iou.mean().round(4))

# ask: the three IoUs
np.testing.assert_allclose(iou, [4 / 7, 3 / 5, 1 / 2])
np.testing.assert_allclose(counted.iou, iou)
np.testing.assert_allclose(counted.pixel_accuracy, 8 / 11)
np.testing.assert_allclose(counted.mean_iou, iou.mean())

# %% [markdown]
# ## Why not simply pixel accuracy?
#
# **Predict**: a "network" that calls every pixel background. What are its pixel accuracy and its mean IoU on our test
# pictures?

# %%
lazy = metrics.ConfusionMatrix(CLASSES)
lazy.update(unseen.labels, np.zeros_like(unseen.labels))
share = (unseen.labels == 0).mean()
print(f"{share:.1%} of the pixels are background")
print(f"pixel accuracy {lazy.pixel_accuracy:.3f}   IoU {lazy.iou.round(3)}   mean IoU {lazy.mean_iou:.3f}")
np.testing.assert_allclose(lazy.pixel_accuracy, share)
# ask: its mean IoU
assert 0.15 < lazy.mean_iou < 0.25
np.testing.assert_allclose(lazy.mean_iou, share / CLASSES)

# %% [markdown]
# Its pixel accuracy is the share of the background, which the frequent class alone decides. The mean IoU counts every
# class alike: two of three are 0, so it is a third of that.
#
# Now our own network, after each epoch:

# %%
print("epoch   pixel accuracy   mean IoU   IoU of", ", ".join(train.class_names))
for epoch, confusion in enumerate(test_confusion, start=1):
    print(f"{epoch:5} {confusion.pixel_accuracy:16.3f} {confusion.mean_iou:10.3f}   {confusion.iou.round(2)}")

last = test_confusion[-1]
assert last.pixel_accuracy > 2 / 3
assert last.iou[1:].mean() < last.iou[0] / 2

# %% [markdown]
# More than two of three pixels are right, which sounds fair, but the shapes have hardly been learned: their IoUs are on
# average less than half that of the background. The mean IoU says so, and the IoU of the classes says which.
#
# The whole matrix says more: what a class is taken for. We divide each row by its sum, so that it shows what became of
# a class. **Predict**: are most pixels of discs and squares called background, or a shape? And if a shape, the right
# one?

# %%
matrix = last.matrix / last.matrix.sum(axis=1, keepdims=True)
np.testing.assert_allclose(np.diag(matrix), last.class_accuracy)
shapes = last.matrix[1:]  # of the pixels that are a shape, how many were called what
found = shapes[:, 1:].sum() / shapes.sum()
right_name = np.trace(shapes[:, 1:]) / shapes[:, 1:].sum()
print(f"called a shape: {found:.0%} of their pixels, and of these by the right name {right_name:.0%}")
assert found > 0.7
# ask: they are called: background | the right shape | a shape, the right one about half of the time*
assert 0.4 < right_name < 0.6
assert abs(matrix[1] - matrix[2]).max() < 0.15  # of discs and of squares it says the same

# %% tags=["fold"]
fig, axes = plt.subplots(figsize=(5.4, 3.8))
picture = axes.imshow(matrix, cmap="Greys", vmin=0, vmax=1)
for (i, j), value in np.ndenumerate(matrix):
    axes.text(j, i, f"{value:.2f}", ha="center", va="center", color="white" if value > 0.5 else "black")
axes.set_xticks(range(CLASSES), test.class_names)
axes.set_yticks(range(CLASSES), test.class_names)
axes.set(xlabel="prediction", ylabel="truth", title="Shapes are found, but it says the same of both")
_ = fig.colorbar(picture, label="share of the row")

# %% [markdown]
# Finding a shape is easy, its colour differs from the background. Telling a disc from a square, which may be turned,
# has not been learned in three epochs: the rows of both are nearly the same, and the name is right about half of the
# time. (Which of the names it likes better is chance: on another computer, which rounds otherwise, it may be the other
# one.) Below we give it a better start.
#
# One more trap. The mean IoU of a data set is computed from *one* matrix to which all images were added. The mean of
# the mean IoUs of single images is another number. Take the three rows of `truth` and `guess` for three images:

# %%
single = []
for t, g in zip(truth, guess, strict=True):
    confusion = metrics.ConfusionMatrix(3)
    confusion.update(t, g)
    single.append(confusion.mean_iou)
print(f"from one matrix: {counted.mean_iou:.3f}   single images: {np.round(single, 3)}, mean {np.mean(single):.3f}")
np.testing.assert_allclose(single, [7 / 12, 1, 1 / 6])
assert abs(counted.mean_iou - np.mean(single)) > 0.02

# %% [markdown]
# Always say which one you mean; papers mean the first.
#
# ## Look at the predictions
#
# No number replaces looking. A fault like a shift by some pixels is plain in a picture and invisible in a curve.

# %%
chosen = 0, 1, 2, 3, 4

# %% tags=["fold"]
fig, panels = plt.subplots(3, len(chosen), figsize=(7, 4.4))
for column, i in zip(panels.T, chosen, strict=True):
    column[0].imshow(test[i].image)
    column[1].imshow(unseen.labels[i], cmap="cividis", vmin=0, vmax=CLASSES - 1)
    column[2].imshow(predicted[i], cmap="cividis", vmin=0, vmax=CLASSES - 1)
for panel, name in zip(panels[:, 0], ("image", "label", "prediction"), strict=True):
    panel.set_ylabel(name)
for panel in panels.flat:
    panel.set(xticks=[], yticks=[])
_ = fig.suptitle("Places are nearly right; discs (grey) and squares (yellow) are not told apart")

# %% [markdown]
# ## As the paper does it
#
# The paper does not start from random weights. Its recipe (section 4.3):
#
# 1. The trunk comes from a **classifier** that knows a million photographs. Score layers start from zero, upsampling
#    bilinear.
# 2. Gradient descent with **momentum** 0.9: the weights move by a velocity, $v \leftarrow 0.9\,v + g$ and
#    $w \leftarrow w - \eta v$, so that what many batches agree on adds up (to ten times, $1/(1 - 0.9)$), and what they
#    do not cancels.
# 3. **Weight decay** of 0.0005: each step also draws every weight towards 0, as if half of 0.0005 times its square were
#    part of the loss.
# 4. Batches of 20 images and a fixed **learning rate**: 0.001 for AlexNet, 0.0001 for VGG16, 0.00005 for GoogLeNet;
#    twice that for biases.
# 5. **In stages**: FCN-32s first. FCN-16s starts from its weights, FCN-8s from those of FCN-16s, with a learning rate a
#    hundred times smaller each time.
#
# We do the same, small. The classifier is the one of notebook 4, which has seen single shapes. The rate stays the same
# from stage to stage, since two epochs with a hundredth of it would leave the new score layers at zero; the paper
# trains for at least 175 epochs. First one step by hand, to see what momentum and weight decay do.
#
# **Predict**: a weight is 1, its gradient is 1 in the first step and 0 afterwards; rate 0.1, momentum 0.9, no decay.
# Where is the weight after two steps? And with no gradient at all, but a weight decay of 0.5, after one?

# %%
w = mf.Tensor(np.array([1.0]), requires_grad=True)
optimizer = optim.SGD([w], lr=0.1, momentum=0.9)
path = []
for gradient in (1.0, 0.0):
    optimizer.zero_grad()
    (w * gradient).sum().backward()
    optimizer.step()
    path.append(w.data.item())
# ask: the weight after one and after two steps
np.testing.assert_allclose(path, [1 - 0.1, 1 - 0.1 - 0.09])

w = mf.Tensor(np.array([1.0]), requires_grad=True)
optimizer = optim.SGD([w], lr=0.1, weight_decay=0.5)
(w * 0.0).sum().backward()
optimizer.step()
# ask: the weight after a step of decay alone
np.testing.assert_allclose(w.data, [1 - 0.1 * 0.5])

# %% [markdown]
# Now the stages. `training.transplant` copies what has the same name and shape, and says what it did.
#
# **Predict**: which mean IoU does the last stage reach, compared with the network that started at random? And which
# loss has FCN-16s in its first step, compared with the last one of FCN-32s: about the same, or ln 3 again?

# %%
classifier = models.pretrained("shapes-classifier")
state, stage, epoch = classifier.state_dict(), {}, 0
for name, epochs in (("fcn32s", 3), ("fcn16s", 2), ("fcn8s", 3)):
    net = models.create(name, num_classes=CLASSES, width=0.055, dropout=0.1)
    report = training.transplant(net, state)
    optimizer = optim.SGD(net.parameters(), lr=0.02, momentum=0.9, weight_decay=0.0005)
    history = []
    for number in range(epochs):
        if name == "fcn8s" and number == epochs - 1:
            optimizer.param_groups[0]["lr"] = 0.005  # smaller steps at the end
        net.train()
        for batch in loader.epoch(epoch):
            loss = F.softmax_cross_entropy(net(mf.Tensor(batch.images)), batch.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history.append(loss.item())
        epoch += 1
    with mf.no_grad():
        staged = net.eval()(mf.Tensor(unseen.images)).data.argmax(axis=1)
    confusion = metrics.ConfusionMatrix(CLASSES)
    confusion.update(unseen.labels, staged)
    state, stage[name] = net.state_dict(), (history, confusion)
    print(f"{name}: loss {history[0]:.2f} -> {np.mean(history[-20:]):.2f}   IoU {confusion.iou.round(2)}")
    assert np.mean(history[-20:]) < history[0] - 0.05
print(report)

reached = {name: confusion.mean_iou for name, (_, confusion) in stage.items()}
# ask: mean IoU of the last stage
assert 0.6 < reached["fcn8s"] < 0.9
assert reached["fcn32s"] < reached["fcn16s"] < reached["fcn8s"]
assert reached["fcn8s"] > last.mean_iou + 0.1
assert stage["fcn8s"][1].iou.min() > 0.45  # both shapes are told apart now
# ask: the first loss of FCN-16s is: ln 3 again | about that of FCN-32s at its end*
assert abs(stage["fcn16s"][0][0] - np.mean(stage["fcn32s"][0][-20:])) < 0.2
assert stage["fcn16s"][0][0] < np.log(CLASSES) - 0.1
assert abs(stage["fcn8s"][0][0] - np.mean(stage["fcn16s"][0][-20:])) < 0.2

# %% tags=["fold"]
fig, panels = plt.subplots(4, len(chosen), figsize=(7, 5.7))
rows = [("image", None), ("label", unseen.labels), ("at random", predicted), ("in stages", staged)]
for line, (name, maps) in zip(panels, rows, strict=True):
    line[0].set_ylabel(name)
    for panel, i in zip(line, chosen, strict=True):
        panel.imshow(test[i].image if maps is None else test.palette[maps[i]])
        panel.set(xticks=[], yticks=[])
_ = fig.suptitle("From a classifier, skip by skip, the shapes are told apart")

# %% [markdown]
# Each stage is better than the one before: it has a skip more, and has seen the pictures more often (what a skip does
# by itself shows notebook 9). And it goes on where that one stopped, because its new score layer gives zeros. The
# network that started at random had three epochs, the staged one eight: so it is not only the start. (Question 2 gives
# both the same.)
#
# What a network of this size can learn, given time and pictures, shows the FCN-8s that comes with minifcn. It knows six
# classes, on pictures of 96x96 pixels. Its results on pictures that it has never seen:

# %%
trained, fresh = models.pretrained("shapes-fcn8s"), data.open_dataset("shapes", "test")
confusion = metrics.ConfusionMatrix(6)
answers = [training.predict(trained, fresh[i].image, trained.normalize) for i in range(40)]
for i, answer in enumerate(answers):
    confusion.update(fresh[i].label, answer)
print(dict(zip(trained.class_names, confusion.iou.round(2).tolist(), strict=True)))
assert confusion.mean_iou > 0.93
assert confusion.iou.min() > 0.85

# %% tags=["fold"]
fig, panels = plt.subplots(2, 5, figsize=(7, 3.1))
for column, i in zip(panels.T, (2, 4, 8, 13, 36), strict=True):
    column[0].imshow(fresh[i].image)
    column[1].imshow(pictures.overlay(fresh[i].image, answers[i], trained.palette, alpha=0.7, bare=0))
for panel in panels.flat:
    panel.set(xticks=[], yticks=[])
_ = fig.suptitle("The trained network of the package: image, and prediction over it")

# %% [markdown]
# ## Reading the curves: too little data
#
# One more run, with 8 training pictures instead of 480. **Predict**: how do its two curves, training and test, differ
# from those above?

# %%
few = data.DataLoader(data.Shapes(8, size=SIZE, num_classes=CLASSES, seed=0), batch_size=8)
batch = next(few.epoch(0))
net = models.FCN8s(CLASSES, width=1 / 16, dropout=0.1)
optimizer = optim.Adam(net.parameters(), lr=LR)
few_train, few_test = [], {}
for step in range(1, 81):
    net.train()
    loss = F.softmax_cross_entropy(net(mf.Tensor(batch.images)), batch.labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    few_train.append(loss.item())
    if step % 10 == 0:
        net.eval()
        with mf.no_grad():
            few_test[step] = F.softmax_cross_entropy(net(mf.Tensor(unseen.images)), unseen.labels).item()

print(f"training {few_train[-1]:.3f}, test {few_test[80]:.3f}; with 480 pictures: test {test_loss[-1]:.3f}")
assert few_train[-1] < 0.5 * test_loss[-1]
# ask: its test loss: falls as well | rises in the end*
assert few_test[80] > min(few_test.values()) + 0.1
assert few_test[80] > test_loss[-1] + 0.1
assert few_test[80] > np.log(CLASSES)

# %% tags=["fold"]
fig, axes = plt.subplots(figsize=(6.5, 3.2))
axes.plot(range(1, 81), few_train, color=BLUE, linewidth=2, label="training (8 pictures)")
axes.plot(list(few_test), list(few_test.values()), "o-", color=VERMILLION, label="test pictures")
axes.set(xlabel="step", ylabel="loss", ylim=(0, None))
axes.set_title("Learned by heart: the training loss falls, the test loss rises")
_ = axes.legend()

# %% [markdown]
# The training loss is far lower than before. The test loss rises, even above the $\ln 3$ of a network that knows
# nothing: this one is wrong and sure of it. It knows its 8 pictures, not shapes. A gap that opens between the two
# curves is the sign of **overfitting**. More pictures help, or pictures that are changed at random (mirrored, cropped:
# `data.transforms`), or stopping earlier.
#
# ## On photographs
#
# The measures matter more where classes differ more. If you have CamVid, street scenes with 11 classes, start Python
# with the environment variable `MINIFCN_CAMVID` set to its folder. Otherwise the next cell takes generated pictures.
#
# **Predict**: a certain share of the pixels belongs to the most frequent class. What mean IoU does its name reach,
# given for every pixel, compared with that share?

# %%
folder = os.environ.get("MINIFCN_CAMVID")
streets = data.CamVid(folder, "val") if folder else data.Shapes(20, size=(96, 128), num_classes=5, seed=2)
shares, always = (metrics.ConfusionMatrix(streets.num_classes, streets.ignore_index) for _ in range(2))
for i in range(0, len(streets), max(1, len(streets) // 20)):  # twenty of them will do
    label = streets[i].label
    shares.update(label, np.zeros_like(label))
pixels = shares.matrix.sum(axis=1)
most = int(pixels.argmax())
always.matrix[:, most] = pixels
for name, share in sorted(zip(streets.class_names, pixels / pixels.sum(), strict=True), key=lambda pair: -pair[1]):
    print(f"{name:12} {share:6.1%}")
print(f"always {streets.class_names[most]}: pixel accuracy {always.pixel_accuracy:.3f}, mean IoU {always.mean_iou:.3f}")

np.testing.assert_array_equal(always.matrix.sum(axis=1), pixels)  # a row is all of one class
np.testing.assert_allclose(always.pixel_accuracy, pixels[most] / pixels.sum())
np.testing.assert_allclose(always.mean_iou, pixels[most] / pixels.sum() / (pixels > 0).sum())
# ask: its mean IoU is: about its share | about half of it | less than a third of it*
assert always.mean_iou < always.pixel_accuracy / 3

# %% [markdown]
# `minifcn train --data camvid:FOLDER` trains on all of it; docs/results.md shows what three networks reach.
#
# ## Questions
#
# 1. What is the loss of a new network with 21 classes? How large is it after the network has learned nothing but the
#    share of each class? (Compute $-\sum_c f_c \ln f_c$ with the shares $f_c$ in `unseen.labels`, and compare it with
#    the loss after the first steps.)
# 2. Train the network that starts at random for as long as the stages together: `EPOCHS = 8`. How much of their lead
#    does it make up? And with `EPOCHS = 20`: which of the three IoUs grows, does a gap open between the curves?
# 3. Leave `optimizer.zero_grad()` out of the loop over one image. With Adam the training may still work for a while.
#    Why is that, when every gradient is the sum of all before?
# 4. What are IoU and class accuracy of a class that no label contains, but that is predicted for one pixel? What if it
#    is not predicted either? Why does the second case need a rule? (`metrics.ConfusionMatrix`, its notes.)
# 5. Can the mean IoU rise while the pixel accuracy falls? Write two small predictions for `truth` that show it.
#
# ## What to read next
#
# `minifcn/training/trainer.py`, whose `step` is this loop with checkpoints and a log around it; `minifcn/optim.py`;
# `minifcn/metrics.py`. Paper: section 4.3 (training) and section 5 (the four measures).
