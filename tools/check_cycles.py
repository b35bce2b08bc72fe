"""Fail if modules of `magical` import each other in a circle, hidden imports included.

An import inside a function, or under `if TYPE_CHECKING`, counts like any other: it hides the cycle, it does
not remove it. Only `magical/__init__.py` is exempt, since its lazy table names modules of every layer.
"""

import sys
from itertools import pairwise

import grimp

PACKAGE = "magical"


def find_shortest_cycle(graph: grimp.ImportGraph, module: str) -> list[str]:
    """Return the shortest chain of imports from `module` back to itself; empty if there is none."""
    chains = [
        chain
        for imported in graph.find_modules_directly_imported_by(module)
        if (chain := graph.find_shortest_chain(importer=imported, imported=module))
    ]
    return [module, *min(chains, key=lambda chain: (len(chain), chain))] if chains else []


def find_cycles(graph: grimp.ImportGraph) -> list[list[str]]:
    """Return one shortest cycle for each group of modules, each beginning and ending with the same module."""
    found: list[list[str]] = []
    for module in sorted(graph.modules):
        cycle = find_shortest_cycle(graph, module)
        if cycle and not any(set(cycle) <= set(other) for other in found):
            found.append(cycle)
    return found


def describe_cycle(graph: grimp.ImportGraph, cycle: list[str]) -> str:
    """Format a cycle, one import a line with its line number."""
    lines = ["import cycle:"]
    for importer, imported in pairwise(cycle):
        numbers = sorted(
            {d["line_number"] for d in graph.get_import_details(importer=importer, imported=imported)}
        )
        lines.append(f"  {importer}:{numbers[0]} imports {imported}")
    return "\n".join(lines)


def main() -> int:
    """Print every cycle; return 1 if there is any."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    for imported in graph.find_modules_directly_imported_by(PACKAGE):
        graph.remove_import(importer=PACKAGE, imported=imported)
    found = find_cycles(graph)
    for cycle in found:
        print(describe_cycle(graph, cycle))
    if found:
        print("Hint: move what both need into a module below them, or pass it as an argument.")
    else:
        print(f"no import cycle in {len(graph.modules)} modules")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
