"""Gradients of ops without weights are those of an autograd chain whose rounding passes them straight through."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sr2tflite.graph import Node, Op, ops
from sr2tflite.numerics.elementwise import mul_multiplier, subtract_params
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.quant.bounds import within
from sr2tflite.quant.functions import add
from sr2tflite.quant.products import mul
from sr2tflite.quant.specs import AddSpec, MulSpec, OutputGrid
from sr2tflite.quant.tables import Constant, TableSpec, answers, look_up

S_Y, S_C = 0.7531, 0.0078
S_X = S_Y * 170 / 256
"""XNNPACK holds this ratio, and half of it, exactly."""


X = QuantParams((S_X,), (-20,))
GRIDS = {
    "affine": (-100, OutputGrid(S_Y, -28.0, 227.0, rectified=False)),
    "relu": (-128, OutputGrid(S_Y, 0.0, 255.0, rectified=True)),
    "relu of a signed range": (-100, OutputGrid(S_Y, 0.0, 227.0, rectified=True)),
    "narrow": (60, OutputGrid(S_Y, -188.0, 67.0, rectified=False)),
}
CHANNELS = 5


def surrogate(t: Tensor, bounds: Tensor, grid: OutputGrid, codes: Tensor) -> Tensor:
    """The output with rounding as it was found to be, held constant; saturation decided before rounding."""
    low, high = bounds
    step = (high - low) / 255
    fraction = (t - low) / step
    found = codes.double() - round(float((low / step).detach()))
    ratio = (t / S_Y).detach()
    inside = (ratio > grid.low) & (ratio < grid.high)
    floor = torch.zeros_like(low) if grid.rectified else low
    return torch.where(
        inside, ((found - fraction).detach() + fraction) * step + low, torch.where(ratio > 0, high, floor)
    )


def ends(zero_point: int) -> Tensor:
    return torch.tensor([S_Y * (-128 - zero_point), S_Y * (127 - zero_point)], dtype=torch.float64, requires_grad=True)


def compare(got: tuple[Tensor | None, ...], want: tuple[Tensor, ...], *, skip_low: bool) -> None:
    for mine, reference in zip(got[:-1], want[:-1], strict=True):
        torch.testing.assert_close(mine.double(), reference, rtol=1e-5, atol=1e-3)
    first = 1 if skip_low else 0
    torch.testing.assert_close(got[-1].double()[first:], want[-1][first:], rtol=1e-4, atol=1e-2)


def constant(first: bool = False) -> Constant:
    codes = np.array([-127, -40, 3, 60, 127], np.int8).reshape(1, 1, CHANNELS)
    return Constant(codes, QuantParams((S_C,), (0,)), first)


def large(first: bool = False) -> Constant:
    return Constant(constant().codes, QuantParams((0.25,), (7,)), first)


def value(constant: Constant) -> Tensor:
    return torch.from_numpy(constant.scale * constant.centered).reshape(1, -1, 1, 1)


TABLES: dict[str, tuple[Op, Constant | None]] = {
    "leaky relu": (ops.LeakyRelu(0.5), None),
    "leaky relu of a builtin kernel": (ops.LeakyRelu(0.001), None),
    "prelu": (ops.PRelu(), constant()),
    "added": (ops.Add(), large()),
    "subtracted": (ops.Sub(), large()),
    "subtracted from": (ops.Sub(), large(first=True)),
    "multiplied": (ops.Mul(), Constant(constant().codes, QuantParams((0.03,), (5,)))),
}


def chained(op: Op, x: Tensor, c: Constant | None, slope: Tensor | None) -> Tensor:
    match op:
        case ops.LeakyRelu(alpha=alpha):
            return F.leaky_relu(x, alpha)
        case ops.PRelu():
            return F.prelu(x, slope)
        case ops.Add():
            return x + value(c)
        case ops.Sub():
            return value(c) - x if c.comes_first else x - value(c)
    return x * value(c)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("name", TABLES)
def test_gradients_of_looked_up_ops_equal_the_chain(name: str, grid: str) -> None:
    (op, c), (zero_point, out) = TABLES[name], GRIDS[grid]
    x = torch.randint(-108, 148, (2, CHANNELS, 9, 7)).float().requires_grad_()
    slope = value(c).flatten().requires_grad_() if op.kind == "PRELU" else None
    bounds, upstream = ends(zero_point), torch.randn(x.shape, dtype=torch.float64)
    spec = TableSpec(answers(Node(op, ("x",), ("y",)), X, S_Y, c), X.zero_point[0], out)

    codes = look_up(x, None if slope is None else slope, bounds, spec)
    inputs = (x, bounds) if slope is None else (x, slope, bounds)
    got = torch.autograd.grad(codes, inputs, upstream.float())
    real = (x.detach().double() * S_X).requires_grad_()
    output = surrogate(chained(op, real, c, slope), bounds, out, codes.detach())
    want = torch.autograd.grad(output, (real, *inputs[1:]), upstream)
    torch.testing.assert_close(codes.double() * S_Y, output, rtol=0, atol=1e-4)
    compare(got, want, skip_low=out.rectified and zero_point == -128)


def test_the_gradient_of_a_gate_is_the_slope_of_the_sigmoid() -> None:
    x = torch.arange(-128, 128).reshape(1, 1, 16, 16).float().requires_grad_()
    grid = OutputGrid(1 / 256, 0.0, 255.0, rectified=False)
    params = QuantParams((0.03,), (0,))
    codes = look_up(
        x, None, None, TableSpec(answers(Node(ops.Logistic(), ("x",), ("y",)), params, 1 / 256, None), 0, grid)
    )
    (got,) = torch.autograd.grad(codes, x, torch.ones_like(codes))
    gate = torch.sigmoid(0.03 * x.detach())
    torch.testing.assert_close(codes / 256, gate, rtol=0, atol=0.6 / 256)
    torch.testing.assert_close(got, torch.where(gate < 255 / 256, gate * (1 - gate), 0.0))


@pytest.mark.parametrize("shape", [(2, CHANNELS, 9, 7), (2, 1, 9, 7)], ids=["equal", "broadcast"])
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("op", ["sub", "mul"])
def test_gradients_of_two_activations_equal_the_chain(op: str, grid: str, shape: tuple[int, ...]) -> None:
    zero_point, out = GRIDS[grid]
    a = torch.randint(-100, 148, (2, CHANNELS, 9, 7)).float().requires_grad_()
    b = torch.randint(-100, 148, shape).float().requires_grad_()
    s_b = 0.0313 if op == "mul" else 0.2511
    bounds, upstream = ends(zero_point), torch.randn(a.shape, dtype=torch.float64)
    if op == "mul":
        codes = mul(a, b, bounds, MulSpec(float(mul_multiplier(S_X, s_b, S_Y)), S_X, s_b, out))
    else:
        c = subtract_params(S_X, s_b, S_Y)
        codes = add(a, b, bounds, AddSpec(c.multiplier_a, c.multiplier_b, c.shift, S_X, -s_b, out))
    got = torch.autograd.grad(codes, (a, b, bounds), upstream.float())
    real_a, real_b = ((t.detach().double() * s).requires_grad_() for t, s in ((a, S_X), (b, s_b)))
    t = real_a * real_b if op == "mul" else real_a - real_b
    output = surrogate(t, bounds, out, codes.detach())
    want = torch.autograd.grad(output, (real_a, real_b, bounds), upstream)
    torch.testing.assert_close(codes.double() * S_Y, output, rtol=0, atol=1e-4)
    compare(got, want, skip_low=out.rectified and zero_point == -128)


def test_an_end_at_its_bound_goes_back_and_not_further() -> None:
    limit = torch.tensor([6.0])
    for end, pull, passes in (
        (5.0, -1.0, True),
        (6.0, -1.0, False),
        (6.0, 1.0, True),
        (7.0, -1.0, False),
        (7.0, 1.0, True),
    ):
        leaf = torch.tensor([end], requires_grad=True)
        bounded = within(leaf, -limit, limit)
        assert bounded.item() == min(end, 6.0)
        bounded.backward(torch.tensor([pull]))
        assert float(leaf.grad) == (pull if passes else 0.0)
    leaf = torch.tensor([-8.0], requires_grad=True)
    within(leaf, -limit, limit).backward(torch.tensor([1.0]))
    assert float(leaf.grad) == 0
