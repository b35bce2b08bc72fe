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
from magical.keys.arguments import encode_argument
from magical.keys.code_closure import CodeReader
from magical.keys.packages import find_package
from magical.masking import mask_uris
from magical.scoring_path import derive_scoring_path
from magical.synthesis.strategies import pretence_json

__all__ = ["KEY_FORMAT", "NodeIdentity", "compute_node_key", "identify_nodes"]

KEY_FORMAT = "2"
"""Changed when a release of ours changes what steps give, so that everything runs again."""


@dataclass(frozen=True)
class NodeIdentity:
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
    argument_files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    code_files: tuple[str, ...] = ()
    calls_wish: bool = False

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {
            "parts": dict(self.parts),
            "where": dict(self.where),
            "files": {k: list(v) for k, v in self.argument_files.items()},
            "sources": list(self.code_files),
            "wishes": self.calls_wish,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> NodeIdentity:
        """Read one back."""
        files = {k: tuple(v) for k, v in data["files"].items()}
        return cls(data["parts"], data["where"], files, tuple(data["sources"]), data["wishes"])


def identify_nodes(graph: Graph) -> dict[str, NodeIdentity]:
    """Give the identity of each node of a living graph; the code of what is pretended is not read.

    Raises:
        WiringError: an argument has no form that a key could hold.
    """
    reader = CodeReader()
    found: dict[str, NodeIdentity] = {}
    pretended: set[str] = set()
    for node in graph.nodes:
        made_up = node.facts.get("pretended") or node.facts.get("cut")
        found[node.name] = _identify_pretended(node, reader) if made_up else _identify_node(node, reader)
        if made_up or any(link.node in pretended for link in node.links):
            pretended.add(node.name)
    for node in graph.nodes:
        if node.writes and node.name not in pretended:
            found[node.name] = _add_scoring_parts(graph, node, found)
    return found


def compute_node_key(
    identity: NodeIdentity,
    inputs: Mapping[str, str],
    digest_file: Callable[[Path], str],
    origin_parts: Mapping[str, str] | None = None,
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
    parts = {**identity.parts, **(origin_parts or {})}
    for label, paths in identity.argument_files.items():
        marks = [f"{_digest_input_file(label, p, digest_file)}{Path(p).suffix.lower()}" for p in paths]
        parts[label] = f"{parts[label]} {' '.join(marks)}"
    parts |= {f"input:{name}": content for name, content in inputs.items()}
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:40], parts


def _digest_input_file(label: str, path: str, digest: Callable[[Path], str]) -> str:
    try:
        return digest(Path(path))
    except InputError as error:
        first = error.lines[0].removesuffix(".")
        hint = error.hint if Path(path).exists() else f"{error.hint} Without it: magical pretend"
        raise InputError(f"{first}, given as {label.partition(':')[2]}.", hint=hint) from None


def _add_scoring_parts(graph: Graph, node: Node, found: Mapping[str, NodeIdentity]) -> NodeIdentity:
    """A registered model takes the steps before it along: their code counts even if nothing came out new."""
    own = found[node.name]
    parts, where = dict(own.parts), dict(own.where)
    for name in [step.node.name for step in derive_scoring_path(graph, node.name).steps]:
        served = found[name]
        inner = {k: v for k, v in served.parts.items() if k.startswith(("code:", "argument:", "package:"))}
        text = json.dumps(inner, sort_keys=True)
        parts[f"scoring:{name}"] = hashlib.sha256(text.encode()).hexdigest()[:32]
        where[f"scoring:{name}"] = graph.by_name[name].where
    return replace(own, parts=parts, where=where)


def _identify_node(node: Node, reader: CodeReader) -> NodeIdentity:
    call = node.call
    if call is None:
        raise WiringError(
            f"{node.name} has no code here: the graph was read, not drawn.", hint="draw it again."
        )
    parts: dict[str, str] = {"format": KEY_FORMAT, "python": f"{sys.version_info[0]}.{sys.version_info[1]}"}
    files: dict[str, tuple[str, ...]] = {}
    promises = [call.promise, *call.input_promises.values(), *call.stricter_promises.values()]
    ruled = [call.promise, *call.stricter_promises.values()]
    roots: list[Any] = [call.step.function, *(f for p in ruled for f in _find_rule_functions(p))]
    roots += [cls for p in promises for cls in _find_classes(p)]
    for name, value in call.arguments.items():
        if name in node.inputs and value is None:
            continue
        paths: list[str] = []
        parts[f"argument:{name}"] = _encode_node_argument(node, name, value, paths, roots)
        if paths:
            files[f"argument:{name}"] = tuple(paths)
    for name in node.inputs:
        shapes = _describe_input_shape(call.step.parameter_promises[name], call, name)
        if shapes:
            parts[f"takes:{name}"] = shapes
    parts["gives"] = json.dumps(call.promise.to_json(), sort_keys=True, default=str)
    code = reader.read(*roots)
    parts |= {f"code:{name}": piece.digest for name, piece in code.pieces.items()}
    packages = dict(code.packages)
    if any(_has_tables(p) for p in promises) and (polars := find_package("polars")):
        packages[polars[0]] = polars[1]
    seen = [call.promise, *call.step.parameter_promises.values()]
    if any(_has_tables(p, "pandas") for p in seen) and (pandas := find_package("pandas")):
        packages[pandas[0]] = pandas[1]
    if any(_has_tables(p, "pipeline") for p in promises) and (sklearn := find_package("sklearn")):
        packages[sklearn[0]] = sklearn[1]
    parts |= {f"package:{name}": version for name, version in packages.items()}
    where = {f"code:{name}": piece.where for name, piece in code.pieces.items()}
    # Only passwords in URIs: what else is masked depends on what was revealed, and a key must not.
    safe = {label: mask_uris(text) for label, text in parts.items()}
    return NodeIdentity(safe, where, files, tuple(sorted(code.files)), code.calls_wish)


def _identify_pretended(node: Node, reader: CodeReader) -> NodeIdentity:
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
    for name, taken in node.call.input_promises.items():
        if name in node.inputs and (schemas := _find_schemas(taken)):
            parts[f"takes:{name}"] = json.dumps([s.to_json() for s in schemas], sort_keys=True, default=str)
    code = reader.read(
        *_find_rule_functions(promise), *(c for c in _find_classes(promise) if not _is_magical_class(c))
    )
    parts |= {f"code:{name}": piece.digest for name, piece in code.pieces.items()}
    where = {f"code:{name}": piece.where for name, piece in code.pieces.items()}
    return NodeIdentity(parts, where, {}, tuple(sorted(code.files)))


def _is_magical_class(kind: type) -> bool:
    return kind.__module__.split(".")[0] == "magical"


def _encode_node_argument(node: Node, name: str, value: Any, paths: list[str], roots: list[Any]) -> str:
    try:
        return encode_argument(value, paths, roots)
    except SettingsError:
        raise WiringError(
            f"{node.step_name} ({node.where}) gets {name}: a value of type {type(value).__name__}, "
            "which no key can hold.",
            hint="pass settings, numbers or texts, or make it the result of a step.",
        ) from None


def _describe_input_shape(wanted: Promise, call: Any, name: str) -> str:
    """What a body can see of its input's contract (its shape), and the rules kept at its border."""
    have = call.input_promises.get(name)
    if have is None:
        return ""
    texts = [
        json.dumps(s.without_constraints().to_json(), sort_keys=True, default=str)
        for s in _find_schemas(have)
    ]
    texts.append(str(have.match_laziness(Promise("any"))))
    if name in call.stricter_promises:
        texts.append(json.dumps(wanted.to_json(), sort_keys=True, default=str))
    return "\n".join(texts)


def _find_schemas(promise: Promise) -> list[Schema]:
    own = [promise.schema] if promise.schema else []
    return own + [s for item in promise.items for s in _find_schemas(item)]


def _has_tables(promise: Promise, kind: str = "") -> bool:
    """Whether a body has tables (of that kind) in its hands, whether it names polars or pandas or not."""
    if promise.kind == kind if kind else promise.is_table or promise.kind == "parts":
        return True
    return any(_has_tables(item, kind) for item in promise.items)


def _find_classes(promise: Promise) -> list[Any]:
    """The classes of values: what a body does with one depends on its methods, whatever the hint says."""
    if promise.is_table or promise.kind == "parts":
        return []
    waiting, found = [promise.hint], [c for item in promise.items for c in _find_classes(item)]
    while waiting:
        hint = waiting.pop()
        waiting.extend(get_args(hint))
        found += [hint] if isinstance(hint, type) and not get_args(hint) else []
    return found


def _find_rule_functions(promise: Promise) -> list[Any]:
    return [rule.function for schema in _find_schemas(promise) for rule in schema.rules]
