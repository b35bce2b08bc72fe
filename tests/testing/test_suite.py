"""The suites pass for a third party's store and runner, and catch each broken one by the check that names it."""

import inspect
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from magical.engine import protocols
from magical.testing import RegistryConformance, RunnerConformance, StoreConformance
from magical.testing.suite import find_protocol_promise
from testing import others

SUITE = """
import pytest
from pathlib import Path
from magical.testing import RegistryConformance, RunnerConformance, StoreConformance
from testing import others
"""
STORE = """
class TestIt(StoreConformance):
    @pytest.fixture
    def store(self, tmp_path):
        return others.{name}(tmp_path)

    def objects(self, store):
        return list((store.folder / "objects").iterdir())

    def records(self, store):
        return list((store.folder / "records").iterdir())

    def reopened(self, store):
        return others.{name}(store.folder)
"""
RUNNER = """
class TestIt(RunnerConformance):
    def runner(self, workers):
        return others.{name}(workers)
"""
FORGETFUL_REGISTRY = """
from memory_registry import MemoryRegistry

class Forgetful(MemoryRegistry):
    def versions(self, name=""):
        return []

class TestIt(RegistryConformance):
    @pytest.fixture
    def registry(self, tmp_path):
        return Forgetful(tmp_path)
"""


class TestFolderStore(StoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path) -> others.FolderStore:
        return others.FolderStore(tmp_path / "store")

    def objects(self, store: others.FolderStore) -> Sequence[Path]:
        return list((store.folder / "objects").iterdir())

    def records(self, store: others.FolderStore) -> Sequence[Path]:
        return list((store.folder / "records").iterdir())

    def reopened(self, store: others.FolderStore) -> others.FolderStore:
        return others.FolderStore(store.folder)


@pytest.mark.slow_except("test_a_project_runs_on_it", "test_an_exception_comes_back_as_it_was")
class TestThreadRunner(RunnerConformance):
    def runner(self, workers: int) -> others.ThreadRunner:
        return others.ThreadRunner(workers)


def failures(pytester: pytest.Pytester, suite: str, checks: str) -> dict[str, str]:
    """Run these checks of a suite in a pytest of its own: the failed ones and their messages."""
    pytester.makepyfile(test_it=SUITE + suite)
    result = pytester.inline_run(
        "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist", "-k", checks
    )
    failed = [r for r in result.getreports("pytest_runtest_logreport") if r.failed]
    return {r.nodeid.split("::")[-1].split("[")[0]: str(r.longrepr) for r in failed}


@pytest.mark.slow_except("forgetful")
@pytest.mark.parametrize(
    ("name", "check", "says"),
    [
        ("ForgetfulStore", "test_a_record_is_given_back_as_it_was", "Store.put_record: the record is"),
        (
            "OverwritingStore",
            "test_a_later_value_leaves_the_earlier_one",
            "Store.save: puts if absent: a later",
        ),
        ("LosingStore", "test_the_parts_of_a_split_can_be_given_one_by_one", "Store.load: gives the parts"),
        ("LosingStore", "test_the_members_of_a_list_come_back_in_order", "Store.load: gives all members"),
        (
            "UnbrandedStore",
            "test_a_record_says_what_it_stands_on",
            "Store.put_record: what is pretended stays",
        ),
    ],
    ids=["forgetful", "overwriting", "parts", "members", "unbranded"],
)
def test_a_broken_store_is_caught_by_the_check_that_says_so(
    pytester: pytest.Pytester, name: str, check: str, says: str
) -> None:
    failed = failures(pytester, STORE.format(name=name), check)
    assert f"This promise of the protocol broke: {says}" in failed[check]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "check", "says"),
    [
        ("SwallowingRunner", "test_an_exception_comes_back_as_it_was", "Runner.submit: the future holds"),
        ("DoublingRunner", "test_work_is_done_once", "Runner.submit: does each piece of work once"),
    ],
)
def test_a_broken_runner_is_caught_by_the_check_that_says_so(
    pytester: pytest.Pytester, name: str, check: str, says: str
) -> None:
    failed = failures(pytester, RUNNER.format(name=name), check)
    assert f"This promise of the protocol broke: {says}" in failed[check]


def test_a_broken_registry_is_caught_by_the_check_that_says_so(pytester: pytest.Pytester) -> None:
    check = "test_a_version_says_what_it_is"
    said = failures(pytester, FORGETFUL_REGISTRY, check)[check]
    assert "This promise of the protocol broke: Registry.put: returns the version" in said
    assert "assert [] == [<campaign version 1>]" in said  # assertions of the suites show their values


@pytest.mark.slow
def test_a_suite_that_was_given_nothing_says_what_it_wants(pytester: pytest.Pytester) -> None:
    empty = "class TestIt(StoreConformance): ...\nclass TestRunner(RunnerConformance): ...\n"
    failed = failures(pytester, empty, "test_an_unknown_key_has_no_record or test_work_gives_its_result")
    assert (
        "TestIt must define a fixture named store, which gives an empty store"
        in failed["test_an_unknown_key_has_no_record"]
    )
    assert (
        "TestRunner must say how it is made: def runner(self, workers)"
        in failed["test_work_gives_its_result"]
    )


@pytest.mark.parametrize("suite", [StoreConformance, RunnerConformance, RegistryConformance])
def test_each_check_names_the_method_whose_promise_it_holds_to(suite: type) -> None:
    checks = [c for name, c in inspect.getmembers(suite, inspect.isfunction) if name.startswith("test_")]
    assert len(checks) >= 9
    for check in checks:
        port, method = re.match(r"(\w+)\.(\w+): ", find_protocol_promise(check)).groups()  # type: ignore[union-attr]
        assert hasattr(getattr(protocols, port), method), check.__name__
        assert f"{port}Conformance" == suite.__name__


def test_each_method_of_each_protocol_is_held_to_something() -> None:
    for suite in (StoreConformance, RunnerConformance, RegistryConformance):
        port = getattr(protocols, suite.__name__.removesuffix("Conformance"))
        methods = {n for n in vars(port) if inspect.isfunction(vars(port)[n]) and not n.startswith("_")}
        checks = [c for name, c in inspect.getmembers(suite, inspect.isfunction) if name.startswith("test_")]
        text = "\n".join(inspect.getsource(inspect.unwrap(c)) for c in checks)
        assert not {m for m in methods if f".{m}(" not in text}
