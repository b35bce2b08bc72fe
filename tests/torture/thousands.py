"""Workflows of thousands of steps: a chain, a fan, and a mixture."""

from pathlib import Path

from projects import Small, one
from torture.running import cpu_of

STEPS = """
@step
def begin() -> int:
    return 1


@step
def add(x: int, y: int) -> int:
    return (x + y) % 1009


@step
def total(xs: list[int]) -> int:
    return sum(xs)


@workflow
def many() -> int:
"""
SHAPES = {
    "chain": "    x = begin()\n    for n in range({n}):\n        x = add(x, n)\n    return x\n",
    "fan": "    x = begin()\n    return total([add(x, n) for n in range({n})])\n",
    "mixed": "    xs = [begin(), begin()]\n    for n in range({n}):\n"
    "        xs.append(add(xs[-1], xs[n // 2]))\n    return total([xs[-1], *xs[::7]])\n",
}


def value_of(shape: str, n: int) -> int:
    """Compute the result of the workflow in plain Python."""
    xs = [1, 1]
    if shape == "mixed":
        for i in range(n):
            xs.append((xs[-1] + xs[i // 2]) % 1009)
        return xs[-1] + sum(xs[::7])
    x, fan = 1, sum((1 + i) % 1009 for i in range(n))
    for i in range(n):
        x = (x + i) % 1009
    return fan if shape == "fan" else x


def live_through(root: Path, shape: str, n: int) -> dict[str, float]:
    """Plan, run, run again, show and ask why; return the CPU seconds of each."""
    small: Small = one(root, STEPS + SHAPES[shape].format(n=n))
    cost: dict[str, float] = {}
    cost["plan, drawn"], _ = cpu_of(small, "plan")
    cost["plan, remembered"], _ = cpu_of(small, "plan")
    cost["why, before"], _ = cpu_of(small, "why", f"add[{n}]")
    cost["run"], _ = cpu_of(small, "run", "--json")
    cost["run, unchanged"], said = cpu_of(small, "run")
    assert "nothing had to run" in said
    assert small.run().result == value_of(shape, n)
    small.edit("workflow.py", "return 1\n", "return 1 + 0\n")
    cost["why, edited"], said = cpu_of(small, "why", f"add[{n}]")
    assert "begin" in said
    assert "was edited" in said
    cost["show"], said = cpu_of(small, "show")
    assert max(map(len, said.splitlines())) < 400 or shape != "chain"
    cost["show, mermaid"], _ = cpu_of(small, "show", "--mermaid")
    cost["runs"], _ = cpu_of(small, "runs", "last")
    cost["early cutoff"], said = cpu_of(small, "run", "--json")
    assert small.run().executed == []
    return cost
