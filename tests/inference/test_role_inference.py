"""Roles of columns by their names and values: ids, times, groups, targets and keys."""

import datetime as dt
from typing import Any

import polars as pl
import pytest

from magical.contracts.schema import Column, Schema
from magical.inference.column_stats import ColumnStats
from magical.inference.name_vocabulary import field_names
from magical.inference.role_inference import Roles, infer_keys, infer_roles, rank_targets

N = 40
HALVES = [i / 7 for i in range(N)]
DAYS = [dt.date(2020, 1, 1) + dt.timedelta(days=i) for i in range(N)]


def roles(**columns: Any) -> Roles:
    table = pl.DataFrame(columns)
    return infer_roles([ColumnStats(c) for c in table.get_columns()], table)


def test_a_table_without_columns_or_values_has_no_roles() -> None:
    assert roles() == Roles((), "", "", {}, False)
    assert roles(id=[None, None], date=[dt.date(2020, 1, 1)] * 2) == Roles((), "", "", {}, False)


def test_the_id_is_named_so_and_unique_and_says_why() -> None:
    found = roles(x=HALVES, order_id=range(N))
    assert found.ids == ("order_id",)
    assert found.reasons == {"order_id": "different in each of 40 rows"}
    assert roles(x=HALVES, order_id=[0, *range(N - 1)]).ids == ()


def test_of_two_ids_the_entitys_comes_first_then_the_one_on_the_left() -> None:
    assert roles(row_id=range(5, N + 5), customer_id=range(9, N + 9)).ids == ("customer_id",)
    assert roles(a_id=range(5, N + 5), b_id=range(N)).ids == ("a_id",)


def test_a_unique_measurement_or_text_is_no_id() -> None:
    assert roles(x=HALVES, spent=[i * i + 5 for i in range(N)]).ids == ()
    assert roles(x=HALVES, title=[f"T{i}" for i in range(N)]).ids == ()
    assert roles(x=HALVES, key=[f"{i}" * 70 for i in range(N)]).ids == ()
    assert roles(year_born=range(1900, 1900 + N), x=[1, 2] * 20).ids == ()


def test_time_is_when_the_row_happened() -> None:
    found = roles(due_date=DAYS[::-1], order_date=DAYS)
    assert (found.time, found.in_order) == ("order_date", True)
    assert found.reasons["order_date"] == "when the row happened"
    assert roles(alpha=DAYS, beta=DAYS).reasons["alpha"] == "when the row happened; as likely: beta"
    assert roles(birth_date=DAYS).time == ""
    assert roles(date=[None] * 3 + DAYS[3:]).time == ""
    assert roles(date=DAYS[:2] * 20).time == ""


def test_an_end_is_a_time_only_if_rows_follow_it() -> None:
    mixed = DAYS[::2] + DAYS[1::2][::-1]
    assert roles(closed=mixed).time == ""
    assert roles(closed=DAYS).time == "closed"


def test_rows_with_a_date_in_no_order_are_not_in_order() -> None:
    mixed = DAYS[::2] + DAYS[1::2][::-1]
    assert roles(joined=mixed) == Roles((), "joined", "", {"joined": "when the row happened"}, False)


def test_a_group_is_an_entity_with_several_rows() -> None:
    found = roles(x=[i / 7 for i in range(2 * N)], patient_id=[i // 2 for i in range(2 * N)])
    assert found.group == "patient_id"
    assert found.reasons["patient_id"] == "40 of them, with 2.0 rows each on average"
    assert roles(x=HALVES, patient_id=[i // 2 for i in range(N)]).group == "", "20 are categories"
    assert roles(x=HALVES, patient_id=range(N)).group == ""
    assert roles(x=[i / 7 for i in range(3 * N)], patient_id=[i * 2 // 3 for i in range(3 * N)]).group == ""
    singles = [max(0, i - 2 * N) for i in range(3 * N)]  # one with 81 rows, 39 with one
    assert roles(x=[i / 7 for i in range(3 * N)], patient_id=singles).group == ""


def test_an_entity_and_a_period_are_an_id_together_if_something_is_left_to_predict() -> None:
    panel = {"country": ["A", "B", "C", "D"] * 10, "year": [2000 + i // 4 for i in range(N)]}
    found = roles(**panel, gdp=[1, 2] * 20)
    assert found.ids == ("country", "year")
    assert found.reasons["year"] == "together different in each of 40 rows"
    assert roles(**panel).ids == ()
    assert roles(**panel | {"country": ["A", "A", "C", "D"] * 10}, gdp=[1, 2] * 20).ids == ()


def test_targets_are_ranked_by_name_place_and_kind() -> None:
    table = pl.DataFrame(
        {
            "x": [0.5, 1.5, 2.5],
            "churn": [0, 1, 0],
            "id": [1, 2, 3],
            "text": list("abc"),
            "last": [1.5, 2.5, 9.0],
        }
    )
    stats = [ColumnStats(c) for c in table.get_columns()]
    assert rank_targets(stats) == ["churn", "last", "x", "id"]
    assert rank_targets([]) == []
    assert rank_targets([ColumnStats(pl.Series("price", [1, 1])), ColumnStats(pl.Series("d", DAYS))]) == []


SHOP = Schema("Shop", (Column("id", "str", role="id"), Column("city", "str")))
SALE = Schema("Sale", ())


def keys(shops: list[Any], **columns: list[Any]) -> dict[str, tuple[str, bool, str]]:
    tables = {"Shop": pl.DataFrame({"id": shops}), "Sale": pl.DataFrame(columns)}
    found = infer_keys("Sale", tables, {"Shop": SHOP, "Sale": SALE})
    return {raw: (key.name, key.nullable, reason) for raw, (key, reason) in found.items()}


@pytest.mark.parametrize("name", ["shop_id", "ShopId", "shop", "home_shop", "shop_nr"])
def test_a_key_is_named_like_its_parent(name: str) -> None:
    found = keys(["a", "b"], **{name: ["a", "b", "a"]})
    assert [reason for _, _, reason in found.values()] == ["each value is an id of Shop"]


def test_a_key_tells_what_it_lost_and_whether_it_may_be_null() -> None:
    assert keys(["a", "b"], Shop_ID=["a", "b", "zz", None]) == {
        "Shop_ID": ("shop_id", True, "an id of Shop, but for 1 of 3 values")
    }
    assert keys(["a"], shop_id=["x", "y", "a"]) == {}
    assert keys(["a"], shop_id=[None, None]) == {}
    assert keys([1, 2], shop_id=["1", "2"]) == {}


def test_a_key_allows_the_rows_that_refer_to_no_parent() -> None:
    tables = {
        "Shop": pl.DataFrame({"id": ["a", "b"]}),
        "Sale": pl.DataFrame({"shop_id": ["a"] * 29 + ["zz"]}),
    }
    found, _ = infer_keys("Sale", tables, {"Shop": SHOP, "Sale": SALE})["shop_id"]
    assert found.max_orphans == 0.04, "one of 30, rounded up"
    tables["Sale"] = pl.DataFrame({"shop_id": ["a", None]})
    assert infer_keys("Sale", tables, {"Shop": SHOP, "Sale": SALE})["shop_id"][0].max_orphans == 0


def test_under_another_name_a_key_needs_codes_that_are_nearly_all_ids() -> None:
    shops = ["AA", "BB", "CC", "DD"]
    assert set(keys(shops, origin=["AA", "BB", "CC"])) == {"origin"}
    assert keys(shops, origin=["AA", "BB"]) == {}
    assert keys(shops, origin=["AA", "BB", "CC", "X"]) == {}
    assert keys([1, 2, 3, 4], origin=[1, 2, 3]) == {}
    assert keys(shops, id=["AA", "BB"]) == {}, "any table may call its own id so"


def test_the_names_of_all_columns_are_made_once_for_each_table(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def count(raw: Any) -> Any:
        made.append(len(raw))
        return field_names(raw)

    monkeypatch.setattr("magical.inference.role_inference.field_names", count)
    wide = pl.DataFrame({"shop_id": ["a", "b"], **{f"x{i}": ["a", "c"] for i in range(50)}})
    tables = {"Shop": pl.DataFrame({"id": ["a", "b"], "size": [1, 2]}), "Sale": wide}
    schemas = {"Shop": Schema("Shop", (Column("id", "str", role="id"),)), "Sale": Schema("Sale", ())}
    assert list(infer_keys("Sale", tables, schemas)) == ["shop_id"]
    assert sorted(made) == [2, 51]
