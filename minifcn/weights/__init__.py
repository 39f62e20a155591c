"""Weights of networks in the files that are in use: how each is read, and written."""
