"""Settings of a project: strict, layered, and equal after a round trip through JSON.

`base` has the classes that authors derive from; `layers` merges class, files and command line.
Door: `base`, `layer_names`, `layers`, `paths`, `secrets`.
"""

from magical.settings.base import PositionalFields, Settings, TaggedSettings, import_string, to_json
from magical.settings.function_references import ClassReference, FunctionReference
from magical.settings.paths import CommandLineText, InputPath, OutputPath, find_paths
from magical.settings.secrets import Secret

__all__ = [
    "ClassReference",
    "CommandLineText",
    "FunctionReference",
    "InputPath",
    "OutputPath",
    "PositionalFields",
    "Secret",
    "Settings",
    "TaggedSettings",
    "find_paths",
    "import_string",
    "to_json",
]
