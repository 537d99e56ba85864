"""Files that were real once: seeded damage to bytes, and to single fields where the format's own objects allow it."""

import struct
from collections.abc import Callable
from functools import cache
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from kit.graphs import float_sr_graph, per_tensor, quantized_sr_graph
from kit.one_op import CASES, one_op_graph, quantized_one_op_graph

from sr2tflite.graph import Graph, tflite
from sr2tflite.graph.passes.as_uint8 import as_uint8
from sr2tflite.graph.passes.file_io import with_io
from sr2tflite.graph.tflite.optable import NAME_OF_BUILTIN

Random = np.random.Generator

WORDS = (0, 1, 2, 3, 4, 7, 0x7F, 0x80, 0xFF, 0xFFFF, 2**16, 2**24, 2**28, 2**30, 2**31 - 1, 2**31, 2**32 - 4, 2**32 - 1)
FLOATS = (0.0, -0.0, -1.0, 1.0, np.nan, np.inf, -np.inf, 1e-45, 1e-38, 3e38, 2.0**-30, 2.0**20, 0.1)
TEXTS = ("", "x", "y", "input", "ü" * 50, "\0", "a" * 2000)


def small_networks() -> dict[str, Graph]:
    """Graphs of many kinds, none of them large."""
    found = {f"float {case}": one_op_graph(case) for case in CASES}
    found |= {f"int8 {case}": quantized_one_op_graph(case) for case in CASES}
    for skip in ("none", "add", "concat", "nearest"):
        found[f"network {skip}"] = quantized_sr_graph(4, 1, skip=skip)
    found["fixed network"] = quantized_sr_graph(4, 1, size=(6, 5))
    found["uint8 network"] = as_uint8(per_tensor(quantized_sr_graph(4, 1)))
    found["uint8 ends"] = with_io(quantized_sr_graph(4, 1), "uint8")
    found["float ends"] = with_io(quantized_sr_graph(4, 1), "float32")
    found["float network"] = float_sr_graph(4, 1)
    return found


@cache
def seed_files() -> tuple[bytes, ...]:
    """The ``.tflite`` files that are damaged."""
    return tuple(tflite.write(graph) for graph in small_networks().values())


def other_op(seed: int) -> bytes:
    """A file whose first op code is that of another op, known or not, its options left as they are or taken away."""
    files = seed_files()
    code, rest = seed % (max(NAME_OF_BUILTIN) + 2), seed // (max(NAME_OF_BUILTIN) + 2)
    model = schema.ModelT.InitFromPackedBuf(files[rest // 2 % len(files)], 0)
    model.operatorCodes[0].builtinCode, model.operatorCodes[0].deprecatedBuiltinCode = code, min(code, 127)
    if rest % 2:
        for op in model.subgraphs[0].operators:
            op.builtinOptionsType, op.builtinOptions = 0, None
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def mutant(seed: int, files: tuple[bytes, ...], fields: Callable[[bytes, Random], bytes]) -> bytes:
    """The damaged file of a number; half of them by bytes, half by fields."""
    rng = np.random.default_rng(seed)
    data = files[rng.integers(len(files))]
    if rng.random() < 0.5:
        return fields(data, rng)
    for _ in range(rng.integers(1, 4)):
        data = BYTE_DAMAGES[rng.integers(len(BYTE_DAMAGES))](data, files, rng)
    return data


def tflite_mutant(seed: int) -> bytes:
    """The damaged ``.tflite`` of a number."""
    return mutant(seed, seed_files(), damaged_fields)


def _flip(data: bytes, _files: tuple[bytes, ...], rng: Random) -> bytes:
    changed = bytearray(data)
    for position in rng.integers(0, max(len(data), 1), rng.integers(1, 5)):
        if changed:
            changed[position] ^= 1 << rng.integers(8)
    return bytes(changed)


def _word(data: bytes, _files: tuple[bytes, ...], rng: Random) -> bytes:
    """Offsets, counts and codes are words; most of them stand at the ends of the file."""
    changed = bytearray(data)
    reach = len(data) // 4 if rng.random() < 0.5 else min(len(data) // 4, 200)
    at = 4 * int(rng.integers(max(reach, 1)))
    size = int(rng.choice([1, 2, 4, 8]))
    word = int(rng.choice(WORDS)) if rng.random() < 0.7 else int(rng.integers(2**32))
    changed[at : at + size] = (word % 2 ** (8 * size)).to_bytes(size, "little")
    return bytes(changed)


def _cut(data: bytes, _files: tuple[bytes, ...], rng: Random) -> bytes:
    return data[: rng.integers(len(data) + 1)]


def _moved(data: bytes, _files: tuple[bytes, ...], rng: Random) -> bytes:
    """A piece of the file over another piece of it."""
    changed, length = bytearray(data), int(rng.integers(1, 64))
    here, there = rng.integers(0, max(len(data) - length, 1), 2)
    changed[here : here + length] = data[there : there + length]
    return bytes(changed)


def _left_out(data: bytes, _files: tuple[bytes, ...], rng: Random) -> bytes:
    at, length = int(rng.integers(len(data) + 1)), int(rng.integers(1, 32))
    return data[:at] + data[at + length :]


def _spliced(data: bytes, files: tuple[bytes, ...], rng: Random) -> bytes:
    other = files[rng.integers(len(files))]
    at = int(rng.integers(len(data) + 1))
    return data[:at] + other[at:]


BYTE_DAMAGES = (_flip, _word, _word, _cut, _moved, _left_out, _spliced)


def damaged_fields(data: bytes, rng: Random) -> bytes:
    """One to three fields of the schema's objects changed; tables, vectors and offsets stay whole."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    for _ in range(rng.integers(1, 4)):
        places = list(_places(model))
        owner, name, value = places[rng.integers(len(places))]
        setattr(owner, name, changed_value(value, rng, model))
    builder = flatbuffers.Builder(1024)
    try:
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    except (TypeError, AttributeError, ValueError, OverflowError, AssertionError, struct.error):
        return _flip(data, (data,), rng)  # the change has no place in the format
    return bytes(builder.Output())


def _places(value: Any) -> Any:
    """Every field of every object: its owner, name and value."""
    for name, field in vars(value).items():
        yield value, name, field
        for part in field if isinstance(field, list) else [field]:
            if hasattr(part, "Pack"):
                yield from _places(part)


def changed_value(value: Any, rng: Random, model: Any) -> Any:
    """Another value of the same kind, more likely a treacherous one."""
    match value:
        case bool():
            return not value
        case int():
            return int(rng.choice([*WORDS, -1, -2, value + 1, value - 1, int(rng.integers(256))]))
        case float():
            return float(rng.choice(FLOATS))
        case str() | bytes():
            return str(rng.choice(TEXTS))
        case np.ndarray():
            return _changed_array(value, rng)
        case list():
            return _changed_list(value, rng)
        case None:
            return None
        case _:
            others = [one for owner, _, one in _places(model) if isinstance(one, type(value))]
            return None if rng.random() < 0.5 else others[rng.integers(len(others))]


def _changed_array(value: np.ndarray, rng: Random) -> np.ndarray:
    kind = rng.integers(5)
    if kind == 0:
        return value[: rng.integers(len(value) + 1)]
    if kind == 1:
        return np.concatenate([value, value])[: len(value) + rng.integers(1, 4)]
    if kind == 2:
        return rng.permutation(value.copy())
    changed = value.copy()
    if len(changed):
        low, high = (0, 0) if value.dtype.kind == "f" else (np.iinfo(value.dtype).min, np.iinfo(value.dtype).max)
        wanted = rng.choice(FLOATS) if value.dtype.kind == "f" else rng.choice([*WORDS, -1, -2, -128, low, high])
        changed[rng.integers(len(changed))] = wanted if value.dtype.kind == "f" else np.clip(wanted, low, high)
    return changed


def _changed_list(value: list[Any], rng: Random) -> list[Any]:
    if not value:
        return value
    here, there = rng.integers(len(value), size=2)
    changed = list(value)
    match rng.integers(4):
        case 0:
            del changed[here]
        case 1:
            changed.insert(here, value[there])
        case 2:
            changed[here] = value[there]
        case _:
            changed[here], changed[there] = changed[there], changed[here]
    return changed
