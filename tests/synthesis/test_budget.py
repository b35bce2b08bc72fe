"""Pretending ends within its budget: what is too large is refused at once, and says so."""

import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest

from magical import Field
from magical.contracts.promises import promise_of
from magical.contracts.schema import Column, Schema
from magical.errors import ContractError
from magical.synthesis.bounds import VALUE_BYTES
from magical.synthesis.generate import GenerateOptions, generate, generate_table
from projects import is_well_worded

Thousand = Annotated[list[Annotated[list[int], Field(min_length=1000)]], Field(min_length=1000)]
MANY = tuple(f"v{i}" for i in range(1_000_000))


def column(kind: str, role: str = "", **options: Any) -> Callable[[], Any]:
    """Generate a table of one column with these bounds, or with these choices."""
    options = options if "choices" in options or "inner" in options else {"bounds": options}
    schema = Schema("Row", (Column("x", kind, role=role, **options),))
    return lambda: generate_table(schema, GenerateOptions("seed"))


def value(hint: Any, **bounds: Any) -> Callable[[], Any]:
    return lambda: generate(
        promise_of(Annotated[hint, Field(**bounds)] if bounds else hint), GenerateOptions("s")
    )


REFUSED = {
    "a long text": column("str", min_length=1_000_000),
    "a long id": column("str", "id", min_length=1_000_000),
    "a long pattern": column("str", pattern="^[a-z]{50000}$"),
    "the pattern of an id": column("str", "id", pattern="^[a-z]{5000}$"),
    "a long pattern of digits": column("str", pattern=r"^\d+[a-z]+\d$", min_length=VALUE_BYTES),
    "a nested pattern": column("str", pattern="^((a{100}){100}){100}$"),
    "many branches": column("str", pattern="^(" + "|".join(f"w{i}" for i in range(20_000)) + ")$"),
    "a list": column("list", inner="int", bounds={"min_length": 10_000_000}),
    "choices": column("str", choices=MANY),
    "a target of choices": column("str", "target", choices=MANY),
    "a great integer": column("int", ge=10**5000),
    "a great float": column("float", ge=10**5000),
    "a small float": column("float", lt=-(10**5000)),
    "a text alone": value(str, min_length=10**9),
    "bytes alone": value(bytes, min_length=10**9),
    "a list alone": value(list[int], min_length=10_000_000),
    "a set alone": value(set[int], min_length=10_000_000),
    "a mapping alone": value(dict[str, int], min_length=10_000_000),
    "lists in lists": value(Thousand),
    "long texts in a list": value(list[Annotated[str, Field(min_length=20_000)]]),
    "a literal alone": value(Literal[MANY]),
    "an integer alone": value(int, ge=10**5000),
    "a decimal alone": value(Decimal, ge=Decimal("1e1000000")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_too_large_is_refused_at_once(case: str) -> None:
    began = time.process_time()
    with pytest.raises(ContractError, match="cannot be pretended") as caught:
        REFUSED[case]()
    assert time.process_time() - began < 5, "seconds of CPU, of a machine that may be slow"
    assert is_well_worded(str(caught.value))
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "make",
    [
        column("str", min_length=VALUE_BYTES),
        column("str", "id", min_length=VALUE_BYTES),
        column("str", pattern="^[a-z]{1500}$"),
        column("str", pattern="^((a*)*b*)*$", min_length=1000),
        column("str", pattern=r"^[a-z]+$", min_length=VALUE_BYTES),
        column("list", inner="float", bounds={"min_length": 4096}),
        column("str", choices=MANY[:10_000]),
        column("int", multiple_of=10**4000),
    ],
)
def test_what_is_large_is_pretended(make: Callable[[], Any]) -> None:
    began = time.process_time()
    assert make().height == 1000
    assert time.process_time() - began < 10


@pytest.mark.slow
@pytest.mark.parametrize(
    "bounds",
    [
        {"min_length": VALUE_BYTES},
        {"pattern": "^[a-z]{1900}$"},
        {"pattern": "^[a-z]+$", "min_length": VALUE_BYTES},
    ],
)
def test_the_greatest_column_needs_less_than_200_mb(bounds: dict[str, Any]) -> None:
    code = (
        "import resource\n"
        "from magical.contracts.schema import Column, Schema\n"
        "from magical.synthesis.generate import GenerateOptions, generate_table\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"schema = Schema('Row', (Column('x', 'str', bounds={bounds!r}),))\n"
        "assert generate_table(schema, GenerateOptions('seed')).height == 1000\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(ended.stdout) < 200
