"""The one door to onnxruntime."""

from typing import Any

from sr2tflite.errors import InputError

_REFUSALS = (
    "Fail",
    "InvalidArgument",
    "InvalidGraph",
    "InvalidProtobuf",
    "NoModel",
    "NotImplemented",
    "RuntimeException",
)
"""onnxruntime's exceptions for a file it cannot run; they share no base class."""


def open_session(data: bytes, where: str, threads: int = 1) -> Any:
    """An inference session on the CPU that computes what the ONNX standard says.

    Args:
        data: The file's bytes, weights inside.
        where: Its name, for messages.
        threads: For the kernels.

    Raises:
        InputError: onnxruntime refuses the file.
    """
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    refusals = tuple(getattr(state, name) for name in _REFUSALS)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Q and DQ are computed as the standard says: fused integer kernels saturate on some CPUs
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except refusals as error:
        raise InputError(f"onnxruntime refuses the file: {error}", where=where) from error
