"""The key of a node: a hash of its code, contracts, arguments, package versions and inputs."""

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
from magical.input_files.local_files import base_name, is_there
from magical.keys.arguments import encode_argument
from magical.keys.code_closure import CodeClosure, CodeReader
from magical.keys.packages import find_package
from magical.masking import mask_uris
from magical.scoring_path import derive_scoring_path
from magical.settings import InputPath, OutputPath, find_paths
from magical.synthesis.strategies import pretence_json

__all__ = ["KEY_FORMAT", "NodeIdentity", "compute_node_key", "identify_nodes"]

# Increased by a release that changes results of steps but not their keyed code: every step then runs again.
KEY_FORMAT = "4"


@dataclass(frozen=True)
class NodeIdentity:
    """The parts of a node's key that are known once the workflow is drawn.

    Attributes:
        parts: the text of each part, by labels such as ``code:helpers.scale`` and ``argument:max_age``.
        where: the ``file:line`` of code, by label.
        argument_files: absolute paths, or URLs, of files in arguments, by label, in the order of their
            placeholders.
        calls_wish: True if the code calls ``wish``, so that the result is not real.
        output_files: the absolute path of each output in the arguments, by its text in the settings.

    Example:
        >>> identity = NodeIdentity({"argument:x": "1"})
        >>> identity == NodeIdentity.from_json(identity.to_json())
        True
    """

    parts: Mapping[str, str]
    where: Mapping[str, str] = field(default_factory=dict)
    argument_files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    calls_wish: bool = False
    output_files: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Convert the identity to JSON."""
        return {
            "parts": dict(self.parts),
            "where": dict(self.where),
            "files": {k: list(v) for k, v in self.argument_files.items()},
            "wishes": self.calls_wish,
            "outputs": dict(self.output_files),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> NodeIdentity:
        """Read an identity from JSON."""
        files = {k: tuple(v) for k, v in data["files"].items()}
        return cls(data["parts"], data["where"], files, data["wishes"], data["outputs"])


def identify_nodes(graph: Graph, reader: CodeReader | None = None) -> dict[str, NodeIdentity]:
    """Compute the identity of each node of a graph with calls; the code of pretended nodes is not read.

    Args:
        graph: as drawn, just after the import of its project.
        reader: reads the code of the project; by default one that knows no project's folder.

    Raises:
        WiringError: an argument cannot be encoded for a key, or a node has no call.
    """
    reader = reader or CodeReader()
    identities: dict[str, NodeIdentity] = {}
    unreal: set[str] = set()
    for node in graph.nodes:
        is_pretended = node.facts.get("pretended") or node.facts.get("cut")
        identify = _identify_pretended if is_pretended else _identify_node
        identities[node.name] = replace(identify(node, reader), output_files=_find_output_files(node))
        if is_pretended or any(link.node in unreal for link in node.links):
            unreal.add(node.name)
    for node in graph.nodes:
        if node.writes and node.name not in unreal:  # a model that is not real is never registered
            identities[node.name] = _add_scoring_parts(graph, node, identities)
    return identities


def compute_node_key(
    identity: NodeIdentity,
    inputs: Mapping[str, str],
    digest_file: Callable[[Path], str],
    origin_parts: Mapping[str, str] | None = None,
) -> tuple[str, dict[str, str]]:
    """Compute the key of a node, and return it with all its parts.

    Args:
        identity: the parts that are known from drawing.
        inputs: for each connected parameter, the text that names the content of its values.
        digest_file: computes the digest of a file.
        origin_parts: parts for the pretended steps and the sample that the node depends on.

    Raises:
        InputError: a file in an argument does not exist or cannot be read.
    """
    parts = {**identity.parts, **(origin_parts or {})}
    for label, paths in identity.argument_files.items():
        # With the name, which a body can see; without the folder, so that clones elsewhere agree.
        marks = [f"{_digest_input_file(label, p, digest_file)}:{json.dumps(base_name(p))}" for p in paths]
        parts[label] = " ".join([parts[label], *marks])
    parts |= {f"input:{name}": content for name, content in inputs.items()}
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:40], parts


def _digest_input_file(label: str, path: str, digest: Callable[[Path], str]) -> str:
    try:
        return digest(InputPath(path))
    except InputError as error:
        first = error.lines[0].removesuffix(".")
        hint = error.hint if is_there(path) else f"{error.hint} Without it: magical pretend"
        raise InputError(f"{first}, given as {label.partition(':')[2]}.", hint=hint) from None


def _add_scoring_parts(graph: Graph, node: Node, identities: Mapping[str, NodeIdentity]) -> NodeIdentity:
    """Add the steps of the scoring path to the key of a node that registers a model."""
    # Their code is registered with the model, so it is part of the key even if their results stay the same.
    identity = identities[node.name]
    parts, where = dict(identity.parts), dict(identity.where)
    path = derive_scoring_path(graph, node.name)
    code = ("code:", "argument:", "package:")
    labels: dict[str, tuple[str, ...]] = {step.node.name: code for step in (*path.rows.steps, *path.steps)}
    # Nor need another alias, mark or `Reading` change the rows of the run.
    labels |= {path.rows.raw.node: ("argument:reading",), path.source.node: ("gives",)}
    for name in (n for n in labels if n in identities):
        inner = {k: v for k, v in identities[name].parts.items() if k.startswith(labels[name])}
        if not inner:
            continue
        parts[f"scoring:{name}"] = hashlib.sha256(_dump(inner).encode()).hexdigest()[:32]
        where[f"scoring:{name}"] = graph.by_name[name].where
    return replace(identity, parts=parts, where=where)


def _dump(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _identify_node(node: Node, reader: CodeReader) -> NodeIdentity:
    """Identify a node by its code, arguments, contracts and package versions."""
    call = node.call
    if call is None:
        raise WiringError(
            f"{node.name} has no code here: the graph was read, not drawn.", hint="draw it again."
        )
    parts: dict[str, str] = {"format": KEY_FORMAT, "python": _python_version()}
    files: dict[str, tuple[str, ...]] = {}
    promises = [call.promise, *call.input_promises.values(), *call.stricter_promises.values()]
    # Rules run where a value is validated: on the result, and on inputs with a stricter promise.
    validated = [call.promise, *call.stricter_promises.values()]
    roots: list[Any] = [call.step.function, *(f for p in validated for f in _find_rule_functions(p))]
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
    parts["gives"] = _dump(call.promise.to_json())
    code = reader.read_step(*roots)
    digests, where = _label_pieces(code)
    # A body may use the methods of a table or a pipeline without naming the package.
    declared = [call.promise, *call.step.parameter_promises.values()]
    uses = {"polars": any(map(_has_tables, promises))}
    uses["pandas"] = any(_has_tables(p, "pandas") for p in declared)
    uses["sklearn"] = any(_has_tables(p, "pipeline") for p in promises)
    found = [find_package(name) for name, is_used in uses.items() if is_used]
    packages = code.packages | dict(package for package in found if package)
    parts |= digests | {f"package:{name}": version for name, version in packages.items()}
    # Only passwords in URIs: the mask of revealed secrets differs between processes, and a key must not.
    safe = {label: mask_uris(text) for label, text in parts.items()}
    return NodeIdentity(safe, where, files, code.calls_wish)


def _python_version() -> str:
    # With -O Python leaves assertions out.
    return f"{sys.version_info[0]}.{sys.version_info[1]}{' -O' * sys.flags.optimize}"


def _label_pieces(code: CodeClosure) -> tuple[dict[str, str], dict[str, str]]:
    """Return the digests of a closure's pieces, and their ``file:line``, both by label."""
    digests = {f"code:{name}": piece.digest for name, piece in code.pieces.items()}
    return digests, {f"code:{name}": piece.where for name, piece in code.pieces.items()}


def _identify_pretended(node: Node, reader: CodeReader) -> NodeIdentity:
    """Identify a pretended node by its promise, with its rules and classes, and its inputs' contracts."""
    assert node.call is not None, "only a graph with calls is identified"
    promise = node.call.promise
    parts = {
        "format": KEY_FORMAT,
        "pretended": f"{node.facts.get('pretended', 0)} rows for {node.name}",
        "gives": _dump(promise.to_json()),
        "examples": _dump(pretence_json(promise)),
    }
    # The contract of an input decides which columns are carried over, and what a model predicts.
    for name, taken in node.call.input_promises.items():
        if name in node.inputs and (schemas := _find_schemas(taken)):
            parts[f"takes:{name}"] = _dump([s.to_json() for s in schemas])
    classes = (c for c in _find_classes(promise) if c.__module__.split(".")[0] != "magical")
    code = reader.read(*_find_rule_functions(promise), *classes)
    digests, where = _label_pieces(code)
    return NodeIdentity(parts | digests, where)


def _find_output_files(node: Node) -> dict[str, str]:
    arguments = node.call.arguments if node.call is not None else {}
    written = (path for path in find_paths(arguments) if isinstance(path, OutputPath))
    return {path.text: str(Path.cwd() / path) for path in written}


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
    """Describe the contract of an input without its bounds, and any stricter contract that the step has."""
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
    inner = [s for item in promise.items for s in _find_schemas(item)]
    return [promise.schema, *inner] if promise.schema else inner


def _has_tables(promise: Promise, kind: str = "") -> bool:
    """Return True if a promise is, or contains, a table, or a promise of ``kind`` if that is given."""
    if promise.kind == kind if kind else promise.is_table or promise.kind == "parts":
        return True
    return any(_has_tables(item, kind) for item in promise.items)


def _find_classes(promise: Promise) -> list[Any]:
    """Find the classes of values in a promise: their methods are code that a body may call."""
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
