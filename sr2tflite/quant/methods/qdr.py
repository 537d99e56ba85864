"""QDR: what the encoder hands to the decoder is held to the float network's, with a weight that balances gradients."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from sr2tflite.quant.bottleneck import decoder_entry
from sr2tflite.quant.functions import real
from sr2tflite.quant.methods import METHODS, Gradients, Method, Mixed
from sr2tflite.quant.view import QuantizedView
from sr2tflite.torch_view import FloatView

WHITE = 255.0
DECAY = 0.9
"""Of the moving averages of the gradients' norms."""

SMALLEST_NORM = 1e-12


class Bottleneck(nn.Module):
    """``mean |z_S − z_T|``: z_S what the decoder's first convolution reads in the view, z_T the float graph's there.

    Args:
        view: A hook notes what that convolution reads.

    Raises:
        UnsupportedError: There is no bottleneck.
    """

    def __init__(self, view: QuantizedView) -> None:
        super().__init__()
        entry = decoder_entry(view.plan.graph)
        self.tensor = entry.inputs[0]
        self._float = (FloatView(view.plan.graph),)  # in a tuple: no state of the view
        self._read: Tensor | None = None
        self._wanted: Tensor | None = None
        view.layer(entry.output).register_forward_pre_hook(self._note)

    def _note(self, _layer: nn.Module, arguments: tuple[Any, ...]) -> None:
        codes, scale = arguments[:2]
        if torch.is_grad_enabled():
            self._read = real(codes, scale)

    def see(self, lr: Tensor) -> None:
        """Ask the float graph about a batch, N·3·H·W in pixels, before the view computes it."""
        with torch.no_grad():
            self._wanted = self._float[0].to(lr.device).activations(lr)[self.tensor]

    def distance(self) -> Tensor:
        """Of the batch that has just been computed, over every element; a scalar in pixel units."""
        read, wanted = self._read, self._wanted
        assert read is not None
        assert wanted is not None
        self._read = self._wanted = None
        return (read - wanted).abs().mean()


class Balance(nn.Module):
    """Two weights ``w = 2·softmax(a)`` that draw two norms of gradients together.

    ``a`` descends ``Σ_i |ln(w_i·g_i) − mean_j ln(w_j·g_j)|`` at a fixed rate, g a moving average of the norms. For two
    terms that is ``|a_r − a_d + ln(g_r/g_d)|``, whose gradient is the sign of what is inside: with a step that never
    goes past zero, balance is kept once it is reached. Both are buffers, so that a resumed training has them.
    """

    logits: Tensor
    norms: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("logits", torch.zeros(2))
        self.register_buffer("norms", torch.zeros(2))

    def weights(self) -> Tensor:
        """Of the reconstruction and of the distillation; their sum is 2."""
        return 2 * self.logits.softmax(0)

    def see(self, norms: Tensor, rate: float) -> None:
        """Take in the norms of a step, and move a by at most the rate, each in its direction."""
        is_first = not bool(self.norms.any())
        self.norms.copy_(norms if is_first else DECAY * self.norms + (1 - DECAY) * norms)
        apart = (self.logits + self.norms.clamp(min=SMALLEST_NORM).log()).diff()
        step = (apart / 2).clamp(-rate, rate)
        self.logits += torch.cat([step, -step])


class Uncertainty(nn.Module):
    """``Σ_i ½·e^{−s_i}·L_i + ½·s_i``, s learned with the weights."""

    def __init__(self) -> None:
        super().__init__()
        self.log_variances = nn.Parameter(torch.zeros(2))


@METHODS.register("qdr")
class Qdr(Method):
    """Decoder-free distillation from the float network itself, and learnable magnitude reweighting.

    The paper's, as its abstract has it: the teacher is the same network in float; the distillation corrects what
    quantization does strictly at the bottleneck, no gradient of it reaches the decoder; and a learnable reweighting of
    magnitudes balances its gradient with that of the reconstruction, which is what ``losses`` are. All formulas are our
    reading: ``L_DFD = mean |z_S − z_T| / 255`` of dequantized z_S; ``θ`` descends ``Σ w_i·L_i`` with the weights of
    :class:`Balance`, whose norms are of the parameters that both terms reach. The bottleneck is what the decoder's
    first convolution reads, in a network without a decoder the features that its last convolution before the
    enlargement reads.

    References:
        Decoder-Free Distillation for Quantized Image Restoration (Sharif et al., 2026),
        https://arxiv.org/abs/2603.09624, abstract; the rule of ``gradnorm`` after GradNorm (Chen et al., 2018),
        https://arxiv.org/abs/1711.02257, with norms made equal instead of rates of training; ``uncertainty`` is
        equation 7 of Kendall et al. (2018), https://arxiv.org/abs/1705.07115.
    """

    apart: ClassVar[str | None] = "distillation"

    distillation: float = Field(default=1.0, gt=0)
    """What ``L_DFD`` counts before any reweighting."""

    lmr: Literal["gradnorm", "uncertainty", False] = "gradnorm"
    """How the two are weighed: ``gradnorm`` makes their gradients equally large, ``uncertainty`` learns a variance of
    each, false adds them up as they are."""

    rate: float = Field(default=0.025, gt=0)
    """Of ``gradnorm``: the most that a changes in a step."""

    uncertainty_rate: float = Field(default=100.0, gt=0)
    """Learning rate of the variances' logarithms, relative to that of the weights."""

    def install(self, view: QuantizedView) -> None:
        """The view also notes its bottleneck."""
        view.brought["bottleneck"] = Bottleneck(view)
        if self.lmr == "gradnorm":
            view.brought["balance"] = Balance()
        elif self.lmr == "uncertainty":
            view.brought["uncertainty"] = Uncertainty()

    def groups(self, view: QuantizedView) -> list[dict[str, Any]]:
        """The variances' logarithms, where they are learned."""
        if self.lmr != "uncertainty":
            return []
        return [{"params": list(view.brought["uncertainty"].parameters()), "lr": self.uncertainty_rate}]

    def before_step(self, view: QuantizedView, lr: Tensor, progress: float) -> None:  # noqa: ARG002  # the interface
        """Ask the float network about the batch."""
        cast(Bottleneck, view.brought["bottleneck"]).see(lr)

    def objective(self, view: QuantizedView, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The losses and ``L_DFD``, of uncertainty each over its variance."""
        term = cast(Bottleneck, view.brought["bottleneck"]).distance() * (self.distillation / WHITE)
        if self.lmr != "uncertainty":
            return {**losses, "distillation": term}
        s = cast(Uncertainty, view.brought["uncertainty"]).log_variances
        weights = 0.5 * (-s).exp()
        weighed = {name: loss * weights[0] for name, loss in losses.items()}
        return {**weighed, "distillation": term * weights[1], "variances": 0.5 * s.sum()}

    def mixed(self, view: QuantizedView, losses: Gradients, term: Gradients) -> Mixed:
        """``w_r·g_r + w_d·g_d``; the log holds the weights, and the norms they are for."""
        if self.lmr != "gradnorm":
            return [_sum(r, d, (1.0, 1.0)) for r, d in zip(losses, term, strict=True)], {}
        balance = cast(Balance, view.brought["balance"])
        norms = shared_norms(losses, term)
        balance.see(norms, self.rate)
        w_r, w_d = balance.weights().tolist()
        notes = {"weight_losses": w_r, "weight_distillation": w_d}
        notes |= {"norm_losses": float(norms[0]), "norm_distillation": float(norms[1])}
        return [_sum(r, d, (w_r, w_d)) for r, d in zip(losses, term, strict=True)], notes


def shared_norms(losses: Gradients, term: Gradients) -> Tensor:
    """``‖∇_{θ_enc} L_i‖`` of both, θ_enc every single weight that the second's gradient moves."""
    pairs = [(r[d != 0], d[d != 0]) for r, d in zip(losses, term, strict=True) if r is not None and d is not None]
    return torch.stack([torch.cat([pair[side] for pair in pairs]).norm() for side in (0, 1)])


def _sum(r: Tensor | None, d: Tensor | None, weights: tuple[float, float]) -> Tensor | None:
    parts = [one * weight for one, weight in zip((r, d), weights, strict=True) if one is not None]
    return sum(parts[1:], parts[0]) if parts else None
