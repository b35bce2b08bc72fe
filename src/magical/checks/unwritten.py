"""Findings about steps that are not written yet, and about those whose output cannot be generated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from magical.checks.promise_tree import flatten_promise
from magical.contracts.promises import Promise
from magical.engine.pretend_plan import Pretence
from magical.errors import Finding, MagicalError, WiringError
from magical.graph import Graph, Node
from magical.keys.code_closure import CodeReader
from magical.keys.source_walk import is_project_code
from magical.refs import find_links
from magical.synthesis.generate import GenerateOptions, find_pretend_obstacle, generate

__all__ = ["find_unwritten_steps"]

_TRIAL_ROWS = 200
"""The number of rows that are generated to see if bounds and rules can be satisfied."""

_CANNOT_PRETEND = "what it gives cannot be pretended:"
_SIGNATURE_HINT = "say in its signature what it gives, such as -> Frame[Contract], or write it."


def find_unwritten_steps(graph: Graph) -> Iterator[Finding]:
    """Find unwritten steps and calls of `wish`, and report outputs that cannot be generated."""
    try:
        pretence = Pretence()(graph)
    except WiringError as error:
        yield Finding("WISH002", "error", graph.workflow, "\n".join(error.lines), error.hint)
        pretence = graph  # the other findings still apply
    seen, reader = set(), CodeReader()
    for node in graph.required_nodes:
        if node.call is None or node.call.step in seen:
            continue
        seen.add(node.call.step)
        facts = pretence.by_name[node.name].facts
        if facts.get("cut") or facts.get("pretended"):
            if facts.get("cut"):
                obstacle, hint = _explain_untyped_table(graph, pretence, node), _SIGNATURE_HINT
            else:
                obstacle, hint = _find_obstacle(node)
            if obstacle:
                what = f"{_describe_state(node)} ({node.where}), and {obstacle.rstrip('.')}."
                yield Finding("WISH002", "error", node.call.step.name, what, hint)
            elif node.facts.get("unwritten"):
                output = "what follows it" if facts.get("cut") else node.promise["text"]
                yield _build_unwritten_finding(node, output)
        elif is_project_code(node.call.step.function) and reader.read(node.call.step.function).calls_wish:
            yield _build_wish_finding(node)


def _build_unwritten_finding(node: Node, output: str) -> Finding:
    hint = f"write it in {node.where}." if node.where else "write it."
    effect = "leaves it out" if node.needs_real_inputs else f"pretends {output} in its place"
    return Finding("WISH001", "note", _step_name(node), f"is not written yet: a run {effect}.", hint)


def _build_wish_finding(node: Node) -> Finding:
    what = "pretends a part of its output with wish(): results that depend on it are not real, either."
    return Finding("WISH001", "note", _step_name(node), what, f"write that part in {node.where}.")


def _step_name(node: Node) -> str:
    return str(node.call.step.name) if node.call else node.step_name


def _describe_state(node: Node) -> str:
    return "is not written yet" if node.facts.get("unwritten") else "needs the output of an unwritten step"


def _find_obstacle(node: Node) -> tuple[str, str]:
    """Explain, with a hint, why a node's output cannot be generated; both empty if it can or need not be."""
    assert node.call is not None
    promise = node.call.promise
    if node.needs_real_inputs:
        return "", ""
    if reason := find_pretend_obstacle(promise):
        return f"{_CANNOT_PRETEND} {reason}", _SIGNATURE_HINT
    leaves = [p for p in flatten_promise(promise) if not p.items]
    inputs = node.call.input_promises.values()
    if any(p.kind == "model" for p in leaves) and not any(map(_has_target, inputs)):
        reason = f"{_CANNOT_PRETEND} nothing that it takes has a Target[...]"
        return reason, "mark the column to predict: Target[bool]."
    try:
        for leaf in leaves:
            if not leaf.is_fit:
                # Rows may be copied from the inputs, and so satisfy rules that random rows rarely satisfy.
                schema = replace(leaf.schema, rules=()) if leaf.schema and node.links else leaf.schema
                generate(replace(leaf, schema=schema), GenerateOptions(node.name, _TRIAL_ROWS))
    except MagicalError as error:
        return " ".join(line.strip() for line in error.lines), error.hint
    return "", ""


def _has_target(promise: Promise) -> bool:
    return any(p.kind == "model" or (p.schema and p.schema.target) for p in flatten_promise(promise))


def _explain_untyped_table(graph: Graph, pretence: Graph, node: Node) -> str:
    """Explain why a table without columns cannot be cut off; empty if a later table can be generated."""
    if any(link.node == node.name for link in find_links(graph.result)):
        return f"{_CANNOT_PRETEND} it promises no columns, and {graph.workflow} returns it"
    followers = [graph.by_name[name] for name in graph.children[node.name]]
    cut = [n for n in followers if pretence.by_name[n.name].facts.get("cut") and n in graph.required_nodes]
    return next((reason for n in cut if (reason := _explain_untyped_table(graph, pretence, n))), "")
