"""Rounding weights so that their errors cancel on real images, instead of each to its nearest code."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from sr2tflite.numerics.qparams import WEIGHT_LIMIT
from sr2tflite.progress import Progress, silent
from sr2tflite.quant.ranges import middle

if TYPE_CHECKING:
    from sr2tflite.quant.layers import ConvLayer
    from sr2tflite.quant.view import QuantizedView

DAMPING = 0.01
"""Added to the covariance's diagonal, relative to its mean."""

POSITIONS = 2048
"""Windows looked at per image and layer."""


def round_weights(view: "QuantizedView", images: Sequence[NDArray[np.uint8]], *, progress: Progress = silent) -> None:
    """Put the weights of every convolution on their grid so that ``E[((W − s·q)·(x − E x))²]`` is small.

    One input tap after the other is rounded, and the taps not yet rounded take over its error as far as the covariance
    C of the inputs lets them: with U the upper Cholesky factor of C⁻¹, ``e = (w_j − q_j)/U_jj`` and
    ``w_k ← w_k − e·U_jk`` for k > j. The mean of the error is left to the biases. A weight at the largest code
    stays there, so that the scale that follows from it, the channel's or the layer's, does not move. Depthwise and
    grouped convolutions keep theirs.

    References:
        GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers (Frantar et al., 2022),
        https://arxiv.org/abs/2210.17323, equations 2–3 and section 3.3; here on centered inputs.
    """
    found = covariances(view, images)
    grids = view.grids()
    for done, (name, covariance) in enumerate(found.items(), start=1):
        layer, node = view.layer(name), view.plan.graph.producer(name)
        assert node is not None
        params = layer.weight_params(grids[view.plan.group_of[node.inputs[0]]].scale[0])
        scale = np.asarray(params.scale, np.float64)[:, None]
        with torch.no_grad():
            steps = layer.weight.double().flatten(1).cpu().numpy() / scale
            rounded = torch.from_numpy(rounded_steps(steps, covariance, layer.quantizer.limit) * scale)
            layer.weight.copy_(rounded.reshape(layer.weight.shape))
        progress("rounding weights", done, len(found))


def rounded_steps(
    steps: NDArray[np.float64], covariance: NDArray[np.float64], limit: int = WEIGHT_LIMIT
) -> NDArray[np.float64]:
    """Integers near ``steps`` (channels × taps), up to ±limit, whose error is small where the covariance is large."""
    order = np.argsort(-np.diag(covariance))
    damped = covariance[np.ix_(order, order)]
    damped = damped + (DAMPING * np.mean(np.diag(damped)) + 1e-12) * np.eye(len(order))
    factor = np.linalg.cholesky(np.linalg.inv(damped)).T
    left, result = steps[:, order].copy(), np.zeros_like(steps)
    pinned = np.argmax(np.abs(left), axis=1)
    ends = np.clip(np.rint(left[np.arange(len(left)), pinned]), -limit, limit)
    pinned[np.abs(ends) < limit] = -1  # sets no scale
    for tap in range(len(order)):
        codes = np.clip(np.rint(left[:, tap]), -limit, limit)
        codes = np.where(pinned == tap, ends, codes)
        result[:, order[tap]] = codes
        error = (left[:, tap] - codes) / factor[tap, tap]
        left[:, tap + 1 :] -= error[:, None] * factor[tap, tap + 1 :]
    return result


def covariances(view: "QuantizedView", images: Sequence[NDArray[np.uint8]]) -> dict[str, NDArray[np.float64]]:
    """Per plain convolution the covariance of its input windows, in codes."""
    names = [name for name in view.layer_names() if view.layer(name).groups == 1]
    sums = {name: _zeros(view.layer(name)) for name in names}
    source_of = {node.output: node.inputs[0] for node in view.plan.graph.nodes}
    grids = view.grids()
    with torch.no_grad():
        for image in images:
            pixels = middle(image)
            values = {view.plan.graph.input.name: pixels}
            for node, codes in view.codes(pixels, grids):
                values[node.output] = codes
            for name in names:
                _accumulate(sums[name], _windows(view.layer(name), values[source_of[name]]))
    return {name: (total[:-1, :-1] - np.outer(total[-1, :-1], total[-1, :-1])) for name, total in _means(sums)}


def _zeros(layer: "ConvLayer") -> Tensor:
    taps = layer.weight[0].numel() + 1
    return torch.zeros(taps, taps, dtype=torch.float64)


def _means(sums: dict[str, Tensor]) -> list[tuple[str, NDArray[np.float64]]]:
    return [(name, (total / total[-1, -1]).numpy()) for name, total in sums.items()]


def _windows(layer: "ConvLayer", x: Tensor) -> Tensor:
    """Some input windows of a convolution, positions × taps, in the weights' order."""
    x, padding = layer.padded(x)
    windows = F.unfold(x, layer.weight.shape[2:], layer.op.dilation, padding, layer.op.stride)[0].T
    return windows[:: max(1, len(windows) // POSITIONS)]


def _accumulate(total: Tensor, windows: Tensor) -> None:
    """Add the second moments of the windows and, in the last row, their sums."""
    extended = torch.cat([windows, windows.new_ones(len(windows), 1)], 1)
    total += (extended.T @ extended).double()
