"""The card of a step has a fitting form for each kind of result, and tells what is not known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from magical.errors import UsageError
from magical.project import inspection, step_card
from magical.project.step_card import StepCard
from projects import Small, one


def inspect(small: Small, step: str) -> StepCard:
    return small.load().inspect(step)


KINDS = '''
class Person(Contract):
    """A person."""

    id: Id[int]
    age: int = Field(description="in years")

class Box:
    def __repr__(self) -> str:
        return "a box"

@step
def people(rows: int, label: str) -> Frame[Person]:
    keep("rejected", pl.DataFrame({"why": ["too old"]}))
    keep("counts", {"a": 1, "b": "x" * 500})
    keep("_judged", pl.DataFrame({"secret_name": [1]}))
    return pl.DataFrame({"id": range(rows), "age": range(rows), "town": ["<b>Rom</b>"] * rows})

@step
def few(people: Frame[Person], least: int = 30) -> Frame[Person]:
    """Keep the old."""
    return people.filter(pl.col("age") >= least).drop("town").with_columns(old=pl.lit(True))

@step
def divided(people: Frame[Person]) -> tuple[Frame[Person], int]:
    return people, 3

@step
def fitted(few: Frame[Person]) -> Model:
    from sklearn.dummy import DummyClassifier
    from magical.contracts.model import Candidate
    from magical.contracts.contract import schema_of
    fit = DummyClassifier(strategy="prior").fit([[1], [2]], [False, True])
    chosen, other = Candidate("boosting", 0.3, "log_loss"), Candidate("linear", 0.4, "log_loss")
    return Model(fit, "binary", "old", schema_of(Person), (False, True), 0.25, chosen, (other,))

@step
def scores(fitted: Model) -> dict[str, Any]:
    return {"part": "test", "metrics": {"auc": {"value": 0.81234, "low": 0.7}}, "rows": 3,
            "baselines": {"constant": {"auc": {"value": 0.5}}}}

@step
def box(scores: dict[str, Any], divided: tuple[Frame[Person], int]) -> Box:
    return Box()

@workflow
def flow() -> Any:
    found = people(40, "a label")
    return box(scores(fitted(few(found))), divided(drop_duplicates(found)))
'''


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Small:
    top = "from magical import Model, Field, Contract, Id\nfrom magical.library import drop_duplicates\n"
    small = one(tmp_path_factory.mktemp("kinds"), KINDS, top=top)
    small.run(policy={"workers": 1})
    return small


# For each step, texts of its card.
CARDS = {
    "people": [
        "people\nworkflow.py:",
        "→ Frame[Person]  [fresh]",
        "40 rows × 3 columns, ",
        "rows   40\nlabel  a label",
        "the first 10 of 40 rows",
        "id      int       0        40  ██████████",
        "in years",
        "Kept: rejected",
        "too old",
        "<b>Rom</b>",
    ],
    "few": [
        "people  people  40 rows × 3 columns",
        "Against people: 30 fewer rows; 1 column added (old); 1 column removed (town).",
        '  def few(people: Frame[Person], least: int = 30) -> Frame[Person]:\n      """Keep the old."""',
        "least  30",
    ],
    "divided": ["0  table  40 rows × 3 columns\n1  value  3", "Columns of 0"],
    "fitted": [
        "threshold  0.25, of the probability of True",
        "features   2: id, age",
        "boosting   log_loss    0.3",
    ],
    "scores": [
        "part  test\nrows  3\n",
        "metrics\n      value  low\nauc  0.8123  0.7",
        "baselines: constant\n     value\nauc    0.5",
    ],
    "drop_duplicates": ["A step of the library: magical.library.", "drop_duplicates (", "the same columns."],
    "box": ["a box", "divided  divided  2 items", "scores   scores"],
}


@pytest.mark.parametrize("step", CARDS)
def test_the_card_of_each_kind_of_result(kinds: Small, step: str) -> None:
    text = str(inspect(kinds, step))
    assert [part for part in CARDS[step] if part not in text] == [], text
    assert "peak of its process" in text or "at most" in text
    assert "Kept: _judged" not in text
    assert max(map(len, text.splitlines())) <= 110


def test_the_card_as_json(kinds: Small) -> None:
    answer = kinds.command("inspect", "people", "--json").json
    assert answer["step"] == "people"
    assert answer["result"]["summary"] == "40 × 3"
    assert list(answer["kept"]) == ["rejected", "counts"]
    assert {"before"} < set(answer["memory"]) <= {"before", "peak", "limit"}
    found = {c["name"]: c for c in answer["columns"]["result"]}
    assert found["age"]["quantiles"] == [0, 10, 20, 29, 39]
    assert found["age"]["description"] == "in years"
    assert found["town"]["commonest"] == [["<b>Rom</b>", 40]]
    few = kinds.command("inspect", "few", "--json").json
    assert few["difference"] == {"input": "people", "rows": -30, "added": ["old"], "removed": ["town"]}
    assert few["inputs"] == [{"parameter": "people", "from": "people", "summary": "40 rows × 3 columns"}]


def test_what_would_run_again_shows_the_last_one(small: Small) -> None:
    with pytest.raises(UsageError, match="clean has not run yet") as caught:
        inspect(small, "clean")
    assert caught.value.hint == "magical run clean"
    small.run()
    run = small.load().runs()[0].name
    small.edit("deep.py", "FACTOR = 2", "FACTOR = 3")
    seen = inspect(small, "clean")
    assert seen.state == f"of {run}; it would run again now"
    assert "40 rows × 2 columns" in str(seen)
    assert "! as it is now; the result may be of earlier code" in str(seen)


def test_a_split_has_its_parts(small: Small) -> None:
    small.run()
    text = str(inspect(small, "split"))
    assert "train       table  38 rows × 2 columns" in text
    assert "── Columns of validation ──" in text


def test_a_large_table_is_streamed(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    small.run()
    monkeypatch.setattr(step_card, "MAX_FULL_ROWS", 30)
    whole: list[Any] = []
    monkeypatch.setattr("polars.read_parquet", lambda *args, **kwargs: whole.append(args))
    text = str(inspect(small, "clean"))
    assert "the first 10 of 40 rows" in text
    assert "▇" in text
    assert whole == []


def test_an_old_journal_and_shared_memory_are_told_apart(small: Small) -> None:
    small.run()
    (journal,) = small.root.rglob("journal.jsonl")
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    for event in events:
        if event["event"] == "StepFinished":
            event["memory"] = {"shared": 1, "limit": 10**8} if event["step"] == "clean" else {}
    journal.write_text("".join(f"{json.dumps(e)}\n" for e in events))
    assert "at most 100 MB, with other steps in the same process" in str(inspect(small, "clean"))
    assert "not known: the journal has no figure of it" in str(inspect(small, "size"))
    journal.unlink()
    assert "no longer stored" in str(inspect(small, "size")), "its inputs are not known either"


@pytest.mark.slow
def test_a_step_in_its_own_process_tells_its_peak(tmp_path: Path) -> None:
    body = "@step\ndef big() -> int:\n    return len(bytearray(b'1') * 300_000_000)\n\n"
    small = one(tmp_path, f"{body}@workflow\ndef f() -> Any:\n    return big()\n")
    small.run(policy={"steps": {"big": {"timeout": 60}}})
    memory = inspect(small, "big").to_json()["memory"]
    assert memory["peak"] > memory["before"] + 290_000_000


def test_a_project_that_cannot_be_imported_any_more_has_its_card(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.run()
    text = str(inspect(small, "clean"))
    assert "def clean(" in text
    monkeypatch.setattr(inspection, "_with_code", lambda drawing, node: node)
    text = str(inspect(small, "clean"))
    assert "def clean(" not in text
    assert "40 rows × 2 columns" in text


def test_the_card_as_a_page(small: Small, tmp_path: Path) -> None:
    small.run()
    page = tmp_path / "new" / "card.html"
    answer = small.command("inspect", "clean", "--output", str(page))
    assert answer.out == f"clean is shown in {page}.\n"
    assert "40 rows × 2 columns" in page.read_text(encoding="utf-8")
    assert "40 rows × 2 columns" in inspect(small, "clean")._repr_html_()
