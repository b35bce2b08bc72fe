"""Objects of a class that settings name by its import string, with the arguments that they give."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from magical.errors import WiringError, did_you_mean, safe_text
from magical.settings import ClassReference, import_string

__all__ = ["build_from_class", "name_class"]


def name_class(uses: Any) -> Any:
    """Turn a class into its import string; anything else is returned as it is.

    Raises:
        ValueError: the class is inside a function.

    Example:
        >>> from fractions import Fraction
        >>> name_class(Fraction), name_class("fractions:Fraction")
        ('fractions:Fraction', 'fractions:Fraction')
    """
    if not isinstance(uses, type):
        return uses
    if "<" in (text := import_string(uses)):
        raise ValueError(f"{text} cannot be found again by its name; write it at the top of a module")
    return text


def build_from_class(
    who: str, uses: ClassReference, params: Mapping[str, Any], methods: Sequence[str], noun: str
) -> Any:
    """Make an object of a class.

    Args:
        who: the settings, for messages.
        uses: the import string of the class.
        params: the arguments.
        methods: the methods that the class must have.
        noun: what a class with these methods is called.

    Raises:
        SettingsError: there is no such class.
        WiringError: it lacks a method, or does not take the arguments.

    Example:
        >>> uses = ClassReference("sklearn.linear_model:Ridge")
        >>> build_from_class("ridge", uses, {"alpha": 2.0}, ("fit", "predict"), "an estimator")
        Ridge(alpha=2.0)
    """
    cls = uses.load()
    lacking = [name for name in methods if not callable(getattr(cls, name, None))]
    if lacking:
        raise WiringError(
            f"{who} uses {uses}, which has no method {lacking[0]}.",
            hint=f"name {noun}: a class with {' and '.join(methods)}.",
        )
    known = inspect.signature(cls).parameters
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values())
    unknown = [n for n in params if n not in known and not takes_any]
    if unknown:
        raise WiringError(
            f"{who}: {uses} has no parameter {unknown[0]}.", hint=did_you_mean(unknown[0], [*known])
        )
    # JSON and TOML have no tuples, and scikit-learn takes no list in the place of one.
    tuples = {n for n, p in known.items() if isinstance(p.default, tuple)}
    given = {n: tuple(v) if n in tuples and isinstance(v, list) else v for n, v in params.items()}
    try:
        made = cls(**given)
        if hasattr(made, "_parameter_constraints"):  # scikit-learn checks values only in ``fit``
            made._validate_params()
    except Exception as error:
        raise WiringError(
            f"{who}: {uses} refuses its params: {safe_text(error)}", hint="mend params."
        ) from error
    return made
