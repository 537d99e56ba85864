"""Recalibration of batch normalization: running statistics from forward passes alone, before fusing."""

from collections.abc import Iterable
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sr2tflite.errors import InputError

BATCHES = 64


def recalibrate(module: nn.Module, batches: Iterable[Tensor], count: int = BATCHES) -> int:
    """Replace every running mean and variance by the average over ``count`` batches.

    The statistics are reset, the BN layers alone are put in training mode with a cumulative mean, and no gradient is
    taken; afterwards every layer has its mode and momentum back. Weights do not change.

    Args:
        module: The network, its blocks not yet fused.
        batches: Inputs of the network.
        count: How many of them are used at most.

    Returns:
        How many BN layers were recalibrated; 0 leaves the module untouched.

    Raises:
        InputError: There are no batches.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, _BatchNorm) and layer.track_running_stats]
    if not layers:
        return 0
    modes = {layer: layer.training for layer in module.modules()}
    momenta = {layer: layer.momentum for layer in layers}
    module.eval()
    try:
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # a cumulative mean
            layer.training = True
        seen = _run(module, batches, count)
    finally:
        for layer, momentum in momenta.items():
            layer.momentum = momentum
        for part, training in modes.items():
            part.training = training
    if not seen:
        raise InputError("no batches to recalibrate batch normalization on; expected at least 1")
    return len(layers)


def _run(module: nn.Module, batches: Iterable[Tensor], count: int) -> int:
    seen = 0
    with torch.no_grad():
        for batch in islice(batches, count):
            module(batch)
            seen += 1
    return seen
