"""The exceptions of magical, and helpers that word their messages.

    MagicalError
    ├── UsageError            the call is wrong (exit code 2)
    │   └── SettingsError     a setting is unknown or out of bounds
    ├── ProjectError          the project's files cannot be read or imported
    ├── ContractError         a contract is not well formed
    ├── WiringError           steps do not fit together; found before any data is read
    │   └── TouchedRef        a workflow touched a result that does not exist yet
    ├── BrokenPromise         data break their contract
    ├── InputError            a source cannot be read
    ├── StepError             a step failed
    │   ├── UnwrittenStep     a step without a body was asked to run
    │   └── StepStopped       a step took longer than its timeout, or its process died
    ├── StoreError            an artifact cannot be stored or found
    │   └── DamagedArtifact   a stored artifact does not match its digest
    └── RegistryError         the model registry refuses
        └── RegistryDown      the registry does not answer; `magical sync` sends the rest later

Every message has one to five lines: who, what was expected, what was found, and `Hint:` with the next move.
"""

from __future__ import annotations

import difflib
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from magical.masking import mask

__all__ = [
    "BrokenPromise",
    "ContractError",
    "DamagedArtifact",
    "Finding",
    "InputError",
    "MagicalError",
    "ProjectError",
    "RegistryDown",
    "RegistryError",
    "SettingsError",
    "StepError",
    "StepStopped",
    "StoreError",
    "TouchedRef",
    "UnwrittenStep",
    "UsageError",
    "WiringError",
]

_E = TypeVar("_E", bound="MagicalError")

MAX_LINES = 5
MAX_WIDTH = 240
# "<" begins the file name of code without a file, such as "<string>" and "<frozen runpy>".
_FOREIGN_PREFIXES = ("<", f"{Path(__file__).parent}{os.sep}", f"{Path(os.__file__).parent}{os.sep}")


class MagicalError(Exception):
    """Base of all errors of magical: a short message that ends in a hint.

    Example:
        >>> print(MagicalError("clean: no such step", hint="the steps are: ingest, split"))
        clean: no such step
        Hint: the steps are: ingest, split
    """

    exit_code = 1

    def __init__(self, *lines: str, hint: str = "") -> None:
        self.lines = tuple(_limit_lines(lines, MAX_LINES - bool(hint)))
        super().__init__(*self.lines)
        self.hint = shorten(hint, MAX_WIDTH)

    def __str__(self) -> str:
        return "\n".join([*self.lines, *([f"Hint: {self.hint}"] if self.hint else [])])

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.lines, self.hint), self._attributes())

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in the place of a traceback: the message, and the author's own lines."""
        frames = [f for f in traceback.extract_tb(self.__traceback__) if not is_foreign(f.filename)]
        places = [(f, "cell" if "ipykernel_" in f.filename else Path(f.filename).name) for f in frames]
        own = [f"  {place}:{f.lineno}  {shorten(f.line or '', 100)}" for f, place in places]
        return [*str(self).splitlines(), *own, *str(self.__dict__.get("frames", "")).splitlines()]

    def with_message(self, *lines: str) -> Self:
        """Copy the error with another message; its hint and attributes stay, its cause is dropped."""
        # Not copy.copy: with Dask imported it copies `__cause__` too, whose message could contain a secret.
        copied = _rebuild(type(self), lines, self.hint)
        copied.__dict__.update(self._attributes())
        return copied

    def _attributes(self) -> dict[str, object]:
        return {k: v for k, v in self.__dict__.items() if k not in ("lines", "hint")}


class UsageError(MagicalError):
    """The call is wrong; nothing was done."""

    exit_code = 2

    @classmethod
    def unknown(cls, kind: str, name: str, known: Iterable[str], *, hint: str = "") -> UsageError:
        """Make the error about a name that does not exist; its hint lists the names that do.

        Example:
            >>> print(UsageError.unknown("step", "clena", ["clean", "split"]))
            There is no step 'clena'.
            Hint: did you mean 'clean'? There are: clean, split.
        """
        names = list(known)
        return cls(f"There is no {kind} {name!r}.", hint=hint or did_you_mean(name, names))


class SettingsError(UsageError):
    """A setting is unknown, of the wrong type or out of bounds."""


class ProjectError(MagicalError):
    """The project's files cannot be found, read or imported."""


class ContractError(MagicalError):
    """A contract is not well formed."""


class WiringError(MagicalError):
    """Steps do not fit together; found while drawing, before any data is read."""


class TouchedRef(WiringError, TypeError):
    """A workflow touched the result of a step, which does not exist while the workflow is drawn."""


class BrokenPromise(MagicalError):
    """Data break their contract."""


class InputError(MagicalError):
    """A source (a file, a table) cannot be read, or not as its contract says."""


class StepError(MagicalError):
    """A step failed; the cause is in ``__cause__``."""


class UnwrittenStep(StepError):
    """A step whose body is ``...`` was asked to run."""


class StepStopped(StepError):
    """A step took longer than its timeout, or the process it ran in died."""


class StoreError(MagicalError):
    """An artifact cannot be stored or found."""


class DamagedArtifact(StoreError):
    """A stored artifact does not match its digest; ``blob`` is the name of the damaged object."""

    def __init__(self, *lines: str, hint: str = "", blob: str = "") -> None:
        super().__init__(*lines, hint=hint)
        self.blob = blob


class RegistryError(MagicalError):
    """The model registry, or MLflow's tracking, refuses a request."""


class RegistryDown(RegistryError):
    """The registry does not answer: down, too slow, locked or damaged. `magical sync` sends it later."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault or a note that a check or an audit reports.

    Attributes:
        severity: ``error``, ``warning``, or ``note``.
        step: the node, step, contract or setting it is about.

    Example:
        >>> print(Finding("LEAK001", "error", "fit", "learns from the test part.", "fit on train."))
        error LEAK001 fit: learns from the test part.
        Hint: fit on train.
    """

    code: str
    severity: str
    step: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        tail = f"\nHint: {self.hint}" if self.hint else ""
        return f"{self._head}{self.what}{tail}"

    def __repr__(self) -> str:
        return f"<{shorten(self._head + self.what, 200)}>"

    @property
    def _head(self) -> str:
        return " ".join(filter(None, (self.severity, self.code, self.step))) + ": "


def did_you_mean(name: str, known: Sequence[str], aliases: Sequence[str] = ()) -> str:
    """Word a hint about an unknown name: the nearest known one, and the list of all.

    Args:
        name: the unknown name.
        known: the names that exist.
        aliases: further names that may be suggested, but are not listed.

    Example:
        >>> did_you_mean("clena", ["clean", "split"])
        "did you mean 'clean'? There are: clean, split."
    """
    if not known:
        return "there are none."
    names = {n.casefold(): n for n in (*aliases, *known)}
    near = difflib.get_close_matches(name.casefold(), names, n=1, cutoff=0.6)
    question = f"did you mean {names[near[0]]!r}? " if near else ""
    return f"{question}There are: {join_names(known)}." if question else f"there are: {join_names(known)}."


def join_names(names: Iterable[object], limit: int = 12) -> str:
    """Join names with commas, at most ``limit`` of them.

    Example:
        >>> join_names(["a", "b", "c"], 2)
        'a, b and 1 more'
    """
    items = [str(n) for n in names]
    rest = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(items[:limit]) + rest


def shorten(text: object, width: int = 60) -> str:
    r"""Cut a text to one line of bounded length, with secrets masked.

    Example:
        >>> shorten("a\nb")
        'a b'
        >>> shorten("x" * 100, 10)
        'xxxxxxxxx…'
    """
    # Mask before cutting: half a secret is not recognised as one.
    line = strip_control_characters(mask(safe_text(text))).strip()
    return line if len(line) <= width else line[: width - 1] + "…"


def safe_text(value: object, convert: Callable[[object], str] = str) -> str:
    """Convert a value to text by ``str`` or ``repr``; name its class if its own method raises.

    Example:
        >>> class Odd(ValueError):
        ...     def __str__(self):
        ...         raise RuntimeError("never")
        >>> safe_text(Odd())
        '<Odd without a text: its __str__ raises RuntimeError>'
    """
    try:
        return convert(value)
    except (Exception, SystemExit) as error:
        method, kind = f"__{convert.__name__}__", type(error).__name__
        return f"<{type(value).__name__} without a text: its {method} raises {kind}>"


def strip_control_characters(text: str) -> str:
    """Replace line breaks, and characters that would steer a terminal, with spaces."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def is_foreign(file: str) -> bool:
    """Return True if a file belongs to this package, Python or an installed package, not to the author."""
    return file.startswith(_FOREIGN_PREFIXES) or "site-packages" in file or "dist-packages" in file


def find_author_line() -> str:
    """Find the innermost running line of the author's code: `` (file:line)``, or an empty text."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        if not is_foreign(frame.f_code.co_filename):
            return f" ({Path(frame.f_code.co_filename).name}:{frame.f_lineno})"
        frame = frame.f_back
    return ""


def _limit_lines(lines: Sequence[str], limit: int) -> list[str]:
    flat = [part for line in lines for part in mask(str(line)).split("\n")]
    kept = flat if len(flat) <= limit else [*flat[: limit - 1], f"  … and {len(flat) - limit + 1} lines more"]
    return [
        strip_control_characters(line if len(line) <= MAX_WIDTH else line[: MAX_WIDTH - 1] + "…")
        for line in kept
    ]


def _rebuild(cls: type[_E], lines: tuple[str, ...], hint: str) -> _E:
    error = cls.__new__(cls)
    # Not `cls(...)`: an error class of a project may take other arguments.
    MagicalError.__init__(error, *lines, hint=hint)
    return error
