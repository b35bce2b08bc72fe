"""The configuration of a project: its files and the overrides of one command."""

from pathlib import Path
from typing import Any

import pytest

from magical import Field, Settings
from magical.errors import SettingsError, UsageError
from magical.project.loading.configuration import GROUPS, read_configuration
from projects import Small


class Whole(Settings):
    max_age: int = Field(default=90, ge=1)
    name: str = "a"


@pytest.fixture
def empty(tmp_path: Path) -> Small:
    return Small(tmp_path)


def test_a_folder_without_files_has_the_defaults(tmp_path: Path) -> None:
    found = read_configuration(tmp_path)
    assert (found.policy, found.tracking) == tuple(cls() for cls in GROUPS.values())
    assert found.load_settings(Whole).settings == Whole()
    assert found.load_settings(None).settings == Settings()
    assert (found.contents, found.overrides) == ({}, {})


def test_the_later_layer_wins_and_each_value_knows_its_own(empty: Small) -> None:
    empty.write("settings.toml", "max_age = 50\nname = 'b'\n[policy]\nworkers = 1\n")
    empty.write("profiles/quick.toml", "max_age = 20\n[policy]\nworkers = 3\n")
    found = read_configuration(empty.root, "quick", {"policy": {"workers": 2}})
    assert found.policy.workers == 2
    loaded = found.load_settings(Whole)
    assert loaded.settings == Whole(max_age=20, name="b")
    assert [layer.name for layer in found.layers][:2] == ["settings.toml", "profiles/quick.toml"]
    assert loaded.setting_layers["max_age"] == "profiles/quick.toml"


def test_groups_are_no_settings_of_the_workflow(empty: Small) -> None:
    empty.write("settings.toml", "[policy]\nworkers = 1\n[tracking]\nenabled = false\n")
    found = read_configuration(empty.root, overrides={"tracking": {"enabled": False}, "max_age": 3})
    assert [layer.values for layer in found.layers] == [{}, {"max_age": 3}]
    assert not found.tracking.enabled


def test_files_are_read_once(empty: Small) -> None:
    empty.write("settings.toml", "max_age = 50\n")
    found = read_configuration(empty.root)
    empty.write("settings.toml", "max_age = 60\n")
    assert found.load_settings(Whole).settings == Whole(max_age=50)
    assert list(found.contents.values()) == [b"max_age = 50\n"]


@pytest.mark.parametrize(
    ("unknown", "hint"), [("polici", "did you mean 'policy'?"), ("max_age", "take it off.")]
)
def test_a_workflow_without_settings_takes_none(tmp_path: Path, unknown: str, hint: str) -> None:
    found = read_configuration(tmp_path, overrides={unknown: 3})
    with pytest.raises(
        SettingsError, match=f"There is no setting '{unknown}': the workflow takes none"
    ) as error:
        found.load_settings(None)
    assert error.value.hint == hint


def test_an_unknown_profile_names_those_that_there_are(empty: Small) -> None:
    with pytest.raises(UsageError, match="There is no profile 'quick'") as error:
        read_configuration(empty.root, "quick")
    assert error.value.hint == "write profiles/quick.toml, or leave --profile out."
    empty.write("profiles/quick.toml", "")
    with pytest.raises(UsageError, match="There is no profile 'quik'") as error:
        read_configuration(empty.root, "quik")
    assert "did you mean 'quick'" in error.value.hint


@pytest.mark.parametrize(
    ("profile", "key", "value"), [("prefect", "runner", "prefect"), ("dask", "cluster", "dask")]
)
def test_two_profiles_need_no_file(empty: Small, profile: str, key: str, value: str) -> None:
    found = read_configuration(empty.root, profile)
    assert getattr(found.policy, key) == value
    assert found.contents == {}
    assert found.group_layers == {f"policy.{key}": f"built-in profile {profile}"}
    assert found.given_groups == {"policy": {key: value}}


def test_a_file_of_that_name_wins(empty: Small) -> None:
    empty.write("profiles/prefect.toml", "max_age = 3\n[policy]\nretries = 2\n")
    found = read_configuration(empty.root, "prefect", {"policy": {"workers": 2}})
    assert (found.policy.runner, found.policy.retries) == ("local", 2)
    assert found.group_layers == {"policy.retries": "profiles/prefect.toml", "policy.workers": "command line"}


def test_a_name_near_a_profile_without_a_file_is_told_so(empty: Small) -> None:
    with pytest.raises(UsageError) as error:
        read_configuration(empty.root, "prefct")
    assert "did you mean 'prefect'" in error.value.hint


def test_a_profile_with_a_file_is_listed_once(empty: Small) -> None:
    empty.write("profiles/prefect.toml", "")
    with pytest.raises(UsageError) as error:
        read_configuration(empty.root, "prefct")
    assert str(error.value).count("dask") == 1
    assert str(error.value).endswith("There are: prefect, dask.")


def test_what_a_built_in_profile_breaks_names_it(empty: Small) -> None:
    empty.write("settings.toml", "policy = 3\n")
    with pytest.raises(SettingsError, match=r"policy is a group of settings \(in settings.toml\)"):
        read_configuration(empty.root, "dask")


def test_the_store_is_not_a_single_calls(empty: Small) -> None:
    with pytest.raises(SettingsError, match=r"policy\.store is the project's") as error:
        read_configuration(empty.root, overrides={"policy": {"store": "s3://b"}})
    assert "settings.toml" in error.value.hint
    empty.write("settings.toml", "[policy]\nstore = 's3://b'\n")
    assert read_configuration(empty.root).policy.store == "s3://b"


@pytest.mark.parametrize("value", [3, "fast", [1]])
def test_a_group_that_is_a_value_names_its_layer(tmp_path: Path, value: Any) -> None:
    with pytest.raises(SettingsError, match=r"policy is a group of settings .*command line") as error:
        read_configuration(tmp_path, overrides={"policy": value})
    assert error.value.hint == "write policy.KEY=VALUE."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[policy]\nworker = 2\n", "did you mean 'workers'"),
        ("[policy]\nworkers = 'many'\n", r"\[policy\] The setting workers"),
        ("[policy]\nrunner = 'lokal'\n", "runner"),
        ("[tracking]\nenable = true\n", "did you mean 'enabled'"),
        ("policy = 3\n", "policy is a group of settings"),
        ("max_age = = 3\n", "settings.toml"),
    ],
)
def test_policy_and_tracking_are_as_strict(empty: Small, text: str, said: str) -> None:
    empty.write("settings.toml", text)
    with pytest.raises(SettingsError, match=said):
        read_configuration(empty.root)


def test_the_layer_that_gave_the_very_setting_is_named(empty: Small) -> None:
    empty.write("settings.toml", "[policy.steps.clean]\nretries = 1\n")
    with pytest.raises(SettingsError, match=r"steps.clean.timout' \(on the command line\)"):
        read_configuration(empty.root, overrides={"policy": {"steps": {"clean": {"timout": 1}}}})


def test_a_project_reads_its_files(small: Small) -> None:
    small.write("settings.toml", "max_id = 50\n[tracking]\nenabled = false\n[policy]\nworkers = 1\n")
    small.write("profiles/quick.toml", "max_id = 20\n[policy]\nworkers = 3\n")
    for profile, words, age, workers in [
        ("", {}, 50, 1),
        ("quick", {}, 20, 3),
        ("quick", {"max_id": 30}, 30, 3),
        ("quick", {"policy": {"workers": 2}}, 20, 2),
    ]:
        opened = small.load(profile)
        assert opened.context(words).draw().drawn.settings["max_id"] == age
        assert opened.context(words).configuration.policy.workers == workers
    assert "policy" not in small.load().context().draw().drawn.settings
