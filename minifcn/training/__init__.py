"""Training: the loop, its checkpoints and its log."""

from minifcn.training import checkpoint
from minifcn.training.checkpoint import Checkpoint
from minifcn.training.config import Config
from minifcn.training.evaluate import evaluate, predict
from minifcn.training.log import Log
from minifcn.training.recipe import build_model, build_optimizer, load_model, paper_groups
from minifcn.training.trainer import Trainer

__all__ = [
    "Checkpoint",
    "Config",
    "Log",
    "Trainer",
    "build_model",
    "build_optimizer",
    "checkpoint",
    "evaluate",
    "load_model",
    "paper_groups",
    "predict",
]
