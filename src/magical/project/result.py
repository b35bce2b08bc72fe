"""The results of a run, for notebooks and tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from magical.brand import mark_not_real
from magical.engine.artifacts import Record
from magical.engine.run import RunResult
from magical.errors import Finding, MagicalError, UsageError, join_names
from magical.html_tables import NotReal, render_table
from magical.project.loading.drawing import WorkflowDrawing
from magical.project.project_context import ProjectContext
from magical.refs import Link, Wire

__all__ = ["Run"]


class Run:
    """The results of one run: ``run["clean"]`` is the output of the step ``clean``.

    Attributes:
        name: the run's name; empty if nothing had to run.
        state: ``done``, ``failed`` or ``stopped``.
        executed: the nodes whose bodies ran.
        errors: the nodes that failed, with their errors.
        pending: the nodes whose server did not answer, each with a message; ``sync`` sends them later.
        left_out: the nodes that were not run, each with the reason.
    """

    def __init__(self, context: ProjectContext, drawing: WorkflowDrawing, result: RunResult) -> None:
        self._context, self._drawing, self._result = context, drawing, result
        self._graph, self._store = drawing.runnable_graph, context.store
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
        rest += f"; {mark_not_real(join_names(self._origin, 3))}" if self._origin else ""
        return f"<run {self.name or 'with nothing to do'}: {self.state}, {ran}{rest}>"

    def _repr_html_(self) -> str:
        states = [
            (n.name, self._state(n.name), self._result_cell(n.name)) for n in self._graph.required_nodes
        ]
        notes = map(str, self.warnings)
        return render_table(repr(self), states, ("step", "state", "result"), notes)

    def __getitem__(self, name: str) -> Any:
        """Load an output by the name of its step, of its data, or of a part if there is only one split.

        Where a step and other data have one name, it is the step's.

        Raises:
            UsageError: there is no such name, or it gave nothing in this run.
        """
        return self._load_value(self._find_part(name) or Link(self._find_node(name)))

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the steps that have a result."""
        return iter(self._result.records)

    def _ipython_key_completions_(self) -> list[str]:
        data = [node.data for node in self._graph.nodes if node.name in self._result.records]
        parts = [name for name in self._part_names if self._find_part(name)]
        return list(dict.fromkeys([*self, *data, *parts]))

    @property
    def result(self) -> Any:
        """The value that the workflow returns."""
        return self._load_wired(self._graph.result)

    @cached_property
    def warnings(self) -> list[Finding]:
        """List what the workflow and its steps warned of, also those that were fresh, in their order.

        Each has the ``step``, the text (``what``), and a ``code`` where it has a page of its own. Of results
        that another machine computed, the warnings are not known here.
        """
        drawn = [f for f in self._drawing.drawn.graph.findings if f.severity == "warning"]
        places = {node.name: i for i, node in enumerate(self._graph.nodes)}
        logged = self._context.journal.warnings(self.name, self._result.records)
        found = sorted(logged, key=lambda pair: places.get(pair[0], -1))
        return list(dict.fromkeys([*drawn, *(Finding("", "warning", *pair) for pair in found)]))

    def kept(self, step: str) -> dict[str, Any]:
        """Load the artifacts that a step's body kept beside its result, by name."""
        from magical.contracts.promises import Promise

        record = self._record(self._find_node(step))
        return {name: self._store.load(artifact, Promise("any")) for name, artifact in record.kept.items()}

    def origin(self, step: str) -> tuple[str, ...]:
        """Return the pretended and sampled steps that a step's result depends on."""
        return self._record(self._find_node(step)).origin

    @property
    def _origin(self) -> list[str]:
        return sorted({o for record in self._result.records.values() for o in record.origin})

    def _find_node(self, name: str) -> str:
        """Find the node of a name, or of the name of its data; if a part is meant, that of the split."""
        if link := self._find_part(name):
            return link.node
        try:
            return self._graph.node(name).name
        except UsageError:
            whole = self._drawing.full_graph
            if name not in {text for node in whole.nodes for text in (node.name, node.data)}:
                raise
            text = f"{name} is no part of this run, which ended with {self._drawing.step}."
            raise UsageError(text, hint=f'project.run("{whole.node(name).name}") has it.') from None

    @cached_property
    def _part_names(self) -> tuple[str, ...]:
        from magical.contracts.promises import PARTS

        return PARTS

    def _find_part(self, name: str) -> Link | None:
        """Find the part of this name of the only split; None if there is none, or a step has the name."""
        # Steps and their data come first: a workflow may have a step that is called `test`.
        is_taken = any(name in (node.name, node.data) for node in self._graph.nodes)
        splits = [node.name for node in self._graph.nodes if node.is_split]
        if name not in self._part_names or is_taken or not splits:
            return None
        if len(splits) > 1:
            text = f"{name} is a part of {len(splits)} splits: {join_names(splits)}."
            raise UsageError(text, hint=f'such as run["{splits[0]}"].{name}')
        return Link(splits[0], name)

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

    def _result_cell(self, name: str) -> str | NotReal:
        """Return the summary of a result; of one that is not real, with the steps that it depends on."""
        if name in self.errors:
            return str(self.errors[name])
        if (record := self._result.records.get(name)) is None:
            return ""
        if not record.origin:
            return record.result.summary
        others = ", ".join(o for o in record.origin if o != name)
        why = " and ".join(["pretended"] * (name in record.origin) + [f"stands on {others}"] * bool(others))
        return NotReal(record.result.summary, why)
