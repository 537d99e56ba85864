"""LEAKY_RELU.

Must equal ``xnn_qs8_vlrelu_ukernel`` (``_qu8`` for uint8) under XNNPACK and ``reference_ops::QuantizeLeakyRelu``
(``kernels/internal/reference/leaky_relu.h``) under all other kernels, but for int16 on builtin ones
(``kernels/internal/optimized/integer_ops/leaky_relu.h``).
"""

from sr2tflite.graph import ops
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import check_affine_16, refuse_factors, scales, unary
from sr2tflite.interpret.site import Arithmetic, Site, limits
from sr2tflite.numerics import builtin, elementwise


def check(site: Site) -> None:
    check_affine_16(site)
    (x,), out = scales(site)
    refuse_factors(site, x / out, x * _slope(site) / out)


def _slope(site: Site) -> float:
    assert isinstance(site.op, ops.LeakyRelu)
    return site.op.alpha


def is_delegated(site: Site) -> bool:
    (x,), out = scales(site)
    return elementwise.leaky_relu_is_delegated(_slope(site), x, out)


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    (x,), out = scales(site)
    compute = elementwise.leaky_relu if arithmetic == "xnnpack" else builtin.leaky_relu
    if arithmetic == "builtin" and site.output.dtype == "int16":
        compute = builtin.leaky_relu_16
    return unary(site, lambda v: compute(v, _slope(site), x, out), limits(site.output))
