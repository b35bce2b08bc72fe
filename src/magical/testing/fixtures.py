"""The fixture ``pretended``: tables, models and values generated from contracts, for a test."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, get_origin

import pytest

from magical.errors import ContractError, UsageError, shorten

if TYPE_CHECKING:
    import polars as pl

    from magical.contracts.promises import Promise

__all__ = ["Pretend", "pretended"]


class Pretend:
    """Generates tables, models and values from contracts and type hints; each run of a test gets the same.

    The tables of one test join: after ``pretend(Customer)``, a ``Key[Customer]`` of another table draws from
    the ids of these customers. The seed is the name of the test.

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
        """Generate a value.

        Args:
            promise: a contract (of a row: returns a table; of a value such as ``Scores``: returns a value),
                or a type hint of a step: ``Frame[Customer]``, ``Parts[Customer]``, ``Model``, ``float``.
            rows: the rows of a table without ``like``; 1,000 by default.
            like: the input of a step whose output has this promise: a table, or a list of tables and models.
                Columns of the same name and type are carried over.
            nulls: the share of missing values in nullable columns.
            seed: a text from which the values are drawn; by default the name of the test and the call.

        Raises:
            UsageError: ``promise`` is not a contract or a type hint; ``rows`` or ``nulls`` is out of range.
            ContractError: no value can satisfy the promise.
        """
        from magical.contracts.promises import attach_promise
        from magical.contracts.tables import convert_kind
        from magical.synthesis.generate import DEFAULT_ROWS, NULL_SHARE, GenerateOptions, generate

        wanted = _resolve_promise(promise)
        # Count calls per promise, so that a new call for one contract does not change the rows of another.
        self._calls[str(wanted)] = call = self._calls.get(str(wanted), 0) + 1
        rows, nulls = DEFAULT_ROWS if rows is None else rows, NULL_SHARE if nulls is None else nulls
        if type(rows) is not int or rows < 0 or not 0 <= nulls <= 1:
            raise UsageError(
                f"pretended({wanted}) cannot have rows={rows!r}, nulls={nulls!r}.",
                hint="rows is a number from 0, nulls a share from 0 to 1.",
            )
        options = GenerateOptions(f"{wanted} for {seed or f'{self._seed}, call {call}'}", rows, nulls)
        sources = like if isinstance(like, (list, tuple)) else [like]
        inputs = [_infer_promise(value, wanted) for value in sources if value is not None]
        try:
            value = generate(wanted, options, inputs=inputs, parents=self._parents)
        except ContractError as error:
            raise error.with_message(f"pretended({wanted}): {error.lines[0]}", *error.lines[1:]) from None
        self._add_parents(wanted, value)
        return attach_promise(convert_kind(value, wanted), wanted)

    def _add_parents(self, promise: "Promise", value: Any) -> None:
        """Let keys of later tables draw from the ids of these tables."""
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
    """Provide the `Pretend` of this test, which generates tables, models and values."""
    from magical.synthesis.stub_models import pretending_run

    with pretending_run():  # pretended models predict only inside one
        yield Pretend(request.node.name)


def _resolve_promise(promise: Any) -> "Promise":
    """Return the promise of a contract or a type hint; raise UsageError for any other object."""
    from magical.contracts.contract import Contract, schema_of
    from magical.contracts.promises import Frame, Promise, promise_of
    from magical.synthesis.generate import find_pretend_obstacle

    if isinstance(promise, type) and issubclass(promise, Contract):
        try:
            return Promise("table", Frame, schema_of(promise))
        except ContractError:  # a field that no column can have, such as a dict: not a row, but a value
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
    """Return the promise of a value, and the value; a table without a promise gets one from its columns."""
    from magical.contracts.model import Model
    from magical.contracts.promises import Promise, attached_promise, promise_of

    attached = attached_promise(value)
    if attached is not None or isinstance(value, Model):
        return attached or promise_of(Model), value
    from magical.contracts.dtypes import dtype_kind
    from magical.contracts.schema import Column, Schema
    from magical.contracts.tables import to_polars

    table = to_polars(value)
    # Roles come from the wanted contract: without its id, no row of the table could be matched with a result.
    roles = {c.name: c.role for c in wanted.schema.columns} if wanted.schema else {}
    columns = (Column(n, dtype_kind(d), role=roles.get(n, "")) for n, d in table.schema.items())
    return Promise("table", schema=Schema("Table", tuple(columns))), table
