"""Fail if modules of `magical` import each other in a circle, hidden imports included.

An import inside a function, or under `if TYPE_CHECKING`, counts like any other: it hides a knot, it does not
undo it. Only `magical/__init__.py` is exempt, since its lazy table names modules of every layer.
"""

import sys
from itertools import pairwise

import grimp

PACKAGE = "magical"


def shortest_cycle(graph: grimp.ImportGraph, module: str) -> list[str]:
    """The fewest modules that lead from `module` back to itself; empty where there is no way back."""
    chains = [
        chain
        for imported in graph.find_modules_directly_imported_by(module)
        if (chain := graph.find_shortest_chain(importer=imported, imported=module))
    ]
    return [module, *min(chains, key=lambda chain: (len(chain), chain))] if chains else []


def cycles(graph: grimp.ImportGraph) -> list[list[str]]:
    """One shortest cycle for each knot, as lists of modules that begin and end with the same one."""
    found: list[list[str]] = []
    for module in sorted(graph.modules):
        cycle = shortest_cycle(graph, module)
        if cycle and not any(set(cycle) <= set(other) for other in found):
            found.append(cycle)
    return found


def describe(graph: grimp.ImportGraph, cycle: list[str]) -> str:
    """The cycle, one import a line with its line number."""
    lines = ["import cycle:"]
    for importer, imported in pairwise(cycle):
        numbers = sorted(
            {d["line_number"] for d in graph.get_import_details(importer=importer, imported=imported)}
        )
        lines.append(f"  {importer}:{numbers[0]} imports {imported}")
    return "\n".join(lines)


def main() -> int:
    """Print every cycle; 1 if there is any."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    for imported in graph.find_modules_directly_imported_by(PACKAGE):
        graph.remove_import(importer=PACKAGE, imported=imported)
    found = cycles(graph)
    for cycle in found:
        print(describe(graph, cycle))
    if found:
        print("Hint: move what both need into a module below them, or pass it as an argument.")
    else:
        print(f"no import cycle in {len(graph.modules)} modules")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
