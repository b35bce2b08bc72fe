"""Settings: what may vary between runs. Strict, layered, and the same after JSON and back.

`base` is what authors write, `layers` resolves the class, the files and the line, the later wins.
Door: `base`, `layers`, `paths`, `secrets`.
"""

from magical.settings.base import Settings, TaggedSettings, import_string, to_json
from magical.settings.paths import CommandLineText, InputPath, OutputPath, find_paths
from magical.settings.secrets import Secret

__all__ = [
    "CommandLineText",
    "InputPath",
    "OutputPath",
    "Secret",
    "Settings",
    "TaggedSettings",
    "find_paths",
    "import_string",
    "to_json",
]
