"""``sr2tflite fuse``: any torch module becomes a float deploy graph, with a certificate."""

import importlib
import pkgutil
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sr2tflite.errors import InputError
from sr2tflite.files import keep_apart, read_bytes, write_bytes, write_text
from sr2tflite.networks.header import CHECKPOINTS
from sr2tflite.provenance import TRAINED_ON, listed, seen
from sr2tflite.registry import nearest

if TYPE_CHECKING:
    from torch import nn

    from sr2tflite.fuse import Certificate, Fused

ONNX = ".onnx"

FOREIGN = (
    *(ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError, OSError),
    *(RuntimeError, SyntaxError, TypeError, ValueError),
)
"""What somebody else's module may raise when it is imported or built."""


@dataclass(frozen=True)
class FuseResult:
    """A fused graph and its certificate, written."""

    path: Path
    certificate_path: Path
    certificate: "Certificate"
    summary: str
    """The graph's ops."""

    remarks: tuple[str, ...] = ()
    """How a foreign state dict was understood."""


def fuse(
    source: str,
    out: Path,
    *,
    student: str | dict[str, Any] | None = None,
    peak: int | None = None,
    scale: int | None = None,
    certificate: Path | None = None,
) -> FuseResult:
    """Fuse a network and write it as float ONNX, with the proof beside it; nothing is written when the proof fails.

    A QDQ file becomes QDQ ONNX that holds its integers.

    Args:
        source: A student's name, a checkpoint's path, any converter's float or QDQ ``.onnx``, or
            ``package.module:Class`` (called with no arguments).
        out: The ``.onnx`` to write.
        student: The student that a bare state dict belongs to: its name, or name and settings; where shapes tell, None.
        peak: What white is, 1 or 255; what the student says, or a foreign state dict shows, or 1.
        scale: How many times larger the output has to be; not checked when None.
        certificate: The JSON to write; ``OUT.certificate.json`` when None.

    Raises:
        InputError: There is no such student, file, module or class, or it enlarges by another factor.
        UnsupportedError: The network holds an op with no counterpart; the message names the user's source line.
        VerificationError: The graph does not equal the module.
    """
    from sr2tflite.graph import onnx

    if source.endswith(ONNX):
        keep_apart(Path(source), out)
    fused, remarks = fused_source(source, student, peak)
    found = fused.graph.scale_factor
    if scale is not None and found != scale:
        raise InputError(f"enlarges {found} times; expected {scale}", where=source)
    beside = certificate or out.with_name(f"{out.name}.certificate.json")
    data, proof = onnx.write(fused.graph), fused.certificate.to_json()
    write_bytes(out, data)
    write_text(beside, proof)
    return FuseResult(out, beside, fused.certificate, fused.graph.summary(), remarks)


def fused_source(
    source: str, student: str | dict[str, Any] | None = None, peak: int | None = None
) -> tuple["Fused", tuple[str, ...]]:
    """A student, a checkpoint, a foreign ONNX file or a class, fused, and remarks on how it was understood.

    Nothing is written.
    """
    from sr2tflite.fuse import fuse_module

    if source.endswith(ONNX):
        from sr2tflite.commands.adopt import adopted
        from sr2tflite.fuse.foreign import fuse_onnx

        file = fuse_onnx(Path(source), read_bytes(Path(source)), value_range=(0.0, float(peak or 1)))
        return (file if file.said is None else adopted(file, file.said)), ()
    found = load_source(source, student, peak)
    value_range = found.value_range if peak is None else (0.0, float(peak))
    # the file's name, not its folder: the same weights give the same bytes wherever they lie
    label = Path(source).name if source.endswith(CHECKPOINTS) else source
    fused = fuse_module(found.module, value_range=value_range, source=label)
    if found.trained_on:
        fused.graph.metadata[TRAINED_ON] = listed(found.trained_on)
    fused.graph.metadata |= found.facts
    return fused, found.remarks


@dataclass(frozen=True)
class Source:
    """What a source names."""

    module: "nn.Module"
    value_range: tuple[float, float] = (0.0, 1.0)
    trained_on: frozenset[str] = frozenset()
    """Ids of the images its weights have seen."""
    facts: dict[str, str] = field(default_factory=dict)
    """What the graph's metadata is to say besides."""
    remarks: tuple[str, ...] = ()
    """How a foreign state dict was understood."""


def load_source(source: str, student: str | dict[str, Any] | None = None, peak: int | None = None) -> Source:
    """The module that ``source`` names.

    Raises:
        InputError: There is nothing by this name.
    """
    if ":" in source and not source.endswith(CHECKPOINTS):
        return Source(load_class(source))
    if Path(source).suffix == ".py":
        hint = f"sr2tflite fuse {Path(source).stem}:CLASS -o deploy.onnx, in the folder that it is in"
        raise InputError("is a module; expected a class in it", where=source, hint=hint)
    if not source.endswith(CHECKPOINTS) and Path(source).suffix:
        hint = f"give a file named {', '.join((*CHECKPOINTS, ONNX))}, a student's name, or package.module:Class"
        raise InputError("is no checkpoint", where=source, hint=hint)
    from sr2tflite.networks.checkpoint import WEIGHTS_FROM, load, load_named

    if source.endswith(CHECKPOINTS):
        loaded = load(Path(source), student, peak=peak)
    else:
        # a bare name takes the weights that come with it, whatever their settings
        loaded = load_named({**student, "name": source} if isinstance(student, dict) else source)
    facts = {key: loaded.metadata[key] for key in (WEIGHTS_FROM,) if key in loaded.metadata}
    return Source(loaded.module, loaded.student.value_range, seen(loaded.metadata), facts, loaded.remarks)


def load_class(source: str) -> "nn.Module":
    """An instance of ``package.module:Class``, imported from the working directory or ``sys.path``.

    Raises:
        InputError: No such module or class, or it cannot be called with no arguments.
    """
    from torch import nn

    module_name, _, class_name = source.partition(":")
    if not module_name or not class_name:
        raise InputError("is no package.module:Class", where=source, hint="for example my_package.my_net:Net")
    if module_name.endswith(".py"):
        hint = f"{Path(module_name).stem}:{class_name}, in the folder that it is in"
        raise InputError("names a file; expected a module, as Python imports it", where=source, hint=hint)
    found = _attribute(_imported(module_name, source), class_name, source)
    if not isinstance(found, nn.Module) and callable(found):
        try:
            found = found()
        except TypeError as error:
            hint = (
                f"define a class or function without arguments that returns it, and name that in place of {class_name}"
            )
            raise InputError(f"cannot be called with no arguments: {error}", where=source, hint=hint) from error
        except FOREIGN as error:
            raise _foreign(error, source) from error
    if not isinstance(found, nn.Module):
        raise InputError(f"is a {type(found).__name__}; expected an nn.Module", where=source)
    return found


def _imported(name: str, source: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            hint = nearest(name, _siblings(name)) or "check the name, or start from the folder it is in"
            raise InputError(f"no module {error.name!r}", where=source, hint=hint) from error
        raise InputError(f"imports {error.name!r}, which is missing", where=source, hint="install it") from error
    except FOREIGN as error:
        raise _foreign(error, source) from error


def _foreign(error: Exception, source: str) -> InputError:
    """What an error of somebody else's code becomes."""
    line = traceback.extract_tb(error.__traceback__)[-1]
    return InputError(
        f"raises {type(error).__name__}: {error}", where=source, hint=f"see {line.filename}:{line.lineno}"
    )


def _siblings(name: str) -> list[str]:
    """Modules in the folder where ``name`` was looked for."""
    package, dot, _ = name.rpartition(".")
    folder = Path.cwd().joinpath(*package.split(".")) if package else Path.cwd()
    return [f"{package}{dot}{module.name}" for module in pkgutil.iter_modules([str(folder)])]


def _attribute(module: Any, name: str, source: str) -> Any:
    from torch import nn

    if not hasattr(module, name):
        known = [key for key, value in vars(module).items() if isinstance(value, type) and issubclass(value, nn.Module)]
        raise InputError(f"no class {name!r} in {module.__name__}", where=source, hint=nearest(name, known))
    return getattr(module, name)
