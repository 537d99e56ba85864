"""Whether a flatbuffer's offsets, vectors and strings lie within the file: the Python package never asks.

LiteRT's C++ verifier asks the same (``flatbuffers::Verifier``); here it is asked before anything is read, so that what
a damaged file does to the reader or to a runtime is never found out. Each table and vector is looked at once, however
many point to it, so the work is bounded by the file's length; the schema has no table that holds its own kind, which
bounds the depth.
"""

import struct

from sr2tflite.graph.tflite.layout import OFFSET_BYTES, Field, fields, union_tables

_U16, _U32, _I32 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<i")

_FIRST_SLOT = 4
"""A vtable starts with its own size and the table's, two bytes each."""


def verify(data: bytes) -> None:
    """Look at everything that the schema knows of in a ``.tflite``.

    Args:
        data: The file's bytes.

    Raises:
        ValueError: Something lies outside the file, or a string has no end.
    """
    walk = _Walk(data)
    walk.table(walk.pointed(0), "Model")


class _Walk:
    """Goes from table to table; a position is an index into the file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._seen: set[tuple[int, str]] = set()

    def pointed(self, at: int) -> int:
        """Where an offset leads."""
        to = at + self._number(_U32, at)
        if to == at:
            raise ValueError(f"an offset at {at} leads to itself")
        return to

    def table(self, at: int, name: str) -> None:
        """A table and everything in it."""
        if not self._is_new(at, name):
            return
        vtable = at - self._number(_I32, at)
        vtable_bytes, table_bytes = self._number(_U16, vtable), self._number(_U16, vtable + 2)
        if vtable_bytes < _FIRST_SLOT or vtable_bytes % 2 or table_bytes < OFFSET_BYTES:
            raise ValueError(f"the {name} at {at} has no field table")
        self._inside(vtable, vtable_bytes, f"the field table of the {name} at {at}")
        self._inside(at, table_bytes, f"the {name} at {at}")
        for field in fields(name):
            offset = self._number(_U16, vtable + field.slot) if field.slot < vtable_bytes else 0
            if not offset:
                continue
            if offset < OFFSET_BYTES or offset + field.inline_bytes > table_bytes:
                raise ValueError(f"{name}.{field.name} lies outside the {name} at {at}")
            if field.kind == "union":
                self._union(at, vtable, offset, field)
            else:
                self._field(at + offset, field)

    def _field(self, at: int, field: Field) -> None:
        match field.kind:
            case "string":
                self._string(self.pointed(at), field.name)
            case "table":
                self.table(self.pointed(at), field.table)
            case "scalars" | "strings" | "tables":
                self._vector(self.pointed(at), field)

    def _union(self, table: int, vtable: int, offset: int, field: Field) -> None:
        """Types that the schema does not know are not read by anyone who goes by it."""
        offset_of_type = self._number(_U16, vtable + field.slot - 2)
        code = self._data[table + offset_of_type] if offset_of_type else 0
        name = union_tables(field.name).get(code)
        if name is not None:
            self.table(self.pointed(table + offset), name)

    def _vector(self, at: int, field: Field) -> None:
        if not self._is_new(at, f"{field.kind} {field.item_bytes} {field.table}"):
            return
        count, first = self._number(_U32, at), at + OFFSET_BYTES
        self._inside(first, count * field.item_bytes, f"{field.name}, {count} long,")
        if field.kind == "scalars":
            return
        for item in range(first, first + count * OFFSET_BYTES, OFFSET_BYTES):
            if field.kind == "tables":
                self.table(self.pointed(item), field.table)
            else:
                self._string(self.pointed(item), field.name)

    def _string(self, at: int, name: str) -> None:
        length = self._number(_U32, at)
        self._inside(at + OFFSET_BYTES, length + 1, f"{name}, {length} long,")
        if self._data[at + OFFSET_BYTES + length]:
            raise ValueError(f"{name} has no end")

    def _is_new(self, at: int, what: str) -> bool:
        """Whether it has not been looked at yet."""
        before = len(self._seen)
        self._seen.add((at, what))
        return len(self._seen) > before

    def _number(self, form: struct.Struct, at: int) -> int:
        self._inside(at, form.size, "a number")
        (value,) = form.unpack_from(self._data, at)
        return int(value)

    def _inside(self, at: int, size: int, what: str) -> None:
        if at < 0 or at + size > len(self._data):
            raise ValueError(f"{what} lies outside the file")
