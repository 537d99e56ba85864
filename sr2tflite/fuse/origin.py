"""What a captured node is called in the user's own words: module path, op, source line."""

import re
import traceback
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path

from torch.fx import Node

_PLACE = re.compile(r"^\S+ in (\S+?)(?: \(|$)")
_FOREIGN = str(Path(__file__).parent / "foreign")
"""Its frames are no user's code."""

_FRAME = re.compile(r'File "([^"]+)", line (\d+), in (\w+)')


def op_name(node: Node) -> str:
    """The op without namespace and overload: ``conv2d``, ``add``, ``getitem``."""
    packet = getattr(node.target, "overloadpacket", node.target)
    return str(getattr(packet, "__name__", packet))


def module_path(node: Node) -> str:
    """The module whose forward made the node: ``blocks.3.branch``; empty for the outermost."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [str(path) for path, _ in stack.values()]
    return paths[-1].split("@")[0] if paths else ""


def source_line(node: Node) -> str | None:
    """``file.py:12`` of the user's code that made the node; the innermost frame outside torch."""
    frames = _FRAME.findall(node.meta.get("stack_trace") or "")
    if any(frame[0].startswith(_FOREIGN) for frame in frames):
        return None
    own = [frame for frame in frames if "/torch/" not in frame[0]] or frames
    return f"{own[-1][0]}:{own[-1][1]}" if own else None


def user_line(error: BaseException) -> str | None:
    """``file.py:12`` of the innermost code outside torch that an error went through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/torch/" not in frame.filename and frame.filename != __file__]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else None


def place(node: Node) -> str:
    """Where an error happened: the node, the module it is in and the user's source line."""
    path, line = module_path(node), source_line(node)
    name = f"{node.name} in {path}" if path else node.name
    return f"{name} ({line})" if line else name


def module_in(where: str) -> str:
    """The module path that a ``place`` names; empty where it names none."""
    found = _PLACE.match(where)
    return found[1] if found else ""


def common_path(nodes: Iterable[Node]) -> str:
    """The innermost module that holds all the nodes; empty when only the outermost does."""
    paths = [module_path(node).split(".") for node in nodes]
    shared = takewhile(lambda names: len(set(names)) == 1, zip(*paths, strict=False))
    return ".".join(names[0] for names in shared)


def region_name(nodes: list[Node]) -> str:
    """What a region is called: the module that holds it, or its last node where that says more."""
    return common_path(nodes) or module_path(nodes[-1]) or nodes[-1].name
