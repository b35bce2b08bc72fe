"""A record that wrote to a registry is valid for that registry only; any other record is always valid."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from magical.engine.artifacts import Artifact, Record
from magical.engine.plan import Receipts

KEY = "ab" * 20


@dataclass
class Shelf:
    """As much of a store as receipts ask for."""

    records: dict[str, Record] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def find_record(self, key: str) -> Record | None:
        self.asked.append(key)
        return self.records.get(key)

    def put(self, record: Record) -> Record:
        self.records[record.key] = record
        return record


@dataclass
class At:
    """A registry by its name."""

    name: str
    empty: bool = False

    def find_id(self) -> str:
        return "" if self.empty else self.name

    def ensure_id(self) -> str:
        return self.name

    def describe(self, registry_id: str) -> str:
        return f"<{registry_id}>"


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def record(**given: Any) -> Record:
    plain = Record(KEY, "publish", "workflow:publish", {"code": "1"}, Artifact("value", "x"), run="run-1")
    return replace(plain, **given)


def receipts(shelf: Shelf, at: At) -> Receipts:
    return Receipts(shelf, at)  # type: ignore[arg-type]


def test_what_asked_for_no_registry_stands_for_all_of_them_and_is_looked_up_once(shelf: Shelf) -> None:
    kept = shelf.put(record())
    for at in (At("a"), At("b")):
        assert receipts(shelf, at).look_up(KEY, writes=True) == (kept, "")
    assert shelf.asked == [KEY, KEY]


def test_what_is_not_there_is_asked_for_once_unless_it_writes_to_the_world(shelf: Shelf) -> None:
    assert receipts(shelf, At("a")).look_up(KEY) == (None, "")
    assert shelf.asked == [KEY]
    assert receipts(shelf, At("a", empty=True)).look_up(KEY, writes=True) == (None, "")
    assert shelf.asked == [KEY, KEY]


def test_each_registry_finds_its_own_receipt(shelf: Shelf) -> None:
    a, b, c = (receipts(shelf, At(name)) for name in "abc")
    first = shelf.put(a.assign_registry(record()))
    assert (first.key, first.registry) == (KEY, "a"), "for one registry all is where it always was"
    assert b.look_up(KEY, writes=True) == (None, "its receipt is of another registry: <a>")
    second = shelf.put(b.assign_registry(record(run="run-2")))
    assert second.key.startswith(KEY)
    assert second.key != KEY
    assert set(second.key) <= set("0123456789abcdef"), "records of runs know keys of such letters only"
    for _ in range(2):
        assert a.look_up(KEY, writes=True) == (first, "")
        assert b.look_up(KEY, writes=True) == (second, "")
        assert c.look_up(KEY, writes=True)[0] is None
        shelf.put(a.assign_registry(first))
        shelf.put(b.assign_registry(second))
    assert len(shelf.records) == 2


def test_a_receipt_is_found_where_the_first_one_was_swept(shelf: Shelf) -> None:
    a, b = (receipts(shelf, At(name)) for name in "ab")
    shelf.put(a.assign_registry(record()))
    second = shelf.put(b.assign_registry(record()))
    del shelf.records[KEY]
    assert b.look_up(KEY, writes=True) == (second, "")
    assert a.look_up(KEY, writes=True) == (None, "")


def test_a_registry_that_is_not_there_yet_has_no_receipt(shelf: Shelf) -> None:
    shelf.put(receipts(shelf, At("a")).assign_registry(record()))
    for name in "ab":
        found, why = receipts(shelf, At(name, empty=True)).look_up(KEY, writes=True)
        assert (found, why) == (None, "its receipt is of another registry: <a>")


def test_the_name_of_the_registry_is_kept_in_the_record_where_there_is_one() -> None:
    assert "registry" not in record().to_json()
    named = record(registry="sqlite:////x.db")
    assert Record.from_json(named.to_json()) == named
