"""The JSON schema of a report, from the types themselves."""

from typing import Any

from sr2tflite.bench.result import BenchReport


def json_schema() -> dict[str, Any]:
    """What ``sr2tflite bench --json`` prints fits it."""
    from pydantic import TypeAdapter

    found = TypeAdapter(BenchReport).json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
