"""Right answers in other styles than the solution's pass: lists, arrays, generators, einsum, strides, masks."""

from pathlib import Path

import pytest

from minifcn.marking.run import run
from minifcn.marking.wrong import WrongAnswer

EXERCISES = Path(__file__).parents[2] / "exercises"

WINDOWS = "np.lib.stride_tricks.sliding_window_view(padded, {kernel}, axis=(1, 2))[:, ::stride, ::stride]"
PADDED = "padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))"


def body(name, arguments, *lines):
    """A module with one function."""
    return "\n".join(["import numpy as np", f"def {name}({arguments}):", *(f"    {line}" for line in lines)])


# What stands in place of lines of the solution.
CHANGED = {
    "ex01 counted": (
        "ex01_output_size",
        (
            "return (n + 2 * padding - kernel_size) // stride + 1",
            "return len(range(0, n + 2 * padding - kernel_size + 1, stride))",
        ),
    ),
    "ex01 an integer of NumPy": (
        "ex01_output_size",
        (
            "return (n - 1) * stride + kernel_size - 2 * padding",
            "return __import__('numpy').int16((n - 1) * stride + kernel_size - 2 * padding)",
        ),
    ),
    "ex02 nested lists": ("ex02_im2col", ("return matrix", "return matrix.tolist()")),
    "ex03 the dtype of the columns": ("ex03_col2im", ("width + 2 * padding))", "width + 2 * padding), columns.dtype)")),
    "ex05 a list": (
        "ex05_conv2d_backward",
        ("return dx, dweight, dbias", "return [dx, dweight.tolist(), list(dbias)]"),
    ),
    "ex05 one after the other": (
        "ex05_conv2d_backward",
        ("return dx, dweight, dbias", "yield dx; yield dweight; yield dbias"),
    ),
    "ex06 nothing cut off": (
        "ex06_conv_transpose2d",
        ("return whole[:, padding : rows", "return whole if padding == 0 else whole[:, padding : rows"),
    ),
    "ex07 any tie-breaking that takes the first": (
        "ex07_max_pool2d_backward",
        (
            "row, column = np.unravel_index(window.argmax(), window.shape)",
            "row, column = np.argwhere(window == window.max())[0]",
        ),
    ),
    "ex07 a search from minus infinity": (
        "ex07_max_pool2d_backward",
        (
            "row, column = np.unravel_index(window.argmax(), window.shape)",
            "(row, column), _ = max(np.ndenumerate(window), key=lambda pair: pair[1])",
        ),
    ),
    "ex08 lists": ("ex08_bilinear_kernel", ("return np.outer(hat, hat)", "return [[k * l for l in hat] for k in hat]")),
    "ex09 logaddexp": (
        "ex09_softmax_cross_entropy",
        ("return shifted - np.log(np.exp(shifted).sum(axis=0))", "return scores - np.logaddexp.reduce(scores, axis=0)"),
    ),
    "ex10 a pair as an array": (
        "ex10_crop_offset",
        ("return a2 * a1, a2 * b1 + b2", "return __import__('numpy').array([a2 * a1, a2 * b1 + b2])"),
    ),
    "ex10 offsets as an array": (
        "ex10_crop_offset",
        (
            "return (*offsets, crop_offset(position, image))",
            "return __import__('numpy').array([*offsets, crop_offset(position, image)])",
        ),
    ),
    "ex10 a scale that is an int": ("ex10_crop_offset", ("return Fraction(stride),", "return stride,")),
    "ex11 slices": (
        "ex11_fuse_fcn8s",
        (
            "return crop(skip, offset, coarse.shape[1:]) + coarse",
            "_, h, w = coarse.shape; return coarse + skip[:, offset : offset + h, offset : offset + w]",
        ),
    ),
    "ex12 counts of 32 bits": (
        "ex12_mean_iou",
        ("np.zeros((num_classes, num_classes), int)", "np.zeros((num_classes, num_classes), np.int32)"),
    ),
    "ex12 a masked array": ("ex12_mean_iou", ("return values", "return np.ma.masked_invalid(values)")),
    "ex13 five points": (
        "ex13_gradient_checker",
        (
            "gradient[index] = (f(right) - f(left)) / (2 * STEP)",
            "at = lambda n: f(np.where(np.arange(x.size).reshape(x.shape) == np.ravel_multi_index(index, x.shape), "
            "x + n * 1e-3, x))\n"
            "        gradient[index] = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / 0.012",
        ),
    ),
    "ex13 a step that grows with x": (
        "ex13_gradient_checker",
        ("right[index] += STEP", "h = STEP * max(1, abs(x[index])); right[index] += h"),
        ("left[index] -= STEP", "left[index] -= h"),
        ("/ (2 * STEP)", "/ (2 * h)"),
    ),
    "ex13 weights that are not drawn": (
        "ex13_gradient_checker",
        ("gy = rng.normal(size=forward(x).shape)", "gy = forward(x); gy = 1.0 + np.arange(gy.size).reshape(gy.shape)"),
    ),
}

WRITTEN = {
    "ex02 sliding_window_view": (
        "ex02_im2col",
        body(
            "im2col",
            "x, kernel_size, stride=1, padding=0",
            PADDED,
            f"windows = {WINDOWS.format(kernel='(kernel_size, kernel_size)')}",
            "return windows.transpose(0, 3, 4, 1, 2).reshape(len(x) * kernel_size**2, -1)",
        ),
    ),
    "ex02 strides of x": (
        "ex02_im2col",
        body(
            "im2col",
            "x, kernel_size, stride=1, padding=0",
            "padded = x if padding == 0 else np.pad(x, ((0, 0), (padding,) * 2, (padding,) * 2))",
            "channels, rows, columns = padded.strides",
            "places = [(n - kernel_size) // stride + 1 for n in padded.shape[1:]]",
            "strides = channels, rows, columns, rows * stride, columns * stride",
            "shape = len(x), kernel_size, kernel_size, *places",
            "return np.lib.stride_tricks.as_strided(padded, shape, strides).reshape(len(x) * kernel_size**2, -1)",
        ),
    ),
    "ex04 einsum": (
        "ex04_conv2d",
        body(
            "conv2d",
            "x, weight, bias=None, stride=1, padding=0",
            PADDED,
            f"windows = {WINDOWS.format(kernel='weight.shape[2:]')}",
            'y = np.einsum("cijkl,ockl->oij", windows, weight)',
            "return y if bias is None else y + np.reshape(bias, (-1, 1, 1))",
        ),
    ),
    "ex06 zeros and a turned kernel": (
        "ex06_conv_transpose2d",
        body(
            "conv_transpose2d",
            "x, weight, stride=1, padding=0",
            "(channels, height, width), (kh, kw) = x.shape, weight.shape[2:]",
            "zeros = np.zeros((channels, (height - 1) * stride + 1, (width - 1) * stride + 1))",
            "zeros[:, ::stride, ::stride] = x",
            "zeros = np.pad(zeros, ((0, 0), (kh - 1, kh - 1), (kw - 1, kw - 1)))",
            "windows = np.lib.stride_tricks.sliding_window_view(zeros, (kh, kw), axis=(1, 2))",
            'y = np.einsum("cijkl,cokl->oij", windows, weight[:, :, ::-1, ::-1])',
            "return y[:, padding : y.shape[1] - padding, padding : y.shape[2] - padding]",
        ),
    ),
    "ex07 no loop": (
        "ex07_max_pool2d_backward",
        body(
            "max_pool2d_backward",
            "g, x, kernel_size, stride",
            f"windows = {WINDOWS.format(kernel='(kernel_size, kernel_size)').replace('padded', 'x')}",
            "winner = windows.reshape(*g.shape, -1).argmax(axis=-1)",
            "c, i, j = np.indices(g.shape)",
            "dx = np.zeros(x.shape)",
            "np.add.at(dx, (c, i * stride + winner // kernel_size, j * stride + winner % kernel_size), g)",
            "return dx",
        ),
    ),
}


def missing(name, answer, folder):
    (folder / f"{name}.py").write_text(answer, "utf-8")
    return [point.found for point in run(EXERCISES, [name], folder)[0].missing]


@pytest.mark.parametrize(("name", "changes"), [(name, c) for name, *c in CHANGED.values()], ids=CHANGED)
def test_a_solution_with_other_lines_passes(name, changes, tmp_path):
    solution = (EXERCISES / "solutions" / f"{name}.py").read_text("utf-8")
    assert missing(name, WrongAnswer("", "", tuple(changes)).apply(solution), tmp_path) == []


@pytest.mark.parametrize(("name", "answer"), WRITTEN.values(), ids=WRITTEN)
def test_an_answer_written_in_another_way_passes(name, answer, tmp_path):
    assert missing(name, answer, tmp_path) == []
