"""LiteRT's C interface by ctypes: a compiled model that profiles itself, which the Python package does not offer.

The interface is LiteRT's own affair and changes between releases, so that what is needed is asked for by symbol and not
by version, and whatever is missing or answers otherwise than expected ends in :class:`NoProfiler`.
"""

import ctypes
import os
from ctypes import byref, c_bool, c_char_p, c_int, c_int32, c_size_t, c_uint64, c_void_p
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

NEEDED = (
    "LiteRtCompiledModelGetProfiler",
    "LiteRtCompiledModelResizeInputTensorNonStrict",
    "LiteRtCreateOpaqueOptions",
    "LiteRtGetCompiledModelOutputTensorLayouts",
    "LiteRtGetProfilerEvents",
    "LiteRtResetProfiler",
    "LiteRtStartProfiler",
)
"""Symbols of the releases whose options are text, and models belong to an environment."""

CPU = 1


class NoProfiler(Exception):  # noqa: N818  # an answer, not a failure
    """This LiteRT lets nobody profile it this way; the message says why."""


class Event(ctypes.Structure):
    """``ProfiledEventData`` of litert_profiler_event.h; times in µs."""

    _fields_ = (
        ("tag", c_char_p),
        ("kind", c_int),
        ("start_us", c_uint64),
        ("elapsed_us", c_uint64),
        ("memory_before", c_size_t * 3),
        ("memory_after", c_size_t * 3),
        ("node", c_uint64),
        ("other", c_uint64),
        ("source", c_int),
    )


class Layout(ctypes.Structure):
    """``LiteRtLayout``: the rank in the low seven bits of its first word."""

    _fields_ = (("rank", ctypes.c_uint32), ("sizes", c_int32 * 8), ("strides", ctypes.c_uint32 * 8))


class TensorType(ctypes.Structure):
    """``LiteRtRankedTensorType``."""

    _fields_ = (("element", c_int), ("layout", Layout))


def library() -> ctypes.CDLL:
    """LiteRT's shared library, with all symbols that are needed.

    Raises:
        NoProfiler: It is not there, or lacks some.
    """
    path = Path(str(distribution("ai-edge-litert").locate_file("ai_edge_litert/libLiteRt.so")))
    if not path.is_file():
        raise NoProfiler("the package has no libLiteRt.so")
    loaded = ctypes.CDLL(str(path))
    for name in NEEDED:
        if not hasattr(loaded, name):
            raise NoProfiler(f"it has no {name}")
    return loaded


class ProfiledModel:
    """A model with one input and one output on the CPU, which tells the time of each op.

    Args:
        path: The ``.tflite`` file.
        size: Height and width; None is the file's own.
        threads: Of XNNPACK.

    Raises:
        NoProfiler: Some call fails.
    """

    def __init__(self, path: Path, size: tuple[int, int] | None, threads: int) -> None:
        self._library = library()
        self._environment = self._new("LiteRtCreateEnvironment", c_int(0), None)
        model = self._new("LiteRtCreateModelFromFile", self._environment, os.fsencode(path))
        options = self._new("LiteRtCreateOptions")
        self._call("LiteRtSetOptionsHardwareAccelerators", options, c_int(CPU))
        self._tell(options, b"runtime_options_string", b"enable_profiling = true\n")
        self._tell(options, b"xnnpack", b"num_threads = %d\n" % threads)
        self._compiled = self._new("LiteRtCreateCompiledModel", self._environment, model, options)
        self._profiler = self._new("LiteRtCompiledModelGetProfiler", self._compiled)
        signature = self._new("LiteRtGetModelSignature", model, c_size_t(0))
        self.input_type = self._type("Input", signature)
        output_type = self._type("Output", signature)
        if size is not None:
            self._resize(size)
        self._call("LiteRtGetCompiledModelOutputTensorLayouts", self._compiled, c_size_t(0), c_size_t(1), byref(output_type.layout), c_bool(True))  # fmt: skip  # noqa: E501
        self._inputs = self._buffer("Input", self.input_type)
        self._outputs = self._buffer("Output", output_type)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the input."""
        layout = self.input_type.layout
        return tuple(layout.sizes[: layout.rank & 0x7F])

    def feed(self, content: bytes) -> None:
        """Put in the input, raw."""
        place = c_void_p()
        self._call("LiteRtLockTensorBuffer", c_void_p(self._inputs[0]), byref(place), c_int(1))
        assert place.value is not None
        ctypes.memmove(place.value, content, len(content))
        self._call("LiteRtUnlockTensorBuffer", c_void_p(self._inputs[0]))

    def run(self) -> None:
        one = c_size_t(1)
        self._call("LiteRtRunCompiledModel", self._compiled, c_size_t(0), one, self._inputs, one, self._outputs)

    def events(self) -> list[Event]:
        """What happened in one inference."""
        self._call("LiteRtResetProfiler", self._profiler)
        self._call("LiteRtStartProfiler", self._profiler)
        self.run()
        self._call("LiteRtStopProfiler", self._profiler)
        count = c_int()
        self._call("LiteRtGetNumProfilerEvents", self._profiler, byref(count))
        found = (Event * max(count.value, 1))()
        self._call("LiteRtGetProfilerEvents", self._profiler, count, found)
        return list(found)[: count.value]

    def _call(self, name: str, *arguments: Any) -> None:
        if not hasattr(self._library, name):
            raise NoProfiler(f"it has no {name}")
        if status := getattr(self._library, name)(*arguments):
            raise NoProfiler(f"{name} answers with status {status}")

    def _new(self, name: str, *arguments: Any) -> c_void_p:
        handle = c_void_p()
        self._call(name, *arguments, byref(handle))
        return handle

    def _tell(self, options: c_void_p, kind: bytes, text: bytes) -> None:
        """Add options, as TOML; LiteRT frees the text with C's ``free``."""
        libc = ctypes.CDLL(None)
        libc.strdup.restype = c_void_p
        payload, free = c_void_p(libc.strdup(text)), ctypes.cast(libc.free, c_void_p)
        self._call("LiteRtAddOpaqueOptions", options, self._new("LiteRtCreateOpaqueOptions", kind, payload, free))

    def _type(self, side: str, signature: c_void_p) -> TensorType:
        count = c_size_t()
        self._call(f"LiteRtGetNumSignature{side}s", signature, byref(count))
        if count.value != 1:
            raise NoProfiler(f"the file has {count.value} {side.lower()}s; expected one")
        tensor, found = self._new(f"LiteRtGetSignature{side}TensorByIndex", signature, c_size_t(0)), TensorType()
        self._call("LiteRtGetRankedTensorType", tensor, byref(found))
        return found

    def _resize(self, size: tuple[int, int]) -> None:
        sizes = self.input_type.layout.sizes
        sizes[0], sizes[1], sizes[2] = 1, *size
        shape = (c_int * 4)(*sizes[:4])
        self._call("LiteRtCompiledModelResizeInputTensorNonStrict", self._compiled, c_size_t(0), c_size_t(0), shape, c_size_t(4))  # fmt: skip  # noqa: E501

    def _buffer(self, side: str, kind: TensorType) -> Any:
        needs = self._new(f"LiteRtGetCompiledModel{side}BufferRequirements", self._compiled, c_size_t(0), c_size_t(0))
        name = "LiteRtCreateManagedTensorBufferFromRequirements"
        return (c_void_p * 1)(self._new(name, self._environment, byref(kind), needs).value)
