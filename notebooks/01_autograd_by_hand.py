# %% [markdown]
# # 1. Automatic differentiation by hand
#
# A network learns by changing its weights a little, in the direction that makes its error smaller. Which direction
# that is, the gradient tells. After this notebook you can compute a gradient backward through a graph by hand, you
# know in which order it must be done and why gradients add up, and you have written the algorithm yourself in 25
# lines.
#
# You need: the derivative of a product and of a square, and the chain rule. No notebook before this one is needed.
#
# | word | meaning |
# |---|---|
# | graph | the numbers of a computation, and which of them were made from which |
# | leaf | a number that was not computed: an input or a weight |
# | forward | computing the values, from the leaves to the output |
# | backward | computing the gradients, from the output to the leaves |
# | gradient of $v$ | $dL/dv$: how fast the output $L$ changes when $v$ changes |

# %%
import matplotlib.pyplot as plt
import numpy as np

import minifcn as mf
import minifcn.functional as F
from minifcn import explain, optim

plt.style.use("minifcn.explain.figures")  # legible on light and on dark pages
plt.rcParams.update({"font.size": 11, "figure.constrained_layout.use": True})

# %% [markdown]
# ## Forward: one step at a time
#
# The smallest network has one weight $w$ and one bias $b$. From the input $x$ it predicts $p = w x + b$. The truth is
# $t$, and the loss $L$ is the square of the error. Written one operation per line:

# %%
x, w, b, t = 2.0, 3.0, 1.0, 4.0

u = w * x
p = u + b
e = p - t
L = e**2
assert (u, p, e, L) == (6, 7, 3, 9)

# %% [markdown]
# ## Backward: one step at a time
#
# How fast does $L$ change with $w$? Nobody differentiates the whole formula. Each line has a derivative of its own
# that one can see at once, and the chain rule multiplies them, from the last line to the first:
#
# | line | its derivatives | gradient |
# |---|---|---|
# | $L = e^2$ | $dL/de = 2e$ | $e$: 6 |
# | $e = p - t$ | $de/dp = 1$ | $p$: 6 · 1 = 6 |
# | $p = u + b$ | $dp/du = 1$, $dp/db = 1$ | $u$: 6, $b$: 6 |
# | $u = w x$ | $du/dw = x$, $du/dx = w$ | ? |
#
# **Predict** the last line before you run the next cell: what are the gradients of $w$ and of $x$?

# %%
grad_e = 2 * e
grad_p = grad_e * 1
grad_u = grad_p * 1
grad_b = grad_p * 1
grad_w = grad_u * x
grad_x = grad_u * w
assert (grad_e, grad_p, grad_u, grad_b) == (6, 6, 6, 6)
# ask: gradients of w and x
assert (grad_w, grad_x) == (12, 18)

# %% [markdown]
# The gradient of a factor is the *other* factor times what comes from behind. So the weight's gradient is large where
# its input is large.
#
# A gradient is a claim that one can test: if $w$ grows by a little, $L$ grows by 12 times as much.

# %%
step = 1e-6


def loss(w, b, x):
    return (w * x + b - t) ** 2


np.testing.assert_allclose((loss(w + step, b, x) - L) / step, grad_w, rtol=1e-5)
np.testing.assert_allclose((loss(w, b + step, x) - L) / step, grad_b, rtol=1e-5)
np.testing.assert_allclose((loss(w, b, x + step) - L) / step, grad_x, rtol=1e-5)

# %% tags=["fold"]
places = {
    "x": (0, 2),
    "w": (0, 1),
    "u": (1.2, 1.5),
    "b": (1.2, 0.4),
    "p": (2.4, 1),
    "t": (2.4, 0),
    "e": (3.6, 0.6),
    "L": (4.8, 0.6),
}
values = {"x": x, "w": w, "u": u, "b": b, "p": p, "t": t, "e": e, "L": L}
gradients = {"x": grad_x, "w": grad_w, "u": grad_u, "b": grad_b, "p": grad_p, "e": grad_e, "L": 1}

figure, ax = plt.subplots(figsize=(7, 3.4))
for start, end in ("xu", "wu", "up", "bp", "pe", "te", "eL"):
    arrow = {"arrowstyle": "->", "color": "grey", "shrinkA": 14, "shrinkB": 14}
    ax.annotate("", places[end], places[start], arrowprops=arrow)
circle = {"boxstyle": "circle", "fc": "white", "ec": "grey"}
for name, (right, up) in places.items():
    ax.text(right, up, name, ha="center", va="center", color="black", bbox=circle)
    ax.text(right, up + 0.33, f"{values[name]:g}", color="#0072B2", ha="center", va="center", weight="bold")
    if name in gradients:
        ax.text(right, up - 0.33, f"{gradients[name]:g}", color="#D55E00", ha="center", va="center", weight="bold")
ax.set(xlim=(-0.3, 5.3), ylim=(-0.5, 2.5))
ax.set_title("Values (above, blue) go right, gradients (below, red) come back", fontsize=11)
ax.axis("off")
assert set(places) - set(gradients) == {"t"}  # the truth is given; nobody asks for its gradient

# %% [markdown]
# ## A Tensor does this by itself
#
# A `Tensor` holds an array and remembers how it was made. `requires_grad=True` marks the leaves whose gradient we
# want. `backward()` walks back along the graph and leaves the gradients in `.grad`.

# %%
w, b = mf.Tensor(3.0, requires_grad=True), mf.Tensor(1.0, requires_grad=True)
L = (w * 2.0 + b - 4.0) ** 2
L.backward()
assert L.item() == 9
assert (w.grad.item(), b.grad.item()) == (12, 6)

# %% [markdown]
# What a `Tensor` remembers can be drawn, before `backward` uses it up. Step through it: values first, then gradients.

# %%
w, b = mf.Tensor(3.0, requires_grad=True), mf.Tensor(1.0, requires_grad=True)
L = (w * 2.0 + b - 4.0) ** 2
drawn = explain.graph(L, w=w, b=b, L=L)
assert {node.name: node.gradient for node in drawn.nodes if node.name in "wb"} == {"w": "12", "b": "6"}
drawn

# %% [markdown]
# ## A value that is used twice
#
# $b$ is used twice in the next graph, and so is $a$:
#
# $$b = 3a \qquad c = a + b \qquad L = b \, c$$
#
# With $a = 2$: $b = 6$, $c = 8$, $L = 48$. If $b$ changes, $L$ changes by two ways: directly, and through $c$. **The
# contributions add up**: the gradient of $b$ is the sum over all its uses.
#
# **Predict**, by hand: the gradients of $c$, $b$ and $a$. (To check $a$: $L = 3a \cdot 4a$.)

# %%
a = 2.0
b = 3 * a
c = a + b
L = b * c

grad_c = b  # from L = b c
grad_b = c + grad_c * 1  # from L = b c, and from c = a + b
grad_a = grad_c * 1 + grad_b * 3  # from c = a + b, and from b = 3 a
# ask: gradients of c, b and a
assert (grad_c, grad_b, grad_a) == (6, 14, 48)
assert grad_a == 24 * a  # the derivative of 12 a²

# %% [markdown]
# ## The order
#
# The line for `grad_a` uses `grad_b`. It is right only because `grad_b` was complete: both contributions were there.
#
# **Predict**: what does `grad_a` become if we go on from $b$ as soon as its first contribution, from $L = b\,c$, is
# there?

# %%
too_early = c
wrong = grad_c * 1 + too_early * 3
# ask: grad_a, computed too early
assert wrong == 30

# %% [markdown]
# So there is a rule: **go on from a number only when all its contributions have arrived.** A simple trick finds such
# an order. Give every number a serial number when it is made. What is made *from* it is made later, so it has a larger
# serial number. Contributions only flow from larger to smaller. Of all numbers that wait, the one with the largest
# serial number therefore has everything it will ever get.
#
# That is the whole algorithm:


# %%
class Number:
    made = 0

    def __init__(self, value, inputs=()):
        Number.made += 1
        self.serial = Number.made
        self.value = value
        self.inputs = inputs  # pairs: the number this one was made from, and the derivative with respect to it
        self.grad = 0.0

    def __add__(self, other):
        return Number(self.value + other.value, [(self, 1.0), (other, 1.0)])

    def __mul__(self, other):
        return Number(self.value * other.value, [(self, other.value), (other, self.value)])


def backward(output):
    output.grad = 1.0  # dL/dL
    waiting, order = {output}, []
    while waiting:
        number = max(waiting, key=lambda n: n.serial)
        waiting.remove(number)
        order.append(number)
        for source, derivative in number.inputs:
            source.grad += derivative * number.grad
            waiting.add(source)
    return order


# %% [markdown]
# **Predict** the order in which `backward` visits `a`, `three`, `b`, `c` and `L`.

# %%
a, three = Number(2.0), Number(3.0)
b = three * a
c = a + b
L = b * c

order = backward(L)
names = {a: "a", three: "three", b: "b", c: "c", L: "L"}
# ask: order, such as L, c, ...
assert [names[number] for number in order] == ["L", "c", "b", "three", "a"]
assert (c.grad, b.grad, a.grad) == (6, 14, 48)

# %% [markdown]
# $c$ came before $b$, because $b$ still waited for what $c$ had to give.
#
# The library does the same with arrays (`backward_pass` in `minifcn/autograd.py`). To watch it, we write an operation
# of our own that passes its input on and notes when its backward is called. This is also how every operation of the
# library is written: the value, and a function that turns the gradient of the output into the gradients of the inputs.

# %%
from minifcn.autograd import operation

visited = []


@operation
def watch(x, *, name):
    def backward(gradient):
        visited.append(name)
        return (gradient,)

    return x.data, backward


a = mf.Tensor(2.0, requires_grad=True)
b = watch(3 * a, name="b")
c = watch(a + b, name="c")
L = watch(b * c, name="L")
L.backward()
assert visited == ["L", "c", "b"]
assert a.grad.item() == 48

# %% [markdown]
# ## Gradients also add up from call to call
#
# `backward()` *adds* to `.grad`; it does not overwrite it. **Predict** `w.grad` after the loop.

# %%
w = mf.Tensor(3.0, requires_grad=True)
for _ in range(3):
    L = (w * 2.0 - 4.0) ** 2
    L.backward()  # the gradient is 2 (2w - 4) 2 = 8 each time
# ask: w.grad
assert w.grad.item() == 3 * 8

# %% [markdown]
# This is useful when a batch does not fit in memory. The gradient of a sum is the sum of the gradients, so one
# computes the parts one after the other:

# %%
inputs = np.array([1.0, 2.0, 3.0, 4.0])

whole = mf.Tensor(3.0, requires_grad=True)
((whole * inputs - 4.0) ** 2).sum().backward()

parts = mf.Tensor(3.0, requires_grad=True)
((parts * inputs[:2] - 4.0) ** 2).sum().backward()
((parts * inputs[2:] - 4.0) ** 2).sum().backward()
assert parts.grad.item() == whole.grad.item()

# %% [markdown]
# In training it is a trap. Each step needs the gradient at the weights of *now*, so the old one must be forgotten
# before: that is `optimizer.zero_grad()`.
#
# We look for the $w$ that makes $L = (2w - 4)^2$ small; it is 2. A step of gradient descent is $w \leftarrow w - \eta
# \, dL/dw$, with the learning rate $\eta$ = 0.05. **Predict**: what will the loss do if we forget `zero_grad`?


# %%
def train(forget):
    w = mf.Tensor(np.array([3.0]), requires_grad=True)
    optimizer = optim.SGD([w], lr=0.05)
    losses = []
    for _ in range(40):
        if not forget:
            optimizer.zero_grad()
        L = ((w * 2.0 - 4.0) ** 2).sum()
        L.backward()
        optimizer.step()
        losses.append(L.item())
    return losses


right, forgotten = train(forget=False), train(forget=True)
assert right[0] == forgotten[0] == 4
assert right[-1] < 1e-10
# ask: the loss: falls as well | falls and rises again and again* | stays at 4
assert max(forgotten[20:]) > 4
assert sum(value < 0.5 for value in forgotten) > 5  # it passes the goal again and again

# %% tags=["fold"]
figure, ax = plt.subplots(figsize=(7, 3.2))
ax.plot(right, "o-", color="#0072B2", markersize=4, label="with zero_grad")
ax.plot(forgotten, "s--", color="#D55E00", markersize=4, label="zero_grad forgotten")
ax.set(xlabel="step", ylabel="loss L")
ax.set_title("With sums of old gradients the weight swings past its goal again and again", fontsize=11)
ax.legend(loc="upper right")
_ = ax.set_ylim(0, 6.5)

# %% [markdown]
# Without `zero_grad` no error is raised. The weight moves by the sum of all gradients so far, and swings like a
# pendulum without friction. (The optimiser gets a `w` with one element because it changes its array in place.)
#
# ## Arrays instead of numbers
#
# Nothing changes for arrays: one Tensor then stands for many numbers. When one number meets an array, it is used many
# times, once per element. **Predict**: what is the gradient of the single number $w$ in $L = \sum_i w \, x_i$?

# %%
w = mf.Tensor(3.0, requires_grad=True)
xs = mf.Tensor(np.array([1.0, 2.0, 3.0, 4.0]), requires_grad=True)
(w * xs).sum().backward()
# ask: gradient of w for x = (1, 2, 3, 4)
assert w.grad.item() == 1 + 2 + 3 + 4
assert xs.grad.data.tolist() == [3, 3, 3, 3]

# %% [markdown]
# Used four times, so four contributions, added up. The derivative of copying is a sum.
#
# A gradient needs one number $L$ at the end. For an output with several elements one says how much each of them counts;
# `y.backward(g)` computes the gradient of `(y * g).sum()`. With $J$ the matrix of all derivatives $\partial y_i /
# \partial x_j$ (the Jacobian), that gradient is $J^T g$, since $L$ changes by $g^T J \, d$ when $x$ changes by a small
# $d$: backward multiplies by the transposed Jacobian, and never writes $J$ out. Here it is written out:

# %%
xs = mf.Tensor(np.array([1.0, 2.0, 3.0]), requires_grad=True)
g = np.array([1.0, 0.0, 10.0])
y = xs * xs
y.backward(mf.Tensor(g))
assert xs.grad.data.tolist() == [2 * 1, 0, 2 * 3 * 10]

J = np.diag(2 * xs.data)  # y_i depends on x_i only
np.testing.assert_array_equal(xs.grad.data, J.T @ g)

# %% [markdown]
# ## What the graph costs
#
# To go back, the graph must keep the values of the way there: $u = w x$ needs $x$ for the gradient of $w$. This is why
# training takes more memory than predicting. `backward` lets go of them as it passes, so a second call is refused:

# %%
w = mf.Tensor(3.0, requires_grad=True)
L = (w * 2.0 - 4.0) ** 2
L.backward()
try:
    L.backward()
except RuntimeError as error:
    message = str(error)
assert "released" in message
message

# %% [markdown]
# Where no gradient is wanted, as when a trained network predicts, `no_grad` keeps no graph at all:

# %%
with mf.no_grad():
    prediction = w * 2.0
assert not prediction.requires_grad

# %% [markdown]
# ## Gradients of gradients
#
# In this library the backward of each operation is itself written with operations. Recorded, a gradient is a Tensor
# with a graph like any other, and can be differentiated again. `mf.grad` returns gradients instead of leaving them in
# `.grad`, and `create_graph=True` asks for the recording.
#
# **Predict** the first three derivatives of $x^3$ at $x = 2$.

# %%
x = mf.Tensor(2.0, requires_grad=True)
(first,) = mf.grad(x**3, x, create_graph=True)
(second,) = mf.grad(first, x, create_graph=True)
(third,) = mf.grad(second, x)
# ask: first, second and third derivative
assert (first.item(), second.item(), third.item()) == (3 * 2**2, 6 * 2, 6)

# %% [markdown]
# Elementwise, one call differentiates a function at many points at once: the sum of the outputs has, with respect to
# $x_i$, only the derivative of its own term. Here for $f(x) = x \, e^{-x^2}$, beside the formulas worked out on paper:

# %%
x = mf.Tensor(np.linspace(-2.5, 2.5, 101), requires_grad=True)
f = x * F.exp(-(x * x))
(first,) = mf.grad(f.sum(), x, create_graph=True)
(second,) = mf.grad(first.sum(), x)

bell = np.exp(-(x.data**2))
np.testing.assert_allclose(first.data, (1 - 2 * x.data**2) * bell, atol=1e-12)
np.testing.assert_allclose(second.data, (4 * x.data**3 - 6 * x.data) * bell, atol=1e-12)
peak = f.data.argmax()
assert abs(x.data[peak] - np.sqrt(0.5)) < 0.05
assert first.data[peak - 1] > 0 > first.data[peak + 1]

# %% tags=["fold"]
figure, ax = plt.subplots(figsize=(7, 3.2))
ax.plot(x.data, f.data, "-", color="#0072B2", linewidth=2, label="f")
ax.plot(x.data, first.data, "--", color="#E69F00", linewidth=2, label="gradient of f")
ax.plot(x.data, second.data, "-.", color="#009E73", linewidth=2, label="gradient of the gradient")
ax.axhline(0, color="grey", linewidth=0.8)
ax.set(xlabel="x", ylabel="value")
ax.set_title("Where f has its peak, its gradient passes through 0", fontsize=11)
_ = ax.legend(loc="upper right", fontsize=10)

# %% [markdown]
# ## Questions
#
# 1. In the first cell of numbers, set `t = 10.0`. Which gradients change their sign, and what does that mean for the
#    direction in which $w$ should move? Predict, then change the line (the asserts will tell you what has become of
#    it).
# 2. With a smaller learning rate, does the loss of `train(forget=True)` come to rest? Change `lr=0.05` and look.
# 3. In `backward`, replace `max` by `min`. What is `a.grad` then, and which contribution was counted too often?
# 4. `Number` cannot subtract. Add `__sub__`, and compute the gradients of $(wx + b - t)^2$ with your class. Compare
#    them with `grad_w` and `grad_b`.
# 5. `watch` passes the gradient on unchanged. What would a network learn in the layers before it if its backward
#    returned `(gradient * 0,)`? And `(-gradient,)`? Change its `return` and look at `a.grad`.
#
# ## What to read next
#
# - `minifcn/autograd.py`: `Tensor`, `operation` and `backward_pass`, the algorithm above for arrays.
# - `minifcn/functional/arithmetic.py`: sums, products and copies, each with its derivative right under it.
# - `minifcn/gradcheck`: the test by finite differences, for every operation.
# - The paper, section 3: both computations, forward and backward, for a whole image at once instead of patch by patch.
#   Notebook 2 does them for the convolution.
