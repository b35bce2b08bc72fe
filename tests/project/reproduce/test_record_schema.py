"""Records that were changed by hand, or are of another release: one clear error before any work."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from magical.errors import UsageError
from magical.project.reproduce.record_schema import read_record
from projects import Small, is_well_worded
from recorded import clone, record

KEY = "ab12"
STEP: dict[str, Any] = {
    "state": "ran",
    "key": KEY,
    "content": "c",
    "parts": {"python": "3.11"},
    "result": {"kind": "value", "content": "c", "json": 1},
}
RECORD: dict[str, Any] = {
    "format": 1,
    "run": "r",
    "workflow": "w",
    "settings": {"seed": 7},
    "steps": {"a": STEP},
}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Reads a record that is changed in one place, given as a path of names."""

    def reading(place: str = "", value: Any = None) -> dict[str, Any]:
        found = json.loads(json.dumps(RECORD))
        *folders, last = place.split(".")
        inner = found
        for name in folders:
            inner = inner[name]
        if place:
            inner[last] = value
        path = tmp_path / "record.json"
        path.write_text(json.dumps(found))
        return read_record(path)

    return reading


def test_a_whole_one_is_given_as_it_is(read: Callable[..., dict[str, Any]]) -> None:
    assert read() == RECORD
    assert read("more", {"of": "a later release"})["more"] == {"of": "a later release"}


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("steps.z", {}, "steps.z.state is missing"),
        ("steps.a", "x", "steps.a"),
        ("steps.a.key", 5, "steps.a.key must be a valid string"),
        ("steps.a.key", "../../x", "steps.a.key has characters that are not allowed"),
        ("steps.a.key", "\0a", "steps.a.key"),
        ("steps.a.parts", ["x"], "steps.a.parts must be a valid dictionary"),
        ("steps.a.parts", {"format": 3}, "steps.a.parts.format"),
        ("steps.a.result", "x", "steps.a.result must be a valid dictionary."),
        ("steps.a.result", {"kind": "value", "json": 1}, "steps.a.result.content is missing"),
        (
            "steps.a.result",
            {"kind": "value", "content": "c", "shape": "s"},
            "steps.a.result: floats is missing",
        ),
        ("steps.a.result", {"kind": "table", "content": "c"}, "steps.a.result: rows is missing"),
        ("steps.a.result", {"kind": "model", "content": "c"}, "steps.a.result: on is missing"),
        ("steps.a.result", {"kind": "object", "content": "c"}, "steps.a.result: bytes is missing"),
        ("steps.a.result", {"kind": "group", "content": "c"}, "steps.a.result: items is missing"),
        ("git", "abc", "git"),
        ("versions", ["a"], "versions"),
        ("locks", ["a"], "locks"),
        ("sample", "5", "sample must be a valid integer"),
        ("sample", -1, "sample must be greater"),
        ("pretend", "evil", "pretend must be"),
        ("profile", 5, "profile"),
        ("profile", "../../other", "profile"),
        ("workflow", None, "workflow"),
    ],
)
def test_what_is_wrong_in_it_is_named(
    read: Callable[..., dict[str, Any]], place: str, value: Any, said: str
) -> None:
    with pytest.raises(UsageError, match=r"record\.json is no whole record: ") as caught:
        read(place, value)
    assert said in str(caught.value)
    assert is_well_worded(str(caught.value))


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"run": ' + "[" * 500 + "]" * 500 + ', "settings": {}}', "[]"]
)
def test_what_is_none_is_said_to_be(tmp_path: Path, text: str) -> None:
    (tmp_path / "odd.json").write_text(text)
    with pytest.raises(UsageError, match=r"odd\.json is no record of a run") as caught:
        read_record(tmp_path / "odd.json")
    assert is_well_worded(str(caught.value))


def test_a_record_from_elsewhere_says_neither_who_runs_it_here_nor_where(
    read: Callable[..., dict[str, Any]],
) -> None:
    assert read("settings.policy", {"cluster": "tcp://elsewhere:1"})["settings"] == {"seed": 7}


def test_arguments_changed_by_hand_differ(small: Small, tmp_path: Path) -> None:
    small.run()
    path = record(small, tmp_path / "record.json")
    found = json.loads(path.read_text())
    found["steps"]["clean"]["parts"]["argument:max_id"] = " "
    path.write_text(json.dumps(found))
    said = clone(small, tmp_path / "b").command("reproduce", str(path))
    assert (said.code, "the argument max_id went from" in said.err) == (0, True)


def test_a_setting_changed_by_hand_is_taken_for_the_run_s_and_shows_in_what_differs(
    small: Small, tmp_path: Path
) -> None:
    small.run(max_id=33)
    path = record(small, tmp_path / "record.json")
    found = json.loads(path.read_text())
    found["settings"]["max_id"] = 30
    path.write_text(json.dumps(found))
    said = clone(small, tmp_path / "b").command("reproduce", str(path))
    assert said.code == 1
    assert "the argument max_id went from 33 to 30 (clean)" in said.err
    assert "clean differs: 32 rows then, 29 now.\n" in said.out


def wrong(small: Small, tmp_path: Path, change: Any) -> str:
    """Return the error for a changed record."""
    small.run()
    path = record(small, tmp_path / "record.json")
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))
    with pytest.raises(UsageError) as caught:
        small.load().reproduce(path)
    assert is_well_worded(str(caught.value))
    return str(caught.value)


def test_a_record_of_another_format_or_workflow_or_half_of_one_is_refused(
    small: Small, tmp_path: Path
) -> None:
    assert "is a record of format 99" in wrong(small, tmp_path, lambda r: r.update(format=99))
    assert "is a record of other, and this project is flow." in wrong(
        small, tmp_path, lambda r: r.update(workflow="other")
    )
    assert "is no whole record: steps" in wrong(small, tmp_path, lambda r: r.pop("steps"))
    assert "is no record of a run" in wrong(small, tmp_path, lambda r: r.clear())
