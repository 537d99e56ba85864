"""The attentive state-space part: pixels are sorted by the token that they are sent to, then scanned once."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from sr2tflite.networks.teachers._feed_forward import as_image, as_sequence
from sr2tflite.networks.teachers._routing import Pick
from sr2tflite.networks.teachers._scan import selective_scan


class SelectiveScan(nn.Module):
    """A scan whose step sizes, inputs and outputs depend on the sequence; a prompt is added to what reads the state."""

    def __init__(self, channels: int, states: int) -> None:
        super().__init__()
        self.rank = math.ceil(channels / 16)
        self.states = states
        self.x_proj_weight = nn.Parameter(torch.zeros(1, self.rank + 2 * states, channels))
        self.dt_projs_weight = nn.Parameter(torch.zeros(1, channels, self.rank))
        self.dt_projs_bias = nn.Parameter(torch.zeros(1, channels))
        self.A_logs = nn.Parameter(torch.zeros(channels, states))
        self.Ds = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor, prompt: Tensor) -> Tensor:
        """N·L·C and a prompt N·L·states to N·L·C; the state is float32 whatever the input is."""
        parts = [self.rank, self.states, self.states]
        steps, taken, read = torch.split(x @ self.x_proj_weight[0].T, parts, dim=-1)
        delta = softplus(steps @ self.dt_projs_weight[0].T + self.dt_projs_bias)
        decay = -self.A_logs.exp()
        y = selective_scan(x.float(), delta.float(), decay, taken.float(), (read + prompt).float(), self.Ds)
        return y.to(x.dtype)


class AttentiveStateSpace(nn.Module):
    """ASSM: every pixel picks one of ``tokens`` tokens; pixels of a token become neighbors in the scan.

    References:
        MambaIRv2: Attentive State Space Restoration (Guo et al., 2024), https://arxiv.org/abs/2411.15269,
        sections 3.2 and 3.3.
    """

    def __init__(self, channels: int, hidden: int, states: int, tokens: int, rank: int) -> None:
        super().__init__()
        self.in_proj = nn.Sequential(nn.Conv2d(channels, hidden, 1))
        self.CPE = nn.Sequential(nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden))
        self.selectiveScan = SelectiveScan(hidden, states)
        self.out_norm = nn.LayerNorm(hidden)
        self.out_proj = nn.Linear(hidden, channels)
        self.embeddingB = nn.Embedding(tokens, rank)
        third = channels // 3
        self.route = nn.Sequential(nn.Linear(channels, third), nn.GELU(), nn.Linear(third, tokens), nn.LogSoftmax(-1))

    def forward(self, x: Tensor, size: tuple[int, int], states: Tensor, pick: Pick) -> Tensor:
        """N·L·C to N·L·C.

        Args:
            x: The image as a sequence.
            size: Its height and width.
            states: rank × states, shared by the layers of a group; with it, tokens become prompts.
            pick: How a token is chosen.
        """
        token = pick(self.route(x))
        prompt = (self.embeddingB.weight @ states)[token]
        order = token.argsort(dim=-1)  # among equals as PyTorch likes, as the authors have it: worth 0.01 dB on Set5
        wide = self.in_proj(as_image(x, size))
        y = self.selectiveScan(_taken(as_sequence(wide * self.CPE(wide).sigmoid()), order), prompt)
        return _taken(self.out_proj(self.out_norm(y)), order.argsort(-1))


def _taken(x: Tensor, order: Tensor) -> Tensor:
    """The pixels of N·L·C in another order."""
    return x.gather(1, order.unsqueeze(-1).expand_as(x))
