'''Steps on pandas: ``from magical.pandas import Frame``.

A step gets the kind of table that it annotates, whatever the step before it returned. Its own result is
converted to polars at once, validated and stored, just as if a polars step had returned the same rows::

    import pandas as pd
    from magical.pandas import Frame


    @step
    def seniority(customers: Frame[Customer]) -> Frame[Senior]:
        """Add the days since each customer enrolled."""
        return customers.assign(days=(pd.Timestamp("2014-12-31") - customers["enrolled"]).dt.days)

The types in the body:

==============================  =========================================================================
in the contract                 in pandas
==============================  =========================================================================
``int``                         ``Int64``, or a narrower type as stored; missing values are ``<NA>``
``float``                       ``Float64``: ``<NA>`` is a missing value, and NaN is not missing
``bool``                        ``boolean``
``str``                         ``str``; a closed set stored as a Categorical or an Enum is ``category``
``date``                        ``datetime64[s]`` at midnight
``datetime``, ``duration``      ``datetime64`` and ``timedelta64`` in their unit and zone
lists, decimals, times, bytes   Arrow types, such as ``list<item: int64>[pyarrow]``
==============================  =========================================================================

These are pandas' own nullable types where they exist, since ordinary code works on them best. Integers in
numpy's types turn into floats where one is missing. In Arrow's, ``s.fillna(1.5)`` and ``s.loc[0] = 7.5``
truncate to an integer silently, and a date cannot be compared with a ``Timestamp``. The conversion to pandas
and back changes no value: the same table has the same content. What pandas computes may differ from polars:
``0 / 0`` is ``<NA>``.

The index is not part of the table: a step gets a fresh ``RangeIndex``, and the index of its result is
dropped; ``reset_index()`` makes columns of it. On the way back, NaN in a numpy ``float64`` column is a
missing value; a column promised as ``int`` may hold whole numbers in ``float64``, and one promised as
``date`` (or stored as ``datetime64[s]``) timestamps at midnight.
'''

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import TypeAliasType, TypeVar

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Frame"]

C = TypeVar("C", default=Any)

Frame = TypeAliasType("Frame", "pd.DataFrame", type_params=(C,))
"""A pandas DataFrame whose rows satisfy a contract: ``Frame[Customer]``; bare, it promises no columns."""
