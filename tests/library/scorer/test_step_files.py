"""What travels with a registered model: references to secrets, and no password."""

import json
from pathlib import Path

import pytest

from magical.contracts.promises import promise_of
from magical.errors import StoreError
from magical.library.scorer.code_bundle import CodeBundle
from magical.library.scorer.scoring_steps import ScoringStep
from magical.library.scorer.step_files import StepFiles
from magical.settings import Secret, Settings
from projects import is_well_worded


class Access(Settings):
    uri: str = "postgresql://me@db/sales"
    password: Secret = Secret("env:DB_PASSWORD")


def enrich(access: Access, spare: Secret) -> int:
    return len(access.uri + spare.reference)


def scoring_step(access: Access, spare: Secret) -> ScoringStep:
    arguments = {"access": access, "spare": spare}
    return ScoringStep("enrich", f"{__name__}:enrich", enrich, arguments, {}, promise_of(int))


def test_a_secret_travels_as_its_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StepFiles, "_is_importable", lambda *_: True)
    files = StepFiles(tmp_path, CodeBundle("p", ()))
    data = files.step_to_json(scoring_step(Access(), Secret("env:SPARE")))
    assert data["arguments"] == {
        "access": {"uri": "postgresql://me@db/sales", "password": "env:DB_PASSWORD"},
        "spare": "env:SPARE",
    }
    assert json.loads(json.dumps(data)) == data
    assert not files._values


def test_a_password_in_a_uri_does_not_travel(tmp_path: Path) -> None:
    files = StepFiles(tmp_path, CodeBundle("p", ()))
    with pytest.raises(StoreError, match="enrich gets access with a password in a URI") as caught:
        files.step_to_json(scoring_step(Access(uri="postgresql://me:tiger@db/sales"), Secret("env:SPARE")))
    assert "tiger" not in str(caught.value)
    assert is_well_worded(str(caught.value))
