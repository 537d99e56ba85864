"""Laws over random regions: whatever they are made of, the graph equals them and costs no more."""

import hypothesis.strategies as st
import torch
from hypothesis import given, settings
from kit.blocks import Sum, conv_norm, with_random_statistics
from torch import Tensor, nn

from sr2tflite.fuse import fuse_module
from sr2tflite.fuse.capture import capture
from sr2tflite.fuse.collapse import Collapsed, collapse
from sr2tflite.fuse.origin import op_name, source_line
from sr2tflite.fuse.regions import Regions

C = 4


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.randn(1, C, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


LEAVES = {
    "identity": nn.Identity,
    "1×1": lambda: nn.Conv2d(C, C, 1),
    "1×1 without bias": lambda: nn.Conv2d(C, C, 1, bias=False),
    "3×3": lambda: nn.Conv2d(C, C, 3, padding=1),
    "3×3 without bias": lambda: nn.Conv2d(C, C, 3, padding=1, bias=False),
    "1×3, 5×1": lambda: nn.Sequential(
        nn.Conv2d(C, C, (1, 3), padding=(0, 1)), nn.Conv2d(C, C, (5, 1), padding=(2, 0), bias=False)
    ),
    "3×3, norm": lambda: conv_norm(C, C, 3),
    "norm": lambda: nn.BatchNorm2d(C),
    "scale": Scaled,
    "depthwise": lambda: nn.Conv2d(C, C, 3, padding=1, groups=C),
}

Shape = str | list["Shape"] | tuple["Shape", ...]
SHAPES = st.recursive(
    st.sampled_from(sorted(LEAVES)),
    lambda part: st.lists(part, min_size=2, max_size=3) | st.tuples(part, part) | st.tuples(part, part, part),
    max_leaves=5,
)
"""A leaf's name, a list of parallel branches, or a tuple of parts one after the other."""


def region(shape: Shape) -> nn.Module:
    if isinstance(shape, str):
        return LEAVES[shape]()
    if isinstance(shape, list):
        return Sum(*map(region, shape), relu=False)
    return nn.Sequential(*map(region, shape))


def macs(module: nn.Module) -> int:
    return sum(part.weight.numel() for part in module.modules() if isinstance(part, nn.Conv2d))


@settings(max_examples=25, derandomize=True)
@given(shape=SHAPES)
def test_any_affine_region_is_fused_exactly_and_never_costs_more(shape: Shape) -> None:
    torch.manual_seed(0)
    module = with_random_statistics(nn.Sequential(region(shape), nn.ReLU()))
    fused = fuse_module(module, channels=C, source="net")
    graph = fused.graph
    cost = sum(t.data.size for name, t in graph.tensors.items() if name.endswith(".weight") and t.data is not None)
    assert cost <= macs(module)
    assert all(entry.macs_after <= entry.macs_before for entry in fused.certificate.collapsed)


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        first = self.a(x)
        return self.b(first).relu() + self.c(first * 2)


def test_a_region_ends_where_something_else_reads_what_it_computes() -> None:
    captured = capture(Two().double().eval(), 3, (9, 11))
    regions = Regions(captured)
    last = {op_name(node): node for node in captured.nodes}
    assert [[op_name(n) for n in region.nodes] for region in regions.ending_at(last["conv2d"])] == [
        ["mul", "conv2d"],
        ["conv2d"],
    ]
    assert next(region.entry.name for region in regions.ending_at(last["conv2d"])) == "conv2d"
    assert regions.ending_at(last["add"]) == []


def test_a_region_knows_its_name_its_cost_and_its_source_line() -> None:
    module = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 4, 1)).double().eval()
    captured = capture(module, 3, (9, 11))
    whole, last = Regions(captured).ending_at(captured.output)
    assert (whole.macs, last.macs) == (3 * 8 * 9 + 8 * 4, 8 * 4)
    assert last.name == "1"
    found = collapse(captured, whole)
    assert isinstance(found, Collapsed)
    assert found.kernel.weight.shape == (4, 3, 3, 3)
    assert str(source_line(whole.exit)).split(":")[0].endswith(".py")
