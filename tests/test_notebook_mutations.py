"""The asserts of a notebook notice what is wrong: a sign, a crop, a class, an order is swapped, and one of them fails.

Each mutation is one text of the notebook for another. A process runs the notebook cell by cell, and before a cell that
is to be mutated makes a copy of itself for each of its mutations; a copy ends at the first assert that fails. So what
comes before, such as a long training, runs once; a training that is itself mutated (wrong sign of the update, wrong
labels) runs as far as the first assert about it.
"""

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
MUTATIONS = [
    ("00", "iou.append(intersection / union)", "iou.append(intersection / is_c.sum())"),
    ("00", "n[i, j] += 1", "n[j, i] += 1"),
    ("01", "grad_w = grad_u * x", "grad_w = -grad_u * x"),
    ("01", "number = max(waiting", "number = min(waiting"),
    ("01", "J = np.diag(2 * xs.data)", "J = np.diag(xs.data)"),
    ("02", "y[i, j] += w[k, l] * x[i + k, j + l]", "y[i, j] += w[-1 - k, -1 - l] * x[i + k, j + l]"),
    ("02", "by_loops[i + k, j + l] += w[k, l]", "by_loops[i + k, j + l] = w[k, l]"),
    ("02", "place_in_columns = (2 * k + l) * 9", "place_in_columns = (2 * l + k) * 9"),
    ("03", "2 * j : 2 * j + 2].max()", "2 * j : 2 * j + 2].min()"),
    ("03", "by_hand[indices.data.ravel()] = g.ravel()", "by_hand[indices.data.ravel()] = -g.ravel()"),
    ("03", "outside_unpooled, outside_repeated = unpooled", "outside_repeated, outside_unpooled = unpooled"),
    ("04", "W = np.array([[1.0, 0, -1]", "W = np.array([[1.0, 0, 1]"),
    ("04", "weight1.reshape(32, 8, 10, 10)", "weight1.reshape(32, 10, 10, 8).transpose(0, 3, 1, 2)"),
    ("04", "patch = scene.data[:, :, 2 * i : 2 * i + 24", "patch = scene.data[:, :, i : i + 24"),
    ("04", "paint(scene, DISC, 22, 28)", "paint(scene, CROSS, 22, 28)"),
    ("04", "paint(scene, DISC, 22, 28)", "paint(scene, DISC, 28, 22)"),
    ("04", "for i in range(4 * row, 4 * row + 4)]", "for i in range(4 * row + 3, 4 * row - 1, -1)]"),
    ("04", "alone = models.slide(classifier, x, network.grid)", "alone = maps"),
    ("04", "32 * out_rows * out_columns * (8 * 10 * 10)", "32 * rows * columns * (8 * 10 * 10)"),
    ("04", '"conv2": pool1**2 * 256', '"conv2": conv1**2 * 256'),
    ("05", "left : left + k] += x[i, j] * w", "left : left + k] = x[i, j] * w"),
    ("05", "turned = mf.Tensor(w[None, None, ::-1, ::-1])", "turned = W"),
    ("05", "np.testing.assert_array_equal(padded, y[1:-1, 1:-1])", "np.testing.assert_array_equal(padded, y[2:, 2:])"),
    ("05", "result += x[i, j] * g[", "result -= x[i, j] * g["),
    ("05", "quarters[(i + 1) % 2, (j + 1) % 2]", "quarters[i % 2, j % 2]"),
    ("06", "np.maximum(0, 1 - np.abs(t))", "np.maximum(0, 1 + np.abs(t))"),
    ("06", "stride=S, padding=S // 2).data[0, 0]", "stride=S, padding=S // 2 - 1).data[0, 0]"),
    ("06", "(np.arange(height * S) + 0.5) / S - 0.5", "np.arange(height * S) / S"),
    ("06", "shifted = whole[: 3 * S, : 6 * S]", "shifted = aligned"),
    ("06", '{"bilinear, fixed": fixed, "learned": learned}', '{"bilinear, fixed": learned, "learned": fixed}'),
    ("07", "losses[n, i, j] = -log_softmax(", "losses[n, i, j] = log_softmax("),
    ("07", "np.eye(C)[labels[n, i, j]]", "np.eye(C)[0]"),
    ("07", "velocity = m * velocity", "velocity = velocity / m"),
    ("08", "return (f(x + h) - f(x - h)) / (2 * h)", "return (f(x + h) - f(x - h)) / h"),
    ("08", "return (gy * 2 * x / x.size,)", "return (gy * x / x.size,)"),
    ("08", "gw[k, l] = (gy * x[k", "gw[l, k] = (gy * x[k"),
    ("09", "fused = F.crop(coarse, (0, 0)", "fused = F.crop(coarse, (1, 0)"),
    ("09", "fine.shape[2:]) + fine", "fine.shape[2:]) - fine"),
    ("09", "zero_grad()\n            loss.backward()", "zero_grad()\n            (-loss).backward()"),
    ("09", "(net(mf.Tensor(batch.images)), batch.labels)", "(net(mf.Tensor(batch.images)), batch.labels[::-1])"),
    ("09", "learn_upsampling=True)", "learn_upsampling=False)"),
    ("09", "step[[15, 47]].mean()", "step[[11, 43]].mean()"),
    ("09", 'name in ("FCN32s", "FCN32s, learned kernels")', 'name in ("FCN32s, learned kernels", "FCN32s")'),
    ("09", "near = (largest != smallest)", "near = (largest == smallest)"),
    ("09", "(net.score_pool3(pool3)).data[0]", "(net.score_pool3(pool3)).data[0, ::-1]"),
    ("09", "skip.bias.data = 0 * skip.weight.data", "skip.bias.data = 1 * skip.weight.data"),
    ("09", "coarse.bias.data = 0 * coarse.weight.data", "coarse.bias.data = 1 * coarse.weight.data"),
    ("10", "(P - Fraction(K - 1, 2)) / S", "(P + Fraction(K - 1, 2)) / S"),
    ("10", 'trunk["pool4"][1] - upscore2[1]', 'upscore2[1] - trunk["pool4"][1]'),
    ("10", '"upscore8": (152, upscore8, 31, 64)', '"upscore8": (152, upscore8, 44, 64)'),
    ("11", "once = bias.grad.data.copy()", "once = -bias.grad.data"),
    ("11", "n[t, g] += 1", "n[g, t] += 1"),
    (
        "11",
        "        loss = F.softmax_cross_entropy(scores, label)",
        "        loss = -F.softmax_cross_entropy(scores, label)",
    ),
    ("11", "np.trace(shapes[:, 1:])", "shapes[:, 1:].sum()"),
    ("11", "np.zeros_like(unseen.labels)", "np.ones_like(unseen.labels)"),
    ("11", "single.append(confusion.mean_iou)", "single.append(counted.mean_iou)"),
    ("11", "(w * gradient).sum()", "(w * -gradient).sum()"),
    ("11", "lr=0.1, weight_decay=0.5", "lr=0.1, weight_decay=0.05"),
    ("11", "loss.backward()\n            optimizer.step()\n", "(-loss).backward()\n            optimizer.step()\n"),
    ("11", "training.transplant(net, state)", "training.transplant(net, classifier.state_dict())"),
    ("11", "predict(trained, fresh[i].image,", "predict(trained, fresh[i].image[:, ::-1],"),
    (
        "11",
        "net(mf.Tensor(unseen.images)), unseen.labels).item()",
        "net(mf.Tensor(batch.images)), batch.labels).item()",
    ),
    ("11", "always.matrix[:, most] = pixels", "always.matrix[most] = pixels"),
    ("12", "even = pool(x)", "even = -pool(-x)"),
    ("12", "dilations=(1, 1, 2, 2, 4)):", "dilations=(1, 1, 2, 2, 2)):"),
    ("12", "run = FACTOR * (row % FACTOR) + column % FACTOR", "run = FACTOR * (column % FACTOR) + row % FACTOR"),
    ("13", "on_grid.transpose(1, 2, 0, 3, 4)", "on_grid.transpose(2, 1, 0, 3, 4)"),
    ("13", "some[kept] = truth[0]", "some[kept] = 3 - truth[0]"),
    ("13", "many_truth[chosen], 255)).backward()", "many_truth[chosen], 255)).backward(mf.Tensor(np.float32(-1)))"),
    ("13", "np.where(kept, many_truth[chosen], 255)", "np.where(kept, many_truth[chosen][::-1], 255)"),
    ("13", "steps * 2 / p for", "steps * 2 * p for"),
    ("13", "reached |= {(down + 2 * i, right + 2 * j)", "reached |= {(2 * i, 2 * j)"),
    ("14", "field + (kernel - 1) * stride", "field + kernel * stride"),
    ("14", "num_classes).mean(axis=(1, 3))", "num_classes).max(axis=(1, 3))"),
    ("14", "result[label == c] = votes.argmax()", "result[label == c] = votes.argmin()"),
    ("14", "large_square = (np.maximum(abs(x), abs(y)) < 140)", "large_square = (np.maximum(abs(x), abs(y)) < 30)"),
    ("15", "x].sum() + (K * different)", "x].sum() - (K * different)"),
    ("15", "softmax(-U - K @ (1 - Q))", "softmax(-U + K @ (1 - Q))"),
    ("15", "agree = (Q * (K @ Q)).sum()", "agree = -(Q * (K @ Q)).sum()"),
    ("15", "objects).backward()", "objects).backward(mf.Tensor(np.float32(-1)))"),
    ("15", "objects = np.minimum(batch.labels, 1)", "objects = 1 - np.minimum(batch.labels, 1)"),
    ("15", "squares[:, None] + squares - 2 * a", "squares[:, None] + squares + 2 * a"),
    ("15", "beliefs = [softmax(-U)]", "beliefs = [softmax(U)]"),
    ("16", "e = xp.exp(x - x.max(axis=0))", "e = xp.exp(x.min(axis=0) - x)"),
    ("16", "start = max(now, free)", "start = min(now, free)"),
    ("16", "        now += prepare", "        now += work"),
    ("16", "/ counted) for part in parts)", "/ len(parts)) for part in parts)"),
    ("17", "m0 = times(d[2] - d[0], u0)", "m0 = times(d[0] - d[2], u0)"),
    ("17", '"tiles": 6 * 6 / 4**2', '"tiles": 4 * 4 / 4**2'),
    ("17", "G2 = np.array([[-1, 0, 0]", "G2 = np.array([[1, 0, 0]"),
]
RUNNER = """
import json, os, sys
import matplotlib.pyplot
import minifcn.functional, minifcn.data, minifcn.explain, minifcn.models, minifcn.training

results, quiet = os.dup(1), os.open(os.devnull, os.O_WRONLY)
os.dup2(quiet, 1)

def run(cells, names):
    for cell in cells:
        exec(compile(cell, "cell", "exec"), names)
        matplotlib.pyplot.close("all")

def copy(work):
    if os.fork() == 0:
        try:
            work()
        except AssertionError:
            os._exit(7)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.wait()[1])

def notebook(cells, mutants):
    names = {"__name__": "__main__"}
    for number, cell in enumerate(cells):
        for mutation, first, mutated in mutants:
            if first == number:
                status = copy(lambda: run(mutated, names))
                os.write(results, f"{mutation} {status}\\n".encode())
        if number == max(first for _, first, _ in mutants):
            break
        run([cell], names)

for cells, mutants in json.load(sys.stdin):
    if copy(lambda: notebook(cells, mutants)):
        print(f"the notebook of {mutants} fails by itself", file=sys.stderr)
"""


def cells(number):
    """The code cells of a notebook."""
    (source,) = FOLDER.glob(f"{number}_*.py")
    parts = re.split(r"^(# %%.*)\n", source.read_text("utf-8"), flags=re.MULTILINE)
    return [code for head, code in zip(parts[1::2], parts[2::2], strict=True) if "[markdown]" not in head]


def work(notebook):
    """Of a notebook its cells, and its mutations: number, the first cell that changes, the cells from there on."""
    code, mutants = cells(notebook), []
    for mutation, (number, old, new) in enumerate(MUTATIONS):
        if number == notebook:
            first = next((n for n, cell in enumerate(code) if old in cell), None)
            assert first is not None, f"notebook {number} no longer has {old!r}: change the mutation with it"
            mutants.append((mutation, first, [cell.replace(old, new) for cell in code[first:]]))
    return code, mutants


@functools.cache
def outcomes(notebook, folder):
    """The statuses of its mutations, and what went wrong."""
    settings = {"MPLBACKEND": "Agg", "PYTHONPATH": str(FOLDER.parent), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps([work(notebook)]),
        cwd=folder,
        env=os.environ | settings | {"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=3600,  # a minute or two on a quiet machine
    )
    return dict(map(int, line.split()) for line in done.stdout.splitlines()), done.stderr


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    return tmp_path_factory.mktemp("empty")


def test_every_notebook_has_mutations():
    assert {number for number, *_ in MUTATIONS} == {path.name[:2] for path in FOLDER.glob("[0-9][0-9]_*.py")}


@pytest.mark.parametrize("number", range(len(MUTATIONS)), ids=[f"{n}: {new}" for n, _, new in MUTATIONS])
def test_an_assert_notices(number, empty):
    """The status 7 stands for an AssertionError; another error would not be the assert's merit."""
    codes, errors = outcomes(MUTATIONS[number][0], empty)
    assert codes.get(number) == 7, errors[-500:]
