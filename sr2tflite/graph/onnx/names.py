"""The values that ONNX needs and the deploy graph has no tensor for: their names are a tensor's, with a suffix.

A quantized conv with a fused ReLU writes ``x``:
``Conv → x@linear → Relu → x@raw → QuantizeLinear → x@quantized → DequantizeLinear → x``.
"""

LINEAR = "@linear"
"""The result before a fused activation."""

RAW = "@raw"
"""The float result before it is quantized."""

QUANTIZED = "@quantized"
"""The codes."""

DEQUANTIZED = "@dequantized"
"""A quantized network input after its pair; the input's own name is the float image's."""

SCALE = "@scale"
ZERO_POINT = "@zero_point"
LOW = "@low"
HIGH = "@high"
FACTORS = "@factors"

SUFFIXES = (LINEAR, RAW, QUANTIZED, DEQUANTIZED, SCALE, ZERO_POINT, LOW, HIGH, FACTORS)
"""No tensor of a graph may end with one of these."""
