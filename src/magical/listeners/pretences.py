"""What a run made up, in words: which steps, what stands on them, and what could be written next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from magical.engine.artifacts import Record
from magical.engine.pretend_plan import KEY_OF
from magical.errors import Finding, listing
from magical.graph import Graph, Node
from magical.refs import links_of

__all__ = ["design_text", "pretended_lines"]

_FEW = 3
"""Of more steps than these only the names are told, which fit on a line."""


def pretended_lines(graph: Graph, records: Mapping[str, Record], *, left_out: bool = False) -> list[str]:
    """Say what was made up, what stands on that, and what could be written next; nothing if all is real.

    Args:
        graph: as it was run.
        records: what came of its nodes.
        left_out: whether nodes were left out, for want of something real.
    """
    made = [n for n in graph.nodes if n.name in records and n.name in records[n.name].origin]
    if not made:
        waits = left_out and any(n.facts.get("unwritten") for n in graph.nodes)
        return [f"Next: {_next(graph, made)}"] if waits else []
    names = {n.name for n in made}
    standing = [n for n, r in records.items() if n not in names and {*r.origin} & names]
    places = [f" ({'' if n.facts.get('pretended') else 'a wish in '}{n.where})" for n in made]
    few = len(made) <= _FEW
    told = [f"{n.name}{place if few else ''}" for n, place in zip(made, places, strict=True)]
    lines = [f"Pretended: {listing(told, 6)}."]
    lines += [f"  Standing on that: {listing(standing, 6)}."] if standing else []
    return [*lines, f"Next: {_next(graph, made)}"]


def design_text(findings: Sequence[Finding]) -> str:
    """Say where a design does not hold together, or that it does.

    Example:
        >>> print(design_text([Finding("WIRE001", "warning", "one", "is drawn, but nothing uses it.")]))
        Where the design does not hold together:
        warning WIRE001 one: is drawn, but nothing uses it.
    """
    if not findings:
        return "The design holds together."
    return "\n".join(["Where the design does not hold together:", *map(str, findings)])


def _next(graph: Graph, made: list[Node]) -> str:
    unwritten = {n.name for n in graph.nodes if n.facts.get("unwritten")}
    touched = {n.name for n in graph.nodes if n in made or n.facts.get("cut") or not made}
    waiting = [n for n in graph.nodes if n.name in unwritten & touched]
    free = [n for n in waiting if not (graph.ancestors([n.name]) & unwritten) - {n.name}] or waiting
    wishes = [n for n in made if not n.facts.get("pretended")]
    if not free:
        return f"fulfil the wish in {wishes[0].where}." if wishes else "magical run, with what is real."
    first, rest = free[0], [n.name for n in free[1:]]
    wires = [wire for name, wire in first.inputs.items() if not name.startswith(KEY_OF)]
    takes = listing(dict.fromkeys(str(link) for wire in wires for link in links_of(wire)), 4)
    text = f"write {first.name} ({first.where}): {f'{takes} → ' if takes else ''}{first.promise['text']}"
    return f"{text}; or {listing(rest, 3)}." if rest else f"{text}."
