"""The schema that is shipped is that of the types, and what the command prints fits it."""

import json
from pathlib import Path

from pydantic import TypeAdapter

from sr2tflite.bench.plan import Plan
from sr2tflite.bench.result import BenchReport
from sr2tflite.bench.schema import json_schema
from sr2tflite.commands.bench import bench

SHIPPED = Path(__file__).parents[2] / "docs" / "bench.schema.json"


def test_the_shipped_schema_is_current():
    """Else: ``sr2tflite bench --schema > docs/bench.schema.json``."""
    assert json.loads(SHIPPED.read_text()) == json.loads(json.dumps(json_schema()))


def test_a_report_in_json_reads_back_as_the_same_report(model):
    report = bench([model("a.tflite"), model("b.tflite")], Plan(runs=1, rounds=2, seconds=0, size=(8, 8), ops=True))
    text = json.dumps(report.to_json(), allow_nan=False)
    assert TypeAdapter(BenchReport).validate_json(text) == report


def fields(schema, of):
    return set(schema["$defs"][of]["properties"])


def test_every_field_of_a_report_is_in_the_schema(model):
    (result,) = bench([model("a.tflite")], Plan(runs=1, rounds=1, seconds=0, size=(8, 8))).to_json()["results"]
    schema = json_schema()
    (measured,) = result["models"]
    (one,) = measured["rounds"]
    found = {"BenchResult": result, "ModelBench": measured, "Round": one, "State": one["before"], "Device": result["device"]}  # fmt: skip  # noqa: E501
    assert {kind: set(content) for kind, content in found.items()} == {kind: fields(schema, kind) for kind in found}
