"""Whole messages, stored in a file as ``=== name`` and the text. ``UPDATE_SNAPSHOTS=1 pytest`` rewrites it.

``<...>`` in a stored text matches any text: words of other libraries, which their next release may change.
"""

import fcntl
import os
import re
from pathlib import Path

HERE = Path(__file__).parent / "snapshots"


def stored(group: str) -> dict[str, str]:
    """Read the texts of one file by their names."""
    path = HERE / f"{group}.txt"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    parts = re.split(r"^=== (.+)\n", text, flags=re.M)[1:]
    return {name: body.rstrip("\n") for name, body in zip(parts[::2], parts[1::2], strict=True)}


def check(group: str, name: str, text: str) -> None:
    """Compare a text with the stored one, or store it if ``UPDATE_SNAPSHOTS`` is set."""
    if os.environ.get("UPDATE_SNAPSHOTS"):
        return _store(group, name, text)
    known = stored(group)
    assert name in known, f"no snapshot of {name!r} in {group}.txt yet; UPDATE_SNAPSHOTS=1 pytest writes it"
    assert known[name] == text or fits(known[name], text), (
        f"{text}\n--- is not what is stored:\n{known[name]}"
    )


def fits(old: str, new: str) -> bool:
    """Return True if a text matches the stored one."""
    return re.fullmatch(".*?".join(map(re.escape, old.split("<...>"))), new, re.S) is not None


def _store(group: str, name: str, text: str) -> None:
    HERE.mkdir(exist_ok=True)
    with (HERE / f"{group}.txt").open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the tests run in several processes
        known = stored(group)
        if name not in known or not fits(known[name], text):
            known[name] = text
        file.truncate(0)
        file.write("\n\n".join(f"=== {n}\n{known[n]}" for n in sorted(known)) + "\n")
