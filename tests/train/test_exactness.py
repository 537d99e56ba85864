"""Exact integers on a device; here the device is the CPU, and what it would do wrong is put in by hand."""

import pytest
import torch
from kit.graphs import float_sr_graph
from torch import Tensor, nn

from sr2tflite.errors import VerificationError
from sr2tflite.quant.limits import Range
from sr2tflite.quant.plan import plan_quantization
from sr2tflite.quant.view import QuantizedView
from sr2tflite.train.exactness import exact_arithmetic, prove_exact
from sr2tflite.train.parts import part_of


def quantized() -> QuantizedView:
    plan = plan_quantization(float_sr_graph())
    return QuantizedView(plan, {i: Range(-300.0, 300.0) for i, group in enumerate(plan.groups) if not group.fixed})


class Rough(nn.Module):
    """Another one each time, as no exact arithmetic is."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight + torch.rand(x.shape).round()


def test_a_quantized_view_equals_its_copy() -> None:
    prove_exact(quantized(), torch.randint(0, 256, (1, 3, 8, 8)).float())


def test_a_forward_that_is_not_the_cpus_is_refused() -> None:
    with pytest.raises(VerificationError, match=r"of 192 values on cpu are not the CPU's"):
        prove_exact(Rough(), torch.zeros(1, 3, 8, 8))


def test_exact_arithmetic_leaves_out_tf32_and_cudnn_and_gives_them_back() -> None:
    def flags() -> tuple[bool, bool, bool]:
        return (
            torch.backends.cuda.matmul.allow_tf32,
            torch.backends.cudnn.allow_tf32,
            torch.backends.cudnn.enabled,
        )

    before = flags()
    torch.backends.cuda.matmul.allow_tf32 = True
    with exact_arithmetic():
        assert flags() == (False, False, False)
    assert flags() == (True, *before[1:])
    torch.backends.cuda.matmul.allow_tf32 = before[0]


def test_the_parts_of_a_batch_are_the_batch() -> None:
    from sr2tflite.data.patches import Batch

    batch = Batch(torch.randn(6, 3, 4, 4), torch.randn(6, 3, 12, 12), 5)
    parts = [part_of(batch, number, 3, torch.device("cpu")) for number in range(3)]
    assert torch.equal(torch.cat([part.lr for part in parts]), batch.lr)
    assert torch.equal(torch.cat([part.hr for part in parts]), batch.hr)
    assert {(part.step, part.taught) for part in parts} == {(5, None)}
