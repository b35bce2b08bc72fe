"""Raw rows pass the steps that they passed in the run, before they get their types."""

from dataclasses import replace
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from library.served import RAW_STEP, WORKFLOW, forget, play, write
from magical.errors import UsageError
from magical.project.scoring import LoadedModel, ScoreOptions, score_rows


def test_steps_before_the_types_are_repeated_on_a_new_source(tmp_path: Path) -> None:
    played = play(write(tmp_path / "project", workflow=WORKFLOW + RAW_STEP))
    wanted = played.scorer().predict(played.values["in_cents"])
    played.scorer().save(tmp_path / "scorer", key="d1" * 6, root=played.root)
    forget(played.root)
    raw = tmp_path / "raw.parquet"
    played.values["source"].write_parquet(raw)
    model = LoadedModel.load(tmp_path / "scorer", "campaign", "1")
    for source in (raw, played.values["source"]):
        scored = score_rows(source, model, None, [], ScoreOptions()).tables["predictions"]
        assert_frame_equal(scored.select(wanted.columns), wanted)
    several = replace(model.scorer.raw_rows, refusal="its rows come from 2 sources (a and b)")
    other = replace(model, scorer=replace(model.scorer, raw_rows=several))
    with pytest.raises(UsageError, match="cannot be scored: in the run its rows come from 2 sources"):
        score_rows(raw, other, None, [], ScoreOptions())
    as_typed = score_rows(played.values["in_cents"], other, None, [], ScoreOptions()).tables["predictions"]
    assert_frame_equal(as_typed.select(wanted.columns), wanted)
