"""Classes that a network in training has not learned to see yet, and what helps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minifcn.metrics import ConfusionMatrix

RARE = 0.02  # share of the pixels below which a class hardly counts in the loss
SMALL = 32 * 32  # pixels that one place of the coarsest scores stands for
NAMED = 6  # classes that are named before it is said how many more there are


def diagnose_classes(
    matrix: ConfusionMatrix,
    class_names: Sequence[str],
    occurs: np.ndarray,
    findings: Sequence[str] = (),
    *,
    weighted: bool = False,
) -> str:
    """Name the classes of which not one pixel is right, and what may help.

    Parameters
    ----------
    matrix : ConfusionMatrix
        Of an evaluation.
    class_names : sequence of str
    occurs : bool array (N, num_classes)
        Which classes the label of each image has; of one that is in none, nothing is said.
    findings : sequence of str, optional
        What `diagnose` found in the log: the first one is the advice then, for it has the reason.
    weighted : bool
        Whether the loss has weights for the classes already.

    Returns
    -------
    str
        A sentence or two; empty if of each class that occurs a pixel is right.

    Examples
    --------
    >>> matrix = ConfusionMatrix(3)
    >>> matrix.update(np.array([0] * 5000 + [1] * 50), np.array([0] * 5050))
    >>> diagnose_classes(matrix, ("road", "pole", "sky"), np.array([[True, True, False]])).split("; ")[0]
    'pole (0.99% of the pixels) is still at IoU 0'
    """
    truth, right = matrix.matrix.sum(axis=1), np.diag(matrix.matrix)
    missed = np.flatnonzero((truth > 0) & (right == 0) & occurs.any(axis=0))
    if not missed.size:
        return ""
    missed = missed[np.argsort(-truth[missed], kind="stable")]
    share, in_an_image = truth / truth.sum(), truth / occurs.sum(axis=0).clip(min=1)
    named = [f"{class_names[c]} ({_percent(share[c])})" for c in missed[:NAMED]]
    named[0] = named[0].replace("%)", "% of the pixels)")
    more = f" and {len(missed) - NAMED} more" if len(missed) > NAMED else ""
    found = f"{', '.join(named)}{more} {'are' if len(missed) > 1 else 'is'} still at IoU 0"
    if findings:
        return f"{found}. {findings[0]}"
    advice = []
    if (share[missed] < RARE).any() and not weighted and missed[0] != truth.argmax():
        advice.append("give rare classes more weight in the loss (--class-weights balanced)")
    if (in_an_image[missed] < SMALL).any():
        advice.append("small ones larger images (--size)" if advice else "give small classes larger images (--size)")
    return f"{found}; {', '.join([*advice, 'and train longer'] if advice else ['train longer'])}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share > 0.1 else f"{100 * share:.2g}%"
