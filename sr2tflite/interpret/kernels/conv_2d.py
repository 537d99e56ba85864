"""CONV_2D: ``q = clip(round(m[c]·Σ (q_x − z_x)·(q_w − z_w) + b) + z)``; grouped, strided, dilated, SAME or VALID.

Must equal ``xnn_create_convolution2d_nhwc_qs8_qc8w`` (``_qu8`` for uint8) under XNNPACK and
``reference_integer_ops::ConvPerChannel`` (``kernels/internal/reference/integer_ops/conv.h``) under the reference
kernels. The builtin kernel is ruy's. int16 with int64 biases runs ``reference_integer_ops::ConvPerChannel`` of 16 bits
in every family, and int4 weights are unpacked to int8 first.
"""

from sr2tflite.interpret.kernels._conv import check_conv, prepare_conv
from sr2tflite.interpret.kernels._conv import has_normal_bias as is_delegated
from sr2tflite.interpret.site import Site

prepare = prepare_conv

__all__ = ["check", "is_delegated", "prepare"]


def check(site: Site) -> None:
    check_conv(site, axis=0)
