# %% [markdown]
# # 16. NumPy and CuPy: one graph, two machines
#
# minifcn runs on a CPU with NumPy and on a GPU with CuPy, and the code is the same. After this notebook you can write a
# function that works on both, say what travels between the two machines and what makes one wait for the other, and
# compare the devices that you have. At the end several processes share a batch. It is an appendix: nothing about
# segmentation depends on it.
#
# You need: NumPy, and `Tensor` and `backward` from notebook 1. **A GPU is not needed.** Without one, every cell runs on
# the CPU and says so; the asserts hold on both.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

import minifcn as mf
import minifcn.functional as F
from minifcn import Tensor, backend, models, nn
from minifcn.benchmark import scaling
from minifcn.benchmark.devices import compare_devices

plt.style.use("minifcn.explain.figures")  # legible on light and on dark pages
plt.rcParams.update({"font.size": 11, "figure.constrained_layout.use": True})
rng = np.random.default_rng(0)

# %% [markdown]
# ## Is there a GPU?
#
# A GPU is a second computer in the same case: it has processors and memory of its own. The CPU, with its memory, is
# called the *host*; the GPU is a *device*. CuPy is a library with the functions of NumPy whose arrays live in the
# memory of a GPU. `mf.cuda_problem()` tries to compute something there. It gives an empty text if that worked, and
# otherwise a sentence about what is missing.

# %%
problem = mf.cuda_problem()
device = "cpu" if problem else "cuda:0"
print(f"This notebook runs on {device}.", problem or backend.device_name(device))
assert backend.resolve_device("auto") == device

# %% [markdown]
# ## One function for both
#
# `np.exp` works on arrays of NumPy, `cupy.exp` on those of CuPy. A function that is to work on both must ask its
# argument. That is the first line of all array code in minifcn:


# %%
def softmax(x):
    xp = mf.array_module(x)  # numpy, or cupy
    e = xp.exp(x - x.max(axis=0))
    return e / e.sum(axis=0)


on_host = rng.standard_normal((21, 5, 5))
assert mf.array_module(on_host) is np
np.testing.assert_allclose(softmax(on_host).sum(axis=0), 1)
np.testing.assert_allclose(softmax(on_host), F.softmax(mf.Tensor(on_host), axis=0).data)

# %% [markdown]
# Now the same function on the device. `mf.to_device` copies an array there, `mf.to_host` copies one back, and
# `backend.device_of` tells where an array lives.
#
# **Predict** before you run the next cell: are the two results equal?

# %%
on_device = mf.to_device(on_host, device)
assert backend.device_of(on_device) == device
assert backend.device_of(softmax(on_device)) == device  # the result stays where the argument was

back = mf.to_host(softmax(on_device))
assert isinstance(back, np.ndarray)
# ask: they are equal: to the last bit | but for rounding* | only roughly
np.testing.assert_allclose(back, softmax(on_host), rtol=1e-12)

# %% [markdown]
# Equal up to rounding. Why not quite equal? A sum in floating point depends on the order of its terms, and a GPU with
# thousands of processors adds in another order. You can see that without a GPU:

# %%
numbers = rng.standard_normal(100_000).astype("float32")
one_by_one = np.cumsum(numbers)[-1]
in_pairs = numbers.sum()
print(f"one by one {one_by_one:.6f}, in pairs {in_pairs:.6f}")
assert one_by_one != in_pairs
assert abs(one_by_one - in_pairs) < 1e-3 * abs(numbers).sum()

# %% [markdown]
# ## The same graph
#
# A `Tensor` holds an array of either kind. The operations ask the array, so the graph of operations is the same, and so
# are its gradients. Here are a small network's loss and gradients, on the host and on the device. There is no global
# switch: both meet in one program.


# %%
def loss_and_gradients(device):
    rng = np.random.default_rng(1)  # random numbers are drawn on the host: every device gets the same
    first = nn.Conv2d(3, 8, 3, padding=1, relu=True, rng=rng).to(device)
    second = nn.Conv2d(8, 4, 1, rng=rng).to(device)
    images = mf.Tensor(mf.to_device(rng.standard_normal((2, 3, 16, 16), dtype="float32"), device))
    labels = mf.to_device(rng.integers(0, 4, (2, 16, 16)), device)
    loss = F.softmax_cross_entropy(second(first(images)), labels)
    loss.backward()
    return [loss, *(parameter.grad for layer in (first, second) for parameter in layer.parameters())]


for a, b in zip(loss_and_gradients("cpu"), loss_and_gradients(device), strict=True):
    assert (a.device, b.device) == ("cpu", device)
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-3, atol=1e-6)

# %% [markdown]
# What must not happen is an operation with one operand here and one there. Neither library copies an array silently;
# minifcn names both places and the remedy.

# %%
if device != "cpu":
    try:
        mf.Tensor(np.ones(3)) + mf.Tensor(mf.to_device(np.ones(3), device))
    except TypeError as error:
        print(error)
    else:
        raise AssertionError("it should have been refused")
else:
    print("Without a GPU there is only one place.")

# %% [markdown]
# ## What travels
#
# The wire between host and device is much slower than the memory of either. So one wants to send little, and seldom. An
# array that is there already is not sent again:

# %%
assert mf.to_device(on_device, device) is on_device
assert mf.to_host(on_host) is on_host

# %% [markdown]
# The weights stay on the device. For a training step, only the images and the labels have to go there. (The random
# masks of dropout are computed there, with the bits that the host would have.) And what comes back from a prediction?
# The network gives 21 scores for each pixel, in float32. But one wants the class: one byte.
#
# **Predict**: how many times less travels if the largest score is found on the device?

# %%
height, width, classes = 500, 500, 21
megabytes = {
    "image, float32": height * width * 3 * 4 / 1e6,
    "scores, float32": height * width * classes * 4 / 1e6,
    "classes, int64": height * width * 8 / 1e6,
    "classes, uint8": height * width * 1 / 1e6,
    "loss, float32": 4 / 1e6,
}
# ask: times less
assert megabytes["scores, float32"] / megabytes["classes, uint8"] == 21 * 4 == 84

scores = mf.to_device(rng.standard_normal((classes, 40, 40), dtype="float32"), device)
predicted = scores.argmax(axis=0)  # on the device, int64
assert predicted.dtype == np.int64
small = mf.to_host(predicted.astype("uint8"))  # converted there, and then sent
assert small.nbytes * 84 == scores.nbytes
np.testing.assert_array_equal(small, mf.to_host(scores).argmax(axis=0))

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(6.5, 2.9))
bars = ax.barh(list(megabytes), list(megabytes.values()), color=["#0072B2", "#D55E00", "#E69F00", "#009E73", "#009E73"])
ax.bar_label(bars, [f" {size:g}" for size in megabytes.values()])
ax.invert_yaxis()
ax.set(xlabel="megabytes, for one image of 500x500 pixels", xlim=(0, 25))
_ = ax.set_title("Send classes, not scores: 84 times less")

# %% [markdown]
# ## What waits
#
# A call like `a @ b` with arrays on a GPU returns at once. It has only put the work into a queue; the GPU gets to it
# when the work before it is done. Meanwhile the host goes on and prepares the next call. This is called *asynchronous*.
# The host has to wait when it needs a *value*: `.item()`, `float(loss)`, `print(x)`, `if x > 0`, `mf.to_host(x)`.
#
# Let us play this through with made-up numbers. The host takes 2 units of time to prepare a call, the device 3 to do
# the work. The device starts a job when the job is in the queue and the one before is done. Either the host queues one
# call after the other, or it looks at each value, which means: wait until the job is done.
#
# **Predict**: how long do 6 calls take, without looking and with?


# %%
def play(calls, prepare, work, look):
    """The times at which the host and the device are busy: lists of (start, end)."""
    now, free, host, jobs = 0, 0, [], []
    for _ in range(calls):
        host.append((now, now + prepare))
        now += prepare
        start = max(now, free)
        free = start + work
        jobs.append((start, free))
        if look:
            now = free
    return host, jobs


without, looking = play(6, 2, 3, look=False), play(6, 2, 3, look=True)
# ask: time without looking
assert without[1][-1][1] == 2 + 6 * 3 == 20
# ask: time with looking
assert looking[1][-1][1] == 6 * (2 + 3) == 30

# %% tags=["fold"]
fig, axes = plt.subplots(2, 1, figsize=(7, 3.6), sharex=True)
titles = ["without looking: the device is never idle", "looking at each value: host and device wait in turn"]
for ax, (host, jobs), title in zip(axes, (without, looking), titles, strict=True):
    for row, (spans, colour, ink) in enumerate([(host, "#E69F00", "black"), (jobs, "#0072B2", "white")]):
        for number, (start, end) in enumerate(spans, start=1):
            ax.barh(row, end - start, left=start, height=0.7, color=colour, edgecolor="white")
            ax.text((start + end) / 2, row, number, ha="center", va="center", color=ink, weight="bold")
    ax.set(title=title, yticks=[0, 1], yticklabels=["host", "device"], xlim=(0, 31))
    ax.invert_yaxis()
_ = axes[1].set_xlabel("time, in made-up units")

# %% [markdown]
# The first host is done after 12 units and has nothing to do; the device sets the pace. In the second, each waits for
# the other. So a training loop that prints the loss at each step is slower on a GPU. minifcn's trainer keeps the losses
# on the device and reads them once a second.
#
# ## Measuring time
#
# **Predict**: somebody reads the clock, calls `a @ a` on a GPU, reads the clock again, and is delighted. What did they
# measure? In the units of above, let the product take 300.

# %%
host, jobs = play(1, 2, 300, look=False)
returned, finished = host[-1][1], jobs[-1][1]
# ask: they measured: the time of the product | the time to queue it*
assert returned < 0.01 * finished
# ask: units until the call returned
assert returned == 2
# ask: units until the product was there
assert finished == 302

a = mf.to_device(rng.standard_normal((1000, 1000), dtype="float32"), device)
a @ a  # the first call prepares things
backend.wait_for(device)

started = time.perf_counter()
a @ a
queued = time.perf_counter() - started

backend.wait_for(device)
started = time.perf_counter()
a @ a
backend.wait_for(device)
done = time.perf_counter() - started
print(f"on {device}: until the call returned {1000 * queued:.3f} ms, until the work was done {1000 * done:.3f} ms")

# %% [markdown]
# On a GPU, the time to put the work into the queue. Only the second way, with `wait_for` before and after, measures the
# work. On a CPU both are the same, up to chance, because there `a @ a` returns when it is done. The two times that are
# printed are not asserted: they depend on the machine.
#
# ## Compare your devices
#
# One call runs FCN-8s with the same weights on the same image on every device here, waits where it must, and compares
# the scores. "of it products" is what the matrix products alone take; the rest goes to copies and elementwise
# operations. We take a small image and a quarter of the channels, so that it is quick. On a GPU, try it without
# arguments.

# %%
comparison = compare_devices(size=(96, 96), width=1 / 4, repeats=3)
print(comparison)

assert comparison.times[0].device == "cpu"
assert len(comparison.times) == (1 if device == "cpu" else 2)
for i, times in enumerate(comparison.times):
    assert times.scores.shape == (1, 21, 96, 96)
    assert comparison.difference(i) < 1e-3

# %% [markdown]
# The times are medians, but on a machine that is busy with other work they still jump; the rest may then even come out
# negative. Run the cell again.
#
# If the table has one row, the line below it says why. With two, look at the last column first: only results that agree
# are worth comparing in speed. Then look at what small images do to a GPU: each of the network's layers must be queued,
# however little work it is.
#
# ## Without a GPU: what one took
#
# These times were measured with an earlier state of minifcn on an NVIDIA H100 with 80 GB (medians, the lower ends of
# the ranges in docs/performance.md): FCN-8s at full width, one image of 500x500 pixels, 21 classes. A *launch* is a
# piece of work that the host puts into the queue, which takes it some 20 microseconds.
#
# **Predict**: how long does the host need to queue 432 launches?

# %%
forward = {"float32": (11.0, 432, 5.6), "TF32": (14.5, 450, 1.6)}  # minifcn in ms, its launches, PyTorch in ms
if device == "cpu":
    for precision, (ms, launches, pytorch) in forward.items():
        print(f"{precision:8} minifcn {ms:5.1f} ms with {launches} launches, PyTorch with cuDNN {pytorch:4.1f} ms")
queueing = 432 * 0.020
# ask: milliseconds
np.testing.assert_allclose(queueing, 8.64)
assert queueing > 0.7 * forward["float32"][0]
assert forward["TF32"][0] > forward["float32"][0]  # faster products, and no faster network

# %% [markdown]
# Most of the 11 ms. So the GPU waited for the host, and faster matrix products (TF32) made the network no faster. That
# is why the launches were reduced since, to 63; how long it takes now has not been measured on a GPU.
#
# ## Without a GPU: how can such code be tested?
#
# On a machine without a GPU, a mistake such as an array of NumPy among arrays of CuPy would go unnoticed. minifcn's
# tests therefore run on a stand-in as well (`tests/standin`): a module that computes with NumPy, refuses what CuPy
# refuses, and counts what would wait and what would travel.
#
# ## More than one computer
#
# Several processes can share a batch: each takes the gradient of its images, and all gradients are added up. Here they
# do so one after the other, in this notebook; `mpiexec -n 2 minifcn train` does it side by side (docs/parallel.md).
#
# **Predict**: two processes (called *ranks*) take 2 and 1 of three images, and the second image is mostly void. Each
# has the gradient of the *mean* loss of its own pixels. Is the mean of the two gradients that of the whole batch?

# %%
net = models.FCN32s(3, width=1 / 32, dropout=0, rng=np.random.default_rng(0)).astype("float64")
net.score_fr.weight.data[...] = rng.standard_normal(net.score_fr.weight.shape)  # else nothing below it would learn
images, labels = rng.standard_normal((3, 3, 32, 32)), rng.integers(0, 3, (3, 32, 32))
labels[1, 4:] = 255
parts = [slice(0, 2), slice(2, 3)]


def gradient(part, reduction, factor=1.0):
    """Give the gradient of a part's loss by the first weight."""
    net.conv1_1.weight.grad = None
    (F.softmax_cross_entropy(net(Tensor(images[part])), labels[part], reduction=reduction) * factor).backward()
    return net.conv1_1.weight.grad.data


whole = gradient(slice(0, 3), "mean")
mean_of_means = sum(gradient(part, "mean") for part in parts) / len(parts)
counted = (labels != 255).sum()
summed = sum(gradient(part, "sum", 1 / counted) for part in parts)
for name, found in [("mean of the means", mean_of_means), ("sums, divided by what counts in all", summed)]:
    print(f"{name}: differs by {abs(found - whole).max() / abs(whole).max():.1e} of the largest")

np.testing.assert_allclose(summed, whole, rtol=0, atol=1e-12 * abs(whole).max())
same = abs(mean_of_means - whole).max() < 0.01 * abs(whole).max()
assert not same  # ask: the mean of the two is the gradient of the batch: true | false*

# %% [markdown]
# No: a pixel of the first rank would weigh otherwise than one of the second. With the number that counts in *all* of
# the batch the sum is exact, to the last digits. So however many processes share a batch, they learn what one learns.
#
# Adding up costs time as well. Around a ring of n workers it takes 2 (n - 1) turns, and each sends less than twice the
# gradient. Let each worker have 8 images, however many workers there are (*weak scaling*), and be 100 times as fast as
# a thread of a CPU. The *efficiency* is the share of a step that is computation.
#
# **Predict**: FCN-8s has a gradient of 135 MB. Over 10 Gbit/s, are two workers quicker than one?

# %%
compute, size = 8 * 0.875 / 100, 135.3e6
two = scaling.efficiency(2, compute, size, scaling.LINKS[0])
print(f"two workers over {scaling.LINKS[0].name} do {2 * two:.2f} times the work of one")
quicker = 2 * two > 1
assert not quicker  # ask: two workers are: quicker than one | slower than one*
assert 2 * scaling.efficiency(2, compute, size, scaling.LINKS[1]) > 1  # with ten times the bandwidth
assert 2 * scaling.efficiency(2, 10 * compute, size, scaling.LINKS[0]) > 1  # or ten times the images

# %% tags=["fold"]
workers = 2 ** np.arange(11)
fig, axes = plt.subplots(figsize=(6.5, 3.2))
for link, colour in zip(scaling.LINKS, ("#D55E00", "#0072B2", "#009E73"), strict=True):
    parts = [scaling.efficiency(int(n), compute, size, link) for n in workers]
    axes.plot(workers, parts, "o-", color=colour, label=link.name)
axes.set(xscale="log", xlabel="workers", ylabel="efficiency", ylim=(0, 1.05))
axes.set_title("Weak scaling of FCN-8s by the model")
_ = axes.legend(loc="center right", bbox_to_anchor=(1, 0.46))

# %% [markdown]
# They are not. Ten times the bandwidth, and it pays; or ten times as many images for each worker.
#
# ## Questions
#
# 1. In `softmax`, subtract `np.full(x.shape[1:], 5.0)` instead of the maximum. Does the notebook still run without a
#    GPU? What would happen with one?
# 2. Let the device be faster than the host: `play(6, 2, 1, look=False)`. Who sets the pace now? What does looking cost?
#    Which networks are in this situation?
# 3. Images are stored as bytes, and become float32 when their mean is subtracted. How much would travel for an image if
#    that was done on the device? Add a line to `megabytes`.
# 4. Why must `wait_for` stand *before* the measurement, too? Describe with `play` what goes wrong without it.
# 5. `if loss.item() > 100: stop()` in each step is a safeguard that waits. How would you keep the safeguard without
#    waiting in each step? Change `play` so that it looks at every third value, and compare.
#
# ## What to read next
#
# - `minifcn/backend/`: devices, and the way of an array to one and back. `minifcn/benchmark/devices.py`: the
#   comparison.
# - `docs/performance.md`, "On a GPU". The times in the paper's table 1 are those of an NVIDIA K40c.
