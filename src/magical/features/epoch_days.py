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

    days: pd.DataFrame = frame.apply(lambda dates: (dates - pd.Timestamp(0)) / pd.Timedelta(days=1))
    return days
