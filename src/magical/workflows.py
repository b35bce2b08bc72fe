"""Workflows, and the drawing of their graph: one call of the function, with a Ref for each result."""

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
from magical.named_columns import check_drawn_columns
from magical.python_parser import parse_python, read_definition
from magical.refs import Link, Ref, Wire, map_links
from magical.settings import OutputPath, Settings, find_paths, import_string
from magical.steps import Step, current_builder
from magical.synthesis.strategies import find_pretend_obstacle
from magical.wiring import check_wiring

__all__ = ["Workflow", "workflow"]

P = ParamSpec("P")
R = TypeVar("R")


class Workflow(Generic[P, R]):
    """A function whose lines call steps. A plain call runs them; ``draw`` returns their graph."""

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
        """The class of its settings: the type hint of its only parameter; None without a parameter.

        Raises:
            WiringError: it has other parameters.
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
        """Call the function once, with a Ref for each result, and build the graph of the calls of steps.

        Raises:
            WiringError: steps do not fit together.
        """
        builder = _WorkflowGraphBuilder(self)
        token = current_builder.set(builder)
        try:
            function: Callable[..., Any] = self.function
            result = function() if self.settings is None else function(settings or self.settings())
        except MagicalError:
            raise
        except (Exception, SystemExit) as error:  # an exit would end the command with its own code
            raise self._drawing_error(error) from error
        finally:
            current_builder.reset(token)
        return builder.build(result)

    def _drawing_error(self, error: BaseException) -> WiringError:
        # The author looks for a line of the workflow, not for the line of a library that raised.
        lines = [f for f in traceback.extract_tb(error.__traceback__) if f.name == self.function.__name__]
        place = f"{Path(lines[-1].filename).name}:{lines[-1].lineno}: {lines[-1].line}" if lines else ""
        shown = f" ({shorten(place, 140)})" if place else ""
        return WiringError(
            f"{self.name} raised {type(error).__name__}{shown} while it was drawn:",
            f"  {shorten(error, 160)}",
            hint="a workflow only passes results from step to step; the rest belongs in steps.",
        )


def workflow(function: Callable[P, R]) -> Workflow[P, R]:
    """Declare a function, whose lines call steps, as a workflow.

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
    """Collects the nodes of a graph while its workflow is drawn."""

    workflow: Workflow[Any, Any]
    nodes: list[Node] = field(default_factory=list)

    def add_call(self, step: Step[Any, Any], arguments: dict[str, Any]) -> Ref:
        """Add a node for one call of a step."""
        wires: dict[str, Wire] = {}
        plain: dict[str, Any] = {}
        inputs: dict[str, Promise | None] = {}
        for name, value in arguments.items():
            wire, rest, promise = _split_argument(value)
            plain[name] = rest
            if wire is not None:
                wires[name], inputs[name] = wire, promise
        stricter = self._match_promises(step, inputs)
        promise = step.compute_promise(plain, inputs)
        # A temporary name: the final one depends on how often the workflow calls the step.
        name = f"{step.name}#{len(self.nodes)}"
        node = Node(
            name,
            import_string(step.function),
            _find_assigned_name(self.workflow.function) or step.name,
            step.where,
            wires,
            promise.to_json(),
            _collect_facts(step, plain, promise),
            Call(step, plain, promise, {k: p for k, p in inputs.items() if p is not None}, stricter),
        )
        self.nodes.append(node)
        return Ref(Link(name), promise, step.where)

    def _match_promises(
        self, step: Step[Any, Any], inputs: Mapping[str, Promise | None]
    ) -> dict[str, Promise]:
        """Check inputs against parameters; return the promises of parameters that demand more than inputs."""
        stricter = {}
        for name, promise in inputs.items():
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
                stricter[name] = wanted
        return stricter

    def build(self, result: Any) -> Graph:
        """Name the nodes, and check the whole graph."""
        wire, rest, _ = _split_argument(result)
        if wire is None and rest is not None:
            raise WiringError(
                f"{self.workflow.name} ({source_location(self.workflow.function)}) returns "
                f"{shorten(repr(rest))}, which no step made.",
                hint="return the result of a step.",
            )
        names = _assign_names(self.nodes)

        def rename(link: Link) -> Link:
            return Link(names[link.node], link.item)

        nodes = tuple(
            replace(n, name=names[n.name], inputs={k: map_links(w, rename) for k, w in n.inputs.items()})
            for n in self.nodes
        )
        graph = Graph(self.workflow.name, nodes, map_links(wire, rename))
        if not graph.nodes:
            raise WiringError(
                f"{self.workflow.name} ({source_location(self.workflow.function)}) calls no step.",
                hint="call one, and return what it gives.",
            )
        for node in graph.nodes:
            if node.call is not None and node.call.step.check_graph is not None:
                node.call.step.check_graph(graph, node)
            check_drawn_columns(node)
        return replace(graph, findings=tuple(check_wiring(graph)))


def _split_argument(value: Any) -> tuple[Wire, Any, Promise | None]:
    """Split an argument into its wire, its plain value, and the promise of the wired results."""
    if isinstance(value, Ref):
        return value._link, None, value._promise
    if isinstance(value, (list, tuple)):
        parts = [_split_argument(v) for v in value]
        if any(p[0] is not None for p in parts):
            kind = "tuple" if isinstance(value, tuple) else "list"
            promises = tuple(p[2] or Promise("any") for p in parts)
            return tuple(p[0] for p in parts), [p[1] for p in parts], Promise(kind, items=promises)
    # A wire has no form for a dictionary, and a Ref that stayed in a plain value could not be part of a key.
    if isinstance(value, dict) and any(isinstance(v, Ref) for v in value.values()):
        raise WiringError(
            f"A dictionary of results ({join_names(value)}) was passed to a step{find_author_line()}.",
            hint="pass a list, or one by one.",
        )
    return None, value, None


def _is_stricter(have: Promise, wanted: Promise) -> bool:
    """Return True if some table in ``have`` promises less than ``wanted`` demands."""
    if have.schema and wanted.schema and have.schema.is_weaker_than(wanted.schema):
        return True
    promises = wanted.items if wanted.kind == "tuple" else wanted.items[:1] * len(have.items)
    return any(map(_is_stricter, have.items, promises))


def _collect_facts(step: Step[Any, Any], arguments: Mapping[str, Any], promise: Promise) -> dict[str, Any]:
    facts = {n: getattr(step, n) for n in ("reads", "writes", "random", "training_only", "unwritten")}
    written = [isinstance(p, OutputPath) for p in find_paths(arguments)]
    # An OutputPath is an InputPath too, so "reads" means that some path is not an output.
    facts["writes_files"], facts["reads_files"] = any(written), not all(written)
    facts["unguessable"] = any(written) and bool(find_pretend_obstacle(promise))
    return {k: v for k, v in facts.items() if v}


def _assign_names(nodes: list[Node]) -> dict[str, str]:
    """Name each node after its step; if a step is called often, add an argument's ``name`` or a counter."""
    names: dict[str, str] = {}
    calls: dict[str, list[Node]] = {}
    for node in nodes:
        calls.setdefault(node.step_name, []).append(node)
    for step, same in calls.items():
        labels = [_find_label(n) for n in same]
        counted = not all(labels) or len(set(labels)) < len(labels)
        for i, (node, label) in enumerate(zip(same, labels, strict=True)):
            names[node.name] = step if len(same) == 1 else f"{step}[{i + 1 if counted else label}]"
    return names


def _find_label(node: Node) -> str:
    """Return the first ``name`` that an argument of a node has; empty if none has one."""
    values = node.call.arguments.values() if node.call else ()
    labels = [getattr(v, "name", None) for v in values if not isinstance(v, type)]
    return next((text for text in labels if isinstance(text, str) and text), "")


def _find_assigned_name(function: Callable[..., Any]) -> str:
    """Find the variable that the running call of a step is assigned to in the workflow's source."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code is not function.__code__:
        frame = frame.f_back
    if frame.f_code is not function.__code__:
        return ""
    # `f_lasti` counts bytes, two an instruction. By line and column, since a line may call several steps.
    line, _, column, _ = _read_positions(frame.f_code)[frame.f_lasti // 2]
    return _find_assignments(function).get((line, column), "")


@functools.lru_cache(maxsize=64)
def _read_positions(code: CodeType) -> tuple[tuple[int | None, int | None, int | None, int | None], ...]:
    return tuple(code.co_positions())


@functools.lru_cache(maxsize=64)
def _find_assignments(function: Callable[..., Any]) -> dict[tuple[int | None, int | None], str]:
    """Map the line and column of each call in a function to the variable that it is assigned to."""
    try:
        lines, first = read_definition(function)
        text = "".join(lines)
        tree = parse_python(textwrap.dedent(text))
    except (OSError, TypeError, SyntaxError):
        return {}
    shift = len(lines[0]) - len(lines[0].lstrip())  # the columns that dedent() took off
    found: dict[tuple[int | None, int | None], str] = {}
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and isinstance(node.value, ast.Call):
            target = targets[0] if len(targets) == 1 else None
            if isinstance(target, ast.Name):
                found[node.value.lineno + first - 1, node.value.col_offset + shift] = target.id
    return found
