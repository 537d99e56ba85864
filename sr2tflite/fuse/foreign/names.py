"""Module paths from ONNX node names."""

import re

from torch import nn

from sr2tflite.fuse.names import Names

_TAKEN = frozenset(dir(nn.Module())) | {"function", "names", "order"}


def path_of(name: str) -> str:
    """``/blocks/blocks.0/branches.1/Conv`` as ``blocks.0.branches.1.Conv``.

    A scope that repeats its parent's name says it once; a name without letters or digits becomes ``node``.
    """
    scopes = [scope for scope in re.split(r"[/:]+", name) if scope]
    kept = [
        scope
        for scope, following in zip(scopes, [*scopes[1:], ""], strict=True)
        if not following.startswith(f"{scope}.")
    ]
    parts = [_safe(part) for part in ".".join(kept).split(".")]
    return ".".join(part for part in parts if part) or "node"


def _safe(part: str) -> str:
    text = re.sub(r"\W+", "_", part, flags=re.ASCII).strip("_")
    return f"{text}_" if text in _TAKEN or text.startswith("constant_") else text


class Tree:
    """Puts submodules into a module under their paths.

    Args:
        root: The outermost module.
    """

    def __init__(self, root: nn.Module) -> None:
        self._root = root
        self._names = Names()

    def add(self, name: str, module: nn.Module) -> str:
        """Put in a module under the path its ONNX name gives, or one like it; returns the path."""
        path = self._names.unique(path_of(name))
        *above, last = path.split(".")
        parent = self._root
        for part in above:
            if part not in parent._modules:
                parent.add_module(part, nn.Module())
            child = parent._modules[part]
            assert child is not None
            parent = child
        if last in parent._modules:  # a scope of the same name came first
            return self.add(f"{name}_1", module)
        parent.add_module(last, module)
        return path
