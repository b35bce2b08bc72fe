"""Secrets are references; their values reach no setting, key, message or file."""

import json
import pickle
import traceback
from pathlib import Path

import pytest
from pydantic import SecretBytes, SecretStr, ValidationError

import magical
from magical.cli.verb import parse_overrides
from magical.errors import InputError, SettingsError, WiringError
from magical.masking import mask
from magical.settings import Secret, Settings, TaggedSettings, to_json
from magical.settings.layers import Layer, load_settings, to_overrides
from magical.settings.secrets import drop_masked, forbid_reveal, mask_referenced_secrets
from projects import is_well_worded, one


class Database(Settings):
    host: str = "db"
    password: Secret = Secret("env:DB_PASSWORD")
    spare: Secret | None = None


class Whole(Settings):
    database: Database = Database()
    keys: tuple[Secret, ...] = (Secret("file:keys/one"),)


def test_a_secret_shows_its_reference_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "tiger-in-the-tank")
    secret = magical.Secret("env:DB_PASSWORD")
    assert secret.reveal() == "tiger-in-the-tank"
    assert (str(secret), f"{secret}", repr(secret)) == ("env:DB_PASSWORD",) * 2 + (
        "Secret('env:DB_PASSWORD')",
    )
    assert secret == Secret("env:DB_PASSWORD") != Secret("env:OTHER")
    assert len({secret, Secret("env:DB_PASSWORD")}) == 1
    assert pickle.loads(pickle.dumps(secret)) == secret
    with pytest.raises(AttributeError, match="frozen"):
        secret.reference = "env:OTHER"


def test_it_survives_json_and_back() -> None:
    settings = Whole(database=Database(spare=Secret("env:SPARE")))
    data = json.loads(json.dumps(to_json(settings)))
    assert data["database"] == {"host": "db", "password": "env:DB_PASSWORD", "spare": "env:SPARE"}
    assert data["keys"] == ["file:keys/one"]
    assert to_json(Whole.model_validate(data)) == data
    assert json.loads(settings.model_dump_json()) == data
    assert Database.model_validate({}).password == Secret("env:DB_PASSWORD")


def test_a_file_is_found_from_where_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project/keys").mkdir(parents=True)
    (tmp_path / "project/keys/one").write_text("from-the-project\n")
    (tmp_path / "key").write_text("from-the-line")
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "project"
    read = load_settings(Whole, [Layer("settings.toml", {"database": {"spare": "file:keys/one"}})], root)
    assert isinstance(read.settings, Whole)
    assert [s.reveal() for s in read.settings.keys] == ["from-the-project"]
    assert read.settings.database.spare.reveal() == "from-the-project"  # type: ignore[union-attr]
    line = load_settings(Whole, [Layer("line", parse_overrides(["database.password=file:key"]))], root)
    assert line.settings.database.password.reveal() == "from-the-line"  # type: ignore[attr-defined]
    again = load_settings(Whole, [Layer("line", to_overrides({"keys": read.settings.keys}))], tmp_path)
    assert again.settings.keys[0].reveal() == "from-the-project"  # type: ignore[attr-defined]


def test_a_default_file_is_found_from_its_class(tmp_path: Path) -> None:
    project = one(
        tmp_path,
        """
        from magical import Secret

        class S(Settings):
            key: Secret = Secret("file:key.txt")

        @step
        def length(key: Secret) -> int:
            return len(key.reveal())

        @workflow
        def flow(s: S) -> int:
            return length(s.key)
    """,
    )
    project.write("key.txt", "12345678\n")
    assert project.run().result == 8


@pytest.mark.parametrize(
    "reference", ["env:NOT_THERE", "env:EMPTY", "file:nope", "file:.", "file:empty", "file:odd"]
)
def test_what_cannot_be_read_is_said(reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPTY", "")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "odd").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InputError) as caught:
        Secret(reference, tmp_path).reveal()
    assert reference in str(caught.value)
    assert is_well_worded(str(caught.value))


CLEAR = "hunter2-in-the-clear"


@pytest.mark.parametrize("value", [CLEAR, SecretStr(CLEAR), SecretBytes(CLEAR.encode()), [CLEAR], 1234567])
@pytest.mark.parametrize("field", ["password", "spare"])
def test_a_value_in_the_clear_is_refused_and_not_repeated(field: str, value: object) -> None:
    with pytest.raises(SettingsError) as caught:
        Database.model_validate({field: value})
    shown = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in shown
    assert "1234567" not in shown
    assert f"The setting {field} must be a reference to a secret" in str(caught.value)
    assert is_well_worded(str(caught.value))


def test_the_layer_that_gave_it_is_named() -> None:
    layers = [Layer("settings.toml", {"database": {"password": CLEAR}})]
    with pytest.raises(
        SettingsError, match=r"The setting database.password \(in settings.toml\) must be a reference"
    ) as caught:
        load_settings(Whole, layers)
    assert "hunter2" not in str(caught.value)


def test_of_two_secrets_with_one_name_the_right_layer_is_named() -> None:
    class Two(Settings):
        source: Database = Database()
        target: Database = Database()

    for wrong, right in (("source", "target"), ("target", "source")):
        layers = [Layer("settings.toml", {wrong: {"password": CLEAR}})]
        layers.append(Layer("command line", {right: {"password": "env:RIGHT"}}))
        with pytest.raises(SettingsError, match=rf"The setting {wrong}\.password \(in settings\.toml\) must"):
            load_settings(Two, layers)


def test_the_layer_of_a_secret_in_a_list_is_named() -> None:
    for given in ([CLEAR], ["env:RIGHT", CLEAR]):
        with pytest.raises(SettingsError, match=rf"keys\.{len(given) - 1} \(in settings\.toml\) must"):
            load_settings(Whole, [Layer("settings.toml", {"keys": given})])


class Connection(TaggedSettings):
    name: str = ""


class Warehouse(Connection):
    name: str = "warehouse"
    password: Secret = Secret("env:DB_PASSWORD")


class Connections(Settings):
    all: tuple[Connection, ...] = (Warehouse(),)


def test_a_secret_in_a_kind_is_found_from_the_project_and_its_layer_is_named(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-the-project")
    read = load_settings(
        Connections, [Layer("settings.toml", {"all": {"warehouse": {"password": "file:key"}}})], tmp_path
    )
    assert read.settings.all[0].password.reveal() == "from-the-project"  # type: ignore[attr-defined]
    with pytest.raises(SettingsError, match=r"all\.warehouse\.password \(in quick\.toml\) must"):
        load_settings(Connections, [Layer("quick.toml", {"all": {"warehouse": {"password": CLEAR}}})])


@pytest.mark.parametrize(
    "given", [[CLEAR], CLEAR, {"host": [], "password": "env:X"}, {"spare": {"x": CLEAR}}]
)
def test_a_group_with_a_secret_in_it_is_not_repeated(given: object) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(Whole, [Layer("settings.toml", {"database": given})])
    assert "hunter2" not in str(caught.value)
    assert ("got []" in str(caught.value)) == (isinstance(given, dict) and "host" in given)


def test_a_default_in_the_clear_is_refused() -> None:
    with pytest.raises(SettingsError, match="is not shown here") as caught:
        Secret(CLEAR)
    assert "hunter2" not in str(caught.value)
    assert "test_secrets.py:" in str(caught.value)
    assert mask(f"password = Secret({CLEAR!r})") == "password = Secret('***')"

    class Clear(Settings):
        password: Secret = CLEAR  # type: ignore[assignment]

    with pytest.raises(SettingsError, match="is not shown here"):
        load_settings(Clear, [])


@pytest.mark.parametrize("hint", [SecretStr, SecretBytes, SecretStr | None, dict[str, SecretStr]])
def test_secrets_of_pydantic_are_refused(hint: object) -> None:
    with pytest.raises(
        SettingsError, match=r"Mine\.password \(test_secrets.py:\d+\) is pydantic's Secret"
    ) as caught:
        type("Mine", (Settings,), {"__annotations__": {"password": hint}})
    assert 'password: Secret = Secret("env:PASSWORD")' in caught.value.hint


def test_other_settings_still_name_what_came() -> None:
    with pytest.raises(ValidationError, match="input_value=\\[\\]"):
        Database.model_validate({"host": []})


def test_nothing_is_revealed_while_a_project_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "tiger-in-the-tank")
    with forbid_reveal(), pytest.raises(WiringError, match="revealed outside a step"):
        Secret("env:DB_PASSWORD").reveal()
    assert Secret("env:DB_PASSWORD").reveal()


def test_what_settings_refer_to_is_masked_before_it_is_revealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARNT", "learnt-from-settings")
    (tmp_path / "a").write_text("learnt-from-a-file")
    (tmp_path / "big").write_text("not-learnt-" * 10_000)
    mask_referenced_secrets(
        {"a": ["env:LEARNT", {"b": "file:a"}], "c": "file:big", "d": "file:none", "e": "env:NONE", "f": 1},
        tmp_path,
    )
    assert mask("learnt-from-settings learnt-from-a-file") == "*** ***"
    assert mask("not-learnt-") == "not-learnt-"


def test_a_list_with_a_mask_in_it_is_left_out_as_a_whole() -> None:
    masked, plain = "postgresql://me:***@db/a", {"uri": "s3://b", "rows": 1}
    given = {
        "uris": ["a", masked],
        "sources": [plain, {"uri": masked}],
        "plain": [plain],
        "one": {"uri": masked},
    }
    assert drop_masked(given) == {"plain": [plain], "one": {}}
