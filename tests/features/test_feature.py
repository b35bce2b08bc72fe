"""The base of features: settings that survive JSON, and errors while drawing."""

import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from magical import Settings
from magical.cli.verb import parse_overrides
from magical.contracts.schema import Column, Schema
from magical.errors import SettingsError, WiringError
from magical.features import Arithmetic, Bin, Cross, DateParts, Feature, Log, Polynomial, Text, with_features
from magical.features.date_parts import DatePart
from magical.features.text_measures import TextPart
from magical.settings import to_json
from magical.settings.layers import COMMAND_LINE, Layer, load_settings

CUSTOMER = Schema(
    "Customer",
    (
        Column("id", "int", role="id"),
        Column("income", "float", nullable=True),
        Column("kids", "int"),
        Column("city", "str"),
        Column("enrolled", "date", role="time"),
        Column("response", "bool", role="target"),
    ),
)


class Choice(Settings):
    features: tuple[Feature, ...] = ()


EXAMPLES = [
    Log("income"),
    Arithmetic("per_head", "income / (kids + 1)"),
    DateParts("enrolled"),
    DateParts("enrolled", ("week",)),
]


@pytest.mark.parametrize("feature", EXAMPLES, ids=repr)
def test_features_survive_json(feature: Feature) -> None:
    assert Feature.model_validate(to_json(feature)) == feature
    assert type(feature).model_validate(to_json(feature)) == feature


def test_a_list_of_them_survives_json() -> None:
    choice = Choice(features=tuple(EXAMPLES))
    assert Choice.model_validate(to_json(choice)) == choice


def test_fields_may_be_given_by_position_or_by_name() -> None:
    assert Log("income") == Log(columns="income")
    assert (
        Arithmetic("a", "b + 1")
        == Arithmetic("a", expression="b + 1")
        == Arithmetic(name="a", expression="b + 1")
    )


def test_too_many_values_are_refused() -> None:
    with pytest.raises(TypeError, match="Log takes columns, got 2 values"):
        Log("income", "kids")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "Log", "colum": "income"}, "colum"),
        ({"kind": "Log"}, "columns"),
        ({"kind": "Lgo", "columns": "income"}, "did you mean 'Log'"),
        ({"columns": "income"}, "needs a kind"),
        ({"kind": "DateParts", "columns": "enrolled", "parts": ["yaer"]}, "year"),
        ({"kind": "DateParts", "columns": "enrolled", "parts": []}, "at least 1"),
        ({"kind": "Log", "columns": []}, "at least 1"),
        ({"kind": "Log", "columns": ["income", ""]}, "an empty text names no column"),
        ({"kind": "Log", "columns": "type:nubmer"}, "no selector type:nubmer; did you mean 'type:number'"),
        ({"kind": "Bin", "columns": "income"}, "just one of them"),
        ({"kind": "Arithmetic", "name": "a", "expression": "b **"}, "no formula"),
    ],
)
def test_what_is_wrong_in_json_is_a_validation_error(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Choice.model_validate({"features": [wrong]})


@pytest.mark.parametrize(
    ("feature", "message", "hint"),
    [
        (Log("incme"), "reads incme, which Customer does not have", "did you mean 'income'"),
        (Log("city"), "must be int or float but is str", "choose another column"),
        (Log("response"), "the target of Customer", "leave it out"),
        (DateParts("income"), "must be date or datetime", "choose another"),
        (DateParts("enrolled", ("hour",)), "no time of day", "datetime"),
        (Arithmetic("a", "income + kidz"), "reads kidz", "did you mean 'kids'"),
        (Arithmetic("kids", "income * 2"), "adds kids, which is there already", "otherwise"),
    ],
    ids=lambda x: repr(x)[:40],
)
def test_what_does_not_fit_is_said_with_a_hint(feature: Feature, message: str, hint: str) -> None:
    with pytest.raises(WiringError) as error:
        with_features(CUSTOMER, [feature])
    assert message in str(error.value)
    assert hint in error.value.hint


def test_a_feature_may_read_what_an_earlier_one_added() -> None:
    features = [DateParts("enrolled", ("year",)), Arithmetic("years", "2014 - enrolled_year"), Log("years")]
    assert with_features(CUSTOMER, features).names[-3:] == ["enrolled_year", "years", "log_years"]
    with pytest.raises(WiringError, match="reads years"):
        with_features(CUSTOMER, features[::-1])


def test_the_same_part_twice_is_refused() -> None:
    with pytest.raises(WiringError, match="enrolled_year"):
        with_features(CUSTOMER, [DateParts("enrolled", ("year", "year"))])


def test_a_kind_without_methods_says_so() -> None:
    class Empty(Feature):
        column: str

    with pytest.raises(NotImplementedError, match="Empty does not say which columns"):
        Empty(column="a").adds(CUSTOMER)
    with pytest.raises(NotImplementedError, match="Empty does not say how"):
        Empty(column="a").expressions(CUSTOMER)


def read_settings(file: str, *line: str) -> tuple[Feature, ...]:
    layers = [Layer("settings.toml", tomllib.loads(file)), Layer(COMMAND_LINE, parse_overrides(line))]
    return load_settings(Choice, layers, None).settings.features  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize(
    ("text", "feature"),
    [
        ('{kind="Bin", columns="income", edges=[20000,50000]}', Bin("income", edges=(20000, 50000))),
        ('{kind="bin", columns="income", quantiles=4, output="ordinal"}', Bin("income", (), 4, "ordinal")),
        (
            '{kind="Cross", columns=["city", "kids"], edges={kids=[1]}}',
            Cross(["city", "kids"], edges={"kids": (1,)}),
        ),
        ('{kind="date_parts", columns="role:time", cyclic=true}', DateParts("role:time", cyclic=True)),
        ('{kind="Polynomial", columns="type:number", degree=3}', Polynomial("type:number", 3)),
        ('{kind="Text", columns="city", parts=[], buckets=16}', Text("city", (), 16)),
    ],
)
def test_features_come_from_a_file_and_from_the_line(text: str, feature: Feature) -> None:
    assert read_settings(f"features = [{text}]") == (feature,)
    assert read_settings("", f"features=[{text}]") == (feature,)


def test_the_line_may_change_one_field_of_a_feature_in_a_file() -> None:
    date_parts = '{kind = "DateParts", columns = "enrolled"}'
    file = f'features = [{date_parts}, {{kind = "Bin", columns = "income", edges = [1, 2]}}]'
    _, changed = read_settings(file, "features.1.edges=[10]")
    assert changed == Bin("income", edges=[10])
    with pytest.raises(SettingsError, match=r"features.1.edges .* edges increase, and 1 comes after 2"):
        read_settings(file, "features.1.edges=[2, 1]")


def test_the_page_of_features_names_all_parts() -> None:
    page = (Path(__file__).parents[2] / "docs" / "features.md").read_text(encoding="utf-8")
    rows = {kind: page.partition(f"\n| `{kind}` |")[2].partition("\n")[0] for kind in ("DateParts", "Text")}
    assert [part for part in get_args(DatePart) if part not in rows["DateParts"]] == []
    assert [part for part in get_args(TextPart) if part not in rows["Text"]] == []
