"""The page about scoring is true: its commands are run on the campaign, and its Python too."""

import re
import subprocess
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from projects import Small, command
from snapshots import fits

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scoring.md").read_text(encoding="utf-8")


def said(line: str) -> str:
    """Return the output of one command in the working folder."""
    words = line.split()
    if words[0] != "magical":
        subprocess.run(line, shell=True, check=True)
        return ""
    answer = command(*words[1:])
    return answer.err + answer.out


@pytest.mark.slow
def test_its_commands_and_its_python(done: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(done.root)
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        for line, quoted in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            out = said(line)
            assert fits(quoted, out) if quoted else not out, out
    names: dict[str, Any] = {}
    page = PAGE.partition("## As a flow")[0]  # the rest: test_prefect_flow.py
    for block in re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        exec(block, names)
    assert pl.read_parquet("from_python.parquet").height == 50
    assert names["scored"].predictions["reason"].drop_nulls().to_list() == ["clean left it out"]


@pytest.mark.slow
def test_make_score_scores_the_new_customers_from_a_fresh_clone(
    done: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nscore: demo")[2].partition("\n\n")[0]
    lines = recipe.replace("\\\n", " ").splitlines()[1:]
    monkeypatch.chdir(done.root)
    printed = "".join(
        said(
            re.sub(r"(?:@echo; )?\$\(BIN\)/", "", line)
            .replace("examples/campaign/", "")
            .replace("examples/campaign", ".")
        )
        for line in (text.strip() for text in lines)
    )
    assert "50 of 50 rows scored" in printed
    assert "predictions.parquet: 50 rows" in printed


def test_the_new_customers_are_an_export_without_the_target() -> None:
    known = pl.read_csv(
        ROOT / "examples/campaign/data/marketing_campaign.csv", separator=";", infer_schema=False
    )
    new = pl.read_csv(ROOT / "examples/campaign/data/new_customers.csv", separator=";", infer_schema=False)
    assert new.columns == [name for name in known.columns if name != "Response"]
    assert not set(new["ID"]) & set(known["ID"])
    facts = [name for name in new.columns if name != "ID"]
    assert new.join(known, on=facts, how="semi", nulls_equal=True).height == new.height == 50
