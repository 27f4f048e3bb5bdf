"""Policies as one list of operations on rows, which needs no simulator, no data and no JAX."""
