# %% [markdown]
# # 2. Convolution as a matrix
#
# After this notebook you can write a convolution in three ways: as loops, as $y = W A x$ and as $y = C x$. You will
# also know why its gradient with respect to the input is a multiplication by $C^T$. That one fact explains the
# transposed convolution, with which a fully convolutional network enlarges its maps.
#
# You need: a matrix times a vector, the transpose, and `Tensor` and `backward` from notebook 1.
#
# | letter | meaning |
# |---|---|
# | $x$, $y$ | input and output, images of numbers |
# | $w$ | weight: the numbers of the kernel |
# | $K$, $S$, $P$ | kernel size, stride, padding, in pixels |
# | $A$ | the matrix that gathers the windows of $x$ (im2col) |
# | $W$ | the weight, read as a matrix |
# | $C$ | the whole convolution as one matrix |

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap

import minifcn as mf
import minifcn.functional as F
from minifcn import explain

plt.style.use("minifcn.explain.figures")  # legible on light and on dark pages
plt.rcParams.update({"font.size": 11, "figure.constrained_layout.use": True})

# %% [markdown]
# ## One output pixel is one weighted sum
#
# Lay the kernel on the image. Multiply each weight by the pixel under it, and add up. That is one pixel of the output.
# Then move the kernel by one pixel and do it again:
#
# $$y_{ij} = \sum_k \sum_l w_{kl} \, x_{i+k,\,j+l}$$

# %%
x = np.array([[1.0, 2, 0, 1], [0, 1, 3, 2], [2, 1, 0, 1], [1, 0, 2, 3]])
w = np.array([[1.0, 2], [3, 4]])

# %% [markdown]
# **Predict** before you run the next cell, with pen and paper: what is $y_{00}$?

# %%
y00 = w[0, 0] * x[0, 0] + w[0, 1] * x[0, 1] + w[1, 0] * x[1, 0] + w[1, 1] * x[1, 1]
# ask: y[0, 0]
assert y00 == 1 * 1 + 2 * 2 + 3 * 0 + 4 * 1 == 9
print(y00)

# %% [markdown]
# ## The loops
#
# A kernel of 2x2 pixels fits on a 4x4 image at 3 places in each direction, so the output has 3x3 pixels.


# %%
def convolve(x, w):
    kernel_rows, kernel_columns = w.shape
    y = np.zeros((x.shape[0] - kernel_rows + 1, x.shape[1] - kernel_columns + 1))
    for i, j in np.ndindex(y.shape):  # every output pixel
        for k, l in np.ndindex(w.shape):  # every weight
            y[i, j] += w[k, l] * x[i + k, j + l]
    return y


y = convolve(x, w)
assert y.shape == (3, 3)
y

# %% [markdown]
# The library computes the same. It always works on batches of images with several channels, so its arrays have four
# axes: `(N, C, H, W)` for images, `(O, C, KH, KW)` for weights. Here N, C and O are 1, and `[None, None]` adds those
# two axes. (In shapes, C is the number of channels. The matrix $C$ comes further down.)

# %%
library_y = F.conv2d(mf.Tensor(x[None, None]), mf.Tensor(w[None, None]))
assert library_y.shape == (1, 1, 3, 3)
np.testing.assert_allclose(library_y.data[0, 0], y)

# %% [markdown]
# In mathematics the word convolution means that the kernel is turned round first. Deep learning leaves the kernel as
# it is (mathematics calls that a correlation) and keeps the word. NumPy's functions for one row show the difference:

# %%
row, kernel = np.array([1.0, 2, 0, 1]), np.array([1.0, 2])
ours = convolve(row[None], kernel[None])[0]
np.testing.assert_array_equal(ours, np.correlate(row, kernel))
assert not np.array_equal(ours, np.convolve(row, kernel, "valid"))

# %% [markdown]
# ## Stride and padding
#
# With **stride** $S$ the kernel moves $S$ pixels at a time. With **padding** $P$ the image first gets a border of $P$
# zeros on every side. On $n$ pixels the kernel then has this many places, where $\lfloor\,\rfloor$ means rounded down:
#
# $$\left\lfloor \frac{n + 2P - K}{S} \right\rfloor + 1$$
#
# **Predict**: how large is the output for n = 4, K = 2, S = 2, P = 1?

# %%
stride, padding = 2, 1
strided = F.conv2d(mf.Tensor(x[None, None]), mf.Tensor(w[None, None]), stride=stride, padding=padding)
places = (4 + 2 * padding - 2) // stride + 1
# ask: rows and columns of the output
assert strided.shape[2:] == (places, places) == (3, 3)

padded = np.pad(x, padding)
np.testing.assert_allclose(strided.data[0, 0], convolve(padded, w)[::stride, ::stride])

# %% [markdown]
# The last line says what a stride is: of all places of the kernel, only every $S$-th one is computed.
#
# ## Gathering the windows: im2col
#
# Loops in Python are slow, and matrix products are fast. So the four pixels of every window are written into a column
# of a matrix. This step is called im2col, "image to columns". What is left is a product with $W$, the weight as one
# row.
#
# **Predict**: what shape does the matrix of columns have, and how many numbers does it hold for the 16 pixels of $x$?

# %%
columns = np.zeros((2 * 2, 3 * 3))
for i, j in np.ndindex(3, 3):
    columns[:, 3 * i + j] = x[i : i + 2, j : j + 2].ravel()

W = w.reshape(1, 4)
# ask: shape of the matrix of columns
assert columns.shape == (4, 9)
# ask: numbers in it
assert columns.size == 36
np.testing.assert_allclose((W @ columns).reshape(3, 3), y)
assert columns[:, 4].tolist() == x[1:3, 1:3].ravel().tolist() == [1, 3, 1, 0]

# %% tags=["fold"]
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.9), width_ratios=(4, 9))
explain.draw_numbers(left, x, "image x", frames=[(1, 1, 2, 2)], labels=("column", "row"))
title = "im2col: window (1, 1) is column 4"
explain.draw_numbers(right, columns, title, frames=[(0, 4, 4, 1)], labels=("window", "place in the window"))

# %% [markdown]
# A pixel that lies in several windows is copied into several columns. That is the price of im2col: more memory.
#
# ## Gathering is a matrix too: A
#
# From here on an image is a vector: its rows one behind the other, `x.ravel()`. Every number in `columns` is a copy of
# one pixel. Copying pixel 6 out of 16 is a product with the row (0, 0, 0, 0, 0, 0, 1, 0, ...). So the whole gathering
# is a product with a matrix $A$ of zeros and ones. The product $A x$ is a *vector* of 36 numbers. It is then **folded**
# to the matrix of 4 rows of 9 that is `columns`: row by row, so number $9q + p$ of the vector is place $q$ of window
# $p$. With this fold understood, the convolution is $y = W A x$, and $W$ (1x4) times `columns` (4x9) is a row of 9.
#
# **Predict**: how many rows and columns has $A$, and how many ones are in each row?

# %%
A = np.zeros((36, 16))
for k, l, i, j in np.ndindex(2, 2, 3, 3):
    place_in_columns = (2 * k + l) * 9 + (3 * i + j)
    pixel = (i + k) * 4 + (j + l)
    A[place_in_columns, pixel] = 1

# ask: rows and columns of A
assert A.shape == (36, 16)
Ax = A @ x.ravel()
assert Ax.shape == (36,)
assert Ax[9 * 1 + 4] == columns[1, 4] == x[1, 2]  # place 1 of window 4
np.testing.assert_array_equal(Ax.reshape(4, 9), columns)
np.testing.assert_array_equal(A, explain.im2col_matrix((1, 4, 4), kernel_size=2))
# ask: ones in each row: none | 1* | 4 | 9
assert (A.sum(axis=1) == 1).all()

# %% [markdown]
# One 1 in each row: each number in `columns` comes from one pixel. The columns of $A$ tell the opposite: the sum of
# column $p$ is the number of windows that hold pixel $p$.
#
# **Predict** before you look: which pixels lie in the most windows, and in how many?

# %%
uses = A.sum(axis=0).reshape(4, 4)
# ask: most windows that one pixel lies in
assert uses.max() == 4
assert uses.tolist() == [[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]]

# %% tags=["fold"]
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 4.2), width_ratios=(1, 1))
left.imshow(A, cmap="Greys", aspect="auto")
left.set(xlabel="pixel of x, counted row by row", ylabel="number in the matrix of columns")
left.set_xticks(range(0, 16, 4))
left.set_title("A: one 1 (black) in each row", fontsize=11)
title = "sums of the columns of A:\nhow many windows a pixel is in"
explain.draw_numbers(right, uses, title, labels=("column", "row"))
for line in (8.5, 17.5, 26.5):  # the four places in the window
    left.axhline(line, color="#0072B2", linewidth=1)

# %% [markdown]
# Between two blue lines stand the nine windows' copies of one place in the window. The pixels in the middle are used
# four times, the corners once.
#
# Padding needs nothing new. A place in the padding holds no pixel, so its row in $A$ has no 1 at all:

# %%
A_padded = explain.im2col_matrix((1, 4, 4), kernel_size=2, padding=1)
assert A_padded.shape == (4 * 5 * 5, 16)
assert sorted(set(A_padded.sum(axis=1))) == [0, 1]

# %% [markdown]
# ## The whole convolution is one matrix: C
#
# Gathering is a matrix and weighting is a matrix, so both together are one matrix, $C$, with $y = C x$. It has a row
# for each output pixel and a column for each input pixel. The row of $y_{ij}$ holds the kernel at the place of window
# $(i, j)$, and zeros elsewhere.
#
# **Predict**: $C$ has 9 x 16 = 144 entries. How many of them are not zero? How many *different* weights are among
# them?

# %%
C = np.zeros((9, 16))
for i, j in np.ndindex(3, 3):
    kernel_in_its_place = np.zeros((4, 4))
    kernel_in_its_place[i : i + 2, j : j + 2] = w
    C[3 * i + j] = kernel_in_its_place.ravel()

np.testing.assert_allclose((C @ x.ravel()).reshape(3, 3), y)
np.testing.assert_array_equal(C, explain.conv_matrix(w[None, None], (1, 4, 4)))
# ask: entries that are not 0
assert np.count_nonzero(C) == 9 * 4 == 36
# ask: different weights among them
assert len(set(C[C != 0])) == 4
assert set(C[C != 0]) == {1, 2, 3, 4}

# %% tags=["fold"]
light = ListedColormap(["white", "#56B4E9", "#E69F00", "#009E73", "#CC79A7"])
figure, ax = plt.subplots(figsize=(7, 4.3))
ax.imshow(C, cmap=light)  # the weights are 1, 2, 3, 4, so the entry is the number of its colour
for (i, j), weight in np.ndenumerate(C):
    ax.text(j, i, f"{weight:g}" if weight else "·", ha="center", va="center", fontsize=12, color="black")
ax.set(xticks=range(16), yticks=range(9))
ax.set_xticklabels([f"{r}{c}" for r, c in np.ndindex(4, 4)])
ax.set_yticklabels([f"{i}{j}" for i, j in np.ndindex(3, 3)])
ax.set(xlabel="input pixel (row, column)", ylabel="output pixel (row, column)")
ax.set_title("C: in each row the same four weights, in another place", fontsize=11)
for edge in (3.5, 7.5, 11.5):  # where a new row of the image begins
    ax.axvline(edge, color="grey", linewidth=1)

# %% [markdown]
# A fully connected layer from 16 to 9 numbers would learn all 144 entries. A convolution learns 4. It assumes two
# things: an output depends only on the pixels near it (the zeros), and every place is treated alike (the repetition).
#
# $C$ is made of $W$ and $A$. Each weight multiplies nine numbers of the columns, one per window, which is what
# `np.kron(W, identity)` writes out:

# %%
np.testing.assert_array_equal(np.kron(W, np.eye(9)) @ A, C)

# %% [markdown]
# ## The gradient with respect to x is a product with Cᵀ
#
# Let $L$ be a loss computed from $y$, and $g$ the gradient of $L$ with respect to $y$: one number for each output
# pixel. What is the gradient with respect to $x$? Change $x$ by a little, by $d$.
#
# - $y = C x$ changes by $C d$.
# - $L$ changes by $g \cdot (C d)$, to first order.
# - $g \cdot (C d) = g^T C d = (C^T g) \cdot d$.
#
# The gradient with respect to $x$ is the vector whose product with $d$ tells the change of $L$. So it is $C^T g$.
# Nothing here was special to convolution. It holds for every linear map.
#
# **Predict**: let $g$ be 1 at output pixel (1, 1) and 0 elsewhere. What does $C^T g$ look like as a 4x4 image?

# %%
one = np.zeros((3, 3))
one[1, 1] = 1
stamp = (C.T @ one.ravel()).reshape(4, 4)
# ask: the 16 numbers, row by row
assert stamp.tolist() == [[0, 0, 0, 0], [0, 1, 2, 0], [0, 3, 4, 0], [0, 0, 0, 0]]

# %% [markdown]
# It is the kernel, in the place of window (1, 1): a row of $C$ is a column of $C^T$. Each output pixel stamps the
# kernel, times its $g$, on the image. Where stamps overlap, they add up.
#
# **Predict**: now $g$ is 1 at (1, 1) and also at (1, 2). Which column of pixels gets contributions from both?

# %%
two = one.copy()
two[1, 2] = 1
stamps = (C.T @ two.ravel()).reshape(4, 4)
# ask: column that gets both: 0 | 1 | 2* | 3
assert stamps[1:3].tolist() == [[0, 1, 2 + 1, 2], [0, 3, 4 + 3, 4]]

# %% tags=["fold"]
figure, axes = plt.subplots(1, 4, figsize=(7, 2.5), width_ratios=(3, 4, 3, 4))
explain.draw_numbers(axes[0], one, "g", labels=("column", "row"))
explain.draw_numbers(axes[1], stamp, "Cᵀ g: one stamp", frames=[(1, 1, 2, 2)])
explain.draw_numbers(axes[2], two, "g")
explain.draw_numbers(axes[3], stamps, "Cᵀ g: two add up", frames=[(1, 1, 2, 2), (1, 2, 2, 2, "#0072B2")])

# %% [markdown]
# As loops this is the convolution with both sides exchanged. There, $y_{ij}$ *collects* from $x_{i+k,\,j+l}$. Here,
# $g_{ij}$ *adds to* $x_{i+k,\,j+l}$, with the same weight.

# %%
g = np.array([[1.0, 0, 2], [0, 3, 1], [1, 1, 0]])

by_loops = np.zeros((4, 4))
for i, j in np.ndindex(3, 3):
    for k, l in np.ndindex(2, 2):
        by_loops[i + k, j + l] += w[k, l] * g[i, j]

np.testing.assert_allclose(by_loops, (C.T @ g.ravel()).reshape(4, 4))

# %% [markdown]
# Now three checks. Automatic differentiation gives the same; so does the operation called **transposed convolution**,
# which is named after $C^T$; and so do finite differences, which know nothing of matrices: move each pixel a little,
# and measure how $L = g \cdot y$ changes.

# %%
X, weight = mf.Tensor(x[None, None], requires_grad=True), mf.Tensor(w[None, None], requires_grad=True)
F.conv2d(X, weight).backward(mf.Tensor(g[None, None]))
np.testing.assert_allclose(X.grad.data[0, 0], by_loops)

transposed = F.conv_transpose2d(mf.Tensor(g[None, None]), mf.Tensor(w[None, None]))
np.testing.assert_allclose(transposed.data[0, 0], by_loops)

step = 1e-3
for r, c in np.ndindex(4, 4):
    moved = x.copy()
    moved[r, c] += step
    slope = ((g * convolve(moved, w)).sum() - (g * convolve(x, w)).sum()) / step
    np.testing.assert_allclose(slope, by_loops[r, c], atol=1e-8)

# %% [markdown]
# ## Does the transpose undo it?
#
# $C^T$ turns 9 numbers into 16, an image of the size of $x$. **Predict**: is $C^T (C x)$ the image $x$ again?

# %%
back = (C.T @ C @ x.ravel()).reshape(4, 4)
assert back.shape == x.shape
# ask: the image again: yes | no*
assert not np.allclose(back, x)
assert np.linalg.matrix_rank(C) == 9
back

# %% [markdown]
# No: the transpose is not the inverse. It has the shape of $x$, not its values. Nor could any other matrix bring $x$
# back: $C$ keeps 9 numbers of 16 (its rank is 9), so many images have the same $y$. What the transpose does satisfy is
# the equation from the derivation, for every $x$ and $g$. It is a good test of any pair of a map and its gradient:

# %%
np.testing.assert_allclose(g.ravel() @ (C @ x.ravel()), (C.T @ g.ravel()) @ x.ravel())

# %% [markdown]
# ## The gradient with respect to w
#
# $y = W (A x)$ is just as linear in $W$. By the same reasoning the gradient is $g$ times the transposed matrix of
# columns: weight $(k, l)$ gets the sum, over all windows, of $g_{ij}$ times the pixel that the weight was multiplied
# by.

# %%
weight_gradient = (g.reshape(1, 9) @ columns.T).reshape(2, 2)
np.testing.assert_allclose(weight.grad.data[0, 0], weight_gradient)
np.testing.assert_allclose(weight_gradient[0, 1], (g * x[0:3, 1:4]).sum())

# %% [markdown]
# ### In the laboratory
#
# All of this is in one page to drag: the window, what each pixel gives, the columns, and a row of $C$, in step with
# each other. Press ▶ or the arrow keys, type other numbers, and press **backward** for the gradients, each with its
# finite difference; the menu there has wrong ways back.

# %%
explain.Laboratory(x, w, kind="conv")

# %% [markdown]
# ## Several channels
#
# An image has 3 channels and a map in a network has hundreds. A window then covers all channels, and each of the $O$
# outputs has its own kernel. Nothing else changes: $W$ has $O$ rows instead of one, and $A$ gathers from all channels.
#
# **Predict**: 2 channels of 5x5 pixels, 3 outputs, K = 3, S = 2, P = 1. What are the shapes of $y$, $W$, $A$ and $C$?

# %%
rng = np.random.default_rng(0)
image, kernels = rng.standard_normal((2, 5, 5)), rng.standard_normal((3, 2, 3, 3))
setting = {"stride": 2, "padding": 1}

W = kernels.reshape(3, 2 * 3 * 3)
A = explain.im2col_matrix((2, 5, 5), 3, **setting)
C = explain.conv_matrix(kernels, (2, 5, 5), **setting)
# ask: shape of W
assert W.shape == (3, 18)
# ask: shape of A
assert A.shape == (18 * 9, 50)
# ask: shape of C
assert C.shape == (27, 50)

maps = F.conv2d(mf.Tensor(image[None]), mf.Tensor(kernels), **setting)
# ask: shape of y, the batch included
assert maps.shape == (1, 3, 3, 3)
np.testing.assert_allclose((W @ (A @ image.ravel()).reshape(18, 9)).ravel(), maps.data.ravel())
np.testing.assert_allclose(C @ image.ravel(), maps.data.ravel())

# %% tags=["fold"]
figure, ax = plt.subplots(figsize=(7, 4.3))
ax.imshow(C != 0, cmap="Greys", vmax=2)
ax.set(xlabel="input: 2 channels of 25 pixels", ylabel="output: 3 channels of 9 pixels")
ax.set_title("C with stride 2, padding 1: a block for each pair of channels", fontsize=11)
ax.axvline(24.5, color="#0072B2", linewidth=2)
for edge in (8.5, 17.5):
    ax.axhline(edge, color="#0072B2", linewidth=2)

# %% [markdown]
# Every block has the same pattern of zeros and a 3x3 kernel of its own. The stride shows as the step of two pixels
# from one row of a block to the next. And the gradient is still the product with the transpose:

# %%
X = mf.Tensor(image[None], requires_grad=True)
maps = F.conv2d(X, mf.Tensor(kernels), **setting)
G = rng.standard_normal(maps.shape)
maps.backward(mf.Tensor(G))
np.testing.assert_allclose(X.grad.data.ravel(), C.T @ G.ravel())

# %% [markdown]
# ## Why nobody multiplies by C
#
# The first layer of VGG16, the network inside FCN, takes 3 channels of 224x224 pixels to 64 of the same size, with a
# 3x3 kernel. **Predict**: how much memory would $C$ take at 4 bytes per entry, and which share of it are zeros?

# %%
entries = (64 * 224 * 224) * (3 * 224 * 224)
most_that_are_not_zero = (64 * 224 * 224) * (3 * 3 * 3)
im2col_numbers = (3 * 3 * 3) * (224 * 224)

# ask: bytes of C: about 2 MB | about 2 GB | about 2 TB*
assert 4 * entries > 1.9e12
# ask: share of zeros: about a half | about 99 % | more than 99.9 %*
assert most_that_are_not_zero / entries < 0.0002
assert im2col_numbers == 9 * (3 * 224 * 224)
print(f"C: {4 * entries / 1e12:.2f} TB; the columns of im2col: {4 * im2col_numbers / 1e6:.1f} MB")

# %% [markdown]
# $C$ would take 1.93 TB, and more than 99.98 % of it would be zeros. The columns of im2col are nine times the image
# and fit in memory easily. So programs compute $W (A x)$: they gather by copying, never by multiplying with zeros and
# ones. $C$ is for understanding.
#
# ## Questions
#
# 1. An image has 7 pixels in each direction, and K = 3, S = 2, P = 0. How many output pixels are there in each
#    direction? And for 8 pixels? Check it with the shape of `explain.im2col_matrix((1, n, n), 3, stride=2)`, which has
#    K · K rows for each output pixel.
# 2. How many rows of `A_padded` are all zeros? Count on paper first: each of the 25 windows has four places, and some
#    of them lie in the padding. Then change the last line of that cell to find out.
# 3. With a 2x2 kernel and stride 2, every pixel of a 4x4 image lies in exactly one window. In how many windows does
#    each pixel of a 5x5 image lie, with a 3x3 kernel and stride 2? Compute `uses` for it: the column sums of
#    `explain.im2col_matrix((1, 5, 5), 3, stride=2)`.
# 4. Often a number $b$, the bias, is added to all pixels of $y$. What is the gradient of $L$ with respect to $b$? Pass
#    `bias=mf.Tensor([0.0], requires_grad=True)` to the `F.conv2d` of the three checks, and look at its `.grad`.
# 5. Find a stride, and a 2x2 kernel without zeros, for which $C C^T$ is the identity. Which images does $C^T C$ then
#    leave as they are? Build `C` with `explain.conv_matrix(..., stride=...)`.
#
# ## What to read next
#
# - `minifcn/compute/convolution.py`: $y = W A x$ and its two derivatives, three functions of one or two lines.
# - `minifcn/compute/im2col.py`: how the windows are gathered and scattered without a matrix $A$.
# - `minifcn/explain/matrices.py`: $A$ and $C$ for any stride, padding and number of channels.
# - The paper, section 3: convolution as one of the layers that work on images of any size. Section 3.3 uses $C^T$ to
#   enlarge maps; notebook 5 shows how.
