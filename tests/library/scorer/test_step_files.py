"""What travels with a registered model: references to secrets, and no password."""

import json
from pathlib import Path

import pytest

from magical.contracts.promises import promise_of
from magical.errors import StoreError
from magical.library.scorer.code_bundle import Package
from magical.library.scorer.scoring_steps import Move
from magical.library.scorer.step_files import MoveFiles
from magical.settings import Secret, Settings
from projects import is_well_worded


class Access(Settings):
    uri: str = "postgresql://me@db/sales"
    password: Secret = Secret("env:DB_PASSWORD")


def enrich(access: Access, spare: Secret) -> int:
    return len(access.uri + spare.reference)


def move(access: Access, spare: Secret) -> Move:
    arguments = {"access": access, "spare": spare}
    return Move("enrich", f"{__name__}:enrich", enrich, arguments, {}, promise_of(int))


def test_a_secret_travels_as_its_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MoveFiles, "_is_found", lambda *_: True)
    files = MoveFiles(tmp_path, Package("p", ()))
    data = files.move_out(move(Access(), Secret("env:SPARE")))
    assert data["arguments"] == {
        "access": {"uri": "postgresql://me@db/sales", "password": "env:DB_PASSWORD"},
        "spare": "env:SPARE",
    }
    assert json.loads(json.dumps(data)) == data
    assert not files._values


def test_a_password_in_a_uri_does_not_travel(tmp_path: Path) -> None:
    files = MoveFiles(tmp_path, Package("p", ()))
    with pytest.raises(StoreError, match="enrich gets access with a password in a URI") as caught:
        files.move_out(move(Access(uri="postgresql://me:tiger@db/sales"), Secret("env:SPARE")))
    assert "tiger" not in str(caught.value)
    assert is_well_worded(str(caught.value))
