"""The example of house prices: it runs as its page says, and scores new houses."""

import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest

from projects import Small, command, python

EXAMPLE = Path(__file__).parents[2] / "examples" / "house_prices"


def copy_example(folder: Path) -> Small:
    """Copy the example without the files of earlier runs."""
    ignored = shutil.ignore_patterns(".magical", "__pycache__", ".pytest_cache", "predictions.*")
    shutil.copytree(EXAMPLE, folder, ignore=ignored)
    return Small(folder)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The example, run once as its page says; tests must not change it."""
    houses = copy_example(tmp_path_factory.mktemp("finished") / "house_prices")
    done = houses.process("run")
    assert done.returncode == 0, done.stderr
    (houses.root / "said.txt").write_text(done.stdout)
    return houses


@pytest.mark.slow
def test_the_design_holds_together(tmp_path: Path) -> None:
    checked = command("check", "--project", str(copy_example(tmp_path / "house_prices").root))
    assert (checked.code, checked.out) == (0, "house_prices: nothing found.\n")


def test_a_newcomer_reads_it_on_few_pages() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in EXAMPLE.glob("*.py")}
    assert lengths["workflow.py"] <= 150
    assert sum(lengths.values()) <= 300


@pytest.mark.slow
def test_the_page_says_what_the_run_says(finished: Small) -> None:
    figures = re.findall(r"^  (\S+): .*?(\d\.\d+)", (finished.root / "said.txt").read_text(), re.MULTILINE)
    page = dict(re.findall(r"^  (\S+): .*?(\d\.\d+)", (EXAMPLE / "README.md").read_text(), re.MULTILINE))
    said = {name: float(figure) for name, figure in figures}
    assert {*page} <= {*said}
    # Another release of a library may move the last digits.
    assert said == pytest.approx({name: float(page[name]) for name in said}, abs=0.005)
    errors = [said[f"tune[{name}]"] for name in ("dummy", "linear", "log_linear", "log_boosting")]
    assert errors == sorted(errors, reverse=True)


@pytest.mark.slow
def test_no_place_is_in_two_parts_and_no_left_out_column_in_a_model(finished: Small) -> None:
    run = finished.run()
    assert run.executed == []
    parts = run["split"]
    sites = [set(part["site"]) for part in (parts.train, parts.validation, parts.test)]
    assert sum(map(len, sites)) == len(set.union(*sites))
    features = set(run.kept("transform")["features"]["feature"])
    assert {"age", "km_to_seattle", "lat_x_long (target mean)"} <= features
    assert not {"price", "site", "yr_built", "yr_renovated", "sqft_above"} & features


@pytest.mark.slow
def test_new_houses_get_a_price_or_a_reason(finished: Small, tmp_path: Path) -> None:
    words = ["--model", "house_prices@champion", "--input", str(EXAMPLE / "data" / "new_houses.csv")]
    answer = finished.process(
        "score", *words, "--output", str(tmp_path / "out.csv"), "--keep", "listing", "--json"
    )
    assert answer.returncode == 0, answer.stderr
    counts = json.loads(answer.stdout)
    assert (counts["rows"], counts["scored"], counts["rejected"]) == (8, 7, 1)
    prices = dict(pl.read_csv(tmp_path / "out.csv").select("listing", "prediction").iter_rows())
    assert 100_000 < prices["Kent rambler"] < prices["Ballard bungalow"] < prices["Lake front"] < 5_000_000
    rejects = pl.read_csv(tmp_path / "out.rejects.csv")
    assert rejects.select("column", "rule").rows() == [("lat", "must be >= 47.1")]


@pytest.mark.slow
def test_its_own_tests_pass_where_a_newcomer_runs_them(tmp_path: Path) -> None:
    houses = copy_example(tmp_path / "house_prices")
    tested = python("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=str(houses.root))
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert " passed" in tested.stdout
