"""Where the fields of the schema's tables lie, asked of the classes that flatc made of the schema.

A generated accessor turns to the flatbuffers package for every step it takes; here something else answers, which writes
down what was asked for. So the layout is the installed schema's own, for all of its tables, and none is listed twice.
"""

import inspect
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from ai_edge_litert import schema_py_generated as schema

Kind = Literal["scalar", "string", "table", "union", "scalars", "strings", "tables"]

OFFSET_BYTES = 4
"""Of a field that points somewhere else."""

_UNIONS = {
    "BuiltinOptions": "BuiltinOptions",
    "BuiltinOptions2": "BuiltinOptions2",
    "Details": "QuantizationDetails",
    "ArraySegments": "SparseIndexVector",
    "ArrayIndices": "SparseIndexVector",
}
"""Field → the enumeration of its tables; which of them it is stands in the field before it."""


@dataclass(frozen=True)
class Field:
    """A field of a table."""

    name: str
    slot: int
    """Where its offset stands in the vtable."""

    kind: Kind
    item_bytes: int = OFFSET_BYTES
    """Size of the scalar, or of one item of the vector."""

    table: str = ""
    """The schema's name of the table that it points to, or of the tables."""

    @property
    def inline_bytes(self) -> int:
        """What the field takes in the table itself."""
        return self.item_bytes if self.kind == "scalar" else OFFSET_BYTES


@cache
def fields(table: str) -> tuple[Field, ...]:
    """The fields of a table of the schema."""
    found: dict[int, Field] = {}
    for name, accessor in vars(getattr(schema, table)).items():
        if inspect.isfunction(accessor) and name != "Init":
            field = _asked(table, name, accessor)
            if field is not None:
                found.setdefault(field.slot, field)
    return tuple(found.values())


@cache
def union_tables(field: str) -> dict[int, str]:
    """Type code → table, of a union field."""
    codes = vars(getattr(schema, _UNIONS[field])).items()
    return {code: name for name, code in codes if isinstance(code, int) and hasattr(schema, f"{name}T")}


class _Answers:
    """Stands in for ``flatbuffers.table.Table``: every field is there, and every number is 0."""

    Bytes, Pos = b"", 0

    def __init__(self) -> None:
        self.slot = 0
        self.asked: set[str] = set()
        self.item_bytes = OFFSET_BYTES

    def Offset(self, slot: int) -> int:  # noqa: N802 - these are the flatbuffers package's names
        self.slot = slot
        return slot

    def Get(self, flags: Any, _at: int) -> Any:  # noqa: N802
        self.asked.add("Get")
        self.item_bytes = flags.bytewidth
        return flags.py_type(0)

    def GetVectorAsNumpy(self, flags: Any, _at: int) -> None:  # noqa: N802
        self.Vector(0)
        self.Get(flags, 0)

    def Vector(self, _at: int) -> int:  # noqa: N802
        self.asked.add("Vector")
        return 0

    def VectorLen(self, _at: int) -> int:  # noqa: N802
        return 0

    def Indirect(self, _at: int) -> int:  # noqa: N802
        self.asked.add("Indirect")
        return 0

    def String(self, _at: int) -> bytes:  # noqa: N802
        self.asked.add("String")
        return b""

    def Union(self, _table: Any, _at: int) -> None:  # noqa: N802
        self.asked.add("Union")


_KINDS: dict[frozenset[str], Kind] = {
    frozenset({"Get"}): "scalar",
    frozenset({"String"}): "string",
    frozenset({"Indirect"}): "table",
    frozenset({"Union"}): "union",
    frozenset({"Vector", "Get"}): "scalars",
    frozenset({"Vector", "String"}): "strings",
    frozenset({"Vector", "Indirect"}): "tables",
}


def _asked(table: str, name: str, accessor: Any) -> Field | None:
    """What an accessor reads; None where it only looks whether a field is there, or how long."""
    record, answers = getattr(schema, table)(), _Answers()
    record._tab = answers
    arguments = len(inspect.signature(accessor).parameters) - 1
    result = accessor(record, *[0] * arguments)
    if not answers.asked:
        return None
    kind = _KINDS[frozenset(answers.asked)]
    return Field(name, answers.slot, kind, answers.item_bytes, type(result).__name__ if "table" in kind else "")
