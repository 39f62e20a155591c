# %% [markdown]
# # 5. The transposed convolution, step by step
#
# A fully convolutional network makes its maps small on the way in and large again on the way out. The operation that
# makes them large is the transposed convolution. After this notebook you can compute one by hand, in three ways that
# agree; you can say what `stride`, `padding` and `output_padding` do to it; and you know what it is *for* besides
# upsampling: it is how a gradient passes back through a convolution.
#
# You need: notebook 2 (a convolution as a matrix); that is, a kernel that slides over a map, and the product of a
# matrix and a vector.

# %%
import matplotlib.pyplot as plt
import numpy as np

import minifcn as mf
import minifcn.functional as F
from minifcn import explain

rng = np.random.default_rng(0)
np.set_printoptions(suppress=True)  # 1379 instead of 1.379e+03

# %% [markdown]
# **Letters.** Everything here belongs to one convolution that turns a large map $x$ into a small map $y$, with kernel
# size $K$, stride $S$ and padding $P$. The transposed convolution goes the other way: it takes a small map $y$ and
# gives a large one, of the shape of $x$.
#
# ## 5.1 Stamps
#
# Take a small map $y$ of 2x2 pixels and a kernel $w$ of 3x3 weights. The rule has one sentence: **every pixel of $y$
# stamps the kernel, times its own value, on the result; the stamps of neighbouring pixels are $S$ apart; where stamps
# overlap, they add up.**
#
# The numbers are chosen so that you can read the sums. The pixels are 1, 10, 100 and 1000 and the weights are the
# digits 1 to 9, so each digit of a result tells which weight came from which pixel.

# %%
y = np.array([[1.0, 10.0], [100.0, 1000.0]])
w = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])

# %% [markdown]
# **Predict** before you run the next cell, for stride $S = 2$: how large is the result? And which number is in its
# middle, where all four stamps overlap?


# %%
def stamp(y, w, stride):
    height, width = y.shape
    k = len(w)
    result = np.zeros(((height - 1) * stride + k, (width - 1) * stride + k))
    for i in range(height):
        for j in range(width):
            top, left = i * stride, j * stride
            result[top : top + k, left : left + k] += y[i, j] * w
    return result


stamped = stamp(y, w, stride=2)
print(stamped)
assert stamped.shape == (5, 5)
assert stamped[2, 2] == 1379

# %% [markdown]
# The result has 5x5 pixels: the last stamp begins at $(2-1) \cdot 2 = 2$ and is 3 long. In general the size is
# $(n - 1)S + K$ for $n$ pixels. In the middle stands 1379: pixel 1000 brought its first weight (1), pixel 100 its
# third (3), pixel 10 its seventh (7) and pixel 1 its last (9).
#
# The figure shows the four stamps one by one.

# %% tags=["fold"]
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
COLOURS = [BLUE, ORANGE, GREEN, VERMILLION]


def draw(ax, values, title, shade=None, colour="grey", strength=None, ticks=True):
    """Write a matrix into a grid; the larger `shade` is, the darker the tint of a cell."""
    shade = (values != 0) if shade is None else shade
    strength = 0.45 / max(shade.max(), 1) if strength is None else strength
    for (i, j), value in np.ndenumerate(values):
        tint = colour[i][j] if isinstance(colour, list) else colour
        ax.add_patch(plt.Rectangle((j, i), 1, 1, facecolor=tint, alpha=strength * shade[i, j], edgecolor="none"))
        ax.text(
            j + 0.5, i + 0.5, f"{value:g}", ha="center", va="center", fontsize=10, color="black" if value else "grey"
        )
    ax.set(xlim=(0, values.shape[1]), ylim=(values.shape[0], 0), aspect="equal")
    ax.set_xticks(np.arange(values.shape[1]) + 0.5, range(values.shape[1]), fontsize=10)
    ax.set_yticks(np.arange(values.shape[0]) + 0.5, range(values.shape[0]), fontsize=10)
    ax.tick_params(length=0, labelbottom=ticks, labelleft=ticks)
    ax.set_title(title, fontsize=10)


fig, axes = plt.subplots(2, 3, figsize=(7, 5.4), layout="constrained")
draw(axes[0, 0], y, "the small map y", colour=[COLOURS[:2], COLOURS[2:]])
for n, (i, j) in enumerate(np.ndindex(2, 2)):
    alone = np.zeros((2, 2))
    alone[i, j] = y[i, j]
    draw(axes[i, j + 1], stamp(alone, w, 2), f"stamp of y[{i}, {j}] = {y[i, j]:g}", colour=COLOURS[n], ticks=False)
coverage = stamp(np.ones((2, 2)), np.ones((3, 3)), 2)
draw(axes[1, 0], stamped, "the sum of the stamps\n(darker: more stamps)", shade=coverage, strength=0.12)
axes[1, 0].set(xlabel="column", ylabel="row")
fig.suptitle("Every pixel stamps the kernel; where stamps overlap, they add up", fontsize=12)
stamps = [stamp(np.where(np.arange(4).reshape(2, 2) == n, y, 0), w, 2) for n in range(4)]
np.testing.assert_array_equal(sum(stamps), stamped)

# %% [markdown]
# `F.conv_transpose2d` is this operation, for maps of shape (N, C, H, W) and weights of shape (C, O, KH, KW). With one
# image and one channel, two axes of length 1 are put in front.

# %%
Y = mf.Tensor(y[None, None])
W = mf.Tensor(w[None, None])
result = F.conv_transpose2d(Y, W, stride=2).data[0, 0]
np.testing.assert_array_equal(result, stamped)

# %% [markdown]
# ## 5.2 Padding crops
#
# **Predict**: with `padding=1`, does the result become larger (7x7), stay 5x5, or become smaller (3x3)?

# %%
padded = F.conv_transpose2d(Y, W, stride=2, padding=1).data[0, 0]
print(padded)
assert padded.shape == (3, 3)
np.testing.assert_array_equal(padded, stamped[1:-1, 1:-1])

# %% [markdown]
# Smaller: in a transposed convolution, `padding` *cuts off* $P$ rows and columns on every side. The size is
# $(n - 1)S + K - 2P$.
#
# The name makes sense once you look at the convolution that is being transposed. There, $P$ zeros are put around $x$,
# so that 3x3 pixels become 5x5 before the kernel slides. On the way back, what would land on these zeros is thrown
# away, because $x$ has no pixel there.

# %%
x = mf.Tensor(rng.normal(size=(1, 1, 3, 3)))
assert F.conv2d(x, W, stride=2, padding=1).shape == (1, 1, 2, 2)  # 3x3 -> 2x2
assert F.conv_transpose2d(Y, W, stride=2, padding=1).shape == (1, 1, 3, 3)  # 2x2 -> 3x3

# %% [markdown]
# ## 5.3 Why it is called transposed
#
# A convolution is linear, so it is a matrix $C$: write the pixels of $x$ one row after the other as a vector, then
# $y = C x$. Each row of $C$ computes one pixel of $y$; it holds the kernel at the place of that pixel's window.
#
# **Predict**: for $x$ of 5x5, $K = 3$, $S = 2$, how many rows and columns has $C$? And $C^T$?

# %%
C = explain.conv_matrix(W, (1, 5, 5), stride=2)
print(C.astype(int))
assert C.shape == (4, 25)

x = rng.normal(size=(5, 5))
np.testing.assert_allclose(C @ x.ravel(), F.conv2d(mf.Tensor(x[None, None]), W, stride=2).data.ravel())

# %% [markdown]
# 4 rows, because $y$ has 4 pixels; 25 columns, because $x$ has 25. So $C$ takes 25 numbers to 4, and $C^T$ takes 4
# numbers to 25: it goes from the shape of $y$ to the shape of $x$.
#
# **Predict**: what is $C^T y$?

# %%
np.testing.assert_array_equal((C.T @ y.ravel()).reshape(5, 5), stamped)
for n in range(4):  # row n of C is stamp n
    np.testing.assert_array_equal(y.ravel()[n] * C[n].reshape(5, 5), stamps[n])

# %% [markdown]
# It is the sum of the stamps, to the last digit. $C^T y = \sum_n y_n \cdot (\text{row } n \text{ of } C)$, and row $n$
# of $C$, folded back to 5x5, is the kernel at window $n$: that is a stamp. The two pictures say the same:
#
# - the convolution **gathers**: pixel $n$ of $y$ is the sum over window $n$ of $x$, each pixel times its weight;
# - the transposed convolution **scatters**: pixel $n$ of $y$ is spread over the same window, with the same weights.

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
ax.set_title("Each row of C is a window of the convolution, and a stamp of its transpose", fontsize=12)
ax.set(xlim=(0, 25), ylim=(4, 0), xlabel="pixel of x, one row of five after the other", ylabel="pixel of y")
ax.set_xticks(np.arange(0, 25, 5) + 0.5, [f"x[{row}, 0]" for row in range(5)])
ax.set_yticks(np.arange(4) + 0.5, ["y[0, 0]", "y[0, 1]", "y[1, 0]", "y[1, 1]"])
for (n, k), value in np.ndenumerate(C):
    if value:
        ax.add_patch(plt.Rectangle((k, n), 1, 1, facecolor=COLOURS[n], alpha=0.45))
        ax.text(k + 0.5, n + 0.5, f"{value:g}", ha="center", va="center", fontsize=10)
for k in range(0, 26, 5):
    ax.axvline(k, color="grey", linewidth=0.8)

# %% [markdown]
# The crop is in the matrix as well. With $P = 1$, $x$ has 3x3 pixels; weights that would meet the padding are simply
# not in $C$.

# %%
C_padded = explain.conv_matrix(W, (1, 3, 3), stride=2, padding=1)
assert C_padded.shape == (4, 9)
assert np.count_nonzero(C) == 36  # 4 windows of 9 weights
assert np.count_nonzero(C_padded) == 16  # of each window 4 weights lie on x, 5 on the padding
np.testing.assert_array_equal((C_padded.T @ y.ravel()).reshape(3, 3), padded)

# %% [markdown]
# Now click through it: forward, back, or with the arrow keys. Every step is a stamp, and at the same time a column of
# $C^T$. Point at a pixel of the result to see its row, and the pixels of $y$ that it is made of. (The stepper calls
# what goes in $x$ and what comes out $y$, as programs do.) **Predict** before each step: which numbers will it add, and
# where?

# %%
stepper = explain.Stepper(y, w, stride=2, padding=1)
assert [step.value for step in stepper.steps] == [1, 10, 100, 1000]
np.testing.assert_array_equal([step.column for step in stepper.steps], C_padded)  # the columns of its transpose
stepper

# %% [markdown]
# ## 5.4 Zeros between the pixels, and the flip that is often forgotten
#
# The transposed convolution is often drawn in a third way: put $S - 1$ zeros between the pixels of $y$ and $K - 1$
# zeros around them, then slide a kernel over it with stride 1. That is right, but which kernel?
#
# **Predict** with the smallest case: one pixel of value 1, with two zeros on every side. What do you get if you slide
# $w$ over it?

# %%
one = np.zeros((5, 5))
one[2, 2] = 1
slid = F.conv2d(mf.Tensor(one[None, None]), W).data[0, 0]
print(slid)
np.testing.assert_array_equal(slid, w[::-1, ::-1])

# %% [markdown]
# The kernel comes out turned by 180 degrees. The first window has the pixel at its *last* place, so the first output
# is the *last* weight. A stamp would have given $w$ as it is. So the kernel that slides has to be turned by 180
# degrees beforehand: then the two turns cancel.

# %%
spread = np.zeros((7, 7))
spread[2:5:2, 2:5:2] = y  # a zero between, two around
spread_map = mf.Tensor(spread[None, None])
turned = mf.Tensor(w[None, None, ::-1, ::-1])

with_flip = F.conv2d(spread_map, turned).data[0, 0]
without_flip = F.conv2d(spread_map, W).data[0, 0]
np.testing.assert_array_equal(with_flip, stamped)
assert without_flip.shape == stamped.shape
assert stamped[2, 2] == 1379
assert without_flip[2, 2] == 9731  # every pixel met the weight opposite to the right one

# %% tags=["fold"]
fig, axes = plt.subplots(2, 2, figsize=(7, 7), layout="constrained")
fig.suptitle("Sliding a kernel over the spread map: it has to be turned first", fontsize=12)
draw(axes[0, 0], spread, "y with zeros between and around")
draw(axes[0, 1], stamped, "the sum of the stamps, from 5.1", colour=BLUE)
draw(axes[1, 0], with_flip, "w turned by 180 degrees, slid over it: equal", colour=BLUE)
draw(axes[1, 1], without_flip, "w as it is: the right shape, wrong numbers", colour=VERMILLION)
for ax in axes.flat:
    ax.set(xlabel="column", ylabel="row")

# %% [markdown]
# Without the flip the shape is right, and with a *symmetric* kernel the numbers are right too. The bilinear kernels of
# the next notebook are symmetric, so they cannot show this mistake. Always test with a kernel that is not symmetric.

# %%
symmetric = mf.Tensor(np.outer([1.0, 3.0, 1.0], [1.0, 3.0, 1.0])[None, None])
np.testing.assert_array_equal(F.conv2d(spread_map, symmetric).data, F.conv_transpose2d(Y, symmetric, stride=2).data)

# %% [markdown]
# The zeros are also why this third way is a picture and not a method: most of its multiplications are by zero.

# %%
multiplications_stamps = y.size * w.size
multiplications_sliding = stamped.size * w.size
assert (multiplications_stamps, multiplications_sliding) == (36, 225)

# %% [markdown]
# ## 5.5 The adjoint test
#
# How would you test a transposed convolution that somebody else wrote, without looking inside? Use what defines a
# transpose. For every matrix and all vectors, $\langle C x, y \rangle = \langle x, C^T y \rangle$, where
# $\langle a, b \rangle$ is the sum of the products of their entries. So draw $x$ and $y$ at random and compare two
# numbers.
#
# **Predict**: which of the three lines printed below will be close to zero?

# %%
x = rng.normal(size=(1, 1, 5, 5))
r = rng.normal(size=(1, 1, 2, 2))  # a random map of the shape of y

forward = (F.conv2d(mf.Tensor(x), W, stride=2).data * r).sum()  # <C x, r>


def spread_out(r):
    result = np.zeros((1, 1, 7, 7))
    result[:, :, 2:5:2, 2:5:2] = r
    return mf.Tensor(result)


candidates = {
    "conv_transpose2d": F.conv_transpose2d(mf.Tensor(r), W, stride=2),
    "zeros, with the flip": F.conv2d(spread_out(r), turned),
    "zeros, without it": F.conv2d(spread_out(r), W),
}
residual = {name: abs(forward - (x * back.data).sum()) / abs(forward) for name, back in candidates.items()}
for name, value in residual.items():
    print(f"{name:<22}{value:.1e}")
assert residual["conv_transpose2d"] < 1e-14
assert residual["zeros, with the flip"] < 1e-14
assert residual["zeros, without it"] > 0.01

# %% [markdown]
# One random pair is enough to find the missing flip.
#
# ## 5.6 It inverts nothing
#
# You will also meet the name "deconvolution", in the paper and in Caffe. It is misleading: in signal processing that
# word means undoing a convolution.
#
# **Predict**: $C$ has 4 rows and 25 columns. How many dimensions of $x$ does $y = C x$ forget? Is $C^T C$ the identity?

# %%
assert np.linalg.matrix_rank(C) == 4  # 25 - 4 = 21 dimensions of x leave no trace in y
assert not np.allclose(C.T @ C, np.eye(25))

C1 = explain.conv_matrix(W, (1, 5, 5))  # stride 1: 3x3 outputs
assert C1.shape == (9, 25)
assert np.linalg.matrix_rank(C1) == 9  # it forgets less, but still 16 dimensions

# %% [markdown]
# What is forgotten cannot come back. Here are two different maps with the same $y$: to the first, something is added
# that $C$ cannot see.

# %%
first = np.add.outer(np.arange(5.0), np.arange(5.0))  # a ramp
unseen = rng.normal(size=25)
unseen -= np.linalg.pinv(C) @ (C @ unseen)  # take away the part that C sees
second = first + 2 * unseen.reshape(5, 5)

same_y = C @ first.ravel()
np.testing.assert_allclose(C @ second.ravel(), same_y)
assert np.abs(second - first).max() > 1
back = (C.T @ same_y).reshape(5, 5)

# %% tags=["fold"]
fig, axes = plt.subplots(1, 3, figsize=(7, 3.3), layout="constrained")
fig.suptitle("The transposed convolution brings back the shape, not the values", fontsize=12)
titles = ["one x", "another x, rounded,\nwith the same y = C x", "Cᵀ y:\nneither of them"]
for ax, values, title in zip(axes, [first, second, back], titles, strict=True):
    draw(ax, values.round(), title, values - values.min(), BLUE, 0.6 / np.ptp(values), ticks=ax is axes[0])
axes[0].set(xlabel="column", ylabel="row")
assert not np.allclose(back, first)
assert not np.allclose(back, second)
assert back.shape == first.shape

# %% [markdown]
# ## 5.7 output_padding chooses among S sizes
#
# With stride $S$, several sizes of $x$ give the same size of $y$, because the last rows may belong to no complete step.
#
# **Predict**: $K = 5$, $S = 3$, $P = 2$. Maps with 16, 17, 18 and 19 pixels on a side: which of them become equally
# large?

# %%
K, stride, P = 5, 3, 2
kernel = mf.Tensor(rng.normal(size=(1, 1, K, K)))
small = {}
for n in [16, 17, 18, 19]:
    x = mf.Tensor(np.zeros((1, 1, n, n)))
    small[n] = F.conv2d(x, kernel, stride=stride, padding=P).shape[-1]
print(small)
assert small == {16: 6, 17: 6, 18: 6, 19: 7}

# %% [markdown]
# 16, 17 and 18 all become 6: $S = 3$ sizes for one. On the way back from 6, somebody has to say which one is wanted.
# Without a word you get the smallest, $(6-1) \cdot 3 + 5 - 2 \cdot 2 = 16$; `output_padding` asks for 1 or 2 more.
# "The same settings give the shape back" is therefore only sometimes true: 17 becomes 6 becomes 16.

# %%
Y6 = mf.Tensor(rng.normal(size=(1, 1, 6, 6)))
results = {
    extra: F.conv_transpose2d(Y6, kernel, stride=stride, padding=P, output_padding=extra).data[0, 0]
    for extra in range(stride)
}
assert [results[extra].shape for extra in range(3)] == [(16, 16), (17, 17), (18, 18)]

# %% [markdown]
# **Predict**: what stands in the additional rows and columns: zeros, copies, or something else?

# %%
whole = F.conv_transpose2d(Y6, kernel, stride=stride).data[0, 0]  # all that was stamped, nothing cropped
assert whole.shape == (20, 20)
for extra, result in results.items():
    np.testing.assert_allclose(result, whole[2 : 18 + extra, 2 : 18 + extra])
assert (results[2][16:] != 0).all()

# %% [markdown]
# Something else: values that had been computed and cropped. `output_padding` pads nothing; it crops less at the bottom
# and at the right.
#
# One case is different. Where $P$ is smaller than `output_padding`, the rows that are asked for lie beyond the last
# stamp. No pixel reaches them, and they are zero, in the result as in the matrix $C^T$.

# %%
beyond = F.conv_transpose2d(Y, W, stride=2, padding=0, output_padding=1).data[0, 0]
assert beyond.shape == (6, 6)
np.testing.assert_array_equal(beyond[:5, :5], stamped)
assert (beyond[5] == 0).all()
C6 = explain.conv_matrix(W, (1, 6, 6), stride=2)  # 6x6 also becomes 2x2
np.testing.assert_array_equal((C6.T @ y.ravel()).reshape(6, 6), beyond)

# %% [markdown]
# ## 5.8 Coverage and checkerboards
#
# How many stamps land on a pixel? Stamp ones with a kernel of ones and read off.
#
# **Predict** for $K = 3$, $S = 2$: is it the same number everywhere inside? And for $K = 4$, $S = 2$?

# %% tags=["fold"]
fig, axes = plt.subplots(1, 2, figsize=(7, 4.1), layout="constrained")
fig.suptitle("Number of stamps on each pixel: uneven inside unless S divides K", fontsize=12)
for ax, K in zip(axes, [3, 4], strict=True):
    coverage = stamp(np.ones((4, 4)), np.ones((K, K)), 2)
    inside = coverage[2:-2, 2:-2]
    outcome = "uneven" if K == 3 else "even inside"
    draw(ax, coverage, f"K = {K}, S = 2: {outcome}", shade=coverage, colour=BLUE, strength=0.15)
    ax.set(xlabel="column", ylabel="row")
    print(f"K = {K}: inside, a pixel gets {np.unique(inside)} stamps")
    assert np.unique(inside).tolist() == ([1, 2, 4] if K == 3 else [4])

# %% [markdown]
# If $S$ does not divide $K$, some pixels get more than others, here four times as much: a grid that is known as a
# checkerboard artefact. A border where fewer stamps land is there in both cases.
#
# **Predict**: is $K = 4$, $S = 2$ then free of checkerboards for *every* kernel?

# %%
w4 = rng.normal(size=(4, 4))
flat = stamp(np.ones((5, 5)), w4, 2)[3:-3, 3:-3]  # a flat map, upsampled; the border left out
print(flat.round(2))
np.testing.assert_allclose(flat[0:4:2, 0:4:2], flat[0, 0])  # every other pixel is equal ...
assert np.ptp(flat) > 1  # ... but neighbours are not

# %% [markdown]
# No. An even coverage is not enough. Each pixel meets only four of the 16 weights, those that lie
# two apart (`w4[0::2, 0::2]`, for example), and its neighbour meets four others. A flat map stays flat only if the
# four quarters have the same sum. A learned kernel need not keep to that; the bilinear kernel of the next notebook
# does.

# %%
quarters = np.array([[w4[a::2, b::2].sum() for b in range(2)] for a in range(2)])
np.testing.assert_allclose(sorted(quarters.ravel()), sorted(flat[:2, :2].ravel()))

# %% [markdown]
# ## 5.9 The gradient of a convolution is a transposed convolution
#
# So far the transposed convolution made maps large. Its second use is at least as important. Suppose a loss depends on
# $y = C x$, and $g$ is its gradient with respect to $y$: $g_n$ says how much the loss grows when $y_n$ grows by a
# little. How much does it grow with $x_k$? Pixel $k$ acts on all $y_n$, with weight $C_{nk}$, so it is $\sum_n C_{nk}\,
# g_n$, which is entry $k$ of $C^T g$.
#
# **Predict**: a convolution of 3 channels to 2, $K = 3$, $S = 2$, $P = 1$, on maps of 7x9 pixels. `backward` computes
# the gradient with respect to $x$. Which call of `conv_transpose2d` gives the same array? Does the weight have to be
# changed?

# %%
x = mf.Tensor(rng.normal(size=(1, 3, 7, 9)), requires_grad=True)
weight = mf.Tensor(rng.normal(size=(2, 3, 3, 3)))  # (O, C, KH, KW)
out = F.conv2d(x, weight, stride=2, padding=1)
g = mf.Tensor(rng.normal(size=out.shape))
out.backward(g)

same = F.conv_transpose2d(g, weight, stride=2, padding=1)
assert x.grad.shape == same.shape == (1, 3, 7, 9)
np.testing.assert_array_equal(x.grad.data, same.data)

# %% [markdown]
# The same array, bit for bit: in minifcn it is the same function. The weight is used as it is. `conv2d` reads its axes
# as (output channels, input channels); `conv_transpose2d` reads the same axes as (input channels, output channels),
# because its input has the shape of the convolution's output.
#
# Two checks that do not use this function: the matrix, and a finite difference. If one pixel of $x$ is moved by $h$,
# the loss $\langle g, C x \rangle$ has to change by $h$ times the gradient there.

# %%
C = explain.conv_matrix(weight, (3, 7, 9), stride=2, padding=1)
np.testing.assert_allclose(C.T @ g.data.ravel(), x.grad.data.ravel(), atol=1e-12)


def loss(values):
    return (F.conv2d(mf.Tensor(values), weight, stride=2, padding=1).data * g.data).sum()


h = 1e-3
right, left = x.data.copy(), x.data.copy()
right[0, 1, 4, 5] += h
left[0, 1, 4, 5] -= h
slope = (loss(right) - loss(left)) / (2 * h)
np.testing.assert_allclose(slope, x.grad.data[0, 1, 4, 5])

# %% [markdown]
# And back again: the gradient of a *transposed* convolution with respect to its input is a convolution, because
# $(C^T)^T = C$. So a library that has one of the two right can get the other for nothing.

# %%
small = mf.Tensor(rng.normal(size=(1, 2, 4, 5)), requires_grad=True)
large = F.conv_transpose2d(small, weight, stride=2, padding=1)
g = mf.Tensor(rng.normal(size=large.shape))
large.backward(g)
np.testing.assert_array_equal(small.grad.data, F.conv2d(g, weight, stride=2, padding=1).data)

# %% [markdown]
# ## What to keep
#
# - Every pixel stamps the kernel, $S$ apart; `padding` crops; `output_padding` crops less at the end.
# - It is $C^T$ where the convolution is $C$: the same matrix, rows and columns exchanged. It gives the shape back, not
#   the values.
# - Zeros between the pixels and a kernel turned by 180 degrees give the same. Without the turn it is wrong, and only a
#   kernel that is not symmetric shows it.
# - It is the gradient of the convolution with respect to its input.
#
# ## Questions
#
# 1. Write down the result of 5.1 for $S = 1$ before you change `stride=2`. Which pixels get how many stamps? (And $S =
#    3$? Which pixels of the result are zero if $S = 4$?)
# 2. FCN-32s upsamples with $K = 64$, $S = 32$. With which $P$ does a map of 7x7 become 224x224? Put it into the formula
#    of 5.2, then check the shape with `F.conv_transpose2d`.
# 3. In 5.4 the padding is $P = 0$. How many zeros have to stand around $y$ for $P = 1$? Change the size of `spread` and
#    compare with `padded`. What happens when $P > K - 1$?
# 4. In 5.7, 19 pixels became 7. Which settings of `conv_transpose2d` give 19 back? Why is `output_padding=3` refused
#    for $S = 3$?
# 5. Construct a kernel of 4x4 random weights that leaves a flat map flat in 5.8. How many of its 16 numbers can you
#    choose freely?
#
# ## What to read next
#
# - `minifcn/functional/convolution.py`: `convolution`, `transposed_convolution` and `weight_gradient`, three operations
#   of a few lines, each the derivative of the others; `minifcn/compute/convolution.py` has the matrix products.
# - The paper (Long, Shelhamer and Darrell 2015), section 3.3: "Upsampling is backwards strided convolution".
# - The next notebook: which kernel to stamp, so that upsampling is interpolation.
