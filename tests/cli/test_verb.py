"""The words of a verb become a step and settings; its options become one object."""

import json
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.cli.verb import SharedOptions, cli, parse_overrides, parse_words, verb
from magical.errors import InputError, SettingsError, UsageError
from magical.settings.paths import CommandLineText
from projects import Small, command

# --- words ----------------------------------------------------------------------------------------------------


def test_a_step_may_stand_anywhere_among_the_settings() -> None:
    assert parse_words(("a=1", "clean", "b.c=2")) == ("clean", {"a": 1, "b": {"c": 2}})
    assert parse_words(("a=clean",)) == ("", {"a": "clean"})
    assert parse_words(()) == ("", {})


def test_only_one_step_may_be_named() -> None:
    with pytest.raises(UsageError, match="3 steps were named: clean, split, size") as caught:
        parse_words(("clean", "a=1", "split", "size"))
    assert caught.value.hint == "name one; settings are key=value."


@pytest.mark.parametrize("words", [("x",), ("=3",), ("",)])
def test_a_word_that_sets_nothing(words: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match="neither an option nor key=value"):
        parse_overrides(words)


@pytest.mark.parametrize("words", [("a=1", "a.b=2"), ("a.b=2", "a.b.c=3")])
def test_a_value_cannot_be_a_group_too(words: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match="given twice"):
        parse_overrides(words)


def test_the_last_of_two_words_wins() -> None:
    assert parse_overrides(["a=1", "a=2"]) == {"a": 2}
    assert parse_overrides(["a.b=1", "a=2"]) == {"a": 2}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("3", 3), ("1e-3", 0.001), ("true", True), ("None", None), ("null", None), ("[1, [2]]", [1, [2]])],
        *[("{a = 1}", {"a": 1}), ("True", "True"), ("", ""), ("a=b", "a=b")],
        *[("2024-01-31", "2024-01-31"), ("10:15:00", "10:15:00"), ("[2024-01-31]", ["2024-01-31"])],
        *[("'q'", "q"), ("[", "["), ('"a', '"a'), ("a b", "a b"), ("9" * 5000, "9" * 5000)],
    ],
)
def test_a_value_is_toml_or_else_its_text(text: str, value: Any) -> None:
    parsed = parse_overrides([f"x={text}"])["x"]
    assert parsed == value
    assert isinstance(parsed, type(value))


def test_texts_are_marked_as_those_of_the_command_line_at_every_depth() -> None:
    parsed = parse_overrides(['a=["x", {b = "y"}]', "c=z"])
    texts = [parsed["a"][0], parsed["a"][1]["b"], parsed["c"]]
    assert texts == ["x", "y", "z"]
    assert {type(text) for text in texts} == {CommandLineText}


@given(st.dictionaries(st.text("abc_", min_size=1), st.integers() | st.booleans() | st.text("xyzü ")))
def test_what_is_written_as_toml_is_read_back(values: dict[str, Any]) -> None:
    words = [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    assert parse_overrides(words) == values


@given(st.text())
def test_no_text_of_a_value_fails(text: str) -> None:
    parsed = parse_overrides([f"x={text}"])
    try:
        tomllib.loads(f"x = {text}")
    except ValueError:
        assert parsed == {"x": None if text in ("null", "None") else text}


# --- shared options -------------------------------------------------------------------------------------------


@pytest.fixture
def given_options() -> list[SharedOptions]:
    return []


@pytest.fixture
def probe(given_options: list[SharedOptions], monkeypatch: pytest.MonkeyPatch) -> list[SharedOptions]:
    """A verb ``probe`` with one option of its own; the options it gets are collected."""
    monkeypatch.setattr(cli, "commands", dict(cli.commands))

    @verb(
        click.option("--loud", is_flag=True),
        click.option("--rows", type=int),
        click.option("--sample", type=int),
    )
    def probe(options: SharedOptions, loud: bool) -> None:
        """Look at the options."""
        given_options.append(options)
        options.print_answer({"loud": loud, "path": Path("ü")}, lambda: f"loud: {loud}")

    return given_options


def test_a_verb_gets_the_shared_options_as_one_object(probe: list[SharedOptions]) -> None:
    answer = command("probe", "--project", "x", "--loud", "--traceback", "--rows", "3")
    assert (answer.code, answer.out) == (0, "loud: True\n")
    assert probe == [SharedOptions(path="x", traceback=True, rows=3)]


def test_what_was_not_given_is_the_default_of_the_class(probe: list[SharedOptions]) -> None:
    command("probe")
    assert probe == [SharedOptions()]


def test_an_answer_in_json_has_texts_for_what_json_lacks(probe: list[SharedOptions]) -> None:
    assert command("probe", "--json").out == '{\n  "loud": false,\n  "path": "ü"\n}\n'


def test_a_verb_that_needs_no_project_takes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "commands", dict(cli.commands))

    @verb(project=False)
    def alone(options: SharedOptions) -> None:
        """Need no project."""

    assert [o for p in alone.params for o in p.opts] == ["--json", "--traceback"]
    assert command("alone", "--project", ".").code == 2


def test_help_lists_the_verbs_in_order(probe: list[SharedOptions]) -> None:
    verbs = cli.list_commands(click.Context(cli))
    assert verbs[:9] == ["run", "pretend", "plan", "show", "check", "new", "fit", "look", "why"]
    assert verbs[-1] == "probe"
    for name in verbs:
        assert ("--project PATH" in command(name, "--help").out) == (name not in ("new", "fit", "look"))


def test_rows_without_pretence_are_refused(small: Small) -> None:
    for rows in (3, 1001):
        with pytest.raises(UsageError, match="--rows goes with --pretend") as caught:
            SharedOptions(path=str(small.root), rows=rows).open_project()
        assert "--pretend sources" in caught.value.hint


def test_a_project_opens_with_its_profile_sample_and_pretence(small: Small) -> None:
    root = str(small.root)
    plain = SharedOptions(path=root).open_project().options
    assert (plain.profile, plain.sample, plain.pretence.mode) == ("", 0, "")
    full = SharedOptions(path=root, profile="quick", sample=7, pretend="all", rows=3).open_project().options
    assert (full.profile, full.sample, full.pretence.mode, full.pretence.rows) == ("quick", 7, "all", 3)


def test_the_whole_trace_is_shown_only_where_it_is_wanted() -> None:
    def fail() -> None:
        raise InputError("x.csv does not exist.")

    with pytest.raises(InputError) as caught:
        fail()
    assert SharedOptions().format_trace(InputError("never raised")) == []
    short, full = (SharedOptions(traceback=t).format_trace(caught.value) for t in (False, True))
    assert not any("Traceback" in text for text in short)
    assert "Traceback" in full[-1]
    assert "InputError" in full[-1]


@pytest.mark.parametrize("text", ["7 # seven", "1\nb = 2", "1, 2", "[1] junk", "7,"])
def test_nothing_after_a_value_is_dropped(text: str) -> None:
    assert parse_overrides([f"name={text}"]) == {"name": text}
