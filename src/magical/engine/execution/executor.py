"""The execution of one node in this process: load inputs, call the body, validate and store its output."""

from __future__ import annotations

import contextlib
import copy
import inspect
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args, get_origin, is_typeddict

import polars as pl
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from magical.contracts.promises import PARTS, Parts, Promise, attach_promise
from magical.contracts.tables import convert_kind, convert_pandas, to_polars
from magical.contracts.validation import LazyOutput, StreamError, validate
from magical.engine.artifacts import Record
from magical.engine.execution.isolation import BodyIsolation
from magical.engine.execution.memory_use import measure_memory
from magical.engine.execution.process_state import StateDisturbed, isolate
from magical.engine.execution.sampling import brand_origin, sample_rows
from magical.engine.outputs import digest_outputs, list_folder_files
from magical.engine.plan import NodePlan, is_sampled_source
from magical.engine.pretend_plan import PARENT_INPUT_PREFIX
from magical.engine.protocols import StepContext
from magical.engine.run import ActiveRun
from magical.errors import (
    BrokenPromise,
    ContractError,
    InputError,
    MagicalError,
    StepError,
    StoreError,
    safe_text,
    shorten,
)
from magical.events import Sink, current_sink
from magical.graph import Node
from magical.input_files.local_files import base_name
from magical.keys.key import compute_node_key
from magical.named_columns import check_pipeline_columns
from magical.refs import Link, Wire
from magical.running_bodies import running_body
from magical.steps import Receipt
from magical.synthesis.generate import GenerateOptions, generate
from magical.synthesis.stub_models import pretending_run
from magical.system.gc_pause import resume_gc
from magical.system.tracebacks import attach_trace, author_frames

__all__ = ["LocalExecutor", "generate_output", "validate_output"]


def validate_output(value: Any, promise: Promise, node: Node) -> Any:
    """Validate the output of a body against its promise, and return it in the form that is stored.

    Raises:
        BrokenPromise: the output is of another kind, or breaks its contract.

    Example:
        >>> validate_output("12", Promise("value", hint=int), Node("n", "w:n", "", "", {}, {}))
        12
    """
    who = f"{node.name} ({node.where})"
    if value is None and promise.kind not in ("none", "any", "value"):
        raise BrokenPromise(f"{who} promised {promise}, and returned None.", hint="is a return missing?")
    match promise.kind:
        case "table" | "lazy" | "pandas":
            return _validate_table(value, promise, who)
        case "parts":
            return _validate_parts(value, promise, who)
        case "model" if getattr(type(value), "__promises__", "") != "model":
            raise _wrong_type_error(value, promise, who)
        case "receipt" if not isinstance(value, Receipt):
            raise _wrong_type_error(value, promise, who)
        case "tuple" if not isinstance(value, tuple) or len(value) != len(promise.items):
            raise _wrong_type_error(value, promise, who)
        case "tuple":
            return tuple(validate_output(v, p, node) for v, p in zip(value, promise.items, strict=True))
        case "list" if not isinstance(value, (list, tuple)):
            raise _wrong_type_error(value, promise, who)
        case "list":
            return [validate_output(v, promise.items[0], node) if promise.items else v for v in value]
        case "pipeline":
            _validate_pipeline(value, promise, node)
        case "none":
            return None
        case "value":
            return _validate_value(value, promise, who)
    return value


def _validate_table(value: Any, promise: Promise, owner: str) -> pl.DataFrame | LazyOutput:
    if promise.kind == "lazy" and isinstance(value, (pl.DataFrame, pl.LazyFrame)):
        return LazyOutput(value.lazy(), promise.schema, owner)
    if promise.kind == "pandas":
        if not _is_pandas(value):
            raise _wrong_type_error(value, promise, owner)
        value = convert_pandas(value, promise.schema, label=owner)
    if isinstance(value, pl.LazyFrame):
        value = value.collect()
    if not isinstance(value, pl.DataFrame):
        raise _wrong_type_error(value, promise, owner)
    if promise.schema is not None:
        validate(value, promise.schema, label=owner)
    return value


def _validate_parts(value: Any, promise: Promise, owner: str) -> Parts[Any]:
    if not isinstance(value, Parts):
        raise BrokenPromise(
            f"{owner} promised {promise}, and returned a {type(value).__name__}.",
            hint="return partition(table, assignment).",
        )
    for name in PARTS:
        _validate_table(getattr(value, name), promise.member(name), f"{owner}: {name}")
    return value


def _validate_pipeline(value: Any, promise: Promise, node: Node) -> None:
    if not hasattr(value, "fit"):
        raise _wrong_type_error(value, promise, f"{node.name} ({node.where})")
    check_pipeline_columns(value, node)


def _validate_value(value: Any, promise: Promise, owner: str) -> Any:
    """Validate a value against its type hint by pydantic, which may convert it, or else by its class."""
    if value is None and not {None, type(None)} & set(get_args(promise.hint)):
        raise BrokenPromise(f"{owner} promised {promise}, and returned None.", hint="is a return missing?")
    try:
        return TypeAdapter(promise.hint).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        detail = f"{place}: {first['msg']}" if place else first["msg"]
        raise BrokenPromise(
            f"{owner} promised {promise}, and returned {shorten(safe_text(value, repr), 80)}:",
            f"  {shorten(detail, 120)}",
            hint="return what it promises, or promise what it returns.",
        ) from None
    except (PydanticUserError, TypeError):
        # Pydantic does not know the hint, so an instance of its class is all that can be asked for.
        cls = get_origin(promise.hint) or promise.hint
        if isinstance(cls, type) and not is_typeddict(cls) and not isinstance(value, cls):
            raise _wrong_type_error(value, promise, owner) from None
        return value


def _is_pandas(value: Any) -> bool:
    return type(value).__module__.startswith("pandas") and hasattr(value, "columns")


def _wrong_type_error(value: Any, promise: Promise, owner: str) -> BrokenPromise:
    kind = type(value)
    package = kind.__module__.split(".")[0]
    name = f"{package}.{kind.__name__}" if package in ("pandas", "polars") else kind.__name__
    hint = "return what it promises, or promise what it returns."
    if promise.is_table and _is_pandas(value):
        hint = "give polars: pl.from_pandas(table); or promise pandas: from magical.pandas import Frame."
    elif promise.kind == "pandas" and isinstance(value, (pl.DataFrame, pl.LazyFrame)):
        hint = "promise polars: from magical import Frame; or give table.to_pandas()."
    elif promise.is_table and name == "pandas.Series":
        hint = "make it a table: .reset_index(), or .to_frame()."
    is_table = hasattr(value, "iloc") or isinstance(value, pl.DataFrame)
    shown = f"{len(value):,} rows" if is_table else shorten(safe_text(value, repr), 60)
    return BrokenPromise(f"{owner} promised {promise}, and returned {shown} ({name}).", hint=hint)


_CARRIED_KINDS = ("table", "lazy", "pandas", "parts", "model")


def generate_output(node: Node, load: Callable[[str, Wire, Promise], Any]) -> Any:
    """Generate the output of a pretended node; the same for the same contract, name, rows and inputs.

    Args:
        node: a node of a graph with code.
        load: called with an input's name, its wire and a promise with the wanted kind of table.

    Raises:
        ContractError: no output can be generated for its promise.
    """
    call = node.call
    assert call is not None, "an executed graph has its code"
    inputs: list[tuple[Promise, Any]] = []
    parents: dict[str, Any] = {}
    for name, wire in node.inputs.items():
        if name.startswith(PARENT_INPUT_PREFIX):
            parents[name.removeprefix(PARENT_INPUT_PREFIX)] = load(name, wire, Promise("table"))
        elif _is_carried(promise := call.input_promises[name]):
            inputs.append((promise, load(name, wire, promise.match_laziness(Promise("any")))))
    options = GenerateOptions(node.name, node.facts["pretended"])
    try:
        value = generate(call.promise, options, inputs=inputs, parents=parents)
    except ContractError as error:
        raise error.with_message(f"{node.name} ({node.where}): {error.lines[0]}", *error.lines[1:]) from None
    return validate_output(convert_kind(value, call.promise), call.promise, node)


def _is_carried(promise: Promise) -> bool:
    """Return True if outputs are generated from the values of an input: its rows, or a model's classes."""
    return promise.kind in _CARRIED_KINDS or any(map(_is_carried, promise.items))


_ANY = Promise("any")


class LocalExecutor:
    """Runs bodies in this process, in several threads; keeps results in memory while others need them."""

    def __init__(self, run: ActiveRun) -> None:
        self._run, self._context, self._result = run, run.context, run.result
        self._values: dict[str, Any] = {}
        self._lock = threading.RLock()
        self._isolation = BodyIsolation(run)

    def execute(self, node: Node, plan: NodePlan, records: Mapping[str, Record]) -> Record:
        """Run one node's body in this thread; see ``NodeExecutor.execute``."""
        resume_gc()
        try:
            with measure_memory() as memory:
                record = self._execute(node, plan, records)
            return replace(record, memory=memory)
        except (MagicalError, KeyboardInterrupt):
            raise
        except BaseException as error:  # a panic of polars is not an Exception
            raise _step_error(node, error) from error

    def _execute(self, node: Node, plan: NodePlan, records: Mapping[str, Record]) -> Record:
        """Generate or compute the output of a node, and store it."""
        context = self._make_context(node, plan)
        outputs = self._context.planning.identities[node.name].output_files
        before = list_folder_files(outputs)
        began = time.monotonic()
        if node.facts.get("pretended"):
            value = generate_output(node, lambda _, wire, p: self._load_wire(wire, None, records, p))
        else:
            value, began = self._compute(node, plan, records, context)
        if is_sampled_source(node, self._context.planning.sample):
            value = sample_rows(value, self._context.planning.sample)
        value = brand_origin(value, plan.origin)
        seconds = round(time.monotonic() - began, 3)
        self._check_files(node, plan)
        written = digest_outputs(outputs, before, self._context.planning.digest_file)
        try:
            record = self._store_result(node, plan, value, context, seconds, written)
        except StoreError as error:
            raise _name_step(node, error) from error
        except StreamError as error:
            raise _step_error(node, error.__cause__ or error) from error.__cause__
        if _is_shareable(value):
            self.set_value(node.name, value)
        return record

    def _compute(
        self,
        node: Node,
        plan: NodePlan,
        records: Mapping[str, Record],
        context: StepContext,
        alone: bool = False,
    ) -> tuple[Any, float]:
        """Call the body, and return its output and the time at which it began."""
        arguments = self.load_arguments(node, records)
        try:
            with self._isolation.guard(node, alone=alone):
                began = time.monotonic()  # the time for loading and waiting is not part of the step's time
                branding = self._context.planning.receipts.brands.branding(arguments, plan.origin)
                with branding, pretending_run() if plan.origin else contextlib.nullcontext():
                    return self.call_body(node, arguments, context), began
        except StateDisturbed:  # with new arguments: the body may have changed the others in place
            context.kept.clear()
            self._context.store.clear_scratch(plan.key)
            return self._compute(node, plan, records, context, alone=True)

    def load_arguments(self, node: Node, records: Mapping[str, Record]) -> dict[str, Any]:
        """Load the inputs of a node, validate them, and return all arguments of its body.

        Raises:
            DamagedArtifact: a stored input is damaged.
            BrokenPromise: an input breaks a rule that only this step's contract has.
            StepError: an argument cannot be copied.
        """
        call = node.call
        assert call is not None, "an executed graph has its code"
        plain = _copy_arguments(node)
        promises = call.step.parameter_promises
        inputs = {
            name: self._load_wire(wire, plain.get(name), records, promises[name])
            for name, wire in node.inputs.items()
        }
        for name, promise in call.stricter_promises.items():
            owner = f"{node.name} ({node.where}) wants {name} to keep its rules:"
            _validate_tables(inputs[name], promise, owner)
        return {**plain, **{name: convert_kind(value, promises[name]) for name, value in inputs.items()}}

    def call_body(self, node: Node, arguments: Mapping[str, Any], context: Sink | None = None) -> Any:
        """Call a node's body, and validate its output.

        Args:
            node: a node of a graph with code.
            arguments: all arguments of the body.
            context: receives what the body emits and keeps; None to ignore it, as outside of a run.

        Raises:
            StepError: the body raised.
            BrokenPromise: the output breaks its promise.
        """
        try:
            return self._call_body(node, arguments, context)
        except MagicalError as error:
            if self._context.on_error is not None:
                self._context.on_error(error.__cause__ or error)
            raise

    def call_alone(self, node: Node, arguments: Mapping[str, Any]) -> Any:
        """Call a node's body outside of a run; it draws the same random numbers as in one."""
        with isolate(node.name, alone=True):
            return self.call_body(node, arguments)

    def set_value(self, node: str, value: Any) -> None:
        """Keep a value in memory as the result of a node."""
        with self._lock:
            self._values[node] = _copy_tables(value)

    def drop_value(self, node: str) -> None:
        """Drop a node's result from memory."""
        with self._lock:
            self._values.pop(node, None)

    def load_value(self, name: str) -> Any:
        """Load the result of a node that has finished in this run."""
        return self._load_link(Link(name), self._result.records)

    def _call_body(self, node: Node, arguments: Mapping[str, Any], context: Sink | None) -> Any:
        call = node.call
        assert call is not None, "an executed graph has its code"
        token = current_sink.set(context)
        try:
            # Bound by hand: a signature with positional-only parameters takes no keywords.
            bound = inspect.BoundArguments(call.step.signature, OrderedDict(arguments))
            with running_body(context) if context is not None else contextlib.nullcontext():
                return validate_output(call.step.function(*bound.args, **bound.kwargs), call.promise, node)
        except MagicalError as error:
            if str(error).startswith((f"{node.step_name} ", f"{node.name} ")):
                raise
            raise _name_step(node, error) from error
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise _step_error(node, error) from error
        finally:
            current_sink.reset(token)

    def _store_result(
        self,
        node: Node,
        plan: NodePlan,
        value: Any,
        context: StepContext,
        seconds: float,
        outputs: Mapping[str, str],
    ) -> Record:
        """Store the result and the kept values, and then the record that refers to them."""
        call, store = node.call, self._context.store
        assert call is not None
        began = time.monotonic()
        # No record refers to the objects before it is written: a sweep would remove them.
        with store.block_sweeps():
            result = store.save(value, call.promise, plan.key)
            if call.promise.kind == "lazy":  # the rows are computed while they are stored
                seconds = round(seconds + time.monotonic() - began, 3)
            kept = {
                name: store.save(brand_origin(item, plan.origin), Promise("any"), f"{plan.key}-{name}")
                for name, item in context.kept.items()
            }
            run, origin = self._result.name, plan.origin
            record = Record(plan.key, node.name, node.step, plan.parts, result, kept, seconds, run, origin)
            record = replace(record, outputs=outputs)
            if context.registry_used:
                record = self._context.planning.receipts.assign_registry(record)
            store.put_record(record)
        store.clear_scratch(plan.key)  # only now: a kill before the record must find the checkpoints
        return record

    def _make_context(self, node: Node, plan: NodePlan) -> StepContext:
        context = StepContext(
            node=node,
            key=plan.key,
            origin=plan.origin,
            graph=self._context.graph,
            store=self._context.store,
            load=self.load_value,
            records=self._result.records,
            dispatch_event=self._run.emit,
            registry=None,
            run=self._result.name,
            root=Path(self._context.info.root),
        )
        if self._context.registry is not None and not plan.origin:
            context.offer_registry(self._context.registry)
        return context

    def _load_wire(self, wire: Wire, plain: Any, records: Mapping[str, Record], wanted: Promise) -> Any:
        """Load the value of a link, or of a list of links in which None stands for a plain value."""
        if isinstance(wire, Link):
            return self._load_link(wire, records, wanted)
        if wire is None:
            return plain
        promises = wanted.items if wanted.kind == "tuple" else (wanted.items or (wanted,))[:1] * len(wire)
        plains = plain or [None] * len(wire)
        members = zip(wire, plains, promises, strict=True)
        return [self._load_wire(w, p, records, promise) for w, p, promise in members]

    def _load_link(self, link: Link, records: Mapping[str, Record], wanted: Promise = _ANY) -> Any:
        """Load the result that a link refers to from memory or the store, as the wanted kind of table."""
        call = self._context.graph.by_name[link.node].call
        assert call is not None
        promise = call.promise.member(link.item) if link.item else call.promise
        with self._lock:
            in_memory, value = link.node in self._values, self._values.get(link.node)
        if in_memory:
            item = _copy_tables(_get_member(value, link.item))
        else:
            artifact = records[link.node].result.item(link.item)
            item = self._context.store.load(artifact, promise.match_laziness(wanted))
        return attach_promise(item, promise)

    def _check_files(self, node: Node, plan: NodePlan) -> None:
        """Raise if a file changed while it was read: the result would be stored under the wrong key."""
        identity = self._context.planning.identities[node.name]
        if not identity.argument_files:
            return
        _, now = compute_node_key(identity, {}, self._context.planning.digest_file)
        if any(now[label] != plan.parts[label] for label in identity.argument_files):
            files = ", ".join(base_name(f) for paths in identity.argument_files.values() for f in paths)
            raise InputError(
                f"{node.name} ({node.where}): {shorten(files, 100)} changed while it was read.",
                hint="run it again.",
            )


def _validate_tables(value: Any, wanted: Promise, owner: str) -> None:
    """Validate every table in a value against its contract."""
    if isinstance(value, (list, tuple)):
        promises = wanted.items if wanted.kind == "tuple" else wanted.items[:1] * len(value)
        for member, promise in zip(value, promises, strict=False):
            _validate_tables(member, promise, owner)
    elif wanted.schema is not None:
        for table in value if isinstance(value, Parts) else [value]:
            polars_table = table if isinstance(table, pl.LazyFrame) else to_polars(table)
            validate(polars_table, wanted.schema, label=owner)


def _copy_arguments(node: Node) -> dict[str, Any]:
    """Copy the plain arguments of a node for one call: its body may change them, and others get the same."""
    assert node.call is not None, "an executed graph has its code"
    copies = {}
    for name, value in node.call.arguments.items():
        try:
            copies[name] = _copy_argument(value)
        except Exception as error:  # a class may refuse in any way
            raise StepError(
                f"{node.name} ({node.where}) needs a copy of {name}, since a body may change it:",
                f"  its {type(value).__name__} cannot be copied: {shorten(safe_text(error), 120)}",
                hint="make in the body what cannot be copied, or define __deepcopy__.",
            ) from None
    return copies


def _copy_argument(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except Exception:
        return copy.deepcopy(value, _find_substitutes(value))


def _find_substitutes(value: Any) -> dict[int, Any]:
    """Find parts of a value that refuse to be copied; ``deepcopy`` takes the substitutes from its memo."""
    match value:
        case MappingProxyType():
            return {id(value): MappingProxyType(_copy_argument(dict(value)))}
        case BaseModel():
            # A private attribute is not part of the key: a lock or a connection there belongs to all copies.
            private = (value.__pydantic_private__ or {}).values()
            kept = {id(part): part for part in private if not _is_copyable(part)}
            return {**kept, **_find_substitutes(vars(value))}
        case Mapping():
            parts = [*value.values()]
        case list() | tuple() | set() | frozenset():
            parts = [*value]
        case _:
            return {}
    return {key: part for item in parts for key, part in _find_substitutes(item).items()}


def _is_copyable(value: Any) -> bool:
    try:
        copy.deepcopy(value)
    except Exception:
        return False
    return True


def _copy_tables(value: Any) -> Any:
    """Copy a shareable value: its tables are cloned, which copies no data until one is changed in place."""
    if isinstance(value, pl.DataFrame):
        return value.clone()
    if isinstance(value, Parts):
        return Parts(**{name: table.clone() for name, table in vars(value).items()})
    return tuple(map(_copy_tables, value)) if isinstance(value, tuple) else value


def _is_shareable(value: Any) -> bool:
    """Return True if copies of a value cost nothing, so that other steps may get it from memory."""
    # No lists and no models: a body can change them, and each step loads its own faster than a deep copy.
    if isinstance(value, tuple):
        return all(map(_is_shareable, value))
    return value is None or isinstance(value, (pl.DataFrame, Parts, int, float, str))


def _get_member(value: Any, item: str) -> Any:
    if not item:
        return value
    return getattr(value, item) if isinstance(value, Parts) else value[int(item)]


def _name_step(node: Node, error: MagicalError) -> MagicalError:
    """Return the same error with the step's name before its message."""
    first, *rest = error.lines or (type(error).__name__,)
    return attach_trace(error.with_message(f"{node.name} ({node.where}): {first}", *rest), error)


def _step_error(node: Node, error: BaseException) -> MagicalError:
    frame = next(reversed(author_frames(error)), None)
    place = f" ({Path(frame.filename).name}:{frame.lineno}: {shorten(frame.line or '', 80)})" if frame else ""
    step_error = StepError(
        f"{node.name} ({node.where}) raised {type(error).__name__}{place}:",
        *[f"  {line}" for line in (safe_text(error).strip() or "no message").splitlines()[:2]],
        hint=f"open it with its inputs: magical replay last {node.name} --pdb",
    )
    return attach_trace(step_error, error)
