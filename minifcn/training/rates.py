"""What a learning rate means: on a loss that is added up over pixels or on their mean, with one momentum or another."""

from __future__ import annotations

import math

from minifcn.training.config import Config, written


def on_the_mean(lr: float, size: tuple[int, int]) -> float:
    """Translate the learning rate of the loss that is added up over an image's pixels to that of their mean.

    Both make the same step: the gradient of the sum is as many times larger as there are pixels that count.

    Parameters
    ----------
    lr : float
    size : (height, width)
        Of the image; ignored pixels, which do not count, make it less.

    Examples
    --------
    >>> f"{on_the_mean(1e-10, (375, 500)):.2g}"
    '1.9e-05'
    """
    return lr * math.prod(size)


def in_the_long_run(lr: float, momentum: float) -> float:
    """Give how far a gradient moves a weight in all, in its own step and in those that momentum repeats.

    >>> f"{in_the_long_run(1.9e-5, 0.99):.2g}", f"{in_the_long_run(1e-4, 0.9):.2g}"
    ('0.0019', '0.001')
    """
    return lr / (1 - momentum)


def momentum_over(momentum: float, steps: float) -> float:
    """Give how much of a gradient is left in the velocity after so many steps, or after a part of one.

    So 0.9 over one step of 20 images forgets as 0.9^(1/20) does over single ones:

    >>> round(momentum_over(0.9, 1 / 20), 5), round(momentum_over(0.99, 20), 3)
    (0.99475, 0.818)
    """
    return momentum**steps


def of_the_paper(config: Config) -> float:
    """Give the learning rate of the paper for a network: 100 times smaller for each skip that is added.

    >>> of_the_paper(Config(model="fcn32s")), of_the_paper(Config(model="fcn8s", at_once=True))
    (0.0001, 0.0001)
    """
    skips = 0 if config.at_once else ("fcn32s", "fcn16s", "fcn8s").index(config.model)
    return {"alexnet": 1e-3, "googlenet": 5e-5}.get(config.backbone, 1e-4) / 100**skips


def translated(config: Config, size: tuple[int, int]) -> str:
    """Write what SGD's learning rate and momentum are in other terms, for images of a size.

    >>> print(translated(Config(lr=1e-14, momentum=0.99, reduction="batch", batch_size=1), (375, 500)))
    learning rate, for images of 375x500:
      1.0e-14  on the loss added up over the 187,500 pixels of an image
      1.9e-09  on their mean: it makes the same steps
      1.9e-07  in the long run, with momentum 0.99: / (1 - 0.99)
      1.0e-07  in the paper (sections 4.2, 4.3): 1e-08 on the mean, / (1 - 0.9)
    momentum 0.99 leaves 0.818 of a gradient after 20 images; the paper's 0.9, over steps of 20, leaves 0.9
    """
    pixels = math.prod(size)
    mean = config.lr if config.reduction == "mean" else on_the_mean(config.lr, size)
    lines = [
        f"learning rate, for images of {written(size)}:",
        f"  {mean / pixels:.1e}  on the loss added up over the {pixels:,} pixels of an image",
        f"  {mean:.1e}  on their mean: it makes the same steps",
    ]
    momentum, images, paper = config.momentum, config.batch_size * config.accumulate, of_the_paper(config)
    lines += [
        f"  {in_the_long_run(mean, momentum):.1e}  in the long run, with momentum {momentum:g}: / (1 - {momentum:g})",
        f"  {in_the_long_run(paper, 0.9):.1e}  in the paper (sections 4.2, 4.3): {paper:.0e} on the mean, / (1 - 0.9)",
    ]
    if images == 1:
        left, paper_s = momentum_over(momentum, 20), "the paper's 0.9, over steps of 20, leaves 0.9"
        lines.append(f"momentum {momentum:g} leaves {left:.3f} of a gradient after 20 images; {paper_s}")
    else:
        single = momentum_over(momentum, 1 / images)
        lines.append(f"momentum {momentum:g} over steps of {images} images forgets as {single:.5f} over single ones")
    return "\n".join(lines)
