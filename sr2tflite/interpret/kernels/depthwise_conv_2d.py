"""DEPTHWISE_CONV_2D: as CONV_2D, each output channel from one input channel.

Must equal ``xnn_create_convolution2d_nhwc_qs8_qc8w`` with as many groups as channels under XNNPACK, and
``reference_integer_ops::DepthwiseConvPerChannel`` (``kernels/internal/reference/integer_ops/depthwise_conv.h``) under
the reference kernels; the builtin kernel rounds as the reference does. int16 runs the reference in every family. int4
weights are unpacked to int8 first; the reference kernels are not registered for them.
"""

from sr2tflite.errors import UnsupportedError
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._conv import check_conv, prepare_conv
from sr2tflite.interpret.kernels._conv import has_normal_bias as is_delegated
from sr2tflite.interpret.site import Arithmetic, Site

__all__ = ["check", "is_delegated", "prepare"]


def check(site: Site) -> None:
    check_conv(site, axis=3)


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    if arithmetic == "reference" and site.inputs[1].dtype == "int4":
        raise UnsupportedError("has int4 weights; the reference kernels know int8 and uint8", where=site.where)
    return prepare_conv(site, arithmetic)
