"""All verbs: each parses its words, calls one command and shows the result; heavy imports happen inside."""

from sr2tflite.cli import benching, checking, gating, judging, looking, making, outside, recipes, shells, using
from sr2tflite.cli.group import group

__all__ = [
    "benching",
    "checking",
    "gating",
    "group",
    "judging",
    "looking",
    "making",
    "outside",
    "recipes",
    "shells",
    "using",
]
