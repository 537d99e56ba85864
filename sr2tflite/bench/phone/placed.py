"""Where a file ran on a phone: what was asked for against what the log says was obtained."""

from collections.abc import Sequence

from sr2tflite.bench.phone.delegates import Delegate
from sr2tflite.bench.phone.op_table import OpRow
from sr2tflite.bench.phone.tool_log import Log, Replaced
from sr2tflite.bench.result import OpTime, Placement


def placement(delegate: Delegate, log: Log, nodes: int, *, is_xnnpack: bool, rows: Sequence[OpRow] = ()) -> Placement:
    """What a log tells of where the nodes ran.

    Args:
        delegate: What was asked for.
        log: What the tool said.
        nodes: Of the file.
        is_xnnpack: Whether the processor's kernels are XNNPACK's.
        rows: Of a profile; without them it is not known which ops were left out.
    """
    processor = "xnnpack" if is_xnnpack else "builtin"
    asked = processor if delegate.unit == "cpu" else delegate.unit
    if delegate.unit == "cpu" and not is_xnnpack:
        return Placement(asked, asked, nodes, 0, 0, _outside(rows))
    mine = [one for one in log.replaced if _is_xnnpack(one.delegate) == (delegate.unit == "cpu") and not one.subgraph]
    declined = [name for name in log.declined if _is_xnnpack(name) == (delegate.unit == "cpu")]
    if declined or (log.fully_accelerated is False and delegate.unit != "cpu" and not mine):
        return Placement(asked, _instead(log, delegate, processor), nodes, 0, 0, _outside(rows), fell_back=True)
    taken = _last(mine)
    if taken is not None:
        whole = taken.of if taken.of is not None else nodes
        obtained = asked if taken.nodes else _instead(log, delegate, processor)
        return Placement(
            asked, obtained, whole, taken.nodes, taken.partitions, _outside(rows), fell_back=not taken.nodes
        )
    applied = [one for one in log.applied if _is_xnnpack(one.delegate) == (delegate.unit == "cpu")]
    is_whole = log.fully_accelerated or any(one.extent == "completely" for one in applied)
    made = delegate.unit == "cpu" and any(_is_xnnpack(name) for name in log.created)
    kernels = next((one.kernels for one in applied if one.kernels is not None), None)
    is_told = is_whole or applied or made
    return Placement(asked, asked if is_told else None, nodes, nodes if is_whole else None, kernels, _outside(rows))


def op_times(rows: Sequence[OpRow]) -> tuple[OpTime, ...]:
    """The ops of one inference: a delegate's node by the ops inside it, where the delegate tells them."""
    runs = [row for row in rows if row.section == "runs" and row.subgraph == 0]
    nodes = [row for row in runs if _is_node(row)]
    inside = [row for row in rows if row.subgraph == 0 and row.is_in_delegate]
    owner = nodes[0].kind if nodes else None
    times = []
    for row in runs:
        if row.is_in_delegate or (inside and _is_node(row)):
            continue
        times.append(OpTime(row.kind, row.kind if _is_node(row) else None, row.mean_ms, row.name))
    return (*times, *(OpTime(row.kind, owner, row.mean_ms, row.name) for row in inside))


def _outside(rows: Sequence[OpRow]) -> tuple[str, ...]:
    """The ops that the runtime's own kernels ran."""
    return tuple(one.op for one in op_times(rows) if one.delegate is None)


def _last(replaced: Sequence[Replaced]) -> Replaced | None:
    """The tool applies a delegate again after it set the input's size."""
    return replaced[-1] if replaced else None


def _instead(log: Log, delegate: Delegate, processor: str) -> str:
    """What ran the nodes that were declined."""
    if delegate.unit == "cpu":
        return "builtin"
    return processor if any(_is_xnnpack(one.delegate) and one.nodes for one in log.replaced) else "cpu"


def _is_node(row: OpRow) -> bool:
    """Whether a row is a delegate's node in the graph."""
    return "delegate" in row.kind.lower() and not row.is_in_delegate


def _is_xnnpack(name: str) -> bool:
    return "xnnpack" in name.lower()
