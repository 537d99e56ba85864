"""ONNX files that were real once: ours, and other tools'; damaged in bytes, and in fields of the protobuf."""

from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import EncodeError
from kit.fuzz.tflite_mutants import FLOATS, TEXTS, WORDS, Random, mutant, small_networks

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph
from sr2tflite.graph import onnx as codec


@cache
def our_files() -> tuple[bytes, ...]:
    """Deploy graphs, float and QDQ."""
    written = (_written(graph) for graph in small_networks().values())
    return tuple(data for data in written if data is not None)


def _written(graph: Graph) -> bytes | None:
    try:
        return codec.write(graph)
    except UnsupportedError:  # not every op, and no uint8 file, has an ONNX spelling
        return None


@cache
def foreign_files() -> tuple[bytes, ...]:
    """What other tools write: the same networks without our notes."""
    return tuple(_forgotten(data) for data in our_files())


def _forgotten(data: bytes) -> bytes:
    model = onnx.ModelProto.FromString(data)
    del model.metadata_props[:]
    return bytes(model.SerializeToString())


def our_mutant(seed: int) -> bytes:
    """The damaged ``.onnx`` of ours of a number."""
    return mutant(seed, our_files(), damaged_fields)


def foreign_mutant(seed: int) -> bytes:
    """The damaged ``.onnx`` of another tool of a number."""
    return mutant(seed, foreign_files(), damaged_fields)


def damaged_fields(data: bytes, rng: Random) -> bytes:
    """One to three fields of the protobuf changed."""
    model = onnx.ModelProto.FromString(data)
    for _ in range(rng.integers(1, 4)):
        places = list(_places(model))
        with suppress(ValueError):  # the field cannot hold it
            _change(*places[rng.integers(len(places))], rng)
    try:
        return bytes(model.SerializeToString())
    except EncodeError:
        return data[:-1]


def _places(message: Any) -> Any:
    """Every field that is set, with its message."""
    for field, value in message.ListFields():
        yield message, field
        if field.message_type is not None:
            for part in value if field.is_repeated else [value]:
                yield from _places(part)


def _change(message: Any, field: Any, rng: Random) -> None:
    value = getattr(message, field.name)
    if field.is_repeated:
        _change_list(value, field.message_type is not None, rng)
    elif field.message_type is not None:
        message.ClearField(field.name)
    else:
        setattr(message, field.name, _other(value, rng))


def _change_list(values: Any, of_messages: bool, rng: Random) -> None:
    if not values:
        return
    here, there = (int(index) for index in rng.integers(len(values), size=2))
    match rng.integers(3):
        case 0:
            del values[here]
        case 1:
            values.append(values[here])
        case _ if of_messages:
            values[here].CopyFrom(values[there])
        case _:
            values[here] = _other(values[here], rng)


def _other(value: Any, rng: Random) -> Any:
    """A treacherous value of the same type, that its field can hold."""
    match value:
        case bool():
            return not value
        case int():
            return (
                int(np.int32(np.uint32(rng.choice(WORDS)))) if rng.random() < 0.5 else value + int(rng.integers(-2, 3))
            )
        case float():
            return float(np.float32(rng.choice(FLOATS)))
        case str():
            return str(rng.choice(TEXTS))
        case _:
            return value[: rng.integers(len(value) + 1)] + bytes(rng.integers(0, 256, rng.integers(4), np.uint8))
