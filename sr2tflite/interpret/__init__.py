"""The integer interpreter: a quantized deploy graph run with ``numerics/``, byte for byte as LiteRT runs its file.

``Interpreter(graph, family="xnnpack").run(codes)``. One op is one file of ``kernels``.
"""

from sr2tflite.interpret.interpreter import Interpreter
from sr2tflite.interpret.site import Family

__all__ = ["Family", "Interpreter"]
