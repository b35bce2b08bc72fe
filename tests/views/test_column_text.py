"""Descriptions of the columns of a contract."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.masking import register_secret
from magical.views.column_text import COLUMN_HEADERS, describe_data, make_column_rows
from magical.views.picture import DataNode, build_picture
from views.graphs import CAMPAIGN, CUSTOMER, NASTY


def rows(*columns: dict[str, Any]) -> list[tuple[str, ...]]:
    return make_column_rows({"contract": "Row", "columns": list(columns)})


def test_a_row_has_a_cell_for_each_header() -> None:
    assert [len(row) for row in make_column_rows(CUSTOMER)] == [len(COLUMN_HEADERS)] * 4
    assert rows() == []


def test_what_is_not_promised_is_an_empty_cell() -> None:
    assert rows({"name": "x", "type": "int"}) == [("x", "int", "", "", "", "")]


@pytest.mark.parametrize(
    ("column", "place", "cell"),
    [
        ({"nullable": True}, 2, "may be null"),
        ({"role": "target"}, 3, "target"),
        ({"role": "key", "parent": "Shop"}, 3, "key of Shop"),
        ({"choices": ["a", 1]}, 4, "'a', 1"),
        ({"bounds": {"gt": "0", "lt": "9"}}, 4, "> 0, < 9"),
        ({"bounds": {"min_length": "2", "max_length": "9"}}, 4, "at least 2 long, at most 9 long"),
        ({"bounds": {"multiple_of": "5", "pattern": "a+"}}, 4, "multiple of 5, like a+"),
        ({"bounds": {"odd": "7"}}, 4, "odd 7"),
        ({"choices": [1, 2], "bounds": {"le": "2"}}, 4, "1, 2, ≤ 2"),
        ({"alias": "Income €", "format": "%d.%m.%Y"}, 5, "Income € %d.%m.%Y"),
    ],
)
def test_cells(column: dict[str, Any], place: int, cell: str) -> None:
    (row,) = rows({"name": "x", "type": "int", **column})
    assert row[place] == cell


def test_many_choices_are_cut() -> None:
    ((*_, values, _),) = rows({"name": "x", "type": "int", "choices": list(range(1000))})
    assert len(values) < 200


@given(st.text() | st.sampled_from(NASTY))
def test_a_cell_can_be_printed_whatever_a_column_is_called(evil: str) -> None:
    column = {"name": evil, "type": "str", "choices": [evil], "alias": evil, "role": "key", "parent": evil}
    for cell in rows(column | {"bounds": {"pattern": evil}})[0]:
        assert not any(c in "\x00\x1b\u202e" for c in cell)


def test_no_secret_is_in_a_cell() -> None:
    register_secret("hunter2-hunter2")
    ((*_, values, alias),) = rows(
        {"name": "x", "type": "str", "choices": ["hunter2-hunter2"], "alias": "hunter2-hunter2"}
    )
    assert "hunter2" not in values + alias


def test_data_are_described_a_line_for_each_column() -> None:
    assert describe_data(build_picture(CAMPAIGN).data["d1"]).splitlines() == [
        "customers: Frame[Customer]",
        "id: int, id",
        "shop: str, key of Shop",
        "income: float, may be null, ≥ 0",
        "level: str, '<b>low</b>', 'high'",
    ]


def test_data_without_a_contract_are_one_line() -> None:
    assert describe_data(DataNode("d0", "", "size", "int")) == "size: int"


def test_each_contract_is_cut_after_forty_columns() -> None:
    wide = {"contract": "Wide", "columns": [{"name": f"x{i}", "type": "int"} for i in range(43)]}
    exact = {"contract": "Exact", "columns": wide["columns"][:40]}
    lines = describe_data(DataNode("d0", "", "rows", "list", (wide, exact))).splitlines()
    assert lines[40:42] == ["x39: int", "… and 3 more"]
    assert len(lines) == 1 + 41 + 40
    assert lines[-1] == "x39: int"
