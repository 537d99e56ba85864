"""The one door to the LiteRT interpreter."""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import InputError
from sr2tflite.files import read_bytes
from sr2tflite.memory import free_bytes


class Kernels(Enum):
    """Which kernel family runs the ops."""

    XNNPACK = "xnnpack"
    """LiteRT's default on x86 and ARM CPUs."""

    BUILTIN = "builtin"
    REFERENCE = "reference"


@contextmanager
def _without_news() -> Iterator[None]:
    """Keep LiteRT's lines of level INFO off stderr, which it has no switch for; all others are passed on."""
    if sys.stderr is None:  # closed
        yield
        return
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            caught.seek(0)
            os.write(2, b"".join(line for line in caught if not line.startswith(b"INFO: ")))
            os.close(stderr)


class LiteRT:
    """A loaded ``.tflite`` that runs images of any size its shapes allow.

    Args:
        model: The file's path or its bytes.
        kernels: The kernel family.
        threads: For XNNPACK and the builtin kernels.
        size: Height and width to prepare the file for, also where it fixes others; None is its own.
        where: What messages call bytes; a path is called by itself.

    Raises:
        InputError: The runtime refuses the file, or the size.
    """

    def __init__(
        self,
        model: Path | bytes,
        kernels: Kernels = Kernels.XNNPACK,
        threads: int = 1,
        *,
        size: tuple[int, int] | None = None,
        where: str = "model",
    ) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        resolver = {
            Kernels.XNNPACK: OpResolverType.AUTO,
            Kernels.BUILTIN: OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            Kernels.REFERENCE: OpResolverType.BUILTIN_REF,
        }[kernels]
        where = str(model) if isinstance(model, Path) else where
        content = read_bytes(model) if isinstance(model, Path) else model
        try:
            with _without_news():
                self._interpreter = Interpreter(
                    model_content=content, num_threads=threads, experimental_op_resolver_type=resolver
                )
                for first in self._interpreter.get_input_details()[:1]:
                    if size is not None:  # before anything is allocated: no memory is taken for the file's own size
                        self._interpreter.resize_tensor_input(first["index"], [1, *size, *first["shape"][3:]])
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            hint = "is it a whole .tflite file?" if size is None else f"it may not go with {size[0]}×{size[1]} pixels"
            said = " ".join(str(error).split())
            raise InputError(f"LiteRT refuses the file: {said}", where=where, hint=hint) from error
        self.where = where
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if not inputs or not outputs:
            raise InputError(f"has {len(inputs)} inputs and {len(outputs)} outputs; expected one of each", where=where)
        self.input_count = len(inputs)
        self.input: dict[str, Any] = inputs[0]
        self.output: dict[str, Any] = outputs[0]

    @property
    def fixed_size(self) -> tuple[int, int] | None:
        """Height and width of a fixed-shape file; None when they are free."""
        _, height, width, _ = (int(size) for size in self.input["shape_signature"])
        return None if height < 0 or width < 0 else (height, width)

    def run(self, x: NDArray[Any], *, strict: bool = True) -> NDArray[Any]:
        """One inference, raw: the array goes in as it is and the output comes out as it is.

        Args:
            x: NHWC, of the input's type.
            strict: Refuse sizes that the file fixes otherwise; False gives the file's ops another size.
        """
        self.feed(x, strict=strict)
        self.invoke()
        return self.fetch()

    def feed(self, x: NDArray[Any], *, strict: bool = True) -> None:
        """Put in the input; see :meth:`run`."""
        self._resize(x.shape, strict)
        with self._named():
            self._interpreter.set_tensor(self.input["index"], np.ascontiguousarray(x))

    def invoke(self) -> None:
        """Run the ops on what was fed."""
        with self._named():
            self._interpreter.invoke()

    def fetch(self) -> NDArray[Any]:
        """The output of the last :meth:`invoke`."""
        with self._named():
            result: NDArray[Any] = self._interpreter.get_tensor(self.output["index"])
        return result

    @contextmanager
    def _named(self) -> Iterator[None]:
        """A file that loads may still hold ops that cannot run: that is the file's fault."""
        try:
            yield
        except (ValueError, RuntimeError) as error:
            raise InputError(f"LiteRT cannot run the file: {error}", where=self.where) from error

    def output_bytes(self) -> int:
        """Of all outputs of the last :meth:`invoke` together; :meth:`fetch` gives the first."""
        return sum(self._interpreter.get_tensor(one["index"]).nbytes for one in self._interpreter.get_output_details())

    def plan(self) -> list[dict[str, Any]]:
        """The file's ops and, after them, the delegate's nodes: ``op_name``, tensors ``inputs`` and ``outputs``."""
        return list(self._interpreter._get_ops_details())

    def _resize(self, shape: Sequence[int], strict: bool) -> None:
        current = tuple(int(size) for size in self._interpreter.get_input_details()[0]["shape"])
        if current == tuple(shape):
            return
        strict = strict and tuple(shape) != tuple(self.input["shape"])  # the way back to the file's own size
        try:
            self._interpreter.resize_tensor_input(self.input["index"], list(shape), strict=strict)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise InputError(
                f"input of shape {tuple(shape)} does not fit; expected {current}", where=self.where
            ) from error


def rehearse(content: bytes, where: str) -> None:
    """Load and run a file once in a process of its own, which may be lost: for ops that nobody here knows.

    Args:
        content: The file's bytes.
        where: Its name, for messages.

    Raises:
        InputError: LiteRT ends the process, or takes more memory than there is.
    """
    command = [sys.executable, "-P", "-m", "sr2tflite.runtime"]
    done = subprocess.run(command, input=content, capture_output=True, check=False)
    if done.returncode:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
        raise InputError(
            f"LiteRT ends its process on the file, with status {done.returncode}: {last}",
            where=where,
            hint="make the file again; `sr2tflite export` writes files that are proved",
        )


def main() -> None:
    """The rehearsal of the file on stdin; what LiteRT refuses properly, it will refuse again."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = free_bytes()
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    with suppress(InputError):
        LiteRT(sys.stdin.buffer.read()).invoke()


if __name__ == "__main__":
    main()
