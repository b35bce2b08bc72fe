"""Steps: typed functions with their facts and promises."""

from __future__ import annotations

import ast
import contextvars
import functools
import inspect
import sys
import textwrap
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

from pydantic import BaseModel

from magical.contracts.contract import schema_of, source_location
from magical.contracts.promises import (
    Promise,
    as_schema,
    attach_promise,
    attached_promise,
    bind_variables,
    promise_of,
)
from magical.contracts.schema import Schema
from magical.errors import MagicalError, UnwrittenStep, WiringError, did_you_mean, shorten
from magical.python_parser import parse_python, read_definition

__all__ = ["Receipt", "Step", "current_builder", "parse_source", "step"]

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Receipt:
    """The result of a step that writes to the world.

    Attributes:
        done: False if nothing was written.
        text: one line for the reader.
        details: what was written, as JSON.
    """

    __promises__ = "receipt"

    done: bool
    text: str
    details: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"<receipt: {shorten(self.text, 200)}>" if self.done else f"<not done: {shorten(self.text, 200)}>"
        )


class GraphBuilder(Protocol):
    """The receiver of step calls while a workflow is drawn."""

    def add_call(self, step: Step[Any, Any], arguments: dict[str, Any]) -> Any:
        """Add a node for the call, and return a Ref to its result."""


# Set while a workflow is drawn: a call of a step then adds a node instead of running the body.
current_builder: contextvars.ContextVar[GraphBuilder | None] = contextvars.ContextVar(
    "magical_drawing", default=None
)


class Step(Generic[P, R]):
    """A typed function that a workflow can call; outside of a workflow, a call runs its body.

    Attributes:
        reads: ``world`` if it must read its source again in each run; otherwise empty.
        writes: ``world`` if it registers or publishes something; otherwise empty.
        random: True if its result differs each time.
        training_only: True if scoring leaves it out.
        promises: computes the schema of its result from the schemas (of lists: tuples of schemas) and values
            of its arguments; or None.
        check_graph: called with the drawn graph and the node of a call, to raise for what cannot be right in
            view of other steps; or None.
    """

    def __init__(self, function: Callable[P, R], facts: Mapping[str, Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = function.__name__
        self.reads: str = facts["reads"]
        self.writes: str = facts["writes"]
        self.random: bool = facts["random"]
        self.training_only: bool = facts["training_only"]
        self.promises: Callable[..., Any] | None = facts["promises"]
        self.check_graph: Callable[[Any, Any], None] | None = None

    def __repr__(self) -> str:
        return f"<step {self.name} ({self.where})>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the body, unless it writes to the world; while a workflow is drawn, add a node instead."""
        builder = current_builder.get()
        if builder is not None:
            result: R = builder.add_call(self, self.bind(args, kwargs))
            return result
        if self.unwritten:
            raise UnwrittenStep(
                f"{self.name} ({self.where}) has no body yet, so it cannot be called.",
                hint="write it; until then the project runs with: magical pretend",
            )
        if self.writes == "world":
            text = f"{self.name} writes to the world: called outside a run it writes nothing."
            print(text, file=sys.stderr)
            return typing.cast(R, Receipt(False, text))
        arguments = self.bind(args, kwargs)
        return self._tag_result(self.function(*args, **kwargs), arguments)

    @functools.cached_property
    def where(self) -> str:
        """``file:line`` of the function."""
        return source_location(self.function)

    @functools.cached_property
    def unwritten(self) -> bool:
        """True if the body is nothing but a docstring and at most one ``...`` or NotImplementedError."""
        return _is_unwritten(self.function)

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """The signature, with its type hints resolved."""
        try:
            hints = typing.get_type_hints(self.function, include_extras=True)
        except (NameError, TypeError, AttributeError) as error:
            raise WiringError(
                f"{self.name} ({self.where}): a type hint cannot be read: {error}",
                hint="import the names in the hint at the top of the module.",
            ) from error
        plain = inspect.signature(self.function)
        parameters = [p.replace(annotation=hints.get(p.name, Any)) for p in plain.parameters.values()]
        return plain.replace(parameters=parameters, return_annotation=hints.get("return", Any))

    @functools.cached_property
    def parameter_promises(self) -> dict[str, Promise]:
        """The promise that each parameter demands of its value."""
        return {p.name: _parameter_promise(p) for p in self.signature.parameters.values()}

    @functools.cached_property
    def result_promise(self) -> Promise:
        """The promise of its result; type variables and computed promises are still open."""
        return promise_of(self.signature.return_annotation)

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Match arguments to parameters, defaults included.

        Raises:
            WiringError: an argument is missing, unknown or given twice, or is a text, a number or a mapping
                where the type hint is a class of settings.
        """
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            names = list(self.signature.parameters)
            unknown = next((k for k in kwargs if k not in names), "")
            what = f"takes no argument {unknown!r}" if unknown else f"cannot be called like this: {error}"
            raise WiringError(
                f"{self.name} ({self.where}) {what}.",
                hint=did_you_mean(unknown, names) if unknown else f"its parameters are: {', '.join(names)}.",
            ) from None
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            self._check_settings(name, value)
        return dict(bound.arguments)

    def _check_settings(self, name: str, value: Any) -> None:
        """Refuse a plain value in the place of settings: the body would fail at their first attribute."""
        hint = self.signature.parameters[name].annotation
        members = typing.get_args(hint) if typing.get_origin(hint) is tuple else ()
        wanted = members[0] if members else hint
        if not (isinstance(wanted, type) and issubclass(wanted, BaseModel)):
            return
        # Of the type, since the result of a step in a drawing refuses isinstance.
        for given in value if members and issubclass(type(value), (list, tuple)) else (value,):
            if issubclass(type(given), (str, int, float, dict, list, tuple)):
                many = f"a tuple of {wanted.__name__}" if members else wanted.__name__
                raise WiringError(
                    f"{self.name} ({self.where}): {name} must be {many}, got {shorten(repr(given), 60)}.",
                    hint=f"such as {name}={'(' * bool(members)}{wanted.__name__}(...){',)' * bool(members)}.",
                )

    def compute_promise(
        self, arguments: Mapping[str, Any], promises: Mapping[str, Promise | None]
    ) -> Promise:
        """Compute the promise of a call's result.

        Args:
            arguments: all arguments; results of other steps are not read.
            promises: for each parameter that takes the result of another step, the promise of that result.
        """
        variables: dict[Any, Schema | None] = {}
        for name, parameter in self.signature.parameters.items():
            have, hint = promises.get(name), parameter.annotation
            if have is not None:
                for wanted, got in _pair_promises(self.parameter_promises[name], have):
                    if wanted.type_variable is not None:
                        variables.setdefault(wanted.type_variable, got.schema)
            elif typing.get_origin(hint) is type and isinstance(arguments.get(name), type):
                variables[typing.get_args(hint)[0]] = schema_of(arguments[name])
        promise = bind_variables(self.result_promise, variables)
        if self.promises is None:
            return promise
        known = {n: _schemas_in(p) for n, p in promises.items() if p is not None}
        schema = self.promises(**{**arguments, **known})
        if schema is None:
            return promise
        return Promise(promise.kind, promise.hint, as_schema(schema, self.name))

    def _tag_result(self, result: R, arguments: Mapping[str, Any]) -> R:
        """Attach the promise to the result of a plain call: later steps compute theirs from it."""
        marks = {name: attached_promise(value) for name, value in arguments.items()}
        try:
            promise = self.compute_promise(arguments, {n: m for n, m in marks.items() if m is not None})
        except (MagicalError, AttributeError, TypeError, KeyError):
            # In a notebook an argument may be a table without a promise; the call must not fail for that.
            return result
        return typing.cast(R, attach_promise(result, promise)) if _has_schema(promise) else result


@overload
def step(function: Callable[P, R], /) -> Step[P, R]: ...
@overload
def step(
    *,
    reads: str = "",
    writes: str = "",
    random: bool = False,
    training_only: bool = False,
    promises: Callable[..., Any] | None = None,
) -> Callable[[Callable[P, R]], Step[P, R]]: ...
def step(function: Callable[P, R] | None = None, /, **facts: Any) -> Any:
    """Make a typed function a step of workflows.

    Args:
        function: its type hints are its contract.
        reads: ``"world"`` if the step must read its source again in each run.
        writes: ``"world"`` if it registers or publishes something.
        random: True if its result differs each time; the result is cached all the same.
        training_only: True if scoring leaves the step out, such as one that drops duplicates.
        promises: computes the contract of the result from the arguments' contracts and values. It may also
            raise for arguments that cannot be right, and return None where nothing is to be computed.

    Raises:
        WiringError: a fact is unknown, or has an impossible value.

    Example:
        >>> from magical import step
        >>> @step
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> double(4)
        8
    """
    defaults = {"reads": "", "writes": "", "random": False, "training_only": False, "promises": None}
    for name, value in facts.items():
        if name not in defaults:
            raise WiringError(f"@step knows no fact {name!r}.", hint=did_you_mean(name, list(defaults)))
        if name in ("reads", "writes") and value not in ("", "world"):
            raise WiringError(
                f'@step({name}={value!r}): the only possible value is "world".', hint=f'{name}="world"'
            )

    def wrap(function: Callable[P, R]) -> Step[P, R]:
        return Step(function, {**defaults, **facts})

    return wrap(function) if function is not None else wrap


def parse_source(function: Callable[..., Any]) -> ast.Module | None:
    """Parse the source of a function; None if it has none, or if its lines are not a statement.

    Example:
        >>> parse_source(parse_source).body[0].name, parse_source(len)
        ('parse_source', None)
    """
    try:
        # Dedent: the function may be defined inside another one.
        return parse_python(textwrap.dedent("".join(read_definition(function)[0])))
    except (OSError, TypeError, SyntaxError):  # no file, no Python, or a lambda in the middle of a line
        return None


def _parameter_promise(parameter: inspect.Parameter) -> Promise:
    hint = parameter.annotation
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return promise_of(types.GenericAlias(tuple, (hint, ...)))
    members = [h for h in typing.get_args(hint) if h is not type(None)]
    if typing.get_origin(hint) in (typing.Union, types.UnionType) and len(members) == 1:
        # ``Frame[C] | None``: a table that is given is held to its contract.
        given = promise_of(members[0])
        return given if given.kind != "value" else promise_of(hint)
    return promise_of(hint)


def _pair_promises(wanted: Promise, have: Promise) -> list[tuple[Promise, Promise]]:
    """Pair two promises, and their items, level by level."""
    pairs = zip(wanted.items, have.items, strict=False)
    return [(wanted, have), *(pair for w, h in pairs for pair in _pair_promises(w, h))]


def _schemas_in(promise: Promise) -> Schema | tuple[Schema | None, ...] | None:
    """Return the schema of a table; for a list of tables, those of its members."""
    return tuple(item.schema for item in promise.items) if promise.items else promise.schema


def _has_schema(promise: Promise) -> bool:
    return promise.schema is not None or any(map(_has_schema, promise.items))


def _is_unwritten(function: Callable[..., Any]) -> bool:
    tree = parse_source(function)
    node = tree.body[0] if tree is not None and tree.body else None
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    body = node.body if ast.get_docstring(node, clean=False) is None else node.body[1:]
    return not body or (len(body) == 1 and _is_placeholder(body[0]))


def _is_placeholder(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return statement.value.value is ...
    if not isinstance(statement, ast.Raise) or statement.exc is None:
        return False
    raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
