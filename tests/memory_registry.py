"""A registry that only remembers, for tests of what calls one."""

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

from magical.engine.protocols import Submission, Version
from magical.errors import RegistryDown, RegistryError


@dataclass
class MemoryRegistry:
    """Keeps folders under ``home``; ``down`` makes the named calls fail."""

    home: Path
    down: set[str] = field(default_factory=set)
    found: list[Version] = field(default_factory=list)
    submissions: dict[str, Submission] = field(default_factory=dict)
    champions: dict[str, list[str]] = field(default_factory=dict)

    def put(self, submission: Submission) -> Version:
        self._up("put")
        known = next((v for v in self.found if (v.name, v.key) == (submission.name, submission.key)), None)
        if known is None:
            number = str(1 + sum(v.name == submission.name for v in self.found))
            uri = f"memory:/{submission.name}/{number}"
            known = Version(submission.name, number, submission.key, (), {}, uri)
            self.found.insert(0, known)
            shutil.copytree(submission.folder, self.home / submission.name / number)
        self.submissions[f"{known.name}/{known.number}"] = submission
        return self._replace(known, tags=dict(submission.tags))

    def versions(self, name: str = "") -> list[Version]:
        self._up("versions")
        return [v for v in self.found if name in ("", v.name)]

    def champion(self, name: str) -> Version | None:
        self._up("champion")
        return next((v for v in self.found if v.name == name and "champion" in v.aliases), None)

    def alias(self, version: Version, alias: str = "champion") -> None:
        self._up("alias")
        if alias == "champion":
            version.require_predictions()
        champions = self.champions.setdefault(version.name, [])
        if alias == "champion" and champions[-1:] != [version.number]:
            champions.append(version.number)
        for known in [v for v in self.found if v.name == version.name]:
            rest = {a for a in known.aliases if a != alias}
            mine = {alias} if known.number == version.number else set()
            self._replace(known, aliases=tuple(sorted(rest | mine)))

    def rollback(self, name: str) -> Version:
        self._up("rollback")
        there = {v.number: v for v in self.versions(name)}
        champions = [n for n in self.champions.get(name, []) if n in there]
        if len(champions) < 2:
            raise RegistryError(f"{name} has no previous champion.", hint="promote one.")
        self.alias(there[champions[-2]])
        self.champions[name] = champions[:-1]
        return next(v for v in self.found if (v.name, v.number) == (name, champions[-2]))

    def folder(self, version: Version) -> Path:
        self._up("folder")
        return self.home / version.name / version.number

    def _replace(self, version: Version, **changes: object) -> Version:
        changed = replace(version, **changes)  # type: ignore[arg-type]
        self.found[self.found.index(version)] = changed
        return changed

    def _up(self, call: str) -> None:
        if call in self.down:
            raise RegistryDown(f"The registry does not {call}.", hint="start it.")
