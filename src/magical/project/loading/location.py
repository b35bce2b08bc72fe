"""The location of a project: its folder, and the module of its workflow."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from magical.errors import ProjectError, UsageError

__all__ = ["Location", "find_project"]


@dataclass(frozen=True)
class Location:
    """The location of a project and its workflow.

    Attributes:
        root: its folder.
        module: the module of its workflow.
        name: the workflow's name in the module; empty for the only one.
        temporary_home: replaces ``.magical`` for a run that leaves nothing behind.

    Example:
        >>> str(Location(Path("shop"), "workflow").home)
        'shop/.magical'
    """

    root: Path
    module: str
    name: str = ""
    temporary_home: Path | None = None

    @property
    def home(self) -> Path:
        """The folder of store, journal and database."""
        return self.temporary_home or self.root / ".magical"


def find_project(path: str | Path) -> Location:
    """Find the project in a folder, or the project that is a single file.

    Raises:
        UsageError: there is no project.
        ProjectError: its pyproject.toml cannot be read.

    Example:
        >>> find_project(__file__).module
        'location'
    """
    place = Path(path).expanduser().resolve()
    if place.is_file() and place.suffix == ".py":
        return Location(place.parent, place.stem)
    if not place.is_dir():
        message = f"There is no project {path}: no such folder or .py file."
        raise UsageError(message, hint="give --project PATH.")
    if setting := _read_workflow_setting(place / "pyproject.toml"):
        module, _, name = setting.partition(":")
        return Location(place, module, name)
    if (place / "workflow.py").is_file():
        return Location(place, "workflow")
    raise UsageError(
        f"{place} is no project: it has no workflow.py, and no [tool.magical] workflow in a pyproject.toml.",
        hint="go to the project's folder, or give --project PATH.",
    )


def _read_workflow_setting(pyproject: Path) -> str:
    try:
        data = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProjectError(f"{pyproject} cannot be read: {error}.", hint="mend it.") from None
    tool = data.get("tool", {}).get("magical", {})
    unknown = [k for k in tool if k != "workflow"]
    if unknown:
        message = f"{pyproject}: [tool.magical] knows no {unknown[0]!r}."
        raise ProjectError(message, hint='it knows workflow = "module:name".')
    return str(tool.get("workflow", ""))
