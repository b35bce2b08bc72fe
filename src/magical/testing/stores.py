"""What every store must do. Inherit `StoreConformance`, and give the fixture ``store`` and three methods."""

from __future__ import annotations

from magical.testing.stores_damaged import DamagedStore
from magical.testing.stores_shared import SharedStore
from magical.testing.stores_swept import SweptStore

__all__ = ["StoreConformance"]


class StoreConformance(DamagedStore, SharedStore, SweptStore):
    """Hold a store to what `magical.engine.protocols.Store` promises: put if absent, atomic, verified when read.

    Give the fixture ``store`` (an empty one), ``objects`` and ``records`` (its files, for the checks damage
    them; on a bucket, what behaves like `pathlib.Path`), and ``reopened`` (the same store in a new process).

    Example:
        >>> import pytest
        >>> class TestOurStore(StoreConformance):
        ...     @pytest.fixture
        ...     def store(self, tmp_path):
        ...         return OurStore(tmp_path)
        ...
        ...     def objects(self, store):
        ...         return list(store.folder.glob("objects/*"))
        ...
        ...     def records(self, store):
        ...         return list(store.folder.glob("records/*"))
        ...
        ...     def reopened(self, store):
        ...         return OurStore(store.folder)
    """
