"""The fixture ``pretended``: what a contract or a type hint promises, made up for a test."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, get_origin

import pytest

from magical.errors import ContractError, UsageError, shorten

if TYPE_CHECKING:
    import polars as pl

    from magical.contracts.promises import Promise

__all__ = ["Pretend", "pretended"]


class Pretend:
    """Makes up what contracts and type hints promise; the same for the same test, each time.

    Tables of one test join: after ``pretend(Customer)``, a ``Key[Customer]`` of another table draws from the
    ids of these customers.

    Args:
        seed: the test's name.

    Example:
        >>> from magical import Contract, Field, Id
        >>> class Customer(Contract):
        ...     id: Id[int]
        ...     age: int = Field(ge=18, le=99)
        >>> pretend = Pretend("test_clean")
        >>> pretend(Customer, rows=3)["id"].to_list()
        [1, 2, 3]
    """

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._calls: dict[str, int] = {}
        self._parents: dict[str, pl.DataFrame] = {}

    def __call__(
        self,
        promise: Any,
        *,
        rows: int | None = None,
        like: Any = None,
        nulls: float | None = None,
        seed: str = "",
    ) -> Any:
        """Make up a value.

        Args:
            promise: a contract (gives a table; one that is no row, such as ``Scores``, gives a value), or a
                hint as a step has it: ``Frame[Customer]``, ``Parts[Customer]``, ``Model``, ``float``.
            rows: of a table that is made up new; 1,000 unless told.
            like: a table, or a list of tables and models: what a step with this promise would be given.
                Columns of the same name and type are carried over.
            nulls: the share of missing values where they may be missing.
            seed: for another draw than the test's name gives.

        Raises:
            UsageError: it is neither a contract nor a hint; or the rows or the share are none.
            ContractError: what it promises cannot be made up.
        """
        from magical.contracts.promises import attach_promise
        from magical.contracts.tables import convert_kind
        from magical.synthesis.generate import DEFAULT_ROWS, NULL_SHARE, GenerateOptions, generate

        wanted = _resolve_promise(promise)
        self._calls[str(wanted)] = call = self._calls.get(str(wanted), 0) + 1
        rows, nulls = DEFAULT_ROWS if rows is None else rows, NULL_SHARE if nulls is None else nulls
        if type(rows) is not int or rows < 0 or not 0 <= nulls <= 1:
            raise UsageError(
                f"pretended({wanted}) cannot have rows={rows!r}, nulls={nulls!r}.",
                hint="rows is a number from 0, nulls a share from 0 to 1.",
            )
        how = GenerateOptions(f"{wanted} for {seed or f'{self._seed}, call {call}'}", rows, nulls)
        given = [
            _infer_promise(value, wanted) for value in (like if isinstance(like, (list, tuple)) else [like])
        ]
        given = [(known, value) for known, value in given if value is not None]
        try:
            value = generate(wanted, how, inputs=given, parents=self._parents)
        except ContractError as error:
            raise error.with_message(f"pretended({wanted}): {error.lines[0]}", *error.lines[1:]) from None
        self._add_parents(wanted, value)
        return attach_promise(convert_kind(value, wanted), wanted)

    def _add_parents(self, promise: "Promise", value: Any) -> None:
        """Keys of later tables draw from the ids of these."""
        import polars as pl

        from magical.contracts.tables import to_polars

        if promise.kind == "parts":
            value, promise = pl.concat(list(value)), promise.member("train")
        if promise.is_table and promise.schema is not None:
            self._parents[promise.schema.name] = to_polars(value)
        elif promise.items:
            items = promise.items if promise.kind == "tuple" else promise.items[:1] * len(value)
            for item, member in zip(items, value, strict=True):
                self._add_parents(item, member)


@pytest.fixture
def pretended(request: pytest.FixtureRequest) -> Iterator[Pretend]:
    """Give what makes up tables, models and values for this test; see `Pretend`."""
    from magical.synthesis.stub_models import pretending_run

    with pretending_run():
        yield Pretend(request.node.name)


def _resolve_promise(promise: Any) -> "Promise":
    from magical.contracts.contract import Contract, schema_of
    from magical.contracts.promises import Frame, Promise, promise_of
    from magical.synthesis.generate import find_pretend_obstacle

    if isinstance(promise, type) and issubclass(promise, Contract):
        try:
            return Promise("table", Frame, schema_of(promise))
        except ContractError:  # no column has a type such as dict: it is no row, but a value
            if find_pretend_obstacle(value := promise_of(promise)):
                raise
            return value
    if isinstance(promise, type) or get_origin(promise) is not None or hasattr(promise, "__value__"):
        return promise_of(promise)
    raise UsageError(
        f"pretended takes a contract or a type hint, got {shorten(repr(promise), 60)}.",
        hint="such as pretended(Customer), pretended(Frame[Customer], rows=50) or pretended(float).",
    )


def _infer_promise(value: Any, wanted: "Promise") -> tuple["Promise", Any]:
    """What a step would be given, with its promise: a table without one promises the columns that it has."""
    from magical.contracts.model import Model
    from magical.contracts.promises import Promise, attached_promise, promise_of

    known = attached_promise(value)
    if known is not None or value is None or isinstance(value, Model):
        return known or promise_of(Model), value
    from magical.contracts.dtypes import dtype_kind
    from magical.contracts.schema import Column, Schema
    from magical.contracts.tables import to_polars

    table = to_polars(value)
    mine = wanted.schema.by_name if wanted.schema else {}
    roles = {name: mine[name].role for name in table.columns if name in mine}
    columns = (Column(n, dtype_kind(d), role=roles.get(n, "")) for n, d in table.schema.items())
    return Promise("table", schema=Schema("Table", tuple(columns))), table
