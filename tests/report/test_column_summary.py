"""Each column of a table is summarized, whatever its type, and figures of a sample say so."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest

from magical import Contract, Field, Id
from magical.contracts.contract import schema_of
from magical.masking import register_secret
from magical.report import column_summary
from magical.report.column_summary import ColumnSummary, column_blocks, summarize_columns
from magical.views.document import Details, Paragraph, Table

MOMENT = dt.datetime(2024, 3, 1, 12, 30)
# name: values, type in words, nulls, distinct, what the line of the table says of its values
KINDS: dict[str, tuple[pl.Series, str, int, int | None, str]] = {
    "int": (pl.Series([3, 1, None, 3]), "int", 1, 2, "3 (2), 1 (1)"),
    "small": (pl.Series([3, 1], dtype=pl.UInt8), "int, uint8", 0, 2, "1 (1), 3 (1)"),
    "many": (pl.Series(range(101)), "int", 0, 101, "0 · 25 · 50 · 75 · 100"),
    "float": (pl.Series([0.5, float("nan"), float("inf"), None]), "float", 1, 3, "0.5 (1), inf (1), nan (1)"),
    "bool": (pl.Series([True, None, True]), "bool", 1, 1, "True (2)"),
    "text": (pl.Series(["b", "a", "b", None]), "str", 1, 2, "b (2), a (1)"),
    "enum": (pl.Series(["lo", "hi"], dtype=pl.Enum(["lo", "hi"])), "str, one of 2", 0, 2, "lo (1), hi (1)"),
    "category": (pl.Series(["x", "x"], dtype=pl.Categorical), "str, categorical", 0, 1, "x (2)"),
    "date": (pl.Series([MOMENT.date(), None]), "date", 1, 1, "2024-03-01 (1)"),
    "time": (pl.Series([MOMENT.time()]), "time", 0, 1, "12:30:00 (1)"),
    "zone": (
        pl.Series([MOMENT]).dt.replace_time_zone("UTC"),
        "datetime, UTC",
        0,
        1,
        "2024-03-01 12:30:00+00:00 (1)",
    ),
    "far": (pl.Series([2**62], dtype=pl.Datetime("ms")), "datetime", 0, 1, ""),
    "span": (pl.Series([dt.timedelta(hours=36)]), "duration", 0, 1, "1d 12h (1)"),
    "money": (pl.Series([Decimal("1.50"), None]), "decimal, 2 places", 1, 1, "1.5 (1)"),
    "list": (pl.Series([[1, 2], [1, 2], None, []]), "list of int", 1, 2, ""),
    "struct": (pl.Series([{"a": 1}, {"a": 2}]), "struct of a", 0, 2, ""),
    "deep": (pl.Series([[{"a": [1]}], None]), "list of struct of a", 1, 1, ""),
    "binary": (pl.Series([b"x", b"yy", None]), "binary", 1, 2, ""),
    "object": (pl.Series([object(), None], dtype=pl.Object), "object", 1, None, ""),
    "null": (pl.Series([None, None]), "null", 2, 0, ""),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_of_any_type_has_its_line(kind: str) -> None:
    values, type_text, nulls, distinct, shown = KINDS[kind]
    (found,) = summarize_columns(values.alias(kind).to_frame())
    assert (found.name, found.type, found.rows) == (kind, type_text, len(values))
    assert (found.nulls, found.distinct) == (nulls, distinct)
    assert found.values_text == shown
    assert sum(rows for *_, rows in found.bins) in (0, len(values) - nulls, len(values) - nulls - 2)
    assert "bytes" not in found.remark or kind == "binary"


def test_what_is_missing_has_a_reason() -> None:
    remarks = {kind: summarize_columns(KINDS[kind][0].to_frame())[0].remark for kind in KINDS}
    assert remarks["object"] == "objects cannot be compared"
    assert remarks["null"] == "all null"
    assert remarks["far"] == "reaches beyond the years 1 to 9999"
    assert remarks["float"] == "1 NaN, 1 infinite"
    assert remarks["list"] == "0 to 2 members"
    assert remarks["category"] == "constant"
    assert summarize_columns(pl.DataFrame({"a": [1]}).clear())[0].remark == "no rows"
    assert summarize_columns(pl.DataFrame()) == []


def test_quantiles_and_bins_are_those_of_numpy() -> None:
    values = np.random.default_rng(1).exponential(size=2001)
    (found,) = summarize_columns(pl.DataFrame({"x": values}))
    assert found.quantiles == tuple(np.quantile(values, [0, 0.25, 0.5, 0.75, 1]))
    counts, edges = np.histogram(values, bins=12)
    assert [rows for *_, rows in found.bins] == list(counts)
    assert np.allclose([left for left, *_ in found.bins], edges[:-1])
    assert found.histogram[0] == "█"
    # Bins of one whole number and of two, or a last one with a few, would look uneven.
    for count, rows in ((20, 2), (100, 10), (31, 4)):
        (even,) = summarize_columns(pl.DataFrame({"x": [*range(count)]}))
        assert {n for *_, n in even.bins[:-1]} == {rows}
        assert even.bins[-1][-1] >= rows - 1


def test_very_many_rows_are_sampled_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_summary, "MAX_ROWS", 100)
    monkeypatch.setattr(column_summary, "_MIN_SAMPLE", 10)
    numbers = [*range(999), None]
    table = pl.DataFrame({"x": numbers, "name": [f"n{n}" for n in numbers], "list": [[n] for n in numbers]})
    for given in (table, table.lazy()):
        x, name, nested = summarize_columns(given)
        assert (x.rows, x.nulls, x.sampled) == (1000, 1, 100)
        assert (x.quantiles[0], x.quantiles[-1]) == (0, 998), "the ends are of all rows"
        assert x.is_about
        assert 950 < (x.distinct or 0) < 1050
        assert nested.distinct is None
        assert "too many rows" in nested.remark
        said, shown = column_blocks([x, name, nested])[:2]
        assert isinstance(said, Paragraph)
        assert "of 100 rows out of 1,000" in said.text
        assert isinstance(shown, Table)
        assert str(shown.rows[0][3]).startswith("about ")


class Customer(Contract):
    """A customer."""

    id: Id[int]
    income: float | None = Field(description="EUR a year")


def test_roles_descriptions_and_masks() -> None:
    register_secret("open-sesame-7")
    table = pl.DataFrame({"id": [1, 2], "income": [1.0, None], "note": ["open-sesame-7"] * 2})
    found = summarize_columns(table, schema_of(Customer))
    assert [s.role for s in found] == ["id", "", ""]
    assert found[1].description == "EUR a year"
    assert found[2].commonest == (("***", 2),)
    blocks = column_blocks(found)
    assert isinstance(blocks[0], Table)
    assert blocks[0].columns[-1] == "remark"
    assert isinstance(blocks[1], Details)
    reading = getattr(blocks[1].blocks[0], "reading", "")
    assert reading == "1 distinct value; 1 of 2 rows are null; the commonest is 1."
    assert len(blocks[1].blocks) == 2, "an id has no histogram"


def test_no_column_is_left_out_of_a_wide_table() -> None:
    table = pl.DataFrame({f"c{i}": [i, i + 1, i + 1] for i in range(100)})
    blocks: Any = column_blocks(summarize_columns(table))
    assert len(blocks[0].rows) == 100
    assert blocks[1].blocks[-1].text == "70 more columns have a small histogram only."


def test_json_has_no_empty_fields() -> None:
    assert ColumnSummary("x", "int", 3, 0, 0).to_json() == {
        "name": "x",
        "type": "int",
        "rows": 3,
        "nulls": 0,
        "distinct": 0,
    }
