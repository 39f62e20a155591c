"""Exercise 5: the gradient of a convolution.

A loss L is computed from y = conv2d(x, weight, bias), and its gradient with respect to y is known: g, of the shape of
y. How does L change with each pixel of x, each weight and each bias? Every product w * x that went into a y gives two
answers: the pixel gets g * w, and the weight gets g * x. Take x = [[1, 2, 3], [4, 5, 6]], w = [[1, 2], [3, 4]] and
g = [[1, 10]] and go through the 8 products on paper first.

To read: notebook 02, from "The gradient with respect to x is a product with Cᵀ" to "Several channels", and its
question 4. To check: `minifcn exercises 5`.
"""


def conv2d_backward(g, x, weight, stride=1, padding=0):
    """Give the gradients of L with respect to x, weight and bias.

    g : array (O, OH, OW), the gradient of L with respect to y = conv2d(x, weight, bias, stride, padding), where
        y[o, i, j] = bias[o] + sum over c, k, l of weight[o, c, k, l] * x[c, S i + k - P, S j + l - P].
    x : array (C, H, W), one image. weight : array (O, C, KH, KW). stride : S. padding : P.
    Leave g, x and weight as they are.

    Returns three arrays: dx (C, H, W), dweight (O, C, KH, KW), dbias (O,).
    One that you have not got yet may be None: the first tests look at one at a time.
    """
    raise NotImplementedError
