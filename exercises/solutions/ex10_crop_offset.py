"""Exercise 10: where the crop offsets 19; 5, 27; 5, 9, 31 come from."""

from fractions import Fraction

CONVOLUTIONS = (2, 2, 3, 3, 3)  # 3x3 convolutions in each of the five stages of VGG16; each stage ends with a 2x2 pool


def conv_map(kernel_size, stride=1, padding=0):
    # window j is centred on u = S·j - P + (K - 1) / 2, so j = u / S + (P - (K - 1) / 2) / S
    return Fraction(1, stride), (padding - Fraction(kernel_size - 1, 2)) / stride


def conv_transpose_map(kernel_size, stride=1, padding=0):
    # stamp u is centred on S·u - P + (K - 1) / 2
    return Fraction(stride), Fraction(kernel_size - 1, 2) - padding


def then(first, second):
    (a1, b1), (a2, b2) = first, second
    return a2 * a1, a2 * b1 + b2  # a2 (a1 u + b1) + b2


def crop_offset(cropped, other):
    offset = Fraction(cropped[1] - other[1])
    if cropped[0] != other[0] or offset.denominator != 1:
        raise ValueError(f"no crop aligns {cropped} with {other}")
    return int(offset)


def crop_offsets(skips, padding=100):
    position = image = Fraction(1), Fraction(0)
    pools = {}
    for stage, convolutions in enumerate(CONVOLUTIONS, start=1):
        for i in range(convolutions):
            first = stage == 1 and i == 0
            position = then(position, conv_map(3, padding=padding if first else 1))
        position = pools[stage] = then(position, conv_map(2, stride=2))
    position = then(position, conv_map(7))  # fc6

    offsets, stride = [], 32
    for stage in skips:
        position = then(position, conv_transpose_map(4, stride=2))
        offsets.append(crop_offset(pools[stage], position))  # the sum has the place of the upsampled scores
        stride //= 2
    position = then(position, conv_transpose_map(2 * stride, stride))
    return (*offsets, crop_offset(position, image))
