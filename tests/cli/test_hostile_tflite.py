"""Files made to hurt whoever loads them: each command that runs a ``.tflite`` refuses them by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from kit.graphs import quantized_sr_graph

from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group
from sr2tflite.data.images import write_image
from sr2tflite.graph import tflite

HONEST = tflite.write(quantized_sr_graph(4, 1))


def changed(change: Callable[[Any], object]) -> bytes:
    """The honest file with its records changed."""
    model = schema.ModelT.InitFromPackedBuf(HONEST)
    change(model)
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def op(model: Any, index: int = 0) -> Any:
    return model.subgraphs[0].operators[index]


def tensor(model: Any, index: int = 3) -> Any:
    return model.subgraphs[0].tensors[index]


def indices(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def fixed(*shape: int) -> Callable[[Any], None]:
    """Every activation of one shape, whose product is what hurts."""

    def change(model: Any) -> None:
        for one in model.subgraphs[0].tensors:
            if one.buffer == 0:
                one.shape, one.shapeSignature = indices(*shape), None

    return change


def scales(*values: float) -> Callable[[Any], None]:
    return lambda model: setattr(tensor(model).quantization, "scale", np.array(values, np.float32))


def summed(model: Any) -> Any:
    return next(one for one in model.subgraphs[0].operators if len(one.inputs) == 2)


def circular(model: Any) -> None:
    add = summed(model)
    add.inputs = indices(add.outputs[0], add.inputs[1])


def unscaled_sum(model: Any) -> None:
    """LiteRT ends the process on it."""
    tensor(model, summed(model).outputs[0]).quantization = None


def unknown_op(model: Any) -> None:
    model.operatorCodes[0].builtinCode = model.operatorCodes[0].deprecatedBuiltinCode = 126
    op(model).builtinOptionsType, op(model).builtinOptions = 0, None


def to_string(model: Any) -> None:
    tensor(model, 0).type = schema.TensorType.STRING


def outside(model: Any) -> None:
    model.buffers[1].offset, model.buffers[1].size = 2**40, 2**40


CASES: dict[str, tuple[bytes, str]] = {
    "an empty file": (b"", "not a TFLite file: it is empty"),
    "half a file": (HONEST[: len(HONEST) // 2], "lies outside the file"),
    "a root behind the end": (b"\xff\xff\xff\x7f" + HONEST[4:], "lies outside the file"),
    "an op that no one knows": (changed(unknown_op), "LiteRT refuses the file"),
    "a tensor that is not there": (changed(lambda m: setattr(op(m), "inputs", indices(0, 1, 999))), "names tensor 999"),
    "an op that reads what it writes": (changed(circular), "before it is"),
    "two ops that write one tensor": (changed(lambda m: setattr(op(m, 1), "outputs", indices(3))), "written already"),
    "an output that is never written": (changed(lambda m: m.subgraphs[0].operators.pop()), "is never written"),
    "no scale": (changed(scales()), "without a scale"),
    "a scale of zero": (changed(scales(0.0)), "has scale 0.0"),
    "a scale that is no number": (changed(scales(float("nan"))), "has scale nan"),
    "an infinite scale": (changed(scales(float("inf"))), "has scale inf"),
    "a negative scale": (changed(scales(-1.0)), "has scale -1.0"),
    "two scales, one zero point": (changed(scales(1.0, 1.0)), "2 scales and 1 zero points"),
    "a zero point outside the type": (
        changed(lambda m: setattr(tensor(m).quantization, "zeroPoint", np.array([4096], np.int64))),
        "a zero point outside",
    ),
    "a shape whose product overflows": (changed(fixed(1, 2**30, 2**30, 3)), "expected at most 2,147,483,647 values"),
    "a shape of negative size": (changed(fixed(1, -5, 7, 3)), "expected sizes from 1 on"),
    "a sum without a scale": (changed(unscaled_sum), "without a scale, and ADD computes with it"),
    "several inputs": (changed(lambda m: setattr(m.subgraphs[0], "inputs", indices(0, 0))), "named twice"),
    "no output": (changed(lambda m: setattr(m.subgraphs[0], "outputs", indices())), "has 0 outputs"),
    "several outputs": (changed(lambda m: setattr(m.subgraphs[0], "outputs", indices(3, 6))), "has 2 outputs"),
    "strings": (changed(to_string), "x.tflite"),
    "weights behind the end": (changed(outside), "lies outside the file"),
    "a variable that is written": (changed(lambda m: setattr(tensor(m), "isVariable", True)), "is a variable"),
    "two subgraphs": (changed(lambda m: m.subgraphs.append(m.subgraphs[0])), "has 2 subgraphs"),
    "a missing buffer": (changed(lambda m: m.buffers.pop()), "names buffer"),
    "less data than the shape": (
        changed(lambda m: setattr(m.buffers[1], "data", np.zeros(5, np.uint8))),
        "holds 5 byt",
    ),
    "a wild dilation": (
        changed(lambda m: setattr(op(m).builtinOptions, "dilationHFactor", 2**30)),
        "expected at most 1024",
    ),
}


@pytest.mark.parametrize("verb", [["eval", "--data", "photos"], ["verify"]], ids=lambda verb: verb[0])
@pytest.mark.parametrize("case", CASES)
def test_a_hostile_file_is_refused_by_name(
    case: str, verb: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    data, message = CASES[case]
    monkeypatch.chdir(tmp_path)
    Path("x.tflite").write_bytes(data)
    write_image(Path("photos/a.png"), np.zeros((24, 24, 3), np.uint8))
    status = status_of(lambda: group.main([verb[0], "x.tflite", *verb[1:]], standalone_mode=False))
    out, err = capfd.readouterr()
    if status == 5:  # what LiteRT refuses properly gets its verdict
        assert verb == ["verify"]
        assert message in out
    else:
        assert (status in (2, 6), err.startswith("error: ")) == (True, True), err
        assert message in err


def test_bench_does_not_start_a_hostile_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.tflite").write_bytes(changed(unscaled_sum))
    status = status_of(lambda: group.main(["bench", "x.tflite"], standalone_mode=False))
    err = capfd.readouterr().err
    assert (status, "without a scale" in err) == (2, True), err
