"""Draw docs/images/winograd.png, the way of one 6x6 tile through the three products of docs/winograd.md.

    python docs/images/winograd.py

The colours are computed values: a map of 3 channels and 10x10 pixels, which is four tiles, and 2 outputs.
"""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from minifcn.compute.fast.winograd import AT, BT, G

TILE, FREQUENCY = (0, 1), (1, 4)  # those that are followed, in MARK
MARK, GREY = "#00A03C", "#6a6a6a"
CELL, SHIFT = 1 / 6, 0.09  # the side of a value, and between maps behind one another
TILES = list(np.ndindex(2, 2))


def example():
    """Compute x (C, 10, 10), weight (O, C, 3, 3), d and V (tiles, C, 6, 6), U (O, C, 6, 6), M (tiles, O, 6, 6)."""
    rows, columns = np.mgrid[0:10, 0:10]
    x = np.stack([np.sin(0.7 * rows + 0.4 * columns), np.cos(0.9 * columns), np.sin(0.12 * rows * columns)])
    weight = np.random.default_rng(3).standard_normal((2, 3, 3, 3))
    bt, g, at = (np.array(matrix) for matrix in (BT, G, AT))
    d = np.stack([x[:, 4 * i : 4 * i + 6, 4 * j : 4 * j + 6] for i, j in TILES])
    v, u = bt @ d @ bt.T, g @ weight @ g.T
    m = np.einsum("tcij,ocij->toij", v, u)
    return x, weight, d, v, u, m, at @ m @ at.T


def stack(axes, left, top, maps, title="", below="", mark=None):
    """Draw maps (channels, rows, columns) behind one another, and outline one value (row, column) in each."""
    (count, *size), behind = maps.shape, SHIFT * (len(maps) - 1)
    height, width = np.array(size) * CELL
    shades = np.sign(maps) * np.sqrt(abs(maps) / abs(maps).max())  # the root shows small values beside large ones
    for k in reversed(range(count)):
        x, y = left + SHIFT * k, top + SHIFT * k
        axes.imshow(shades[k], "RdBu", extent=(x, x + width, y - height, y), vmin=-1, vmax=1, zorder=-k)
        frame(axes, x, y, width, height, zorder=-k)
        if mark:
            frame(axes, x + CELL * mark[1], y - CELL * mark[0], CELL, CELL, MARK, 2.4, zorder=-k)
    middle = left + width / 2
    axes.text(middle + behind / 2, top + behind + 0.08, title, ha="center", va="bottom", fontsize=12, weight="bold")
    axes.text(middle, top - height - 0.08, below, ha="center", va="top", fontsize=10.5, linespacing=1.35)


def frame(axes, left, top, width, height, colour="black", line=0.9, zorder=0.0):
    axes.add_patch(Rectangle((left, top - height), width, height, fill=False, ec=colour, lw=line, zorder=zorder + 0.5))


def cut(axes, left, top, size, step=4):
    """Outline the four squares that a map is cut into, the followed one in MARK."""
    for i, j in sorted(TILES, key=TILE.__eq__):  # the followed one last, on top
        style = (MARK, 3) if (i, j) == TILE else ("black", 1.6)
        frame(axes, left + step * j * CELL, top - step * i * CELL, size * CELL, size * CELL, *style)


def arrow(axes, start, end, text="", bend="arc3"):
    style = {"arrowstyle": "-|>", "lw": 1.6, "color": GREY, "mutation_scale": 14, "connectionstyle": bend}
    axes.annotate("", end, start, arrowprops=style)
    axes.text((start[0] + end[0]) / 2, start[1] + 0.08, text, ha="center", va="bottom", fontsize=11)


def main():
    x, weight, d, v, u, m, blocks = example()
    y = blocks.reshape(2, 2, 2, 4, 4).transpose(2, 0, 3, 1, 4).reshape(2, 8, 8)
    tile = TILES.index(TILE)
    figure = Figure(figsize=(13.2, 4.9), dpi=150)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))

    stack(axes, 0.1, 3.3, x, "map x", "C maps of 10x10;\ntiles of 6x6, 4 apart,\noverlap by 2")
    cut(axes, 0.1, 3.3, 6)
    stack(axes, 2.7, 3.0, d[tile], "tile d", "(36, tiles, C)")
    stack(axes, 4.7, 3.0, v[tile], "V", "(36, tiles, C)", FREQUENCY)
    stack(axes, 7.05, 3.0, m[tile], "M", "(36, tiles, O)", FREQUENCY)
    stack(axes, 9.05, 2.83, blocks[tile], "block", "(16, tiles, O)")
    stack(axes, 10.55, 3.16, y, "map y", "O maps of 8x8;\nblocks of 4x4,\nside by side")
    cut(axes, 10.55, 3.16, 4)
    stack(axes, 3.0, 0.85, weight[0], "weight", "(9, C, O)")
    stack(axes, 4.7, 1.1, u[0], "U", "(36, C, O)", FREQUENCY)

    arrow(axes, (2.0, 2.5), (2.6, 2.5), "cut")
    arrow(axes, (3.95, 2.5), (4.6, 2.5), "Bᵀ⊗Bᵀ")
    arrow(axes, (5.95, 2.5), (6.95, 2.5), "M[f] = V[f] U[f]")
    arrow(axes, (8.2, 2.5), (8.95, 2.5), "Aᵀ⊗Aᵀ")
    arrow(axes, (9.87, 2.5), (10.45, 2.5), "place")
    arrow(axes, (3.75, 0.6), (4.6, 0.6), "G⊗G")
    arrow(axes, (5.95, 0.7), (6.4, 2.44), bend="angle3,angleA=0,angleB=90")

    axes.text(8.35, 1.31, "one frequency f, all tiles", ha="center", color=MARK, fontsize=12, weight="bold")
    at = (..., *FREQUENCY)
    stack(axes, 7.3, 1.1, v[at][None], below="V[f]\n(tiles, C)")
    stack(axes, 8.2, 1.02, u[at].T[None], below="U[f]\n(C, O)")
    stack(axes, 9.1, 1.1, m[at][None], below="M[f]\n(tiles, O)")
    for left, values in ((7.3, x), (9.1, y)):
        frame(axes, left, 1.1 - CELL * tile, CELL * len(values), CELL, MARK, 2.4)
    axes.text(8.0, 0.76, "·", ha="center", va="center", fontsize=18)
    axes.text(8.81, 0.76, "=", ha="center", va="center", fontsize=14)

    axes.set(xlim=(0, 12.1), ylim=(-0.42, 4.07), aspect="equal")
    axes.axis("off")
    figure.savefig(Path(__file__).with_suffix(".png"))


if __name__ == "__main__":
    main()
