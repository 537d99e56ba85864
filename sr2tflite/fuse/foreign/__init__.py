"""Any converter's ONNX as a torch module, so that it is fused like every other module.

The file's nodes are walked once, at the file's own size (or a probe's, where height and width are free):

- what no pixel reaches (constants, shapes, reshape targets) is computed by ONNX's own reference implementation,
- what only moves pixels (Reshape, Transpose, Slice, Expand, DepthToSpace, nearest Resize …) is followed as an array of
  indices, and where it ends in an image again it must be a movement that no size is part of (``movement``),
- every other node becomes one submodule named after it.

What results has no size in it and goes through ``fuse_module``. The original is run in onnxruntime beside it.
"""

from sr2tflite.fuse.foreign.fuse import fuse_onnx

__all__ = ["fuse_onnx"]
