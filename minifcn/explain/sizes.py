"""Sizes of a transposed convolution: which settings lead from n to m, and which m a convolution turns back into one n.

Per axis, n pixels become (n - 1)S - 2P + K + output_padding: the stamps begin S apart, the last one is K long, and
P is cut off at both ends.
"""

from __future__ import annotations

from dataclasses import dataclass

from minifcn.check import whole_argument


@dataclass(frozen=True)
class TransposedSize:
    """One axis of a transposed convolution: its settings, and what they make of a size.

    Parameters
    ----------
    input_size, kernel_size, stride, padding, output_padding : int

    Examples
    --------
    >>> print(TransposedSize(5, kernel_size=4, stride=2, padding=1))
    kernel 4, stride 2, padding 1, output_padding 0: (5 - 1)·2 - 2·1 + 4 + 0 = 10
    """

    input_size: int
    kernel_size: int
    stride: int
    padding: int
    output_padding: int = 0

    @property
    def output_size(self) -> int:
        """Pixels of the result: (n - 1)S - 2P + K + output_padding."""
        return (self.input_size - 1) * self.stride - 2 * self.padding + self.kernel_size + self.output_padding

    def __str__(self) -> str:
        return (
            f"kernel {self.kernel_size}, stride {self.stride}, padding {self.padding}, "
            f"output_padding {self.output_padding}: ({self.input_size} - 1)·{self.stride} - 2·{self.padding} + "
            f"{self.kernel_size} + {self.output_padding} = {self.output_size}"
        )


def solve_sizes(
    input_size: int, output_size: int, largest_kernel: int = 8, largest_stride: int = 4
) -> list[TransposedSize]:
    """List the transposed convolutions that turn a size into another.

    Parameters
    ----------
    input_size, output_size : int
        Pixels along one axis.
    largest_kernel, largest_stride : int
        Where to stop. Padding stops below the kernel size, output_padding below the stride.

    Returns
    -------
    list of TransposedSize
        Small strides first, then small kernels. Those that need no output_padding fit by themselves.

    Examples
    --------
    From 5 to 10 with a stride of 2 and no output_padding, K - 2P has to be 2; bilinear upsampling takes K = 4 of them.

    >>> for size in solve_sizes(5, 10, largest_kernel=6):
    ...     if size.stride == 2 and size.output_padding == 0:
    ...         print(size)
    kernel 2, stride 2, padding 0, output_padding 0: (5 - 1)·2 - 2·0 + 2 + 0 = 10
    kernel 4, stride 2, padding 1, output_padding 0: (5 - 1)·2 - 2·1 + 4 + 0 = 10
    kernel 6, stride 2, padding 2, output_padding 0: (5 - 1)·2 - 2·2 + 6 + 0 = 10
    """
    input_size = whole_argument(input_size, "input_size", 1)
    output_size = whole_argument(output_size, "output_size", 1)
    largest_kernel = whole_argument(largest_kernel, "largest_kernel", 1)
    largest_stride = whole_argument(largest_stride, "largest_stride", 1)
    found = []
    for stride in range(1, largest_stride + 1):
        for kernel_size in range(1, largest_kernel + 1):
            for padding in range(kernel_size):
                missing = output_size - TransposedSize(input_size, kernel_size, stride, padding).output_size
                if 0 <= missing < stride:
                    found.append(TransposedSize(input_size, kernel_size, stride, padding, missing))
    return found


def shared_output(output_size: int, kernel_size: int, stride: int, padding: int) -> list[TransposedSize]:
    """List the sizes that a convolution turns into one and the same, each with the output_padding that leads back.

    Parameters
    ----------
    output_size : int
        Pixels of the convolution's result along one axis.
    kernel_size, stride, padding : int
        Of the convolution, and of the transposed one.

    Returns
    -------
    list of TransposedSize
        Up to `stride` of them, since as many pixels can be left over at the end; `output_size` of each is the size
        before the convolution.

    Examples
    --------
    >>> for size in shared_output(6, kernel_size=5, stride=3, padding=2):
    ...     print(size)
    kernel 5, stride 3, padding 2, output_padding 0: (6 - 1)·3 - 2·2 + 5 + 0 = 16
    kernel 5, stride 3, padding 2, output_padding 1: (6 - 1)·3 - 2·2 + 5 + 1 = 17
    kernel 5, stride 3, padding 2, output_padding 2: (6 - 1)·3 - 2·2 + 5 + 2 = 18
    """
    output_size = whole_argument(output_size, "output_size", 1)
    kernel_size = whole_argument(kernel_size, "kernel_size", 1)
    stride, padding = whole_argument(stride, "stride", 1), whole_argument(padding, "padding", 0)
    sizes = [TransposedSize(output_size, kernel_size, stride, padding, extra) for extra in range(stride)]
    return [size for size in sizes if size.output_size >= 1]
