"""Fail where a file breaks a house limit: its length, its functions, the paths and hosts it names.

Ruff sees to docstrings of public names, and import-linter and check_cycles.py to imports; this is the rest.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE_LINES = 300
FUNCTION_LINES = 45
PARAMETERS = 5
BIGGEST_TEXT = 500_000
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:home|root|work|Users)/[\w.]")
NOT_IN_LOCK = re.compile(r"://|^\s*(?:-(?!-hash=)|\S+ @ )")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def code_lines(function: Function) -> int:
    """Lines of a function without its decorators and its docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return lines


def public_functions(body: list[ast.stmt]) -> Iterator[Function]:
    """Functions and methods without a leading underscore, in public classes too."""
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            if isinstance(node, ast.ClassDef):
                yield from public_functions(node.body)
            else:
                yield node


def parameters(function: Function) -> int:
    """Named parameters, without `self` and `cls`."""
    args = function.args
    names = [a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def module_faults(path: Path) -> Iterator[str]:
    """What is too long or takes too much in one module."""
    text = path.read_text(encoding="utf-8")
    where = path.relative_to(ROOT)
    tree = ast.parse(text, filename=str(where))
    if (lines := len(text.splitlines())) > MODULE_LINES:
        yield f"{where}: {lines} lines, at most {MODULE_LINES}. Hint: one concept a module."
    for node in ast.walk(tree):
        if isinstance(node, Function) and (lines := code_lines(node)) > FUNCTION_LINES:
            yield f"{where}:{node.lineno}: {node.name}() has {lines} lines, at most {FUNCTION_LINES}"
    for node in public_functions(tree.body):
        if (count := parameters(node)) > PARAMETERS:
            yield f"{where}:{node.lineno}: {node.name}() takes {count} parameters, at most {PARAMETERS}"


def path_faults(path: Path) -> Iterator[str]:
    """Lines of one text file that name a folder of somebody's machine."""
    if path.stat().st_size > BIGGEST_TEXT:
        return
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="ignore").splitlines(), 1):
        if match := MACHINE_PATH.search(line):
            yield f"{path.relative_to(ROOT)}:{number}: names a machine's own path, {match[0]}…"


def lock_faults(path: Path) -> Iterator[str]:
    """Lines of the lock that say where packages come from."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if NOT_IN_LOCK.search(line):
            yield f"{path.name}:{number}: names an address or an option: {line.strip()}"


def project_files() -> Iterator[Path]:
    """Files that git knows or would take."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return (path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def main() -> int:
    """Print every fault; 1 if there is any."""
    package = ROOT / "src" / "magical"
    modules = [p for p in sorted(package.rglob("*.py")) if p.relative_to(package).parts[0] != "template"]
    faults = [fault for path in modules for fault in module_faults(path)]
    faults += [fault for path in project_files() for fault in path_faults(path)]
    faults += lock_faults(ROOT / "requirements.lock")
    print("\n".join(faults) or f"{len(modules)} modules within the house limits")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
