"""The words in the names of columns, and the names that are made from them."""

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.contracts.contract import Contract
from magical.inference.name_vocabulary import (
    class_name,
    field_names,
    first_free_name,
    has_word_kind,
    is_entity_name,
    is_index_name,
    is_reference_number,
    last_words,
    split_words,
)

RAW_NAMES = st.lists(
    st.text(max_size=60) | st.sampled_from(["A b", "a_b", "a b", "class", "copy", "int", "9", "é", "", "_"]),
    max_size=12,
    unique=True,
)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("customerID", ("customer", "id")),
        ("Größe", ("groesse",)),
        ("ÄRA", ("ae", "ra")),
        ("Ångström", ("angstroem",)),
        ("价格", ("",)),
        ("", ("",)),
    ],
)
def test_names_are_split_into_plain_words(name: str, words: tuple[str, ...]) -> None:
    assert split_words(name) == words


@pytest.mark.parametrize(
    ("name", "kind", "found"),
    [
        ("custid", "identifier", True),
        ("custid", "entity", True),
        ("rideid", "identifier", True),
        ("humid", "identifier", False),
        ("paid", "identifier", False),
        ("address2", "person", True),
        ("Day_of_Week", "weekday", True),
        ("week_number", "count", True),
        ("zip code", "code", True),
        ("", "identifier", False),
        ("价格", "prose", False),
    ],
)
def test_the_kinds_of_words(name: str, kind: str, found: bool) -> None:
    assert has_word_kind(name, kind) is found


def test_the_last_word_is_what_the_others_describe() -> None:
    assert has_word_kind("month_income", "month")
    assert not has_word_kind("month_income", "month", where="last")
    assert has_word_kind("birth_year", "month", "year", where="last")


def test_last_words_are_joined_up_to_four_and_look_behind_a_number() -> None:
    assert last_words("a_b_c_d_e") == ("e", "de", "cde", "bcde")
    assert last_words("week_no") == ("no", "weekno", "week")
    assert last_words("number") == ("number",)


def test_a_number_alone_refers_to_nothing() -> None:
    assert is_reference_number("ticket_no")
    assert not is_reference_number("no")
    assert not is_reference_number("number_of_rooms")


@pytest.mark.parametrize(
    ("name", "bare", "found"),
    [
        ("CustomerNo", False, True),
        ("id", False, True),
        ("customer", True, True),
        ("customer", False, False),
        ("customer_age", True, False),
        ("order_id", True, False),
    ],
)
def test_names_of_entities(name: str, bare: bool, found: bool) -> None:
    assert is_entity_name(name, allow_bare=bare) is found


def test_names_of_an_index() -> None:
    assert all(map(is_index_name, ["", " ", "__", "Unnamed: 0", "Index", "_idx_", "level_0", "row_index"]))
    assert not any(map(is_index_name, ["id", "price_index", "rows"]))


def test_a_good_name_stays_though_an_earlier_column_comes_to_it() -> None:
    assert field_names(["A B", "a_b", "a b"]) == {"A B": "a_b_2", "a_b": "a_b", "a b": "a_b_3"}


def test_no_field_hides_a_type_or_an_attribute_of_a_contract() -> None:
    assert field_names(["int", "self", "lambda", "json"]) == {
        "int": "int_",
        "self": "self_",
        "lambda": "lambda_",
        "json": "json_",
    }
    assert field_names(["x", "%", "_private"]) == {"x": "x", "%": "column_2", "_private": "private"}


@given(RAW_NAMES)
def test_fields_are_identifiers_and_each_has_one_column(raw: list[str]) -> None:
    fields = field_names(raw)
    assert set(fields) == set(raw)
    assert len(set(fields.values())) == len(raw)
    for name, field in fields.items():
        assert field.isidentifier()
        assert field.isascii()
        assert not keyword.iskeyword(field)
        assert not hasattr(Contract, field)
        assert field == name or field not in raw


@given(RAW_NAMES)
def test_fields_are_the_fields_of_themselves(raw: list[str]) -> None:
    """A file that is written with the fields as its header is read with the same fields."""
    fields = [f for f in field_names(raw).values() if len(f) <= 40 and not f.endswith("_")]
    assert list(field_names(fields).values()) == fields


def test_the_lowest_number_that_is_free() -> None:
    assert first_free_name("price", (), separator="_") == "price"
    assert first_free_name("class_", {"class_"}, separator="_") == "class_2"
    assert first_free_name("Kind", {"Kind", "Kind3"}, separator="") == "Kind2"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("news", "News"),
        ("series", "Series"),
        ("glass", "Glass"),
        ("analysis", "Analysis"),
        ("ties", "Tie"),
        ("sales_2024", "Sales2024"),
        ("Größen", "Groessen"),
        ("价格", "Row"),
        ("", "Row"),
        ("none", "NoneRow"),
        ("Shops", "ShopRow"),
        ("diabetes", "Diabetes"),
        ("iris", "Iris"),
        ("titanic", "Titanic"),
        ("boxes", "Box"),
        ("branches", "Branch"),
        ("matches", "Match"),
        ("classes", "Class"),
        ("houses", "House"),
        ("horses", "Horse"),
        ("sales", "Sale"),
        ("cars", "Car"),
        ("lens", "Lens"),
        ("gas", "Gas"),
        ("movies", "Movie"),
        ("statuses", "Status"),
        ("viruses", "Virus"),
        ("people", "Person"),
        ("children", "Child"),
        ("employees", "Employee"),
        ("herpes", "Herpes"),
        ("mathematics", "Mathematics"),
        ("statistics", "Statistics"),
        ("addresses", "Address"),
        ("prices", "Price"),
    ],
)
def test_names_of_classes(text: str, name: str) -> None:
    assert class_name(text, {"Shop"}) == name


def test_a_name_of_a_class_is_never_one_that_is_taken() -> None:
    taken = {"Shop", "ShopRow", "ShopRow2", "Row", "NoneRow"}
    assert [class_name(t, taken) for t in ("shops", "", "none")] == ["ShopRow3", "RowRow", "NoneRow2"]
