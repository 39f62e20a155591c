"""The parameter groups of the paper: weights, and biases that learn at another rate."""

from __future__ import annotations

from typing import Any

from minifcn.nn import Module

BIASES = {"doubled": "", "scores": "score", "alike": None}  # how the names begin of layers whose biases learn faster


def paper_groups(model: Module, lr: float, weight_decay: float, biases: str = "doubled") -> list[dict[str, Any]]:
    """Split the learned parameters as the paper does: biases learn twice as fast and do not decay.

    Fixed parameters (`requires_grad` False: bilinear upsampling) are left out.

    Parameters
    ----------
    model : Module
    lr, weight_decay : float
    biases : "doubled" | "scores" | "alike"
        Which ones: all; only those of the score layers, as in the reference FCN-AlexNet, whose other layers have no
        multipliers; or none.

    Returns
    -------
    list of dict
        Parameter groups for `optim.SGD`: the weights and what learns like them, then the other biases.

    Notes
    -----
    Paper section 4.3; in the reference networks ``lr_mult: 2  decay_mult: 0``.

    Examples
    --------
    >>> from minifcn import models
    >>> model = models.create("fcn32s", num_classes=3, width=1 / 16)
    >>> [(group["lr"], group["weight_decay"]) for group in paper_groups(model, 0.01, 0.0005)]
    [(0.01, 0.0005), (0.02, 0.0)]
    """
    if biases not in BIASES:
        raise ValueError(f"paper_groups: biases must be one of {', '.join(BIASES)}, got {biases!r}")
    begins = BIASES[biases]

    def doubled(name: str) -> bool:
        return begins is not None and name.endswith("bias") and name.startswith(begins)

    learned = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    others = [p for name, p in learned if doubled(name)]
    return [
        {"params": [p for name, p in learned if not doubled(name)], "lr": lr, "weight_decay": weight_decay},
        {"params": others, "lr": 2 * lr, "weight_decay": 0.0},
    ]
