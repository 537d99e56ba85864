"""Ops that move or compare codes: every kernel family gives the same."""

from collections.abc import Callable, Sequence

from sr2tflite.errors import VerificationError
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.site import EIGHT_BITS, UP_TO_16_BITS, Codes, Site, quant
from sr2tflite.interpret.workers import Workers


def check_shared_16(site: Site) -> None:
    """As ``check_shared``, for ops that have int16 kernels too."""
    check_shared(site, UP_TO_16_BITS)


def check_shared(site: Site, expected: tuple[str, ...] = EIGHT_BITS) -> None:
    """Refuse tensors that do not share their quantization parameters: the kernels never rescale."""
    site.dtype(expected)
    site.one_scale_each(*site.inputs, site.output)
    wanted = quant(site.output)
    for tensor in site.inputs:
        if quant(tensor) != wanted:
            raise VerificationError(
                f"{site.op.kind} reads {tensor.quant} and writes {wanted}; expected equal scales", where=tensor.name
            )


def is_delegated(site: Site) -> bool:  # noqa: ARG001 - the protocol's
    """As good as yes: where XNNPACK takes a moving op and where it does not, the same bytes come out."""
    return True


def moved(move: Callable[..., Codes]) -> Run:
    """A kernel of a function of the inputs alone."""

    def run(operands: Sequence[Codes], workers: Workers) -> Codes:  # noqa: ARG001 - nothing to compute
        return move(*operands)

    return run
