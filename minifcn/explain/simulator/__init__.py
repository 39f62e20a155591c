"""The flight simulator: one image through a trained FCN-8s, with its crops to be dragged, computed in the browser."""

from minifcn.explain.simulator.simulator import FlightSimulator

__all__ = ["FlightSimulator"]
