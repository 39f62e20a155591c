"""The laboratory's script computes what minifcn computes, forward and backward: 500 random settings in one page."""

import json
import re

import numpy as np
import pytest
import webdriver

import minifcn.functional as F
from minifcn import Tensor, explain
from minifcn.compute.window import Window
from minifcn.explain.laboratory.laboratory import MATHEMATICS, SHOWING, script
from minifcn.explain.shown import number

pytestmark = pytest.mark.skipif(None in (webdriver.DRIVER, webdriver.browser.BROWSER), reason=webdriver.MISSING)

CASES = 500
KINDS = ["conv", "conv-transpose", "max-pool", "cross-entropy"]

# Each case is computed as the page computes it; `slopes` are its difference quotients of <g, y>.
COMPUTE = """
const WAYS = {stamps: byStamps, gather: byGather, "zero insertion": byZeroInsertion, matrix: byMatrix};
const COMPUTE = {
  conv: ({x, weight, bias, g, window}) => ({y: conv2d(x, weight, bias, window),
    ...conv2dBackward(g, x, weight, window)}),
  "conv-transpose": ({x, weight, bias, g, window, extra}) => {
    const size = transposedSize(sizeOf(x), window, extra), ways = {};
    for (const [name, way] of Object.entries(WAYS)) ways[name] = addBias(way(x, weight, window, size), bias);
    const y = convTranspose2d(x, weight, bias, window, extra);
    return {y, ...convTranspose2dBackward(g, x, weight, window), ...ways};
  },
  "max-pool": ({x, g, window, ceil}) => ({y: maxPool2d(x, window, ceil), x: maxPool2dBackward(g, x, window, ceil)}),
  "cross-entropy": ({x, labels, weights, g}) => ({y: [crossEntropy(x, labels, weights)],
    x: crossEntropyBackward(g[0], x, labels, weights)}),
};
"""


# What the page shows of a state: the numbers of the gradients, and the products added up in either order.
SHOWN = """
const held = ({kind, window, extra, ceil, x, weight, bias, g, labels, weights}) => {
  const channels = kind === "conv" ? weight.length : weight ? weight[0].length : 1;
  return {...FIRST, op: kind, ...window, A: extra, ceil: ceil ? 1 : 0, n: x[0].length, C: x.length, O: channels, t: 1e6,
    numbers: {x, weight, bias, g, labels, weights}};
};
const addedUp = (state, by, o) => {
  const {canvas, border, size} = follow({...state, by, shown: o});
  return cut([canvas], border, size)[0].map((row) => row.map((value) => value + state.numbers.bias[o]));
};
const shown = (one) => {
  const state = held(one), seen = {};
  for (const [name, found] of Object.entries(GRADIENTS[state.op](state)))
    seen[name] = [...found.values()].map(({value}) => value);
  for (const by of isConvolution(state) ? ["x", "y"] : [])
    seen[by + " first"] = range(state.O).map((o) => addedUp(state, by, o));
  return seen;
};
"""


@pytest.fixture
def run(tmp_path, driver):
    """A function that gives what an expression is in the page's script, with minifcn's own in front of it."""

    def run(text):
        driver.log("browser")
        driver.open(page.as_uri())
        found = driver.run(f"try {{ return {{value: {text}}}; }} catch (error) {{ return {{error: error.stack}}; }}")
        assert "error" not in found, found
        return found["value"]

    page = tmp_path / "page.html"
    files = script(*MATHEMATICS, *SHOWING)
    page.write_text(f'<!DOCTYPE html><meta charset="utf-8"><body><script>{files}\n{COMPUTE}\n{SHOWN}</script>', "utf-8")
    return run


def random_case(rng, kind, square=False):
    """Settings that fit together, and numbers."""
    n, height, width = rng.integers(1, 4, 3) + [0, 3, 3]
    width = height if square else width
    while True:
        k, s, p, d = (int(v) for v in (rng.integers(1, 6), rng.integers(1, 4), rng.integers(0, 4), rng.integers(1, 3)))
        ceil, extra = bool(rng.integers(2)), int(rng.integers(max(s, d)))
        window, size = Window.of(k, s, p, d), (int(height), int(width))
        try:
            if kind == "max-pool":
                result = Window.of_pool(k, s, p, d).output_size(size, ceil)
            else:
                result = window.output_size(size) if kind == "conv" else window.transposed_size(size, (extra, extra))
            break
        except ValueError:
            continue
    c, o = int(n), int(rng.integers(1, 4))
    case = {"kind": kind, "window": {"K": k, "S": s, "P": p, "D": d}, "ceil": ceil, "extra": extra}
    numbers = {"x": rng.normal(size=(c, *size)), "g": rng.normal(size=(o, *result))}
    if kind == "max-pool":
        # Every other one has ties.
        numbers |= {
            "x": rng.integers(-2, 3, (c, *size)) * 1.0 if ceil else numbers["x"],
            "g": rng.normal(size=(c, *result)),
        }
    elif kind == "cross-entropy":
        labels = rng.choice([*range(c + 1), 255], size)
        numbers = {"x": 3 * rng.normal(size=(c + 1, *size)), "labels": labels, "weights": rng.uniform(0, 2, c + 1)}
        numbers["g"] = rng.normal(size=1)
    else:
        numbers |= {
            "weight": rng.normal(size=(o, c, k, k) if kind == "conv" else (c, o, k, k)),
            "bias": rng.normal(size=o),
        }
    return case, numbers


def expected(case, numbers):
    """The same by minifcn: the result, and the gradients of <g, y>."""
    kind, window = case["kind"], case["window"]
    settings = {"stride": window["S"], "padding": window["P"], "dilation": window["D"]}
    x = Tensor(numbers["x"][None], requires_grad=True)
    inputs = {"x": x}
    if kind in ("conv", "conv-transpose"):
        inputs |= {name: Tensor(numbers[name], requires_grad=True) for name in ("weight", "bias")}
        if kind == "conv":
            y = F.conv2d(x, inputs["weight"], inputs["bias"], **settings)
        else:
            y = F.conv_transpose2d(x, inputs["weight"], inputs["bias"], output_padding=case["extra"], **settings)
    elif kind == "max-pool":
        y = F.max_pool2d(x, window["K"], ceil_mode=case["ceil"], **settings)
    else:
        y = F.softmax_cross_entropy(x, numbers["labels"][None], numbers["weights"])
    y.backward(Tensor(numbers["g"].reshape(y.shape)))
    gradients = {name: tensor.grad.data for name, tensor in inputs.items()}
    result = {"y": y.data, **gradients}
    if kind == "conv-transpose":
        result |= dict.fromkeys(("stamps", "gather", "zero insertion", "matrix"), y.data)
    return result


def test_500_random_settings_agree_with_minifcn_to_twelve_digits(run, rng):
    cases = [random_case(rng, KINDS[n % len(KINDS)]) for n in range(CASES)]
    sent = [case | {name: array.tolist() for name, array in numbers.items()} for case, numbers in cases]
    found = run(f"{json.dumps(sent)}.map((one) => COMPUTE[one.kind](one))")
    assert len(found) == CASES
    for (case, numbers), computed in zip(cases, found, strict=True):
        wanted = expected(case, numbers)
        assert set(computed) == set(wanted)
        for name, array in wanted.items():
            got = np.array(computed[name], np.float64).reshape(array.shape)
            scale = max(1.0, abs(array).max())
            np.testing.assert_allclose(got, array, rtol=0, atol=1e-12 * scale, err_msg=f"{name} of {case}")


def test_what_the_page_shows_is_what_minifcn_computes(run, rng):
    """The numbers in its cells: gradients as sums of their products, and products added up by pixels of x or of y."""
    cases = [random_case(rng, KINDS[n % len(KINDS)], square=True) for n in range(200)]
    sent = [case | {name: array.tolist() for name, array in numbers.items()} for case, numbers in cases]
    found = run(f"{json.dumps(sent)}.map(shown)")
    for (case, numbers), seen in zip(cases, found, strict=True):
        wanted = expected(case, numbers)
        assert {"x"} <= set(seen) <= {"x", "weight", "bias", "x first", "y first"}
        for name, values in seen.items():
            array = wanted["y" if name.endswith("first") else name]
            got = np.array(values, np.float64).reshape(array.shape)
            np.testing.assert_allclose(
                got, array, rtol=0, atol=1e-12 * max(1, abs(array).max()), err_msg=f"{name}: {case}"
            )


def test_a_wrong_gradient_would_be_noticed(run, rng):
    """The comparison above can fail: the kernel turned, in one of the cases, is far from 1e-12."""
    cases = (random_case(rng, "conv") for _ in range(100))
    case, numbers = next((case, numbers) for case, numbers in cases if case["window"]["K"] > 1)
    sent = case | {name: array.tolist() for name, array in numbers.items()}
    sent["weight"] = numbers["weight"][:, :, ::-1, ::-1].tolist()
    (found,) = run(f"[{json.dumps(sent)}].map((one) => COMPUTE[one.kind](one))")
    assert abs(np.array(found["x"]) - expected(case, numbers)["x"][0]).max() > 1e-6


def test_numbers_are_written_as_the_stepper_writes_them(run, rng):
    values = [0.0, 1.0, -2.5, 1 / 3, 0.9999, 0.0004, 0.1 + 0.2, 12345678.0, 123456.789, 2 / 3 * 1e-6]
    values += [*(rng.normal(size=200) * 10.0 ** rng.integers(-4, 6, 200)).tolist(), *rng.integers(-99, 99, 50).tolist()]
    found = run(f"{json.dumps(values)}.map((value) => number(value))")
    same = [re.sub(r"e([+-])0(\d)", r"e\1\2", number(value)) for value in values]
    assert found == same


def test_the_matrix_is_that_of_explain(run):
    kernel, window = np.arange(1.0, 10).reshape(3, 3), {"K": 3, "S": 2, "P": 1, "D": 1}
    found = run(f"convMatrix({kernel.tolist()}, {json.dumps(window)}, [3, 3], [5, 5])")
    np.testing.assert_array_equal(found, explain.conv_matrix(kernel[None, None], (1, 5, 5), 2, 1))


def test_the_right_way_back_is_never_called_wrong(run, rng):
    """On random settings and digits, with many ties in overlapping windows, where max-pooling has no derivative."""
    addresses = []
    for n in range(120):
        op, (size, k, s, p) = KINDS[n % 4], rng.integers([2, 1, 1, 0], [6, 4, 3, 2])
        x = ",".join(map(str, rng.integers(0, 3, 2 * size**2)))
        addresses.append(f"op={op}&way=backward&n={size}&K={k}&S={s}&P={min(p, k // 2)}&C=2&ceil={n % 8 // 4}&x={x}")
    found = run(
        f"{json.dumps(addresses)}.map(fromAddress).filter((state) => !problem(state))"
        ".map((state) => [state.op, wayBack(state).map(({verdict}) => verdict)])",
    )
    assert {op for op, _ in found} == set(KINDS)
    assert [op for op, verdicts in found if "wrong" in verdicts] == []
    assert any("kink" in verdicts for _, verdicts in found)
