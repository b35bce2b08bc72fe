"""What may be wished for: the places that are named are addresses, and are held to be so before any work."""

import pytest

from magical.engine.policy import Policy
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
    assert small.load().configuration.policy({"policy": {"server": given}}).server == taken


@pytest.mark.parametrize("given", ["dsk", "127.0.0.1:8786", "dask:4", "dask ", "tcp://"])
def test_a_cluster_is_dask_or_an_address(small: Small, given: str) -> None:
    with pytest.raises(SettingsError, match=r"must be dask, or the address of a scheduler, such as tcp://"):
        small.load().plan(policy={"cluster": given})


@pytest.mark.parametrize("given", ["127.0.0.1:4310/api", "localhost", "http://", "http:///api"])
def test_a_server_is_an_address(small: Small, given: str) -> None:
    with pytest.raises(SettingsError, match=r"must be an address, such as http://127.0.0.1:4200/api, got"):
        small.load().plan(policy={"server": given})
