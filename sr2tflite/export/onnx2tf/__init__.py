"""The road the ecosystem knows: QDQ or float ONNX → onnx2tf → TFLiteConverter, in a process of its own.

TensorFlow and onnx2tf are the extra ``onnx2tf``; only ``worker`` and ``handlers``, which the child process runs, import
them. The child's file is judged by what it holds (``sr2tflite.export.proof``), not by how the child ended.
"""

from sr2tflite.export.onnx2tf.child import INSTALL, convert, is_installed, require

__all__ = ["INSTALL", "convert", "is_installed", "require"]
