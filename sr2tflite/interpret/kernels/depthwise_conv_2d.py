"""DEPTHWISE_CONV_2D: as CONV_2D, each output channel from one input channel.

Must equal ``xnn_create_convolution2d_nhwc_qs8_qc8w`` with as many groups as channels under XNNPACK, and
``reference_integer_ops::DepthwiseConvPerChannel`` (``kernels/internal/reference/integer_ops/depthwise_conv.h``) under
the reference kernels; the builtin kernel rounds as the reference does.
"""

from sr2tflite.interpret.kernels._conv import check_conv, is_delegated, prepare_conv
from sr2tflite.interpret.site import Site

prepare = prepare_conv

__all__ = ["check", "is_delegated", "prepare"]


def check(site: Site) -> None:
    check_conv(site, axis=3)
