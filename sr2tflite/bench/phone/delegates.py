"""The units of a phone that may run a file, and the flags by which ``benchmark_model`` takes them."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from sr2tflite.errors import InputError

Unit = Literal["cpu", "gpu", "nnapi", "external"]
_PLAIN = re.compile(r"\w[\w.+-]*", re.ASCII)
UNITS: tuple[str, ...] = get_args(Unit)


@dataclass(frozen=True)
class Delegate:
    """What is asked to run a file."""

    unit: Unit = "cpu"
    libraries: tuple[Path, ...] = ()
    """Of an external delegate: its own library first, then those that it loads."""

    options: Mapping[str, str] = field(default_factory=dict)
    """An external delegate's own; for the others flags of ``benchmark_model``, as ``gpu_precision_loss_allowed``."""

    def flags(self, known: Collection[str]) -> Mapping[str, str]:
        """What to tell ``benchmark_model``.

        Args:
            known: The flags it has: without ``use_xnnpack`` it was built without XNNPACK, and the runtime's builtin
                kernels are the processor's.
        """
        if self.unit == "external":
            told = ",".join(f"{key}:{value}" for key, value in self.options.items())
            path = {"external_delegate_path": f"./{self.libraries[0].name}"}
            return {**path, "external_delegate_options": told} if told else path
        if self.unit == "cpu":
            switch = next((flag for flag in ("use_xnnpack", "use_cpu") if flag in known), None)
            return {**({switch: "true"} if switch else {}), **self.options}
        return {f"use_{self.unit}": "true", **self.options}

    def runs_xnnpack(self, known: Collection[str]) -> bool:
        """Whether the processor's kernels are XNNPACK's."""
        return bool({"use_xnnpack", "use_cpu"} & set(known)) and self.options.get("use_xnnpack", "true") != "false"


def delegate_of(unit: str, libraries: Sequence[Path], options: Sequence[str]) -> Delegate:
    """A delegate as someone typed it.

    Args:
        unit: One of ``UNITS``.
        libraries: For ``external`` only, and at least one.
        options: ``key=value`` each.

    Raises:
        InputError: The words do not fit together.
    """
    if unit not in UNITS:
        raise InputError(f"no delegate {unit!r}; expected {', '.join(UNITS)}", where="--delegate")
    if (unit == "external") != bool(libraries):
        message = "external without a library" if unit == "external" else f"{unit} takes no library"
        raise InputError(message, where="--delegate", hint="--delegate external --delegate-library FILE.so")
    names = [path.name for path in libraries]
    if len(set(names)) < len(names):
        raise InputError("two libraries of one name", where="--delegate-library")
    if odd := [name for name in names if not _PLAIN.fullmatch(name)]:
        message = f"{odd[0]!r} is no name for a library on a phone; expected letters, digits, '.', '_', '+' and '-'"
        raise InputError(message, where="--delegate-library")
    pairs: dict[str, str] = {}
    for text in options:
        key, is_pair, value = text.partition("=")
        splits = unit == "external" and any(sign in text for sign in ",:")
        if not (key and is_pair) or splits or key.startswith("-"):
            expected = "expected KEY=VALUE" + (" without ',' and ':'" if unit == "external" else "")
            raise InputError(f"{text!r} is no option; {expected}", where="--delegate-option")
        pairs[key] = value
    return Delegate(unit, tuple(libraries), pairs)  # type: ignore[arg-type]
