"""Calls in a step's code that use a global generator, or change the working directory or environment."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from magical.errors import shorten
from magical.keys.live_values import safe_attribute
from magical.keys.source_walk import Source, collect_sources, is_project_code

__all__ = ["CHANGE_HINT", "DRAW_HINT", "find_state_uses"]

DRAW_HINT = "np.random.default_rng(seed) has a state of its own; polars takes seed=, others random_state=."
CHANGE_HINT = "make paths from a folder that is an argument, and pass env= to the process that needs it."

# These match the full names of functions, as `Source.resolve_name` returns them.
_DRAW = re.compile(
    r"(random\.(Random\.)?|numpy\.random\.(mtrand\.)?(RandomState\.)?)"
    r"(?!(Random|SystemRandom|default_rng|RandomState|Generator|SeedSequence|BitGenerator|MT19937|PCG64"
    r"|PCG64DXSM|Philox|SFC64|getstate|get_state|get_bit_generator)(\.|$))[a-z]\w*$"
    r"|polars\.(.*\.)?set_random_seed$"
)
_CHANGE = re.compile(r"(os|posix|nt)\.(f?chdir|putenv|unsetenv)$|contextlib\.chdir$")
_ENVIRONMENT = re.compile(r"os\.environb?$")
_SETTERS = ("update", "setdefault", "pop", "popitem", "clear")

_WORDS = frozenset(
    {"random", "seed", "set_random_seed", "sample", "shuffle", "chdir", "fchdir", "environ", "environb"}
    | {"putenv", "unsetenv"}
)
"""Names that code with such a call has, unless it imports the function under another name at its top."""


def find_state_uses(function: Any) -> list[tuple[str, str]]:
    """Find the calls in a function, and in the project code that it refers to, however deep.

    Returns:
        For each call its text with ``file:line``, and the hint for it.

    Example:
        >>> find_state_uses(find_state_uses)
        []
    """
    function = inspect.unwrap(function)
    if not is_project_code(function) or not _may_use_state(function):
        return []  # most steps end here: to parse the source takes a hundred times as long
    found = [
        (s, node, hint) for s in collect_sources(function) for node in s.walk() for hint in _judge(s, node)
    ]
    return list(dict.fromkeys((f"{_show(node)} ({s.locate(node)})", hint) for s, node, hint in found))


def _show(node: ast.AST) -> str:
    return shorten(ast.unparse(node), 60)


def _judge(source: Source, node: ast.AST) -> Iterator[str]:
    """Yield the hint for a syntax node that uses the state; nothing for any other one."""
    match node:
        case ast.Call(func=function):
            name = source.resolve_name(function)
            if _DRAW.match(name) or (not name and _is_unseeded_sample(node)):
                yield DRAW_HINT
            elif _CHANGE.match(name) or _is_setter(source, function):
                yield CHANGE_HINT
        case ast.Subscript(ctx=ast.Store() | ast.Del(), value=owner) if _is_environment(source, owner):
            yield CHANGE_HINT
        case ast.AugAssign(target=ast.Attribute() as owner) if _is_environment(source, owner):
            yield CHANGE_HINT


def _is_unseeded_sample(node: ast.Call) -> bool:
    """Return True for ``table.sample(9)`` or ``column.shuffle()`` of polars or pandas without a seed."""
    # The methods of a generator take what they draw from: rng.sample(rows, 9), rng.shuffle(rows).
    if not isinstance(node.func, ast.Attribute) or {k.arg for k in node.keywords} & {
        *("seed", "random_state", "k", "population", "x", None)
    }:
        return False
    if isinstance(node.func.value, ast.Name) and node.func.value.id in ("self", "cls"):
        return False
    limit = {"sample": 1, "shuffle": 0}.get(node.func.attr, -1)
    return len(node.args) <= limit


def _is_setter(source: Source, function: ast.expr) -> bool:
    """Return True for a method of ``os.environ`` that changes it."""
    return (
        isinstance(function, ast.Attribute)
        and function.attr in _SETTERS
        and _is_environment(source, function.value)
    )


def _is_environment(source: Source, node: ast.AST) -> bool:
    return bool(_ENVIRONMENT.match(source.resolve_name(node)))


def _may_use_state(function: Any) -> bool:
    """Return True if the compiled code of a function, or of project code that it names, has such a name."""
    waiting, seen = [function], set[int]()
    while waiting:
        current = inspect.unwrap(waiting.pop())
        if id(current) in seen or not is_project_code(current):
            continue
        seen.add(id(current))
        if isinstance(current, type):
            waiting += [v for v in vars(current).values() if isinstance(v, FunctionType)]
            continue
        names = {name for code in _iter_code(current.__code__) for name in code.co_names}
        if names & _WORDS:
            return True
        for value in _iter_outer_values(current, names):
            if _is_state_function(value):
                return True
            if isinstance(value, (FunctionType, type)):
                waiting.append(value)
    return False


def _iter_code(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and those of the functions and classes in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _iter_code(constant)


def _iter_outer_values(function: FunctionType, names: set[str]) -> Iterator[Any]:
    """Yield the values of outer names, and of the names in them that are modules of the project."""
    outer = inspect.getclosurevars(function).nonlocals
    for value in (*outer.values(), *(function.__globals__[n] for n in names if n in function.__globals__)):
        yield value
        if isinstance(value, ModuleType):
            yield from (vars(value)[n] for n in names if n in vars(value))


def _is_state_function(value: Any) -> bool:
    """Return True for a function that a module imports under its own or another name."""
    name = safe_attribute(value, "__name__")  # of any type: polars' `col` answers with an expression
    owner = safe_attribute(value, "__self__")
    is_named = isinstance(name, str) and name in _WORDS
    return is_named or (type(owner).__name__ in ("Random", "RandomState") and callable(value))
