"""Exercise 10: where the crop offsets 19; 5, 27; 5, 9, 31 come from.

Every layer puts row u of its input, centre on centre, over row a·u + b of its output. The pair (a, b), two fractions,
is its coordinate map (columns behave as rows do). On paper first: a window of K = 2 with S = 2; mark the centres of
the first three windows. Over which output row does input row 0 lie, and row 1? Then a stamp of K = 4 with S = 2.

To read: notebook 10, "Where does a pixel of a map lie?" to "FCN-8s". To check: `minifcn exercises 10`.
"""

CONVOLUTIONS = (2, 2, 3, 3, 3)  # 3x3 convolutions in each of the five stages of VGG16; each stage ends with a 2x2 pool


def conv_map(kernel_size, stride=1, padding=0):
    """Give the coordinate map of a convolution or a pool.

    kernel_size : K. stride : S. padding : P, at either end. All whole numbers.

    Returns (a, b), two Fractions: input row u is centred on output row a·u + b.
    """
    raise NotImplementedError


def conv_transpose_map(kernel_size, stride=1, padding=0):
    """Give the coordinate map of a transposed convolution, (a, b) as in `conv_map`."""
    raise NotImplementedError


def then(first, second):
    """Give the coordinate map (a, b) of two layers, `first` and behind it `second`, both of them maps (a, b)."""
    raise NotImplementedError


def crop_offset(cropped, other):
    """Give the number of rows to cut off the beginning of one map, so that it lies over another one.

    cropped, other : the maps (a, b) that lead from the image to the one that is cropped, and to the other one.

    Returns an int; one below 0 says that the other one has to be cropped.
    Raises ValueError if no crop can help: the scales a differ, or the offset is no whole number.
    """
    raise NotImplementedError


def crop_offsets(skips, padding=100):
    """Give the crop offsets of a network of the paper.

    skips : the stages whose pool gets scores, in the order in which they are fused: () is FCN-32s, (4,) FCN-16s,
        (4, 3) FCN-8s, and one could go on, (4, 3, 2). padding : that of the very first convolution; the other 3x3
        convolutions have padding 1.

    Behind pool5 comes fc6, a 7x7 convolution without padding; fc7 and the score layers are 1x1. For each skip the
    scores are upsampled by 2 (K = 4), and those of the skip are cropped to them and added. The last upsampling (K = 2S)
    leads back to the rows of the image, to which its result is cropped. No upsampling has padding.

    Returns a tuple of ints: an offset for each skip, and that of the last crop.
    """
    raise NotImplementedError
