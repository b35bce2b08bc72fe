"""The code closure of a step: all code and values of the project that it refers to, as they are after import.

Names are followed in the source, and what they lead to is read from the living objects: a method that another
module replaced, a registry that another module filled, a table that an import read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from magical.keys.code_references import ReferenceFollower, References
from magical.keys.definitions import Definition, file_name
from magical.keys.import_asks import Ask, AskFinder
from magical.keys.import_effects import EffectFinder
from magical.keys.import_resolution import list_project_modules
from magical.keys.live_values import allow_deep_recursion, module_name
from magical.keys.source_index import SourceIndex

__all__ = ["CodeClosure", "CodePiece", "CodeReader"]


@dataclass(frozen=True, slots=True)
class CodePiece:
    """One definition: the digest of its normalised syntax and its state, and its ``file:line``."""

    digest: str
    where: str


@dataclass
class CodeClosure:
    """All code that a function refers to, directly or not.

    Attributes:
        pieces: project definitions by their dotted names.
        packages: versions of third-party distributions, by name.
        calls_wish: True if any of the code calls ``magical.wish``.
    """

    pieces: dict[str, CodePiece] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    calls_wish: bool = False


class CodeReader:
    """Reads code for keys, each module and each definition once.

    Args:
        root: the project's folder; keys are the same in each clone of it.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._index = SourceIndex()
        self._root = root
        self._modules: tuple[int, tuple[ModuleType, ...]] = 0, ()
        self._effects: dict[tuple[ReferenceFollower, tuple[ModuleType, ...]], list[Definition]] = {}
        self._followers = [ReferenceFollower(self._index, root, documented) for documented in (False, True)]

    def read(self, *roots: Any) -> CodeClosure:
        """Read all code that some functions or classes refer to, themselves included."""
        return self._read(roots, ())

    def read_step(self, *roots: Any) -> CodeClosure:
        """Read the same, and what the import of the project's modules may change outside of them."""
        with allow_deep_recursion():
            code = self._read(roots, modules := self.list_modules())
            # A module that only a body imports is imported by now, and may change something as well.
            return code if (now := self.list_modules()) == modules else self._read(roots, now)

    def list_modules(self) -> tuple[ModuleType, ...]:
        """List the imported modules of the project, with the project code outside of it that they import."""
        # Reading code imports modules, and drops none: their number tells if there are new ones.
        count = len(sys.modules)
        if self._modules[0] != count:
            self._modules = count, list_project_modules(self._root, self._index)
        return self._modules[1]

    def find_asks(self, called: Iterable[Any]) -> dict[str, str]:
        """Find what the project's modules ask the world at import, and what some functions do when called.

        Returns:
            For each such module, and each such function by ``module:name``, the place and the text of the
            first expression that asks.
        """
        with allow_deep_recursion():
            found = self._find_asks(called)
        places = {name: (file_name(m), *asks[0]) for name, m, asks in found if asks}
        return {name: f"{file}:{line}: {text}" for name, (file, line, text) in sorted(places.items())}

    def _find_asks(self, called: Iterable[Any]) -> list[tuple[str, ModuleType, list[Ask]]]:
        modules = self.list_modules()
        finder = AskFinder(self._index, modules)
        found = [(m.__name__, m, finder.find(m)) for m in modules]
        for thing in called:
            module = sys.modules.get(module_name(thing))
            if module in modules:
                name = f"{module.__name__}:{thing.__qualname__}"
                found.append((name, module, finder.find_in_call(thing)))
        return found

    def _read(self, roots: tuple[Any, ...], modules: tuple[ModuleType, ...]) -> CodeClosure:
        for follower in self._followers:
            start = follower.follow_all(roots)
            found, effects = follower.close(start), self._find_effects(follower, modules)
            if follower.documented or not any(d.reads_docs for d in (*found, *effects)):
                break
        references = [start, *map(follower.refer, found)]
        code = CodeClosure(calls_wish=any(r.calls_wish for r in references))
        for reference in [*references, *map(follower.refer, effects)]:
            code.packages |= reference.packages
        code.pieces = _label(dict.fromkeys([*found, *effects]), follower)
        return code

    def _find_effects(self, follower: ReferenceFollower, modules: tuple[ModuleType, ...]) -> list[Definition]:
        if (follower, modules) not in self._effects:
            start = References()
            finder = EffectFinder(self._index)
            names = {module.__name__ for module in modules if finder.find(module)}
            effects = {m: finder.find(m, names) for m in modules if m.__name__ in names}
            start.definitions += [follower.definitions.read_effects(m, found) for m, found in effects.items()]
            if len(effects) > 1:  # the last one may undo what the first one did
                start.definitions.append(follower.definitions.read_order(effects))
            self._effects[follower, modules] = follower.close(start)
        return self._effects[follower, modules]


def _label(definitions: Iterable[Definition], follower: ReferenceFollower) -> dict[str, CodePiece]:
    """Return the pieces of definitions by name; lambdas, and closures of one function, share a name."""
    named: dict[str, set[CodePiece]] = {}
    for definition in definitions:
        piece = CodePiece(follower.digest(definition), definition.where)
        named.setdefault(definition.name, set()).add(piece)
    pieces: dict[str, CodePiece] = {}
    for name, same in named.items():
        for number, piece in enumerate(sorted(same, key=lambda p: (p.digest, p.where)), 1):
            pieces[name if number == 1 else f"{name}#{number}"] = piece
    return pieces
