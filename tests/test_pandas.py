"""Steps on pandas: a step gets the kind of table it annotates, and its result is stored like polars rows."""

from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from magical import Contract, Id, contract_of, step
from magical.contracts.promises import promise_of
from magical.errors import ContractError
from magical.pandas import Frame
from magical.project import Run
from projects import IMPORTS, Small, is_well_worded, one
from typechecking import mypy

TOP = """
import datetime as dt
import pandas as pd
import magical.pandas as mp
from datetime import date
from magical import Lazy, contract_of

class Row(Contract):
    id: Id[int]
    x: int | None
    f: float | None
    b: bool | None
    s: str | None
    day: date | None

class Wide(Row):
    days: int | None
    big: bool | None

def made(n: int) -> pl.DataFrame:
    day = [dt.date(2024, 1, i % 28 + 1) if i % 5 else None for i in range(n)]
    return pl.DataFrame({"id": range(n), "x": [None if i % 3 == 0 else i for i in range(n)],
        "f": [None if i % 4 == 0 else i / 3 for i in range(n)], "b": [None if i % 2 else True for i in range(n)],
        "s": [None if i % 7 == 0 else str(i) for i in range(n)], "day": day})
"""

POLARS = """
@step
def rows(n: int) -> Frame[Row]:
    return made(n)

@step
def wider(rows: Frame[Row]) -> Frame[Wide]:
    days = (dt.date(2024, 2, 1) - pl.col("day")).dt.total_days()
    return rows.with_columns(days=days, big=pl.col("x") > 5).sort("x", nulls_last=True, maintain_order=True)
"""

PANDAS = """
@step
def rows(n: int) -> mp.Frame[Row]:
    return made(n).to_pandas()

@step
def wider(rows: mp.Frame[Row]) -> mp.Frame[Wide]:
    days = (pd.Timestamp("2024-02-01") - rows["day"]).dt.days
    return rows.assign(days=days, big=rows["x"] > 5).sort_values("x", kind="stable")
"""

FLOW = """
@step
def after(wide: Frame[Wide]) -> int:
    return wide.height

@workflow
def flow() -> int:
    return after(wider(rows(40)))
"""


class Customer(Contract):
    id: Id[int]
    x: int


def contents(run: Run) -> list[str]:
    return [run._result.records[name].result.content for name in ("rows", "wider", "after")]


def test_a_step_on_pandas_gives_what_the_same_step_on_polars_gives(tmp_path: Path) -> None:
    polars = one(tmp_path / "polars", POLARS + FLOW, top=TOP).run()
    pandas = one(tmp_path / "pandas", PANDAS + FLOW, top=TOP).run()
    assert contents(pandas) == contents(polars)
    assert pandas["wider"].equals(polars["wider"])
    assert pandas["wider"]["x"].dtype == pl.Int64


def test_what_follows_stays_fresh_when_a_step_moves_to_pandas(tmp_path: Path) -> None:
    small = one(tmp_path, POLARS + FLOW, top=TOP)
    assert small.ran() == ["rows", "wider", "after"]
    rest = PANDAS[PANDAS.index("@step\ndef wider") :]
    small.write("workflow.py", IMPORTS + TOP + POLARS[: POLARS.index("@step\ndef wider")] + rest + FLOW)
    assert small.ran() == ["wider"]


def test_a_key_counts_pandas_where_a_body_has_it_in_its_hands(tmp_path: Path) -> None:
    head = TOP.replace("import pandas as pd\n", "")
    flow = PANDAS.replace("pd.Timestamp", "dt.datetime.fromisoformat") + FLOW
    run = one(tmp_path, flow, top=head).run()
    counted = {n: "package:pandas" in r.parts for n, r in run._result.records.items()}
    assert counted == {"rows": True, "wider": True, "after": False}


KINDS = """
def kinds(*tables: Any) -> str:
    return " ".join(f"{type(t).__module__.split('.')[0]}.{type(t).__name__}:{contract_of(t).name}" for t in tables)

@step
def rows(n: int) -> SOURCE[Row]:
    return made(n)CALL

@step
def cut(rows: Frame[Row]) -> Parts[Row]:
    return partition(rows, ["train", "test", "validation", "train"])

@step
def each(p: mp.Frame[Row], q: Frame[Row], z: Lazy[Row]) -> str:
    return kinds(p, q, z)

@step
def many(tables: list[mp.Frame[Row]], pair: tuple[Frame[Row], mp.Frame[Row]]) -> str:
    return f"{type(tables).__name__} {type(pair).__name__} {kinds(*tables, *pair)}"

@step
def rest(*tables: mp.Frame[Row]) -> str:
    return kinds(*tables)

@step
def part(train: mp.Frame[Row]) -> str:
    return kinds(train)

@workflow
def flow() -> Any:
    r = rows(4)
    train, validation, test = cut(r)
    return [each(r, r, r), many([r, train], (r, r)), rest(r, test), part(train)]
"""


@pytest.mark.parametrize(
    ("source", "call"), [("Frame", ""), ("mp.Frame", ".to_pandas()"), ("Lazy", ".lazy()")], ids=str
)
def test_a_step_gets_the_kind_it_annotates(tmp_path: Path, source: str, call: str) -> None:
    small = one(tmp_path, KINDS.replace("SOURCE", source).replace("CALL", call), top=TOP)
    polars, pandas, lazy = "polars.DataFrame:Row", "pandas.DataFrame:Row", "polars.LazyFrame:Row"
    assert small.run().result == [
        f"{pandas} {polars} {lazy}",
        f"list tuple {pandas} {pandas} {polars} {pandas}",
        f"{pandas} {pandas}",
        pandas,
    ]


def failure(tmp_path: Path, body: str, hint: str = "mp.Frame[Row]") -> str:
    text = f"""
@step
def rows(n: int) -> {hint}:
    table = made(n).to_pandas()
    {body}

@workflow
def flow() -> Any:
    return rows(8)
"""
    errors = one(tmp_path, text, top=TOP).fails()
    message = str(errors["rows"])
    assert message.startswith("rows (workflow.py:")
    assert is_well_worded(message)
    return message


WRONG = {
    "return table.set_index('id')": ("id is in the index", "reset_index()"),
    "return table.drop(columns='f')": ("f is missing", "give f"),
    "return table.rename(columns={'f': 7})": ("no texts: 7", "columns.map(str)"),
    "return table.assign(s=[1, 'a'] * 4)": ("column s holds mixed-integer", "astype"),
    "return table.assign(x=0.5)": (
        "x must be int | None, and is float",
        "change its type: Row in workflow.py",
    ),
    "return table['x']": ("returned", "to_frame()"),
    "return made(n)": ("promised pandas.Frame[Row]", "promise polars"),
    "return None": ("returned None", "is a return missing?"),
    "return table.assign(id=1)": ("id must be unique, got 1 (rows 0, 1, 2, 3, 4)", "duplicates"),
}


@pytest.mark.parametrize("body", WRONG)
def test_what_breaks_the_promise_is_said(tmp_path: Path, body: str) -> None:
    text, hint = WRONG[body]
    message = failure(tmp_path, body)
    assert text in message
    assert hint in message.splitlines()[-1]


def test_pandas_where_polars_is_promised_names_the_two_ways(tmp_path: Path) -> None:
    hint = failure(tmp_path, "return table", "Frame[Row]").splitlines()[-1]
    assert "pl.from_pandas(table)" in hint
    assert "from magical.pandas import Frame" in hint


def test_called_plainly_a_step_is_its_function() -> None:
    @step
    def doubled(table: Frame[Customer]) -> Frame[Customer]:
        return table.assign(x=2 * table["x"])

    given = pd.DataFrame({"id": [1], "x": [2]}, index=[9])
    out = doubled(given)
    assert isinstance(out, pd.DataFrame)
    assert out["x"].to_dict() == {9: 4}
    assert contract_of(out).name == "Customer"


def test_a_copy_of_a_pandas_table_promises_nothing() -> None:
    @step
    def same(table: Frame[Customer]) -> Frame[Customer]:
        return table

    given = pd.DataFrame({"id": [1], "x": [2]})
    out = same(given)
    with pytest.raises(ContractError, match="promises nothing"):
        contract_of(out.assign(y=1))
    with pytest.raises(ContractError, match="promises nothing"):
        contract_of(given)


def test_the_promise_of_a_hint() -> None:
    promise = promise_of(Frame[Customer])
    assert (promise.kind, str(promise)) == ("pandas", "pandas.Frame[Customer]")
    assert promise.schema is not None
    assert promise.schema.names == ["id", "x"]


def test_a_split_cuts_a_pandas_table(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        @step
        def rows(n: int) -> Frame[Row]:
            return made(n)

        @step
        def cut(rows: mp.Frame[Row]) -> Parts[Row]:
            return partition(rows, ["train", "train", "validation", "test"])

        @workflow
        def flow() -> Any:
            train, validation, test = cut(rows(4))
            return [train, test]
        """,
        top=TOP,
    )
    train, test = small.run().result
    assert train["id"].to_list() == [0, 1]
    assert test.schema == train.schema


@pytest.mark.slow
def test_type_checkers_see_pandas(tmp_path: Path) -> None:
    small = Small(tmp_path)
    path = small.write(
        "typed.py",
        """
import pandas as pd
from magical import Contract, step
from magical.pandas import Frame

class Row(Contract):
    x: int

@step
def good(table: Frame[Row]) -> Frame[Row]:
    return table.assign(x=1)

@step
def bad(table: Frame[Row]) -> Frame[Row]:
    return "a"

def plain(table: pd.DataFrame) -> pd.DataFrame:
    return good(table)

reveal_type(good(pd.DataFrame()))
""".lstrip(),
    )
    said = mypy(path).stdout
    assert 'Revealed type is "pandas.' in said
    assert "DataFrame" in said
    assert said.count("error:") == said.count("typed.py:14: error:") == 1
