"""The exceptions of magical, and how they are worded.

    MagicalError
    ├── UsageError            the call is wrong (exit code 2)
    │   └── SettingsError     a setting is unknown or out of bounds
    ├── ProjectError          the project's files cannot be read or imported
    ├── ContractError         a contract is not well formed
    ├── WiringError           steps do not fit together; found before any data is read
    │   └── TouchedRef        a workflow touched a result that does not exist yet
    ├── BrokenPromise         data do not keep their contract
    ├── InputError            a source cannot be read
    ├── StepError             a step failed
    │   ├── UnwrittenStep     a step without a body was asked to run
    │   └── StepStopped       a step took longer than its timeout, or its process died
    ├── StoreError            an artifact cannot be kept or found
    │   └── DamagedArtifact   what was stored is not what was read back
    └── RegistryError         the model registry refuses
        └── RegistryDown      it does not answer; what it missed is sent later

Every message has one to five lines: who, what was promised, what came, and `Hint:` with the next move.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterable, Sequence
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
        state = {k: v for k, v in self.__dict__.items() if k not in ("lines", "hint")}
        return (_rebuild, (type(self), self.lines, self.hint), state)

    def with_message(self, *lines: str) -> Self:
        """Give the same error in other words, with the same hint and all else that it carries.

        It has no cause: who tells another's cause may tell a secret.
        """
        made = _rebuild(type(self), lines, self.hint)  # copy.copy would take the cause, once Dask is imported
        made.__dict__.update({k: v for k, v in self.__dict__.items() if k not in ("lines", "hint")})
        return made


class UsageError(MagicalError):
    """The call is wrong: nothing was done."""

    exit_code = 2

    @classmethod
    def unknown(cls, kind: str, name: str, known: Iterable[str], *, hint: str = "") -> UsageError:
        """A name that does not exist, with the nearest that does.

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
    """Data do not keep their contract."""


class InputError(MagicalError):
    """A source (a file, a table) cannot be read as what it should be."""


class StepError(MagicalError):
    """A step failed; the cause is in ``__cause__``."""


class UnwrittenStep(StepError):
    """A step whose body is ``...`` was asked to run."""


class StepStopped(StepError):
    """A step took longer than its timeout, or the process it ran in died."""


class StoreError(MagicalError):
    """An artifact cannot be kept or found."""


class DamagedArtifact(StoreError):
    """What was stored is not what was read back.

    Attributes:
        blob: the name of the damaged object.
    """

    def __init__(self, *lines: str, hint: str = "", blob: str = "") -> None:
        super().__init__(*lines, hint=hint)
        self.blob = blob


class RegistryError(MagicalError):
    """The model registry, or MLflow's tracking, refuses."""


class RegistryDown(RegistryError):
    """It does not answer: down, out of reach, too slow or locked. What it missed is sent later."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check or an audit reports.

    Attributes:
        code: such as ``LEAK001``.
        severity: ``error``, ``warning``, or ``note`` for what is no fault.
        step: the node, step, contract or setting it is about.
        what: one sentence.
        hint: the next move.
    """

    code: str
    severity: str
    step: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        tail = f"\nHint: {self.hint}" if self.hint else ""
        return f"{self.severity} {self.code} {self.step}: {self.what}{tail}"


def did_you_mean(name: str, known: Sequence[str], aliases: Sequence[str] = ()) -> str:
    """Give the nearest known name and the list of what there is, as a hint.

    Args:
        name: what was said.
        known: what there is.
        unlisted: other names for it, which may be meant as well.
    """
    if not known:
        return "there are none."
    near = difflib.get_close_matches(name, [*known, *aliases], n=1, cutoff=0.6)
    question = f"did you mean {near[0]!r}? " if near else ""
    return f"{question}There are: {join_names(known)}." if question else f"there are: {join_names(known)}."


def join_names(names: Iterable[object], limit: int = 12) -> str:
    """Join names with commas, at most ``most`` of them."""
    items = [str(n) for n in names]
    rest = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(items[:limit]) + rest


def shorten(text: object, width: int = 60) -> str:
    r"""Give a text on one line of bounded length.

    Example:
        >>> shorten("a\nb")
        'a b'
        >>> shorten("x" * 100, 10)
        'xxxxxxxxx…'
    """
    line = strip_control_characters(
        mask(str(text))
    ).strip()  # before it is cut: half a secret is not known for one
    return line if len(line) <= width else line[: width - 1] + "…"


def strip_control_characters(text: str) -> str:
    """Give a text without line breaks and what would steer a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def is_foreign(file: str) -> bool:
    """Whether code in a file is not the author's: this package's, Python's, or an installed one's."""
    return file.startswith(_FOREIGN_PREFIXES) or "site-packages" in file or "dist-packages" in file


def find_author_line() -> str:
    """Give the innermost line of the author's that is running, as `` (file:line)``; nothing without one."""
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
    made = cls.__new__(cls)
    MagicalError.__init__(made, *lines, hint=hint)  # a project's own class may ask for other arguments
    return made
