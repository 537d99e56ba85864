"""What LOGISTIC and TANH of int16 demand."""

from sr2tflite.errors import UnsupportedError, VerificationError
from sr2tflite.interpret.site import Site, affine, quant
from sr2tflite.numerics.sigmoid_table import LARGEST_SCALE, SCALE_OUT


def check_sigmoid(site: Site) -> None:
    """Refuse another output scale than the kernels write, and input scales that overflow them."""
    if affine(site.output)[0] != SCALE_OUT:
        raise VerificationError(
            f"{site.op.kind} writes {quant(site.output)}; expected scale 2^-15 and zero point 0",
            where=site.output.name,
        )
    scale = affine(site.inputs[0])[0]
    if scale >= LARGEST_SCALE:
        raise UnsupportedError(f"reads scale {scale:.3g}; expected under {LARGEST_SCALE:.3g}", where=site.where)
