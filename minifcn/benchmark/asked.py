"""What a benchmark is asked for by name, apart from what runs it: the help of the command waits for nothing else."""

from __future__ import annotations

RANKS = "ranks"  # the work of several processes
WARM_UP = 2  # turns that do not count
RULE = "rule"  # not raced: what the choice between the algorithms rests on
QUICK = "quick"  # what is timed unless something is named
GROUPS = {
    QUICK: ("fcn8s-forward-224", "narrow-step", "conv3_2-forward-224"),
    "networks": ("fcn8s-*",),
    "narrow": ("narrow-*",),
    "course": ("quarter-*", "course-*"),
    "gpu": ("fcn8s-*-500", "batch8-*"),
    "layers-224": ("conv*-224",),
    "layers-500": ("conv*-500",),
}
