"""What a person sees of an artifact: a summary, and its ops as a tree."""

from collections import Counter
from collections.abc import Iterator, Mapping

import click

from sr2tflite.cli import show, tables
from sr2tflite.commands.inspection import Costs, Holdings, Inspection, Said
from sr2tflite.graph.listing import ListedOp, ListedTensor, Listing
from sr2tflite.graph.model import Shape
from sr2tflite.numerics.qparams import QuantParams

MOST = 3
"""Scales, foreign ops and the like that are spelled out; JSON has them all."""


def inspection(found: Inspection, *, tree: bool) -> None:
    """The summary, the tree where it is asked for, and what to type next."""
    if found.kind == "run":
        _run(found)
    else:
        _file(found)
    for one in found.files or (found,):
        if tree and one.listing is not None:
            _tree(one, one.listing)
        if tree and one.holdings is not None:
            _weights(one.holdings)
    show.next_step(found.following)


def _file(found: Inspection) -> None:
    stored = [["file", f"{found.size_bytes:,} bytes, sha256 {found.sha256[:16]}…"]]
    rows = [*stored, *_held(found.holdings), *_ends(found), *_facts(found)]
    tables.table(["", found.words], rows, title=str(found.path), numbers=False)
    for line in found.unknown:
        click.echo(f"not known: {line}")


def _held(holdings: Holdings | None) -> Iterator[list[str]]:
    if holdings is None:
        return
    dtypes = ", ".join(
        dtype if count == len(holdings.weights) else f"{count} {dtype}" for dtype, count in holdings.dtypes.items()
    )
    yield ["tensors", f"{len(holdings.weights)}: {dtypes}"]
    if holdings.wrapper is not None:
        yield ["under", holdings.wrapper]
    for one in holdings.likenesses:
        told = {key: value for key, value in one.settings.items() if key not in one.assumed}
        yield [one.kind, f"{one.name}, known by {one.known_by}: {_settings(told)}"]
        if one.assumed:
            yield ["not told", _settings({key: one.settings[key] for key in one.assumed}) + " (default)"]


def _settings(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={value}" for key, value in settings.items())


def _weights(holdings: Holdings) -> None:
    rows = [[one.name, shape(one.shape), one.dtype] for one in holdings.weights]
    tables.table(["tensor", "shape", "type"], rows, numbers=False)


def _ends(found: Inspection) -> Iterator[list[str]]:
    if found.listing is None:
        return
    for what, names in (("input", found.listing.inputs), ("output", found.listing.outputs)):
        for name in names:
            yield [what, _tensor(found.listing.tensors[name])]


def _facts(found: Inspection) -> Iterator[list[str]]:
    listing, costs = found.listing, found.costs
    if listing is not None:
        yield ["ops", f"{len(listing.ops)}: {_counts(listing.ops)}"]
        if listing.foreign:
            yield ["foreign", _foreign(listing)]
    stored = f", {listing.constant_bytes:,} bytes" if listing else ""
    yield ["parameters", f"{found.parameters:,}{stored}"]
    if costs is not None:
        height, width = costs.size
        at = f"at {height}×{width}{'' if costs.is_fixed else ', which is free'}"
        yield ["MACs", f"{costs.macs:,} {at}; {costs.macs / costs.pixels:,.4g} an output pixel"]
        yield ["memory", _memory(costs)]
    if found.radius is not None:
        side = 2 * found.radius + 1
        yield ["receptive field", f"±{found.radius} pixels, {side}×{side}; ×{found.scale}"]
    yield from _said(found.said)


def _memory(costs: Costs) -> str:
    peak = costs.peak
    names = ", ".join(peak.held[:MOST]) + (" …" if len(peak.held) > MOST else "")
    mib = peak.size_bytes / 2**20
    return f"{peak.size_bytes:,} bytes ({mib:.1f} MiB) of activations at once, at {costs.peak_op} ({names})"


def _said(said: Said) -> Iterator[list[str]]:
    seen = [
        f"{what} {show.counted(ids, 'image')}"
        for what, ids in (("calibrated on", said.calibrated_on), ("trained on", said.trained_on))
        if ids
    ]
    if seen:
        yield ["has seen", ", ".join(seen)]
    if said.value_range is not None:
        yield ["white is", f"{said.value_range[1]:g}"]
    for key, value in said.metadata.items():
        if key == "student":  # told above, with its settings
            continue
        text = str(value)
        yield [f"says {key}", text if len(text) < 100 else f"{text[:99]}…"]


def _run(found: Inspection) -> None:
    rows = [
        [one.path.name, f"{one.size_bytes:,}", f"{one.parameters:,}", one.sha256[:12], one.words] for one in found.files
    ]
    tables.table([str(found.path), "bytes", "parameters", "sha256", "what"], rows, numbers=False)
    for line in found.unknown:
        click.echo(f"not known: {line}")


def _counts(ops: tuple[ListedOp, ...]) -> str:
    counts = Counter(op.kind for op in ops)
    return " ".join(kind if count == 1 else f"{kind}×{count}" for kind, count in counts.items())


def _foreign(listing: Listing) -> str:
    places = [f"op {op.index} {op.kind} ({', '.join(op.outputs)})" for op in listing.foreign]
    more = f" and {len(places) - MOST} more" if len(places) > MOST else ""
    return f"{'; '.join(places[:MOST])}{more}: outside the deploy graph's set"


def _tree(found: Inspection, listing: Listing) -> None:
    from rich.text import Text
    from rich.tree import Tree

    root = Tree(Text(str(found.path)))
    for op in listing.ops:
        said = ", ".join(f"{key} {_attribute(value)}" for key, value in op.attributes.items())
        version = "" if op.version is None else f" v{op.version}"
        macs = sum(found.costs.by_op.get(name, 0) for name in op.outputs) if found.costs else 0
        parts = [f"{op.index} {op.kind}{version}", said, f"{macs:,} MACs" if macs else ""]
        branch = root.add(Text("  ".join(part for part in parts if part) + ("  FOREIGN" if op.is_foreign else "")))
        for name in op.inputs:
            branch.add(Text(f"reads  {_tensor(listing.tensors[name])}"))
        for name in op.outputs:
            branch.add(Text(f"writes {_tensor(listing.tensors[name])}"))
    tables.print_wide(root)


def _attribute(value: object) -> str:
    return "×".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _tensor(tensor: ListedTensor) -> str:
    parts = [tensor.name, shape(tensor.shape), tensor.dtype]
    if tensor.quant is not None:
        parts.append(quant(tensor.quant))
    return "  ".join(parts)


def shape(sizes: Shape) -> str:
    """``1×?×?×3``."""
    return "×".join("?" if size is None else str(size) for size in sizes) or "scalar"


def quant(params: QuantParams) -> str:
    """Scale and zero point, or how many there are."""
    if (params.scale, params.zero_point) == ((1.0,), (-128,)):
        return "scale 1, zero point -128 (raw pixels − 128)"
    zeros = sorted(set(params.zero_point))
    points = f"zero point {zeros[0]}" if len(zeros) == 1 else f"zero points {zeros[0]} … {zeros[-1]}"
    if len(params.scale) == 1:
        return f"scale {params.scale[0]:.8g}, {points}"
    low, high = min(params.scale), max(params.scale)
    return f"{len(params.scale)} scales {low:.4g} … {high:.4g} along axis {params.axis}, {points}"
