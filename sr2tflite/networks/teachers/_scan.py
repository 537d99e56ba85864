"""The selective scan: a linear recurrence over a sequence, in two levels so that few steps follow one another."""

import math
from importlib.util import find_spec

import torch
from torch import Tensor

LARGEST_STATE = 2**24
"""Numbers of state held at once, 64 MiB in float32; channels are worked on in groups so that they fit."""


def selective_scan(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """``h_t = exp(Δ_t·A) ⊙ h_{t−1} + Δ_t·u_t·B_t`` and ``y_t = C_t·h_t + D·u_t``, from ``h_0 = 0``.

    The sequence is cut into about √L chunks of √L steps. All chunks go through their steps at once; what each leaves
    behind is then handed on from chunk to chunk and added where it has not yet faded. On a GPU where ``mamba_ssm`` is
    installed its fused kernel runs instead. Not differentiable: teachers are not trained here.

    References:
        Mamba: Linear-Time Sequence Modeling with Selective State Spaces (Gu and Dao, 2023),
        https://arxiv.org/abs/2312.00752, equation 2 and section 3.3.2.

    Args:
        u: N·L·D, the sequence.
        delta: N·L·D, step sizes, positive.
        a: D·S, negative.
        b: N·L·S.
        c: N·L·S.
        d: D.

    Returns:
        N·L·D.
    """
    if u.is_cuda and find_spec("mamba_ssm"):
        return _fused(u, delta, a, b, c, d)
    images, length, channels = u.shape
    steps = max(1, math.isqrt(length))
    width = max(1, LARGEST_STATE // (images * length * a.shape[1]))
    gates = (_in_chunks(b, steps), _in_chunks(c, steps))
    parts = []
    for start in range(0, channels, width):
        part = slice(start, start + width)
        state = _scan(
            _in_chunks(u[..., part], steps), _in_chunks(delta[..., part], steps), a[part].T.contiguous(), *gates
        )
        parts.append(state.permute(1, 2, 0, 3).reshape(images, -1, state.shape[-1])[:, :length])
    return torch.cat(parts, dim=-1) + d * u


def _in_chunks(x: Tensor, steps: int) -> Tensor:
    """N·L·C as steps·N·chunks·C; zeros at the end neither decay nor feed the state."""
    images, length, channels = x.shape
    chunks = -(-length // steps)
    padded = torch.nn.functional.pad(x, (0, 0, 0, chunks * steps - length))
    return padded.view(images, chunks, steps, channels).permute(2, 0, 1, 3).contiguous()


def _scan(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """``C·h`` of all steps; a is S·D, everything else steps·N·chunks·(D or S)."""
    state = b.unsqueeze(-1) * (delta * u).unsqueeze(-2)
    for step in range(1, len(state)):
        state[step].addcmul_(torch.exp(delta[step].unsqueeze(-2) * a), state[step - 1])
    elapsed = delta.cumsum(0)
    before = _handed_on(state[-1], torch.exp(elapsed[-1].unsqueeze(-2) * a))
    for step in range(len(state)):
        state[step].addcmul_(torch.exp(elapsed[step].unsqueeze(-2) * a), before)
    return torch.matmul(c.unsqueeze(-2), state).squeeze(-2)


def _handed_on(left: Tensor, decay: Tensor) -> Tensor:
    """The state in which every chunk starts, N·chunks·S·D, from what each leaves and how much decays in it."""
    before = torch.zeros_like(left)
    for chunk in range(1, left.shape[1]):
        before[:, chunk] = left[:, chunk - 1] + decay[:, chunk - 1] * before[:, chunk - 1]
    return before


def _fused(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn  # type: ignore[import-not-found]

    turned = [x.transpose(1, 2).contiguous() for x in (u, delta, b, c)]
    y: Tensor = selective_scan_fn(turned[0], turned[1], a.contiguous(), turned[2], turned[3], d)
    return y.transpose(1, 2)
