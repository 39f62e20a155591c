"""Benchmarks: what is timed, the race that times it, and the tables that come out."""
