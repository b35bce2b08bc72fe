"""Fail if the code breaks a house rule: lengths, repeated names, docstrings, paths of a machine.

Ruff checks docstrings of public names; import-linter, check_cycles.py and check_doors.py check imports. This
checks the rest, and prints statistics of the tree, so that a change of them is seen in review.
"""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "magical"
MAX_MODULE_LINES = 600
MAX_FUNCTION_LINES = 40
MAX_PARAMETERS = 5
REPEATED = {"__init__", "__main__"}
"""Module names that may repeat. So may those of parallel folders (stores/local and stores/remote)."""

RIDDLE = re.compile(r"(?:Give|What|How|Whether|That|Who|Whose|Where)\b")
"""A docstring of a function begins with a verb that says what it does, not with these."""

MAX_TEXT_BYTES = 500_000
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:home|root|work|Users)/[\w.]")
LOCK_SOURCE = re.compile(r"://|^\s*(?:-(?!-hash=)|\S+ @ )")

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


class Module(NamedTuple):
    """One module of the package, parsed.

    Attributes:
        tree: the parsed ``text``.
    """

    path: Path
    text: str
    tree: ast.Module

    @property
    def where(self) -> str:
        """The path from the root of the repository."""
        return str(self.path.relative_to(ROOT))

    @property
    def functions(self) -> list[FunctionNode]:
        """All functions and methods, nested ones too."""
        return [node for node in ast.walk(self.tree) if isinstance(node, FunctionNode)]

    @property
    def public(self) -> list[FunctionNode | ast.ClassDef]:
        """Functions and classes at the top, without a leading underscore; overloads once."""
        nodes = [n for n in self.tree.body if isinstance(n, FunctionNode | ast.ClassDef) and n.name[0] != "_"]
        return list({node.name: node for node in nodes}.values())


def read_modules() -> list[Module]:
    """Parse all modules of the package but its templates."""
    paths = [p for p in sorted(PACKAGE.rglob("*.py")) if p.relative_to(PACKAGE).parts[0] != "template"]
    texts = [p.read_text(encoding="utf-8") for p in paths]
    return [Module(p, text, ast.parse(text, filename=str(p))) for p, text in zip(paths, texts, strict=True)]


def count_code_lines(function: FunctionNode) -> int:
    """Count the lines of a function without its decorators and its docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return lines


def find_public_functions(body: list[ast.stmt]) -> Iterator[FunctionNode]:
    """Yield functions and methods without a leading underscore, those of public classes too."""
    for node in body:
        if isinstance(node, FunctionNode | ast.ClassDef) and not node.name.startswith("_"):
            if isinstance(node, ast.ClassDef):
                yield from find_public_functions(node.body)
            else:
                yield node


def count_parameters(function: FunctionNode) -> int:
    """Count the named parameters, without `self` and `cls`."""
    args = function.args
    names = [a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def find_module_faults(module: Module) -> Iterator[str]:
    """Yield what is too long, takes too many parameters, or has a docstring without a verb in one module."""
    if (lines := len(module.text.splitlines())) > MAX_MODULE_LINES:
        yield f"{module.where}: {lines} lines, at most {MAX_MODULE_LINES}. Hint: one concept a module."
    for node in module.functions:
        where = f"{module.where}:{node.lineno}"
        if (lines := count_code_lines(node)) > MAX_FUNCTION_LINES:
            yield f"{where}: {node.name}() has {lines} lines, at most {MAX_FUNCTION_LINES}"
        if RIDDLE.match(ast.get_docstring(node) or ""):
            yield f"{where}: {node.name}() does not say with a verb what it does"
    for node in find_public_functions(module.tree.body):
        if (count := count_parameters(node)) > MAX_PARAMETERS:
            where = f"{module.where}:{node.lineno}"
            yield f"{where}: {node.name}() takes {count} parameters, at most {MAX_PARAMETERS}"


def find_name_faults(modules: Iterable[Module]) -> Iterator[str]:
    """Yield names of modules and public names that are used in several places."""
    stems, publics = defaultdict(list), defaultdict(list)
    for module in modules:
        if module.path.stem not in REPEATED:
            stems[module.path.stem].append(module.path.relative_to(PACKAGE))
        for node in module.public:
            publics[node.name].append(module.where)
    for places in stems.values():
        grandparents = {p.parent.parent for p in places}
        if len(places) > 1 and (len(grandparents) > 1 or grandparents == {Path()}):
            yield f"one module name, several meanings: {', '.join(map(str, places))}"
    for name, wheres in publics.items():
        if len(wheres) > 1:
            yield f"{name} is a public name of several modules: {', '.join(wheres)}"


def format_figures(modules: Iterable[Module]) -> str:
    """Summarise the tree in one line."""
    large = [m for m in modules if len(m.text.splitlines()) > 8]
    lengths = [len(m.text.splitlines()) for m in large]
    functions = [count_code_lines(f) for m in large for f in m.functions]
    public = [node for m in large for node in m.public]
    shown = sum(">>>" in (ast.get_docstring(node) or "") for node in public)
    total = sum(len(m.text.splitlines()) for m in modules)
    comments = sum(len(re.findall(r"(?m)^\s*#|  # ", m.text)) for m in modules)
    return (
        f"{len(large)} modules over 8 lines, median {median(lengths):.0f}, largest {max(lengths)}; "
        f"{total:,} lines, {100 * comments / total:.1f} comments in 100; "
        f"functions: ninth decile {quantiles(functions, n=10)[-1]:.0f} lines, longest {max(functions)}; "
        f"{100 * shown / len(public):.0f} % of {len(public)} public names have an example"
    )


def find_path_faults(path: Path) -> Iterator[str]:
    """Yield the lines of a text file that contain a path of somebody's machine."""
    if path.stat().st_size > MAX_TEXT_BYTES:
        return
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="ignore").splitlines(), 1):
        if match := MACHINE_PATH.search(line):
            yield f"{path.relative_to(ROOT)}:{number}: contains a path of a machine, {match[0]}…"


def find_lock_faults(path: Path) -> Iterator[str]:
    """Yield the lines of the lock that say where packages come from."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if LOCK_SOURCE.search(line):
            yield f"{path.name}:{number}: contains an address or an option: {line.strip()}"


def list_project_files() -> Iterator[Path]:
    """Yield the files that git tracks or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return (path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def main() -> int:
    """Print every fault and the statistics; return 1 if there is any fault."""
    modules = read_modules()
    faults = [fault for module in modules for fault in find_module_faults(module)]
    faults += find_name_faults(modules)
    faults += [fault for path in list_project_files() for fault in find_path_faults(path)]
    faults += find_lock_faults(ROOT / "requirements.lock")
    print(*faults, format_figures(modules), sep="\n")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
