"""The file's ops are those of the network it was made from, joined the same way."""

from collections.abc import Iterator
from typing import ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Finding, Place
from sr2tflite.check.rules import RULES, Checked, Rule
from sr2tflite.check.rules._constants import again
from sr2tflite.export.match import canonical
from sr2tflite.graph import Graph, Node, Op


@RULES.register("same_ops")
class SameOps(Rule):
    """Walked from output to input, both have the same ops with the same attributes, reading the same tensors."""

    title: ClassVar[str] = "ops are those of the other file"
    compares: ClassVar[bool] = True

    def check(self, case: Case) -> Checked:
        """Walk both graphs."""
        graph, pairing = case.graph, case.pairing
        findings = list(self._meetings(case))
        findings += [found for node in pairing.expected.nodes if (found := self._compare(case, node))]
        if len(graph.nodes) != len(pairing.expected.nodes):
            summaries = graph.summary(), pairing.expected.summary()
            findings.append(self.finding(Place(), f"ops {summaries[0]}", summaries[1]))
        findings += self._ends(graph, pairing.expected)
        same = sum(pairing.walk.pairs.get(node.output) is not None for node in pairing.expected.nodes)
        return Checked(f"{same}/{len(pairing.expected.nodes)} ops met: {graph.summary()}", tuple(findings))

    def _meetings(self, case: Case) -> Iterator[Finding]:
        """Ops that read one tensor of the file for two of the expected graph, from the output up as they were met."""
        met: dict[str, str] = {}
        for node, other in reversed(case.pairing.matched()):
            for name, found in zip(node.inputs, other.inputs, strict=True):
                if not case.pairing.expected.tensors[name].is_constant and met.setdefault(found, name) != name:
                    said = f"reads {found} for {met[found]} and for {name}"
                    yield self.finding(case.place(other), said, "two tensors", hint=again(case))

    def _compare(self, case: Case, node: Node) -> Finding | None:
        """A node that was met on the walk; what lies behind a difference is not."""
        walk, expected = case.pairing.walk, case.pairing.expected
        if node.output not in walk.pairs:
            return None
        other = walk.pairs[node.output]
        if other is None:
            place = Place(tensor=walk.places[node.output], yours=node.output)
            return self.finding(place, "no op writes it", f"{node.op}")
        ours, theirs = canonical(other.op, case.graph, other), canonical(node.op, expected, node)
        if ours != theirs or len(other.inputs) != len(node.inputs):
            return self.finding(case.place(other), *_apart(ours, theirs, other, node), hint=again(case))
        for name, found in zip(node.inputs, other.inputs, strict=True):
            wanted = walk.places.get(name, found)  # without a place it lies behind a difference
            if not expected.tensors[name].is_constant and wanted != found:
                return self.finding(case.place(other), f"reads {found}", f"what stands for {name}, {wanted}")
        return None

    def _ends(self, graph: Graph, expected: Graph) -> list[Finding]:
        shapes = (graph.input.shape, expected.input.shape), (graph.output.shape, expected.output.shape)
        names = graph.inputs[0], graph.outputs[0]
        return [
            self.finding(Place(tensor=name), f"shape {found}", f"{wanted}")
            for name, (found, wanted) in zip(names, shapes, strict=True)
            if len(found) != len(wanted) or found[-1:] != wanted[-1:]
        ]


def _apart(found: Op, wanted: Op, other: Node, node: Node) -> tuple[str, str]:
    """What two ops differ in."""
    if found.kind != wanted.kind:
        return f"is {getattr(found, 'name', found.kind)}", f"{getattr(wanted, 'name', wanted.kind)}"
    ours, theirs = vars(found), vars(wanted)
    names = [name for name in theirs if ours.get(name) != theirs[name]]
    if not names:
        return f"reads {len(other.inputs)} tensors", f"{len(node.inputs)}"
    return tuple(", ".join(f"{name} {one[name]}" for name in names) for one in (ours, theirs))  # type: ignore[return-value]
