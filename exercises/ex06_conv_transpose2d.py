"""Exercise 6: a transposed convolution.

Every pixel of the small map x stamps the kernel, times its own value, on the result. The stamps of neighbouring pixels
begin S apart; where they overlap, they add up; in the end P rows and columns are cut off on every side. Draw it on
paper first for x = [[1, 10]], a kernel of one row, [[1, 2, 3]], and S = 2: how long is the result, and what stands in
its middle?

To read: notebook 05, 5.1 to 5.4. To check: `minifcn exercises 6`.
"""


def conv_transpose2d(x, weight, stride=1, padding=0):
    """Upsample one map by a transposed convolution.

    x : array (C, H, W), one map. Leave both arrays as they are.
    weight : array (C, O, KH, KW), the input channels first; KH and KW may differ.
    stride : S, the distance of the stamps. padding : P, the rows and columns that are cut off on every side.

    Returns an array (O, OH, OW) of the size of exercise 1; a pixel without a stamp is 0.
    """
    raise NotImplementedError
