"""The deploy graph against the original file in onnxruntime."""

from collections.abc import Collection

import numpy as np
import onnx
import torch

from sr2tflite.errors import InputError, VerificationError
from sr2tflite.fuse.certificate import Check
from sr2tflite.fuse.foreign.opening import Foreign
from sr2tflite.fuse.verify import LIMITS, SIZES
from sr2tflite.graph import Graph
from sr2tflite.ort import open_session
from sr2tflite.torch_view import FloatView

LIMIT = LIMITS[torch.float32]
"""Both sides round in float32, in another order of sums: the limit is the one for module against graph in float32."""


def _sizes(foreign: Foreign) -> list[tuple[int, int]]:
    height, width = foreign.size
    return list(dict.fromkeys((height or rows, width or columns) for rows, columns in SIZES[:2]))


def _without_rounding(foreign: Foreign, rounding: Collection[str]) -> bytes:
    """The file's bytes, with nothing where it rounds activations: its function in real numbers."""
    model = onnx.ModelProto()
    model.CopyFrom(foreign.model)
    for node in model.graph.node:
        if rounding and node.output[0] in rounding:
            node.op_type = "Identity"
            del node.input[1:], node.attribute[:]
    del model.graph.value_info[:]
    data: bytes = model.SerializeToString()
    return data


def against_original(foreign: Foreign, graph: Graph, rounding: Collection[str] = ()) -> tuple[Check, ...]:
    """The graph against the file, on random images: at the file's own size, or at two odd ones where it is free.

    Args:
        foreign: The file.
        graph: The deploy graph, float.
        rounding: Outputs of the nodes that round activations, which both sides leave out.

    Raises:
        InputError: onnxruntime cannot run the file.
        VerificationError: They differ.
    """
    session = open_session(_without_rounding(foreign, rounding), foreign.where)
    return tuple(_check(session, foreign, graph, size) for size in _sizes(foreign))


def _check(session: object, foreign: Foreign, graph: Graph, size: tuple[int, int]) -> Check:
    low, high = graph.value_range
    rng = np.random.default_rng(size[0])
    x = rng.uniform(low, high, (1, foreign.channels, *size)).astype(np.float32)
    want = _answer(session, foreign, x)
    with torch.no_grad():
        got = FloatView(graph)(torch.from_numpy(x)).numpy()
    if want.shape != got.shape:
        raise VerificationError(
            f"the graph returns shape {got.shape} for {size[0]}×{size[1]}; the original returns {want.shape}",
            where=foreign.where,
        )
    largest, span = float(np.abs(want - got).max()), float(np.abs(want).max())
    check = Check(
        dtype="float32", size=size, largest_delta=largest, value_range=span, limit=LIMIT, against="onnxruntime"
    )
    if not check.passed:
        raise VerificationError(
            f"graph and original in onnxruntime differ by {largest:.3g} at {size[0]}×{size[1]}; "
            f"expected at most {LIMIT:g} of {span:.3g}",
            where=foreign.where,
            hint="look for what depends on the image's size",
        )
    return check


def _answer(session: object, foreign: Foreign, x: np.ndarray) -> np.ndarray:
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    try:
        (result,) = session.run([foreign.output], {foreign.input: x})  # type: ignore[attr-defined]
    except (state.Fail, state.InvalidArgument, state.RuntimeException) as error:
        shape = "×".join(str(size) for size in x.shape)
        raise InputError(f"onnxruntime cannot run it on an image {shape}: {error}", where=foreign.where) from error
    answer: np.ndarray = result
    if not np.isfinite(answer).all():
        raise VerificationError("the original's output is not finite", where=foreign.where)
    return answer
