"""Residual blocks are found where an addition takes what was made of its other operand."""

import pytest
from kit.fusing import fused
from kit.students import randomized

from sr2tflite.graph import Graph
from sr2tflite.graph.residual import blocks, residuals
from sr2tflite.networks.students import STUDENTS


def _graph(name: str, **settings: int) -> Graph:
    student = STUDENTS.parse({"name": name, "scale": 2, "channels": 8, **settings})[1]
    return fused(randomized(student)).graph


@pytest.mark.parametrize(("name", "over_all"), [("edsr_baseline", 1), ("srresnet", 0)])
def test_every_block_of_a_residual_network_is_found_and_the_skip_over_all_of_them(name: str, over_all: int) -> None:
    graph = _graph(name, depth=3)
    assert len(blocks(graph)) == 3
    assert len(residuals(graph)) == 3 + over_all
    for block in blocks(graph):
        assert [node.op.kind for node in block.branch].count("CONV_2D") == 2
        assert block.skip in block.branch[0].inputs
        assert {block.skip, block.branch[-1].output} == set(block.add.inputs)


def test_one_skip_over_a_plain_trunk_is_its_only_block() -> None:
    (block,) = blocks(_graph("aio_mai", depth=3))
    assert {node.op.kind for node in block.branch} == {"CONV_2D"}


def test_two_branches_of_equal_right_are_no_residual() -> None:
    assert residuals(_graph("anchor_rep", depth=2)) == []
