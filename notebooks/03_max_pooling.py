# %% [markdown]
# # 3. Max-pooling
#
# Max-pooling makes a map smaller: of each window only the largest value stays. After this notebook you can compute its
# values, its indices and its gradient by hand, you know what happens to equal values and to a last row that fills no
# window, and you have seen what pooling throws away. What it throws away is what a segmentation network must win back.
#
# You need: `Tensor` and `backward` from notebook 1, windows and stride from notebook 2.
#
# | letter | meaning |
# |---|---|
# | $x$, $y$ | input and output |
# | $K$, $S$, $P$ | kernel size, stride, padding, in pixels |
# | $g$ | gradient of the loss with respect to $y$ |

# %%
import matplotlib.pyplot as plt
import numpy as np

import minifcn as mf
import minifcn.functional as F
from minifcn import data, explain

plt.style.use("minifcn.explain.figures")  # legible on light and on dark pages
plt.rcParams.update({"font.size": 11, "figure.constrained_layout.use": True})

# %% [markdown]
# ## Values
#
# The usual setting is K = 2 and S = 2: windows of 2x2 pixels that do not overlap.

# %%
x = np.array([[1.0, 3, 2, 0], [4, 2, 1, 5], [0, 6, 7, 8], [2, 1, 9, 3]])

# %% [markdown]
# **Predict** before you run the next cell: what are the four values of $y$?

# %%
y = np.zeros((2, 2))
for i, j in np.ndindex(2, 2):
    y[i, j] = x[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max()
# ask: the four values
assert y.tolist() == [[4, 5], [6, 9]]

pooled = F.max_pool2d(mf.Tensor(x[None, None]), kernel_size=2)  # the stride is the kernel size unless given
np.testing.assert_array_equal(pooled.data[0, 0], y)

# %% [markdown]
# There is no weight in it and nothing to learn. Each channel is pooled by itself, so the number of channels stays.
#
# ## Indices
#
# Which pixel was the largest? `return_indices=True` tells: the position of each winner, counted row by row from 0 to
# 15. **Predict** the four indices.

# %%
pooled, indices = F.max_pool2d(mf.Tensor(x[None, None]), 2, return_indices=True)
# ask: the four indices
assert indices.data[0, 0].tolist() == [[4, 7], [9, 14]]
np.testing.assert_array_equal(x.ravel()[indices.data[0, 0]], y)

# %% [markdown]
# Given the winners, pooling is just picking: $y$ is made of four pixels of $x$.
#
# ## The gradient goes to the winners
#
# Let $g$ be the gradient of the loss with respect to $y$. Change a pixel a little. If it is the winner of its window,
# $y$ changes as much, so the pixel gets the $g$ of its window. If it is not, $y$ does not change at all, so the pixel
# gets 0.

# %%
g = np.array([[10.0, 20], [30, 40]])

# %% [markdown]
# **Predict**: where do the numbers of $g$ appear in the gradient of $x$?

# %%
X = mf.Tensor(x[None, None], requires_grad=True)
F.max_pool2d(X, 2).backward(mf.Tensor(g[None, None]))
gradient = X.grad.data[0, 0]
# ask: the 16 numbers of the gradient, row by row
assert gradient.tolist() == [[0, 0, 0, 0], [10, 0, 0, 20], [0, 30, 0, 0], [0, 0, 40, 0]]

by_hand = np.zeros(16)
by_hand[indices.data.ravel()] = g.ravel()
np.testing.assert_array_equal(gradient, by_hand.reshape(4, 4))
assert np.count_nonzero(gradient) == 4

# %% tags=["fold"]
figure, axes = plt.subplots(1, 4, figsize=(7, 2.9), width_ratios=(4, 2, 2, 4))
winners = [(p // 4, p % 4, 1, 1) for p in indices.data.ravel()]
window = np.kron([[0, 1], [1, 0]], np.ones((2, 2), int))  # the windows in two tints
explain.draw_numbers(
    axes[0], x, "x, winners framed", colour=window, shade=x + 3, frames=winners, labels=("column", "row")
)
explain.draw_numbers(axes[1], y, "y")
explain.draw_numbers(axes[2], g, "g")
explain.draw_numbers(axes[3], gradient, "gradient of x", frames=winners)

# %% [markdown]
# Four pixels out of sixteen get a gradient. What made the other twelve learns nothing from this image.
#
# Finite differences say the same. The step must be small: a pixel that is nearly the largest may become the winner.

# %%
step = 1e-3
for r, c in np.ndindex(4, 4):
    moved = x.copy()
    moved[r, c] += step
    moved_y = F.max_pool2d(mf.Tensor(moved[None, None]), 2).data[0, 0]
    np.testing.assert_allclose((g * (moved_y - y)).sum() / step, gradient[r, c], atol=1e-9)

# %% [markdown]
# In notebook 2, a convolution was a matrix $C$, and its gradient a product with $C^T$. Pooling is a matrix as well,
# with one 1 in each row, at the winner: call it $M$ ($P$ is the padding). The difference: $M$ depends on $x$. Another
# image has other winners.

# %%
M = np.zeros((4, 16))
M[np.arange(4), indices.data.ravel()] = 1
np.testing.assert_array_equal(M @ x.ravel(), y.ravel())
np.testing.assert_array_equal(M.T @ g.ravel(), gradient.ravel())

# %% [markdown]
# ### Step by step
#
# Click through it: each step reads one window, keeps its largest pixel, and shows where the gradient will go.

# %%
stepper = explain.Stepper(x, 2, kind="max-pool")
np.testing.assert_array_equal([step.value for step in stepper.steps], y.ravel())
stepper

# %% [markdown]
# ## Windows that overlap
#
# With K = 3 and S = 1 a 4x4 map has 2x2 windows that overlap. One pixel can win several of them. **Predict** from the
# numbers of `x`: which pixel wins which window? What does its gradient become?

# %%
X = mf.Tensor(x[None, None], requires_grad=True)
overlapping, winners = F.max_pool2d(X, 3, stride=1, return_indices=True)
overlapping.backward(mf.Tensor(g[None, None]))
assert overlapping.data[0, 0].tolist() == [[7, 8], [9, 9]]
# ask: indices of the four winners
assert winners.data[0, 0].tolist() == [[10, 11], [14, 14]]
# ask: gradient of the pixel that wins twice
assert X.grad.data[0, 0, 3, 2] == 30 + 40

# %% [markdown]
# The 9 won two windows, so it was used twice, and the gradients of its uses add up, as in notebook 1.
#
# ## Equal values
#
# What if two pixels are equal? This is not rare. In a network a ReLU stands before the pool. It turns all negative
# numbers into 0, so many windows hold nothing but zeros. **Predict**: which pixel of such a window gets the gradient?

# %%
after_relu = F.relu(mf.Tensor(np.array([[[[-1.0, -2], [-3, -4]]]])))
assert after_relu.data.ravel().tolist() == [0, 0, 0, 0]

ties = mf.Tensor(after_relu.data, requires_grad=True)
top, winner = F.max_pool2d(ties, 2, return_indices=True)
top.backward(mf.Tensor(np.array([[[[5.0]]]])))
assert winner.item() == 0
# ask: the gradient goes to: the first pixel* | the last pixel | all, in equal parts | none
assert ties.grad.data[0, 0].tolist() == [[5, 0], [0, 0]]

# %% [markdown]
# The first one wins, in the order of reading: rows from the top, each from the left. This is a convention. At a tie the
# maximum has no derivative. Make one of four equal pixels larger, and $y$ grows as much; make it smaller, and $y$
# stays:

# %%
larger, smaller = np.zeros((2, 2)), np.zeros((2, 2))
larger[1, 1], smaller[1, 1] = step, -step
slope_up = (larger.max() - 0) / step
slope_down = (smaller.max() - 0) / -step
assert (slope_up, slope_down) == (1, 0)

# %% [markdown]
# Two things matter about the convention. The $g$ is given away once, not to each of the equal pixels: if all four grow
# together by a step, $y$ grows by one step, so their gradients must add up to $g$. And it is always the same pixel, so
# that a run can be repeated.

# %%
assert (np.zeros((2, 2)) + step).max() == step
assert ties.grad.data.sum() == 5

# %% [markdown]
# ## A last row that fills no window
#
# A map with 5 rows and windows of 2: two windows fit, and the fifth row is left over. There are two ways to go on:
#
# - **floor**: round down, and drop the row. $\lfloor (5 - 2) / 2 \rfloor + 1 = 2$ windows.
# - **ceil**: round up, and let the last window hang over the edge. $\lceil (5 - 2) / 2 \rceil + 1 = 3$ windows.
#
# The largest value of the next map is in its last row.

# %%
tall = np.arange(1.0, 11.0).reshape(5, 2)
tall

# %% [markdown]
# **Predict**: what is the largest value of $y$ in both modes?

# %%
T = mf.Tensor(tall[None, None])
floor, ceil = F.max_pool2d(T, 2), F.max_pool2d(T, 2, ceil_mode=True)
# ask: largest value with floor
assert floor.data.max() == 8
# ask: largest value with ceil
assert ceil.data.max() == 10
assert floor.data.ravel().tolist() == [4, 8]
assert ceil.data.ravel().tolist() == [4, 8, 10]

learns = mf.Tensor(tall[None, None], requires_grad=True)
F.max_pool2d(learns, 2).sum().backward()
assert (learns.grad.data[0, 0, 4] == 0).all()  # the last row, with floor

# %% [markdown]
# Rounding down has lost the 10, and the last row can never learn anything.
#
# What a window finds outside the map counts as minus infinity, not as 0. **Predict** why; the next map shows it.

# %%
negative = mf.Tensor(-tall[None, None])
# ask: with zeros outside the last value would be: -9 | 0* | 9
assert F.max_pool2d(F.pad(negative, (0, 0, 0, 1)), 2).data.ravel()[-1] == 0
assert F.max_pool2d(negative, 2, ceil_mode=True).data.ravel().tolist() == [-1, -5, -9]

# %% [markdown]
# With zeros outside, the last value would be 0: the edge would win over all negative numbers.
#
# The paper's networks were written in Caffe, which rounds up. A 500x500 image has 698x698 pixels after the first layer,
# which pads by 100. Five pools follow. **Predict**: do floor and ceil end with the same size?


# %%
def after_pools(size, ceil_mode):
    sizes = []
    for _ in range(5):
        line = mf.Tensor(np.zeros((1, 1, size, 2)))
        size = F.max_pool2d(line, 2, ceil_mode=ceil_mode).shape[2]
        sizes.append(size)
    return sizes


assert 500 + 2 * 100 - 3 + 1 == 698
# ask: the same size in the end: yes | no*
assert after_pools(698, ceil_mode=True) == [349, 175, 88, 44, 22]
assert after_pools(698, ceil_mode=False) == [349, 174, 87, 43, 21]

# %% [markdown]
# They differ from the second pool on. Whoever rounds the other way gets maps of another size, and pictures that do not
# fit.
#
# ## What is lost
#
# Put one bright pixel into an empty 2x2 window. **Predict**: in how many of the four places does it give the same $y$?
# And after five pools, how many places in the image cannot be told apart?

# %%
outputs = [F.max_pool2d(mf.Tensor(dot.reshape(1, 1, 2, 2)), 2).item() for dot in np.eye(4)]
# ask: places of four that give the same y
assert outputs.count(1.0) == 4

rng = np.random.default_rng(0)
for row, column in rng.integers(0, 32, (20, 2)):
    image = np.zeros((1, 1, 64, 64))
    image[0, 0, row, column] = 1
    for _ in range(5):
        image = F.max_pool2d(mf.Tensor(image), 2).data
    assert image[0, 0].tolist() == [[1, 0], [0, 0]]
# ask: places that cannot be told apart after five pools
assert 2**5 * 2**5 == 1024

# %% [markdown]
# All four, and 1024. After five pools one pixel stands for 32x32 pixels of the image and tells *what* is there, not
# *where*. For the question "is there a cat?" this is what one wants. For segmentation the *where* is half of the
# answer.

# %% tags=["fold"]
ring = (data.Shapes(10, size=128, num_classes=6)[5].label > 0).astype(float)
figure, axes = plt.subplots(2, 3, figsize=(7, 5.2))
figure.suptitle("Each pool halves both sides, and the ring loses its form", fontsize=12)
small = ring[None, None]
for pools, ax in enumerate(axes.ravel()):
    ax.imshow(small[0, 0], cmap="Greys", vmax=1.3, extent=(0, 128, 128, 0))
    side = small.shape[2]
    ax.set_title(f"{pools} pools: {side}x{side}", fontsize=11)
    ax.set(xticks=[0, 64, 128], yticks=[0, 64, 128])
    assert side == 128 // 2**pools
    small = F.max_pool2d(mf.Tensor(small), 2).data
for ax in axes[1]:
    ax.set_xlabel("column of the image")
for ax in axes[:, 0]:
    ax.set_ylabel("row of the image")

# %% [markdown]
# After four pools the ring is an angular lump with a hole of one pixel, after five the hole is gone. A maximum also
# makes large values spread: a block is dark (1) as soon as one pixel in it is.

# %%
maps = [ring]
for _ in range(5):
    maps.append(F.max_pool2d(mf.Tensor(maps[-1][None, None]), 2).data[0, 0])
hole = 3, 2  # row and column, behind four pools
assert maps[4][hole] == 0
assert maps[4][2:5, 1:4].sum() == 8  # all around it is the ring
assert maps[5][1, 1] == 1  # the hole lay in this pixel
for pools, small in enumerate(maps):  # a pixel is 1 exactly if one of its 2^pools x 2^pools pixels is
    side = 2**pools
    blocks = ring.reshape(128 // side, side, 128 // side, side)
    np.testing.assert_array_equal(small, blocks.max(axis=(1, 3)))
assert maps[5].mean() > 2 * ring.mean()  # dark spreads

# %% [markdown]
# The indices know more than the values. `max_unpool2d` puts every value back where it was found. **DeconvNet** (Noh,
# Hong and Han, 2015) and **SegNet** (Badrinarayanan, Kendall and Cipolla, 2015) do that: their decoders mirror the
# encoder, remember the indices of every pool, unpool with them, and convolve the sparse map to fill it. FCN does not.
# It enlarges its maps by transposed convolution (notebook 5) and adds maps from earlier layers, which still know the
# place. What the indices give that a fixed upsampling cannot: of the ring below, nothing comes back beside its edge.

# %%
restored = F.max_unpool2d(pooled, indices, 2)
assert restored.shape == (1, 1, 4, 4)
assert restored.data[0, 0].tolist() == [[0, 0, 0, 0], [4, 0, 0, 5], [0, 6, 0, 0], [0, 0, 9, 0]]

# %% [markdown]
# The winners are back in their places. The other twelve values are gone for good.
#
# Now the ring, pooled three times and brought back three times: with the indices, and by repeating each value over its
# 8x8 pixels, which is all that the values alone allow. **Predict**: which of the two puts more pixels *outside* the
# ring?

# %%
small, kept = mf.Tensor(ring[None, None]), []
for _ in range(3):
    small, found = F.max_pool2d(small, 2, return_indices=True)
    kept.append(found)

unpooled = small
for found in reversed(kept):
    unpooled = F.max_unpool2d(unpooled, found, 2)
unpooled = unpooled.data[0, 0]
repeated = np.kron(small.data[0, 0], np.ones((8, 8)))

assert unpooled.shape == repeated.shape == ring.shape
outside_unpooled, outside_repeated = unpooled[ring == 0].sum(), repeated[ring == 0].sum()
# ask: more pixels outside the ring: with the indices | by repeating*
assert outside_unpooled == 0 < outside_repeated
assert unpooled.sum() == small.data.sum() == repeated.sum() / 64  # sparse: one pixel in 64

# %% [markdown]
# By repeating. With the indices every value lands on a pixel of the ring, not one beside it, but only one pixel in 64
# is set: what SegNet's and DeconvNet's convolutions then have to fill.
#
# ## Pooling by the mean
#
# For comparison: average pooling takes the mean of the window. **Predict** its gradient for the same $x$ and $g$.

# %%
X = mf.Tensor(x[None, None], requires_grad=True)
F.avg_pool2d(X, 2).backward(mf.Tensor(g[None, None]))
# ask: gradient of the four pixels of the first window
np.testing.assert_array_equal(X.grad.data[0, 0, :2, :2], [[2.5, 2.5], [2.5, 2.5]])
np.testing.assert_array_equal(X.grad.data[0, 0], np.kron(g / 4, np.ones((2, 2))))

# %% [markdown]
# Every pixel of a window gets a quarter of its $g$, whatever the values are. The mean is linear, so its matrix does not
# depend on $x$.
#
# ## Questions
#
# 1. In `x`, change the 4 into a 2. Which index changes, and to what? Where does the 10 of $g$ go then?
# 2. Write down the size after pooling for K = 3, S = 2 and maps of 5, 6, 7 and 8 rows, floor and ceil. When are the two
#    equal? Check it with `F.max_pool2d(mf.Tensor(np.zeros((1, 1, n, n))), 3, stride=2, ceil_mode=...)`.
# 3. With `ceil_mode` and padding, Caffe drops a last window that would start beyond the map. For K = 2, S = 2, P = 1
#    and 3 rows, how many windows are there without that rule, and how many with it? What would the dropped window
#    contain?
# 4. Pooling is said to make a network insensitive to small shifts. Shift `ring` by one pixel with `np.roll`, pool both
#    once, and count the pixels that differ. Shift by two pixels and compare with the pooled map shifted by one. What
#    holds exactly, and what only nearly?
# 5. One could share the gradient among equal values instead of giving it to the first. Would the test with finite
#    differences pass then? Would training change, where a ReLU has made the zeros? (Think of the derivative of the
#    ReLU.)
#
# ## What to read next
#
# - `minifcn/functional/pooling.py`: max-pooling, whose backward is `to_winner`, whose backward is `from_winner`.
# - `minifcn/compute/pooling.py`: how winners are found without a loop over the windows.
# - `minifcn/compute/window.py`, `output_size`: floor and ceil.
# - The paper, section 3: pooling as a layer of a network for images of any size. Section 4.2 adds the earlier maps.
