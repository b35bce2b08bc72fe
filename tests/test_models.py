"""`magical models`: versions, and the alias moved by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from magical.project import Project
from magical.testing.registry_conformance import make_submission
from memory_registry import MemoryRegistry
from projects import Small, flow, is_well_worded


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryRegistry:
    found = MemoryRegistry(tmp_path / "registry")
    for key in "abc":
        found.alias(found.put(make_submission(tmp_path, key=key * 40)))
    monkeypatch.setattr(Project, "registry", lambda self: found)
    return found


def champion(registry: MemoryRegistry) -> str:
    found = registry.champion("campaign")
    assert found is not None
    return found.number


def test_the_alias_is_moved_by_hand_and_back(small: Small, registry: MemoryRegistry) -> None:
    for words, wanted in (
        (["--promote", "1"], "1"),
        (["--rollback"], "3"),
        (["campaign", "--rollback"], "2"),
        (["--promote", "v3"], "3"),
    ):
        answer = small.command("models", *words)
        assert (answer.code, champion(registry)) == (0, wanted)
        assert [line.split()[1] for line in answer.out.splitlines() if " champion " in line] == [wanted]


WRONG = {
    "an unknown version": (["--promote", "7"], 2, ["There is no version '7'", "3, 2, 1"]),
    "an unknown model": (["campain", "--promote", "1"], 2, ["There is no model 'campain'", "'campaign'"]),
    "both ways": (["--promote", "1", "--rollback"], 2, ["both move the alias"]),
}


@pytest.mark.parametrize("words", [["--promote", "4"], ["--rollback"]])
def test_a_version_that_cannot_predict_is_not_promoted_and_the_reason_is_said(
    small: Small, registry: MemoryRegistry, tmp_path: Path, words: list[str]
) -> None:
    refused = {"magical.scoring": "refused: a row alone cannot be scored: it needs two tables"}
    for key in "db":  # the second was the champion before it was found out
        registry.put(replace(make_submission(tmp_path, key=key * 40), tags=refused))
    answer = small.command("models", *words)
    assert answer.code == 1
    said, hint, *_ = answer.err.splitlines()
    assert said.endswith(" cannot be the champion: a row alone cannot be scored: it needs two tables.")
    assert hint.startswith("Hint: a champion predicts new rows as its run did")
    assert champion(registry) == "3"


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_moved_is_said(small: Small, registry: MemoryRegistry, name: str) -> None:
    words, code, texts = WRONG[name]
    answer = small.command("models", *words)
    assert answer.code == code
    assert [t for t in texts if t not in answer.err] == []
    assert is_well_worded(answer.err.strip())
    assert champion(registry) == "3"


def test_of_several_models_one_must_be_named(small: Small, registry: MemoryRegistry, tmp_path: Path) -> None:
    registry.put(make_submission(tmp_path, name="other"))
    answer = small.command("models", "--rollback")
    assert (answer.code, "name one of: " in answer.err) == (2, True)
    assert small.command("models", "campaign", "--rollback").code == 0
    answer = small.command("models", "other", "--rollback")
    assert (answer.code, "has no previous champion" in answer.err) == (1, True)


def test_where_there_is_no_model_there_is_nothing_to_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Project, "registry", lambda self: MemoryRegistry(tmp_path))
    answer = flow(tmp_path / "small").command("models", "--rollback")
    assert answer.code == 2
    assert answer.err.startswith("There is no model yet.\nHint: magical run")
