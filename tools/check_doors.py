"""Fail where a module imports the inside of another package, or where a package does not name its door.

A package says in the docstring of its `__init__` which modules others may import; that docstring ends in
``Door: `schema`, `tables`.`` The rest is its inside. `magical/__init__.py` is exempt: it is the door of all.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp

PACKAGE = "magical"
SOURCE = Path(__file__).resolve().parent.parent / "src"
MOST, SHARE = 8, 1 / 3
"""A door has at most so many modules, or this share of a larger package."""

DOOR = re.compile(r"^Door: (.+?)\.$", re.MULTILINE | re.DOTALL)


def door_of(package: str) -> list[str] | None:
    """The modules that the docstring of a package names as its door; None if it names none."""
    text = (SOURCE / package.replace(".", "/") / "__init__.py").read_text(encoding="utf-8")
    named = DOOR.search(ast.get_docstring(ast.parse(text)) or "")
    return re.findall(r"`(\w+)`", named[1]) if named else None


def packages(graph: grimp.ImportGraph) -> Iterator[str]:
    """All packages below the root, outer ones first."""
    for module in sorted(graph.modules):
        if module != PACKAGE and (SOURCE / module.replace(".", "/") / "__init__.py").is_file():
            yield module


def faults_of(package: str, graph: grimp.ImportGraph) -> Iterator[str]:
    """What is wrong with the door of one package, and who does not come through it."""
    door, inside = door_of(package), graph.find_descendants(package)
    members = {m.removeprefix(f"{package}.").split(".")[0] for m in inside}
    if door is None:
        yield f"{package}: its docstring names no door. Hint: end it with 'Door: `module`, `module`.'"
        return
    if unknown := sorted(set(door) - members):
        yield f"{package}: its door names {', '.join(unknown)}, which it has not."
    if len(door) > max(MOST, SHARE * len(inside)):
        yield f"{package}: its door has {len(door)} modules, at most {MOST} or a third."
    for module in sorted(inside):
        member = module.removeprefix(f"{package}.").split(".")[0]
        for importer in sorted(graph.find_modules_that_directly_import(module)):
            if importer in (PACKAGE, package) or importer in inside or member in door:
                continue
            line = graph.get_import_details(importer=importer, imported=module)[0]["line_number"]
            yield f"{importer}:{line} imports {module}, which is not in the door of {package}"


def unused_doors(package: str, graph: grimp.ImportGraph) -> Iterator[str]:
    """Modules of a door that nobody outside of the package imports."""
    inside = graph.find_descendants(package)
    for member in door_of(package) or []:
        modules = {m for m in inside if f"{m}.".startswith(f"{package}.{member}.")}
        importers = {i for m in modules for i in graph.find_modules_that_directly_import(m)}
        if not importers - inside - {package}:
            yield f"{package}: nobody imports {member} from outside; take it out of the door"


def main() -> int:
    """Print every import past a door; 1 if there is any."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    names = list(packages(graph))
    faults = [fault for name in names for check in (faults_of, unused_doors) for fault in check(name, graph)]
    print("\n".join(faults) or f"every import between {len(names)} packages comes through a door")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
