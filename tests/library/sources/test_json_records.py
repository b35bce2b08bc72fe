"""read_json: records with the types that JSON has; what would lose digits or mix kinds is text, or refused."""

import datetime as dt
import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.errors import InputError
from magical.library.sources.json_records import read_json
from projects import is_well_worded


@pytest.mark.parametrize(
    "text",
    [
        '[{"id": 1, "x": "a"}, {"id": 2, "x": null}]',
        '[\n {"id": 1, "x": "a"},\n {"id": 2}\n]\n',
        '{"id": 1, "x": "a"}\n{"id": 2, "x": null}\n',
        '{"id": 1, "x": "a"}\r\n\r\n{"x": null, "id": 2}',
        '\ufeff[{"id": 1, "x": "a"}, {"id": 2}]',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_an_array_and_lines_are_the_same_records(text: str, encoding: str) -> None:
    table = read_json(text.removeprefix("\ufeff" * (encoding != "utf-8")).encode(encoding), "a.json").table
    assert table.rows() == [(1, "a"), (2, None)]
    assert table.schema == {"id": pl.Int64, "x": pl.String}


def test_what_polars_writes_is_read_back() -> None:
    table = pl.DataFrame(
        {"a": [1, None], "b": [0.1, 2.0], "c": ["ä", "\n"], "d": [[1], []], "e": [{"f": True}] * 2}
    )
    assert read_json(table.write_json().encode(), "a.json").table.equals(table)
    assert read_json(table.write_ndjson().encode(), "a.jsonl").table.equals(table)
    dates = pl.DataFrame({"day": [dt.date(2024, 1, 2)]})
    assert read_json(dates.write_json().encode(), "a.json").table.rows() == [("2024-01-02",)]


@pytest.mark.parametrize(
    ("values", "right", "said"),
    [
        (["12345678901234567890", "1"], ["12345678901234567890", "1"], "more digits"),
        (["0.12345678901234567890", "1"], ["0.12345678901234567890", "1"], "more digits"),
        (["9007199254740993", "0.5"], ["9007199254740993", "0.5"], "more digits"),
        (["1e400", "2"], ["1e400", "2"], "more digits"),
        (["1e-400", "2"], ["1e-400", "2"], "more digits"),
        (["7", '"n/a"'], ["7", "n/a"], 'texts and other values, such as "n/a" (line 2) and 7'),
        (["true", '"no"'], ["true", "no"], "texts and other values"),
        (["9007199254740993", "2"], [9007199254740993, 2], ""),
        (["-9223372036854775808", "9223372036854775807"], [-(2**63), 2**63 - 1], ""),
        (["0.30000000000000004", "1e3"], [0.30000000000000004, 1000.0], ""),
        (["1.50", "2"], [1.5, 2.0], ""),
        (["NaN", "2"], [None, 2], "1 values NaN"),
        (["true", "null"], [True, None], ""),
        (["null", "null"], [None, None], ""),
    ],
)
def test_no_digit_is_lost_and_mixed_values_are_said(values: list[str], right: list[Any], said: str) -> None:
    raw = read_json("\n".join(f'{{"a": {v}}}' for v in values).encode(), "a.jsonl")
    assert raw.table["a"].to_list() == right
    assert [said in remark for remark in raw.remarks] == [True] * bool(said)


def test_nested_fields_stay_nested() -> None:
    raw = read_json(b'[{"a": {"b": 1, "c": [1, 2.5]}}, {"a": {"d": "x"}}, {"a": null}]', "a.json")
    assert raw.table.rows() == [
        ({"b": 1, "c": [1.0, 2.5], "d": None},), ({"b": None, "c": None, "d": "x"},), (None,),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a.json is empty"),
        (" \n", "a.json is empty"),
        ("not json", "line 1: it is not valid JSON"),
        ('{"a": 1}\n{"a":', "line 2: the file ends in the middle of a record"),
        ('[{"a": 1},\n{"a": 2', "line 2: the file ends"),
        ('[{"a": 1}', "a comma or ] is missing"),
        ('[{"a": 1} {"a": 2}]', "a comma or ] is missing"),
        ('[{"a": 1},\n]', "no record comes after the last comma"),
        ('[{"a": 1}]\n[]', "line 2: there is more after the array"),
        ('{"a": 1}\n{\n"a": 1\n}{"a": 2}', "line 4: there is more after the record"),
        ('{"a": 1}\n{"a": 1, "a": 2}', "line 2: a record has the key 'a' twice"),
        ('[{"b": {"a": 1, "a": 1}}]', "line 1: a record has the key 'a' twice"),
        ('[{"a": 1},\n5]', "line 2: 5 is no record"),
        ('[{"a": Infinity}]', "Infinity is no number of JSON"),
        (
            '{"a": true}\n{"a": 1}',
            "a is of several kinds: a truth value (line 1: true), a number (line 2: 1)",
        ),
        ('{"a": [1]}\n{"a": 1}', "a is of several kinds: a list (line 1: [1]), a number (line 2: 1)"),
        (
            '[{"a": {"b": 1}},\n{"a": {"b": "x"}}]',
            "a.b is of several kinds: a number (line 1: 1), a text (line 2",
        ),
        ('{"a": 1}\n{"a": {"b": 12345678901234567890}}', "several kinds"),
        ('{"a": 1}\n{"a": "\\ud800"}', "line 2: a text has half a character"),
        ('{"columns": ["a"], "data": [[1]]}', "one JSON object, not an array of records"),
        ('{"a": {"0": 1, "1": 2}}', "to_json(orient='records')"),
        ('{"rows": [{"a": 1}],\n "count": 1}', "the list 'rows' in it"),
        ("[" * 100_000, "is nested too deeply"),
        ('{"a": ' * 100_000, "is nested too deeply"),
    ],
)
def test_what_is_not_right_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        read_json(text.encode(), "a.json")
    assert said in str(error.value)
    assert is_well_worded(str(error.value))


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InputError, match="byte 3 is not UTF-8"):
        read_json(b'[{"\xff', "a.json")


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)  # fmt: skip


@given(st.lists(st.fixed_dictionaries({"a": SCALARS, "b": SCALARS}), min_size=1))
def test_records_are_read_back_or_refused(records: list[dict[str, Any]]) -> None:
    """Each value is equal, or it is its own text in a column of texts; nothing else."""
    lines = "\n".join(json.dumps(record) for record in records)
    try:
        table = read_json(lines.encode(), "a.jsonl").table
    except InputError:
        return
    for record, row in zip(records, table.rows(named=True), strict=True):
        for name, value in record.items():
            written = value if isinstance(value, str) or value is None else json.dumps(value)
            assert row[name] in (value, written)
