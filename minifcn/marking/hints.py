"""Hints for the mistakes that are made in any exercise."""

from __future__ import annotations

RETURN = "does the function end with `return`?"
EMPTY = "nothing is left: which slice or range is empty? x[p:-p], for one, is if p is 0"
TENSOR = "this is a Tensor of minifcn; the exercises are about NumPy arrays"
WHOLE = (
    "only ints count and index: np.zeros(3.0) and x[3.0:] are errors, with a Fraction too. Where does this one come "
    "from: a / instead of a //, or a np.zeros without a dtype?"
)
EXACT = "a float rounds 1/3, so that equal places seem to differ; what is Fraction(1, 3)?"
DIGITS = "only the first digits are right: is something computed in float32, or rounded? The inputs are float64"
ENDLESS = "is there a loop that never ends, or a function that calls itself for ever?"
PAST_THE_END = "an index runs past the end of an array; print it, and the shape of the array"

# Words that stand in the message of an error, and what helps then. The first that agree count.
ERRORS = {
    "broadcast": "two arrays meet in this line whose shapes do not fit together; print both, as in print(x.shape)",
    "core dimension": "the two factors of this product do not fit together; print the shapes of both",
    "cannot reshape": "the new shape must hold as many numbers as there are; print the old shape, and multiply",
    "must have the same shape": "arrays are put together here whose shapes differ; print all of them",
    "inhomogeneous": "the rows of an array are equally long, and these are not; print the length of each",
    "out of bounds": PAST_THE_END,
    "out of range": PAST_THE_END,
    "'float' object cannot be interpreted as an integer": "/ gives a float, even if it is whole; what does // give?",
    "only integers, slices": "an index is a whole number; print it. (/ gives a float, // a whole number)",
    "as a data type": "a shape is one argument, with brackets of its own, as in np.zeros((2, 3))",
    "to unpack": "count the names on the left and the values on the right; of a shape, these are the axes of the array",
    "truth value of an array": "`if` asks one question, and an array gives many answers. To ask whether an argument "
    "was given at all, compare it with None, as in `if x is not None`",
    "NoneType": "something in this line is None: an argument that was left out, or the result of a function that has "
    "no `return`?",
    "list indices must be": "m[i, j] is for arrays; of a list of lists it is m[i][j]",
    "array element with a sequence": "one place takes one number, and on the right stands an array; print its shape",
    "Cannot cast": "an array of whole numbers takes no floats: with which dtype was it made?",
    "cannot access local variable": "is the name only set inside an `if` or a loop, and did that run?",
    "is not defined": "is it misspelt, or is an import missing, such as `import numpy as np`?",
    "positional argument": "a function takes the arguments of the skeleton; has one been added, or left out?",
    "unexpected keyword argument": "a function takes the arguments of the skeleton; has one been renamed?",
    "maximum recursion depth": ENDLESS,
    "AssertionError": "what this line takes for granted is not so; print what it compares",
}
EVERYWHERE = frozenset({RETURN, EMPTY, TENSOR, WHOLE, EXACT, DIGITS, ENDLESS, *ERRORS.values()})
