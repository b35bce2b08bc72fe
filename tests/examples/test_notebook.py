"""The campaign in Python: each object shows itself in a line or a small page, and its notebook runs."""

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import magical
from examples.conftest import QUICK_SETTINGS, ROOT
from magical.contracts.promises import contract_of
from projects import Small

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


QUICK_FILE = """\
[split]
folds = 1

[experiments]
linear.trials = 2
boosting = {trials = 2, rounds = 100}

[tracking]
enabled = false
"""


@pytest.mark.slow
def test_the_notebook_of_the_campaign_runs(
    done: Small, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    committed = json.loads((done.root / "explore.ipynb").read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in committed)
    done.write("settings.toml", QUICK_FILE)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    notebook = nbformat.read(done.root / "explore.ipynb", as_version=4)
    place = {"metadata": {"path": str(done.root)}}
    NotebookClient(notebook, kernel_name="python3", timeout=120, resources=place).execute()
    shown = {cell["id"]: cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"}
    assert [o for outputs in shown.values() for o in outputs if o.get("name") == "stderr"] == []
    assert "<svg" in shown["load"][0]["data"]["text/html"]
    assert shown["run"][0]["data"]["text/plain"].startswith("<run with nothing to do")
    progress, executed = shown["longer"]
    assert "✓ tune[linear]" in progress["data"]["text/plain"]
    assert "tune[linear]" in executed["data"]["text/plain"]
    assert "setting max_age went from 90 to 70" in shown["younger"][-1]["text"]
    assert "probability_True" in shown["score"][0]["data"]["text/html"]


@pytest.mark.slow
def test_the_page_on_notebooks_is_true(
    done: Small, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done.write("settings.toml", QUICK_FILE)
    monkeypatch.chdir(done.root.parent)
    text = (ROOT / "docs" / "notebook.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        exec(compile(block, "notebook.md", "exec"), names)
    shown = capsys.readouterr().out
    assert "household" in shown
    assert "setting max_age went from 90 to 70" in shown
    assert names["project"].last.state == "failed"
    assert names["train"].height == 60
