"""Files that ask TensorFlow itself to run an op: neither this machine's runtime nor a phone's tool has it."""

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph.tflite.flat import open_model

FLEX = "Flex"
"""What the names of TensorFlow ops begin with that a file asks TensorFlow itself to run."""


def refuse_flex(content: bytes, where: str) -> None:
    """See to it that a file needs no TensorFlow at run time.

    Raises:
        UnsupportedError: It does; ``where`` is its first such node.
        InputError: It is no TFLite file.
    """
    ops = [(index, op.custom) for index, op in enumerate(open_model(content, where).ops)]
    found = [(index, name) for index, name in ops if name.startswith(FLEX)]
    if found:
        index, name = found[0]
        names = ", ".join(sorted({name for _, name in found}))
        raise UnsupportedError(
            f"{name} is TensorFlow's own op; expected ops of TFLite alone (in all: {names})",
            where=f"{where}: op {index}",
            hint="`sr2tflite export` writes a file without Flex ops",
        )
