"""The key of a node: a hash of its code, contracts, arguments, versions and inputs."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from magical.contracts.promises import Promise
from magical.contracts.schema import Schema
from magical.errors import InputError, SettingsError, WiringError
from magical.graph import Graph, Node
from magical.keys.arguments import argument_text
from magical.keys.code_closure import CodeReader
from magical.keys.packages import package_of
from magical.masking import mask_uris
from magical.scoring_path import scoring_path
from magical.synthesis.strategies import pretence_json

__all__ = ["KEY_FORMAT", "Identity", "identify", "node_key"]

KEY_FORMAT = "2"
"""Changed when a release of ours changes what steps give, so that everything runs again."""


@dataclass(frozen=True)
class Identity:
    """All of a node's key that is known once the workflow is drawn.

    Attributes:
        parts: what the key is a hash of, by labels such as ``code:helpers.scale`` and ``argument:max_age``.
        where: for code, ``file:line``.
        files: for arguments with files, the absolute paths in the order of their placeholders.
        sources: the project files that the code stands in.
        wishes: whether the code makes up a piece of what it gives.
    """

    parts: Mapping[str, str]
    where: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    wishes: bool = False

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {
            "parts": dict(self.parts),
            "where": dict(self.where),
            "files": {k: list(v) for k, v in self.files.items()},
            "sources": list(self.sources),
            "wishes": self.wishes,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Identity:
        """Read one back."""
        files = {k: tuple(v) for k, v in data["files"].items()}
        return cls(data["parts"], data["where"], files, tuple(data["sources"]), data["wishes"])


def identify(graph: Graph) -> dict[str, Identity]:
    """Give the identity of each node of a living graph; the code of what is pretended is not read.

    Raises:
        WiringError: an argument has no form that a key could hold.
    """
    reader = CodeReader()
    found: dict[str, Identity] = {}
    pretended: set[str] = set()
    for node in graph.nodes:
        made_up = node.facts.get("pretended") or node.facts.get("cut")
        found[node.name] = _pretended(node, reader) if made_up else _identity(node, reader)
        if made_up or any(link.node in pretended for link in node.links):
            pretended.add(node.name)
    for node in graph.nodes:
        if node.writes and node.name not in pretended:
            found[node.name] = _with_scoring(graph, node, found)
    return found


def node_key(
    identity: Identity,
    inputs: Mapping[str, str],
    digest: Callable[[Path], str],
    brand: Mapping[str, str] | None = None,
) -> tuple[str, dict[str, str]]:
    """Give a node's key and all its parts.

    Args:
        identity: what is known from drawing.
        inputs: for each connected parameter, what its values are, by content.
        digest: gives the digest of a file.
        brand: what it stands on that is not real, if anything.

    Raises:
        InputError: a file it reads does not exist.
    """
    parts = {**identity.parts, **(brand or {})}
    for label, paths in identity.files.items():
        marks = [f"{_digest(label, p, digest)}{Path(p).suffix.lower()}" for p in paths]
        parts[label] = f"{parts[label]} {' '.join(marks)}"
    parts |= {f"input:{name}": content for name, content in inputs.items()}
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:40], parts


def _digest(label: str, path: str, digest: Callable[[Path], str]) -> str:
    try:
        return digest(Path(path))
    except InputError as error:
        first = error.lines[0].removesuffix(".")
        hint = error.hint if Path(path).exists() else f"{error.hint} Without it: magical pretend"
        raise InputError(f"{first}, given as {label.partition(':')[2]}.", hint=hint) from None


def _with_scoring(graph: Graph, node: Node, found: Mapping[str, Identity]) -> Identity:
    """A registered model takes the steps before it along: their code counts even if nothing came out new."""
    own = found[node.name]
    parts, where = dict(own.parts), dict(own.where)
    for name in [step.node.name for step in scoring_path(graph, node.name).steps]:
        served = found[name]
        inner = {k: v for k, v in served.parts.items() if k.startswith(("code:", "argument:", "package:"))}
        text = json.dumps(inner, sort_keys=True)
        parts[f"scoring:{name}"] = hashlib.sha256(text.encode()).hexdigest()[:32]
        where[f"scoring:{name}"] = graph.by_name[name].where
    return replace(own, parts=parts, where=where)


def _identity(node: Node, reader: CodeReader) -> Identity:
    call = node.call
    if call is None:
        raise WiringError(
            f"{node.name} has no code here: the graph was read, not drawn.", hint="draw it again."
        )
    parts: dict[str, str] = {"format": KEY_FORMAT, "python": f"{sys.version_info[0]}.{sys.version_info[1]}"}
    files: dict[str, tuple[str, ...]] = {}
    promises = [call.promise, *call.takes.values(), *call.wants.values()]
    ruled = [call.promise, *call.wants.values()]
    roots: list[Any] = [call.step.function, *(f for p in ruled for f in _rule_functions(p))]
    roots += [cls for p in promises for cls in _classes(p)]
    for name, value in call.arguments.items():
        if name in node.inputs and value is None:
            continue
        paths: list[str] = []
        parts[f"argument:{name}"] = _argument(node, name, value, paths, roots)
        if paths:
            files[f"argument:{name}"] = tuple(paths)
    for name in node.inputs:
        shapes = _shape(call.step.wanted[name], call, name)
        if shapes:
            parts[f"takes:{name}"] = shapes
    parts["gives"] = json.dumps(call.promise.to_json(), sort_keys=True, default=str)
    code = reader.read(*roots)
    parts |= {f"code:{name}": piece.digest for name, piece in code.pieces.items()}
    packages = dict(code.packages)
    if any(_holds_tables(p) for p in promises) and (polars := package_of("polars")):
        packages[polars[0]] = polars[1]
    seen = [call.promise, *call.step.wanted.values()]
    if any(_holds_tables(p, "pandas") for p in seen) and (pandas := package_of("pandas")):
        packages[pandas[0]] = pandas[1]
    if any(_holds_tables(p, "pipeline") for p in promises) and (sklearn := package_of("sklearn")):
        packages[sklearn[0]] = sklearn[1]
    parts |= {f"package:{name}": version for name, version in packages.items()}
    where = {f"code:{name}": piece.where for name, piece in code.pieces.items()}
    # Only passwords in URIs: what else is masked depends on what was revealed, and a key must not.
    safe = {label: mask_uris(text) for label, text in parts.items()}
    return Identity(safe, where, files, tuple(sorted(code.files)), code.wishes)


def _pretended(node: Node, reader: CodeReader) -> Identity:
    """What is made up depends on what is promised, on the rules and classes in that, and on what it takes.

    A body does not count. Of an input the contract counts beside its content: it says what is carried over,
    and what a model predicts.
    """
    assert node.call is not None, "a living graph is identified"
    promise = node.call.promise
    parts = {
        "format": KEY_FORMAT,
        "pretended": f"{node.facts.get('pretended', 0)} rows for {node.name}",
        "gives": json.dumps(promise.to_json(), sort_keys=True, default=str),
        "examples": json.dumps(pretence_json(promise), sort_keys=True, default=str),
    }
    for name, taken in node.call.takes.items():
        if name in node.inputs and (schemas := _schemas(taken)):
            parts[f"takes:{name}"] = json.dumps([s.to_json() for s in schemas], sort_keys=True, default=str)
    code = reader.read(*_rule_functions(promise), *(c for c in _classes(promise) if not _is_ours(c)))
    parts |= {f"code:{name}": piece.digest for name, piece in code.pieces.items()}
    where = {f"code:{name}": piece.where for name, piece in code.pieces.items()}
    return Identity(parts, where, {}, tuple(sorted(code.files)))


def _is_ours(kind: type) -> bool:
    return kind.__module__.split(".")[0] == "magical"


def _argument(node: Node, name: str, value: Any, paths: list[str], roots: list[Any]) -> str:
    try:
        return argument_text(value, paths, roots)
    except SettingsError:
        raise WiringError(
            f"{node.title} ({node.where}) gets {name}: a value of type {type(value).__name__}, "
            "which no key can hold.",
            hint="pass settings, numbers or texts, or make it the result of a step.",
        ) from None


def _shape(wanted: Promise, call: Any, name: str) -> str:
    """What a body can see of its input's contract (its shape), and the rules kept at its border."""
    have = call.takes.get(name)
    if have is None:
        return ""
    texts = [json.dumps(s.without_constraints().to_json(), sort_keys=True, default=str) for s in _schemas(have)]
    texts.append(str(have.seen_as(Promise("any"))))
    if name in call.wants:
        texts.append(json.dumps(wanted.to_json(), sort_keys=True, default=str))
    return "\n".join(texts)


def _schemas(promise: Promise) -> list[Schema]:
    own = [promise.schema] if promise.schema else []
    return own + [s for item in promise.items for s in _schemas(item)]


def _holds_tables(promise: Promise, kind: str = "") -> bool:
    """Whether a body has tables (of that kind) in its hands, whether it names polars or pandas or not."""
    if promise.kind == kind if kind else promise.is_table or promise.kind == "parts":
        return True
    return any(_holds_tables(item, kind) for item in promise.items)


def _classes(promise: Promise) -> list[Any]:
    """The classes of values: what a body does with one depends on its methods, whatever the hint says."""
    if promise.is_table or promise.kind == "parts":
        return []
    waiting, found = [promise.hint], [c for item in promise.items for c in _classes(item)]
    while waiting:
        hint = waiting.pop()
        waiting.extend(get_args(hint))
        found += [hint] if isinstance(hint, type) and not get_args(hint) else []
    return found


def _rule_functions(promise: Promise) -> list[Any]:
    return [rule.function for schema in _schemas(promise) for rule in schema.rules]
