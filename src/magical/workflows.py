"""Draw a graph by calling a workflow once with references in the place of results."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import textwrap
import traceback
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import CodeType
from typing import Any, Generic, ParamSpec, TypeVar

from magical.contracts.contract import source_location
from magical.contracts.promises import Promise
from magical.errors import MagicalError, WiringError, find_author_line, join_names, shorten
from magical.graph import Call, Graph, Node
from magical.refs import Link, Ref, Wire
from magical.settings import OutputPath, Settings, find_paths, import_string
from magical.steps import Step, current_builder
from magical.synthesis.strategies import find_pretend_obstacle
from magical.wiring import check_wiring

__all__ = ["Workflow", "workflow"]

P = ParamSpec("P")
R = TypeVar("R")


class Workflow(Generic[P, R]):
    """A function whose lines call steps. Called plainly it runs them; drawn, it gives their graph.

    Attributes:
        function: what the author wrote.
        name: the function's name.
    """

    def __init__(self, function: Callable[P, R]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = function.__name__

    def __repr__(self) -> str:
        return f"<workflow {self.name} ({source_location(self.function)})>"

    def _repr_html_(self) -> str:
        from magical.views.page import render_figure, render_text
        from magical.views.picture import build_picture

        try:
            return render_figure(build_picture(self.draw()))
        except Exception as error:  # a notebook shows the object all the same
            return render_text(f"{self!r}\n{error}")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the steps one after the other, with no cache and no journal."""
        return self.function(*args, **kwargs)

    @functools.cached_property
    def settings(self) -> type[Settings] | None:
        """The class of its settings: the hint of its one parameter.

        Raises:
            WiringError: it has another parameter.
        """
        hints = typing.get_type_hints(self.function)
        parameters = list(inspect.signature(self.function).parameters)
        kinds = [hints.get(p) for p in parameters]
        if not parameters:
            return None
        if len(parameters) == 1 and isinstance(kinds[0], type) and issubclass(kinds[0], Settings):
            return kinds[0]
        raise WiringError(
            f"{self.name} ({source_location(self.function)}) takes {', '.join(parameters)}; "
            "a workflow takes one parameter, its settings, or none.",
            hint="write them as fields of a class Name(Settings), and take that.",
        )

    def draw(self, settings: Settings | None = None) -> Graph:
        """Call the function once with references in the place of results.

        Raises:
            WiringError: steps do not fit together.
        """
        sketch = _WorkflowGraphBuilder(self)
        token = current_builder.set(sketch)
        try:
            function: Callable[..., Any] = self.function
            result = function() if self.settings is None else function(settings or self.settings())
        except MagicalError:
            raise
        except Exception as error:
            raise self._drawing_error(error) from error
        finally:
            current_builder.reset(token)
        return sketch.build(result)

    def _drawing_error(self, error: Exception) -> WiringError:
        lines = [f for f in traceback.extract_tb(error.__traceback__) if f.name == self.function.__name__]
        place = f"{Path(lines[-1].filename).name}:{lines[-1].lineno}: {lines[-1].line}" if lines else ""
        shown = f" ({shorten(place, 140)})" if place else ""
        return WiringError(
            f"{self.name} raised {type(error).__name__}{shown} while it was drawn:",
            f"  {shorten(error, 160)}",
            hint="a workflow only passes results from step to step; the rest belongs into steps.",
        )


def workflow(function: Callable[P, R]) -> Workflow[P, R]:
    """Make a function whose lines call steps a workflow.

    Example:
        >>> from magical import step, workflow
        >>> @step
        ... def one() -> int:
        ...     return 1
        >>> @step
        ... def more(x: int) -> int:
        ...     return x + 1
        >>> @workflow
        ... def count() -> int:
        ...     return more(one())
        >>> count(), [node.name for node in count.draw().nodes]
        (2, ['one', 'more'])
    """
    return Workflow(function)


@dataclass
class _WorkflowGraphBuilder:
    """What is known while a workflow is drawn."""

    workflow: Workflow[Any, Any]
    nodes: list[Node] = field(default_factory=list)

    def add_call(self, step: Step[Any, Any], arguments: dict[str, Any]) -> Ref:
        """Enter one call of a step."""
        wires: dict[str, Wire] = {}
        plain: dict[str, Any] = {}
        have: dict[str, Promise | None] = {}
        for name, value in arguments.items():
            wire, rest, promise = _split_argument(value)
            plain[name] = rest
            if wire is not None:
                wires[name], have[name] = wire, promise
        wants = self._match_promises(step, have)
        promise = step.compute_promise(plain, have)
        name = f"{step.name}#{len(self.nodes)}"
        self.nodes.append(
            Node(
                name,
                import_string(step.function),
                "",
                step.where,
                wires,
                promise.to_json(),
                _collect_facts(step, plain, promise),
                Call(step, plain, promise, {k: p for k, p in have.items() if p is not None}, wants),
            )
        )
        data = _find_assigned_name(self.workflow.function)
        self.nodes[-1] = replace(self.nodes[-1], data=data or step.name)
        return Ref(Link(name), promise, step.where)

    def _match_promises(self, step: Step[Any, Any], have: Mapping[str, Promise | None]) -> dict[str, Promise]:
        wants = {}
        for name, promise in have.items():
            wanted = step.parameter_promises[name]
            if promise is None:
                continue
            if problems := promise.find_mismatches(wanted):
                raise WiringError(
                    f"{step.name} ({step.where}) wants {name}: {wanted}, and gets {promise}:",
                    f"  {join_names(problems, 4)}",
                    hint="change one of the two contracts, or put a step between them.",
                )
            if _is_stricter(promise, wanted):
                wants[name] = wanted
        return wants

    def build(self, result: Any) -> Graph:
        """Give the nodes their final names, and look at the whole."""
        wire, rest, _ = _split_argument(result)
        if wire is None and rest is not None:
            raise WiringError(
                f"{self.workflow.name} ({source_location(self.workflow.function)}) returns "
                f"{shorten(repr(rest))}, "
                "which no step made.",
                hint="return the result of a step.",
            )
        names = _assign_names(self.nodes)
        nodes = tuple(
            replace(n, name=names[n.name], inputs={k: _rename_links(w, names) for k, w in n.inputs.items()})
            for n in self.nodes
        )
        graph = Graph(self.workflow.name, nodes, _rename_links(wire, names))
        if not graph.nodes:
            raise WiringError(
                f"{self.workflow.name} ({source_location(self.workflow.function)}) calls no step.",
                hint="call one, and return what it gives.",
            )
        return replace(graph, findings=tuple(check_wiring(graph)))


def _split_argument(value: Any) -> tuple[Wire, Any, Promise | None]:
    """Part an argument into its wire, its plain rest and the promise of what is wired."""
    if isinstance(value, Ref):
        return value._link, None, value._promise
    if isinstance(value, (list, tuple)):
        parts = [_split_argument(v) for v in value]
        if any(p[0] is not None for p in parts):
            kind = "tuple" if isinstance(value, tuple) else "list"
            promises = tuple(p[2] or Promise("any") for p in parts)
            return tuple(p[0] for p in parts), [p[1] for p in parts], Promise(kind, items=promises)
    if isinstance(value, dict) and any(isinstance(v, Ref) for v in value.values()):
        raise WiringError(
            f"A dictionary of results ({join_names(value)}) was passed to a step{find_author_line()}.",
            hint="pass a list, or one by one.",
        )
    return None, value, None


def _is_stricter(have: Promise, wanted: Promise) -> bool:
    """Whether more is wanted of some table in a value than it promises."""
    if have.schema and wanted.schema and have.schema.is_weaker_than(wanted.schema):
        return True
    promises = wanted.items if wanted.kind == "tuple" else wanted.items[:1] * len(have.items)
    return any(map(_is_stricter, have.items, promises))


def _collect_facts(step: Step[Any, Any], arguments: Mapping[str, Any], promise: Promise) -> dict[str, Any]:
    facts = {n: getattr(step, n) for n in ("reads", "writes", "random", "training_only", "unwritten")}
    written = [isinstance(p, OutputPath) for p in find_paths(arguments)]
    facts["writes_files"], facts["reads_files"] = any(written), not all(written)
    facts["unguessable"] = any(written) and bool(find_pretend_obstacle(promise))
    return {k: v for k, v in facts.items() if v}


def _assign_names(nodes: list[Node]) -> dict[str, str]:
    """A step's name; called more than once, with the ``name`` of an argument, else with a counter."""
    names: dict[str, str] = {}
    titled: dict[str, list[Node]] = {}
    for node in nodes:
        titled.setdefault(node.step_name, []).append(node)
    for title, same in titled.items():
        labels = [_find_label(n) for n in same]
        counted = not all(labels) or len(set(labels)) < len(labels)
        for i, (node, label) in enumerate(zip(same, labels, strict=True)):
            names[node.name] = title if len(same) == 1 else f"{title}[{i + 1 if counted else label}]"
    return names


def _find_label(node: Node) -> str:
    values = node.call.arguments.values() if node.call else ()
    labels = [getattr(v, "name", None) for v in values if not isinstance(v, type)]
    return next((text for text in labels if isinstance(text, str) and text), "")


def _rename_links(wire: Wire, names: Mapping[str, str]) -> Wire:
    if isinstance(wire, Link):
        return Link(names[wire.node], wire.item)
    return None if wire is None else tuple(_rename_links(part, names) for part in wire)


def _find_assigned_name(function: Callable[..., Any]) -> str:
    """Give the name that the call now under way is assigned to in the workflow's source."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code is not function.__code__:
        frame = frame.f_back
    if frame.f_code is not function.__code__:
        return ""
    line, _, column, _ = _read_positions(frame.f_code)[frame.f_lasti // 2]
    return _find_assignments(function).get((line, column), "")


@functools.lru_cache(maxsize=64)
def _read_positions(code: CodeType) -> tuple[tuple[int | None, int | None, int | None, int | None], ...]:
    return tuple(code.co_positions())


@functools.lru_cache(maxsize=64)
def _find_assignments(function: Callable[..., Any]) -> dict[tuple[int | None, int | None], str]:
    try:
        lines, first = inspect.getsourcelines(function)
        text = "".join(lines)
        tree = ast.parse(textwrap.dedent(text))
    except (OSError, TypeError, SyntaxError):
        return {}
    shift = len(lines[0]) - len(lines[0].lstrip())
    found: dict[tuple[int | None, int | None], str] = {}
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and isinstance(node.value, ast.Call):
            target = targets[0] if len(targets) == 1 else None
            if isinstance(target, ast.Name):
                found[node.value.lineno + first - 1, node.value.col_offset + shift] = target.id
    return found
