"""All verbs: each parses its words, calls one command and shows the result; heavy imports happen inside."""

from sr2tflite.cli import benching, checking, judging, looking, making, outside, recipes, using
from sr2tflite.cli.group import group

__all__ = ["benching", "checking", "group", "judging", "looking", "making", "outside", "recipes", "using"]
