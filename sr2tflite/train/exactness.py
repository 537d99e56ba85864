"""Arithmetic that computes integers exactly on a GPU: no TF32, no Winograd."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import torch
from torch import Tensor, nn

from sr2tflite.errors import VerificationError


@contextmanager
def exact_arithmetic() -> Iterator[None]:
    """Within it float32 convolutions of integers below 2²⁴ are exact on a GPU, too.

    TF32 keeps 11 bits, and Winograd's transforms divide. cuDNN cannot be told to leave Winograd alone, so it is left
    out altogether: PyTorch's own kernels are a matrix product of the very integers. CPUs are not concerned.
    """
    allowed = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with torch.backends.cudnn.flags(enabled=False, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = allowed


def prove_exact(module: nn.Module, pixels: Tensor) -> None:
    """See to it that a module gives on its device what a copy of it gives on the CPU, to the last bit.

    Args:
        module: On whatever device.
        pixels: An input, anywhere.

    Raises:
        VerificationError: It does not.
    """
    device = next(module.parameters()).device
    twin = deepcopy(module).cpu()
    with torch.no_grad():
        found, expected = module(pixels.to(device)).cpu(), twin(pixels.cpu())
    apart = int((found != expected).sum())
    if apart:
        raise VerificationError(
            f"{apart} of {expected.numel()} values on {device} are not the CPU's; expected all of them",
            where="quantized forward",
            hint="train on the CPU: CUDA_VISIBLE_DEVICES= sr2tflite qat …",
        )
