"""The campaign with its bodies on a Dask cluster, under Prefect or not: the same content as in one process."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import magical
from examples.conftest import QUICK, QUICK_SETTINGS, copy_campaign
from magical.contracts.model import Model

pytest.importorskip("prefect")
pytest.importorskip("distributed")


def contents(root: Path) -> dict[str, Any]:
    """Return the content of each table and value, and the predictions of each model."""
    project = magical.load(root, trust=True)
    run = project.run(**QUICK_SETTINGS, tracking={"enabled": False})
    assert run.executed == []
    found: dict[str, Any] = {}
    for name, plan in project.plan(**QUICK_SETTINGS, tracking={"enabled": False}).items():
        assert plan.record is not None, name
        made = plan.record.result
        gave = run[name] if made.kind == "object" else None
        found[name] = made.content
        if isinstance(gave, Model):
            found[name] = gave.predict(run["test"]).to_dicts()
    assert (
        sum(isinstance(gave, list) for gave in found.values()) == 4
    )  # two experiments, the best, and its refit
    found.pop("register")  # it says where and as which version
    return found


@pytest.mark.slow
@pytest.mark.parametrize("runner", ["prefect", "local"])
def test_gives_the_same_as_local(runner: str, finished: Path, prefect_server: str, tmp_path: Path) -> None:
    there = copy_campaign(tmp_path / "campaign")
    policy = [f"policy.runner={runner}", f"policy.server={prefect_server}", "policy.cluster=dask"]
    done = there.process("run", *QUICK, *policy, "policy.workers=2", "tracking.enabled=false")
    assert done.returncode == 0, done.stderr
    shutil.copytree(finished, tmp_path / "local")
    assert contents(there.root) == contents(tmp_path / "local")
