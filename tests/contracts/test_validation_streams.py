"""A lazy table is held to its contract as one in memory is, with the same words, and without being collected."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing.parametric import dataframes

from contracts.test_table_digest import NESTED, SCALARS
from magical import Contract, Field, Id, rule
from magical.contracts import validation
from magical.contracts.contract import schema_of
from magical.contracts.table_digest import BLOCK_ROWS, stream_digest, table_digest
from magical.contracts.validation import LazyOutput, StreamError, validate
from magical.errors import BrokenPromise, ContractError


class Row(Contract):
    id: Id[int]
    x: float | None = Field(ge=0, lt=10)
    kind: str

    @rule
    def kinds_are_known(cls) -> Any:
        """Kinds are a or b."""
        return pl.col("kind").is_in(["a", "b"])

    @rule
    def sums_are_small(cls) -> Any:
        return pl.col("x").sum() < 30


class Hour(Contract):
    site: Id[str | None]
    hour: Id[int]

    @rule
    def hours_grow(cls) -> Any:
        return (pl.col("hour") >= pl.col("hour").shift(1)).fill_null(True)


class Whole(Contract):
    id: Id[int]

    @rule
    def all_in_all(cls) -> Any:
        return pl.col("id").sum() < 3


ROWS = st.builds(
    lambda rows: pl.DataFrame(
        rows, orient="row", schema={"id": pl.Int64, "x": pl.Float64, "kind": pl.String}
    ),
    st.lists(
        st.tuples(
            st.integers(0, 6) | st.none(),
            st.sampled_from([0.5, -1.0, 9.0, 11.0, float("nan"), None]),
            st.sampled_from(["a", "b", "c", None]),
        ),
        max_size=12,
    ),
)
HOURS = st.builds(
    lambda rows: pl.DataFrame(rows, orient="row", schema={"site": pl.String, "hour": pl.Int64}),
    st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 3)), max_size=12),
)


def words(table: pl.DataFrame | pl.LazyFrame, contract: type[Contract]) -> str:
    """What keeping says."""
    try:
        validate(table, schema_of(contract), label="made")
    except BrokenPromise as error:
        return str(error)
    return "kept"


@settings(max_examples=80, deadline=None)
@given(ROWS | HOURS, st.sampled_from([1, 2, 5, 1000]))
def test_a_lazy_table_is_kept_with_the_same_words(table: pl.DataFrame, at_once: int) -> None:
    contract = Hour if "hour" in table.columns else Row
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validation, "HASHES_PER_PASS", at_once)
        assert words(table.lazy(), contract) == words(table, contract)


@pytest.mark.parametrize("ids", [[0, 1], [1, 1, 2], [1, 2], []], ids=str)
def test_a_rule_on_all_rows_is_counted_alike(ids: list[int]) -> None:
    table = pl.DataFrame({"id": ids}, schema={"id": pl.Int64})
    assert words(table.lazy(), Whole) == words(table, Whole)


@pytest.mark.parametrize("column", ["x", "id"])
def test_a_column_that_is_missing_or_of_another_type_is_said_alike(column: str) -> None:
    table = pl.DataFrame({"id": [1, 1], "x": [0.5, 11.0], "kind": ["c", "a"]})
    for wrong in (table.drop(column), table.with_columns(pl.col(column).cast(pl.String))):
        assert words(wrong.lazy(), Row) == words(wrong, Row) != "kept"


def test_a_rule_that_cannot_be_computed_is_the_contract_s_fault() -> None:
    class Odd(Contract):
        x: int

        @rule
        def odd(cls) -> Any:
            return pl.col("nope") > 0

    for table in (pl.DataFrame({"x": [1]}), pl.LazyFrame({"x": [1]})):
        with pytest.raises(ContractError, match="Odd: whether odd must hold cannot be computed"):
            validate(table, schema_of(Odd), label="made")


@settings(max_examples=60, deadline=None)
@given(dataframes(min_cols=1, max_cols=3, max_size=8, allowed_dtypes=[*SCALARS, *NESTED], allow_null=True))
def test_a_sunk_table_has_the_digest_of_its_rows(tmp_path_factory: Any, table: pl.DataFrame) -> None:
    path = tmp_path_factory.mktemp("sunk") / "part"
    LazyOutput(table.lazy()).sink(path)
    assert pl.scan_parquet(path).collect_schema() == table.schema
    assert stream_digest(pl.scan_parquet(path)) == table_digest(table)


@pytest.mark.parametrize("height", [0, 1, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 3 * BLOCK_ROWS + 7])
def test_the_digest_does_not_know_row_groups(tmp_path: Path, height: int) -> None:
    index = pl.int_range(height, eager=True)
    table = pl.DataFrame({"n": index, "s": index.cast(pl.String)})
    wanted = table_digest(table)
    for size in (1000, 50_000, BLOCK_ROWS, 1_000_000):
        table.write_parquet(tmp_path / "t", row_group_size=size)
        assert stream_digest(pl.scan_parquet(tmp_path / "t")) == wanted
    pieces = pl.concat([table[i : i + 777].lazy() for i in range(0, max(height, 1), 777)])
    assert stream_digest(pieces) == wanted


def test_what_cannot_be_computed_is_told_from_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(StreamError) as caught:
        LazyOutput(pl.LazyFrame({"x": [1]}).select("nope")).sink(tmp_path / "part")
    assert isinstance(caught.value.__cause__, pl.exceptions.ColumnNotFoundError)
    with pytest.raises(OSError, match="No space left"):
        LazyOutput(pl.LazyFrame({"x": range(100_000)})).sink(Path("/dev/full"))
