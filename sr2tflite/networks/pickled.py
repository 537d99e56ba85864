"""State dicts in PyTorch's own files, ``.pt`` and ``.pth``: read without running what they hold."""

import pickle
import re
import struct
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sr2tflite.errors import InputError
from sr2tflite.files import read_range

WRAPPERS = ("params_ema", "params", "state_dict")
"""Keys under which training tools keep a state dict beside other things; the first that is there counts."""

_DAMAGED = (RuntimeError, EOFError, ValueError, LookupError, AttributeError, TypeError, AssertionError, struct.error)
"""What torch's unpickler and readers raise at bytes that were cut or changed."""

_GLOBAL = re.compile(r"nsupported (?:global: )?GLOBAL (\S+)")
_PICKLE = b"\x80"
"""How a pickle of protocol 2 and later begins."""

_MOST = 6
"""Keys that are named of what is no state dict."""


def read_pickle(path: Path) -> tuple[dict[str, Tensor], str | None]:
    """The state dict in a file, and the key it stands under where that is not the file's own top.

    Keys lose ``module.``, which ``DataParallel`` puts before them.

    Raises:
        InputError: It is no checkpoint, is damaged, could run code, or holds something else than a state dict.
    """
    content, wrapper = _loaded(path), None
    for key in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content, wrapper = content[key], key
    if not _is_state_dict(content):
        raise InputError(f"holds no state dict but {_told(content)}", where=str(path), hint=_way_out(content, path))
    for key, value in content.items():
        if value.layout is not torch.strided or value.is_quantized or value.device.type != "cpu":
            kind = "quantized" if value.is_quantized else f"{value.layout} on {value.device}"
            raise InputError(f"key {key!r} is a tensor that is {kind}; expected plain values", where=str(path))
    return {key.removeprefix("module."): value for key, value in content.items()}, wrapper


def _loaded(path: Path) -> Any:
    where = str(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about the pickle protocol; what cannot be read is refused
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = _GLOBAL.search(str(error))
        if found is None and read_range(path, 0, 1) != _PICKLE:
            raise _no_checkpoint(where) from error
        what = f"pickled objects ({found[1].rstrip('.')})" if found else "pickled objects"
        raise InputError(
            f"holds {what} beside tensors, and loading them could run any code",
            where=where,
            hint="where you trust it, save model.state_dict() alone: torch.save(model.state_dict(), 'weights.pth')",
        ) from error
    except _DAMAGED as error:
        if "TorchScript" in str(error):
            hint = "torch.save(torch.jit.load('script.pt').state_dict(), 'weights.pth')"
            raise InputError("is a TorchScript program; expected a state dict", where=where, hint=hint) from error
        raise _no_checkpoint(where) from error


def _no_checkpoint(where: str) -> InputError:
    return InputError("is not a torch checkpoint, or damaged", where=where, hint="is it complete?")


def _is_state_dict(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and bool(content)
        and all(isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items())
    )


def _told(content: Any) -> str:
    """What is in the place of a state dict."""
    if not isinstance(content, dict):
        return f"a {type(content).__name__}"
    if not content:
        return "an empty dict"
    keys = [repr(key) for key in content]
    more = f" and {len(keys) - _MOST} more" if len(keys) > _MOST else ""
    return f"a dict with {', '.join(keys[:_MOST])}{more}"


def _way_out(content: Any, path: Path) -> str:
    """The line that keeps what may be meant: the first state dict inside."""
    parts = content.items() if isinstance(content, dict) else ()
    inner = next((key for key, value in parts if _is_state_dict(value)), None)
    if inner is None:
        return "torch.save(model.state_dict(), 'weights.pth')"
    return f"torch.save(torch.load({str(path)!r})[{inner!r}], 'weights.pth')"
