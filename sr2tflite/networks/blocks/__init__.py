"""Blocks: plain modules with as many branches as training wants; fusing finds out by itself that they are one conv."""
