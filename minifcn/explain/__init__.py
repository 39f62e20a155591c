"""Convolution made visible: matrices written out, sizes solved, offsets derived, and steps to click through."""

from minifcn.explain.alignment import AlignmentTable, alignment_table
from minifcn.explain.bilinear import BilinearSteps, bilinear_steps, hat, partition_of_unity
from minifcn.explain.diagnosis import diagnose, diagnose_network
from minifcn.explain.drawn import KINDS, draw_numbers
from minifcn.explain.figure3 import NetworkFigure, figure3
from minifcn.explain.graphs import Graph, graph
from minifcn.explain.laboratory import Laboratory
from minifcn.explain.matrices import conv_matrix, im2col_matrix, pixel_names, show_matrix
from minifcn.explain.missed_classes import diagnose_classes
from minifcn.explain.predictions import Predictions
from minifcn.explain.receptive_fields import ReceptiveField, draw_receptive_fields, receptive_fields
from minifcn.explain.simulator import FlightSimulator
from minifcn.explain.sizes import TransposedSize, shared_output, solve_sizes
from minifcn.explain.stamps import Coverage, coverage
from minifcn.explain.stepper import (
    Step,
    Stepper,
    conv_steps,
    cross_entropy_steps,
    im2col_steps,
    max_pool_steps,
    transposed_conv_steps,
)
from minifcn.explain.transposed import (
    AdjointTest,
    Comparison,
    adjoint_test,
    by_gather,
    by_matrix,
    by_stamps,
    by_zero_insertion,
    compare_implementations,
)

__all__ = [
    "KINDS",
    "AdjointTest",
    "AlignmentTable",
    "BilinearSteps",
    "Comparison",
    "Coverage",
    "FlightSimulator",
    "Graph",
    "Laboratory",
    "NetworkFigure",
    "Predictions",
    "ReceptiveField",
    "Step",
    "Stepper",
    "TransposedSize",
    "adjoint_test",
    "alignment_table",
    "bilinear_steps",
    "by_gather",
    "by_matrix",
    "by_stamps",
    "by_zero_insertion",
    "compare_implementations",
    "conv_matrix",
    "conv_steps",
    "coverage",
    "cross_entropy_steps",
    "diagnose",
    "diagnose_classes",
    "diagnose_network",
    "draw_numbers",
    "draw_receptive_fields",
    "figure3",
    "graph",
    "hat",
    "im2col_matrix",
    "im2col_steps",
    "max_pool_steps",
    "partition_of_unity",
    "pixel_names",
    "receptive_fields",
    "shared_output",
    "show_matrix",
    "solve_sizes",
    "transposed_conv_steps",
]
