"""Exercise 13: a gradient checker.

A wrong gradient does not crash; it trains worse. This is the tool that finds it: move each input a little, look how the
output moves, and compare. On paper first: for f(x) = x³ at x = 1 and a step of 0.1, the one-sided and the central
difference, and the error of each. Why does the error of the smaller step grow again in the end?

To read: notebook 08, sections 8.1 to 8.4. To check: `minifcn exercises 13`.
"""


def numeric_gradient(f, x):
    """Estimate the gradient of a function by central differences.

    f : function that takes an array like x and returns one number. x : float64 array of any shape.

    The step is for you to choose, so that ordinary functions, such as exp between 1 and 2, get 7 right digits.

    Returns an array of the shape of x. x stays as it is.
    """
    raise NotImplementedError


def relative_error(analytic, numeric):
    """Give the largest difference of two gradients, relative to the largest number in either of them.

    analytic, numeric : arrays of one shape. "Largest" means without the sign.

    Returns a number, 0 if both gradients are zero everywhere.
    """
    raise NotImplementedError


def gradient_checker(forward, backward, x, rng):
    """Compare the gradient that `backward` computes with central differences.

    forward : function of an array x that returns an array y, of any shape. backward : function of (gy, x) that returns
        the gradient of Σ gy · y with respect to x; gy has the shape of y. x : float64 array.
    rng : numpy.random.Generator, for what has to be drawn. x stays as it is.

    Returns the relative error, a number.
    """
    raise NotImplementedError
