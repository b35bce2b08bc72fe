"""A model from one file, without a project to write: the work of `magical fit`."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magical.engine.protocols import Listener
from magical.engine.run import RunResult
from magical.errors import MagicalError, UsageError, shorten
from magical.project.loading.location import find_project
from magical.project.project_context import OpenOptions, open_context
from magical.project.result import Run
from magical.project.run_setup import run_drawing
from magical.project.scaffold.create import CreatedProject, is_project_name, refer_to, render_project
from magical.project.scaffold.fit_folder import FitFolder
from magical.project.scaffold.project_options import NO_OPTIONS, ProjectOptions

if TYPE_CHECKING:
    from magical.library import Reading, Scores

__all__ = ["FittedFile", "PreparedFit", "prepare_fit"]

# In .magical, as all that runs leave; a project of its own, so that every verb works on it.
FOLDER = Path(".magical/fit")
_OWN_FILES = re.compile(r"(?<![\w/.])(?:contracts|workflow)\.py")
_VERBS = re.compile(r"\bmagical (run|check|inspect|models|replay|runs|show|sync|why)\b(?! --project)")


@dataclass(frozen=True)
class PreparedFit:
    """A project that was written for one file, ready to run.

    Attributes:
        created: the project, with what was inferred from the file.
        source: the file, as it was given.
        words: the further words of the command, such as ``--time placed``, quoted for a shell.
    """

    created: CreatedProject
    source: str
    words: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The project's folder, from the working folder."""
        return os.path.relpath(self.created.root)

    def run(self, listeners: tuple[Listener, ...] = ()) -> FittedFile:
        """Run the steps that are not fresh, and return the model's score and name.

        Raises:
            MagicalError: the first step that failed; the results of the others are kept.
        """
        context = open_context(OpenOptions(find_project(self.created.root)))
        try:
            drawing = context.draw()
            result = run_drawing(context, drawing, listeners)
            for error in result.errors.values():
                raise error
        except MagicalError as error:
            raise self._reword(error) from error
        return FittedFile(self, Run(context, drawing, result), result)

    def _reword(self, error: MagicalError) -> MagicalError:
        """Name the project's folder in a message, since its reader has not seen the files."""

        def reword(text: str) -> str:
            text = _OWN_FILES.sub(lambda found: f"{self.place}/{found[0]}", text)
            return _VERBS.sub(rf"magical \1 --project {shlex.quote(self.place)}", text)

        reworded = error.with_message(*map(reword, error.lines))
        reworded.hint = reword(error.hint)
        return reworded


@dataclass(frozen=True)
class FittedFile:
    """A model of one file: its scores, its version, and the commands to go on with.

    Attributes:
        fit: the project.
        run: its results.
        result: the outcome of its steps.
    """

    fit: PreparedFit
    run: Run
    result: RunResult

    @cached_property
    def scores(self) -> Scores:
        """The scores on the test part."""
        scores: Scores = self.run.result
        return scores

    @cached_property
    def version(self) -> dict[str, str]:
        """The name, number and alias of the registered version; empty if the registry did not answer."""
        return {name: str(self._receipt[name]) for name in ("name", "version", "alias") if self._receipt}

    @cached_property
    def _receipt(self) -> Mapping[str, Any]:
        return {} if "register" in self.result.pending else self.run["register"].details

    @cached_property
    def baseline(self) -> Scores:
        """The scores on the test part of one guess for every row: the mean of train, or its class shares."""
        import polars as pl

        from magical.library import evaluate

        train, test, target = self.run["train"], self.run["test"], self.scores.target
        known = train.get_column(target).drop_nulls()
        if self.scores.task == "regression":
            guess = {"prediction": known.mean()}
        else:
            shares = known.value_counts(sort=True, normalize=True, name="share")
            guess = {"prediction": shares[target][0]}
            guess |= {f"probability_{name}": share for name, share in shares.iter_rows()}
        guesses = pl.DataFrame({name: [value] * test.height for name, value in guess.items()})
        return evaluate(guesses, test, metrics=self.scores.project_metrics)

    @property
    def beats_baseline(self) -> bool:
        """True if the whole interval of the model's score is better than the baseline."""
        score, guess = self.scores.metrics[name := self.scores.primary], self.baseline[name]
        return score.high < guess if self.scores.is_lower_better(name) else score.low > guess

    @property
    def score_command(self) -> str:
        """The command that predicts new rows by the champion; by this version, if there is none."""
        v = self.version
        has_champion = v["alias"] or self._receipt["comparison"]  # which is with the champion that it lost to
        model = f"{v['name']}@champion" if has_champion else f"{v['name']}/{v['version']}"
        suffix = Path(self.fit.source).suffix
        suffix = suffix if suffix in (".csv", ".parquet") else ".csv"
        return (
            f"magical score {self._project} --model {model} --input NEW{suffix} --output predictions{suffix}"
        )

    @property
    def new_command(self) -> str:
        """The command that writes the same as a project to edit."""
        fit = self.fit
        words = ["--data", shlex.quote(fit.source), "--target", shlex.quote(fit.created.target), *fit.words]
        name = fit.created.root.name
        name = f"{name}_project" if Path(name).exists() else name
        return f"magical new {name} {' '.join(words)}"

    def to_json(self) -> dict[str, Any]:
        """Convert to JSON."""
        created = self.fit.created.to_json()
        return {
            **{name: created[name] for name in ("project", "rows", "inferred", "remarks", "warnings")},
            "source": self.fit.source,
            "target": self.fit.created.target,
            "executed": list(self.result.executed),
            "seconds": self.result.seconds,
            "model": self.result.records["refit"].result.summary,
            "scores": self.scores.model_dump(mode="json"),
            "baseline": self.baseline.model_dump(mode="json"),
            "beats_baseline": self.beats_baseline,
            "version": self.version,
            "score": self.score_command if self.version else "",
            "new": self.new_command,
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        if not self.result.executed:
            yield "Nothing had to run: this file was fitted with these options before."
        yield f"{self.fit.created.root.name}: {self.scores}"
        if (name := self.scores.primary) in self.baseline.metrics:
            doubt = "" if self.beats_baseline else "; the model is not shown to be better"
            yield f"  baseline: {name} {self.baseline.metrics[name]}, by one guess for every row{doubt}"
        yield f"  model: {self.result.records['refit'].result.summary}"
        if self.version:
            yield f"  registered: {self.run['register'].text}"
            yield "Score new rows:"
            yield f"  {self.score_command}"
        else:
            yield f"  not registered: {self.result.pending['register']}"
            yield f"  Hint: magical sync {self._project} does it, once the registry answers."
        yield "Look at it:"
        yield f"  magical inspect evaluate {self._project}"
        yield "Make it a project to edit:"
        yield f"  {self.new_command}"

    @property
    def _project(self) -> str:
        return f"--project {shlex.quote(self.fit.place)}"


def prepare_fit(
    source: str,
    target: str,
    name: str = "",
    reading: Reading | None = None,
    options: ProjectOptions = NO_OPTIONS,
) -> PreparedFit:
    """Write the project of a file into ``.magical/fit`` below the working folder, unless it is there.

    Args:
        source: the file, which stays where it is.
        target: the column to be predicted.
        name: the name of the fit and of its model; empty for the file's.
        reading: what the author says of the file.
        options: what else the author says of it and of the model.

    Raises:
        UsageError: the file, the target, the name or an option do not fit, or the folder has something else.
        InputError: the file cannot be read.
        BrokenPromise: the target cannot be predicted.
        StoreError: the project cannot be written.
    """
    name = name or _name_of(source)
    if not is_project_name(name):
        raise UsageError(
            f"{shorten(name, 40)!r} is no name: a letter, then letters, digits, - and _.",
            hint="add --name NAME.",
        )
    root = Path.cwd() / FOLDER / name
    options = replace(options, copies_data=False)
    created, texts = render_project(root, [source], target, reading, options)
    schema = created.inferred
    assert schema is not None
    task = "classes" if schema.column(str(schema.target)).is_class else "a number"
    place = refer_to(Path(source).expanduser(), root)
    folder, question = FitFolder(root), {"source": place, "target": created.target, "as": task}
    folder.check(question)
    folder.write(texts, question)
    words = options.to_words()
    if reading:
        from magical.project.looking import format_reading

        words += format_reading(reading)
    return PreparedFit(created, source, tuple(words))


def _name_of(source: str) -> str:
    """Return the name of a fit of a file: its stem, as a name of Python."""
    stem = re.sub(r"\W+", "_", Path(source).name.partition(".")[0].lower(), flags=re.ASCII).strip("_")
    return stem if is_project_name(stem) or not stem else f"fit_{stem}"
