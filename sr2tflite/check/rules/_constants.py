"""What rules that compare tensors of two files share."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Finding
from sr2tflite.check.rules import Checked, Rule
from sr2tflite.export.match import core_shape
from sr2tflite.graph import Node, Tensor, ops

BIAS = 2
"""Its place among a convolution's inputs."""


@dataclass(frozen=True)
class Pair:
    """A tensor of the file and the one that it should be."""

    node: Node
    """Of the file, that reads or writes the tensor."""

    found: Tensor
    wanted: Tensor
    is_bias: bool


def pairs(case: Case) -> Iterator[Pair]:
    """Every tensor whose place in both files is known, once, in execution order: first what an op reads."""
    pairing, seen = case.pairing, set()
    for node, other in pairing.matched():
        names = zip((*node.inputs, node.output), (*other.inputs, other.output), strict=True)
        for position, (name, found) in enumerate(names):
            is_bias = isinstance(node.op, ops.Conv2D | ops.DepthwiseConv2D) and position == BIAS
            if found not in seen:
                seen.add(found)
                yield Pair(other, case.graph.tensors[found], pairing.expected.tensors[name], is_bias)


def compare_values(rule: Rule, case: Case, what: str, *, biases: bool) -> Checked:
    """Whether the codes of all constants, the biases or the others, are equal."""
    chosen = [pair for pair in pairs(case) if pair.wanted.is_constant and pair.is_bias == biases]
    findings = [found for pair in chosen if (found := _difference(rule, case, pair))]
    values = sum(pair.wanted.data.size for pair in chosen if pair.wanted.data is not None)
    return Checked(f"{len(chosen) - len(findings)}/{len(chosen)} {what} equal, {values:,} values", tuple(findings))


def _difference(rule: Rule, case: Case, pair: Pair) -> Finding | None:
    found, wanted = pair.found.data, pair.wanted.data
    place = case.place(pair.node, pair.found.name)
    assert wanted is not None
    if found is None or core_shape(found.shape) != core_shape(wanted.shape) or found.dtype != wanted.dtype:
        said = "no constant" if found is None else f"{found.dtype} {found.shape}"
        return rule.finding(place, said, f"{wanted.dtype} {wanted.shape}")
    found = found.reshape(wanted.shape)
    differs = np.argwhere(found != wanted)
    if not len(differs):
        return None
    first = tuple(int(one) for one in differs[0])
    share = f"{len(differs):,} of {wanted.size:,} values differ, first at {list(first)}"
    return rule.finding(place, f"{share}: {found[first]}", f"{wanted[first]}", hint=again(case))


def again(case: Case) -> str:
    """What to do about a file that holds other integers."""
    return f"it was changed, or made from another model; make it again: {case.remake}"
