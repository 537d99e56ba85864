"""What a person sees of two networks: what differs, A's first, and a verdict."""

import click

from sr2tflite.check.finding import Place
from sr2tflite.cli import show, tables
from sr2tflite.commands.diff import Diff

MOST = 8
"""Differences of one kind that are shown; JSON has them all."""

_WHAT = {"same_ops": "ops", "same_scales": "scales", "same_weights": "weights", "same_biases": "biases"}


def diff(found: Diff) -> None:
    """Kind by kind, then the values."""
    sides = found.first, found.second
    rows = [
        ["file", *(str(one.path) for one in sides)],
        ["sha256", *(one.sha256[:16] for one in sides)],
        ["ops", *(one.graph.summary() for one in sides)],
    ]
    tables.table(["", "A", "B"], rows, numbers=False)
    for line in _cut([f"{end.what}: A {end.first}, B {end.second}" for end in found.ends]):
        click.echo(line)
    for line in _cut(list(found.moved)):
        click.echo(line)
    mixed = found.first.graph.is_quantized != found.second.graph.is_quantized
    for rule in found.rules:
        what = _WHAT[rule.rule]
        if mixed and rule.rule != "same_ops":
            click.echo(f"{what}: one is float")
            continue
        lines = [f"{what}: {_place(one.where)}: {one.found} in B, {one.expected} in A" for one in rule.checked.findings]
        for line in _cut(lines) or [f"{what}: {rule.checked.seen}"]:
            click.echo(line)
    first = found.values.first
    if first is None:
        click.echo(f"values: {found.values.seen}")
    else:
        click.echo(f"values: first at {_place(first.place)}, image {first.image}: {first.line()}")
    click.echo("A and B are equal" if found.is_equal else "A and B differ")
    show.next_step(found.following)


def _place(place: Place) -> str:
    """With A's name of the tensor where that is another one."""
    return str(place).replace("(yours: ", "(A: ")


def _cut(lines: list[str]) -> list[str]:
    more = len(lines) - MOST
    return lines if more <= 0 else [*lines[:MOST], f"{lines[0].split(':')[0]}: and {more} more (--json lists them)"]
