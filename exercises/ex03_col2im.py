"""Exercise 3: the columns of a matrix, added back to the image they were gathered from.

im2col is a matrix A of zeros and ones: it copies pixels into columns. Its transpose takes numbers in the columns back
to the pixels: this is how a gradient passes through im2col, and half of a transposed convolution. Draw two 2x2 windows
that overlap on an image of 2x3 pixels first. Write a number into each of their 8 places. What does each of the 6
pixels get?

To read: notebook 02, "Gathering is a matrix too: A" and the stamps that follow. To check: `minifcn exercises 3`.
"""


def col2im(columns, input_shape, kernel_size, stride=1, padding=0):
    """Add every number in the columns to the pixel that im2col would have copied to its place.

    columns : array (C * K * K, OH * OW), laid out as by im2col: column i * OW + j belongs to the window at place
        (i, j), and holds its first channel row by row, then its second channel, and so on. Leave it as it is.
    input_shape : (C, H, W), the shape of the image.
    kernel_size : K. stride : S. padding : P, the border of zeros that im2col put around the image.

    Returns an array (C, H, W). What belongs to the padding goes nowhere; a pixel that lies in no window is 0.
    """
    raise NotImplementedError
