"""Rewrites of the deploy graph: one file, one pass; each takes a graph and returns another."""
