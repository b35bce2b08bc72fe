"""Prefect's own command, for its server: schedules come true with a database library newer than it knows.

Prefect 3.8 inserts planned flow runs with a key, ``state``, that is no column. SQLAlchemy 2.0 passed over it;
2.1 asks each such property how it is inserted, and refuses where it does not say. Without an answer no
deployment is ever scheduled.
"""

from __future__ import annotations

import runpy
from typing import Any

__all__ = ["main"]


def main() -> None:
    """Run Prefect's command with the words of this one."""
    from prefect.server.database import orm_models
    from sqlalchemy import inspect
    from sqlalchemy.ext.hybrid import hybrid_property

    def pass_over(cls: type, mapping: dict[str, Any], value: object) -> None:
        """Leave the key in place, where nothing reads it, as SQLAlchemy 2.0 does."""

    models: list[Any] = [orm_models.FlowRun, orm_models.FlowRunState]
    for model in models:
        known: Any
        for known in inspect(model).all_orm_descriptors:
            if isinstance(known, hybrid_property) and getattr(known, "bulk_dml_setter", pass_over) is None:
                setattr(known, "bulk_dml_setter", pass_over)  # noqa: B010  2.0 does not know this attribute
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
