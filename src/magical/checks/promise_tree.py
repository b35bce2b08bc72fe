"""A promise and the promises inside it."""

from __future__ import annotations

from collections.abc import Iterator

from magical.contracts.promises import Promise

__all__ = ["flatten_promise"]


def flatten_promise(promise: Promise) -> Iterator[Promise]:
    """Yield a promise, then the promises of its members, at any depth.

    Example:
        >>> from magical.contracts.promises import promise_of
        >>> [str(p) for p in flatten_promise(promise_of(tuple[int, tuple[str, bool]]))][1:]
        ['int', 'tuple[str, bool]', 'str', 'bool']
    """
    yield promise
    for item in promise.items:
        yield from flatten_promise(item)
