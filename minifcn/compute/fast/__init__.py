"""The workshop: the same results as the textbook's, on all cores and in less memory, behind `compute.algorithm`."""
