"""What a filesystem of fsspec refuses, in one short error with the next move."""

from __future__ import annotations

from magical.errors import StoreError, shorten

__all__ = ["refusal"]

_HINTS = {
    "has expired": "renew the credentials, and run again; what is finished is kept.",
    "credential": "give credentials, as docs/stores.md says.",
    "permission": "may these credentials read and write there?",
    "denied": "may these credentials read and write there?",
    "forbidden": "may these credentials read and write there?",
    "connect": "is the network up, and the address right?",
    "timeout": "is the network up, and the address right?",
    "no space": "free some space there, and run again; what is finished is kept.",
    "quota": "free some space there, and run again; what is finished is kept.",
    "filenotfound": "make the bucket or the folder, or mend [policy] store.",
}


def refusal(shown: str, error: Exception) -> StoreError:
    """Word an exception of a filesystem.

    Args:
        shown: the store's URL, without a password.
        error: what it raised.

    Example:
        >>> print(refusal("s3://bucket/x", FileNotFoundError("The specified bucket does not exist")))
        The store s3://bucket/x cannot be used: The specified bucket does not exist.
        Hint: make the bucket or the folder, or mend [policy] store.
    """
    name = type(error).__name__
    text = f"{name} {error}".lower()
    hint = next((h for word, h in _HINTS.items() if word in text), "look at its settings and permissions.")
    what = shorten(str(error) or name, 160).rstrip(".")
    return StoreError(f"The store {shown} cannot be used: {what}.", hint=hint)
