"""Exercise 10: where the crop offsets 19; 5, 27; 5, 9, 31 come from."""

import itertools
from fractions import Fraction

from minifcn.marking import Answer, NotYet, check

answer = Answer("ex10_crop_offset")

CENTRE = (
    "a window of 3 rows that begins at row 0 is centred on row 1: how far is the centre of K rows from the first one?"
)
WHOLE_ROWS = "with an even K the centre lies between two rows; // loses that half"
DIRECTION = "the map leads from the input row u to the output row, not back: solve for it. See notebook 10"
SCALE_OF_SHIFT = (
    "the rows by which the window is shifted are input rows; the result counts output rows, S times as far apart"
)
PADDING = "padding puts rows before row 0 of the input: does row 0 come to lie over an earlier or a later output row?"
NO_PADDING = "padding has been left out: what does it do to the place of row 0?"
CROPS = "in a transposed convolution padding cuts rows off: what does that do to the number of each row that is left?"
FORWARDS = "this is the map of the convolution; the transposed one leads from its output back to its input"
ORDER = "which layer is the first? Put its result into the formula of the second one"
ADDED = "the shift of the first layer is counted in rows of its own output: what does the second layer do with them?"
SIGN = "row 0 of the image is row b of a map: if b is larger for the map that is cropped, are rows too many or too few?"
DIFFERENCE = "row 0 of the image is row b of the one and row b' of the other: by how much are they apart?"
NEGATIVE = "which of the two maps would have to be cropped here? See the docstring"
SCALES = "in one of the two maps the rows are further apart: can leaving out the first rows change that?"
HALF_ROWS = (
    "half a row cannot be cut off; the networks were built so that this never happens. See CoordinateMap in minifcn"
)
FC6 = "which layer drops rows between pool5 and the scores? It has no padding"
OTHERS = "which padding have the 3x3 convolutions behind the first one? Does such a layer move anything?"
EACH_PADDED = "padding is put around the image once: which of the convolutions does that?"
NO_WAY_BACK = "this is where the scores lie: what leads from there to the rows of the image?"
LAST = "the kernel of the last upsampling has K = 2S rows, and no padding: where is the centre of its stamp?"
TABLE = "skips may be any stages, one after the other: are the offsets computed from the layers, or looked up?"
AFTER_FUSE = (
    "the skip is cropped, and then added: which place has the sum, that of the map that was cropped or the other's?"
)


def test_a_window_is_counted_from_its_centre():
    check("conv_map(3)", answer.conv_map(3), (1, -1), mistakes={CENTRE: (1, Fraction(-3, 2)), DIRECTION: (1, 1)})
    mistakes = {
        DIRECTION: (3, None),
        CENTRE: (None, Fraction(0)),
        WHOLE_ROWS: (None, Fraction(1, 3)),
        SCALE_OF_SHIFT: (None, Fraction(1, 2)),
        PADDING: (None, Fraction(-7, 6)),
        NO_PADDING: (None, Fraction(-1, 2)),
    }
    got = answer.conv_map(4, stride=3, padding=2)
    check("conv_map(4, stride=3, padding=2)", got, (Fraction(1, 3), Fraction(1, 6)), mistakes=mistakes, kind="exact")
    for size, stride, padding in itertools.product((1, 2, 5, 7), (1, 2, 5), (0, 1, 100)):
        expected = Fraction(1, stride), Fraction(2 * padding - size + 1, 2 * stride)
        call = f"conv_map({size}, stride={stride}, padding={padding})"
        check(call, answer.conv_map(size, stride=stride, padding=padding), expected, kind="exact", tolerance=1e-12)


def test_a_stamp_is_counted_from_its_centre():
    mistakes = {
        FORWARDS: (Fraction(1, 3), None),
        CENTRE: (None, 2),
        WHOLE_ROWS: (None, 1),
        CROPS: (None, Fraction(7, 2)),
        NO_PADDING: (None, Fraction(5, 2)),
    }
    got = answer.conv_transpose_map(6, stride=3, padding=1)
    check("conv_transpose_map(6, stride=3, padding=1)", got, (3, Fraction(3, 2)), mistakes=mistakes, kind="exact")
    for size, stride, padding in itertools.product((1, 4, 5, 64), (1, 2, 32), (0, 1, 3)):
        expected = stride, Fraction(size - 1, 2) - padding
        call = f"conv_transpose_map({size}, stride={stride}, padding={padding})"
        check(call, answer.conv_transpose_map(size, stride=stride, padding=padding), expected, kind="exact")


def test_the_second_layer_gets_what_the_first_one_gives():
    first, second = (Fraction(1, 2), Fraction(3)), (Fraction(2), Fraction(1))
    mistakes = {ORDER: (None, Fraction(7, 2)), ADDED: (None, 4)}
    check("then((1/2, 3), (2, 1))", answer.then(first, second), (1, 7), mistakes=mistakes, kind="exact")
    back = answer.then(answer.conv_map(5, 3, 1), answer.conv_transpose_map(5, 3, 1))
    check("then(conv_map(5, 3, 1), conv_transpose_map(5, 3, 1))", back, (1, 0), kind="exact", tolerance=0)


def test_the_offset_is_the_difference_of_two_places():
    sixteenth = Fraction(1, 16)
    got = answer.crop_offset((sixteenth, Fraction(3)), (sixteenth, Fraction(-2)))
    check("crop_offset((1/16, 3), (1/16, -2))", got, 5, mistakes={SIGN: -5, DIFFERENCE: 1}, kind="whole")
    got = answer.crop_offset((sixteenth, Fraction(-2)), (sixteenth, Fraction(3)))
    check("crop_offset((1/16, -2), (1/16, 3))", got, -5, mistakes={NEGATIVE: 5}, kind="whole")
    refused("crop_offset((1/8, 3), (1/16, 1))", (Fraction(1, 8), Fraction(3)), (sixteenth, Fraction(1)), SCALES)
    for part in (Fraction(1, 2), Fraction(1, 3), Fraction(-(10**9) - 1, 10**9)):
        call = f"crop_offset((1/16, {part}), (1/16, 0))"
        refused(call, (sixteenth, part), (sixteenth, Fraction(0)), HALF_ROWS)


def refused(call, cropped, other, hint):
    """Expect a ValueError."""
    crop_offset = answer.crop_offset
    try:
        got = crop_offset(cropped, other)
    except ValueError:
        return
    except AssertionError as error:
        promise = "`assert` is for what one believes oneself; what does the docstring promise to raise?"
        raise NotYet(f"{call} should raise ValueError, but raised AssertionError", promise) from error
    raise NotYet(f"{call} should raise ValueError, but returned {got}", hint)


def test_fcn_32s_is_cropped_at_19():
    mistakes = {FC6: (115,), OTHERS: (-70,), EACH_PADDED: (8830,), LAST: (3,)}
    mistakes |= {EACH_PADDED + " (Here, two have done so.)": (118,), NO_WAY_BACK: (Fraction(-25, 64),)}
    check("crop_offsets(())", answer.crop_offsets(()), (19,), mistakes=mistakes, kind="whole")
    check("crop_offsets((), padding=97)", answer.crop_offsets((), padding=97), (16,), kind="whole")


def test_fcn_16s_and_fcn_8s_crop_their_skips_too():
    mistakes = {AFTER_FUSE: (5, 107), FC6: (-1, 123)}
    check("crop_offsets((4,))", answer.crop_offsets((4,)), (5, 27), mistakes=mistakes, kind="whole")
    mistakes = {AFTER_FUSE: (5, -1, 111), AFTER_FUSE + " (Of the second sum?)": (5, 9, 103)}
    check("crop_offsets((4, 3))", answer.crop_offsets((4, 3)), (5, 9, 31), mistakes=mistakes, kind="whole")
    got = answer.crop_offsets((4, 3), padding=120)
    check("crop_offsets((4, 3), padding=120)", got, (5, 9, 51), mistakes={TABLE: (5, 9, 31)}, kind="whole")
    for skips, expected in (((4, 3, 2), (5, 9, 17, 33)), ((4, 3, 2, 1), (5, 9, 17, 33, 34))):
        call = f"crop_offsets({skips})"
        try:
            got = answer.crop_offsets(skips)
        except LookupError as error:
            raise NotYet(f"{call} raised {type(error).__name__}", TABLE) from error
        check(call, got, expected, kind="whole")
