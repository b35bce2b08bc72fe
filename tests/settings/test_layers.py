"""Where settings come from: class, settings.toml, profile, line; strict at every depth."""

from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import PositiveInt, SecretStr

from magical import Field, InputPath, OutputPath, Settings
from magical.cli.verb import parse_overrides
from magical.errors import SettingsError
from magical.settings import CommandLineText, TaggedSettings, to_json
from magical.settings.layers import COMMAND_LINE, Layer, load_settings, read_toml
from projects import Small, is_well_worded


class Budget(Settings):
    trials: int = Field(default=10, ge=1, le=100)
    minutes: float | None = None


class Experiment(TaggedSettings):
    name: str = ""


class Linear(Experiment):
    name: str = "linear"
    penalty: Literal["l1", "l2"] = "l2"


class Boosting(Experiment):
    name: str = "boosting"
    depth: PositiveInt = 6
    budget: Budget = Budget()


class Deep(Settings):
    budget: Budget = Budget(trials=20)
    more: dict[str, Budget] = {"a": Budget()}  # noqa: RUF012


class Whole(Settings):
    source: InputPath = InputPath("data/x.csv")
    target: OutputPath = OutputPath("out.csv")
    max_age: PositiveInt = 90
    rate: float = 0.5
    name: str = "n"
    flag: bool = False
    maybe: int | None = None
    columns: tuple[str, ...] = ("a", "b")
    budget: Budget = Budget()
    deep: Deep = Deep()
    experiments: tuple[Experiment, ...] = (Linear(), Boosting())
    one: Experiment = Linear()
    twins: tuple[Budget, ...] = (Budget(), Budget(trials=3))


FILE, PROFILE = "settings.toml", "profiles/quick.toml"


def load(*layers: tuple[str, dict[str, Any]], root: Path | None = None) -> Whole:
    settings = load_settings(Whole, [Layer(n, v) for n, v in layers], root).settings
    assert isinstance(settings, Whole)
    return settings


def line(*words: str) -> Whole:
    return load((COMMAND_LINE, parse_overrides(words)))


def test_without_layers_the_class_speaks() -> None:
    assert load() == Whole()
    assert load_settings(Whole, []).setting_layers == {}


@pytest.mark.parametrize(
    ("layers", "age", "speaker"),
    [
        ([], 90, None),
        ([(FILE, 1)], 1, FILE),
        ([(FILE, 1), (PROFILE, 2)], 2, PROFILE),
        ([(FILE, 1), (PROFILE, 2), (COMMAND_LINE, 3)], 3, COMMAND_LINE),
        ([(FILE, 1), (COMMAND_LINE, 3)], 3, COMMAND_LINE),
        ([(PROFILE, 2)], 2, PROFILE),
    ],
)
def test_the_later_layer_wins(layers: list[tuple[str, int]], age: int, speaker: str | None) -> None:
    loaded = load_settings(Whole, [Layer(n, {"max_age": v}) for n, v in layers])
    assert loaded.settings.max_age == age  # type: ignore[attr-defined]
    assert loaded.setting_layers.get("max_age") == speaker


def test_layers_change_one_value_inside_of_another() -> None:
    whole = load((FILE, {"budget": {"trials": 5}}), (COMMAND_LINE, {"budget": {"minutes": 2.5}}))
    assert whole.budget == Budget(trials=5, minutes=2.5)
    assert load((FILE, {"deep": {"budget": {"minutes": 1}}})).deep.budget == Budget(trials=20, minutes=1)
    loaded = load_settings(Whole, [Layer(FILE, {"deep": {"budget": {"trials": 5}}})])
    assert loaded.setting_layers == {"deep.budget.trials": FILE}


LINES = {
    # words: what came of them
    ("max_age=80",): ("max_age", 80),
    ("rate=1e-3",): ("rate", 0.001),
    ("rate=1",): ("rate", 1.0),
    ("name=PhD",): ("name", "PhD"),
    ('name="a b"',): ("name", "a b"),
    ("name=a b=c",): ("name", "a b=c"),
    ("name=2024-01-31",): ("name", "2024-01-31"),
    ("name=7",): ("name", "7"),
    ("name=",): ("name", ""),
    ("name=ü[",): ("name", "ü["),
    ("flag=true",): ("flag", True),
    ("flag=True",): ("flag", True),
    ("maybe=null",): ("maybe", None),
    ("maybe=None",): ("maybe", None),
    ("maybe=3",): ("maybe", 3),
    ('columns=["c"]',): ("columns", ("c",)),
    ("columns=[]",): ("columns", ()),
    ("columns.1=z",): ("columns", ("a", "z")),
    ("budget.trials=3",): ("budget", Budget(trials=3)),
    ("budget.trials=3", "budget.minutes=1"): ("budget", Budget(trials=3, minutes=1)),
    ("budget={trials=3}",): ("budget", Budget(trials=3)),
    ("deep.budget.trials=3",): ("deep", Deep(budget=Budget(trials=3))),
    ("deep.more.a.trials=3",): ("deep", Deep(more={"a": Budget(trials=3)})),
    ("deep.more.b.trials=3",): ("deep", Deep(more={"a": Budget(), "b": Budget(trials=3)})),
    ("experiments.1.depth=3",): ("experiments", (Linear(), Boosting(depth=3))),
    ("experiments.boosting.depth=3",): ("experiments", (Linear(), Boosting(depth=3))),
    ("experiments.boosting.budget.trials=3",): ("experiments", (Linear(), Boosting(budget=Budget(trials=3)))),
    ("experiments.linear.penalty=l1", "experiments.boosting.depth=2"): ("experiments", (Linear(penalty="l1"), Boosting(depth=2))),
    ("twins.1.minutes=4",): ("twins", (Budget(), Budget(trials=3, minutes=4))),
    ("one.penalty=l1",): ("one", Linear(penalty="l1")),
    ("one.kind=Boosting",): ("one", Boosting()),
    ("one.kind=Boosting", "one.depth=4"): ("one", Boosting(depth=4)),
    ('one={kind="Boosting", depth=4}',): ("one", Boosting(depth=4)),
    ('experiments=[{kind="Linear", penalty="l1"}]',): ("experiments", (Linear(penalty="l1"),)),
    ("experiments.0.kind=Boosting",): ("experiments", (Boosting(), Boosting())),
    ("experiments.0.kind=boosting",): ("experiments", (Boosting(), Boosting())),
    ('experiments=["linear", {kind="boosting", depth=4}]',): ("experiments", (Linear(), Boosting(depth=4))),
    ('experiments=["Boosting"]',): ("experiments", (Boosting(),)),
    ("one=boosting",): ("one", Boosting()),
    ("one.kind=boosting", "one.depth=4"): ("one", Boosting(depth=4)),
    ('experiments.1={kind="boosting", depth=3}',): ("experiments", (Linear(), Boosting(depth=3))),
}  # fmt: skip


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_values_on_the_line(words: tuple[str, ...]) -> None:
    name, value = LINES[words]
    got = getattr(line(*words), name)
    assert got == value
    assert type(got) is type(value)


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


WRONG: dict[str, tuple[tuple[str, ...], list[str]]] = {
    # words: what must be said
    "unknown": (("max_ag=3",), ["There is no setting 'max_ag' (on the command line)", "did you mean 'max_age'"]),
    "unknown and nothing near": (("zzz=3",), ["There is no setting 'zzz'", "there are: source, target, max_age"]),
    "unknown inside": (("budget.trial=3",), ["'budget.trial'", "did you mean 'trials'? There are: trials, minutes"]),
    "unknown deep inside": (("deep.budget.minute=3",), ["'deep.budget.minute'", "did you mean 'minutes'"]),
    "unknown in a dictionary's value": (("deep.more.a.trial=3",), ["'deep.more.a.trial'", "did you mean 'trials'"]),
    "unknown in a list": (("twins.0.trial=3",), ["'twins.0.trial'", "did you mean 'trials'"]),
    "unknown in a kind": (("experiments.boosting.dept=3",), ["experiments.1.dept", "did you mean 'depth'"]),
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


@pytest.mark.parametrize("layer", [FILE, PROFILE])
def test_the_layer_that_is_wrong_is_named(layer: str) -> None:
    for values in ({"max_age": 0}, {"zzz": 0}, {"budget": {"trials": 0}}):
        with pytest.raises(SettingsError, match=f"in {layer}"):
            load((layer, values), (COMMAND_LINE, {"name": "x"}))


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


# --- paths -----------------------------------------------------------------------------------------------------


def test_a_path_in_a_class_or_file_starts_from_the_project(tmp_path: Path) -> None:
    assert load(root=tmp_path).source == tmp_path / "data/x.csv"
    assert load((FILE, {"source": "y.csv"}), root=tmp_path).source == tmp_path / "y.csv"
    assert load((FILE, {"source": "../y.csv"}), root=tmp_path).source == tmp_path / "../y.csv"
    assert load((FILE, {"target": "y.csv"}), root=tmp_path).target == tmp_path / "y.csv"


def test_a_path_on_the_line_starts_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    values = parse_overrides(["source=y.csv"])
    assert isinstance(values["source"], CommandLineText)
    assert load((COMMAND_LINE, values), root=Path("/elsewhere")).source == tmp_path / "y.csv"
    assert (
        load((COMMAND_LINE, parse_overrides(['source="y.csv"'])), root=Path("/elsewhere")).source
        == tmp_path / "y.csv"
    )


def test_an_absolute_path_and_one_of_home_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for text in ("/a/b.csv", "~/b.csv"):
        for layer in ((FILE, {"source": text}), (COMMAND_LINE, parse_overrides([f"source={text}"]))):
            got = load(layer, root=Path("/elsewhere")).source
            assert got == (Path("/a/b.csv") if text[0] == "/" else tmp_path / "b.csv")


def test_a_path_is_a_path() -> None:
    path = InputPath("data/x.csv", Path("/p"))
    assert isinstance(path, Path)
    assert (path.name, path.suffix, str(path.parent)) == ("x.csv", ".csv", "/p/data")
    assert repr(path) == "InputPath('data/x.csv')"
    assert to_json(path) == "data/x.csv"
    assert (
        type(path.with_suffix(".parquet")) is not InputPath
        or path.with_suffix(".parquet").name == "x.parquet"
    )
    assert {path: 1}[InputPath("data/x.csv", Path("/p"))] == 1


# --- files -----------------------------------------------------------------------------------------------------


def test_a_missing_file_says_nothing(tmp_path: Path) -> None:
    contents: dict[Path, bytes] = {}
    assert (read_toml(tmp_path / "settings.toml", contents), contents) == ({}, {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"max_age = ", "is not TOML"),
        (b"a = 1\na = 2\n", "is not TOML: .*line 2"),
        (b"flag = True\n", "is not TOML"),
        (b"name = 'M\xfcller'\n", "cannot be read"),
    ],
)
def test_a_file_that_is_not_toml_is_said(tmp_path: Path, text: bytes, said: str) -> None:
    (tmp_path / "settings.toml").write_bytes(text)
    with pytest.raises(SettingsError, match=said) as caught:
        read_toml(tmp_path / "settings.toml", {})
    assert is_well_worded(str(caught.value))


def test_a_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_bytes(b"\xef\xbb\xbfmax_age = 3\n")
    assert read_toml(tmp_path / "settings.toml", {}) == {"max_age": 3}


# --- in a project ------------------------------------------------------------------------------------------------


def test_who_spoke_is_shown(small: Small) -> None:
    small.write("profiles/quick.toml", "unread = 2\n")
    out = small.command("show", "--settings", "--profile", "quick", "max_id=3").out
    assert [line.split() for line in out.splitlines()] == [
        ["source", '"x.csv"', "class"],
        ["max_id", "3", "command", "line"],
        ["unread", "2", "profiles/quick.toml"],
    ]


def test_a_secret_has_no_place_yet() -> None:
    with pytest.raises(SettingsError, match="SecretStr") as caught:
        to_json(SecretStr("hush"))
    assert "hush" not in str(caught.value)
