"""Texts and JSON of runs, plans, settings and models, as the command prints them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from magical.brand import mark_not_real
from magical.engine.artifacts import Record
from magical.engine.journal import RunSummary
from magical.engine.plan import REGISTER_HINT, NodePlan
from magical.engine.pretend_plan import PARENT_INPUT_PREFIX
from magical.engine.protocols import Version
from magical.engine.run import RunResult
from magical.errors import Finding, join_names, shorten
from magical.graph import Graph, Node
from magical.refs import Link, find_links
from magical.views.state_marks import STATE_STYLES

__all__ = [
    "design_text",
    "format_size",
    "format_table",
    "models_json",
    "models_text",
    "plan_text",
    "pretended_lines",
    "run_json",
    "run_text",
    "runs_json",
    "runs_text",
    "settings_text",
]

# With more steps, file and line are left out, so that the names fit on one line.
_MAX_PLACES = 3

_STROKE = mark_not_real("-")[-1]
# As `Scores.summary` writes it; what follows is about baselines.
_SCORE = re.compile(r"(?P<unreal>not real: )?(?P<score>\w+ \S+ \(\S+ to \S+\), [\d,]+ (?P<part>[^;]*?) rows)")

_COMPARISON, _COMPARISON_DATA = "magical.comparison", "magical.comparison.json"  # tags by `register`

SizeLookup = Callable[[str], int]


def pretended_lines(graph: Graph, records: Mapping[str, Record], *, left_out: bool = False) -> list[str]:
    """List what was pretended, what depends on it, and the next step to write; no lines if all is real.

    If steps were ``left_out`` because an input was not real, the next step is named in any case.
    """
    pretended = [n for n in graph.nodes if n.name in records and n.name in records[n.name].origin]
    if not pretended:
        waits = left_out and any(n.facts.get("unwritten") for n in graph.nodes)
        return [f"Next: {_describe_next_step(graph, pretended)}"] if waits else []
    names = {n.name for n in pretended}
    dependents = [n for n, r in records.items() if n not in names and {*r.origin} & names]
    places = [f" ({'' if n.facts.get('pretended') else 'a wish in '}{n.where})" for n in pretended]
    shows_places = len(pretended) <= _MAX_PLACES
    labels = [n.name + (place if shows_places else "") for n, place in zip(pretended, places, strict=True)]
    lines = [f"Pretended: {join_names(labels, 6)}."]
    lines += [f"  Standing on that: {join_names(dependents, 6)}."] if dependents else []
    return [*lines, f"Next: {_describe_next_step(graph, pretended)}"]


def design_text(findings: Sequence[Finding]) -> str:
    """List the findings of a design, or state that there are none.

    Example:
        >>> print(design_text([Finding("WIRE001", "warning", "one", "is drawn, but nothing uses it.")]))
        Where the design does not hold together:
        warning WIRE001 one: is drawn, but nothing uses it.
    """
    if not findings:
        return "The design holds together."
    return "\n".join(["Where the design does not hold together:", *map(str, findings)])


def _describe_next_step(graph: Graph, pretended: list[Node]) -> str:
    """Name the unwritten step to write next, with its inputs and its promise, and the others."""
    unwritten = {n.name for n in graph.nodes if n.facts.get("unwritten")}
    touched = {n.name for n in graph.nodes if n in pretended or n.facts.get("cut") or not pretended}
    waiting = [n for n in graph.nodes if n.name in unwritten & touched]
    # First a step that depends on no other unwritten one: its inputs are real as soon as it is written.
    free = [n for n in waiting if not (graph.ancestors([n.name]) & unwritten) - {n.name}] or waiting
    wishes = [n for n in pretended if not n.facts.get("pretended")]
    if not free:
        return f"fulfil the wish in {wishes[0].where}." if wishes else "magical run, with what is real."
    first, rest = free[0], [n.name for n in free[1:]]
    wires = [wire for name, wire in first.inputs.items() if not name.startswith(PARENT_INPUT_PREFIX)]
    takes = join_names(dict.fromkeys(str(link) for wire in wires for link in find_links(wire)), 4)
    text = f"write {first.name} ({first.where}): {f'{takes} → ' if takes else ''}{first.promise['text']}"
    return f"{text}; or {join_names(rest, 3)}." if rest else f"{text}."


def run_text(
    graph: Graph,
    result: RunResult,
    project_options: str = "",
    format_trace: Callable[[BaseException], list[str]] = lambda error: [],
    run_options: str = "",
) -> str:
    """Format the result of a run: findings, errors, outcome, results, and commands to look further.

    Args:
        project_options: added to each command, so that it finds the project.
        format_trace: returns the lines below the message of an error.
        run_options: added to ``inspect``, so that it finds the results of this run: settings, sample.
    """
    lines = [str(f) for f in graph.findings]
    for name, error in result.errors.items():
        text = _prepend_step(name, str(error)) if len(result.errors) > 1 else str(error)
        lines += [text, *format_trace(error)]
    lines += [f"{n} is pending: {_strip_step(graph, n, text)}" for n, text in result.pending.items()]
    if result.pending:
        lines.append(f"Hint: magical sync{project_options} does it, once that answers again.")
    lines.append(f"{graph.workflow}: {_describe_outcome(graph, result)}")
    lines += [f"  {name}: {text}" for name, text in _list_results(graph, result)]
    if not result.errors:
        lines += _left_out_lines(result)
        lines += pretended_lines(graph, result.records, left_out=bool(result.left_out))
        models = ["models"] if any(n.writes and n.name in result.records for n in graph.nodes) else []
        verbs = (f"inspect {_find_last_result(graph, result)}{run_options}", *models, "show", "runs")
        lines += ["Look:", *(f"  magical {verb}{project_options}" for verb in verbs)]
    return "\n".join(lines)


def _left_out_lines(result: RunResult) -> list[str]:
    """List the steps that were left out; those that a run left out because it explores share a line."""
    exploring = result.unregistered
    others = [f"  {n} was left out: {why}." for n, why in result.left_out.items() if n not in exploring]
    if not exploring:
        return others
    verb, reason = "was" if len(exploring) == 1 else "were", result.left_out[exploring[0]]
    first = f"  {join_names(exploring)} {verb} left out: {reason}."
    return [first, *others, f"  Hint: {REGISTER_HINT}"]


def _describe_outcome(graph: Graph, result: RunResult) -> str:
    """Describe the outcome of a run in one line: its state, the numbers of steps, and the time."""
    if not result.name:
        many = len(result.left_out)
        rest = f" {many} {'is' if many == 1 else 'are'} left out." if many else ""
        many = len(result.records)
        return f"nothing had to run; {'the step is' if many == 1 else f'all {many} steps are'} fresh.{rest}"
    ran, fresh = len(result.executed), len(result.records) - len(result.executed)
    state = "done"
    if result.errors:
        state = f"failed; {len(result.errors)} failed, {len(result.left_out)} left out"
    state += f", {len(result.pending)} pending" if result.pending else ""
    pretended = sum(bool(graph.by_name[n].facts.get("pretended")) for n in result.executed)
    real = ran - pretended
    steps = f"{real} {'step' if real == 1 else 'steps'} ran, "
    steps += f"{pretended} {'was' if pretended == 1 else 'were'} pretended, " if pretended else ""
    steps += f"{fresh} {'was' if fresh == 1 else 'were'} fresh"
    return f"{state}. {steps}, {result.seconds:.1f} s."


def _prepend_step(name: str, text: str) -> str:
    """Put the name of the step before a message that does not begin with it."""
    return text if text.startswith((f"{name} (", f"{name}:")) else f"{name}: {text}"


def _strip_step(graph: Graph, name: str, text: str) -> str:
    """Remove the name of the step from the beginning of its message."""
    return text.removeprefix(f"{name} ({graph.by_name[name].where}): ")


def run_json(graph: Graph, result: RunResult) -> dict[str, Any]:
    """Convert the result of a run to JSON."""
    return {
        "workflow": graph.workflow,
        "run": result.name,
        "state": result.state,
        "executed": result.executed,
        "fresh": [n for n in result.records if n not in result.executed],
        "errors": {n: str(e) for n, e in result.errors.items()},
        "left_out": result.left_out,
        "explores": list(result.explored),
        "pending": result.pending,
        "origin": {n: list(r.origin) for n, r in result.records.items() if r.origin},
        "results": dict(_list_results(graph, result)),
        "findings": [str(f) for f in graph.findings],
        "seconds": result.seconds,
    }


def plan_text(graph: Graph, plans: Mapping[str, NodePlan]) -> str:
    """Format what a run would do with each step.

    Example:
        >>> print(plan_text(Graph("flow", (), None), {"clean": NodePlan("clean", "waits", after=("raw",))}))
        … clean  waits  after raw
        flow: 1 waits.
    """
    rows = [(f"{STATE_STYLES[p.state].mark} {p.name}", p.state, _describe_plan(p)) for p in plans.values()]
    count = {state: sum(p.state == state for p in plans.values()) for state in STATE_STYLES}
    words = ", ".join(f"{n} {state}" for state, n in count.items() if n) or "there is nothing to run"
    lines = [*(str(f) for f in graph.findings), *([format_table(rows)] if rows else [])]
    hints = dict.fromkeys(f"Hint: {p.hint}" for p in plans.values() if p.hint)
    return "\n".join([*lines, f"{graph.workflow}: {words}.", *hints])


def _describe_plan(plan: NodePlan) -> str:
    """Name what a node waits for and its pretended ancestors, or why it is left out."""
    after = f"after {', '.join(plan.after)}" if plan.after else ""
    return plan.reason or "; ".join(text for text in (after, _describe_origin(plan)) if text)


def _describe_origin(plan: NodePlan) -> str:
    if plan.name in plan.origin:
        return "pretended"
    return f"stands on {join_names(plan.origin, 4)}" if plan.origin else ""


def settings_text(settings: Mapping[str, Any], layers: Mapping[str, str]) -> str:
    """Format each setting with its value and the layer that set it.

    Example:
        >>> print(settings_text({"max_age": 80, "seed": 7}, {"max_age": "line"}))
        max_age  80  line
        seed     7   class
    """
    pairs = _flatten(settings)
    return format_table([(p, json.dumps(v, ensure_ascii=False), _find_layer(p, layers)) for p, v in pairs])


def runs_json(runs: Iterable[RunSummary], size: SizeLookup = lambda _: 0) -> list[dict[str, Any]]:
    """Convert runs to JSON; ``size`` returns the bytes of a key's results, 0 if they are gone.

    Example:
        >>> runs_json([RunSummary("run-1", keys={"clean": "k1"})], lambda key: 12)[0]["bytes"]
        {'clean': 12}
    """
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
            "score": _find_score(r),
            "keys": r.keys,
            "bytes": {n: size(k) for n, k in r.keys.items()},
            "settings": r.settings,
            **r.facts,
        }
        for r in runs
    ]


def runs_text(runs: Sequence[RunSummary], full: bool = False, size: SizeLookup = lambda _: 0) -> str:
    """Format a list of runs, or with ``full`` the details of the first; ``size`` returns a key's bytes.

    Example:
        >>> print(runs_text([RunSummary("run-1", "flow", "done", seconds=2.5, keys={"clean": "k1"})], True))
        run       run-1
        workflow  flow
        state     done
        seconds   2.5
        clean     fresh  0 B
    """
    if not runs:
        return "There are no runs yet.\nHint: magical run"
    if full:
        return "\n".join([format_table(_list_run_rows(runs[0], size)), *runs[0].failed.values()])
    rows = []
    for r in runs:
        started = time.strftime("%Y-%m-%d %H:%M", time.localtime(r.started))
        seconds = f"{r.seconds:.1f} s" if r.seconds else ""
        kind = ", ".join(filter(None, (_describe_run_kind(r), shorten(_describe_exploration(r), 60))))
        rows.append((r.name, r.state, started, seconds, f"{len(r.executed)} ran", kind, _find_score(r)))
    return format_table(rows)


def _list_run_rows(run: RunSummary, size: SizeLookup) -> list[tuple[str, str]]:
    git = run.facts.get("git", {})
    commit = git.get("commit", "") + (", with changes since" if git.get("dirty") else "")
    rows = [("run", run.name), ("workflow", run.workflow), ("state", run.state)]
    # The journal of a killed run just ends: it has no end time.
    rows += [("seconds", f"{run.seconds:.1f}")] if run.state != "killed" else []
    rows += [("commit", commit)] if commit else []
    rows += [("score", score)] if (score := _find_score(run)) else []
    rows += [("not real", text)] if (text := _describe_run_kind(run)) else []
    rows += [("explored", text.removeprefix("explored "))] if (text := _describe_exploration(run)) else []
    rows += [("stands on", join_names(run.facts["origin"], 6))] if run.facts.get("origin") else []
    states = {n: "ran" if n in run.executed else "fresh" for n in run.keys}
    rows += [(n, f"{states[n]:<5}  {format_size(size(k))}") for n, k in run.keys.items()]
    rows += [(n, "failed") for n in run.failed]
    rows += [(n, "pending") for n in run.pending]
    rows += [(n, "was under way") for n in run.under_way]
    return rows + [(n, f"left out: {reason}") for n, reason in run.left_out.items()]


def _find_score(run: RunSummary) -> str:
    """Find the deciding score of a run: of its last evaluation on test, or else of its last one.

    It is the text that `evaluate` gave, so a score that is not real is struck through.
    """
    # The names of nodes begin with those of their steps; a step of the project may have the same name.
    texts = [text for node, text in run.summaries.items() if node.partition("[")[0] == "evaluate"]
    found = [match for text in texts if (match := _SCORE.match(text.replace(_STROKE, "")))]
    chosen = next(reversed([m for m in found if m["part"] == "test"] or found), None)
    if chosen is None:
        return ""
    return mark_not_real(chosen["score"]) if chosen["unreal"] else chosen["score"]


def _describe_run_kind(run: RunSummary) -> str:
    """Name what was not real in a run: a sample, a pretence; empty if all was real."""
    facts = run.facts
    words = [f"sample of {facts['sample']}"] if facts.get("sample") else []
    words += ["pretend --all" if facts["pretend"] == "all" else "pretend"] if facts.get("pretend") else []
    return ", ".join(words) or ("pretended in part" if facts.get("origin") else "")


def _describe_exploration(run: RunSummary) -> str:
    """Name the settings of a run that were other than in production; empty if none was."""
    texts = run.facts.get("explores")
    return f"explored {'; '.join(map(str, texts))}" if isinstance(texts, list) and texts else ""


def models_json(versions: Iterable[Version]) -> list[dict[str, Any]]:
    """Convert versions of models to JSON.

    Example:
        >>> models_json([Version("churn", "2", "k1", ("champion",))])[0]["aliases"]
        ['champion']
    """
    return [
        {
            "name": v.name,
            "version": v.number,
            "aliases": list(v.aliases),
            "key": v.key,
            "uri": v.uri,
            "comparison": _read_comparison(v),
            "tags": {name: text for name, text in v.tags.items() if name != _COMPARISON_DATA},
        }
        for v in versions
    ]


def models_text(versions: Sequence[Version]) -> str:
    """Format a list of versions, each with its comparison with the champion of its time below it.

    Example:
        >>> tags = {"magical.summary": "boosting", "magical.comparison": "better than version 1: ..."}
        >>> print(models_text([Version("churn", "2", "k1", ("champion",), tags)]))
        churn  2  champion  boosting
          better than version 1: ...
    """
    if not versions:
        return "No model is registered yet.\nHint: magical run"
    table = format_table(
        [(v.name, v.number, ", ".join(v.aliases), v.tags.get("magical.summary", ""), v.uri) for v in versions]
    )
    lines = []
    for version, line in zip(versions, table.splitlines(), strict=True):
        comparison = version.tags.get(_COMPARISON)
        lines += [line, f"  {comparison}"] if comparison else [line]
    return "\n".join(lines)


def _read_comparison(version: Version) -> Any:
    """Return the comparison of a version with the champion of its time; None if there was none."""
    try:
        return json.loads(version.tags.get(_COMPARISON_DATA, "null"))
    except ValueError:  # a tag may be edited by hand
        return None


def format_size(size: int) -> str:
    """Format a number of bytes with a unit.

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
    """Align rows of texts in columns.

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
    """List the results that the workflow requires: values, models and receipts, each in one line."""
    kinds = ("value", "receipt", "model")
    shown = [n for n in graph.required_nodes if n.promise["kind"] in kinds and n.name in result.records]
    return [(n.name, _describe_result(result.records[n.name])) for n in shown]


def _describe_result(record: Record) -> str:
    """Return the summary of a result, struck through if it is not real."""
    text = record.result.summary
    return mark_not_real(text) if record.origin and not text.startswith(mark_not_real("")) else text


def _find_last_result(graph: Graph, result: RunResult) -> str:
    """Return the name of the node that the workflow returns, else of the last one with a value."""
    if isinstance(graph.result, Link) and graph.result.node in result.records:
        return graph.result.node
    nodes = [n for n in graph.required_nodes if n.name in result.records] or graph.required_nodes
    values = [n for n in nodes if n.promise["kind"] == "value"]
    return (values or nodes)[-1].name


def _find_layer(path: str, layers: Mapping[str, str]) -> str:
    """Find the layer that set a value, or the nearest group around it; ``class`` for a default."""
    while path:
        if path in layers:
            return layers[path]
        path = path.rpartition(".")[0]
    return "class"  # nobody set it: the default in the class of the settings


def _flatten(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """List the dotted path and the value of each setting inside a value."""
    if isinstance(value, Mapping) and value:
        return [pair for k, v in value.items() for pair in _flatten(v, f"{path}.{k}" if path else str(k))]
    if isinstance(value, list) and any(isinstance(v, Mapping) for v in value):
        return [pair for i, v in enumerate(value) for pair in _flatten(v, f"{path}.{i}")]
    return [(path, value)]
