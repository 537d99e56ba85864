"""``sr2tflite diff``: what two graphs differ in, down to the first tensor whose values do."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from sr2tflite.check import trace
from sr2tflite.check.comparison import Comparison, Opened, opened
from sr2tflite.check.engine import RuleResult, ask
from sr2tflite.check.finding import ErrorMap
from sr2tflite.check.profile import Profile
from sr2tflite.check.rules import RULES
from sr2tflite.errors import InputError, UnsupportedError, VerificationError
from sr2tflite.graph import Graph, Tensor
from sr2tflite.graph.ops import Opaque
from sr2tflite.graph.shapes import with_size
from sr2tflite.progress import Progress, silent

SCHEMA = "sr2tflite.diff/1"
"""Of the JSON; the number rises where a reader of the old form would misunderstand the new one."""

_RULES = ("same_ops", "same_scales", "same_weights", "same_biases")


@dataclass(frozen=True)
class End:
    """The input or the output, where the two differ in it."""

    what: str
    first: str
    second: str


@dataclass(frozen=True)
class Values:
    """What the two make of images."""

    seen: str
    """What was compared, or why nothing was."""

    first: ErrorMap | None = None
    """The first tensor that differs, in execution order."""


@dataclass(frozen=True)
class Diff:
    """Two artifacts, A and B, compared."""

    first: Opened
    second: Opened
    ends: tuple[End, ...]
    moved: tuple[str, ...]
    """Ops that only one of them has, in words: ``- RELU (A op 3)``."""

    rules: tuple[RuleResult, ...]
    """Of each, ``found`` is what B has and ``expected`` what A has."""

    values: Values

    @property
    def is_equal(self) -> bool:
        findings = any(rule.checked.findings for rule in self.rules)
        return not (self.ends or self.moved or findings or self.values.first)

    @property
    def following(self) -> str:
        """What to type next."""
        return f"sr2tflite inspect {shlex.quote(str(self.second.path))} --tree"

    def to_json(self) -> dict[str, Any]:
        """Plain data; ``schema`` names its form."""
        first = self.values.first
        return {
            "schema": SCHEMA,
            "a": _side(self.first),
            "b": _side(self.second),
            "equal": self.is_equal,
            "ends": [vars(end) for end in self.ends],
            "ops": list(self.moved),
            "rules": [rule.to_json() for rule in self.rules],
            "values": {
                "seen": self.values.seen,
                "first": None
                if first is None
                else {
                    "tensor": first.place.tensor,
                    "op": first.place.op,
                    "image": first.image,
                    "differ": first.differ,
                    "values": first.values,
                    "largest": first.largest,
                },
            },
            "next": self.following,
        }


def _side(side: Opened) -> dict[str, Any]:
    return {"path": str(side.path), "sha256": side.sha256, "ops": side.graph.summary()}


def diff(
    first: Path, second: Path, *, images: Sequence[Path] = (), limit: int = 4, progress: Progress = silent
) -> Diff:
    """Compare two files, ``.onnx`` or ``.tflite``.

    Args:
        first: A, what it was.
        second: B, what it is now.
        images: Images or folders of them to run both on; none for generated ones and the project's photographs.
        limit: At most so many photographs.
        progress: Told what is compared.

    Raises:
        InputError: A file is damaged or of another kind, or an image cannot be read.
        UnsupportedError: A file holds what the deploy graph cannot, or does not take and give one image.
    """
    sides = opened(first), opened(second)
    case = Comparison(*sides, folders=images, limit=limit, progress=progress)
    profile = Profile(
        name="diff", question="Are the two the same?", challenge=None, rules=tuple(map(RULES.parse, _RULES))
    )
    found = ask(profile, case)
    old, new = (side.graph for side in sides)
    return Diff(*sides, tuple(_ends(old, new)), tuple(_moved(old, new)), found.rules, _values(case))


def _ends(old: Graph, new: Graph) -> list[End]:
    """Free sizes fit any."""
    found = []
    for what, a, b in (("input", old.input, new.input), ("output", old.output, new.output)):
        same = (a.dtype, a.quant, len(a.shape)) == (b.dtype, b.quant, len(b.shape))
        fits = all(None in pair or pair[0] == pair[1] for pair in zip(a.shape, b.shape, strict=False))
        if not (same and fits):
            found.append(End(what, _end(a), _end(b)))
    if old.value_range != new.value_range:
        found.append(End("white", f"{old.value_range[1]:g}", f"{new.value_range[1]:g}"))
    return found


def _end(tensor: Tensor) -> str:
    shape = "×".join("?" if size is None else str(size) for size in tensor.shape)
    scale = "" if tensor.quant is None else f", scale {tensor.quant.scale[0]:.8g}, zero {tensor.quant.zero_point[0]}"
    return f"{tensor.dtype} {shape}{scale}"


def _moved(old: Graph, new: Graph) -> list[str]:
    """Ops that only one has, by their order alone."""
    kinds = [[getattr(node.op, "name", node.op.kind) for node in graph.nodes] for graph in (old, new)]
    found = []
    for tag, a, a_end, b, b_end in SequenceMatcher(None, kinds[0], kinds[1], autojunk=False).get_opcodes():
        if tag != "equal":
            found += [f"- {kinds[0][at]} {', '.join(old.nodes[at].outputs)} (A op {at})" for at in range(a, a_end)]
            found += [f"+ {kinds[1][at]} {', '.join(new.nodes[at].outputs)} (B op {at})" for at in range(b, b_end)]
    return found


def _values(case: Comparison) -> Values:
    """The first tensor whose values differ on an image, and the first image on which one does."""
    expected, graph = case.pairing.expected, case.graph
    ends = [(one.input.dtype, one.input.channels, one.value_range) for one in (expected, graph)]
    if ends[0] != ends[1]:
        return Values("not compared: the two take different images")
    if any(isinstance(node.op, Opaque) for one in (expected, graph) for node in one.nodes):
        return Values("not compared: an op is outside the deploy graph's set")
    if expected.is_quantized != graph.is_quantized:
        return Values("not compared: one is float; sr2tflite budget says what quantization costs")
    find = trace.first_against_expected if graph.is_quantized else trace.first_in_runtime
    sized = expected if case.free is None else with_size(expected, None, None)
    images = case.samples.images
    try:
        for done, sample in enumerate(images):
            case.progress("comparing", done, len(images), sample.name)
            if found := find(case, sample, sized):
                return Values(f"image {sample.name}", found)
    except (InputError, UnsupportedError, VerificationError) as error:  # a size that one of them does not take, too
        return Values(f"not compared: {error.where}: {error.message}")
    return Values(f"0 values of {len(case.pairing.matched())} tensors differ, {case.samples.words}")
