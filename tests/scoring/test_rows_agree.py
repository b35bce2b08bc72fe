"""Any rows of a contract are predicted alike in a batch, one by one, in chunks and through pyfunc."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from library import served
from magical.library.scorer.scorer import Scorer, _load_pyfunc, _Pyfunc
from magical.testing.fixtures import Pretend

Model = tuple[type, Scorer, _Pyfunc]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A contract, and the model of a small project that was written and read back."""
    folder = tmp_path_factory.mktemp("model")
    root = served.write(folder / "project", aged='table.filter(pl.col("born") != 1999)')
    played = served.play(root)
    scorer = played.saved("a" * 40, folder / "model")
    served.forget(root)
    contract = played.graph.by_name["typed_rows"].call.arguments["contract"]  # type: ignore[union-attr]
    return contract, scorer, _load_pyfunc(str(folder / "model"))


def draw_rows(contract: type, seed: int, nulls: float) -> pl.DataFrame:
    """Draw six rows of a contract, without the target."""
    rows: pl.DataFrame = Pretend("rows")(contract, rows=6, nulls=nulls, seed=str(seed))
    return rows.drop("answers")


CELLS = st.tuples(st.integers(0, 5), st.sampled_from(["born", "income", "education", "member", "enrolled"]))


@settings(max_examples=8)
@given(
    seed=st.integers(0, 10**6),
    nulls=st.sampled_from([0.0, 0.3, 1.0]),
    emptied=st.lists(CELLS, max_size=4),
    renamed=st.dictionaries(st.integers(0, 5), st.sampled_from(["Basic", "Nursery", ""]), max_size=3),
    dropped=st.sets(st.integers(0, 5), max_size=2),
    size=st.integers(2, 6),
)
def test_rows_of_a_contract_have_one_prediction_at_each_door(
    model: Model,
    seed: int,
    nulls: float,
    emptied: list[tuple[int, str]],
    renamed: dict[int, str],
    dropped: set[int],
    size: int,
) -> None:
    contract, scorer, pyfunc = model
    cells: list[dict[str, Any]] = draw_rows(contract, seed, nulls).to_dicts()
    for row in dropped:
        cells[row]["born"] = 1999
    for row, level in renamed.items():
        cells[row]["education"] = level
    for row, column in emptied:
        cells[row][column] = None
    rows = pl.DataFrame(cells, schema=draw_rows(contract, seed, nulls).schema)
    expected = scorer.score(rows)
    assert expected.height == rows.height
    assert (expected["prediction"].is_null() == expected["reason"].is_not_null()).all()
    lost = {row for row, cell in enumerate(cells) if cell["born"] == 1999}
    assert {row for row, why in enumerate(expected["reason"]) if why == "aged left it out"} <= lost
    for found in (
        pl.concat(scorer.score(row) for row in rows.iter_slices(1)),
        pl.concat(scorer.score(chunk) for chunk in rows.iter_slices(size)),
        pl.from_pandas(pyfunc.predict(rows.to_pandas())).cast(dict(expected.schema)),
    ):
        assert_frame_equal(found, expected, rel_tol=1e-9, abs_tol=0)
