"""The flatbuffer's own structure, and what a file may ask for before a runtime sees it."""

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema
from kit.graphs import quantized_sr_graph
from kit.one_op import CASES, one_op_graph, quantized_one_op_graph

from sr2tflite.errors import InputError
from sr2tflite.graph import tflite
from sr2tflite.graph.tflite import admission
from sr2tflite.graph.tflite.flat import open_model
from sr2tflite.graph.tflite.layout import fields, union_tables
from sr2tflite.graph.tflite.verify_flat import verify

HONEST = tflite.write(quantized_sr_graph(4, 1, size=(8, 8)))
TABLES = [name for name, one in vars(schema).items() if hasattr(one, "GetRootAs")]


@pytest.mark.parametrize("case", CASES)
def test_whole_files_are_whole(case: str) -> None:
    for make in (one_op_graph, quantized_one_op_graph):
        verify(tflite.write(make(case)))


def test_the_layout_knows_every_field_that_the_schemas_objects_have() -> None:
    for table in TABLES:
        attributes = vars(getattr(schema, f"{table}T")())
        found = {field.name.lower() for field in fields(table)}
        assert found == {name.lower() for name in attributes}, table


def test_the_layout_names_tables_and_unions() -> None:
    by_name = {field.name: field for field in fields("Operator")}
    assert (by_name["Inputs"].kind, by_name["Inputs"].item_bytes) == ("scalars", 4)
    assert by_name["BuiltinOptions"].kind == "union"
    assert union_tables("BuiltinOptions")[schema.BuiltinOptions.Conv2DOptions] == "Conv2DOptions"
    assert {field.name: field.table for field in fields("Model")}["Subgraphs"] == "SubGraph"
    assert {field.name: field.item_bytes for field in fields("QuantizationParameters")}["ZeroPoint"] == 8


def word(at: int, value: int) -> bytes:
    return HONEST[:at] + (value % 2**32).to_bytes(4, "little") + HONEST[at + 4 :]


def root() -> int:
    return int.from_bytes(HONEST[:4], "little")


def name_at() -> int:
    """Where the first tensor's name begins, with its length."""
    return HONEST.index(b"\x05\x00\x00\x00input\x00")


DAMAGED = {
    "an offset to itself": (word(0, 0), "leads to itself"),
    "a root outside": (word(0, 2**31), "lies outside the file"),
    "a field table before the file": (word(root(), 2**30), "lies outside the file"),
    "a field table behind the file": (word(root(), -(2**30)), "lies outside the file"),
    "a string that is too long": (word(name_at(), 2**31), "lies outside the file"),
    "a string without an end": (word(name_at(), 3), "has no end"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_what_leads_nowhere_is_found(case: str) -> None:
    data, message = DAMAGED[case]
    with pytest.raises(ValueError, match=message):
        verify(data)


def test_every_cut_is_found() -> None:
    for length in range(8, len(HONEST) - 64, 29):
        with pytest.raises(ValueError, match="outside the file"):
            verify(HONEST[:length])


def test_a_long_name_shared_by_many_is_paid_for_once_only() -> None:
    builder = flatbuffers.Builder(1024)
    name = builder.CreateString("n" * 50_000)
    tensors = []
    for _ in range(500):
        schema.TensorStart(builder)
        schema.TensorAddName(builder, name)
        tensors.append(schema.TensorEnd(builder))
    schema.SubGraphStartTensorsVector(builder, len(tensors))
    for one in tensors:
        builder.PrependUOffsetTRelative(one)
    vector = builder.EndVector()
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, vector)
    subgraph = schema.SubGraphEnd(builder)
    schema.BufferStart(builder)
    empty = schema.BufferEnd(builder)
    schema.ModelStartBuffersVector(builder, 1)
    builder.PrependUOffsetTRelative(empty)
    buffers = builder.EndVector()
    schema.ModelStartSubgraphsVector(builder, 1)
    builder.PrependUOffsetTRelative(subgraph)
    subgraphs = builder.EndVector()
    schema.ModelStart(builder)
    schema.ModelAddSubgraphs(builder, subgraphs)
    schema.ModelAddBuffers(builder, buffers)
    builder.Finish(schema.ModelEnd(builder), file_identifier=b"TFL3")
    data = bytes(builder.Output())
    verify(data)
    with pytest.raises(InputError, match="more is claimed"):
        open_model(data, "bomb.tflite")


def test_a_file_that_needs_more_memory_than_there_is_never_reaches_a_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = admission.live_bytes(open_model(HONEST, "x"))
    assert 24 * 24 * 3 < needed < 100_000
    monkeypatch.setattr(admission, "free_bytes", lambda: needed)
    assert tflite.admit(HONEST, "x.tflite") is not None
    monkeypatch.setattr(admission, "free_bytes", lambda: needed - 1)
    with pytest.raises(InputError, match="GiB are free"):
        tflite.admit(HONEST, "x.tflite")
