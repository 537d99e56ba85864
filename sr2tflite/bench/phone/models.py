"""The files to be measured on a phone: admitted here, with a seeded input and what this computer makes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.schema_py_generated import BuiltinOperator, TensorType
from numpy.typing import NDArray

from sr2tflite.bench.flex import content_of
from sr2tflite.bench.image import image_for, size_for
from sr2tflite.bench.names import distinct
from sr2tflite.bench.placing import delegated
from sr2tflite.bench.result import End
from sr2tflite.evaluate.runners.tflite import survived
from sr2tflite.files import sha256
from sr2tflite.graph.tflite.flat import open_model
from sr2tflite.runtime import Kernels, LiteRT


@dataclass(frozen=True, eq=False)
class PhoneModel:
    """A file, its input and its output."""

    path: Path
    name: str
    """In the result; see ``names``."""

    sha256: str
    size_bytes: int
    input_name: str
    x: NDArray[Any]
    """Seeded noise of the input's type and shape."""

    y: NDArray[Any]
    """What LiteRT with XNNPACK makes of it here; of several outputs the first."""

    output_bytes: int
    """Of all outputs, which ``benchmark_model`` writes one after another."""

    nodes: int
    outside: tuple[str, ...]
    """Ops that XNNPACK does not take here."""

    is_free: bool
    """Whether its size is said at run time."""

    is_integer: bool
    """Whether integers alone are computed with, so that every processor must give the same."""

    @property
    def input(self) -> End:
        return End(self.x.dtype.name, self.x.shape)

    @property
    def output(self) -> End:
        return End(self.y.dtype.name, self.y.shape)

    def by_builtin_kernels(self) -> NDArray[Any]:
        """What LiteRT without XNNPACK makes of the input here."""
        return LiteRT(self.path, Kernels.BUILTIN).run(self.x)


def prepared(paths: Sequence[Path], size: tuple[int, int]) -> tuple[PhoneModel, ...]:
    """Files that may be sent to a phone.

    Args:
        paths: ``.tflite`` files.
        size: Height and width for those of free shape.

    Raises:
        InputError: A file cannot be read, is damaged, LiteRT refuses it, or it does not take one image.
        UnsupportedError: It needs Flex ops.
    """
    return tuple(_prepared(path, name, size) for path, name in zip(paths, distinct(paths), strict=True))


def _prepared(path: Path, name: str, size: tuple[int, int]) -> PhoneModel:
    content = content_of(path)
    survived(content, str(path))
    engine = LiteRT(path)
    x = image_for(engine, size_for(engine, size))
    y = engine.run(x)
    coverage = delegated(engine.plan())
    return PhoneModel(
        path,
        name,
        sha256(content),
        len(content),
        str(engine.input["name"]),
        np.ascontiguousarray(x),
        y,
        engine.output_bytes(),
        coverage["nodes"],
        tuple(coverage["outside"]),
        engine.fixed_size is None,
        _is_integer(content, str(path)),
    )


def _is_integer(content: bytes, where: str) -> bool:
    """Whether floats are only what the ends are dequantized to."""
    model, floats = open_model(content, where), {TensorType.FLOAT32, TensorType.FLOAT16, TensorType.BFLOAT16}
    made = [index for op in model.ops if op.builtin != BuiltinOperator.DEQUANTIZE for index in op.outputs]
    return all(model.tensors[index].type not in floats for index in made)
