"""What is wrong with a setting is said: which one, from which layer, and what is allowed."""

from typing import Any

import pytest
from pydantic import ValidationError, field_validator

from layered_settings import FILE, PROFILE, Budget, line, load
from magical import Field, Secret, Settings
from magical.errors import SettingsError
from magical.library import Cleaning, Decision
from magical.library.search_space import SearchSpace
from magical.settings.layers import COMMAND_LINE, Layer, load_settings
from magical.settings.messages import build_settings_error
from projects import is_well_worded

WRONG: dict[str, tuple[tuple[str, ...], list[str]]] = {
    # words: what must be said
    "unknown": (("max_ag=3",), ["There is no setting 'max_ag' (on the command line)", "did you mean 'max_age'"]),
    "unknown and nothing near": (("zzz=3",), ["There is no setting 'zzz'", "there are: source, target, max_age"]),
    "unknown inside": (("budget.trial=3",), ["'budget.trial'", "did you mean 'trials'? There are: trials, minutes"]),
    "unknown deep inside": (("deep.budget.minute=3",), ["'deep.budget.minute'", "did you mean 'minutes'"]),
    "unknown in a dictionary's value": (("deep.more.a.trial=3",), ["'deep.more.a.trial'", "did you mean 'trials'"]),
    "unknown in a list": (("twins.0.trial=3",), ["'twins.0.trial'", "did you mean 'trials'"]),
    "unknown in a kind": (("experiments.boosting.dept=3",), ["'experiments.boosting.dept' (on the command line)", "did you mean 'depth'"]),
    "unknown in a kind, by its index": (("experiments.1.dept=3",), ["'experiments.1.dept' (on the command line)"]),
    "unknown in one kind of two": (("experiments.boosting.depth=3", "experiments.1.dept=3"), ["'experiments.1.dept' (on the command line)"]),
    "out of bounds in a named kind": (("experiments.boosting.budget.trials=0",), ["experiments.boosting.budget.trials (on the command line)", "got 0"]),
    "unknown inside of a kind": (("experiments.1.budget.trial=3",), ["experiments.1.budget.trial", "did you mean 'trials'"]),
    "unknown in the one kind": (("one.penaltyy=l1",), ["one.penaltyy", "did you mean 'penalty'"]),
    "unknown member": (("experiments.bosting.depth=3",), ["experiments has no member 'bosting'", "did you mean 'boosting'"]),
    "unknown index": (("twins.2.trials=3",), ["twins has no member '2'", "0, 1"]),
    "unknown kind": (("one.kind=Bosting",), ["there is no Experiment 'Bosting'", "did you mean 'Boosting'"]),
    "unknown kind, in small letters": (('experiments=["linear", "bosting"]',), ["experiments.1", "there is no Experiment 'bosting'", "did you mean 'boosting'"]),
    "one experiment for a list of them": (("experiments=linear",), ["experiments", 'must be a list, such as ["linear"]']),
    "no kind": (("one={depth=3}", "one.depth=3"), ["one.depth"]),
    "out of bounds": (("max_age=0",), ["The setting max_age (on the command line)", "greater than 0", "got 0"]),
    "out of bounds inside": (("budget.trials=101",), ["budget.trials", "less than or equal to 100", "got 101"]),
    "out of bounds in a kind": (("experiments.1.budget.trials=0",), ["experiments.1.budget.trials", "got 0"]),
    "wrong type": (("max_age=old",), ["max_age", "must be a valid integer", "got 'old'"]),
    "a half for an integer": (("max_age=1.5",), ["max_age", "got 1.5"]),
    "not among the choices": (("one.penalty=l3",), ["one.penalty", "'l1' or 'l2'", "got 'l3'"]),
    "a value for a group": (("budget=3",), ["budget", "got 3"]),
    "a value for a list": (("columns=3",), ["columns", "must be a list, such as [3], got 3"]),
    "a text for a list": (("columns=ü",), ["columns (on the command line) must be a list, such as [\"ü\"], got 'ü'"]),
    "null": (("max_age=null",), ["max_age", "got None"]),
    "a number for a path": (("source=3",), ["source", "a path is a text, not int"]),
    "a long value": (("max_age=" + "x" * 5000,), ["max_age", "…"]),
    "many": (tuple(f"{n}=1" for n in "abcdefgh"), ["'a'", "'b'", "6 more settings are wrong"]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_with_the_nearest_that_is_right(name: str) -> None:
    words, texts = WRONG[name]
    with pytest.raises(SettingsError) as caught:
        line(*words)
    assert [t for t in texts if t not in str(caught.value)] == [], str(caught.value)
    assert is_well_worded(str(caught.value))


class Unions(Settings):
    """Settings that may be of several types."""

    rules: tuple[Cleaning, ...] = ()
    search: SearchSpace = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"rules": [{"kind": "Limits", "columns": "a", "ge": "zero"}]}, "rules.0.ge (in settings.toml) must be int or float or date or datetime, got 'zero'"),
        ({"search": {"C": 3}}, "search.C (in settings.toml) must be a list, such as [3], got 3"),
        ({"search": {"C": {"low": 5, "high": 1}}}, "search.C (in settings.toml): low must be below high"),
        ({"search": {"C": {"low": "a", "high": 1}}}, "search.C.low (in settings.toml) must be int or float, got 'a'"),
        ({"search": {"C": {"low": 1}}}, "search.C.high has no default and was not given"),
        ({"search": {"C": []}}, "search.C (in settings.toml) must not be empty, got []"),
    ],
)  # fmt: skip
def test_a_value_of_no_type_of_a_union_is_told_once(values: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(Unions, [Layer("settings.toml", values)])
    assert text in str(caught.value)
    assert str(caught.value).count("\n") == 1


@pytest.mark.parametrize("layer", [FILE, PROFILE])
def test_the_layer_that_is_wrong_is_named(layer: str) -> None:
    for values in ({"max_age": 0}, {"zzz": 0}, {"budget": {"trials": 0}}):
        with pytest.raises(SettingsError, match=f"in {layer}"):
            load((layer, values), (COMMAND_LINE, {"name": "x"}))


def test_the_layer_of_a_member_of_a_list_is_named_with_its_path_as_written() -> None:
    wrong = {"experiments": {"boosting": {"depth": 0}}}
    with pytest.raises(SettingsError, match=rf"experiments\.boosting\.depth \(in {FILE}\)"):
        load((FILE, wrong), (COMMAND_LINE, {"experiments": {"1": {"budget": {"trials": 3}}}}))
    with pytest.raises(SettingsError, match=r"experiments\.1\.depth \(on the command line\)"):
        load((FILE, wrong), (COMMAND_LINE, {"experiments": {"1": {"depth": -1}}}))
    whole = {"experiments": [{"kind": "boosting", "depth": 0}]}
    with pytest.raises(SettingsError, match=rf"experiments\.0\.depth \(in {FILE}\)"):
        load((FILE, whole))


def test_a_rule_for_a_group_is_broken_by_the_line_that_spoke_last() -> None:
    class Judged(Settings):
        decision: Decision = Decision()

    costs = {"decision": {"false_positive": 2, "false_negative": 9}}
    with pytest.raises(SettingsError, match=r"The setting decision \(on the command line\): .* null takes"):
        load_settings(
            Judged, [Layer(FILE, costs), Layer(COMMAND_LINE, {"decision": {"metric": "f1"}}), Layer("x", {})]
        )


def test_what_is_missing_is_named() -> None:
    class Needy(Settings):
        must: int
        inner: Budget

    with pytest.raises(SettingsError, match="The setting must has no default and was not given") as caught:
        load_settings(Needy, [])
    assert caught.value.hint.startswith("give it: must=...")
    assert load_settings(Needy, [Layer(COMMAND_LINE, {"must": 1, "inner": {}})]).settings.must == 1  # type: ignore[attr-defined]


def test_several_wrong_settings_are_said_together() -> None:
    with pytest.raises(SettingsError) as caught:
        line("max_age=0", "rate=x")
    assert len(caught.value.lines) == 2


# --- one error ------------------------------------------------------------------------------------------------


class Even(Settings):
    n: int = 2
    wrong: int = "none"  # type: ignore[assignment]
    budget: Budget = Budget()
    tokens: tuple[int, Secret] | None = None

    @field_validator("n")
    @classmethod
    def must_be_even(cls, n: int) -> int:
        if n % 2:
            raise ValueError("is odd.")
        return n


def said(values: dict[str, Any], layers: dict[str, str] | None = None, *others: str) -> SettingsError:
    with pytest.raises(ValidationError) as caught:
        Even.model_validate({"wrong": 3, **values})
    return build_settings_error(Even, caught.value, values, layers or {}, others)


def test_a_fault_of_an_authors_own_validator_is_said_in_his_words() -> None:
    error = said({"n": 3}, {"n": FILE})
    assert error.lines == (f"The setting n (in {FILE}): is odd.",)
    assert error.hint.startswith(f"mend it in {FILE}; what it may be stands in Even (")
    assert "test_messages.py:" in error.hint


def test_a_fault_of_a_default_is_mended_in_its_class() -> None:
    error = said({"wrong": "none"})
    assert error.lines == (
        "The setting wrong must be a valid integer, unable to parse string as an integer, got 'none'.",
    )
    assert error.hint.startswith("mend its default in Even (")


@pytest.mark.parametrize(
    ("layers", "place"),
    [
        ({"budget.trials": FILE, "budget": PROFILE}, f"(in {FILE})"),
        ({"budget": PROFILE, "n": FILE}, f"(in {PROFILE})"),
        ({"budget.trials.x": COMMAND_LINE}, "(on the command line)"),
        ({"budget.trial": FILE, "budge": FILE}, "trials must be"),
    ],
)
def test_the_closest_layer_is_named(layers: dict[str, str], place: str) -> None:
    assert place in str(said({"budget": {"trials": 0}}, layers))


def test_other_groups_of_the_file_are_offered_too() -> None:
    assert "did you mean 'policy'" in said({"polic": 3}, {}, "policy", "tracking").hint
    assert "policy" not in said({"budget": {"polic": 3}}, {}, "policy").hint


def test_what_may_be_a_secret_is_not_repeated() -> None:
    for token in ({"": "hunter2"}, ["hunter2"]):
        error = said({"tokens": token}, {"tokens": COMMAND_LINE})
        assert "hunter2" not in str(error)
        assert "The setting tokens" in error.lines[0]
        assert "(on the command line)" in error.lines[0]
        assert "what it got is not repeated, since a secret may be in it." in error.lines[0]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9])
def test_more_than_three_faults_are_counted(count: int) -> None:
    error = said({f"unknown{i}": 1 for i in range(count)})
    assert len(error.lines) == min(count, 3)
    assert (f"{count - 2} more settings are wrong, such as unknown2." in error.lines) == (count > 3)
    assert is_well_worded(str(error))
