"""The loop of a batch: limits, counts, and what each chunk adds."""

import pandas as pd
import polars as pl
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.pipeline import Pipeline

from magical.contracts.model import Model
from magical.contracts.schema import Column, Schema
from magical.errors import UsageError
from magical.library.scorer.scorer import Scorer
from magical.library.scorer.scoring_steps import ScoringChain
from magical.library.scoring.batch import Batch, BatchCounts, RejectLimit
from magical.library.scoring.manifest import ScoredModel
from magical.library.sources.chunked_source import open_source
from magical.refs import Link


@pytest.mark.parametrize(
    ("text", "rejected", "rows", "allows"),
    [
        ("1%", 2, 3, True),  # two always may: one bad row of a few costs nothing
        ("1%", 3, 299, False),
        ("1%", 3, 300, True),
        ("0%", 1, 1000, False),
        ("100%", 9, 10, True),
        ("0", 1, 1000, False),
        ("20", 20, 21, True),
        ("20", 21, 10**9, False),
        (20, 21, 10**9, False),
        ("1.5%", 3, 200, True),
    ],
)
def test_a_share_lets_two_rows_pass_and_a_number_is_exact(
    text: str | int, rejected: int, rows: int, allows: bool
) -> None:
    assert RejectLimit.parse(text).allows(rejected, rows) is allows


@pytest.mark.parametrize(("text", "words"), [("1%", "1%"), ("1.50%", "1.5%"), ("20", "20"), ("0", "0")])
def test_a_limit_is_said_as_it_was_given(text: str, words: str) -> None:
    assert str(RejectLimit.parse(text)) == words


@pytest.mark.parametrize("text", ["", "%", "-1", "-1%", "101%", "2.5", "nan", "inf", "many"])
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--max-rejects"):
        RejectLimit.parse(text)


def make_batch(ids: tuple[str, ...], rows: pl.DataFrame) -> Batch:
    """Make a batch of a model that predicts 2.0 for each row of the ids and a number ``x``."""
    pipeline = Pipeline([("model", DummyRegressor(strategy="constant", constant=2.0))])
    pipeline.fit(pd.DataFrame({"x": [1.0]}), [2.0])
    number = Column("x", "float")
    model = Model(pipeline, "regression", "y", Schema("Row", (number,)))
    schema = Schema("Row", (*(Column(name, "str", role="id") for name in ids), number))
    scorer = Scorer(model, ScoringChain(schema, Link("typed"), (), Link("typed")))
    return Batch.plan(scorer, ScoredModel("m", "1", "0f" * 20), open_source(rows))


TAKEN = ("row", "column", "rule", "value", "prediction", "reason", "prediction_id", "model_version")


@pytest.mark.parametrize("ids", [(), ("a", "b"), TAKEN], ids=["none", "two", "of taken names"])
def test_ids_of_any_number_and_name_stand_in_both_files(ids: tuple[str, ...]) -> None:
    rows = pl.DataFrame({**{name: ["p", "q", "r"] for name in ids}, "x": ["1", "many", "3"]})
    batch, counts = make_batch(ids, rows), BatchCounts()
    ((output, rejects),) = batch.score_chunks(counts)
    names = [f"id_{name}" if name in TAKEN else name for name in ids]
    assert output.columns == batch.own_columns == [*names, *TAKEN[4:5], *TAKEN[6:], "reason"]
    assert output.select("prediction", *names).rows() == [(2.0, *v * len(ids)) for v in "pr"]
    assert rejects.columns == batch.make_no_rejects().columns == ["row", *names, "column", "rule", "value"]
    assert rejects.select("row", *names, "column", "value").rows() == [(1, *("q",) * len(ids), "x", "xxxx")]
    assert (counts.rows, counts.scored, counts.rejected) == (3, 2, 1)
