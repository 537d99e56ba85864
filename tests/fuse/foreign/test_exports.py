"""Files that torch.onnx writes, fixed and free, before and after other tools folded their constants."""

import functools
import io
from pathlib import Path

import onnx
import pytest
import torch
import torch.nn.functional as F
from kit.blocks import Network, conv_norm, mobile_one, rep_vgg, sesr, with_random_statistics
from torch import Tensor, nn

from sr2tflite.fuse import fuse_module
from sr2tflite.fuse.foreign import fuse_onnx
from sr2tflite.fuse.foreign.network import Network as Walk
from sr2tflite.fuse.foreign.opening import open_foreign

SIZE = (20, 24)


class ByHand(nn.Module):
    """A pixel shuffle by view and permute, a tiled anchor, a clip; everything computed from the image's shape."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 27, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        y = self.last(F.leaky_relu(self.first(x), 0.1)) + torch.repeat_interleave(x, 9, 1)
        y = y.view(batch, 3, 3, 3, height, width).permute(0, 1, 4, 2, 5, 3).reshape(batch, 3, height * 3, width * 3)
        return y.clamp(0, 1)


class Deconvolution(nn.Module):
    """FSRCNN's tail behind a PReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(conv_norm(3, 8, 3), nn.PReLU(8))
        self.up = nn.ConvTranspose2d(8, 3, 9, stride=3, padding=4, output_padding=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.up(self.body(x))


NETS = {
    "3×3 + 1×1 + norm": lambda: Network(rep_vgg(8), channels=8),
    "MobileOne": lambda: Network(mobile_one(6), channels=6, scale=3),
    "wide blocks with PReLU": lambda: Network(sesr(6), channels=6, skip=False),
    "deconvolution": Deconvolution,
    "by hand": ByHand,
}


@functools.cache
def net(name: str) -> nn.Module:
    torch.manual_seed(0)
    return with_random_statistics(NETS[name]())


@functools.cache
def exported(name: str, dynamo: bool, free: bool, opset: int) -> bytes:
    """As unfused as the exporter leaves it, so that the weights are the module's own."""
    module, x = net(name), torch.zeros(1, 3, *SIZE)
    buffer = io.BytesIO()
    if dynamo:
        pytest.importorskip("onnxscript")
        sizes = {"dynamic_shapes": ({2: "height", 3: "width"},)} if free else {}
        program = torch.onnx.export(
            module, (x,), dynamo=True, opset_version=opset, optimize=False, verbose=False, **sizes
        )
        return program.model_proto.SerializeToString()
    axes = {"dynamic_axes": {"x": {2: "height", 3: "width"}}} if free else {}
    torch.onnx.export(
        module, (x,), buffer, dynamo=False, opset_version=opset, input_names=["x"],
        training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False, **axes,
    )  # fmt: skip
    return buffer.getvalue()


ROADS = {
    "torchscript, fixed, opset 11": (False, False, 11),
    "torchscript, free, opset 17": (False, True, 17),
    "dynamo, fixed, opset 18": (True, False, 18),
    "dynamo, free, opset 21": (True, True, 21),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("name", NETS)
def test_a_file_fuses_to_what_its_module_does(name: str, road: str) -> None:
    data = exported(name, *ROADS[road])
    want = fuse_module(net(name), source="net").graph
    found = fuse_onnx(Path("net.onnx"), data)
    assert found.graph.counts() == want.counts()
    assert {check.against for check in found.certificate.checks} == {"module", "onnxruntime"}
    # the same weights, so the same function: module and file's module in float64
    walked = Walk(open_foreign(Path("net.onnx"), data)).module.double().eval()
    x = torch.rand(1, 3, 9, 13, dtype=torch.float64)
    with torch.no_grad():
        delta = (walked(x) - net(name).double()(x)).abs().max()
    net(name).float()
    assert delta <= 1e-9


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("tool", ["onnxslim", "onnxsim"])
@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("name", [pytest.param("3×3 + 1×1 + norm", marks=pytest.mark.slow), "by hand"])
def test_a_file_that_another_tool_folded_fuses_to_the_same_ops(name: str, road: str, tool: str) -> None:
    folding = pytest.importorskip(tool)
    model = onnx.load_from_string(exported(name, *ROADS[road]))
    folded = folding.slim(model) if tool == "onnxslim" else folding.simplify(model)[0]
    found = fuse_onnx(Path("net.onnx"), folded.SerializeToString())
    assert found.graph.counts() == fuse_module(net(name), source="net").graph.counts()


@pytest.mark.filterwarnings("ignore")
def test_a_file_as_the_exporters_optimize_it_fuses_to_the_same_ops() -> None:
    pytest.importorskip("onnxscript")
    name = "3×3 + 1×1 + norm"
    program = torch.onnx.export(net(name), (torch.zeros(1, 3, *SIZE),), dynamo=True, verbose=False)
    found = fuse_onnx(Path("net.onnx"), program.model_proto.SerializeToString())
    assert found.graph.counts() == fuse_module(net(name), source="net").graph.counts()


@pytest.mark.filterwarnings("ignore")
def test_regions_are_named_after_the_files_scopes() -> None:
    found = fuse_onnx(Path("net.onnx"), exported("3×3 + 1×1 + norm", *ROADS["torchscript, free, opset 17"]))
    assert "blocks.0" in [region.name for region in found.certificate.collapsed]
