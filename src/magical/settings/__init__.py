"""Settings: what may vary between runs. Strict, layered, and the same after JSON and back.

`base` is what authors write, `layers` resolves the class, the files and the line, the later wins.
Door: `base`, `layers`, `paths`, `secrets`.
"""

from magical.settings.base import Settings, Tagged, import_string, to_json
from magical.settings.paths import FromLine, InputPath, OutputPath, paths_in
from magical.settings.secrets import Secret

__all__ = [
    "FromLine",
    "InputPath",
    "OutputPath",
    "Secret",
    "Settings",
    "Tagged",
    "import_string",
    "paths_in",
    "to_json",
]
