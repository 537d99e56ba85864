"""What is done with one damaged file: read, run and interpreted, each of which may refuse it in our own words."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from kit.fuzz.check_trials import CHECK_MUTANTS, CHECK_TRIALS
from kit.fuzz.onnx_mutants import foreign_mutant, our_mutant
from kit.fuzz.tflite_mutants import other_op, tflite_mutant

from sr2tflite.errors import InputError, Sr2TfliteError
from sr2tflite.evaluate.runners import open_runner
from sr2tflite.graph import Graph, Tensor, onnx, tflite
from sr2tflite.interpret import Interpreter
from sr2tflite.ort import open_session
from sr2tflite.runtime import Kernels, LiteRT, rehearse

Say = Callable[[str], None]

LARGEST = 1 << 20
"""Values of a tensor beyond which a graph is not run: it only does what it says, and a test need not wait."""

FREE_SIZE = 7
"""What a free height or width becomes."""


def try_tflite(data: bytes, say: Say) -> Iterator[str]:
    """What becomes of a ``.tflite``, in words to be counted."""
    say("read")
    try:
        graph = tflite.admit(data, "mutant.tflite")
    except Sr2TfliteError as error:
        yield f"read: refused {error.exit_status}"
        return
    yield "read: outside the deploy graph" if graph is None else "read: graph"
    if graph is not None:
        say("write")
        yield f"write: {_written(graph)}"
    if graph is not None and not _is_small(graph):
        yield "run: too large to wait for"
        return
    for family, kernels in (("xnnpack", Kernels.XNNPACK), ("reference", Kernels.REFERENCE)):
        say(f"run {family}")
        x, wanted = _run(data, graph, kernels)
        yield f"run {family}: {'refused' if wanted is None else 'done'}"
        if graph is not None:
            say(f"interpret {family}")
            yield f"interpret {family}: {_interpreted(graph, family, x, wanted)}"


def try_other_op(data: bytes, say: Say) -> Iterator[str]:
    """What becomes of a ``.tflite`` of any op: as in ``eval``, it is rehearsed first."""
    say("read")
    try:
        tflite.admit(data, "mutant.tflite")
    except Sr2TfliteError as error:
        yield f"read: refused {error.exit_status}"
        return
    say("rehearse")
    try:
        rehearse(data, "mutant.tflite")
    except InputError:
        yield "rehearse: lost"
        return
    say("run")
    yield f"run: {'refused' if _run(data, None, Kernels.XNNPACK)[1] is None else 'done'}"


def try_eval(data: bytes, say: Say) -> Iterator[str]:
    """What ``sr2tflite eval`` makes of a ``.tflite``, up to its first image."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutant.tflite"
        path.write_bytes(data)
        say("open")
        try:
            open_runner(path, threads=1)
            yield "open: done"
        except Sr2TfliteError as error:
            yield f"open: refused {error.exit_status}"


def _written(graph: Graph) -> str:
    try:
        tflite.write(graph)
    except Sr2TfliteError:
        return "refused"
    return "done"


def _is_small(graph: Graph) -> bool:
    return all(np.prod([float(size or FREE_SIZE) for size in t.shape]) <= LARGEST for t in graph.tensors.values())


def _run(data: bytes, graph: Graph | None, kernels: Kernels) -> tuple[Any, Any]:
    """What went into LiteRT and what came out; None where it refuses."""
    x = None if graph is None or len(graph.inputs) != 1 else _noise(graph.input)
    try:
        engine = LiteRT(data, kernels)
        if x is None:
            engine.invoke()
            return x, engine.fetch()
        return x, engine.run(x)
    except InputError:
        return x, None


def _noise(tensor: Tensor) -> Any:
    shape, rng = [size or FREE_SIZE for size in tensor.shape], np.random.default_rng(0)
    if tensor.dtype == "float32":
        return rng.uniform(0, 255, shape).astype(np.float32)
    limits = np.iinfo(tensor.dtype)
    return rng.integers(limits.min, limits.max, shape, tensor.dtype, endpoint=True)


def _interpreted(graph: Graph, family: str, x: Any, wanted: Any) -> str:
    try:
        found = Interpreter(graph, family).run(x)  # type: ignore[arg-type]
    except Sr2TfliteError as error:
        return f"refused {error.exit_status}"
    if wanted is None:
        return "done alone"
    same = found.dtype == wanted.dtype and found.shape == wanted.shape and (found == wanted).all()
    return "equal" if same else "differs"


def try_our_onnx(data: bytes, say: Say) -> Iterator[str]:
    """What becomes of an ``.onnx`` of ours."""
    say("read")
    try:
        graph = onnx.read(data, "mutant.onnx")
    except Sr2TfliteError as error:
        yield f"read: refused {error.exit_status}"
        return
    yield "read: graph"
    say("write")
    for codec in (onnx, tflite):
        try:
            codec.write(graph)
        except Sr2TfliteError as error:
            yield f"write: refused {error.exit_status}"
    say("open")
    try:
        open_session(data, "mutant.onnx")
        yield "open: done"
    except Sr2TfliteError as error:
        yield f"open: refused {error.exit_status}"


def try_foreign_onnx(data: bytes, say: Say) -> Iterator[str]:
    """What becomes of an ``.onnx`` of another tool."""
    from sr2tflite.fuse.foreign import fuse_onnx

    say("fuse")
    try:
        fuse_onnx(Path("mutant.onnx"), data)
        yield "fuse: done"
    except Sr2TfliteError as error:
        yield f"fuse: refused {error.exit_status}"


TRIALS: dict[str, Callable[[bytes, Say], Iterator[str]]] = {
    "tflite": try_tflite,
    "eval": try_eval,
    "other op": try_other_op,
    "our onnx": try_our_onnx,
    "foreign onnx": try_foreign_onnx,
    **CHECK_TRIALS,
}
"""Kind of file → what is done with one."""

MUTANTS: dict[str, Callable[[int], bytes]] = {
    "tflite": tflite_mutant,
    "eval": tflite_mutant,
    "other op": other_op,
    "our onnx": our_mutant,
    "foreign onnx": foreign_mutant,
    **CHECK_MUTANTS,
}
"""Kind of file → the damaged file of a number."""
