"""Findings about hidden inputs, which no setting and no key covers: files, clock, chance, state."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from magical.checks.path_reads import find_path_reads
from magical.errors import Finding, join_names, shorten
from magical.graph import Graph, Node
from magical.keys.source_walk import Source, collect_sources, is_project_code
from magical.keys.state_uses import find_state_uses
from magical.workflows import Workflow

__all__ = ["find_impure_steps", "find_impure_workflow", "find_solitary_steps"]

# These match the full names of functions, as `Source.resolve_name` returns them: where a function is
# defined, which is often a private module such as polars.io.csv.functions.
_ENVIRONMENT = re.compile(r"os\.(environ|environb|getenv|getenvb)(\.|$)")
_DATE_CALLS = r"datetime\.(datetime|date)\.(now|utcnow|today)$|pandas\..*Timestamp\.(now|today|utcnow)$"
_DATE_CALL = re.compile(_DATE_CALLS)
_CLOCK_CALL = re.compile(rf"{_DATE_CALLS}|time\.(time|localtime|gmtime|ctime|monotonic|perf_counter)(_ns)?$")
_RANDOM_CALL = re.compile(
    r"(random|numpy\.random)\.(?!seed$|Random$|default_rng$|RandomState$|Generator$|SeedSequence$|PCG64$)"
    r"|uuid\.uuid[14]$|secrets\.|os\.urandom$|random\.SystemRandom$"
)
_SEEDABLE = re.compile(r"(random\.Random|numpy\.random\..*(default_rng|RandomState))$")
_DYNAMIC_CODE = re.compile(r"(builtins\.(globals|eval|exec)|importlib\.reload|sys\.modules\.\w+)$")
_OPENERS = re.compile(r"(_?io|builtins)\.open$")
_READERS = re.compile(
    r"(polars|pandas|pyarrow|geopandas|dask|duckdb)\..*?(read|scan)_\w+$"
    r"|numpy\.(.*\.)?(load|loadtxt|genfromtxt|fromfile|memmap)$|joblib\.(.*\.)?load$"
    r"|_?sqlite3\.(.*\.)?connect$|urllib\.request\.(urlopen|urlretrieve)$"
    r"|(requests|httpx)\.(.*\.)?(get|post|request)$|importlib\.resources\..*(read|open)_\w+$"
)
_FILE_METHODS = ("open", "read_text", "read_bytes", "iterdir", "glob", "rglob")
_PATH_PARAMETERS = ("source", "file", "path", "filepath_or_buffer", "io", "url", "fname", "filename")
_SETTERS = ("setdefault", "update")  # methods that write to os.environ


def find_impure_workflow(workflow: Workflow[..., object]) -> Iterator[Finding]:
    """Find uses of clock, chance and environment in a workflow, its helpers and its settings class."""
    name, seen = workflow.name, set[str]()
    sources = collect_sources(workflow.function, follow_classes=False)
    if workflow.settings is not None and is_project_code(workflow.settings):
        sources += collect_sources(workflow.settings)
    for source in sources:
        for node in source.walk():
            what = (
                _find_clock_call(source, node, _CLOCK_CALL)
                or _find_random_call(source, node)
                or _find_environment_read(source, node)
            )
            place = source.locate(node)
            if what and place not in seen:  # one finding a line: nested calls match several times
                seen.add(place)
                yield Finding(
                    "PURE001",
                    "error",
                    name,
                    f"depends on {what} ({place}): what it draws may be another each time.",
                    "make it a setting, or move that line into a step.",
                )


def find_impure_steps(graph: Graph) -> Iterator[Finding]:
    """Find reads in bodies that no key covers: if their source changes, a stale result is still reused."""
    for node in _iter_checked_nodes(graph):
        assert node.call is not None
        for number, source in enumerate(collect_sources(node.call.step.function)):
            # The body comes first; what the functions get that it calls is known by their hints.
            reads = find_path_reads(source, None if number else node.call.arguments)
            described = (f"{shorten(ast.unparse(read), 60)} ({source.locate(read)})" for read in reads)
            fetches = dict.fromkeys([*_find_fetches(source, node), *described])
            if fetches:
                yield Finding(
                    "PURE002",
                    "warning",
                    node.call.step.name,
                    f"fetches by itself what the cache does not see: {join_names(fetches, 3)}.",
                    "take it as an argument from the settings (a file: InputPath), "
                    'or mark the step @step(reads="world").',
                )


def find_solitary_steps(graph: Graph) -> Iterator[Finding]:
    """Find steps that use the state of the whole process, so that no other body may run meanwhile."""
    steps = {node.call.step: node for node in graph.required_nodes if node.call is not None}
    for step in steps:
        if uses := find_state_uses(step.function):
            calls = join_names([text for text, _ in uses], 3)
            what = f"acts on the whole process, and so runs alone: {calls}."
            yield Finding("PURE003", "warning", step.name, what, uses[0][1])


def _iter_checked_nodes(graph: Graph) -> Iterator[Node]:
    """Yield one node for each written project step, except those that run each time anyway."""
    seen = set()
    for node in graph.required_nodes:
        call = node.call
        if call is None or call.step in seen or call.step.unwritten or call.step.reads == "world":
            continue
        seen.add(call.step)
        if is_project_code(call.step.function):
            yield node


def _find_fetches(source: Source, step: Node) -> Iterator[str]:
    """Yield what a body reads by itself, with its place; ``step`` is the node of the body."""
    for node in source.walk():
        what = _find_file_read(source, node) or _find_dynamic_code(source, node)
        if not what and not step.writes:  # credentials of a service belong in no key
            what = _find_environment_read(source, node)
        if not what and not step.facts.get("random"):
            what = _find_clock_call(source, node, _DATE_CALL)
        if what:
            yield f"{what} ({source.locate(node)})"


def _find_file_read(source: Source, node: ast.AST) -> str:
    """Return the text of a call that reads a file at a constant path; empty for any other node."""
    if not isinstance(node, ast.Call):
        return ""
    name, method = source.resolve_name(node.func), getattr(node.func, "attr", "")
    path: ast.expr | None = next(
        iter([*node.args, *(k.value for k in node.keywords if k.arg in _PATH_PARAMETERS)]), None
    )
    if _OPENERS.match(name):
        reads = _is_read_mode(node, 1)
    elif _READERS.match(name):
        reads = True
    elif method in _FILE_METHODS and isinstance(node.func, ast.Attribute):
        reads, path = method != "open" or _is_read_mode(node, 0), node.func.value
    else:
        return ""
    return shorten(ast.unparse(node), 60) if reads and source.is_constant_path(path) else ""


def _is_read_mode(node: ast.Call, position: int) -> bool:
    """Return True if a call opens a file for reading: its mode is an argument by position or by name."""
    positional = node.args[position] if len(node.args) > position else None
    mode = next((k.value for k in node.keywords if k.arg == "mode"), positional)
    return mode is None or (isinstance(mode, ast.Constant) and not set("wax") & set(str(mode.value)))


def _find_dynamic_code(source: Source, node: ast.AST) -> str:
    is_called = isinstance(node, ast.Call) and _DYNAMIC_CODE.match(source.resolve_name(node.func))
    is_looked_up = isinstance(node, ast.Subscript) and source.resolve_name(node.value) == "sys.modules"
    return shorten(ast.unparse(node), 60) if is_called or is_looked_up else ""


def _find_environment_read(source: Source, node: ast.AST) -> str:
    """Describe a read of an environment variable; empty for any other syntax node."""
    if isinstance(node, ast.Call) and _ENVIRONMENT.match(source.resolve_name(node.func)):
        return "" if getattr(node.func, "attr", "") in _SETTERS else _describe_environment(node)
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        return _describe_environment(node) if _ENVIRONMENT.match(source.resolve_name(node.value)) else ""
    if isinstance(node, ast.Compare):  # "NAME" in os.environ
        is_read = any(_ENVIRONMENT.match(source.resolve_name(c)) for c in node.comparators)
        return _describe_environment(node) if is_read else ""
    return ""


def _find_clock_call(source: Source, node: ast.AST, pattern: re.Pattern[str]) -> str:
    """Describe a call that reads the clock and matches the pattern; empty for any other syntax node."""
    is_called = isinstance(node, ast.Call) and pattern.match(source.resolve_name(node.func))
    return f"the clock, {ast.unparse(node)}" if is_called else ""


def _find_random_call(source: Source, node: ast.AST) -> str:
    """Describe a call that draws random numbers, or creates a generator without a seed; empty for others."""
    if not isinstance(node, ast.Call):
        return ""
    name = source.resolve_name(node.func)
    unseeded = _SEEDABLE.match(name) and not node.args and not node.keywords
    return f"chance, {shorten(ast.unparse(node), 60)}" if unseeded or _RANDOM_CALL.match(name) else ""


def _describe_environment(node: ast.AST) -> str:
    return f"the environment, {shorten(ast.unparse(node), 60)}"
