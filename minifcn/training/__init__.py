"""Training: the loop, its checkpoints and its log."""

from minifcn.training import checkpoint
from minifcn.training.build import build_model, build_optimizer, load_model
from minifcn.training.checkpoint import Checkpoint
from minifcn.training.class_weights import weigh_classes
from minifcn.training.config import Config
from minifcn.training.evaluate import evaluate, evaluate_dataset
from minifcn.training.freeze import freeze
from minifcn.training.groups import paper_groups
from minifcn.training.log import Log
from minifcn.training.prediction import predict, score_blocks
from minifcn.training.probabilities import probabilities, probability_file
from minifcn.training.recipes import RECIPES, Recipe
from minifcn.training.tiles import Tiling
from minifcn.training.trainer import Trainer
from minifcn.training.transplant import Transplant, transplant

__all__ = [
    "RECIPES",
    "Checkpoint",
    "Config",
    "Log",
    "Recipe",
    "Tiling",
    "Trainer",
    "Transplant",
    "build_model",
    "build_optimizer",
    "checkpoint",
    "evaluate",
    "evaluate_dataset",
    "freeze",
    "load_model",
    "paper_groups",
    "predict",
    "probabilities",
    "probability_file",
    "score_blocks",
    "transplant",
    "weigh_classes",
]
