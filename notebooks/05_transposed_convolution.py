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

plt.style.use("minifcn.explain.figures")  # legible on light and on dark pages
rng = np.random.default_rng(0)
np.set_printoptions(suppress=True)  # 1379 instead of 1.379e+03

# %% [markdown]
# **Letters.** What goes into an operation is $x$ and what comes out is $y$, here as everywhere. The transposed
# convolution takes a small map $x$ and gives a large map $y$, with kernel size $K$, stride $S$ and padding $P$. It is
# named after a convolution that goes the other way, from large to small: a map that goes into *that* one has the shape
# of $y$, and is called $u$.
#
# ## 5.1 Stamps
#
# Take a small map $x$ of 2x2 pixels and a kernel $w$ of 3x3 weights. The rule has one sentence: **every pixel of $x$
# stamps the kernel, times its own value, on the result; the stamps of neighbouring pixels are $S$ apart; where stamps
# overlap, they add up.**
#
# The numbers are chosen so that you can read the sums. The pixels are 1, 10, 100 and 1000 and the weights are the
# digits 1 to 9, so each digit of a result tells which weight came from which pixel.

# %%
x = np.array([[1.0, 10.0], [100.0, 1000.0]])
w = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])

# %% [markdown]
# **Predict** before you run the next cell, for stride $S = 2$: how large is the result? And which number is in its
# middle, where all four stamps overlap?


# %%
def stamp(x, w, stride):
    height, width = x.shape
    k = len(w)
    result = np.zeros(((height - 1) * stride + k, (width - 1) * stride + k))
    for i in range(height):
        for j in range(width):
            top, left = i * stride, j * stride
            result[top : top + k, left : left + k] += x[i, j] * w
    return result


y = stamp(x, w, stride=2)
print(y)
# ask: rows and columns of the result
assert y.shape == (5, 5)
# ask: the number in its middle
assert y[2, 2] == 1379

# %% [markdown]
# The result has 5x5 pixels: the last stamp begins at $(2-1) \cdot 2 = 2$ and is 3 long. In general the size is
# $(n - 1)S + K$ for $n$ pixels. In the middle stands 1379: pixel 1000 brought its first weight (1), pixel 100 its
# third (3), pixel 10 its seventh (7) and pixel 1 its last (9).
#
# The figure shows the four stamps one by one.

# %% tags=["fold"]
fig, axes = plt.subplots(2, 3, figsize=(7, 5.4), layout="constrained")
fig.suptitle("Every pixel stamps the kernel; where stamps overlap, they add up", fontsize=12)
explain.draw_numbers(axes[0, 0], x, "the small map x", colour=np.arange(4).reshape(2, 2), shade=x > 0)
for n, (i, j) in enumerate(np.ndindex(2, 2)):
    alone = stamp(np.where(np.arange(4).reshape(2, 2) == n, x, 0), w, 2)
    title = f"stamp of x[{i}, {j}] = {x[i, j]:g}"
    explain.draw_numbers(axes[i, j + 1], alone, title, colour=explain.KINDS[n], shade=alone > 0)
coverage = stamp(np.ones((2, 2)), np.ones((3, 3)), 2)
explain.draw_numbers(axes[1, 0], y, "the sum of the stamps\n(deeper tint: more stamps)", shade=coverage)

# %%
stamps = [stamp(np.where(np.arange(4).reshape(2, 2) == n, x, 0), w, 2) for n in range(4)]
np.testing.assert_array_equal(sum(stamps), y)

# %% [markdown]
# `F.conv_transpose2d` is this operation, for maps of shape (N, C, H, W) and weights of shape (C, O, KH, KW). With one
# image and one channel, two axes of length 1 are put in front.

# %%
X = mf.Tensor(x[None, None])
W = mf.Tensor(w[None, None])
result = F.conv_transpose2d(X, W, stride=2).data[0, 0]
np.testing.assert_array_equal(result, y)

# %% [markdown]
# ## 5.2 Padding
#
# **Predict**: with `padding=1`, does the result become larger (7x7), stay 5x5, or become smaller (3x3)?

# %%
padded = F.conv_transpose2d(X, W, stride=2, padding=1).data[0, 0]
print(padded)
# ask: the result becomes: larger | as large | smaller*
assert padded.shape == (3, 3)
np.testing.assert_array_equal(padded, y[1:-1, 1:-1])

# %% [markdown]
# Smaller: in a transposed convolution, `padding` *cuts off* $P$ rows and columns on every side. The size is
# $(n - 1)S + K - 2P$.
#
# The name makes sense once you look at the convolution that is being transposed. There, $P$ zeros are put around $u$,
# so that 3x3 pixels become 5x5 before the kernel slides. On the way back, what would land on these zeros is thrown
# away, because $u$ has no pixel there.

# %%
u = mf.Tensor(rng.normal(size=(1, 1, 3, 3)))
assert F.conv2d(u, W, stride=2, padding=1).shape == (1, 1, 2, 2)  # 3x3 -> 2x2
assert F.conv_transpose2d(X, W, stride=2, padding=1).shape == (1, 1, 3, 3)  # 2x2 -> 3x3

# %% [markdown]
# ## 5.3 Why it is called transposed
#
# A convolution is linear, so it is a matrix $C$: write the pixels of $u$ one row after the other as a vector, then
# $x = C u$. Each row of $C$ computes one pixel of $x$; it holds the kernel at the place of that pixel's window.
#
# **Predict**: for $u$ of 5x5, $K = 3$, $S = 2$, how many rows and columns has $C$? And $C^T$?

# %%
C = explain.conv_matrix(W, (1, 5, 5), stride=2)
print(C.astype(int))
# ask: rows and columns of C
assert C.shape == (4, 25)

u = rng.normal(size=(5, 5))
np.testing.assert_allclose(C @ u.ravel(), F.conv2d(mf.Tensor(u[None, None]), W, stride=2).data.ravel())

# %% [markdown]
# 4 rows, because $x$ has 4 pixels; 25 columns, because $u$ has 25. So $C$ takes 25 numbers to 4, and $C^T$ takes 4
# numbers to 25: it goes from the shape of $x$ to the shape of $u$, which is that of $y$.
#
# **Predict**: what is $C^T x$?

# %%
# ask: it is: the image again | the sum of the stamps* | zero
np.testing.assert_array_equal((C.T @ x.ravel()).reshape(5, 5), y)
for n in range(4):  # row n of C is stamp n
    np.testing.assert_array_equal(x.ravel()[n] * C[n].reshape(5, 5), stamps[n])

# %% [markdown]
# It is the sum of the stamps, to the last digit. $C^T x = \sum_n x_n \cdot (\text{row } n \text{ of } C)$, and row $n$
# of $C$, folded back to 5x5, is the kernel at window $n$: that is a stamp. The two pictures say the same:
#
# - the convolution **gathers**: pixel $n$ of $x$ is the sum over window $n$ of $u$, each pixel times its weight;
# - the transposed convolution **scatters**: pixel $n$ of $x$ is spread over the same window, with the same weights.

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
colours = np.arange(4)[:, None] + np.zeros((4, 25), int)
explain.draw_numbers(
    ax, C, "", colour=colours, shade=C > 0, labels=("pixel of u, one row of five after the other", "pixel of x")
)
fig.suptitle("Each row of C is a window of the convolution, and a stamp of its transpose", fontsize=12)
ax.set_xticks(range(0, 25, 5), [f"u[{row}, 0]" for row in range(5)])
ax.set_yticks(range(4), ["x[0, 0]", "x[0, 1]", "x[1, 0]", "x[1, 1]"])
for k in range(5, 25, 5):
    ax.axvline(k - 0.5, color="grey", linewidth=0.8)

# %% [markdown]
# The crop is in the matrix as well. With $P = 1$, $u$ has 3x3 pixels; weights that would meet the padding are simply
# not in $C$.

# %%
C_padded = explain.conv_matrix(W, (1, 3, 3), stride=2, padding=1)
assert C_padded.shape == (4, 9)
assert np.count_nonzero(C) == 36  # 4 windows of 9 weights
assert np.count_nonzero(C_padded) == 16  # of each window 4 weights lie on u, 5 on the padding
np.testing.assert_array_equal((C_padded.T @ x.ravel()).reshape(3, 3), padded)

# %% [markdown]
# **Predict**: step by step, by which numbers will the kernel be multiplied? Then click through it: forward, back, or,
# after a click on it, with the arrow keys. Every step is a stamp, and at the same time a column of $C^T$. Point at a
# pixel of the result to see its row, and the pixels of $x$ that it is made of.

# %%
stepper = explain.Stepper(x, w, stride=2, padding=1)
# ask: what the kernel is multiplied by, step by step
assert [step.value for step in stepper.steps] == [1, 10, 100, 1000]
np.testing.assert_array_equal([step.column for step in stepper.steps], C_padded)  # the columns of its transpose
stepper

# %% [markdown]
# ## 5.4 Zeros between the pixels, and which kernel
#
# The transposed convolution is often drawn in a third way: put $S - 1$ zeros between the pixels of $x$ and $K - 1$
# zeros around them, then slide a kernel over it with stride 1. That is right, but which kernel?
#
# **Predict** with the smallest case: one pixel of value 1, with two zeros on every side. What do you get if you slide
# $w$ over it?

# %%
one = np.zeros((5, 5))
one[2, 2] = 1
slid = F.conv2d(mf.Tensor(one[None, None]), W).data[0, 0]
print(slid)
# ask: it gives: w as it is | w turned by 180 degrees* | w transposed
np.testing.assert_array_equal(slid, w[::-1, ::-1])

# %% [markdown]
# The kernel comes out turned by 180 degrees. The first window has the pixel at its *last* place, so the first output
# is the *last* weight. A stamp would have given $w$ as it is. So the kernel that slides has to be turned by 180
# degrees beforehand: then the two turns cancel.

# %%
spread = np.zeros((7, 7))
spread[2:5:2, 2:5:2] = x  # a zero between, two around
spread_map = mf.Tensor(spread[None, None])
turned = mf.Tensor(w[None, None, ::-1, ::-1])

with_flip = F.conv2d(spread_map, turned).data[0, 0]
without_flip = F.conv2d(spread_map, W).data[0, 0]
np.testing.assert_array_equal(with_flip, y)
assert without_flip.shape == y.shape
assert y[2, 2] == 1379
assert without_flip[2, 2] == 9731  # every pixel met the weight opposite to the right one

# %% tags=["fold"]
fig, axes = plt.subplots(2, 2, figsize=(7, 7), layout="constrained")
fig.suptitle("Sliding a kernel over the spread map: it has to be turned first", fontsize=12)
views = [
    (spread, "x with zeros between and around", "0.35"),
    (y, "the sum of the stamps, from 5.1", explain.KINDS[0]),
    (with_flip, "turned by 180 degrees: equal", explain.KINDS[0]),
    (without_flip, "w as it is: wrong numbers", explain.KINDS[3]),
]
for ax, (values, title, colour) in zip(axes.flat, views, strict=True):
    explain.draw_numbers(ax, values, title, colour=colour, shade=values != 0, labels=("column", "row"))

# %% [markdown]
# Without the flip the shape is right, and with a *symmetric* kernel the numbers are right too. The bilinear kernels of
# the next notebook are symmetric, so they cannot show this mistake. Always test with a kernel that is not symmetric.

# %%
symmetric = mf.Tensor(np.outer([1.0, 3.0, 1.0], [1.0, 3.0, 1.0])[None, None])
np.testing.assert_array_equal(F.conv2d(spread_map, symmetric).data, F.conv_transpose2d(X, symmetric, stride=2).data)

# %% [markdown]
# The zeros are also why this third way is a picture and not a method: most of its multiplications are by zero.

# %%
multiplications_stamps = x.size * w.size
multiplications_sliding = y.size * w.size
assert (multiplications_stamps, multiplications_sliding) == (36, 225)

# %% [markdown]
# ### In the laboratory
#
# Stamps, zeros and flip, and the column of $C^T$, side by side: every step lights the same numbers in each of the
# views. Pick a pixel of the result to see what meets on it, and drag the stride or the padding.

# %%
explain.Laboratory(x, w, stride=2, padding=1)

# %% [markdown]
# ## 5.5 The adjoint test
#
# How would you test a transposed convolution that somebody else wrote, without looking inside? Use what defines a
# transpose. For every matrix and all vectors, $\langle C u, x \rangle = \langle u, C^T x \rangle$, where
# $\langle a, b \rangle$ is the sum of the products of their entries. So draw $u$ and $x$ at random and compare two
# numbers.
#
# **Predict**: which of the three lines printed below will be close to zero?

# %%
u = rng.normal(size=(1, 1, 5, 5))
r = rng.normal(size=(1, 1, 2, 2))  # a random map of the shape of x

forward = (F.conv2d(mf.Tensor(u), W, stride=2).data * r).sum()  # <C u, r>


def spread_out(r):
    result = np.zeros((1, 1, 7, 7))
    result[:, :, 2:5:2, 2:5:2] = r
    return mf.Tensor(result)


candidates = {
    "conv_transpose2d": F.conv_transpose2d(mf.Tensor(r), W, stride=2),
    "zeros, with the flip": F.conv2d(spread_out(r), turned),
    "zeros, without it": F.conv2d(spread_out(r), W),
}
residual = {name: abs(forward - (u * back.data).sum()) / abs(forward) for name, back in candidates.items()}
for name, value in residual.items():
    print(f"{name:<22}{value:.1e}")
assert residual["conv_transpose2d"] < 1e-14
assert residual["zeros, with the flip"] < 1e-14
# ask: far from zero is: conv_transpose2d | zeros, with the flip | zeros, without it*
assert residual["zeros, without it"] > 0.01

# %% [markdown]
# One random pair is enough to find the missing flip.
#
# ## 5.6 Does it undo a convolution?
#
# You will also meet the name "deconvolution", in the paper and in Caffe. It is misleading: in signal processing that
# word means undoing a convolution.
#
# **Predict**: $C$ has 4 rows and 25 columns. How many dimensions of $u$ does $x = C u$ forget? Is $C^T C$ the identity?

# %%
# ask: dimensions of u that are forgotten
assert 25 - np.linalg.matrix_rank(C) == 21  # they leave no trace in C u
# ask: the identity: yes | no*
assert not np.allclose(C.T @ C, np.eye(25))

C1 = explain.conv_matrix(W, (1, 5, 5))  # stride 1: 3x3 outputs
assert C1.shape == (9, 25)
assert np.linalg.matrix_rank(C1) == 9  # it forgets less, but still 16 dimensions

# %% [markdown]
# It inverts nothing: what is forgotten cannot come back. Here are two different maps with the same $x$: to the first,
# something is added that $C$ cannot see.

# %%
first = np.add.outer(np.arange(5.0), np.arange(5.0))  # a ramp
unseen = rng.normal(size=25)
unseen -= np.linalg.pinv(C) @ (C @ unseen)  # take away the part that C sees
second = first + 2 * unseen.reshape(5, 5)

same_x = C @ first.ravel()
np.testing.assert_allclose(C @ second.ravel(), same_x)
assert np.abs(second - first).max() > 1
back = (C.T @ same_x).reshape(5, 5)
assert not np.allclose(back, first)
assert not np.allclose(back, second)
assert back.shape == first.shape

# %% tags=["fold"]
fig, axes = plt.subplots(1, 3, figsize=(7, 3.3), layout="constrained")
fig.suptitle("The transposed convolution brings back the shape, not the values", fontsize=12)
titles = ["one u", "another u, rounded,\nwith the same x = C u", "Cᵀ x:\nneither of them"]
for ax, values, title in zip(axes, [first, second, back], titles, strict=True):
    explain.draw_numbers(ax, values.round(), title, colour=explain.KINDS[0], shade=values - values.min())

# %% [markdown]
# ## 5.7 output_padding chooses among S sizes
#
# With stride $S$, several sizes of $u$ give the same size of $x$, because the last rows may belong to no complete step.
#
# **Predict**: $K = 5$, $S = 3$, $P = 2$. Maps with 16, 17, 18 and 19 pixels on a side: which of them become equally
# large?

# %%
K, stride, P = 5, 3, 2
kernel = mf.Tensor(rng.normal(size=(1, 1, K, K)))
small = {}
for n in [16, 17, 18, 19]:
    u = mf.Tensor(np.zeros((1, 1, n, n)))
    small[n] = F.conv2d(u, kernel, stride=stride, padding=P).shape[-1]
print(small)
# ask: what 16, 17, 18 and 19 become
assert list(small.values()) == [6, 6, 6, 7]
assert small == {16: 6, 17: 6, 18: 6, 19: 7}

# %% [markdown]
# 16, 17 and 18 all become 6: $S = 3$ sizes for one. On the way back from 6, somebody has to say which one is wanted.
# Without a word you get the smallest, $(6-1) \cdot 3 + 5 - 2 \cdot 2 = 16$; `output_padding` asks for 1 or 2 more.
# "The same settings give the shape back" is therefore only sometimes true: 17 becomes 6 becomes 16.

# %%
X6 = mf.Tensor(rng.normal(size=(1, 1, 6, 6)))
results = {
    extra: F.conv_transpose2d(X6, kernel, stride=stride, padding=P, output_padding=extra).data[0, 0]
    for extra in range(stride)
}
assert [results[extra].shape for extra in range(3)] == [(16, 16), (17, 17), (18, 18)]

# %% [markdown]
# **Predict**: what stands in the additional rows and columns: zeros, copies, or something else?

# %%
whole = F.conv_transpose2d(X6, kernel, stride=stride).data[0, 0]  # all that was stamped, nothing cropped
assert whole.shape == (20, 20)
for extra, result in results.items():
    np.testing.assert_allclose(result, whole[2 : 18 + extra, 2 : 18 + extra])
# ask: there stand: zeros | copies | other numbers*
assert (results[2][16:] != 0).all()

# %% [markdown]
# Something else: values that had been computed and cropped. `output_padding` pads nothing; it crops less at the bottom
# and at the right.
#
# One case is different. Where $P$ is smaller than `output_padding`, the rows that are asked for lie beyond the last
# stamp. No pixel reaches them, and they are zero, in the result as in the matrix $C^T$.

# %%
beyond = F.conv_transpose2d(X, W, stride=2, padding=0, output_padding=1).data[0, 0]
assert beyond.shape == (6, 6)
np.testing.assert_array_equal(beyond[:5, :5], y)
assert (beyond[5] == 0).all()
C6 = explain.conv_matrix(W, (1, 6, 6), stride=2)  # 6x6 also becomes 2x2
np.testing.assert_array_equal((C6.T @ x.ravel()).reshape(6, 6), beyond)

# %% [markdown]
# ## 5.8 Coverage and checkerboards
#
# How many stamps land on a pixel? Stamp ones with a kernel of ones and read off.
#
# **Predict** for $K = 3$, $S = 2$: is it the same number everywhere inside? And for $K = 4$, $S = 2$?

# %%
coverage = {K: stamp(np.ones((4, 4)), np.ones((K, K)), 2) for K in (3, 4)}
# ask: inside, K = 3: even | uneven*
assert np.unique(coverage[3][2:-2, 2:-2]).tolist() == [1, 2, 4]
# ask: inside, K = 4: even* | uneven
assert np.unique(coverage[4][2:-2, 2:-2]).tolist() == [4]

# %% tags=["fold"]
fig, axes = plt.subplots(1, 2, figsize=(7, 4.1), layout="constrained")
fig.suptitle("Number of stamps on each pixel: uneven inside unless S divides K", fontsize=12)
for ax, (K, stamps_on) in zip(axes, coverage.items(), strict=True):
    title = f"K = {K}, S = 2: {'uneven' if K == 3 else 'even inside'}"
    explain.draw_numbers(ax, stamps_on, title, colour=explain.KINDS[0], labels=("column", "row"))

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
# ask: free of checkerboards for every kernel: yes | no*
assert np.ptp(flat) > 1  # ... but neighbours are not

# %% [markdown]
# No. An even coverage is not enough. Each pixel meets only four of the 16 weights, those that lie
# two apart (`w4[0::2, 0::2]`, for example), and its neighbour meets four others. A flat map stays flat only if the
# four quarters have the same sum. A learned kernel need not keep to that; the bilinear kernel of the next notebook
# does.

# %%
quarters = np.array([[w4[a::2, b::2].sum() for b in range(2)] for a in range(2)])
for i, j in np.ndindex(flat.shape):  # row 0 of flat is row 3 of the result: it meets the weights of odd rows
    np.testing.assert_allclose(flat[i, j], quarters[(i + 1) % 2, (j + 1) % 2])

# %% tags=["fold"]
fig, axes = plt.subplots(1, 2, figsize=(7, 3.6), layout="constrained")
fig.suptitle("Each pixel is the sum of one quarter of the weights, and its neighbour of another", fontsize=12)
k, l = np.indices((4, 4))
explain.draw_numbers(
    axes[0], w4.round(1), "the kernel, in its four quarters", colour=2 * (k % 2) + l % 2, shade=k + 1 > 0
)
i, j = np.indices(flat.shape)
parts = 2 * ((i + 1) % 2) + (j + 1) % 2
explain.draw_numbers(axes[1], flat.round(1), "a flat map, upsampled: no longer flat", colour=parts, shade=parts >= 0)

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
# ask: the weight has to be: turned | transposed | left as it is*
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
# ## 5.10 The gradient with respect to the weights
#
# A transposed convolution can also be learned, as in some FCNs. Then its *weights* need a gradient. Let $g$ be the
# gradient with respect to $y$. In $y$, weight $w_{kl}$ was used once in every stamp: times $x_{ij}$, at row $Si + k$
# and column $Sj + l$ (less $P$). Uses add up, so
#
# $$\frac{\partial L}{\partial w_{kl}} = \sum_{i,j} x_{ij} \; g_{Si + k - P,\, Sj + l - P}$$
#
# **Predict**: $x$ holds 1, 10, 100 and 1000, and $g$ is 1 everywhere. What is the gradient of each of the nine weights?


# %%
def weight_gradient(x, g, k, stride):
    result = np.zeros((k, k))
    for i, j in np.ndindex(x.shape):
        top, left = i * stride, j * stride
        result += x[i, j] * g[top : top + k, left : left + k]
    return result


pixels = np.array([[1.0, 10.0], [100.0, 1000.0]])
of_ones = weight_gradient(pixels, np.ones((5, 5)), 3, stride=2)
# ask: gradient of each weight
assert np.unique(of_ones).tolist() == [1111]

# %% [markdown]
# 1111, the sum of the pixels, for each: every weight met every pixel once. Now with a random $g$, against `backward`,
# and against the change of the loss when one weight alone is 1. (The loss $\langle g, y \rangle$ is linear in $w$, so
# no small step is needed.) The last line says where it comes from: the weight gradient of a *convolution* of $g$, with
# $x$ in the place of its output gradient. So $\langle y, W A x \rangle$ has three sides: convolution, transposed
# convolution and weight gradient; leave out one of $y$, $W$ and $x$, and its derivative is left.


# %%
G = rng.normal(size=(5, 5))
kernel = mf.Tensor(rng.normal(size=(1, 1, 3, 3)), requires_grad=True)
F.conv_transpose2d(mf.Tensor(pixels[None, None]), kernel, stride=2).backward(mf.Tensor(G[None, None]))
np.testing.assert_allclose(kernel.grad.data[0, 0], weight_gradient(pixels, G, 3, stride=2))

for k, l in np.ndindex(3, 3):  # one weight is 1, all others 0
    moved = np.zeros((3, 3))
    moved[k, l] = 1
    change = (F.conv_transpose2d(mf.Tensor(pixels[None, None]), mf.Tensor(moved[None, None]), stride=2).data * G).sum()
    np.testing.assert_allclose(change, kernel.grad.data[0, 0, k, l])

twin = mf.Tensor(kernel.data, requires_grad=True)
F.conv2d(mf.Tensor(G[None, None]), twin, stride=2).backward(mf.Tensor(pixels[None, None]))
np.testing.assert_array_equal(twin.grad.data, kernel.grad.data)  # the same function, with both sides exchanged

# %% [markdown]
# ## What to keep
#
# - Every pixel stamps the kernel, $S$ apart; `padding` crops; `output_padding` crops less at the end.
# - It is $C^T$ where the convolution is $C$: the same matrix, rows and columns exchanged. It gives the shape back, not
#   the values.
# - Zeros between the pixels and a kernel turned by 180 degrees give the same. Without the turn it is wrong, and only a
#   kernel that is not symmetric shows it.
# - It is the gradient of the convolution with respect to its input. Its own weights get what the convolution's get,
#   with both sides exchanged.
#
# ## Questions
#
# 1. Write down the result of 5.1 for $S = 1$ before you change `stride=2`. Which pixels get how many stamps? (And $S =
#    3$? Which pixels of the result are zero if $S = 4$?)
# 2. FCN-32s upsamples with $K = 64$, $S = 32$. With which $P$ does a map of 7x7 become 224x224? Put it into the formula
#    of 5.2, then check the shape with `F.conv_transpose2d`.
# 3. In 5.4 the padding is $P = 0$. How many zeros have to stand around $x$ for $P = 1$? Change the size of `spread` and
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
