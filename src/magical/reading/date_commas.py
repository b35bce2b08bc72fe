"""Dates with a comma that is no delimiter, such as ``Mar 27, 2024`` without quotes between commas."""

from __future__ import annotations

import re
from collections import Counter

__all__ = ["quote_comma_dates"]

_HEAD_BYTES = 1 << 16
_DATE = re.compile(
    rb"(^|,)((?:[A-Za-z]{3,9},? )?[A-Za-z]{3,9}\.? \d{1,2}, ?\d{4}"
    rb"(?:,? \d{1,2}:\d{2}(?::\d{2})?(?: ?[AaPp][Mm])?)?)(?=,|\r?$)",
    re.MULTILINE,
)


def quote_comma_dates(text: bytes, name: str) -> tuple[bytes, str]:
    r"""Put quotes around dates with a comma, if their lines have too many fields without them.

    Args:
        text: a csv file whose delimiter is a comma.
        name: the name of the file, for the remark.

    Returns:
        The text, and a remark with an example; the same text and no remark if its lines are right.

    Example:
        >>> quote_comma_dates(b"id,day,n\n1,Mar 27, 2024,4\n2,2024-03-28,3\n", "a.csv")[0]
        b'id,day,n\n1,"Mar 27, 2024",4\n2,2024-03-28,3\n'
        >>> quote_comma_dates(b"id,day,year,n\n1,Mar 27, 2024,4\n", "a.csv")[1]
        ''
    """
    lines = text[:_HEAD_BYTES].split(b"\n")
    if len(text) > _HEAD_BYTES:
        del lines[-1]  # it is cut off
    plain = Counter(line.count(b",") for line in lines if line.strip() and not _DATE.search(line))
    dated = [line for line in lines if _DATE.search(line) and b'"' not in line]
    if not dated or not plain:
        return text, ""
    wanted = plain.most_common(1)[0][0]
    counts = {(line.count(b","), _count_outside(line)) for line in dated}
    if any(before == wanted or after != wanted for before, after in counts):
        return text, ""
    example = _DATE.search(dated[0])
    assert example is not None
    remark = (
        f"{name}: the comma in {example[2].decode()!r} is taken as a part of the date; "
        f"as a delimiter it would give {dated[0].count(b',') + 1} fields where other lines have {wanted + 1}."
    )
    quoted = (line if b'"' in line else _DATE.sub(rb'\1"\2"', line) for line in text.split(b"\n"))
    return b"\n".join(quoted), remark


def _count_outside(line: bytes) -> int:
    """Count the commas outside dates."""
    return _DATE.sub(rb"\1", line).count(b",")
