"""Keys depend neither on the order of sets and hashes nor on the folder of the project."""

from collections.abc import Iterator

import pytest

from edits.edit_table import CASES, names
from edits.harness import ForkServer, placed


@pytest.fixture(scope="module")
def seeded_servers() -> Iterator[tuple[ForkServer, ForkServer]]:
    """Two processes with different hash seeds."""
    servers = ForkServer("1"), ForkServer("2")
    yield servers
    for server in servers:
        server.close()


@pytest.mark.parametrize("name", names(of=24, every=15, same_keys=True))
def test_two_processes_and_two_folders_have_the_same_keys(
    seeded_servers: tuple[ForkServer, ForkServer], name: str
) -> None:
    case, (first, second) = CASES[name], seeded_servers
    with placed(case, first) as place, placed(case, second, "other folder") as other:
        one, two = place.run(keys=True), other.run(keys=True)
        assert not one.failed, one.failed
        assert one.keys
        if one.keys == two.keys:
            assert all(one.keys.values())
            return
        with placed(case, first, "third folder") as third:
            is_seed = third.run(keys=True).keys == one.keys
    raise AssertionError(f"KEYS DEPEND ON THE {'HASH SEED' if is_seed else 'FOLDER'}")
