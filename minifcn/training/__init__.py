"""Training: the loop, its checkpoints and its log."""

from minifcn.training import checkpoint
from minifcn.training.checkpoint import Checkpoint
from minifcn.training.class_weights import weigh_classes
from minifcn.training.config import Config
from minifcn.training.evaluate import evaluate, predict
from minifcn.training.freeze import freeze
from minifcn.training.log import Log
from minifcn.training.recipe import build_model, build_optimizer, load_model, paper_groups
from minifcn.training.trainer import Trainer
from minifcn.training.transplant import Transplant, transplant

__all__ = [
    "Checkpoint",
    "Config",
    "Log",
    "Trainer",
    "Transplant",
    "build_model",
    "build_optimizer",
    "checkpoint",
    "evaluate",
    "freeze",
    "load_model",
    "paper_groups",
    "predict",
    "transplant",
    "weigh_classes",
]
