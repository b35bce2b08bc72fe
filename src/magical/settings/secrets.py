"""Secrets in settings: references to a variable or a file with the value, never the value."""

from __future__ import annotations

import contextlib
import contextvars
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, GetCoreSchemaHandler, SecretBytes, SecretStr
from pydantic_core import CoreSchema, core_schema

from magical.errors import InputError, SettingsError, WiringError, find_author_line
from magical.masking import register_secret
from magical.settings.layer_names import format_layer, locate_setting
from magical.settings.paths import CommandLineText

__all__ = [
    "Secret",
    "drop_masked",
    "forbid_reveal",
    "holds_secret",
    "mask_referenced_secrets",
    "reject_pydantic_secrets",
]

_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:\S.*")
_LARGEST = 64 * 1024
_reveal_forbidden: contextvars.ContextVar[bool] = contextvars.ContextVar("magical_sealed", default=False)


class Secret:
    """A reference to a value that must not be shown: ``env:NAME`` or ``file:PATH``.

    Settings, keys, journals and trackers store the reference. ``reveal()`` reads the value in a step's body;
    from then on it is masked in all texts of the run. The *result* of a step is data, and not masked.
    In settings a relative path starts from the project; outside of them, from the working directory.

    Attributes:
        base: the folder that a relative path starts from.

    Raises:
        SettingsError: the text is no reference. The message does not show it; it is masked from then on.

    Example:
        >>> password = Secret("env:DB_PASSWORD")
        >>> password, str(password)
        (Secret('env:DB_PASSWORD'), 'env:DB_PASSWORD')
    """

    __slots__ = ("base", "reference")

    reference: str
    base: Path | None

    def __init__(self, reference: str, base: Path | None = None) -> None:
        if not _is_reference(reference):
            raise _reference_error(f"Secret(...){find_author_line()}", reference)
        object.__setattr__(self, "reference", str(reference))
        object.__setattr__(self, "base", base if reference.startswith("file:") else None)

    def reveal(self) -> str:
        """Read the value and mask it from now on; only for use in a step's body.

        Raises:
            InputError: the variable or file is missing or empty.
            WiringError: the project is being drawn: the value would become part of a key.
        """
        if _reveal_forbidden.get():
            raise WiringError(
                f"The secret {self} was revealed outside a step{find_author_line()}: it would end in a key.",
                hint="pass the Secret itself to a step, and reveal it in the step's body.",
            )
        value = self._read()
        register_secret(value)
        return value

    def _read(self) -> str:
        kind, _, place = self.reference.partition(":")
        if kind == "env":
            if value := os.environ.get(place):
                return value
            state = "is empty" if place in os.environ else "is not set"
            raise InputError(
                f"The secret {self} cannot be read: the variable {place} {state}.",
                hint=f"set it where the command is started: export {place}=...",
            )
        try:
            value = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise InputError(
                f"The secret {self} cannot be read from {self.path}: {reason}.",
                hint="write the value into that file, and let only yourself read it (chmod 600).",
            ) from None
        if not (value := value.removesuffix("\n").removesuffix("\r")):
            raise InputError(f"The secret {self} is an empty file.", hint="write the value into it.")
        return value

    @property
    def path(self) -> Path:
        """The file of a ``file:`` reference."""
        path = Path(self.reference.partition(":")[2]).expanduser()
        return self.base / path if self.base is not None else path

    @property
    def is_relative(self) -> bool:
        """True for a file with a relative path and no base yet."""
        return self.reference.startswith("file:") and self.base is None and not self.path.is_absolute()

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a Secret is frozen: {name} cannot be set")

    def __repr__(self) -> str:
        return f"Secret({self.reference!r})"

    def __str__(self) -> str:
        return self.reference

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (other.reference, other.base) == (self.reference, self.base)

    def __hash__(self) -> int:
        return hash((self.reference, self.base))

    def __reduce__(self) -> tuple[Any, ...]:
        return (Secret, (self.reference, self.base))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: Any, info: core_schema.ValidationInfo) -> Secret:
            context = info.context or {}
            if isinstance(value, Secret):
                return Secret(value.reference, context.get("root")) if value.is_relative else value
            if not _is_reference(value):
                # Not a ValueError: pydantic's message would repeat the value.
                raise _reference_error(f"The setting {_describe_setting(value, info)}", value)
            if isinstance(value, CommandLineText) and value.startswith("file:"):
                return Secret(f"file:{Path.cwd() / Secret(value).path}")
            return Secret(value, context.get("root"))

        return core_schema.with_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )


@contextlib.contextmanager
def forbid_reveal() -> Iterator[None]:
    """Forbid revealing secrets inside the ``with`` block, in which a project is drawn."""
    token = _reveal_forbidden.set(True)
    try:
        yield
    finally:
        _reveal_forbidden.reset(token)


def mask_referenced_secrets(settings: Any, root: Path) -> bool:
    """Mask the values of all secrets in settings: another process may send output that contains them.

    Returns:
        True if all values could be read, and are masked from now on.
    """
    if isinstance(settings, Mapping):
        settings = list(settings.values())
    if isinstance(settings, (list, tuple)):
        # All of them, also after one that cannot be read.
        readable = [mask_referenced_secrets(value, root) for value in settings]
        return all(readable)
    if not _is_reference(settings) or settings.startswith("file://"):  # a text may be a URI by chance
        return True
    secret = Secret(settings, root)
    with contextlib.suppress(InputError, OSError, ValueError):
        if settings.startswith("env:") or (secret.path.is_file() and secret.path.stat().st_size <= _LARGEST):
            register_secret(secret._read())
            return True
    return False


def drop_masked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Remove the settings that the journal of a run masks, so that the present values apply to them.

    Example:
        >>> drop_masked({"uri": "postgresql://me:***@db/sales", "seed": 7, "uris": ["s3://me:***@b"]})
        {'seed': 7}
    """
    left = {n: drop_masked(v) if isinstance(v, Mapping) else v for n, v in settings.items()}
    return {n: v for n, v in left.items() if not _is_masked(v)}


def _is_masked(value: Any) -> bool:
    """Return True if a value contains a mask."""
    # A list is dropped whole: without one of its members it would mean something else.
    if isinstance(value, Mapping):
        return any(map(_is_masked, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_is_masked, value))
    return isinstance(value, str) and ":***@" in value


def reject_pydantic_secrets(owner: str, name: str, hint: Any) -> None:
    """Refuse a type hint with one of pydantic's secrets: they store the value itself.

    Raises:
        SettingsError: the type hint contains one.
    """
    if isinstance(hint, type) and issubclass(hint, (SecretStr, SecretBytes)):
        raise SettingsError(
            f"{owner}.{name}{find_author_line()} is pydantic's {hint.__name__}, "
            "which would keep the value itself in the settings.",
            hint=f'use magical.Secret, a reference: {name}: Secret = Secret("env:{name.upper()}").',
        )
    for inner in get_args(hint):
        reject_pydantic_secrets(owner, name, inner)


def holds_secret(hint: Any, seen: tuple[Any, ...] = ()) -> bool:
    """Return True if a type hint, or a settings class in it, contains a secret.

    Example:
        >>> holds_secret(dict[str, Secret]), holds_secret(list[str])
        (True, False)
    """
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        hints = [] if hint in seen else [field.annotation for field in hint.model_fields.values()]
        return any(holds_secret(inner, (*seen, hint)) for inner in hints)
    return hint is Secret or any(holds_secret(inner, seen) for inner in get_args(hint))


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def _describe_setting(value: Any, info: core_schema.ValidationInfo) -> str:
    """Format the path of the setting that has a value, and its layer."""
    context = info.context or {}
    values, name = context.get("values"), str(info.field_name)
    # pydantic knows the field's name, not its path; the value itself, not an equal one, leads to the path.
    location = next((found for found in _find_value(value, values) if name in found), (name,))
    path, layer = locate_setting(location, values, context.get("setting_layers", {}))
    return path + format_layer(layer)


def _find_value(wanted: Any, values: Any) -> Iterator[tuple[str | int, ...]]:
    """Find the locations of an object in nested lists and objects."""
    if values is wanted:
        yield ()
    is_list = isinstance(values, (list, tuple))
    items = enumerate(values) if is_list else values.items() if isinstance(values, Mapping) else ()
    for key, inner in items:
        yield from ((key, *rest) for rest in _find_value(wanted, inner))


def _reference_error(subject: str, value: Any) -> SettingsError:
    # It is probably the secret itself, so it is masked from now on.
    given: Any = value.get_secret_value() if isinstance(value, (SecretStr, SecretBytes)) else value
    if isinstance(given, str):
        register_secret(given)
    return SettingsError(
        f'{subject} must be a reference to a secret, "env:NAME" or "file:PATH"; '
        "the given value is not one, and is not shown here.",
        hint="put the secret into an environment variable or a file, and refer to it.",
    )
