"""The conformance suite of model registries, and the submissions that it uses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from magical.contracts.schema import Column, Schema
from magical.engine.protocols import SCORING_TAG, Registry, Submission
from magical.errors import RegistryError
from magical.testing.suite import Conformance

__all__ = ["RegistryConformance", "make_submission"]

INPUT_SCHEMA = Schema("Customer", (Column("id", "int", role="id"), Column("income", "float", nullable=True)))
OUTPUT_SCHEMA = Schema("Prediction", (Column("prediction", "bool", nullable=True),))

Submit = Callable[..., Submission]


def make_submission(
    folder: Path, *, name: str = "campaign", key: str = "k" * 40, note: str = "one"
) -> Submission:
    """Write a model as files, ``note.txt`` and a package of code, and describe it for a registry.

    Example:
        >>> import tempfile
        >>> make_submission(Path(tempfile.mkdtemp())).name
        'campaign'
    """
    home = folder / f"{name}-{key[:6]}-{note}"
    package = home / "code" / f"magical_{key[:12]}"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text("")
    (home / "note.txt").write_text(note)
    return Submission(
        name=name,
        key=key,
        folder=home,
        loader="magical.library.scorer.scorer",
        code=[package],
        inputs=INPUT_SCHEMA,
        outputs=OUTPUT_SCHEMA,
        example=pl.DataFrame({"id": [1, 2], "income": [1.5, None]}),
        requirements=["polars"],
        tags={"magical.run": "r1"},
        description="# A card",
    )


class RegistryConformance(Conformance):
    """Checks that a registry does what `magical.engine.protocols.Registry` promises; define ``registry``.

    Example:
        >>> class TestOurRegistry(RegistryConformance):
        ...     @pytest.fixture
        ...     def registry(self, tmp_path):
        ...         return OurRegistry(tmp_path)
    """

    @pytest.fixture
    def registry(self) -> Registry:
        """Create an empty registry."""
        raise NotImplementedError(
            f"{type(self).__name__} must define a fixture named registry, which gives an empty registry"
        )

    @pytest.fixture
    def submit(self, tmp_path: Path) -> Submit:
        """Return a function that makes submissions."""
        return partial(make_submission, tmp_path)

    def test_an_empty_registry_holds_nothing(self, registry: Registry) -> None:
        """Registry.versions: an empty registry lists none, and has no champion."""
        assert registry.versions() == registry.versions("campaign") == []
        assert registry.champion("campaign") is None

    def test_a_version_says_what_it_is(self, registry: Registry, submit: Submit) -> None:
        """Registry.put: returns the version with its name, number, key, tags and address."""
        version = registry.put(submit())
        assert (version.name, version.number, version.key) == ("campaign", "1", "k" * 40)
        assert (version.aliases, version.tags["magical.run"]) == ((), "r1")
        assert version.uri
        assert registry.versions("campaign") == [version]

    def test_one_key_has_one_version(self, registry: Registry, submit: Submit) -> None:
        """Registry.put: returns the version that already carries the key."""
        # A run that is killed after it registered comes again with the same key.
        first = registry.put(submit())
        assert registry.put(submit()) == first
        assert len(registry.versions()) == 1

    def test_what_is_not_real_is_refused(self, registry: Registry, submit: Submit) -> None:
        """Registry.put: a model with pretended or sampled ancestors is refused."""
        with pytest.raises(RegistryError, match="not real: clean"):
            registry.put(replace(submit(), origin=("clean",)))
        assert registry.versions() == []

    def test_putting_again_renews_the_words(self, registry: Registry, submit: Submit) -> None:
        """Registry.put: putting again updates the tags and the description."""
        registry.put(submit())
        again = registry.put(replace(submit(), tags={"magical.run": "r2"}, description="# Another"))
        assert again.tags["magical.run"] == "r2"
        assert registry.versions("campaign") == [again]

    def test_versions_come_newest_first_with_their_aliases(self, registry: Registry, submit: Submit) -> None:
        """Registry.versions: of a model or of all, newest first, with their aliases."""
        first, second = registry.put(submit(key="a" * 40)), registry.put(submit(key="b" * 40))
        other = registry.put(submit(name="other", key="a" * 40))
        registry.alias(first)
        assert [(v.number, v.aliases) for v in registry.versions("campaign")] == [
            ("2", ()),
            ("1", ("champion",)),
        ]
        everything = {(v.name, v.number) for v in registry.versions()}
        assert everything == {("campaign", "1"), ("campaign", "2"), ("other", "1")}
        assert (second.number, other.number) == ("2", "1")

    def test_the_alias_moves(self, registry: Registry, submit: Submit) -> None:
        """Registry.alias: points at one version; another alias does not move it."""
        first, second = registry.put(submit(key="a" * 40)), registry.put(submit(key="b" * 40))
        for version in (first, second, first):
            registry.alias(version)
            champion = registry.champion("campaign")
            assert champion is not None
            assert (champion.number, champion.key) == (version.number, version.key)
            assert champion.aliases == ("champion",)
        registry.alias(second, "trial")
        assert {v.aliases for v in registry.versions("campaign")} == {("champion",), ("trial",)}

    def test_rollback_restores_the_previous_champion(self, registry: Registry, submit: Submit) -> None:
        """Registry.rollback: points the alias at the previous champion, and refuses if there is none."""
        one, two, three = (registry.put(submit(key=key * 40)) for key in "abc")
        registry.put(submit(name="other"))
        with pytest.raises(RegistryError, match="has no previous champion"):
            registry.rollback("campaign")
        for version in (one, two, two, three, one):  # twice the same in a row is one move
            registry.alias(version)
        registry.alias(two, "trial")  # no champion: it must not appear in the history
        for wanted in ("3", "2", "1"):
            back = registry.rollback("campaign")
            assert (back.number, "champion" in back.aliases) == (wanted, True)
            champion = registry.champion("campaign")
            assert champion is not None
            assert champion.number == wanted
        with pytest.raises(RegistryError, match="has no previous champion"):
            registry.rollback("campaign")
        registry.alias(three)
        assert registry.rollback("campaign").number == "1"

    def test_a_version_that_cannot_predict_is_no_champion(self, registry: Registry, submit: Submit) -> None:
        """Registry.alias: what cannot predict gets no alias ``champion``, by ``rollback`` neither."""
        refused = {SCORING_TAG: "refused: it needs two tables"}
        one = registry.put(submit(key="a" * 40))
        two = registry.put(replace(submit(key="b" * 40), tags=refused))
        registry.alias(one)
        for version in (two, next(v for v in registry.versions() if v.number == two.number)):
            with pytest.raises(RegistryError, match="version 2 cannot be the champion: it needs two tables"):
                registry.alias(version)
        registry.alias(two, "trial")
        three = registry.put(submit(key="c" * 40))
        registry.alias(three)
        registry.put(replace(submit(key="a" * 40), tags=refused))  # it was found out later
        with pytest.raises(RegistryError, match="version 1 cannot be the champion"):
            registry.rollback("campaign")
        champion = registry.champion("campaign")
        assert champion is not None
        assert champion.number == "3"

    def test_the_folder_comes_back(self, registry: Registry, submit: Submit) -> None:
        """Registry.folder: returns a local folder with the files that were submitted."""
        versions = [registry.put(submit(key=k * 40, note=k)) for k in "ab"]
        for version, note in zip(versions, "ab", strict=True):
            folder = registry.folder(version)
            assert (folder / "note.txt").read_text() == note
            assert (folder / "code" / f"magical_{note * 12}" / "__init__.py").is_file()
            assert registry.folder(version) == folder  # downloaded once

    def test_names_with_quotes_do_no_harm(self, registry: Registry, submit: Submit) -> None:
        """Registry.put: a name may contain a quote."""
        # MLflow searches by a filter string, in which an unescaped quote ends the name.
        version = registry.put(submit(name="it's ours"))
        assert [v.number for v in registry.versions("it's ours")] == [version.number]
        assert registry.put(submit(name="it's ours")).number == version.number

    def test_threads_may_ask_at_once(self, registry: Registry, submit: Submit) -> None:
        """Registry.versions: several threads may ask at once."""
        registry.put(submit())
        found: list[int] = []
        threads = [threading.Thread(target=lambda: found.append(len(registry.versions()))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)  # a registry that deadlocks fails here
        assert found == [1] * 4
