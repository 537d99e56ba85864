"""A quantized graph, run op by op."""

from collections.abc import Iterator, Mapping

from sr2tflite.errors import InputError
from sr2tflite.graph import Graph, Node
from sr2tflite.graph.validate import validate_at
from sr2tflite.interpret.kernels import Kernel, Run, kernel
from sr2tflite.interpret.site import Codes, Family, Site
from sr2tflite.interpret.workers import Workers


class Interpreter:
    """Runs a quantized graph in integers; every byte equals LiteRT's on the graph's file.

    Args:
        graph: Quantized; written here or read from any ``.tflite``. Its height and width may be free.
        family: Whose arithmetic. Under ``xnnpack``, ops that XNNPACK does not take run LiteRT's builtin kernels.
        threads: How many work on one image; the result is the same.

    Raises:
        UnsupportedError: An op has no kernel, or its tensors fit none.
        VerificationError: Scales or codes break TFLite's INT8 specification.
    """

    def __init__(self, graph: Graph, family: Family = "xnnpack", threads: int = 1) -> None:
        self.graph = graph
        self.family: Family = family
        self._workers = Workers(threads)
        self._runs = [_runs(graph, node, family) for node in graph.nodes]
        self._last_reader = {name: node for node in graph.nodes for name in node.inputs}

    def run(self, codes: Codes) -> Codes:
        """The output of the graph.

        Args:
            codes: The input, NHWC, of the input tensor's type.
        """
        *_, (_, output) = self.activations(codes)
        return output

    def activations(self, codes: Codes, given: Mapping[str, Codes] | None = None) -> Iterator[tuple[str, Codes]]:
        """Every activation by name, in execution order; the graph's output comes last.

        Args:
            codes: The input, NHWC, of the input tensor's type.
            given: Activations that are taken as they are instead of being computed.
        """
        given = given or {}
        values = {name: tensor.data for name, tensor in self.graph.tensors.items() if tensor.data is not None}
        values[self.graph.input.name] = self._checked(codes)
        for node, runs in zip(self.graph.nodes, self._runs, strict=True):
            for name, run in zip(node.outputs, runs, strict=True):
                values[name] = given[name] if name in given else run([values[x] for x in node.inputs], self._workers)
                if name != self.graph.output.name:
                    yield name, values[name]
            for read in {*node.inputs, *node.outputs}:
                if self._last_reader.get(read) is node and read != self.graph.output.name:
                    del values[read]
        yield self.graph.output.name, values[self.graph.output.name]

    def _checked(self, codes: Codes) -> Codes:
        wanted = self.graph.input
        fits = codes.ndim == len(wanted.shape) and all(
            size is None or size == found for size, found in zip(wanted.shape, codes.shape, strict=True)
        )
        if codes.dtype.name != wanted.dtype or not fits:
            raise InputError(
                f"input is {codes.dtype.name} {codes.shape}; expected {wanted.dtype} {wanted.shape}", where=wanted.name
            )
        if None in wanted.shape:
            validate_at(self.graph, codes.shape)
        return codes


def _runs(graph: Graph, node: Node, family: Family) -> list[Run]:
    """One for each output of the node."""
    if not node.outputs:
        raise InputError(f"op {getattr(node.op, 'name', node.op.kind)} writes nothing", where=graph.name)
    found = kernel(node.op, _place(node))
    return [_prepare(found, Site.of(graph, node, position), family) for position in range(len(node.outputs))]


def _prepare(found: Kernel, site: Site, family: Family) -> Run:
    found.check(site)
    is_left = family == "xnnpack" and not (site.fits_xnnpack and found.is_delegated(site))
    return found.prepare(site, "builtin" if is_left else family)


def _place(node: Node) -> str:
    return ", ".join(node.outputs)
