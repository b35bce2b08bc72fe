"""Policy and tracking: addresses are validated before any step runs."""

from importlib.metadata import EntryPoint

import pytest

from magical.engine.policy import Policy, TrackingSettings
from magical.errors import SettingsError
from projects import Small

API = "http://127.0.0.1:4310/api"


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("", ""),
        (API, API),
        ("http://127.0.0.1:4310", API),
        ("http://127.0.0.1:4310/", API),
        ("https://me:tiger@prefect.example", "https://me:tiger@prefect.example/api"),
        ("https://example.org/team/prefect/api", "https://example.org/team/prefect/api"),
    ],
)
def test_a_server_without_a_path_means_its_api(small: Small, given: str, taken: str) -> None:
    assert Policy(server=given).server == taken
    assert small.load().context({"policy": {"server": given}}).configuration.policy.server == taken


@pytest.mark.parametrize("given", ["dsk", "127.0.0.1:8786", "dask:4", "dask ", "tcp://"])
def test_a_cluster_is_dask_or_an_address(small: Small, given: str) -> None:
    with pytest.raises(SettingsError, match=r"must be dask, or the address of a scheduler, such as tcp://"):
        small.load().plan(policy={"cluster": given})


@pytest.mark.parametrize("given", ["127.0.0.1:4310/api", "localhost", "http://", "http:///api"])
def test_a_server_is_an_address(small: Small, given: str) -> None:
    with pytest.raises(SettingsError, match=r"must be an address, such as http://127.0.0.1:4200/api, got"):
        small.load().plan(policy={"server": given})


@pytest.mark.parametrize(
    "given",
    [
        *["", "http://127.0.0.1:5000", "https://me:tiger@mlflow.example", "HTTP://127.0.0.1:5000"],
        *["sqlite:///mlflow.db", "postgresql+psycopg2://me@db/mlflow", "databricks", "databricks://team"],
        *["file:///tmp/mlruns", "mlruns", "/tmp/a:b/mlruns", r"C:\mlruns"],
    ],
)
def test_tracking_takes_each_kind_of_address_that_mlflow_has(given: str) -> None:
    assert TrackingSettings(uri=given, registry_uri=given).uri == given


@pytest.mark.parametrize("name", ["uri", "registry_uri"])
@pytest.mark.parametrize(
    "given", ["htp://me:tiger@127.0.0.1", "127.0.0.1:5000", "mongodb://127.0.0.1/models"]
)
def test_another_address_is_refused_before_any_work(small: Small, name: str, given: str) -> None:
    small.write("settings.toml", f'[tracking]\n{name} = "{given}"\n')
    with pytest.raises(
        SettingsError, match=rf"setting {name} .* must be an address that MLflow knows"
    ) as caught:
        small.run()
    assert "tiger" not in str(caught.value)
    assert small.load().runs() == []


def test_a_plugin_of_mlflow_may_have_addresses_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("arn", "mlflow_of_a_cloud:store", "mlflow.tracking_store")
    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda group: [point] if group == point.group else []
    )
    assert TrackingSettings(uri="arn:cloud:server").uri == "arn:cloud:server"
