"""Cleaning in a project: rules from its settings, what it shows of them, and the same rules on new rows."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from library import served
from library.served import Played
from magical import Feature
from magical.errors import SettingsError, WiringError
from magical.library import Cleaning
from magical.library.scorer.scorer import Scorer, _load_pyfunc
from projects import Small, project

TOP = '''
"""Who comes back?"""

from typing import Literal

import polars as pl

from magical import Column, Contract, Feature, Field, Frame, Id, InputPath, Model, Settings, Target, step, workflow
from magical.library import Check, Cleaning, Compare, Convert, Harmonise, Limits, Require, SplitSettings
from magical.library import clean, drop_duplicates, drop_outliers, featurize, ingest, leave_out, linear, model_data
from magical.library import predict, split, train, transform


class Customer(Contract):
    id: Id[int]
    income: float | None
    distance: float
    unit: str
    status: str | None
    agent: str
    returns: Target[bool]


class Known(Customer):
    """What cleaning makes sure."""

    status: Literal["Single", "Married"] | None
    distance: float = Field(le=1000)
'''

FLOW = (
    TOP
    + """

class FlowSettings(Settings):
    source: InputPath = InputPath("customers.csv")
    rules: tuple[Cleaning, ...] = ()
    left_out: tuple[str, ...] = ("agent",)


@step
def known(customers: Frame[Known]) -> Frame[Known]:
    return customers


@workflow
def flow(s: FlowSettings) -> Frame:
    customers = drop_duplicates(model_data(ingest(s.source), Customer))
    return leave_out(known(clean(customers, s.rules)), s.left_out)
"""
)

TOML = """
rules = [
    {kind = "convert", columns = "distance", units = {mi = 1.5, km = 1}, by = "unit"},
    {kind = "harmonise", columns = "status", map = {alone = "Single"}, to = ["Single", "Married"], max_distance = 1},
    {kind = "limits", columns = "income", ge = 0, le = 200_000},
    {kind = "limits", columns = "distance", le = 1000, action = "clip"},
]
left_out = ["agent"]

[tracking]
enabled = false
"""

CSV = """id,income,distance,unit,status,agent,returns
1,100,2,mi,Single,a,yes
2,300000,2,km,MARRIED,a,no
3,100,2,mi,Single,a,yes
4,,5000,km,Alone,b,yes
5,7,9,km,married ,b,no
6,7,9,ly,Single,b,no
"""


@pytest.fixture
def flow(tmp_path: Path) -> Small:
    """A project with rules in its settings."""
    return project(tmp_path, {"workflow.py": FLOW, "customers.csv": CSV, "settings.toml": TOML})


def test_the_rules_of_the_settings_are_applied_shown_and_part_of_keys(flow: Small) -> None:
    run = flow.run()
    assert run["clean"].select("id", "distance", "unit", "status").rows() == [
        (1, 3.0, "km", "Single"),
        (4, 1000.0, "km", "Single"),
        (5, 9.0, "km", "Married"),
    ]
    assert run["leave_out"].columns == ["id", "income", "distance", "unit", "status", "returns"]
    shown = flow.command("inspect", "clean").out
    assert "Kept: rejected" in shown
    assert all(text in shown for text in ("must be <= 200000", "300000.0", "must be one of 'mi', 'km'", "ly"))
    assert "Kept: changed" in shown
    assert all(
        text in shown
        for text in ("Alone", "5000.0", "Kept: rules", "Limits(columns='income', ge=0, le=200000)")
    )
    assert "info: 2 of 5 rows rejected (1 because unit" in shown
    shown = flow.command("inspect", "drop_duplicates").out
    assert "equal_to_row" in shown
    assert "1 of 6 rows dropped: equal to another" in shown
    flow.edit("settings.toml", "200_000", "400_000")
    assert flow.ran() == ["clean", "known", "leave_out"]


def test_a_rule_on_the_line_is_checked_before_any_work(flow: Small) -> None:
    with pytest.raises(SettingsError, match="no value is within 3 and 2"):
        flow.run(rules=[{"kind": "limits", "columns": "income", "ge": 3, "le": 2}])
    with pytest.raises(WiringError, match="did you mean 'income'"):
        flow.run(rules=[{"kind": "limits", "columns": "incme", "ge": 3}])
    assert not (flow.root / ".magical" / "runs").exists()


@pytest.mark.slow
def test_the_project_can_be_pretended(flow: Small) -> None:
    assert flow.command("pretend").code == 0
    assert flow.command("check", "--hard").code == 0


SCORED = (
    TOP
    + """

class Longest(Cleaning):
    \"\"\"A kind of the project: names that are too long are rejected.\"\"\"

    column: str
    length: int = 3

    def narrow(self, schema):
        self.read(schema, "str", names=[self.column])
        return schema

    def requirements(self, schema):
        fits = pl.col(self.column).str.len_chars() <= self.length
        return [Check(self.column, f"must have at most {self.length} letters", fits)]


@step(reads="world")
def source() -> Frame:
    rows = 120
    return pl.DataFrame({
        "id": range(rows),
        "income": [float(i * 37 % 100) for i in range(rows - 1)] + [1e5],
        "distance": [float(i % 7) for i in range(rows)],
        "unit": ["mi" if i % 3 else "km" for i in range(rows)],
        "status": ["Single" if i % 4 else "married" for i in range(rows)],
        "agent": "a",
        "returns": [i * 37 % 100 > 50 for i in range(rows)],
    })


class Doubled(Feature):
    \"\"\"A feature of the project.\"\"\"

    column: str

    def adds(self, schema):
        return (Column(f"{self.column}_twice", "float", nullable=True),)

    def expressions(self, schema):
        return (pl.col(self.column).mul(2).alias(f"{self.column}_twice"),)


RULES = (
    Convert("distance", units={"mi": 1.5, "km": 1}, by="unit"),
    Harmonise("status", to=["Single", "Married"], max_distance=1),
    Limits("income", ge=0, le=200_000),
    Require("agent"),
    Longest("agent"),
)


@step
def typed_rows(raw: Frame) -> Frame[Customer]:
    return raw


@workflow
def campaign() -> Frame:
    customers = leave_out(clean(drop_duplicates(typed_rows(source())), RULES), ("agent",))
    customers = featurize(customers, (Doubled("income"),))
    fitting, validation, test = split(customers, SplitSettings(kind="random", folds=1))
    fitting = drop_outliers(fitting, ("income",))
    model = train(fitting, validation, transform(fitting), linear())
    return predict(model, test)
"""
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Played, Path]:
    """A project whose steps ran without the engine, and the folder of its scorer."""
    folder = tmp_path_factory.mktemp("cleaned")
    (folder / "project").mkdir()
    (folder / "project" / "workflow.py").write_text(SCORED)
    played = served.play(folder / "project")
    played.scorer().save(folder / "model", key="cleaned" + "0" * 33, root=played.root)
    served.forget(played.root)
    Cleaning.kinds.pop("Longest")  # another process does not know these
    Feature.kinds.pop("Doubled")
    return played, folder / "model"


def test_outliers_leave_train_alone(model: tuple[Played, Path]) -> None:
    values = model[0].values
    assert values["drop_outliers"]["income"].max() < 100
    assert values["clean"]["income"].max() == 1e5


def test_new_rows_pass_the_rules_and_a_rejected_one_has_its_reason(model: tuple[Played, Path]) -> None:
    saved = Scorer.load(model[1])
    assert [s.name for s in saved.chain.steps] == ["clean", "leave_out", "featurize"]
    rows = pl.DataFrame(
        {
            "id": [1, 2, 3, 4, 5, 6],
            "income": [20.0, -1.0, None, 20.0, 20.0, 1.0],
            "distance": [2.0, 2.0, 2.0, 3.0, 2.0, 1.0],
            "unit": ["mi", "mi", "ly", "km", "mi", "km"],
            "status": ["Single", "Single", "Single", "SINGEL", "Divorced", None],
            "agent": ["a"] * 5 + ["abcd"],
        }
    )
    scored = saved.score(rows)
    assert scored["reason"].to_list() == [
        None,
        "clean left it out: income must be >= 0",
        "clean left it out: unit must be one of 'mi', 'km'",
        None,
        "clean left it out: status must be one of 'Single', 'Married'",
        "clean left it out: agent must have at most 3 letters",
    ]
    assert scored["prediction"].is_null().to_list() == [False, True, True, False, True, True]
    # Two miles are three kilometres, and the swapped letters are of one status: equal rows, equal numbers.
    assert scored["probability_True"][0] == pytest.approx(scored["probability_True"][3], rel=1e-12)
    check_doors(saved, rows, scored, model[1])


def check_doors(saved: Scorer, rows: pl.DataFrame, scored: pl.DataFrame, folder: Path) -> None:
    """Compare a batch with its rows one at a time, and with MLflow's door."""
    alone = pl.concat([saved.score(rows[i : i + 1]) for i in range(rows.height)])
    assert_frame_equal(alone, scored, rel_tol=1e-12)  # the last bits depend on the batch
    served = pl.from_pandas(_load_pyfunc(str(folder)).predict(rows.to_pandas()))
    assert served["reason"].to_list() == scored["reason"].to_list()
