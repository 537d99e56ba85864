"""Networks that nobody here wrote fuse to the graph that their papers deploy, exact to 1e-9 in float64."""

from collections.abc import Callable

import pytest
from kit import networks
from kit.blocks import with_random_statistics
from kit.fusing import fused
from torch import nn

NETWORKS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "XLSR": (networks.Xlsr, "CONV_2D×7 CONCATENATION RELU_0_TO_1 DEPTH_TO_SPACE"),
    "ETDS": (networks.Etds, "CONV_2D×4 DEPTH_TO_SPACE"),
    "QuickSRNet": (networks.QuickSrNet, "CONV_2D×3 RELU_0_TO_1×2 ADD DEPTH_TO_SPACE"),
    "SRVGG": (networks.SrVgg, "CONV_2D×4 PRELU×2 ADD DEPTH_TO_SPACE"),
    "SRVGG ×3": (lambda: networks.SrVgg(3), "CONV_2D×4 PRELU×2 ADD DEPTH_TO_SPACE"),
    "FSRCNN": (networks.FsrCnn, "CONV_2D×5 PRELU×4 DEPTH_TO_SPACE"),
    "FSRCNN ×4": (lambda: networks.FsrCnn(4), "CONV_2D×5 PRELU×4 DEPTH_TO_SPACE"),
    "SESR": (networks.Sesr, "CONV_2D×5 ADD×2 DEPTH_TO_SPACE RELU_0_TO_1"),
    "LRSRN": (networks.LrSrn, "CONV_2D×5 ADD DEPTH_TO_SPACE"),
    "SRResNet": (
        lambda: with_random_statistics(networks.SrResNet()),
        "CONV_2D×9 PRELU×5 ADD×3 DEPTH_TO_SPACE×2",
    ),
    "ESPCN": (networks.EspCn, "CONV_2D×3 LOGISTIC×3 MUL×2 ADD×2 DEPTH_TO_SPACE"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_published_network_has_its_deploy_graph(name: str) -> None:
    make, summary = NETWORKS[name]
    result = fused(make())
    assert sorted(result.graph.summary().split()) == sorted(summary.split())
    exact = [check for check in result.certificate.checks if check.dtype == "float64"]
    assert all(check.largest_delta <= 1e-9 * check.value_range for check in exact)


def test_parallel_convolutions_with_a_relu_each_are_one_and_a_split_block_is_grouped() -> None:
    graph = fused(networks.Xlsr()).graph
    shapes = [t.shape for name, t in graph.tensors.items() if name.endswith(".weight")]
    assert (32, 3, 3, 3) in shapes
    assert (32, 3, 3, 8) in shapes
