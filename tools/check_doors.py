"""Fail if a module imports past the door of another package, or if a package does not name its door.

The door of a package is the modules that others may import. The docstring of its `__init__` ends with it:
``Door: `schema`, `tables`.`` `magical/__init__.py` is exempt: it is the door of the whole.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp

PACKAGE = "magical"
SOURCE = Path(__file__).resolve().parent.parent / "src"
MAX_MODULES, MAX_SHARE = 8, 1 / 3
"""The limit of a door: a number of modules, or a share of a larger package."""

DOOR = re.compile(r"^Door: (.+?)\.$", re.MULTILINE | re.DOTALL)


def find_door(package: str) -> list[str] | None:
    """Read the modules that the docstring of a package names as its door; None if it names none."""
    text = (SOURCE / package.replace(".", "/") / "__init__.py").read_text(encoding="utf-8")
    named = DOOR.search(ast.get_docstring(ast.parse(text)) or "")
    return re.findall(r"`(\w+)`", named[1]) if named else None


def list_packages(graph: grimp.ImportGraph) -> Iterator[str]:
    """Yield all packages below the root, outer ones first."""
    for module in sorted(graph.modules):
        if module != PACKAGE and (SOURCE / module.replace(".", "/") / "__init__.py").is_file():
            yield module


def find_faults(package: str, graph: grimp.ImportGraph) -> Iterator[str]:
    """Yield what is wrong with the door of a package, and the imports past it."""
    door, inside = find_door(package), graph.find_descendants(package)
    members = {m.removeprefix(f"{package}.").split(".")[0] for m in inside}
    if door is None:
        yield f"{package}: its docstring names no door. Hint: end it with 'Door: `module`, `module`.'"
        return
    if unknown := sorted(set(door) - members):
        yield f"{package}: its door names {', '.join(unknown)}, which do not exist in it."
    if len(door) > max(MAX_MODULES, MAX_SHARE * len(inside)):
        yield f"{package}: its door has {len(door)} modules, at most {MAX_MODULES} or a third."
    for module in sorted(inside):
        member = module.removeprefix(f"{package}.").split(".")[0]
        for importer in sorted(graph.find_modules_that_directly_import(module)):
            if importer in (PACKAGE, package) or importer in inside or member in door:
                continue
            line = graph.get_import_details(importer=importer, imported=module)[0]["line_number"]
            yield f"{importer}:{line} imports {module}, which is not in the door of {package}"


def find_unused_doors(package: str, graph: grimp.ImportGraph) -> Iterator[str]:
    """Yield the modules of a door that no module outside of the package imports."""
    inside = graph.find_descendants(package)
    for member in find_door(package) or []:
        modules = {m for m in inside if f"{m}.".startswith(f"{package}.{member}.")}
        importers = {i for m in modules for i in graph.find_modules_that_directly_import(m)}
        if not importers - inside - {package}:
            yield f"{package}: no module imports {member} from outside; take it out of the door"


def main() -> int:
    """Print every import past a door; return 1 if there is any."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    names = list(list_packages(graph))
    checks = (find_faults, find_unused_doors)
    faults = [fault for name in names for check in checks for fault in check(name, graph)]
    print("\n".join(faults) or f"every import between {len(names)} packages comes through a door")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
