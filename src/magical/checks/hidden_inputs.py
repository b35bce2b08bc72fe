"""What decides a result although no setting and no key sees it: files, the clock, chance, the shell."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from magical.checks.source_walk import Source, is_own, reached
from magical.errors import Finding, listing, shorten
from magical.graph import Graph, Node
from magical.workflows import Workflow

__all__ = ["unseen_in_steps", "unseen_in_workflow"]

_ENVIRONMENT = re.compile(r"os\.(environ|environb|getenv|getenvb)(\.|$)")
_DAY = r"datetime\.(datetime|date)\.(now|utcnow|today)$|pandas\..*Timestamp\.(now|today|utcnow)$"
_TODAY = re.compile(_DAY)
_CLOCK = re.compile(rf"{_DAY}|time\.(time|localtime|gmtime|ctime|monotonic|perf_counter)(_ns)?$")
_CHANCE = re.compile(
    r"(random|numpy\.random)\.(?!seed$|Random$|default_rng$|RandomState$|Generator$|SeedSequence$|PCG64$)"
    r"|uuid\.uuid[14]$|secrets\.|os\.urandom$|random\.SystemRandom$"
)
_SEEDED = re.compile(r"(random\.Random|numpy\.random\..*(default_rng|RandomState))$")
_CODE = re.compile(r"(builtins\.(__import__|globals|eval|exec)|importlib\.(import_module|reload))$")
_OPENERS = re.compile(r"(_?io|builtins)\.open$")
_READERS = re.compile(
    r"(polars|pandas|pyarrow|geopandas|dask|duckdb)\..*?(read|scan)_\w+$"
    r"|numpy\.(.*\.)?(load|loadtxt|genfromtxt|fromfile|memmap)$|joblib\.(.*\.)?load$"
    r"|_?sqlite3\.(.*\.)?connect$|urllib\.request\.(urlopen|urlretrieve)$"
    r"|(requests|httpx)\.(.*\.)?(get|post|request)$|importlib\.resources\..*(read|open)_\w+$"
)
_METHODS = ("open", "read_text", "read_bytes", "iterdir", "glob", "rglob")
_NAMED = ("source", "file", "path", "filepath_or_buffer", "io", "url", "fname", "filename")
_SETS = ("setdefault", "update")


def unseen_in_workflow(workflow: Workflow[..., object]) -> Iterator[Finding]:
    """Find the clock, chance and the environment in a workflow, its helpers and the class of its settings."""
    name, seen = workflow.name, set[str]()
    sources = reached(workflow.function, classes=False)
    if workflow.settings is not None and is_own(workflow.settings):
        sources += reached(workflow.settings)
    for source in sources:
        for node in source.walk():
            what = _clock(source, node, _CLOCK) or _chance(source, node) or _environment(source, node)
            place = source.place(node)
            if what and place not in seen:
                seen.add(place)
                yield Finding(
                    "PURE001",
                    "error",
                    name,
                    f"depends on {what} ({place}): what it draws may be another each time.",
                    "make it a setting, or move that line into a step.",
                )


def unseen_in_steps(graph: Graph) -> Iterator[Finding]:
    """Find what bodies fetch by themselves: their keys do not see it, so an old result is taken for fresh."""
    for node in _once_a_step(graph):
        assert node.call is not None
        for source in reached(node.call.step.function):
            found = dict.fromkeys(_fetches(source, node))
            if found:
                yield Finding(
                    "PURE002",
                    "warning",
                    node.call.step.name,
                    f"fetches by itself what the cache does not see: {listing(found, 3)}.",
                    "take it as an argument from the settings (a file: InputPath), "
                    'or mark the step @step(reads="world").',
                )


def _once_a_step(graph: Graph) -> Iterator[Node]:
    """Written steps of the project's own that are not asked again in each run anyway."""
    seen = set()
    for node in graph.wanted:
        call = node.call
        if call is None or call.step in seen or call.step.unwritten or call.step.reads == "world":
            continue
        seen.add(call.step)
        if is_own(call.step.function):
            yield node


def _fetches(source: Source, step: Node) -> Iterator[str]:
    for node in source.walk():
        what = _file(source, node) or _code(source, node)
        if not what and not step.writes:  # how to log in is nobody's business
            what = _environment(source, node)
        if not what and not step.facts.get("random"):
            what = _clock(source, node, _TODAY)
        if what:
            yield f"{what} ({source.place(node)})"


def _file(source: Source, node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    name, method = source.named(node.func), getattr(node.func, "attr", "")
    named = [k.value for k in node.keywords if k.arg in _NAMED]
    path = next(iter([*node.args, *named]), None)
    if _OPENERS.match(name):
        reads, fixed = _is_read(node, 1), source.is_fixed(path)
    elif _READERS.match(name):
        reads, fixed = True, source.is_fixed(path)
    elif method in _METHODS and isinstance(node.func, ast.Attribute):
        reads, fixed = method != "open" or _is_read(node, 0), source.is_fixed(node.func.value)
    else:
        return ""
    return shorten(ast.unparse(node), 60) if reads and fixed else ""


def _is_read(node: ast.Call, place: int) -> bool:
    """Whether a file is opened for reading: by its mode, which stands at this place or is named."""
    given = node.args[place] if len(node.args) > place else None
    mode = next((k.value for k in node.keywords if k.arg == "mode"), given)
    return mode is None or (isinstance(mode, ast.Constant) and not set("wax") & set(str(mode.value)))


def _code(source: Source, node: ast.AST) -> str:
    if isinstance(node, ast.Call) and _CODE.match(source.named(node.func)):
        return shorten(ast.unparse(node), 60)
    return ""


def _environment(source: Source, node: ast.AST) -> str:
    if isinstance(node, ast.Call) and _ENVIRONMENT.match(source.named(node.func)):
        return "" if getattr(node.func, "attr", "") in _SETS else _shown(node)
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        return _shown(node) if _ENVIRONMENT.match(source.named(node.value)) else ""
    if isinstance(node, ast.Compare):
        return _shown(node) if any(_ENVIRONMENT.match(source.named(c)) for c in node.comparators) else ""
    return ""


def _clock(source: Source, node: ast.AST, clock: re.Pattern[str]) -> str:
    is_called = isinstance(node, ast.Call) and clock.match(source.named(node.func))
    return f"the clock, {ast.unparse(node)}" if is_called else ""


def _chance(source: Source, node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    name = source.named(node.func)
    unseeded = _SEEDED.match(name) and not node.args and not node.keywords
    return f"chance, {shorten(ast.unparse(node), 60)}" if unseeded or _CHANCE.match(name) else ""


def _shown(node: ast.AST) -> str:
    return f"the environment, {shorten(ast.unparse(node), 60)}"
