"""The cause of a step that runs again, with its file and line."""

import re
from pathlib import Path

import pytest

from magical.keys.key_diff import diff_settings, find_causes
from projects import Small, one


@pytest.fixture
def done(small: Small) -> Small:
    small.run()
    return small


EDITS: dict[str, tuple[tuple[str, str, str] | None, dict[str, object], str, str]] = {
    # what changed: (edit, settings, step, what is said)
    "the step": (("workflow.py", "< max_id", "<= max_id"), {}, "clean", r"  workflow.clean \(workflow.py:\d+\) was edited"),
    "a helper": (("helpers.py", "inner(e) * F", "inner(e) + F"), {}, "clean", r"  helpers.twice \(helpers.py:4\) was edited"),
    "a helper's helper": (("deep.py", "e + 0", "e + 1"), {}, "clean", r"  deep.inner \(deep.py:4\) was edited"),
    "a constant": (("deep.py", "FACTOR = 2", "FACTOR = 3"), {}, "clean", r"  deep.FACTOR \(deep.py:1\) was edited"),
    "a new helper": (("helpers.py", "return inner(e)", "return inner(e) + len('')"), {}, "clean", r"helpers.twice"),
    "a contract": (("workflow.py", "le=900", "le=901"), {}, "model", r"  workflow.Customer \(workflow.py:\d+\) was edited"),
    "a setting": (None, {"max_id": 30}, "clean", r"  the argument max_id went from 90 to 30"),
    "which setting": (None, {"max_id": 30}, "clean", r"  setting max_id went from 90 to 30"),
    "a default": (("workflow.py", "default=90", "default=31"), {}, "clean", r"max_id went from 90 to 31"),
    "the source": (("x.csv", "1,3\n", "1,4\n"), {}, "raw", r"  the file given as source has other content"),
    "waiting": (("x.csv", "1,3\n", "1,4\n"), {}, "clean", r"its inputs are made again; it runs if they come out different"),
    "what it waits for": (("x.csv", "1,3\n", "1,4\n"), {}, "size", r"    +the file given as source has other content"),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_the_cause_is_named(done: Small, name: str) -> None:
    edit, settings, step, said = EDITS[name]
    if edit:
        done.edit(*edit)
    answer = done.why(step, **settings)
    assert re.search(said, answer), answer
    run = done.load().runs()[0].name
    assert run in answer or "inputs are made again" in answer


def test_the_file_and_line_are_those_of_today(done: Small) -> None:
    done.edit("deep.py", "def inner", "# one\n# two\ndef inner")
    done.edit("deep.py", "e + 0", "e + 1")
    assert "deep.inner (deep.py:6) was edited" in done.why("clean")


def test_what_is_used_no_more_is_said(done: Small) -> None:
    done.edit("helpers.py", "inner(e) * FACTOR", "e")
    answer = done.why("clean")
    assert "deep.FACTOR is no longer used" in answer
    assert "helpers.twice (helpers.py:4) was edited" in answer


def test_an_input_that_is_different_is_named(done: Small) -> None:
    done.edit("deep.py", "FACTOR = 2", "FACTOR = 3")
    done.run()
    assert "its input customers is different" in done.why("split")
    assert "its input table is different" in done.why("size")


PARTS = {
    "package": ({"package:polars": "1"}, {"package:polars": "2"}, "polars went from 1 to 2"),
    "new package": ({}, {"package:polars": "2"}, "polars went from not used to 2"),
    "python": ({"python": "3.11"}, {"python": "3.12"}, "Python went from 3.11 to 3.12"),
    "format": ({"format": "1"}, {"format": "2"}, "this release of magical computes keys anew"),
    "gives": ({"gives": "1"}, {"gives": "2"}, "the contract of what it gives changed"),
    "takes": ({"takes:t": "1"}, {"takes:t": "2"}, "the contract of its input t changed"),
    "new argument": ({}, {"argument:x": "1"}, "the argument x went from nothing to 1"),
    "deep argument": (
        {"argument:s": '{"seed": 7, "more": {"a": 1}, "long": "' + "x" * 50 + '"}'},
        {"argument:s": '{"seed": 7, "more": {"a": 2}, "long": "' + "x" * 50 + '"}'},
        "the argument s changed: more.a went from 1 to 2",
    ),
    "an argument of text": ({"argument:x": '"a b"'}, {"argument:x": '"a c"'}, "the argument x went from \"a b\" to \"a c\""),
    "another file": (
        {"argument:f": '"(content)" 12:"x.csv"'}, {"argument:f": '"(content)" 34:"x.csv"'}, "the file given as f has other content",
    ),
    "another name of a file": (
        {"argument:f": '["(content)", "(content)"] 1:"a" 2:"b c"'},
        {"argument:f": '["(content)", "(content)"] 1:"a" 2:"b d"'},
        "the file given as f was b c and is b d now",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_each_kind_of_cause_has_words(name: str) -> None:
    old, new, said = PARTS[name]
    assert [c.text for c in find_causes(old, new)] == [said]
    assert find_causes(new, new) == []


def test_the_order_of_causes() -> None:
    old = {"python": "1", "package:a": "1", "input:t": "1", "argument:x": "1", "code:m.f": "1", "gives": "1"}
    new = dict.fromkeys(old, "2")
    assert [c.kind for c in find_causes(old, new)] == ["code", "argument", "input", "package", "python"]


def test_which_settings_changed() -> None:
    old = {"a": 1, "b": {"c": [1, 2], "d": None}, "e": [1]}
    new = {"a": 1, "b": {"c": [1, 3], "d": 4}, "e": [1, 2], "f": True}
    assert list(diff_settings(old, new)) == [
        "b.c.1 went from 2 to 3",
        "b.d went from null to 4",
        "e went from [1] to [1, 2]",
        "f went from null to true",
    ]


def test_a_member_goes_by_its_name_if_both_have_it() -> None:
    old = {"e": [{"name": "one", "n": 1}, {"name": "two", "n": 1}]}
    new = {"e": [{"name": "one", "n": 2}, {"name": "three", "n": 1}]}
    assert list(diff_settings(old, new)) == [
        "e.one.n went from 1 to 2",
        'e.1.name went from "two" to "three"',
    ]


def test_equal_numbers_of_another_type_differ() -> None:
    assert list(diff_settings({"features": 1}, {"features": 1.0})) == ["features went from 1 to 1.0"]
    assert list(diff_settings({"stop": 1}, {"stop": True})) == ["stop went from 1 to true"]


def test_a_renamed_file_is_a_cause_and_its_folder_is_not(tmp_path: Path) -> None:
    body = """
    @step
    def year(source: InputPath) -> str:
        return source.stem

    class S(Settings):
        source: InputPath = InputPath("old/2023.csv")

    @workflow
    def flow(s: S) -> str:
        return year(s.source)
    """
    small = one(tmp_path, body)
    for name in ("old/2023.csv", "new/2023.csv", "new/2024.csv"):
        small.write(name, "x\n1\n")
    assert small.run().result == "2023"
    assert small.ran(source="new/2023.csv") == []
    assert "the file given as source was 2023.csv and is 2024.csv now" in small.why(
        "year", source="new/2024.csv"
    )
    assert small.run(source="new/2024.csv").result == "2024"
