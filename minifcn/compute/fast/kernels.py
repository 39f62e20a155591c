"""What a GPU has a kernel of its own for: to gather windows, zeros beyond the edges included, in one sweep.

CuPy copies a view of six axes at a sixth of the memory's speed, after a padded copy and fills of its border: 3.6 ms of
a forward pass, and 0.92 by the kernel (an H100). Its NumPy twin is in strips.py.
"""

from __future__ import annotations

from minifcn.compute.im2col import pixels
from minifcn.compute.window import Window

GATHER = (
    "raw T x, int32 H, int32 W, int32 C, int32 R, int32 OW, int32 KH, int32 KW, int32 SH, int32 SW, "
    "int32 DH, int32 DW, int32 top, int32 left",
    "T gathered",
    """
    unsigned int q = i; int c = q % C; q /= C; int kw = q % KW; q /= KW; int kh = q % KH; q /= KH;
    int ow = q % OW; q /= OW; int oh = q % R; int n = q / R;
    int h = top + oh * SH + kh * DH, w = left + ow * SW + kw * DW;
    gathered = (h >= 0 && h < H && w >= 0 && w < W) ? x[(((ptrdiff_t)n * H + h) * W + w) * C + c] : T(0);
    """,
)


def gather(kernel, x, window: Window, top: int, gathered) -> None:
    """Fill (N, rows, width, KH, KW, C) with windows of x, the first from its row `top` on, by the kernel GATHER.

    Four channels of float32 move as one 16-byte number.
    """
    (_, c, h, w), (_, rows, width) = x.shape, gathered.shape[:3]
    source, target = pixels(x).reshape(-1), gathered.reshape(-1)
    if c % 4 == 0 and x.dtype == "float32" and source.data.ptr % 16 == 0:
        source, target, c = source.view("complex128"), target.view("complex128"), c // 4
    settings = (*window.kernel, *window.stride, *window.dilation, top, -window.padding[1])
    kernel(source, h, w, c, rows, width, *settings, target)
