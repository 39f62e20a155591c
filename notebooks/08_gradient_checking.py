# %% [markdown]
# # 8. Gradient checking: how to find a wrong derivative
#
# A wrong gradient does not crash. The network still trains, only worse, and nobody can tell why. After this notebook
# you can check any gradient against the function itself, choose the step for it, read what `mf.gradcheck` reports, and
# know what such a check cannot see. You will find five planted mistakes, all of them common ones.
#
# You need: what a derivative is; for two of the mistakes, notebook 5. The notebook can be read on its own.

# %%
import matplotlib.pyplot as plt
import numpy as np

import minifcn as mf
import minifcn.functional as F
from minifcn import explain

plt.style.use("minifcn.explain.figures")  # legible on light and on dark pages
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
rng = np.random.default_rng(0)

# %% [markdown]
# ## 8.1 Central differences
#
# The derivative of $f$ at $x$ is what $(f(x + h) - f(x)) / h$ tends to for small $h$. One can just compute it with
# a small $h$: move the input a little, look how the output moves. There are two ways to do so:
#
# - one-sided: $(f(x + h) - f(x)) / h$
# - central: $(f(x + h) - f(x - h)) / 2h$
#
# **Predict**: $f = \exp$ at $x = 1$, where the derivative is $e$. With $h = 0.01$, how large are the two errors: about
# 0.01, 0.0001, or less?


# %%
def one_sided(f, x, h):
    return (f(x + h) - f(x)) / h


def central(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h)


error_one_sided = abs(one_sided(np.exp, 1.0, 0.01) - np.e)
error_central = abs(central(np.exp, 1.0, 0.01) - np.e)
print(f"one-sided {error_one_sided:.6f}, central {error_central:.6f}")
# ask: error of the one-sided difference
assert 0.01 < error_one_sided < 0.02
# ask: error of the central difference
assert error_central < 0.0001

# %% [markdown]
# The central difference is 300 times better here, for the same price: both need two evaluations. To both sides the
# curve bends the same way, so the first error cancels. What is left is about $h^2/6$ times the third derivative.

# %%
np.testing.assert_allclose(error_central, 0.01**2 / 6 * np.e, rtol=1e-3)
np.testing.assert_allclose(error_one_sided, 0.01 / 2 * np.e, rtol=1e-2)
assert error_one_sided / error_central > 290

# %% [markdown]
# ## 8.2 Which step?
#
# If a smaller $h$ is better, why not $h = 10^{-15}$?
#
# **Predict**: the error of the central difference for $h = 10^{-1}, 10^{-2}, \dots, 10^{-15}$. Does it fall all the
# way? (At a single place rounding is a matter of luck, so the largest error at 50 places between 1 and 2 is taken.)

# %%
steps = 10.0 ** -np.arange(1, 16)
places = np.linspace(1, 2, 50)
error64 = np.array([abs(central(np.exp, places, h) - np.exp(places)).max() for h in steps])
error_one = np.array([abs(one_sided(np.exp, places, h) - np.exp(places)).max() for h in steps])

steps32 = (10.0 ** -np.arange(1, 7)).astype("float32")
places32 = places.astype("float32")
error32 = np.array([abs(central(np.exp, places32, h) - np.exp(places)).max() for h in steps32])

for h, error in zip(steps, error64, strict=True):
    print(f"h = {h:.0e}   error {error:.0e}")
best64, best32 = steps[error64.argmin()], steps32[error32.argmin()]
assert 1e-6 <= best64 <= 1e-4
assert error64.min() < 1e-9
# ask: it: falls all the way | falls, and then rises*
assert error64[-1] > 0.1  # h = 1e-15
print(f"best step: {best64:.0e} in float64, {best32:.0e} in float32, there with an error of {error32.min():.0e}")
assert error32.min() > 1e5 * error64.min()

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.loglog(steps, error_one, "^-", color=ORANGE, label="one-sided, float64")
ax.loglog(steps, error64, "o-", color=BLUE, label="central, float64")
ax.loglog(steps32, error32, "s-", color=VERMILLION, label="central, float32")
curve = np.array([1e-5, 1e-1])
ax.loglog(curve, curve**2 / 6 * np.e**2, "--", color="grey", label="h²/6 times the third derivative")
ax.loglog(steps, 1e-16 * np.e**2 / steps, ":", color="grey", label="rounding: 1e-16 · f(x) / h")
ax.set(xlabel="step h", ylabel="error of the derivative")
ax.set_title("Too large a step bends, too small a step drowns in rounding", fontsize=12)
_ = ax.legend(fontsize=10)

# %% [markdown]
# It falls, and rises again. $f(x + h)$ and $f(x - h)$ are rounded to about 16 digits, in float64; the smaller $h$, the
# more alike they are, and the fewer of these digits are left in their difference. That error grows like $1/h$. The best
# step is where the two errors meet: near $10^{-5}$, with ten good digits.
#
# In float32 numbers have 7 digits, and even the best step leaves an error of about $10^{-4}$, more than 100,000 times
# as much. Small mistakes could not be told from rounding. **So gradients are checked in float64**, even if training
# runs in float32. minifcn insists on it:

# %%
assert error32.min() > 3e-5
message = "nothing was refused"
try:
    mf.gradcheck(F.relu, [np.ones(3, "float32")])
except TypeError as error:
    message = str(error)
print(message)
assert "check in float64" in message

# %% [markdown]
# ## 8.3 From one number to arrays
#
# A layer has many outputs, and `backward` never computes all derivatives of all outputs. It is given a weight $v$ for
# every output (`grad_output`: how much the loss changes with it) and computes the gradient of the *one* number
# $\langle v, f(x) \rangle$, the sum of the outputs times their weights. That number can be checked like $f$ above:
# move every entry of $x$ by itself, to both sides.


# %%
def numeric_gradient(f, x, v, h=1e-6):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        right, left = x.copy(), x.copy()
        right[index] += h
        left[index] -= h
        gradient[index] = ((f(right) - f(left)) * v).sum() / (2 * h)
    return gradient


# %% [markdown]
# **Predict**: to how many digits will `backward` of a convolution agree?

# %%
weight = mf.Tensor(rng.normal(size=(2, 1, 3, 3)))
x = mf.Tensor(rng.normal(size=(1, 1, 5, 5)), requires_grad=True)
y = F.conv2d(x, weight, stride=2)
v = rng.normal(size=y.shape)
y.backward(mf.Tensor(v))

numeric = numeric_gradient(lambda values: F.conv2d(mf.Tensor(values), weight, stride=2).data, x.data, v)
difference = np.abs(x.grad.data - numeric).max()
print(f"largest difference {difference:.1e}, largest gradient {np.abs(numeric).max():.1f}")
# ask: largest difference
assert difference < 1e-8

# %% [markdown]
# To about nine digits. (A convolution is linear, so there is no bending, only rounding.)
#
# ## 8.4 Why not a plain sum?
#
# It is tempting to leave the weights out and check the gradient of the plain sum of all outputs, that is, $v = 1$
# everywhere. Here is a softmax with a `backward` that returns nothing but zeros.
#
# **Predict**: will the check with $v = 1$ notice?


# %%
def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def lazy_backward(v, x):
    return np.zeros_like(x)


x = rng.normal(size=5)
ones, random = np.ones(5), rng.normal(size=5)
difference_ones = np.abs(lazy_backward(ones, x) - numeric_gradient(softmax, x, ones)).max()
difference_random = np.abs(lazy_backward(random, x) - numeric_gradient(softmax, x, random)).max()
print(f"difference with ones {difference_ones:.1e}, with random weights {difference_random:.1e}")
# ask: the check with v = 1 notices: yes | no*
assert difference_ones < 1e-9
assert difference_random > 0.01

# %% [markdown]
# It does not. The outputs of a softmax always add up to 1, so their sum does not change at all, and the right gradient
# of the sum is 0. Any weights that are equal have this blind spot; random ones do not. `mf.gradcheck` draws random
# weights.
#
# ## 8.5 mf.gradcheck
#
# `mf.gradcheck(function, inputs)` does all of this for a function of Tensors. It raises an error if a gradient is
# wrong; otherwise it returns a report, which prints as a table.

# %%
x = rng.normal(size=(1, 2, 5, 5))
weight = rng.normal(size=(3, 2, 3, 3))
report = mf.gradcheck(lambda x, w: F.conv2d(x, w, stride=2, padding=1), [x, weight], names=["x", "weight"])
print(report)
assert report.ok
assert report.max_error < 1e-8

# %% [markdown]
# A row for each input: how many of its numbers were moved, the largest error relative to the largest derivative, and
# where it was. "kinks" are explained in 8.7.
#
# Moving every number takes two calls of the function for each. For large inputs, `mode="directional"` moves all numbers
# at once, in a few random directions.

# %%
large = rng.normal(size=(4, 8, 12, 12))
report = mf.gradcheck(F.softmax, [large], mode="directional")
assert report.ok
assert report.rows[0].checked == 5 < large.size == 4608

# %% [markdown]
# ## 8.6 Five mistakes
#
# `mf.gradcheck_arrays(forward, backward, inputs)` checks anybody's pair of NumPy functions. `backward` gets `gy` (the
# weights $v$) and the inputs, and returns a tuple with the gradient of each input. With `raise_exception=False` it
# returns the report instead of raising; the attribute `message` says in a sentence what is wrong.
#
# Each of the next five cells has a mistake in `backward`. Find it before the check does.
#
# ### First: a mean of squares


# %%
def forward(x):
    return np.array((x * x).mean())


def backward(gy, x):
    return (gy * 2 * x,)


# %% [markdown]
# **Predict**: what is wrong, and will the check find it?

# %%
report = mf.gradcheck_arrays(forward, backward, [rng.normal(size=6)], raise_exception=False)
print(report.message)
# ask: wrong is: 2 * x | the division by the number of entries is missing* | the sign
assert not report.ok
assert "6 times the right one" in report.message


# %%
def backward(gy, x):
    return (gy * 2 * x / x.size,)


assert mf.gradcheck_arrays(forward, backward, [rng.normal(size=6)]).ok

# %% [markdown]
# The division by the number of entries is missing. A wrong factor is the most harmless looking mistake: training works,
# with another learning rate than you think.
#
# ### Second: a linear layer


# %%
def forward(x, w):
    return x @ w


def backward(gy, x, w):
    return gy @ w, x.T @ gy


# %% [markdown]
# **Predict**: what is wrong, and will the check find it?

# %%
square = [rng.normal(size=(4, 3)), rng.normal(size=(3, 3))]
report = mf.gradcheck_arrays(forward, backward, square, names=["x", "w"], raise_exception=False)
print(report)
# ask: wrong is the gradient of: x* | w | both
assert not report.ok
assert report.worst_name == "x"
assert not report.rows[1].wrong  # the gradient of w is right


# %%
def backward(gy, x, w):
    return gy @ w.T, x.T @ gy


assert mf.gradcheck_arrays(forward, backward, [rng.normal(size=(4, 3)), rng.normal(size=(3, 2))]).ok

# %% [markdown]
# The gradient of `x` needs `w.T`. Because `w` is square here, the shapes fit and NumPy did not object. Check with
# shapes whose sizes all differ; then many mistakes cannot even run.
#
# ### Third: a bias


# %%
def forward(x, w, bias):
    return x @ w + bias  # (5, 2) + (2,): the bias is added to each of the 5 rows


def backward(gy, x, w, bias):
    return gy @ w.T, x.T @ gy, gy


# %% [markdown]
# **Predict**: what is wrong, and will the check find it?

# %%
arrays = [rng.normal(size=(5, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)]
report = mf.gradcheck_arrays(forward, backward, arrays, names=["x", "w", "bias"], raise_exception=False)
print(report.message)
# ask: the gradient of bias must be: multiplied by 5 | summed over the rows* | transposed
assert not report.ok
assert "sum it over axis 0" in report.message


# %%
def backward(gy, x, w, bias):
    return gy @ w.T, x.T @ gy, gy.sum(axis=0)


assert mf.gradcheck_arrays(forward, backward, arrays).ok

# %% [markdown]
# A number that is used five times collects five gradients: what is repeated in forward is summed in backward.
#
# ### Fourth: the sum of neighbours


# %%
def forward(x):
    return np.array([x[i : i + 3].sum() for i in range(len(x) - 2)])


def backward(gy, x):
    gx = np.zeros_like(x)
    for i in range(len(gy)):
        gx[i : i + 3] = gy[i]
    return (gx,)


# %% [markdown]
# **Predict**: what is wrong, and will the check find it?

# %%
report = mf.gradcheck_arrays(forward, backward, [rng.normal(size=6)], raise_exception=False)
print(report)
# ask: wrong are: all entries | the entries in the middle* | the first and the last
assert not report.ok
assert [entry.index for entry in report.rows[0].wrong] == [(1,), (2,), (3,), (4,)]


# %% tags=["fold"]
def draw_wrong(ours, differences, axes, name):
    """Draw a gradient and its finite differences, and frame what differs."""
    ours, differences = np.atleast_2d(ours), np.atleast_2d(differences)
    frames = [(i, j, 1, 1) for i, j in np.argwhere(~np.isclose(ours, differences, atol=1e-6))]
    explain.draw_numbers(axes[0], ours.round(1), f"{name} by backward", frames=frames)
    explain.draw_numbers(axes[1], differences.round(1), f"{name} by differences", frames=frames)


x, v = rng.normal(size=6), np.array([1.0, 2, 3, 4])
fig, axes = plt.subplots(2, 1, figsize=(5, 2.6), layout="constrained")
fig.suptitle("Framed: where the gradient is wrong", fontsize=12)
draw_wrong(*backward(v, x), numeric_gradient(forward, x, v), axes, "gx")


# %%
def backward(gy, x):
    gx = np.zeros_like(x)
    for i in range(len(gy)):
        gx[i : i + 3] += gy[i]
    return (gx,)


assert mf.gradcheck_arrays(forward, backward, [rng.normal(size=6)]).ok

# %% [markdown]
# A `+` is missing: `gx[i : i + 3] += gy[i]`. Windows overlap, so the contributions to an entry add up, like the stamps
# of notebook 5; with `=` the last window wins. Only the first and the last entry lie in a single window, and only these
# two are right. The report does not name this cause, but the indices of the wrong entries (`report.rows[0].wrong`)
# tell.
#
# ### Fifth: the weight of a convolution


# %%
def forward(x, w):
    """One image and one channel: x (H, W), w (3, 3)."""
    y = np.zeros((x.shape[0] - 2, x.shape[1] - 2))
    for k, l in np.ndindex(3, 3):
        y += w[k, l] * x[k : k + y.shape[0], l : l + y.shape[1]]
    return y


def backward(gy, x, w):
    gx, gw = np.zeros_like(x), np.zeros_like(w)
    for k, l in np.ndindex(3, 3):
        gx[k : k + gy.shape[0], l : l + gy.shape[1]] += w[k, l] * gy
        gw[2 - k, 2 - l] = (gy * x[k : k + gy.shape[0], l : l + gy.shape[1]]).sum()
    return gx, gw


# %% [markdown]
# **Predict**: what is wrong, and will the check find it?

# %%
arrays = [rng.normal(size=(5, 6)), rng.normal(size=(3, 3))]
report = mf.gradcheck_arrays(forward, backward, arrays, names=["x", "w"], raise_exception=False)
print(report.message)
# ask: wrong is: gx | gw* | both
assert not report.ok
assert "180 degrees" in report.message

x, w = arrays
v = rng.normal(size=(3, 4))
gx, gw = backward(v, x, w)
gx_differences = numeric_gradient(lambda x: forward(x, w), x, v)
gw_differences = numeric_gradient(lambda w: forward(x, w), w, v)
np.testing.assert_allclose(gx, gx_differences, atol=1e-6)
wrong = ~np.isclose(gw, gw_differences, atol=1e-6)
assert wrong.sum() == 8
assert not wrong[1, 1]  # a turn leaves the middle in its place

# %% tags=["fold"]
fig, axes = plt.subplots(1, 2, figsize=(6, 3.2), layout="constrained")
fig.suptitle("Framed: where the gradient is wrong. A turn leaves the middle right", fontsize=12)
draw_wrong(gw, gw_differences, axes, "gw")


# %%
def backward(gy, x, w):
    gx, gw = np.zeros_like(x), np.zeros_like(w)
    for k, l in np.ndindex(3, 3):
        gx[k : k + gy.shape[0], l : l + gy.shape[1]] += w[k, l] * gy
        gw[k, l] = (gy * x[k : k + gy.shape[0], l : l + gy.shape[1]]).sum()
    return gx, gw


assert mf.gradcheck_arrays(forward, backward, arrays).ok

# %% [markdown]
# The kernel is flipped where it must not be. A map or kernel that is symmetric would have hidden it. Random inputs are
# never symmetric, which is another reason to use them.

# %% [markdown]
# ## 8.7 Kinks
#
# ReLU is $\max(x, 0)$. Its slope is 0 to the left of 0 and 1 to the right. At 0 there is no derivative; minifcn, like
# other libraries, uses 0 there.
#
# **Predict**: what does the central difference say at $x = 0$? And at $x = 0.3\,h$, where the derivative is 1?


# %%
def relu(x):
    return np.maximum(x, 0)


h = 0.1
at_zero, beside = central(relu, 0.0, h), central(relu, 0.3 * h, h)
print(f"at 0: {at_zero:.2f}, at 0.3 h: {beside:.2f}")
# ask: the difference at 0, and at 0.3 h
np.testing.assert_allclose([at_zero, beside], [0.5, 0.65])

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
places = np.linspace(-0.2, 0.2, 5)
ax.plot(places, relu(places), color="grey", label="ReLU")
for x, colour, marker in [(0.0, BLUE, "o"), (0.3 * h, ORANGE, "s")]:
    ends = np.array([x - h, x + h])
    label = f"from x - h to x + h, x = {x:.2f}: slope {central(relu, x, h):.2f}"
    ax.plot(ends, relu(ends), marker + "--", color=colour, label=label)
ax.set(xlabel="x", ylabel="max(x, 0)")
ax.set_title("Across the kink, the central difference is a mixture of both slopes", fontsize=12)
ax.legend(fontsize=10)
assert central(relu, 0.11, h) > 0.999  # no kink within reach

# %% [markdown]
# 0.5 and 0.65: both wrong, although `backward` is right. `mf.gradcheck` looks again where the slopes to the left and to
# the right differ. If a smaller step makes the difference vanish, there was a kink beside the point, and the smaller
# step is used. If it stays, the point is on the kink; then any gradient between the two slopes is accepted, and the
# entry is listed under `kinks`. (The slopes in the report are 0 and 1 times the random weight of the output.)

# %%
on_kink = mf.gradcheck(F.relu, [np.array([-1.0, 0.0, 2.0])])
print(on_kink.message)
assert on_kink.ok
assert len(on_kink.kinks) == 1
assert on_kink.kinks[0].index == (1,)

beside_kink = mf.gradcheck(F.relu, [np.array([-1.0, 3e-7, 2.0])])  # the step is 1e-6
assert beside_kink.ok
assert not beside_kink.kinks

# %% [markdown]
# A gradient that is outside the two slopes is a mistake on a kink too:

# %%
too_much = mf.gradcheck_arrays(
    relu,
    lambda gy, x: (gy * np.where(x == 0, 2.0, x > 0),),
    [np.array([-1.0, 0.0, 2.0])],
    raise_exception=False,
)
assert not too_much.ok
assert too_much.worst.index == (1,)

# %% [markdown]
# ## 8.8 What a check cannot see
#
# It compares `backward` with `forward`, at one point. Three things follow.
#
# - A function that should be the sine is the cosine, and its `backward` is the right one of the cosine.
# - A `backward` of the ReLU returns zeros, and is checked where all inputs are negative.
# - The ReLU is checked where all inputs are 0.
#
# **Predict** for each of the three checks: does it pass?

# %%
wrong_forward = mf.gradcheck_arrays(  # "the sine", but it is the cosine, with the derivative of the cosine
    lambda x: np.cos(x), lambda gy, x: (-gy * np.sin(x),), [rng.normal(size=4)], raise_exception=False
)
dead_point = mf.gradcheck_arrays(  # all inputs are negative; the gradient should be gy * (x > 0)
    relu, lambda gy, x: (np.zeros_like(x),), [np.array([-1.0, -2.0, -3.0])], raise_exception=False
)
only_kinks = mf.gradcheck(F.relu, [np.zeros(3)], raise_exception=False)
for report in (wrong_forward, dead_point, only_kinks):
    print(report.ok, "-", report.message)
# ask: the wrong function passes: yes* | no
assert wrong_forward.ok
# ask: the dead point passes: yes* | no
assert dead_point.ok
assert "zero everywhere" in dead_point.message
# ask: nothing but kinks passes: yes | no*
assert not only_kinks.ok

# %% [markdown]
# - A wrong *function* with its right gradient passes. That needs a test of the values.
# - At a point where the gradient is zero, zeros pass, and the report warns: choose another point, one where everything
#   takes part.
# - Where every entry lies on a kink, nothing has been compared, so the check does not count as passed.
#
# ## Questions
#
# 1. In 8.2, put `np.sin` at $x = 1$ in place of `np.exp`. Is the best step the same? And for $f(x) = \sin(100 x)$?
#    Which of the two errors has changed?
# 2. Why is the first step in `mf.gradcheck` a multiple of $\max(1, |x|)$? Try `central(np.sqrt, 1e9, 1e-6)`.
# 3. Invent a `backward` for the softmax of 8.4 that is wrong, not zero, and passes with $v = 1$.
# 4. `F.max_pool2d` has kinks as well. Where? Find an input of 4x4 for which `mf.gradcheck` reports one.
# 5. A dropout layer draws a new mask in every call. What does a finite difference compute then? Look at what
#    `mf.gradcheck(lambda x: F.dropout(x, 0.5, rng=rng), [x])` says, and make it pass.
#
# ## What to read next
#
# - `minifcn/gradcheck/differences.py`: the differences; `minifcn/gradcheck/steps.py`: the second look, with many steps
#   that fit small numbers and tell kinks; `minifcn/gradcheck/guess.py`: how a cause is guessed from the numbers.
# - `minifcn gradcheck` on the command line checks every operation of minifcn and whole networks.
