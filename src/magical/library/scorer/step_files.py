"""Files of a scorer's steps: JSON with import strings, and a pickle of the values that JSON lacks."""

from __future__ import annotations

import contextlib
import shutil
import sys
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cloudpickle
from pydantic import TypeAdapter

from magical.errors import StoreError, shorten
from magical.input_files.local_files import is_file_group, list_local_files
from magical.keys.packages import is_project
from magical.library.scorer.code_bundle import CodeBundle
from magical.library.scorer.model_files import (
    promise_from_json,
    promise_to_json,
    wire_from_json,
    wire_to_json,
)
from magical.library.scorer.scoring_steps import ScoringStep
from magical.masking import mask_uris
from magical.refs import Link
from magical.settings import InputPath, OutputPath, TaggedSettings, import_string, to_json

__all__ = ["StepFiles", "list_kinds"]

_VALUES, _FILES = "values.pkl", "files"
_BODY = "()"


class StepFiles:
    """Converts the steps of one scorer to JSON and back.

    Args:
        folder: the folder of the scorer.
        package: the bundle of the project's modules, which must be importable while steps are read.
    """

    def __init__(self, folder: Path, package: CodeBundle) -> None:
        self.folder, self.package = folder, package
        self._values: dict[tuple[str, str], Any] = {}
        self._copy_count = 0

    def step_to_json(self, step: ScoringStep) -> dict[str, Any]:
        """Convert a step to JSON; copy the files that it reads, and collect other values to be pickled."""
        by_name = self._is_importable(step)
        if not by_name:
            self._values[step.name, _BODY] = step.function
        hints = _type_hints(step.function) if by_name else {}
        arguments = {}
        for name, value in step.arguments.items():
            if name in step.inputs and value is None:
                continue
            _refuse_passwords(step, name, value)
            try:
                arguments[name] = self._argument_to_json(value, hints[name])
            except Exception:  # a type hint may be missing, or any validator may fail: a pickle needs neither
                self._values[step.name, name] = value
        return {
            "name": step.name,
            "step": step.step,
            "arguments": arguments,
            "kinds": sorted(list_kinds(step.arguments)),
            "inputs": {n: wire_to_json(w) for n, w in step.inputs.items()},
            "gives": promise_to_json(step.promise),
            "forms": dict(step.table_kinds),
        }

    def step_from_json(self, data: Mapping[str, Any]) -> ScoringStep:
        """Convert JSON to a step; call ``read_values`` first."""
        name = data["name"]
        function = self._values.get((name, _BODY))
        if function is None:
            step = self.package.resolve(data["step"])
            function = getattr(step, "function", step)
        for kind in data.get("kinds", ()):  # a kind is known once its module is imported
            self.package.resolve(kind)
        hints = _type_hints(function) if data["arguments"] else {}
        context = {"root": self.folder}  # relative paths of copied files start here
        plain = data["arguments"].items()
        arguments = {n: TypeAdapter(hints[n]).validate_python(v, context=context) for n, v in plain}
        arguments |= {n: v for (owner, n), v in self._values.items() if owner == name and n != _BODY}
        inputs = {n: wire_from_json(w) for n, w in data["inputs"].items()}
        promise = promise_from_json(data["gives"])
        return ScoringStep(name, data["step"], function, arguments, inputs, promise, data["forms"])

    def write_values(self, frozen: Mapping[Link, Any]) -> None:
        """Pickle the collected values, and the values of the training run.

        Raises:
            StoreError: one of them cannot be pickled.
        """
        if not self._values and not frozen:
            return
        # One pickle for all, so that values that share an object still share it afterwards.
        try:
            data = cloudpickle.dumps((self._values, dict(frozen)))
        except Exception as error:
            raise StoreError(
                f"An argument of {', '.join(sorted({m for m, _ in self._values}))} cannot be stored: "
                f"{shorten(error, 120)}.",
                hint="give steps settings, numbers and texts.",
            ) from error
        (self.folder / _VALUES).write_bytes(data)

    def read_values(self) -> dict[Link, Any]:
        """Load the pickled values, and return those of the training run."""
        file = self.folder / _VALUES
        if not file.is_file():
            return {}
        self._values, frozen = self.package.unpickle(file.read_bytes())
        return dict(frozen)

    def _is_importable(self, step: ScoringStep) -> bool:
        """Return True if the step's import string resolves to its body wherever the model is loaded."""
        name, _, path = step.step.partition(":")
        module: Any = sys.modules.get(name)
        portable = self.package.has_module(name) or name.partition(".")[0] == "magical"
        if module is None or (is_project(module) and not portable):
            return False
        value = module
        for part in path.split("."):
            value = getattr(value, part, None)
        # A step made by a factory may share its name with another: compare the body itself.
        return getattr(value, "function", value) is step.function

    def _argument_to_json(self, value: Any, hint: Any) -> Any:
        """Convert an argument to JSON that its type hint converts back.

        Raises:
            ValueError: the round trip changes the value.
        """
        copied = self._copy_count
        data = to_json(value, self._copy_input_file)
        context = {"root": self.folder}
        loaded = TypeAdapter(hint).validate_python(data, context=context)
        # A copied file has another path, so a value with one is not compared. Types are: True equals 1.
        if copied == self._copy_count and (loaded != value or type(loaded) is not type(value)):
            raise ValueError(f"{data!r} is not {value!r}")
        return data

    def _copy_input_file(self, value: Any) -> Any:
        """Copy an input file into the scorer's folder and return its relative path; else NotImplemented.

        Of a folder or a pattern all files are copied.
        """
        if not isinstance(value, InputPath) or isinstance(value, OutputPath) or value.is_url:
            return NotImplemented
        path = Path(value)
        if not (path.is_file() or is_file_group(path)):
            return NotImplemented
        self._copy_count += 1
        if is_file_group(path):
            return self._copy_group(path)
        target = self.folder / _FILES / f"{self._copy_count}-{path.name}"
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, target)
        return target.relative_to(self.folder).as_posix()

    def _copy_group(self, path: Path) -> str:
        files = list_local_files(path)
        name, first = next(iter(files.items()))
        top = Path(str(first).removesuffix(name))
        target = self.folder / _FILES / f"{self._copy_count}-{top.name}"
        for inner, file in files.items():
            (target / inner).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target / inner)
        return (target / path.relative_to(top)).relative_to(self.folder).as_posix()


def list_kinds(arguments: Mapping[str, Any]) -> set[str]:
    """List the import strings of the kinds of settings in arguments that are not ours.

    Example:
        >>> from magical.features import Log
        >>> list_kinds({"features": (Log("income"),)})
        set()
    """
    found: set[str] = set()

    def note_kind(value: Any) -> Any:
        if isinstance(value, TaggedSettings) and type(value).__module__.partition(".")[0] != "magical":
            found.add(import_string(type(value)))
        return NotImplemented

    for value in arguments.values():
        with contextlib.suppress(Exception):  # what is no JSON is pickled, with its classes
            to_json(value, note_kind)
    return found


def _refuse_passwords(step: ScoringStep, name: str, value: Any) -> None:
    text = repr(value)
    if mask_uris(text) != text:
        raise StoreError(
            f"{step.name} gets {name} with a password in a URI; scoring repeats this step, "
            "so the registered model would hold the password.",
            hint="pass the password as a Secret of its own, and put it into the URI in the step.",
        )


def _type_hints(function: Callable[..., Any]) -> dict[str, Any]:
    return typing.get_type_hints(function, include_extras=True)
