"""Which tensor is the first that differs, in execution order."""

from sr2tflite.check.case import Case, Codes
from sr2tflite.check.finding import ErrorMap, error_map
from sr2tflite.check.images import Sample
from sr2tflite.graph import Graph, tflite
from sr2tflite.graph.shapes import with_size
from sr2tflite.interpret import Family, Interpreter
from sr2tflite.runtime import Kernels, LiteRT


def first_against_runtime(case: Case, sample: Sample, family: Family) -> ErrorMap | None:
    """The first activation that the interpreter and LiteRT do not agree on; None where they agree on all.

    LiteRT shows no tensor inside a delegate: a file that ends there is written for each.
    """
    graph, codes = case.graph, case.codes(sample.pixels)
    if case.free is not None:
        graph = with_size(graph, *codes.shape[1:3])
    for node, (name, ours) in zip(
        graph.nodes, Interpreter(graph, family, case.threads).activations(codes), strict=True
    ):
        theirs = LiteRT(tflite.write(ending_at(graph, name)), Kernels(family), case.threads).run(codes)
        if found := error_map(theirs, ours, case.place(node), sample.name, sample.pixels):
            return found
    return None


def first_against_expected(case: Case, sample: Sample, expected: Graph) -> ErrorMap | None:
    """The first activation of the file that is not the expected graph's; both are interpreted.

    Args:
        case: The file.
        sample: The image.
        expected: With free height and width where the file's graph has them.
    """
    graph, codes = case.free or case.graph, case.codes(sample.pixels)
    pairs = {node.output: other for node, other in case.pairing.matched()}
    places = {other.output: node.output for node, other in case.pairing.matched()}
    wanted = {
        name: value for name, value in Interpreter(expected, threads=case.threads).activations(codes) if name in pairs
    }
    for name, value in Interpreter(graph, threads=case.threads).activations(codes):
        if name in places and (found := _difference(case, value, wanted, places[name], sample)):
            return found
    return None


def first_in_runtime(case: Case, sample: Sample, expected: Graph) -> ErrorMap | None:
    """The same by LiteRT, which knows floats too: for every pair of activations two files are written that end there.

    Args:
        case: The file.
        sample: The image.
        expected: With free height and width where the file's graph has them.
    """
    codes = case.codes(sample.pixels)
    height, width = codes.shape[1:3]
    graph = case.graph if case.free is None else with_size(case.graph, height, width)
    expected = expected if case.free is None else with_size(expected, height, width)
    for node, other in case.pairing.matched():
        theirs, ours = (
            LiteRT(tflite.write(ending_at(whole, name)), threads=case.threads).run(codes)
            for whole, name in ((graph, other.output), (expected, node.output))
        )
        if theirs.shape == ours.shape and (
            found := error_map(theirs, ours, case.place(other), sample.name, sample.pixels)
        ):
            return found
    return None


def _difference(case: Case, value: Codes, wanted: dict[str, Codes], name: str, sample: Sample) -> ErrorMap | None:
    node = case.pairing.walk.pairs[name]
    assert node is not None
    if value.shape != wanted[name].shape:
        return None
    return error_map(value, wanted[name], case.place(node), sample.name, sample.pixels)


def ending_at(graph: Graph, name: str) -> Graph:
    """The part of a graph that an activation is made of, as a graph of its own."""
    part = graph.copy()
    part.outputs, needed, nodes = (name,), {name}, []
    for node in reversed(graph.nodes):
        if needed & {*node.outputs}:
            needed.update(node.inputs)
            nodes.append(node)
    part.nodes = nodes[::-1]
    part.drop_unused()
    return part
