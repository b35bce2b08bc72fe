"""The traffic example: it is drawn without a finding, its README is true, and its own tests pass."""

import re
import shutil
from pathlib import Path

import polars as pl
import pytest

from projects import Small, python

TRAFFIC = Path(__file__).parents[2] / "examples" / "traffic"
README = (TRAFFIC / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def traffic(tmp_path: Path) -> Small:
    """A copy of the example, not yet run."""
    ignored = shutil.ignore_patterns(".magical", "__pycache__", "predictions.*")
    return Small(Path(shutil.copytree(TRAFFIC, tmp_path / "traffic", ignore=ignored)))


@pytest.mark.slow
def test_the_design_has_no_finding_and_is_short(traffic: Small) -> None:
    assert [str(f) for f in traffic.load().check()] == []
    assert len((TRAFFIC / "workflow.py").read_text().splitlines()) <= 150


@pytest.mark.slow
def test_a_source_of_reports_becomes_clean_hours(traffic: Small) -> None:
    run = traffic.run("clean", tracking={"enabled": False})
    assert f"{run['ingest'].height:,} reports are {run['clean'].height:,} hours" in README
    assert dict(run.kept("clean")["changed"].select("from", "rows").iter_rows()) == {
        "0.0": 10,
        "9831.3": 1,
        "Sky is Clear": 1723,
        "SQUALLS": 4,
    }
    hours = run["clean"]
    assert hours["hour"].is_unique().all()
    by_day = hours.group_by(pl.col("began").dt.date()).agg(pl.col("holiday").n_unique())
    assert by_day["holiday"].to_list() == [1] * by_day.height
    # Not all of the 53 named days have 24 hours in the source.
    assert hours.filter(pl.col("holiday").is_not_null()).height > 20 * 53


def figures(text: str) -> list[float]:
    """Return the numbers of a text."""
    return [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


@pytest.mark.slow
def test_the_readme_says_what_comes_out_and_new_hours_are_scored(traffic: Small) -> None:
    done = traffic.process("run")
    assert done.returncode == 0, done.stderr
    (quoted,) = re.findall(r"ends with\n\n```\n(.*?)```", README, re.DOTALL)
    said = done.stdout.partition("\n")[2].partition("Look:")[0]
    assert re.sub(r"[\d.,]+", "N", said) == re.sub(r"[\d.,]+", "N", quoted)
    # Another processor may round otherwise, and a boosted model amplifies it.
    assert figures(said) == pytest.approx(figures(quoted), rel=0.05)
    rmse, baseline = figures(said)[-2:]
    assert rmse < 0.8 * baseline

    words = ("--model", "traffic@champion", "--input", str(TRAFFIC / "data" / "new_hours.csv"))
    output = traffic.root / "predictions.parquet"
    scored = traffic.process("score", *words, "--output", str(output), "--keep", "holiday")
    assert "48 of 48 rows scored, 0 rejected" in scored.stdout, scored.stderr
    at_seven = pl.read_parquet(output).filter(pl.col("hour").dt.hour() == 7)
    assert at_seven["holiday"].to_list() == [None, "Thanksgiving Day"]
    quoted = README.partition("At 7:00")[2].partition("on\nthe other")[0]
    assert at_seven["prediction"].to_list() == pytest.approx(figures(quoted), rel=0.1)


@pytest.mark.slow
def test_its_own_tests_pass(traffic: Small) -> None:
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=str(traffic.root))
    assert done.returncode == 0, done.stdout
