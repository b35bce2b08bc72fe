"""The results of a run, for notebooks and tests."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from magical.engine.artifacts import Record
from magical.engine.protocols import Store
from magical.engine.run import RunResult
from magical.errors import MagicalError, UsageError, join_names
from magical.graph import Graph
from magical.refs import Link, Wire

__all__ = ["Run"]


class Run:
    """The results of one run: ``run["clean"]`` is the output of the step ``clean``.

    Attributes:
        name: the run's name; empty if nothing had to run.
        state: ``done`` or ``failed``.
        executed: the nodes whose bodies ran.
        errors: the nodes that failed, with their errors.
        pending: the nodes whose server did not answer, each with a message; ``sync`` sends them later.
        left_out: the nodes that were not run, each with the reason.
    """

    def __init__(self, graph: Graph, result: RunResult, store: Store) -> None:
        self._graph, self._result, self._store = graph, result, store
        self.name = result.name
        self.state = result.state
        self.executed: list[str] = list(result.executed)
        self.errors: Mapping[str, MagicalError] = dict(result.errors)
        self.pending: Mapping[str, str] = dict(result.pending)
        self.left_out: Mapping[str, str] = dict(result.left_out)

    def __repr__(self) -> str:
        ran = f"{len(self.executed)} of {len(self._graph.required_nodes)} steps ran"
        unregistered = self._result.unregistered
        rest = (
            f"; without {join_names(unregistered)}: {self.left_out[unregistered[0]]}" if unregistered else ""
        )
        return f"<run {self.name or 'with nothing to do'}: {self.state}, {ran}{rest}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(n.name)}</td><td>{escape(self._state(n.name))}</td>"
            f"<td>{self._result_html(n.name)}</td></tr>"
            for n in self._graph.required_nodes
        )
        head = "<tr><th>step</th><th>state</th><th>result</th></tr>"
        return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"

    def __getitem__(self, name: str) -> Any:
        """Load an output by the name of its step, of its data, or of a part if there is only one split."""
        return self._load_value(self._find_part(name) or Link(self._graph.node(name).name))

    @property
    def result(self) -> Any:
        """The value that the workflow returns."""
        return self._load_wired(self._graph.result)

    def kept(self, step: str) -> dict[str, Any]:
        """Load the artifacts that a step's body kept beside its result, by name."""
        from magical.contracts.promises import Promise

        record = self._record(self._graph.node(step).name)
        return {name: self._store.load(artifact, Promise("any")) for name, artifact in record.kept.items()}

    def origin(self, step: str) -> tuple[str, ...]:
        """Return the pretended and sampled steps that a step's result depends on."""
        return self._record(self._graph.node(step).name).origin

    def _find_part(self, name: str) -> Link | None:
        """Find the part of this name of the only split; None if there is none, or a step has the name."""
        from magical.contracts.promises import PARTS

        # Steps and their data come first: a workflow may have a step that is called `test`.
        is_taken = any(name in (node.name, node.data) for node in self._graph.nodes)
        splits = [node.name for node in self._graph.nodes if node.is_split]
        return Link(splits[0], name) if name in PARTS and len(splits) == 1 and not is_taken else None

    def _record(self, name: str) -> Record:
        record = self._result.records.get(name)
        if record is None:
            if name in self._result.unregistered:
                text = f"{name} was left out: {self.left_out[name]}."
                raise UsageError(text, hint="magical.load(..., register=True) includes it.")
            hint = "it failed, was left out, or was not asked for."
            raise UsageError(f"{name} gave nothing in this run.", hint=hint)
        return record

    def _load_value(self, link: Link) -> Any:
        """Load the output to which a link leads, with its promise attached."""
        from magical.contracts.promises import attach_promise

        node = self._graph.by_name[link.node]
        if node.call is None:
            raise UsageError(f"{link.node} was planned without its code.", hint="use project.run().")
        promise = node.call.promise.member(link.item) if link.item else node.call.promise
        artifact = self._record(link.node).result.item(link.item)
        return attach_promise(self._store.load(artifact, promise), promise)

    def _load_wired(self, wire: Wire) -> Any:
        if isinstance(wire, Link):
            return self._load_value(wire)
        return None if wire is None else [self._load_wired(part) for part in wire]

    def _state(self, name: str) -> str:
        if name in self.errors:
            return "failed"
        if name in self.executed:
            return "ran"
        if name in self.pending:
            return "pending"
        return "fresh" if name in self._result.records else f"left out: {self.left_out.get(name, '')}"

    def _result_html(self, name: str) -> str:
        """Format a result in HTML; a pretended one is struck through, with the steps that it depends on."""
        if (record := self._result.records.get(name)) is None:
            return ""
        text = escape(record.result.summary)
        if not record.origin:
            return text
        others = ", ".join(o for o in record.origin if o != name)
        why = " and ".join(["pretended"] * (name in record.origin) + [f"stands on {others}"] * bool(others))
        return f"not real: <s>{text}</s> ({escape(why)})"
