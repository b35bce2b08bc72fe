"""Dates as days since 1970."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["to_epoch_days"]


def to_epoch_days(frame: pd.DataFrame) -> pd.DataFrame:
    """Convert dates to days since 1970, the time of day as a fraction; a missing date is NaN.

    Example:
        >>> import pandas as pd
        >>> to_epoch_days(pd.DataFrame({"when": pd.to_datetime(["1970-01-02 12:00"])})).to_numpy().tolist()
        [[1.5]]
    """
    import pandas as pd

    # In microseconds: the nanoseconds of a plain Timestamp reach from 1677 to 2262 only.
    start, day = pd.Timestamp(0).as_unit("us"), pd.Timedelta(days=1)
    days: pd.DataFrame = frame.apply(lambda dates: (dates.astype("datetime64[us]") - start) / day)
    return days
