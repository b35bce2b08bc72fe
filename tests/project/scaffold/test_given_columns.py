"""The columns that options of `magical new` and `magical fit` name: found, or refused with the next move."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from magical.errors import MagicalError
from magical.inference.infer import GivenRoles
from magical.inference.text_types import infer_text_types
from magical.project.scaffold.given_columns import find_given_roles
from magical.project.scaffold.project_options import ProjectOptions
from projects import is_well_worded

ROWS = 120
TABLE = pl.DataFrame(
    {
        "Order Date": [(date(2020, 1, 1) + timedelta(i)).isoformat() for i in range(ROWS)],
        "Shipped": [
            "soon" if i % 20 == 3 else (date(2020, 2, 1) + timedelta(i)).isoformat() for i in range(ROWS)
        ],
        "customer": [i % 30 for i in range(ROWS)],
        "price": [i % 7 / 2 for i in range(ROWS)],
        "stars": [i % 5 + 1 for i in range(ROWS)],
        "floors": [float(i % 3 + 1) for i in range(ROWS)],
        "sold": [i % 2 for i in range(ROWS)],
        "guests": [i % 21 for i in range(ROWS)],
        "visits": [min(i, 40) for i in range(ROWS)],
        "same": [1] * ROWS,
        "city": [f"city {i % 60}" for i in range(ROWS)],
        "street": [f"street {i // 2 if i < 60 else i}" for i in range(ROWS)],
        "kind": ["abc"[i % 3] for i in range(ROWS)],
        "letter": [f"{i % 45}a" for i in range(ROWS)],
    }
)


def find(target: str, **options: Any) -> GivenRoles:
    return find_given_roles(target, ProjectOptions(**options), infer_text_types(TABLE))


def test_columns_are_found_by_their_names_in_the_file_or_in_snake_case() -> None:
    found = find("SOLD", time="order_date", group="Customer")
    assert found == GivenRoles("sold", "", "Order Date", "customer")


@pytest.mark.parametrize(
    ("target", "task"),
    [("sold", ""), ("sold", "number"), ("price", ""), ("guests", ""), ("visits", ""), ("kind", ""), ("stars", "classes"),
     ("stars", "number"), ("floors", "classes"), ("city", "classes"), ("visits", "classes")],
)  # fmt: skip
def test_these_need_no_further_word(target: str, task: str) -> None:
    assert find(target, task=task).task == task


REFUSED: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "no target": ({"target": ""}, ("--target is missing", "the likeliest first: price, letter, sold,")),
    "unknown target": ({"target": "star"}, ("no column 'star' to be the target", "did you mean 'stars'?")),
    "unknown time": ({"time": "orderdate"}, ("to be the time", "did you mean 'Order Date'?")),
    "unknown group": ({"group": "custmer"}, ("to be the group", "did you mean 'customer'?")),
    "two roles": ({"group": "sold"}, ("--target and --group are one column, sold",)),
    "time of numbers": ({"time": "price"}, ("--time needs dates or moments, and price is float, such as 0.0, 0.5, 1.0",
                                            "what has them: Order Date.")),
    "time of nearly dates": ({"time": "shipped"}, ("Shipped is str", "dates but for 6 of 120 values: 'soon'")),
    "few whole numbers": ({"target": "stars"}, ("Is stars a class or an amount? It is 1, 2, 3, 4, 5, in 120 rows.",
                                                "--task classes", "--task number")),
    "few whole floats": ({"target": "floors"}, ("Is floors a class or an amount? It is 1, 2, 3,",)),
    "texts as numbers": ({"target": "kind", "task": "number"}, ("--task number needs numbers, and kind has", "'a', 'b', 'c'")),
    "fractions as classes": ({"target": "price", "task": "classes"}, ("price has fractions such as 0.0, 0.5, 1.0",)),
    "many classes": ({"target": "city"}, ("60 different values in 120 rows", "'city 0', 'city 1', ", "add --task classes")),
    "few rows of a class": ({"target": "letter"}, ("3 rows a class", "add --task classes")),
    "hardly a repetition": ({"target": "street", "task": "classes"}, ("90 different values", "most occur once")),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_these_are_refused_with_the_next_move(case: str) -> None:
    words, wanted = REFUSED[case]
    with pytest.raises(MagicalError) as caught:
        find(**{"target": "sold", **words})
    said = str(caught.value)
    assert [w for w in wanted if w not in said] == [], said
    assert is_well_worded(said), said
