# %% [markdown]
# # 17. Why Winograd's convolution is faster
#
# A 3x3 convolution needs nine multiplications for each output pixel and each pair of an input and an output channel.
# minifcn gets by with two and a quarter. After this notebook you can do the trick by hand for two outputs, build it up
# to whole layers, count what it saves and what it costs, and say when it does not pay. It is an appendix: what a
# network computes does not depend on it.
#
# You need: convolution as a matrix product (notebook 2). Polynomials help, but are not necessary.
#
# | letter | meaning |
# |---|---|
# | $d$ | neighbouring inputs, a *tile* |
# | $g$ | the kernel, three weights in a row, or 3x3 |
# | $y$ | the outputs of the tile |
# | $F(m, 3)$ | the way to compute $m$ neighbouring outputs of a kernel of three |
# | $B^T$, $G$, $A^T$ | the constant matrices of that way. $A^T$ is not the im2col matrix: only the letter is the same |
# | $C$, $O$ | numbers of input and output channels |

# %%
import time
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np

import minifcn as mf
import minifcn.functional as F
from minifcn.compute.fast import winograd

plt.style.use("minifcn.explain.figures")  # legible on light and on dark pages
plt.rcParams.update({"font.size": 11, "figure.constrained_layout.use": True})
rng = np.random.default_rng(0)

# %% [markdown]
# ## Two outputs, directly
#
# A kernel of three weights on four inputs gives two outputs: $y_0 = d_0 g_0 + d_1 g_1 + d_2 g_2$ and
# $y_1 = d_1 g_0 + d_2 g_1 + d_3 g_2$. The function `times` multiplies, and counts.

# %%
multiplications = 0


def times(a, b):
    global multiplications
    multiplications += 1
    return a * b


d = np.array([1.0, 2, 3, 4])
g = np.array([1.0, 2, 3])

direct = [sum(times(d[i + j], g[j]) for j in range(3)) for i in range(2)]
assert direct == [14, 20]
assert multiplications == 6

# %% [markdown]
# ## Two outputs, with four multiplications
#
# Both outputs use $d_1$ and $d_2$. Winograd's trick is to multiply sums instead of single numbers. First it prepares
# the kernel. In a layer the same kernel meets thousands of tiles, so this is done once for all of them, and we do not
# count it.
#
# $$u_0 = -g_0 \qquad u_1 = (g_0 + g_1 + g_2) / 2 \qquad u_2 = (g_0 - g_1 + g_2) / 2 \qquad u_3 = g_2$$
#
# **Predict** before you run the next cell: what are the four prepared numbers for $g = (1, 2, 3)$?

# %%
u0 = -g[0]
u1 = (g[0] + g[1] + g[2]) / 2
u2 = (g[0] - g[1] + g[2]) / 2
u3 = g[2]
# ask: the four prepared numbers
assert (u0, u1, u2, u3) == (-1, 3, 1, 3)

# %% [markdown]
# Then it adds and subtracts inputs, multiplies four times, and adds and subtracts the products.

# %%
multiplications = 0
m0 = times(d[2] - d[0], u0)
m1 = times(d[1] + d[2], u1)
m2 = times(d[2] - d[1], u2)
m3 = times(d[3] - d[1], u3)

y0 = m0 + m1 + m2
y1 = m1 - m2 + m3
assert [y0, y1] == direct
assert multiplications == 4

# %% [markdown]
# The same two numbers, with four multiplications instead of six. Multiply the terms out on paper once: in
# $m_0 + m_1 + m_2$ all that does not belong to $y_0$ cancels.
#
# ## The same as three matrices
#
# Adding and subtracting is a product with a matrix of 0, 1 and -1. So the trick is
#
# $$y = A^T \, [\, (G g) * (B^T d) \,]$$
#
# where $*$ multiplies entry by entry. Only this $*$ multiplies data with weights.

# %%
BT2 = np.array([[-1, 0, 1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]])
G2 = np.array([[-1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]])
AT2 = np.array([[1, 1, 1, 0], [0, 1, -1, 1]])

np.testing.assert_array_equal(G2 @ g, [u0, u1, u2, u3])
np.testing.assert_array_equal(BT2 @ d * (G2 @ g), [m0, m1, m2, m3])
np.testing.assert_array_equal(AT2 @ (BT2 @ d * (G2 @ g)), direct)

# %% [markdown]
# ## A proof instead of an example
#
# One example proves nothing. But $y_i$ is a sum of terms $T_{ijk} \, g_j \, d_k$, whatever $g$ and $d$ are, and a
# convolution is the one for which $T_{ijk} = 1$ where $k = i + j$, and 0 elsewhere. $T$ follows from the three
# matrices:
#
# $$T_{ijk} = \sum_f (A^T)_{if} \, G_{fj} \, (B^T)_{fk}$$
#
# If it has the right entries, the three matrices are right for *all* inputs and weights.


# %%
def terms(BT, G, AT):
    return np.einsum("if, fj, fk -> ijk", AT, G, BT)


i, j, k = np.ogrid[:2, :3, :4]
np.testing.assert_array_equal(terms(BT2, G2, AT2), k == i + j)

# %% [markdown]
# ## Where the matrices come from
#
# Look at the rows of $G$: apart from a factor they are $(1, p, p^2)$ for $p = 0, 1, -1$, and the last row picks $g_2$.
# So $G g$ are the values of the polynomial $g_0 + g_1 x + g_2 x^2$ at three points, and its leading coefficient. To
# multiply two polynomials one can multiply their *values*, one multiplication for each point. A convolution is such a
# product, transposed. `docs/winograd.md` derives $B^T$ and $A^T$ from that in a page.

# %%
points = [0, 1, -1]
for p, row in zip(points, G2, strict=False):
    np.testing.assert_array_equal(row / row[0], [1, p, p**2])

# %% [markdown]
# ## Four outputs: F(4, 3)
#
# Two more points, 2 and -2, and four outputs come out of six inputs. These are the matrices in minifcn.
#
# **Predict**: how many multiplications do four outputs take directly, and how many with these matrices?

# %%
BT4, G4, AT4 = np.array(winograd.BT), np.array(winograd.G), np.array(winograd.AT)
assert (BT4.shape, G4.shape, AT4.shape) == ((6, 6), (6, 3), (4, 6))

d = np.array([1.0, 2, 0, -1, 3, 1])
g = np.array([8.0, 12, -2])
products = (G4 @ g) * (BT4 @ d)
# ask: multiplications with the matrices
assert products.size == 6
# ask: multiplications directly
assert 4 * 3 == 12  # directly

direct = [d[i : i + 3] @ g for i in range(4)]
np.testing.assert_allclose(AT4 @ products, direct, atol=1e-12)
np.testing.assert_array_equal(direct, [32, 18, -18, 26])

i, j, k = np.ogrid[:4, :3, :6]
np.testing.assert_allclose(terms(BT4, G4, AT4), k == i + j, atol=1e-12)  # again the proof

# %% tags=["fold"]
fractions = [["1/4", "0", "0"], ["-1/6"] * 3, ["-1/6", "1/6", "-1/6"]]
fractions += [["1/24", "1/12", "1/6"], ["1/24", "-1/12", "1/6"], ["0", "0", "1"]]
np.testing.assert_allclose([[float(Fraction(text)) for text in row] for row in fractions], G4)

fig, axes = plt.subplots(1, 3, figsize=(7, 3.6), width_ratios=[6, 3, 6])
for ax, matrix, name, texts in zip(
    axes, (BT4, G4, AT4), ("$B^T$: before", "$G$: once", "$A^T$: after"), (BT4, fractions, AT4), strict=True
):
    ax.imshow(abs(matrix), cmap="Greys", vmin=0, vmax=16)
    for row, column in np.ndindex(matrix.shape):
        ax.text(column, row, texts[row][column], ha="center", va="center", fontsize=10, color="black")
    ax.set(title=name, xticks=[], yticks=[])
axes[0].set(xlabel="6 inputs", ylabel="6 products")
axes[1].set(xlabel="3 weights", ylabel="6 products")
axes[2].set(xlabel="6 products", ylabel="4 outputs")
_ = fig.suptitle("Six products give four outputs, where twelve were needed")

# %% [markdown]
# $B^T$ and $A^T$ hold whole numbers; the fractions are all in $G$, which is used once for each kernel. Note the 8 in
# the last row of $A^T$. It will come back.
#
# ## Images: rows, then columns
#
# For an image, apply the rule to the rows of a tile and, inside it, to the columns:
#
# $$y = A^T \, [\, (G g G^T) * (B^T d B) \,] \, A$$
#
# A tile of 6x6 inputs gives 4x4 outputs.
#
# **Predict**: how many multiplications do these 16 outputs take directly, and how many now?

# %%
tile = rng.integers(-9, 10, (6, 6)).astype(float)
kernel = rng.integers(-9, 10, (3, 3)).astype(float)

direct = np.array([[(tile[i : i + 3, j : j + 3] * kernel).sum() for j in range(4)] for i in range(4)])
products = (G4 @ kernel @ G4.T) * (BT4 @ tile @ BT4.T)
np.testing.assert_allclose(AT4 @ products @ AT4.T, direct, atol=1e-10)

# ask: multiplications directly
assert 16 * 9 == 144  # directly
# ask: multiplications now
assert products.size == 36
assert 144 / 36 == 4

# %% [markdown]
# A quarter. The saving is squared, because it is had in both directions: $(12 / 6)^2 = 4$. In general, $m$ x $m$
# outputs take $(m + 2)^2$ multiplications instead of $9 m^2$.

# %%
for m in (1, 2, 4, 6):
    print(f"F({m}x{m}, 3x3): {(m + 2) ** 2 / m**2:5.2f} multiplications for each output pixel")
assert [(m + 2) ** 2 / m**2 for m in (1, 2, 4)] == [9, 4, 2.25]

# %% [markdown]
# ## Tiles cover the map
#
# A map is cut into tiles of 6x6 pixels, 4 apart. The tiles overlap by 2; the blocks of outputs touch.

# %% tags=["fold"]
fig, axes = plt.subplots(1, 2, figsize=(7, 3.9), sharex=True, sharey=True)
colours = ["#0072B2", "#E69F00", "#009E73", "#CC79A7"]
for number, (row, column) in enumerate(np.ndindex(2, 2)):
    edge, fill = colours[number], (*plt.matplotlib.colors.to_rgb(colours[number]), 0.25)
    y, x = 4 * row, 4 * column
    axes[0].add_patch(plt.Rectangle((x, y), 6, 6, edgecolor=edge, facecolor=fill, linewidth=2.5))
    axes[1].add_patch(plt.Rectangle((x, y), 4, 4, edgecolor=edge, facecolor=fill, linewidth=2.5))
for ax in axes:
    ax.set(xlim=(-0.3, 10.3), ylim=(10.3, -0.3), xticks=range(11), yticks=range(11), aspect="equal", xlabel="column")
    ax.grid(alpha=0.4)
axes[0].set(title="x: four tiles of 6x6 overlap", ylabel="row")
_ = axes[1].set(title="y: four blocks of 4x4 touch")

# %% [markdown]
# ## A whole layer is 36 matrix products
#
# A layer sums over its $C$ input channels. $A^T$ is linear, so it can be applied once, after the sum. What is left
# between the transforms is, at each of the 36 places of a tile, a sum over channels: an ordinary matrix product.


# %%
def convolve(x, weight, BT, G, AT):
    """Convolve x (C, H, W) with weight (O, C, 3, 3), where the output is cut into whole blocks."""
    m, n = AT.shape
    rows, columns = (x.shape[1] - 2) // m, (x.shape[2] - 2) // m
    tiles = np.array([[x[:, m * r : m * r + n, m * c : m * c + n] for c in range(columns)] for r in range(rows)])
    V = (BT @ tiles @ BT.T).reshape(rows * columns, len(x), n * n).transpose(2, 0, 1)  # (places, tiles, C)
    U = (G @ weight @ G.T).reshape(*weight.shape[:2], n * n).transpose(2, 1, 0)  # (places, C, O)
    M = V @ U  # 36 matrix products: (places, tiles, O)
    blocks = AT @ M.transpose(1, 2, 0).reshape(rows, columns, -1, n, n) @ AT.T
    return blocks.transpose(2, 0, 3, 1, 4).reshape(-1, m * rows, m * columns)


x = rng.standard_normal((3, 14, 18))  # gives outputs of 12x16 pixels: 3x4 blocks
weight = rng.standard_normal((5, 3, 3, 3))
y = F.conv2d(mf.Tensor(x[None]), mf.Tensor(weight)).data[0]  # float64: by im2col

np.testing.assert_allclose(convolve(x, weight, BT4, G4, AT4), y, atol=1e-12)
np.testing.assert_allclose(convolve(x, weight, BT2, G2, AT2), y, atol=1e-12)
with mf.algorithm("winograd"):
    ours = F.conv2d(mf.Tensor(x[None]), mf.Tensor(weight)).data[0]
np.testing.assert_allclose(ours, y, atol=1e-12)

# %% [markdown]
# Three algorithms, one result. `mf.algorithm("winograd")` forces minifcn to use Winograd's; without it, minifcn chooses
# by the sizes.
#
# ## What it costs: the transforms
#
# The transforms multiply, too. For a tile and an input channel, $B^T d B$ takes two products of 6x6 matrices; for a
# tile and an output channel, $A^T M A$ takes a (4, 6) by (6, 6) and a (4, 6) by (6, 4) product. That grows with the
# channels, but the 36 products grow with their square.
#
# **Predict**: with $C = O$, from how many channels on does Winograd multiply less than nine times per output?


# %%
def multiplications_per_pixel(channels):
    """Of F(4x4, 3x3) with as many inputs as outputs, transforms of the maps included."""
    before = 2 * 6 * 6 * 6
    after = 4 * 6 * 6 + 4 * 6 * 4
    return (36 * channels**2 + (before + after) * channels) / 16


channels = np.arange(1, 129)
directly = 9 * channels**2
winograds = multiplications_per_pixel(channels)
# ask: channels
assert channels[winograds < directly].min() == 7
assert winograds[-1] / directly[-1] < 0.29

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(6.5, 3.6))
ax.axhline(1, color="grey", linewidth=1.5)
ax.text(128, 1.04, "im2col", color="grey", ha="right")
ax.plot(channels, winograds / directly, color="#0072B2", linewidth=2.5)
ax.text(30, 0.52, "F(4x4, 3x3) with its transforms", color="#0072B2")
ax.axhline(1 / 4, color="grey", linestyle="--", linewidth=1.5)
ax.text(128, 0.14, "the products alone", color="grey", ha="right")
ax.set(xlabel="channels, C = O", ylabel="multiplications / im2col's", ylim=(0, 2), xlim=(0, 130))
_ = ax.set_title("The transforms pay only between many channels")

# %% [markdown]
# From 7 channels on it multiplies less; at 128 channels it is close to the limit of a quarter. But multiplications are
# not all: tiles are also gathered, written and read again. minifcn uses Winograd from 16, 32 or 64 channels on, by the
# processor's cache, because that is where it was measured to win.
#
# ## What it costs: rounding
#
# In exact arithmetic both ways agree. Computers round, and $A^T$ has a row $(0, 1, -1, 8, -8, 1)$: large terms of both
# signs leave a small sum, and the rounding errors of the large terms stay in it. We compare results in float32 with
# the exact ones, or almost: those in float64.
#
# **Predict**: which is less exact, F(2, 3) or F(4, 3)?


# %%
def error(y, exact):
    """Largest difference, relative to the largest output."""
    return abs(y - exact).max() / abs(exact).max()


names = ["im2col", "F(2x2, 3x3)", "F(4x4, 3x3)"]
counts = [16, 64, 256]
errors = np.zeros((3, len(counts)))
for n, C in enumerate(counts):
    x, weight = rng.standard_normal((C, 26, 26)), rng.standard_normal((32, C, 3, 3))
    exact = F.conv2d(mf.Tensor(x[None]), mf.Tensor(weight)).data[0]
    x, weight = x.astype("float32"), weight.astype("float32")
    with mf.algorithm("im2col"):
        results = [F.conv2d(mf.Tensor(x[None]), mf.Tensor(weight)).data[0]]
    for matrices in ((BT2, G2, AT2), (BT4, G4, AT4)):
        results.append(convolve(x, weight, *(matrix.astype("float32") for matrix in matrices)))
    assert all(y.dtype == "float32" for y in results)
    errors[:, n] = [error(y, exact) for y in results]

assert (errors[0] < 1e-6).all()  # im2col
assert (errors[1] < 5e-6).all()  # F(2x2, 3x3)
assert (errors[2] < 5e-5).all()  # F(4x4, 3x3)
# ask: less exact is: F(2, 3) | F(4, 3)*
assert (errors[2] > errors[1]).all()
assert (errors[2] > 2 * errors[0]).all()  # how much more depends on how BLAS adds up
print((errors[2] / errors[0]).round())

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(6.5, 3.6))
for line, name, colour, marker in zip(errors, names, ["grey", "#E69F00", "#0072B2"], "os^", strict=True):
    ax.loglog(counts, line, marker=marker, markersize=8, linewidth=2.5, color=colour, label=name)
ax.set_xticks(counts, [str(count) for count in counts])
ax.minorticks_off()
ax.set(xlabel="input channels", ylabel="error / largest output", ylim=(5e-8, 1e-4))
ax.set_title("F(4x4, 3x3) loses a digit in float32")
_ = ax.legend(ncols=3, loc="upper center", frameon=False, fontsize=10)

# %% [markdown]
# The errors of F(4x4, 3x3) are several times those of im2col (printed above), but below 1/20000 of the largest output.
# In float64, as in gradient checks, minifcn always uses im2col.
#
# ## The time, on this machine
#
# Now a layer with minifcn itself, once by each algorithm. "im2col" is the definition: all windows in one large matrix,
# then one product. "strips" does the same products strip by strip, so that the windows stay in the processor's cache,
# with all cores; "winograd" works by strips, too. Against "strips" you see what the fewer multiplications bring.
#
# At 64 channels Winograd needs about 0.32 of the multiplications. But the transformed tiles and the products are
# written into memory, and read again. im2col writes nine numbers for each pixel and channel of the input, its windows.
# **Predict**: how many does Winograd write, transformed tiles and products together, with $C = O$? And will it need
# 0.32 of the time?

# %%
sizes = [8, 64, 128]  # channels, on 56x56 pixels
algorithms = ["im2col", "strips", "winograd"]
seconds = np.zeros((len(algorithms), len(sizes)))
for n, C in enumerate(sizes):
    x = mf.Tensor(rng.standard_normal((1, C, 56, 56), dtype="float32"))
    weight = mf.Tensor(rng.standard_normal((C, C, 3, 3), dtype="float32"))
    for a, name in enumerate(algorithms):
        with mf.algorithm(name):
            F.conv2d(x, weight, padding=1)  # the first call also allocates memory
            runs = []
            for _ in range(7):
                started = time.perf_counter()
                F.conv2d(x, weight, padding=1)
                runs.append(time.perf_counter() - started)
        seconds[a, n] = np.median(runs)
print(f"{'channels':10}", *(f"{size:8}" for size in sizes))
for name, row in zip(algorithms, seconds, strict=True):
    print(f"{name:10}", *(f"{1000 * s:5.2f} ms" for s in row))
assert round(multiplications_per_pixel(64) / (9 * 64**2), 2) == 0.32
written = {"tiles": 6 * 6 / 4**2, "products": 6 * 6 / 4**2}  # of a tile 36, and it moves on by 4x4 pixels
# ask: numbers that Winograd writes for each pixel and channel
assert sum(written.values()) == 4.5

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(6.5, 3.6))
for a, (name, colour) in enumerate(zip(algorithms, ["lightgrey", "#E69F00", "#0072B2"], strict=True)):
    bars = ax.bar(np.arange(3) + 0.27 * (a - 1), seconds[a] / seconds[1], 0.25, color=colour, label=name)
    ax.bar_label(bars, fmt="%.2f", fontsize=10)
ax.set_xticks(range(3), [f"{size} channels" for size in sizes])
ax.set(ylabel="time / time of strips", ylim=(0, 1.25 * (seconds / seconds[1]).max()))
ax.set_title("Time of one 3x3 layer on 56x56 pixels, on this machine")
_ = ax.legend(ncols=3, loc="upper center", frameon=False, fontsize=10)

# %% [markdown]
# Half as many as im2col writes, so it saves less there than in multiplications. Times are not asserted: they depend on
# the machine and on what else it does. Usually "winograd" needs less than "strips" with many channels, but more than
# 0.32 of its time, since the transforms wait for memory; with 8 channels it usually loses, although it multiplies
# less. On a map as small as this "im2col" can win against "strips": its one large product suits BLAS. On larger maps
# its matrix no longer fits into the cache, and it falls behind.
#
# ## Questions
#
# 1. Why is it no loss that $G$ holds the fractions? (Where would they hurt?)
# 2. What does F(6x6, 3x3) multiply for each output pixel, and why does minifcn not use it? Look at the rounding, and
#    think about maps of 14x14 pixels. (`docs/winograd.md` has its points.)
# 3. Multiply row 1 of `BT4` by 2 and row 1 of `G4` by 1/2 (in the cell of F(4, 3)). Which asserts still hold? Why?
# 4. A layer has stride 2. Where does the trick break? Change `direct` in the cell of F(2, 3) to a stride of 2, and
#    count how many inputs the two outputs share.
# 5. From how many channels on would Winograd multiply less if the transforms were done with one product of a 36x36 (and
#    a 16x36) matrix instead of rows, then columns? Change `before` and `after`.
#
# ## What to read next
#
# - `minifcn/compute/fast/winograd.py`: the same, for batches, strips and threads.
# - `choose` in `minifcn/compute/algorithm.py`: when it is used.
# - `docs/winograd.md`: where the matrices come from, the gradients, larger tiles.
# - Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308.
