"""Receipts: what a step leaves that wrote into a model registry stands for that registry, and no other."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Protocol

from magical.engine.artifacts import Record
from magical.engine.ports import Store

__all__ = ["Address", "Receipts"]

_REGISTER = "magical.library.registering:register"
"""The only step that wrote into a registry when receipts did not yet name theirs."""


class Address(Protocol):
    """Says which model registry is meant; nothing is asked of the registry itself."""

    def known(self) -> str:
        """Name it, without a password; empty if nothing can have been written to it yet."""

    def made(self) -> str:
        """Name it, now that something was written to it."""

    def told(self, name: str) -> str:
        """Say in a few words which registry a name is of."""

    def gave(self, run: str) -> bool:
        """Whether what a run wrote without saying where can be taken to be in it."""


class Receipts:
    """Looks up what has been computed; of what was written into a registry, only what is in the present one.

    Keys do not depend on the registry. The first one's receipt lies under the key; each other one's lies
    under the key and a mark of the registry.

    Args:
        store: where results are.
        address: says which registry is the present one.

    Attributes:
        store: the same.
    """

    def __init__(self, store: Store, address: Address) -> None:
        self.store, self._address = store, address

    def look(self, key: str, *, writes: bool = False) -> tuple[Record | None, str]:
        """Give the record of a key, if it stands; or else why not, if that is for the registry.

        Args:
            key: which one.
            writes: whether it is of a step that writes to the world.
        """
        record = self.store.record(key)
        if record is not None and self._stands(record):
            return record, ""
        own = self._address.known() if writes else ""
        found = self.store.record(key + _mark(own)) if own else None
        if found is not None or record is None:
            return found, ""
        return None, f"its receipt is of another registry: {self.whose(record)}"

    def named(self, record: Record) -> Record:
        """Give the record of a step that has written into the present registry, as it is to be kept."""
        own, there = self._address.made(), self.store.record(record.key)
        free = there is None or self._stands(there)
        return replace(record, key=record.key if free else record.key + _mark(own), registry=own)

    def whose(self, record: Record) -> str:
        """Say which registry a receipt is of."""
        return self._address.told(record.registry)

    def _stands(self, record: Record) -> bool:
        if record.registry:
            return record.registry == self._address.known()
        return record.step != _REGISTER or self._address.gave(record.run)


def _mark(registry: str) -> str:
    return hashlib.sha256(registry.encode()).hexdigest()[:12]
