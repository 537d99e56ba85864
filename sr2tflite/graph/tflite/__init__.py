"""The TFLite codec: ``write(graph) -> bytes`` and ``read(data, where) -> Graph``, each the other's inverse.

Equal graphs give equal bytes. What the format has no place for travels in a metadata entry named ``sr2tflite``.
"""

from sr2tflite.graph.tflite.admission import admit
from sr2tflite.graph.tflite.reader import names_of, read
from sr2tflite.graph.tflite.writer import write

__all__ = ["admit", "names_of", "read", "write"]
