"""The campaign in Python: each object shows itself in a line or a small page, and its notebook runs."""

import re
from pathlib import Path
from typing import Any

import pytest

import magical
from examples.conftest import QUICK_SETTINGS
from magical.contracts.promises import contract_of

MAX_LINE, MAX_PAGE = 240, 20_000
UNREADABLE = re.compile(r"\b[0-9a-f]{13,}\b|\b0x[0-9a-f]+|\n")


def objects_of(project: Any, run: Any) -> dict[str, Any]:
    """Collect what a user of a notebook may look at."""
    graph, plans, records = project.graph(), project.plan(**QUICK_SETTINGS), run._result.records
    found = {"project": project, "run": run, "bare result": run._result, "graph": graph, "plan": plans}
    found |= {f"node {n.name}": n for n in graph.nodes} | {f"plan of {n}": p for n, p in plans.items()}
    found |= {f"record of {n}": r for n, r in records.items()}
    found |= {f"artifact of {n}": r.result for n, r in records.items()}
    found |= {
        f"result of {n}": run[n] for n in ("split", "tune[linear]", "select", "refit", "evaluate", "register")
    }
    found |= {"runs": project.runs(), "a run": project.runs()[0], "warnings": run.warnings}
    found |= {"why": project.why("clean")}
    found |= {"contract": contract_of(run["featured"]), "picture": project.picture(), "store": project.store}
    found |= {"registry": project.registry(), "version": project.registry().versions("campaign")[0]}
    return found


@pytest.mark.slow
def test_all_that_a_run_has_shows_itself_in_a_line_or_a_small_page(finished: Path) -> None:
    project = magical.load(finished, register=True)
    run = project.run(**QUICK_SETTINGS)
    shown = objects_of(project, run)
    shown["scoring"] = project.score(finished / "data" / "new_customers.csv")
    lines = {name: repr(value) for name, value in shown.items()}
    assert {n: text for n, text in lines.items() if len(text) > MAX_LINE or UNREADABLE.search(text)} == {}
    pages = {n: v._repr_html_() for n, v in shown.items() if hasattr(v, "_repr_html_")}
    assert {"project", "run", "plan", "runs", "why", "result of refit", "result of evaluate", "contract"} <= {
        *pages
    }
    drawn = pages.pop("project")
    assert "<svg" in drawn
    assert {n: len(page) for n, page in pages.items() if len(page) > MAX_PAGE} == {}
    assert {
        n: found
        for n, page in pages.items()
        if (found := re.findall(r"\b[0-9a-f]{13,}\b|\b0x[0-9a-f]+", page))
    } == {}
    assert "roc_auc" in pages["result of evaluate"]
    assert "boosting" in pages["result of refit"]
