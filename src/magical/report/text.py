"""What the command prints: texts and JSON of runs, plans, graphs and models."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from magical.brand import mark_not_real
from magical.engine.artifacts import Record
from magical.engine.journal import RunSummary
from magical.engine.plan import NodePlan
from magical.engine.pretend_plan import PARENT_INPUT_PREFIX
from magical.engine.protocols import Version
from magical.engine.run import RunResult
from magical.errors import Finding, join_names
from magical.graph import Graph, Node
from magical.refs import find_links
from magical.views.state_marks import STATE_STYLES

__all__ = [
    "design_text",
    "format_size",
    "format_table",
    "models_text",
    "plan_text",
    "pretended_lines",
    "run_text",
    "runs_text",
    "settings_text",
]

_MAX_PLACES = 3

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
        return [f"Next: {_describe_next_step(graph, made)}"] if waits else []
    names = {n.name for n in made}
    standing = [n for n, r in records.items() if n not in names and {*r.origin} & names]
    places = [f" ({'' if n.facts.get('pretended') else 'a wish in '}{n.where})" for n in made]
    few = len(made) <= _MAX_PLACES
    told = [f"{n.name}{place if few else ''}" for n, place in zip(made, places, strict=True)]
    lines = [f"Pretended: {join_names(told, 6)}."]
    lines += [f"  Standing on that: {join_names(standing, 6)}."] if standing else []
    return [*lines, f"Next: {_describe_next_step(graph, made)}"]


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


def _describe_next_step(graph: Graph, pretended: list[Node]) -> str:
    unwritten = {n.name for n in graph.nodes if n.facts.get("unwritten")}
    touched = {n.name for n in graph.nodes if n in pretended or n.facts.get("cut") or not pretended}
    waiting = [n for n in graph.nodes if n.name in unwritten & touched]
    free = [n for n in waiting if not (graph.ancestors([n.name]) & unwritten) - {n.name}] or waiting
    wishes = [n for n in pretended if not n.facts.get("pretended")]
    if not free:
        return f"fulfil the wish in {wishes[0].where}." if wishes else "magical run, with what is real."
    first, rest = free[0], [n.name for n in free[1:]]
    wires = [wire for name, wire in first.inputs.items() if not name.startswith(PARENT_INPUT_PREFIX)]
    takes = join_names(dict.fromkeys(str(link) for wire in wires for link in find_links(wire)), 4)
    text = f"write {first.name} ({first.where}): {f'{takes} → ' if takes else ''}{first.promise['text']}"
    return f"{text}; or {join_names(rest, 3)}." if rest else f"{text}."


SizeLookup = Callable[[str], int]


def run_text(
    graph: Graph,
    result: RunResult,
    project_options: str = "",
    format_trace: Callable[[BaseException], list[str]] = lambda error: [],
    run_options: str = "",
) -> str:
    """Say what came of a run.

    Args:
        graph: what was run.
        result: what came of it.
        option: what the commands to look further need.
        trace: gives the lines to show below an error's message.
        again: what else a command needs to look at this very run's results: its settings, its sample.
    """
    lines = [str(f) for f in graph.findings]
    for name, error in result.errors.items():
        lines += [
            _prepend_step(name, str(error)) if len(result.errors) > 1 else str(error),
            *format_trace(error),
        ]
    lines += [f"{n} is pending: {_strip_step(graph, n, text)}" for n, text in result.pending.items()]
    if result.pending:
        lines.append(f"Hint: magical sync{project_options} does it, once that answers again.")
    lines.append(f"{graph.workflow}: {_describe_outcome(graph, result)}")
    lines += [f"  {name}: {text}" for name, text in _list_results(graph, result)]
    if not result.errors:
        lines += [f"  {name} was left out: {reason}." for name, reason in result.left_out.items()]
        lines += pretended_lines(graph, result.records, left_out=bool(result.left_out))
        models = ["models"] if any(n.writes and n.name in result.records for n in graph.nodes) else []
        verbs = (f"inspect {_find_last_result(graph, result)}{run_options}", *models, "show", "runs")
        lines += ["Look:", *(f"  magical {verb}{project_options}" for verb in verbs)]
    return "\n".join(lines)


def _describe_outcome(graph: Graph, result: RunResult) -> str:
    if not result.name:
        many = len(result.left_out)
        rest = f" {many} {'is' if many == 1 else 'are'} left out." if many else ""
        many = len(result.records)
        return f"nothing had to run; {'the step is' if many == 1 else f'all {many} steps are'} fresh.{rest}"
    ran, fresh = len(result.executed), len(result.records) - len(result.executed)
    end = f"failed; {len(result.errors)} failed, {len(result.left_out)} left out" if result.errors else "done"
    end += f", {len(result.pending)} pending" if result.pending else ""
    made = sum(bool(graph.by_name[n].facts.get("pretended")) for n in result.executed)
    steps = f"{ran - made} {'step' if ran - made == 1 else 'steps'} ran, "
    steps += f"{made} {'was' if made == 1 else 'were'} made up, " if made else ""
    steps += f"{fresh} {'was' if fresh == 1 else 'were'} fresh"
    return f"{end}. {steps}, {result.seconds:.1f} s."


def _prepend_step(name: str, text: str) -> str:
    """A message that says first which step it is about; most do so by themselves."""
    return text if text.startswith((f"{name} (", f"{name}:")) else f"{name}: {text}"


def _strip_step(graph: Graph, name: str, text: str) -> str:
    """A message without the step, which is named before it."""
    return text.removeprefix(f"{name} ({graph.by_name[name].where}): ")


def run_json(graph: Graph, result: RunResult) -> dict[str, Any]:
    """Give what came of a run as JSON."""
    return {
        "workflow": graph.workflow,
        "run": result.name,
        "state": result.state,
        "executed": result.executed,
        "fresh": [n for n in result.records if n not in result.executed],
        "errors": {n: str(e) for n, e in result.errors.items()},
        "left_out": result.left_out,
        "pending": result.pending,
        "origin": {n: list(r.origin) for n, r in result.records.items() if r.origin},
        "results": dict(_list_results(graph, result)),
        "findings": [str(f) for f in graph.findings],
        "seconds": result.seconds,
    }


def plan_text(graph: Graph, plans: Mapping[str, NodePlan]) -> str:
    """Say what a run would do."""
    rows = [(f"{STATE_STYLES[p.state].mark} {p.name}", p.state, _describe_plan(p)) for p in plans.values()]
    count = {state: sum(p.state == state for p in plans.values()) for state in STATE_STYLES}
    words = ", ".join(f"{n} {state}" for state, n in count.items() if n) or "there is nothing to run"
    lines = [*(str(f) for f in graph.findings), *([format_table(rows)] if rows else [])]
    return "\n".join([*lines, f"{graph.workflow}: {words}."])


def _describe_plan(plan: NodePlan) -> str:
    """What a node waits for, and what it stands on that is not real; or why it is left out."""
    after = f"after {', '.join(plan.after)}" if plan.after else ""
    return plan.reason or "; ".join(text for text in (after, _describe_origin(plan)) if text)


def _describe_origin(plan: NodePlan) -> str:
    if plan.name in plan.origin:
        return "pretended"
    return f"stands on {join_names(plan.origin, 4)}" if plan.origin else ""


def settings_text(settings: Mapping[str, Any], layers: Mapping[str, str]) -> str:
    """Show each setting with its value and who spoke last."""
    rows = [
        (path, json.dumps(value, ensure_ascii=False), _find_layer(path, layers))
        for path, value in _flatten(settings)
    ]
    return format_table(rows)


def runs_json(runs: Iterable[RunSummary], size: SizeLookup = lambda _: 0) -> list[dict[str, Any]]:
    """Give runs as JSON; ``size`` gives the bytes of a key's results, 0 where they are gone."""
    return [
        {
            "run": r.name,
            "workflow": r.workflow,
            "state": r.state,
            "started": r.started,
            "seconds": r.seconds,
            "executed": r.executed,
            "failed": r.failed,
            "pending": r.pending,
            "keys": r.keys,
            "bytes": {n: size(k) for n, k in r.keys.items()},
            "settings": r.settings,
            **r.facts,
        }
        for r in runs
    ]


def runs_text(runs: Sequence[RunSummary], full: bool = False, size: SizeLookup = lambda _: 0) -> str:
    """List runs, or show one; ``size`` gives the bytes of a key's results."""
    if not runs:
        return "There are no runs yet.\nHint: magical run"
    if full:
        run = runs[0]
        git = run.facts.get("git", {})
        commit = git.get("commit", "") + (", with changes since" if git.get("dirty") else "")
        rows: list[tuple[str, ...]] = [
            ("run", run.name),
            ("workflow", run.workflow),
            ("state", run.state),
        ]
        rows += [("seconds", f"{run.seconds:.1f}")] if run.state != "killed" else []  # nobody saw its end
        rows += [("commit", commit)] if commit else []
        rows += [("not real", text)] if (text := _describe_run_kind(run)) else []
        rows += [("stands on", join_names(run.facts["origin"], 6))] if run.facts.get("origin") else []
        states = {n: "ran" if n in run.executed else "fresh" for n in run.keys}
        rows += [(n, f"{states[n]:<5}  {format_size(size(k))}") for n, k in run.keys.items()]
        rows += [(n, "failed") for n in run.failed]
        rows += [(n, "pending") for n in run.pending]
        lost = [n for n in run.begun if n not in {*run.keys, *run.failed, *run.pending}]
        rows += [(n, "was under way") for n in lost]
        rows += [(n, f"left out: {reason}") for n, reason in run.left_out.items()]
        return "\n".join([format_table(rows), *run.failed.values()])
    rows = [
        (
            r.name,
            r.state,
            time.strftime("%Y-%m-%d %H:%M", time.localtime(r.started)),
            f"{r.seconds:.1f} s" if r.seconds else "",
            f"{len(r.executed)} ran",
            _describe_run_kind(r),
        )
        for r in runs
    ]
    return format_table(rows)


def _describe_run_kind(run: RunSummary) -> str:
    """Say what kind of run it was, if something in it was not real."""
    facts = run.facts
    words = [f"sample of {facts['sample']}"] if facts.get("sample") else []
    words += ["pretend --all" if facts["pretend"] == "all" else "pretend"] if facts.get("pretend") else []
    return ", ".join(words) or ("pretended in part" if facts.get("origin") else "")


def models_json(versions: Iterable[Version]) -> list[dict[str, Any]]:
    """Give versions as JSON."""
    return [
        {
            "name": v.name,
            "version": v.number,
            "aliases": list(v.aliases),
            "key": v.key,
            "uri": v.uri,
            "tags": dict(v.tags),
        }
        for v in versions
    ]


def models_text(versions: Sequence[Version]) -> str:
    """List versions."""
    if not versions:
        return "No model is registered yet.\nHint: magical run"
    return format_table(
        [(v.name, v.number, ", ".join(v.aliases), v.tags.get("magical.summary", ""), v.uri) for v in versions]
    )


def format_size(size: int) -> str:
    """Give a number of bytes in a unit that people read.

    Example:
        >>> format_size(999), format_size(12_345), format_size(1_234_567_890)
        ('999 B', '12 kB', '1.2 GB')
    """
    number, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if number < 999.5:
            break
        number, unit = number / 1000, larger
    return f"{number:.1f} {unit}" if number < 9.95 and unit != "B" else f"{number:.0f} {unit}"


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Give rows of texts as columns.

    Example:
        >>> print(format_table([("a", "bb"), ("ccc", "d")]))
        a    bb
        ccc  d
    """
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))] if rows else []
    return "\n".join(
        "  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _list_results(graph: Graph, result: RunResult) -> list[tuple[str, str]]:
    """What people look for: values, models and receipts."""
    kinds = ("value", "receipt", "model")
    shown = [n for n in graph.required_nodes if n.promise["kind"] in kinds and n.name in result.records]
    return [(n.name, _describe_result(result.records[n.name])) for n in shown]


def _describe_result(record: Record) -> str:
    """What came of a step in one line; what is not real is struck through, whatever kind of value it is."""
    text = record.result.summary
    return mark_not_real(text) if record.origin and not text.startswith(mark_not_real("")) else text


def _find_last_result(graph: Graph, result: RunResult) -> str:
    """What to look at first: the last value that there is, else the last of all."""
    there = [n for n in graph.required_nodes if n.name in result.records] or graph.required_nodes
    values = [n for n in there if n.promise["kind"] == "value"]
    return (values or there)[-1].name


def _find_layer(path: str, layers: Mapping[str, str]) -> str:
    while path:
        if path in layers:
            return layers[path]
        path = path.rpartition(".")[0]
    return "class"


def _flatten(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        return [pair for k, v in value.items() for pair in _flatten(v, f"{path}.{k}" if path else str(k))]
    if isinstance(value, list) and any(isinstance(v, Mapping) for v in value):
        return [pair for i, v in enumerate(value) for pair in _flatten(v, f"{path}.{i}")]
    return [(path, value)]
