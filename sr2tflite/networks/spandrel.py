"""Teachers of other architectures, through the optional package spandrel."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from torch import Tensor, nn

from sr2tflite.errors import InputError, MissingError
from sr2tflite.networks.teachers import Teacher

INSTALL = "pip install 'sr2tflite[spandrel]'"


class OfSpandrel(Teacher):
    """A network that spandrel recognizes by its weights; nothing of it is built without them."""

    architecture: str
    """Spandrel's name of it."""


class _Enlarger(nn.Module):
    """Spandrel's own call, which pads to the sizes an architecture takes and crops again."""

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.network = descriptor.model
        self._call = descriptor

    def forward(self, x: Tensor) -> Tensor:
        """N·3·H·W to N·3·sH·sW, both 0…1."""
        y: Tensor = self._call(x)
        return y


def is_installed() -> bool:
    return find_spec("spandrel") is not None


def teacher_of(weights: Mapping[str, Tensor], where: str) -> tuple[nn.Module, OfSpandrel] | None:
    """The network that spandrel finds in a state dict, in eval mode; None where it finds none.

    Raises:
        InputError: Its weights do not fit what its keys say, it enlarges nothing, or not RGB images.
        MissingError: Spandrel is there and cannot be imported.
    """
    try:
        import spandrel
    except (ImportError, RuntimeError) as error:  # torchvision's build for CUDA beside PyTorch's for CPUs
        hint = "pip install torchvision from where torch came from, both for CPUs or both for CUDA"
        raise MissingError(f"spandrel cannot be imported: {error}", where=where, hint=hint) from error
    try:
        descriptor = spandrel.ModelLoader().load_from_state_dict(dict(weights))
    except spandrel.UnsupportedModelError:
        return None
    except (RuntimeError, KeyError, ValueError, AssertionError) as error:  # recognized by some keys, others do not fit
        told = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")
        raise InputError(f"spandrel cannot load it: {told}", where=where, hint="is it complete?") from error
    name, channels = descriptor.architecture.name, (descriptor.input_channels, descriptor.output_channels)
    if descriptor.purpose != "SR" or channels != (3, 3):
        found = f"{descriptor.purpose}, {channels[0]} to {channels[1]} channels"
        raise InputError(f"is a {name} for {found}; expected super-resolution of RGB images", where=where)
    module = _Enlarger(descriptor).eval().requires_grad_(requires_grad=False)
    return module, OfSpandrel(scale=descriptor.scale, architecture=name)
