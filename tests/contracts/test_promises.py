"""Promises of type hints, which of them fit where another is wanted, and tables that are marked with one."""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import polars as pl
import pytest
from sklearn.pipeline import Pipeline

from magical import Contract, Frame, Id, Lazy, Model, Parts, Receipt, contract_of, partition
from magical.contracts.contract import schema_of
from magical.contracts.promises import Pipeline as LightPipeline
from magical.contracts.promises import (
    Promise,
    as_schema,
    attach_promise,
    attached_promise,
    bind_variables,
    promise_of,
)
from magical.errors import BrokenPromise, ContractError

C = TypeVar("C")


class Row(Contract):
    id: Id[int]
    x: int


class Less(Contract):
    id: Id[int]


class More(Row):
    y: str


class Scores(Contract):
    auc: float


class MyPipeline(Pipeline): ...


KINDS = {
    # hint: (kind, text)
    Frame: ("table", "Frame"),
    Frame[Row]: ("table", "Frame[Row]"),
    Frame[C]: ("table", "Frame"),  # type: ignore[valid-type]
    Frame[Any]: ("table", "Frame"),
    Lazy[Row]: ("lazy", "Lazy[Row]"),
    Parts: ("parts", "Parts"),
    Parts[Row]: ("parts", "Parts[Row]"),
    Model: ("model", "Model"),
    Receipt: ("receipt", "Receipt"),
    Pipeline: ("pipeline", "Pipeline"),
    MyPipeline: ("pipeline", "Pipeline"),
    LightPipeline: ("pipeline", "Pipeline"),
    list[LightPipeline]: ("list", "list[Pipeline]"),
    tuple[Frame, int]: ("tuple", "tuple[Frame, int]"),
    tuple[Frame[Row], tuple[int, str]]: ("tuple", "tuple[Frame[Row], tuple[int, str]]"),
    tuple[Model, ...]: ("list", "list[Model]"),
    list[Model]: ("list", "list[Model]"),
    Sequence[Frame[Row]]: ("list", "list[Frame[Row]]"),
    list[int]: ("value", "list[int]"),
    list: ("value", "list"),
    tuple[int, ...]: ("value", "tuple[int, ...]"),
    dict[str, int]: ("value", "dict[str, int]"),
    Mapping[Any, int]: ("value", "Mapping[Any, int]"),
    Callable: ("value", "Callable"),
    int: ("value", "int"),
    Scores: ("value", "Scores"),
    int | None: ("value", "int | None"),
    Annotated[Frame, "words"]: ("table", "Frame"),
    Any: ("any", "Any"),
    object: ("any", "object"),
    C: ("any", "~C"),
    None: ("none", "none"),
}


@pytest.mark.parametrize("hint", KINDS, ids=str)
def test_a_hint_is_a_promise(hint: Any) -> None:
    promise = promise_of(hint)
    assert (promise.kind, str(promise)) == KINDS[hint]
    assert promise.to_json()["kind"] == promise.kind


FITS = [
    *[(Frame[Row], Frame[Row]), (Frame[Row], Frame), (Frame[More], Frame[Row]), (Frame[Row], Frame[Less])],
    *[
        (Frame[Row], Lazy[Row]),
        (Parts[More], Parts[Row]),
        (Parts[Row], Parts),
        (Frame[Row], Any),
        (Any, Frame[Row]),
    ],
    *[(int, int), (int, float), (bool, int), (int, Any), (Any, int), (int, object), (Model, Model)],
    *[(LightPipeline, Pipeline), (MyPipeline, LightPipeline)],
    *[(MyPipeline, Pipeline), (list[Model], list[Model]), (list[int], list), (list[int], list[int])],
    *[
        (tuple[Frame, int], tuple[Frame, int]),
        (tuple[Model, Model], list[Model]),
        (list[Frame[More]], Sequence[Frame[Row]]),
    ],
    *[
        (list[Model], list),
        (tuple[int, int], tuple),
        (list[Model], Iterable[Model]),
        (list[Any], list[Model]),
    ],
    *[(Scores, Scores), (Row, Less), (int | None, int), (int, int | None), (dict[str, int], dict)],
]
MISFITS = [
    *[(Frame, Frame[Row]), (Frame[Less], Frame[Row]), (Parts[Row], Frame[Row]), (Frame[Row], Parts[Row])],
    *[(int, Frame), (Frame, int), (int, str), (Model, Pipeline), (Scores, int), (Less, Row), (Frame, Model)],
    *[
        (list[Model], Model),
        (list[Model], list[Frame]),
        (tuple[Frame, int], tuple[Frame, Model]),
        (Receipt, Frame),
    ],
    *[
        (tuple[Frame, int], tuple[Frame]),
        (list[Frame[Less]], list[Frame[Row]]),
        (tuple[Model, int], list[Model]),
    ],
    *[(list[Model], dict), (list[Model], str), (None, Frame)],
]


@pytest.mark.parametrize(("have", "wanted"), FITS, ids=str)
def test_what_fits(have: Any, wanted: Any) -> None:
    assert promise_of(have).find_mismatches(promise_of(wanted)) == []


@pytest.mark.parametrize(("have", "wanted"), MISFITS, ids=str)
def test_what_does_not_fit(have: Any, wanted: Any) -> None:
    assert promise_of(have).find_mismatches(promise_of(wanted))


def test_members() -> None:
    assert promise_of(Parts[Row]).member("test") == Promise("table", Frame, schema_of(Row))
    assert str(promise_of(tuple[int, Model]).member("1")) == "Model"


def test_type_variables_are_bound() -> None:
    rows = schema_of(Row)
    assert str(bind_variables(promise_of(Frame[C]), {C: rows})) == "Frame[Row]"  # type: ignore[valid-type]
    assert str(bind_variables(promise_of(Parts[C]), {C: rows}).member("train")) == "Frame[Row]"  # type: ignore[valid-type]
    assert str(bind_variables(promise_of(tuple[Frame[C], int]), {C: rows})) == "tuple[Frame[Row], int]"  # type: ignore[valid-type]
    assert str(bind_variables(promise_of(Frame[C]), {C: None})) == "Frame"  # type: ignore[valid-type]
    assert str(bind_variables(promise_of(Frame[Less]), {C: rows})) == "Frame[Less]"


def test_a_computed_promise_is_a_contract_or_a_schema() -> None:
    assert as_schema(Row, "step") == as_schema(schema_of(Row), "step") == schema_of(Row)
    for wrong in (3, None, int, Frame[Row]):
        with pytest.raises(BrokenPromise, match=r"featurize: its promises= function gave"):
            as_schema(wrong, "featurize")


def test_to_a_type_checker_a_frame_is_a_polars_frame() -> None:
    table: Frame[Row] = pl.DataFrame({"id": [1], "x": [2]})
    assert table.height == 1


# --- marks ----------------------------------------------------------------------------------------------------

TABLE = pl.DataFrame({"id": [3, 1, 2, 4, 6, 5], "x": range(6)})
SIDES: list[str | None] = ["train", "train", "validation", "validation", "test", "test"]


def marked() -> pl.DataFrame:
    return attach_promise(TABLE, promise_of(Frame[Row]))


def test_a_marked_table_tells_its_contract() -> None:
    assert contract_of(marked()) == schema_of(Row).without_constraints()
    with pytest.raises(ContractError, match="promises nothing"):
        contract_of(TABLE)
    with pytest.raises(ContractError, match="promises nothing"):
        contract_of(3)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.filter(pl.col("id") > 1),
        lambda t: t.drop("x"),
        lambda t: t.with_columns(z=1),
        lambda t: t.clone(),
        lambda t: t[:2],
        lambda t: t.lazy().collect(),
        copy.copy,
        copy.deepcopy,
    ],
)
def test_no_copy_inherits_the_mark(change: Any) -> None:
    """What a step makes of a table keeps what the step promises, not what the table kept."""
    assert attached_promise(change(marked())) is None


def test_a_table_is_marked_without_changing_the_mark_of_another() -> None:
    class Other(Contract):
        id: Id[int]

    one = marked()
    other = attach_promise(one, promise_of(Frame[Other]))
    assert contract_of(one).name == "Row"
    assert contract_of(other).name == "Other"
    assert attach_promise(one, promise_of(Frame[Row])) is one
    assert attached_promise(attach_promise(one, promise_of(Frame))) is None


def test_groups_are_marked_through_and_through() -> None:
    parts = attach_promise(partition(TABLE, SIDES), promise_of(Parts[Row]))
    assert [contract_of(p).name for p in parts] == ["Row"] * 3
    promise = attached_promise(parts)
    assert promise is not None
    assert (promise.kind, promise.schema) == ("parts", schema_of(Row).without_constraints())
    pair = attach_promise((TABLE, 3), promise_of(tuple[Frame[Row], int]))
    assert contract_of(pair[0]).name == "Row"
    assert isinstance(pair, tuple)
    both = attach_promise([TABLE, TABLE], promise_of(list[Frame[Row]]))
    assert [contract_of(t).name for t in both] == ["Row", "Row"]
    assert attached_promise([3]) is None


def test_values_are_not_marked() -> None:
    assert attach_promise(3, Promise("value", int)) == 3
    assert attached_promise(3) is None
