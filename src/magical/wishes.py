"""wish(): a piece of a written step that is generated from its contract until its code is written, too."""

import sys
from typing import Any, TypeVar, overload

from pydantic import BaseModel

from magical.contracts.promises import Frame, Promise, attach_promise, attached_promise, promise_of
from magical.contracts.tables import convert_kind
from magical.errors import WiringError, find_author_line
from magical.events import current_sink
from magical.running_bodies import is_wish_allowed
from magical.synthesis.generate import DEFAULT_ROWS, GenerateOptions, generate

__all__ = ["wish"]

T = TypeVar("T")


@overload
def wish(promise: type[BaseModel], like: Any = ..., *, rows: int = ...) -> Any: ...
@overload
def wish(promise: type[T], like: Any = ..., *, rows: int = ...) -> T: ...
@overload
def wish(promise: Any, like: Any = ..., *, rows: int = ...) -> Any: ...
def wish(promise: Any, like: Any = None, *, rows: int = DEFAULT_ROWS) -> Any:
    """Pretend a value that a step needs: generate it from a contract. The step's result is then not real.

    Args:
        promise: a contract of a table's rows, or a type hint: ``Lazy[Weather]``, ``Model`` or ``float``.
        like: a table, or several: columns of the same name and type are copied, and so are the rows if both
            have the same ``Id``.
        rows: the rows of a table, unless ``like`` decides them.

    Returns:
        The generated value, the same in each run.

    Raises:
        ContractError: no data can be generated from the promise.
        WiringError: the engine cannot see the call in the step's code, or the call is outside the steps of a
            project that is run, or in a thread or a process of a step that is real; its result would pass as
            real.

    Example:
        >>> import polars as pl
        >>> from magical import Contract, Field, Id
        >>> class Order(Contract):
        ...     id: Id[int]
        >>> class Weather(Contract):
        ...     id: Id[int]
        ...     rain: float = Field(ge=0, le=100)
        >>> orders = pl.DataFrame({"id": [7, 9]})
        >>> wish(Weather, like=orders)["id"].to_list()
        [7, 9]
    """
    is_contract = isinstance(promise, type) and issubclass(promise, BaseModel)
    wanted = promise_of(Frame[promise] if is_contract else promise)
    sink = current_sink.get()
    step = sink.name if sink is not None else ""
    # The key of a node says if its code calls wish(). A call that the key does not show must fail, or its
    # result would be cached as real.
    if not is_wish_allowed(sink):
        raise _foreign_wish_error() if sink is None or sink.may_wish() else _hidden_wish_error(step)
    if sink is None:
        print(f"wish: {wanted} is pretended; it is not real.", file=sys.stderr)
    tables = like if isinstance(like, (list, tuple)) else [like]
    inputs = [(attached_promise(table) or Promise("table"), table) for table in tables if table is not None]
    value = generate(wanted, GenerateOptions(f"{step}/{wanted}", rows), inputs=inputs)
    return attach_promise(convert_kind(value, wanted), wanted)


def _hidden_wish_error(step: str) -> WiringError:
    if not step:
        return WiringError(
            f"wish() is called outside of the steps{find_author_line()}, so what it gives would "
            "pass as real.",
            hint="call wish(...) in the step that needs it, or in a helper that the step calls.",
        )
    return WiringError(
        f"{step} calls wish() in a way that its source does not show, so its result would pass as real.",
        hint="write `from magical import wish`, and call wish(...) in the step or in a helper.",
    )


def _foreign_wish_error() -> WiringError:
    return WiringError(
        f"wish() is called in a thread or a process that a step started{find_author_line()}, and a step that "
        "runs is not known to pretend: its result would pass as real.",
        hint="call wish(...) in the body of the step, and pass what it gives to the thread or the process.",
    )
