"""The steps that are not written yet, and whether a run can make up what they will give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from magical.checks.source_walk import is_project_code
from magical.contracts.promises import Promise
from magical.engine.pretend_plan import Pretence
from magical.errors import Finding, MagicalError, WiringError
from magical.graph import Graph, Node
from magical.keys.code_closure import CodeReader
from magical.refs import find_links
from magical.synthesis.generate import GenerateOptions, find_pretend_obstacle, generate

__all__ = ["find_unwritten_steps"]

_TRIAL_ROWS = 200
"""How many rows are made up to see whether bounds and rules can be kept."""

_CANNOT_PRETEND = "what it gives cannot be made up:"
_SIGNATURE_HINT = "say in its signature what it gives, such as -> Frame[Contract], or write it."


def find_unwritten_steps(graph: Graph) -> Iterator[Finding]:
    """Find unwritten steps, and what of all that a run makes up for them cannot be made up."""
    try:
        pretence = Pretence()(graph)
    except WiringError as error:
        yield Finding("WISH002", "error", graph.workflow, "\n".join(error.lines), error.hint)
        pretence = graph
    seen, reader = set(), CodeReader()
    for node in graph.required_nodes:
        if node.call is None or node.call.step in seen:
            continue
        seen.add(node.call.step)
        facts = pretence.by_name[node.name].facts
        if facts.get("cut") or facts.get("pretended"):
            words, hint = (
                (_explain_untyped_table(graph, pretence, node), _SIGNATURE_HINT)
                if facts.get("cut")
                else _find_obstacle(node)
            )
            if words:
                what = f"{_describe_state(node)} ({node.where}), and {words.rstrip('.')}."
                yield Finding("WISH002", "error", node.call.step.name, what, hint)
            elif node.facts.get("unwritten"):
                yield _build_unwritten_finding(
                    node, "what follows it" if facts.get("cut") else node.promise["text"]
                )
        elif is_project_code(node.call.step.function) and reader.read(node.call.step.function).calls_wish:
            yield _build_wish_finding(node)


def _build_unwritten_finding(node: Node, what: str) -> Finding:
    hint = f"write it in {node.where}." if node.where else "write it."
    what = f"makes up {what} in its place" if not node.needs_real_inputs else "leaves it out"
    what = f"is not written yet: a run {what}."
    return Finding("WISH001", "note", _step_name(node), what, hint)


def _build_wish_finding(node: Node) -> Finding:
    what = "makes up a piece of what it gives by wish(): what follows it stands on a pretence, too."
    return Finding("WISH001", "note", _step_name(node), what, f"write that piece in {node.where}.")


def _step_name(node: Node) -> str:
    return str(node.call.step.name) if node.call else node.step_name


def _describe_state(node: Node) -> str:
    return "is not written yet" if node.facts.get("unwritten") else "takes what is not there yet"


def _find_obstacle(node: Node) -> tuple[str, str]:
    """Say why what a node gives cannot be made up, with a hint: its type, or bounds that no value keeps."""
    assert node.call is not None
    promise = node.call.promise
    if node.needs_real_inputs:
        return "", ""
    if reason := find_pretend_obstacle(promise):
        return f"{_CANNOT_PRETEND} {reason}", _SIGNATURE_HINT
    pieces = list(_flatten_promise(promise))
    taken = node.call.input_promises.values()
    if any(p.kind == "model" for p in pieces) and not any(map(_has_target, taken)):
        return (
            f"{_CANNOT_PRETEND} nothing that it takes has a Target[...]",
            "mark the column to predict: Target[bool].",
        )
    try:
        for piece in pieces:
            if not piece.is_fit:
                generate(_drop_rules(piece) if node.links else piece, GenerateOptions(node.name, _TRIAL_ROWS))
    except MagicalError as error:
        return " ".join(line.strip() for line in error.lines), error.hint
    return "", ""


def _drop_rules(promise: Promise) -> Promise:
    """What is carried over may keep rules that chance does not."""
    schema = promise.schema and replace(promise.schema, rules=())
    return replace(promise, schema=schema)


def _flatten_promise(promise: Promise) -> Iterator[Promise]:
    """What is promised, the members of tuples and lists one by one."""
    if promise.items:
        for item in promise.items:
            yield from _flatten_promise(item)
    else:
        yield promise


def _has_target(promise: Promise) -> bool:
    has_target = promise.schema is not None and promise.schema.target is not None
    return promise.kind == "model" or has_target or any(map(_has_target, promise.items))


def _explain_untyped_table(graph: Graph, pretence: Graph, node: Node) -> str:
    """Say who wants a table without columns as it is; a step that types it is made up in its place."""
    if any(link.node == node.name for link in find_links(graph.result)):
        return f"{_CANNOT_PRETEND} it promises no columns, and {graph.workflow} returns it"
    followers = [graph.by_name[name] for name in graph.children[node.name]]
    cut = [n for n in followers if pretence.by_name[n.name].facts.get("cut") and n in graph.required_nodes]
    return next((reason for n in cut if (reason := _explain_untyped_table(graph, pretence, n))), "")
