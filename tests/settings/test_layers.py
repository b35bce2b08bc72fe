"""Where settings come from: class, settings.toml, profile, line; strict at every depth."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from layered_settings import FILE, PROFILE, Boosting, Budget, Deep, Linear, Whole, line, load
from magical.errors import SettingsError
from magical.library import Experiment, Metric, linear
from magical.settings import Settings, to_json
from magical.settings.layers import COMMAND_LINE, Layer, load_settings, read_toml
from projects import Small, is_well_worded


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


class Splitting(Settings):
    """Settings of one class that has a field ``kind``."""

    kind: str | None = "group"
    seed: int = 0


class Divided(Settings):
    """Settings with a default that differs from its class's."""

    split: Splitting = Splitting(seed=7)
    unsaid: Splitting = Splitting(kind=None, seed=7)


@pytest.mark.parametrize("name", ["split", "unsaid"])
def test_a_field_called_kind_leaves_the_fields_beside_it(name: str) -> None:
    loaded = load_settings(Divided, [Layer(COMMAND_LINE, {name: {"kind": "random"}})])
    assert getattr(loaded.settings, name) == Splitting(kind="random", seed=7)
    assert loaded.setting_layers == {f"{name}.kind": COMMAND_LINE}


def test_the_layer_of_a_named_member_is_found_by_its_index() -> None:
    layers = [
        Layer(FILE, {"experiments": {"1": {"depth": 3}}}),
        Layer(PROFILE, {"experiments": {"boosting": {"depth": 4}}}),
    ]
    assert load_settings(Whole, layers).setting_layers["experiments.1.depth"] == PROFILE


class Measured(Settings):
    """Settings with members that a file may write as a text alone."""

    metrics: tuple[Metric, ...] = ()


def test_a_text_alone_is_a_member_of_that_name() -> None:
    layers = [
        Layer(FILE, {"metrics": ["roc_auc", "log_loss"]}),
        Layer(COMMAND_LINE, {"metrics": {"log_loss": {"weights": "amount"}}}),
    ]
    wanted = Measured(metrics=(Metric("roc_auc"), Metric("log_loss", weights="amount")))
    assert load_settings(Measured, layers).settings == wanted


class Tried(Settings):
    """Settings with members that are called by their kinds."""

    experiments: tuple[Experiment, ...] = ()


@pytest.mark.parametrize("member", ["linear", {"kind": "linear"}, {"kind": "Linear"}])
def test_a_member_without_a_name_is_called_by_its_kind(member: object) -> None:
    layers = [
        Layer(FILE, {"experiments": [member, "boosting", {"kind": "boosting", "trials": 3}]}),
        Layer(COMMAND_LINE, {"experiments": {"linear": {"trials": 2}}}),
    ]
    tried = load_settings(Tried, layers).settings
    assert to_json(tried)["experiments"][0] == to_json(linear(trials=2))
    layers[1] = Layer(COMMAND_LINE, {"experiments": {"boosting": {"trials": 2}}})
    with pytest.raises(SettingsError, match="no member 'boosting'"):
        load_settings(Tried, layers)  # there are two


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
        ["tracking.enabled", "false", "settings.toml"],
        ["tracking.report", "false", "settings.toml"],
    ]


def test_a_profile_without_a_file_is_shown(small: Small) -> None:
    out = small.command("show", "--settings", "--profile", "prefect", "policy.workers=2").out
    assert [line.split() for line in out.splitlines()][-4:-1] == [
        ["policy.runner", '"prefect"', "built-in", "profile", "prefect"],
        ["policy.workers", "2", "command", "line"],
        ["tracking.enabled", "false", "settings.toml"],
    ]
    answer = small.command("show", "--settings", "--json", "--profile", "dask").json
    assert answer["groups"]["policy"] == {"cluster": "dask"}
    assert answer["group_layers"]["policy.cluster"] == "built-in profile dask"


def test_a_secret_has_no_place_yet() -> None:
    with pytest.raises(SettingsError, match="SecretStr") as caught:
        to_json(SecretStr("hush"))
    assert "hush" not in str(caught.value)
